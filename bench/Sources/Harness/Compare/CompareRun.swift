// The same load on several servers, in alternation (A B C A B C …), so that what a machine's neighbours
// do falls on all of them. Each run is checked like any other fan-out; medians are compared.

package struct CompareConfiguration: Sendable {
    package var contenders: [Contender]
    package var base: String
    package var rounds = 3
    package var hub: String?
    package var hubArguments: [String] = []
    /// Load, sizes and times; where the servers are is filled in.
    package var load: FanoutConfiguration

    /// What is compared: a run without subscribers is one of posts.
    package var figures: [CompareFigure] { load.subscribers > 0 ? CompareFigure.ofFanOuts : CompareFigure.ofPosts }

    /// Every hub that takes part is joined by the hub of before, just ahead of it, which is its base.
    package mutating func add(before program: String) {
        contenders = contenders.flatMap { $0.isHub ? [$0.before(program), $0] : [$0] }
    }

    /// Whose figures are 1 for a contender: its own build before where there is one.
    package func base(of name: String) -> String {
        if name.hasSuffix(Contender.beforeSuffix) { return name }
        let before = name + Contender.beforeSuffix
        return contenders.contains { $0.name == before } ? before : base
    }

    package init(contenders: [Contender], base: String, load: FanoutConfiguration) {
        self.contenders = contenders
        self.base = base
        self.load = load
    }

    package func validate() throws {
        func require(_ holds: Bool, _ complaint: String) throws {
            if !holds { throw BenchError(complaint) }
        }
        try load.validate()
        try require((1...100).contains(rounds), "--rounds is 1 to 100")
        try require(!contenders.isEmpty && contenders.count <= 16, "1 to 16 contenders")
        try require(Set(contenders.map(\.name)).count == contenders.count,
                    "two contenders have one name")
        try require(contenders.contains { $0.name == base },
                    "--base '\(base)' takes no part in it")
        let needsHub = contenders.contains { $0.isHub && $0.program == nil }
        try require(hub != nil || !needsHub, "hub contenders need --hub PROGRAM")
    }
}

/// One run of one contender.
package struct CompareSample: Codable, Sendable {
    package var contender: String
    package var round: Int
    package var isCorrect: Bool
    /// What was wrong, by name.
    package var faults: [String: UInt64]
    package var processorPerMillion: Double?
    package var serverShare: Double?
    package var p50: Double
    package var p99: Double
    package var deliveries: Double
    package var spread: Double?
    package var posts: Double?
    package var processorPerPost: Double?
    package var ackP50: Double?
    package var ackP99: Double?
    package var generatorShare: Double
    package var steal: Double?
    package var warnings: [String]

    enum CodingKeys: String, CodingKey {
        case contender, round, faults, steal, warnings
        case isCorrect = "correct"
        case processorPerMillion = "cpu_s_per_million_deliveries"
        case serverShare = "server_cpu_share_of_a_core"
        case p50 = "p50_s"
        case p99 = "p99_s"
        case deliveries = "deliveries_per_s"
        case spread = "p99_spread"
        case posts = "posts_per_s"
        case processorPerPost = "cpu_s_per_post"
        case ackP50 = "ack_p50_s"
        case ackP99 = "ack_p99_s"
        case generatorShare = "generator_cpu_share_of_a_core"
    }

    init(_ outcome: FanoutOutcome, of contender: String, round: Int) {
        self.contender = contender
        self.round = round
        isCorrect = outcome.isCorrect
        let seconds = Double(max(outcome.recorder.measuredNanoseconds, 1)) / 1e9
        let acknowledged = Double(outcome.recorder.measuredAcknowledged)
        posts = acknowledged / seconds
        if let used = outcome.recorder.serverProcessor, acknowledged > 0 {
            processorPerPost = Double(used) / 1e9 / acknowledged
        }
        ackP50 = outcome.value(of: .percentile(.ack, 50))
        ackP99 = outcome.value(of: .percentile(.ack, 99))
        faults = Dictionary(uniqueKeysWithValues: outcome.faults.named.filter { $0.count > 0 })
        processorPerMillion = outcome.processorPerMillion
        serverShare = outcome.serverShare
        p50 = outcome.value(of: .percentile(.delivery, 50)) ?? 0
        p99 = outcome.value(of: .percentile(.delivery, 99)) ?? 0
        deliveries = outcome.deliveriesPerSecond
        spread = outcome.spread
        generatorShare = outcome.generatorShare
        steal = outcome.recorder.steal
        warnings = outcome.warnings
    }

    package func value(of figure: CompareFigure) -> Double? {
        switch figure {
        case .processorPerMillion: processorPerMillion
        case .p50: p50
        case .p99: p99
        case .deliveries: deliveries
        case .spread: spread
        case .posts: posts
        case .processorPerPost: processorPerPost
        case .ackP50: ackP50
        case .ackP99: ackP99
        }
    }
}

/// What is compared.
package enum CompareFigure: String, CaseIterable, Sendable {
    case processorPerMillion = "cpu_per_million"
    case p50
    case p99
    case deliveries
    case spread
    case posts = "posts_per_s"
    case processorPerPost = "cpu_per_post"
    case ackP50 = "ack.p50"
    case ackP99 = "ack.p99"

    static let ofFanOuts: [CompareFigure] = [.processorPerMillion, .p50, .p99, .deliveries, .spread]
    static let ofPosts: [CompareFigure] = [.posts, .processorPerPost, .ackP50, .ackP99]

    package var title: String {
        switch self {
        case .processorPerMillion: "CPU s per million"
        case .p50: "p50"
        case .p99: "p99"
        case .deliveries: "deliveries/s"
        case .spread: "p99 spread"
        case .posts: "posts/s"
        case .processorPerPost: "CPU per post"
        case .ackP50: "ack p50"
        case .ackP99: "ack p99"
        }
    }

    package func text(_ value: Double) -> String {
        switch self {
        case .processorPerMillion: Figure.decimal(value)
        case .p50, .p99, .ackP50, .ackP99, .processorPerPost: Figure.time(value * 1e9)
        case .deliveries, .posts: Figure.count(value)
        case .spread: Figure.decimal(value)
        }
    }
}

package struct CompareRun {
    private let configuration: CompareConfiguration
    private let cores: CorePlan
    private let progress: (String) -> Void

    package init(_ configuration: CompareConfiguration,
                 progress: @escaping (String) -> Void) throws {
        try configuration.validate()
        self.configuration = configuration
        self.progress = progress
        cores = CorePlan()
    }

    package func measure() throws -> CompareOutcome {
        // Servers inherit the limit.
        try DescriptorLimit.raise(
            for: configuration.load.subscribers + configuration.load.publishers)
        cores.pinGenerator()
        var samples: [CompareSample] = []
        for round in 1...configuration.rounds {
            for contender in configuration.contenders {
                let sample = try measure(contender, round)
                samples.append(sample)
                progress("round \(round)  \(contender.name)  \(Self.line(sample, configuration.figures))")
            }
        }
        return CompareOutcome(configuration, cores, samples)
    }

    private func measure(_ contender: Contender, _ round: Int) throws -> CompareSample {
        let server = try RunningServer(
            contender, hub: configuration.hub, hubArguments: configuration.hubArguments,
            core: cores.server)
        var load = configuration.load
        load.target = contender.target
        load.url = server.url
        load.publishURL = server.publishURL
        load.encoding = contender.encoding
        load.isEphemeral = contender.isEphemeral
        load.serverProcess = server.process
        do {
            let run = try FanoutRun(load, access: server.access) { _ in }
            return CompareSample(try run.measure(), of: contender.name, round: round)
        } catch let error as BenchError {
            throw BenchError("\(contender.name): \(error)")
        }
    }

    private static func line(_ sample: CompareSample, _ figures: [CompareFigure]) -> String {
        let figures = figures.compactMap { figure in
            sample.value(of: figure).map { "\(figure.title) \(figure.text($0))" }
        }
        return (sample.isCorrect ? "" : "INCORRECT  ") + figures.joined(separator: "  ")
            + "  generator \(Figure.percent(sample.generatorShare))"
            + (sample.steal.map { "  steal \(Figure.percent($0))" } ?? "")
    }
}
