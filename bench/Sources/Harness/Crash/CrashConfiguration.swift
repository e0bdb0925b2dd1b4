// Everything that decides what a crash run does; it stands in the report.

package struct CrashConfiguration: Encodable, Sendable {
    package var hub: String
    /// Passed to the hub as they are.
    package var hubArguments: [String] = []
    /// Passed as `--store`; `nil`: the hub's default. Kept out of the report: it may hold a
    /// password.
    package var store: String?
    package var dataDirectory: String
    package var rounds = 20
    package var publishers = 8
    package var subscribers = 20
    package var channels = 4
    /// Posts per second over all publishers.
    package var rate = 800.0
    /// Unanswered posts of one publisher.
    package var window = 16
    package var payloadBytes = 128
    package var encoding = Encoding.json
    package var seed: UInt64 = 1

    package init(hub: String, dataDirectory: String) {
        self.hub = hub
        self.dataDirectory = dataDirectory
    }

    enum CodingKeys: String, CodingKey {
        case hub, rounds, publishers, subscribers, channels, rate, window, encoding, seed
        case payloadBytes = "payload_bytes"
    }

    package func validate() throws {
        func require(_ holds: Bool, _ complaint: String) throws {
            if !holds { throw BenchError(complaint) }
        }
        try require((1...10_000).contains(rounds), "--rounds is 1 to 10000")
        try require((1...1_000).contains(publishers), "--publishers is 1 to 1000")
        try require((1...10_000).contains(subscribers), "--subscribers is 1 to 10000")
        try require((1...500).contains(channels), "--channels is 1 to 500")
        try require(rate > 0 && rate <= 100_000, "--rate is above 0 and at most 100000")
        try require((1...100).contains(window), "--window is 1 to 100")
        try require((Payload.bytesMin...16_384).contains(payloadBytes),
                    "--size is \(Payload.bytesMin) to 16384 bytes")
    }
}

/// SplitMix64: the same seed gives the same run of kills and waits.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
