// Everything that decides what a fan-out run does; it stands in the report, so secrets are kept
// elsewhere (FanoutAccess).

package struct FanoutConfiguration: Codable, Sendable {
    package enum Target: String, Codable, Sendable, CaseIterable {
        /// A hub: durable messages, acknowledged, with positions.
        case hub
        /// Any server that relays what arrives on one URL to all connections of another.
        case raw
        /// A broker of MQTT 3.1.1 over WebSocket, QoS 0.
        case mqtt
        /// A NATS server over WebSocket.
        case nats
    }

    package enum Load: Codable, Sendable, Equatable {
        /// Messages per second over all publishers, on a constant schedule, whatever comes back.
        case rate(Double)
        /// As fast as possible with so many messages of each publisher under way; a message is
        /// under way until every subscriber has it.
        case inFlight(Int)
    }

    package var target = Target.hub
    package var url: String
    /// A hub: broadcasts that are not stored, instead of durable messages.
    package var isEphemeral = false
    /// More than one only without subscribers; publishers are spread over them.
    package var channels = 1
    /// Raw peers: where publishers connect; `nil`: where subscribers do.
    package var publishURL: String?
    package var encoding = Encoding.json
    /// Whether connections offer permessage-deflate.
    package var deflates = false
    package var subscribers = 200
    package var publishers = 1
    package var load = Load.rate(20)
    package var payloadBytes = 128
    package var warmupSeconds = 2.0
    package var durationSeconds = 10.0
    /// How long to wait for what is under way at the end.
    package var drainSeconds = 10.0
    package var channel = "bench"
    /// 127.0.0.1 and up, so many source addresses; 0: the kernel chooses.
    package var sources = 0
    /// Connections that may be opening at the same time.
    package var connecting = 64
    package var verifiesPeer = true
    package var authorities: String?
    package var serverProcess: Int32?
    package var thresholds: [String] = []

    package init(url: String) { self.url = url }

    enum CodingKeys: String, CodingKey {
        case target, url, encoding, deflates, subscribers, publishers, load, channel, connecting, thresholds
        case channels, sources
        case isEphemeral = "ephemeral"
        case publishURL = "publish_url"
        case payloadBytes = "payload_bytes"
        case warmupSeconds = "warmup_s"
        case durationSeconds = "duration_s"
        case drainSeconds = "drain_s"
        case verifiesPeer = "verifies_peer"
        case authorities = "ca_file"
        case serverProcess = "server_pid"
    }

    /// What is loaded, for people.
    package var targetText: String {
        switch target {
        case .hub: "\(encoding.rawValue)\(isEphemeral ? ", ephemeral" : "")"
        case .raw, .mqtt, .nats: target.rawValue
        }
    }

    /// Mistakes that can be seen before anything is opened.
    package func validate() throws {
        func require(_ holds: Bool, _ complaint: String) throws {
            if !holds { throw BenchError(complaint) }
        }
        try require((0...60_000).contains(subscribers), "--subscribers is 0 to 60000")
        try require((1...1_000).contains(channels), "--channels is 1 to 1000")
        try require(channels == 1 || subscribers == 0, "several channels have no subscribers")
        try require(subscribers > 0 || target == .hub && !isEphemeral,
                    "without subscribers, only durable posts can be checked")
        try require(target == .hub || !isEphemeral, "--ephemeral is for hubs")
        try require((0...250).contains(sources), "--sources is 0 to 250")
        try require((1...10_000).contains(publishers), "--publishers is 1 to 10000")
        try require((Payload.bytesMin...1 << 20).contains(payloadBytes),
                    "--size is \(Payload.bytesMin) to 1048576 bytes: run, publisher, counter, time "
                        + "and checksum take \(Payload.bytesMin)")
        try require((1...86_400).contains(durationSeconds), "--duration is 1 to 86400 seconds")
        try require((0...3_600).contains(warmupSeconds), "--warmup is 0 to 3600 seconds")
        try require((0...600).contains(drainSeconds), "--drain is 0 to 600 seconds")
        try require((1...4_096).contains(connecting), "--connecting is 1 to 4096")
        try require((1...80).contains(channel.count), "--channel is 1 to 80 characters")
        switch load {
        case .rate(let rate):
            try require(rate > 0 && rate <= 1_000_000, "--rate is above 0 and at most 1000000")
            let total = rate * (warmupSeconds + durationSeconds)
            try require(total <= 20_000_000, "that are \(Int(total)) messages: at most 20000000 in "
                + "one run; lower --rate or --duration")
            try require(total >= 1,
                        "not one message falls into the run: raise --rate or --duration")
        case .inFlight(let count):
            try require((1...4_096).contains(count), "--in-flight is 1 to 4096")
        }
        let endpoint = try Endpoint(url)
        if let publishURL { _ = try Endpoint(publishURL) }
        if serverProcess != nil, !endpoint.isLoopback {
            throw BenchError("--server-pid measures a process of this machine, "
                + "but \(endpoint.host) is another one")
        }
    }
}

/// How a run signs in; never written anywhere.
package struct FanoutAccess: Sendable {
    package var credentials: Credentials?
    package init(_ credentials: Credentials?) { self.credentials = credentials }
}
