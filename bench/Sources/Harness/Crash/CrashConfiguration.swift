// Everything that decides what a crash run does; it stands in the report.

internal import Glibc

/// What happens in each round.
package enum CrashFault: String, Codable, CaseIterable, Sendable {
    /// SIGKILL of the hub, which is started again.
    case hub
    /// SIGKILL of all of PostgreSQL, or SIGSTOP for a while, under a hub that runs on.
    case postgres
    /// The disk under the database gets full, and later has room again.
    case fullDisk = "full-disk"
    /// The machine loses its power and starts again.
    case power

    /// Why this machine cannot do it; `nil` when it can. Tries what cannot be known otherwise.
    package func obstacle(_ store: CrashStore) -> String? {
        if store == .postgresql, PostgresServer.find() == nil { return "needs PostgreSQL" }
        let fileSystems: [String]
        switch self {
        case .hub, .postgres: return nil
        case .fullDisk: fileSystems = ["ext4"]
        case .power: fileSystems = ["ext4", "btrfs"]
        }
        if geteuid() != 0 { return "needs root, to mount file systems" }
        if (try? MountTable.makePrivate()) == nil || access("/dev/loop-control", R_OK | W_OK) != 0 {
            return "needs loop devices, and leave to mount them"
        }
        let programs = ["mount", "umount"] + fileSystems.map { "mkfs.\($0)" }
        for program in programs where Program.path(program) == nil {
            return "needs the program \(program)"
        }
        for name in fileSystems where !MountTable.kernelKnows(name) {
            return "needs \(name) in the kernel"
        }
        return nil
    }
}

package enum CrashStore: Equatable, Sendable {
    /// The hub's default.
    case sqlite
    /// A server of the run's own.
    case postgresql
    /// Anything the hub takes as `--store`; kept out of the report: it may hold a password.
    case location(String)

    package init(_ text: String) {
        switch text {
        case "sqlite": self = .sqlite
        case "postgresql": self = .postgresql
        default: self = .location(text)
        }
    }

    package var name: String {
        switch self {
        case .sqlite: "sqlite"
        case .postgresql: "postgresql"
        case .location: "given"
        }
    }
}

package struct CrashConfiguration: Encodable, Sendable {
    package var hub: String
    /// Passed to the hub as they are.
    package var hubArguments: [String] = []
    package var fault = CrashFault.hub
    package var store = CrashStore.sqlite
    /// A library for LD_PRELOAD whose `fsync` does nothing: the run must then find losses.
    package var lyingDisk: String?
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

    private enum CodingKeys: String, CodingKey {
        case hub, fault, store, rounds, publishers, subscribers, channels, rate, window, encoding, seed
        case lyingDisk = "lying_disk"
        case payloadBytes = "payload_bytes"
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(hub, forKey: .hub)
        try fields.encode(fault, forKey: .fault)
        try fields.encode(store.name, forKey: .store)
        try fields.encode(lyingDisk != nil, forKey: .lyingDisk)
        try fields.encode(rounds, forKey: .rounds)
        try fields.encode(publishers, forKey: .publishers)
        try fields.encode(subscribers, forKey: .subscribers)
        try fields.encode(channels, forKey: .channels)
        try fields.encode(rate, forKey: .rate)
        try fields.encode(window, forKey: .window)
        try fields.encode(payloadBytes, forKey: .payloadBytes)
        try fields.encode(encoding, forKey: .encoding)
        try fields.encode(seed, forKey: .seed)
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
        try require(fault != .postgres || store == .postgresql,
                    "--fault postgres is for --store postgresql")
        if case .location = store {
            try require(fault == .hub, "--fault \(fault.rawValue) needs a database of its own: "
                + "--store sqlite or postgresql")
        }
        try require(lyingDisk == nil || fault == .power, "--lying-disk is for --fault power")
    }
}

/// SplitMix64: the same seed gives the same run of faults and waits.
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
