// `hub-bench posts`, `echo` and `rooms`: their options.

import ArgumentParser
import Harness

struct Posts: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Many senders, nobody listening: what does a durable post cost?",
        discussion: """
            Without --rate, every sender always has --in-flight posts under way. Positions must be \
            given once each, in the order of every sender.

            With --before, another build of the hub takes the same load in alternation, and what is reported is a \
            comparison: medians of the rounds, lowest and highest, ratios to the build before, steal.

            FIGURES
            \(PostsRun.kind.figures)
            with --before: hub.posts_per_s, hub.cpu_per_post, hub.ack.p50, hub.ack.p99; \
            x behind a number is a ratio

            EXAMPLES
              hub-bench posts --hub .build/release/hub --fail-if 'posts_per_s<20000'
              hub-bench posts --hub .build/release/hub --rate 10000 \\
                --fail-if 'ack.p99>25ms'
              hub-bench posts --hub .build/release/hub --before ./hub-before \\
                --fail-if 'hub.posts_per_s<0.95x'
              hub-bench posts --hub .build/release/hub --channels 10 --encoding proto \\
                -- --store postgresql://…
            """)

    @Option(name: [.customShort("n"), .long], help: "Connections that post.")
    var senders = 100

    @Option(help: "Posts of each sender under way.")
    var inFlight = 8

    @Option(name: [.short, .long], help: "Instead: posts per second over all senders.")
    var rate: Double?

    @Option(help: "Channels that the senders are spread over.")
    var channels = 1

    @Option(help: "Bytes of each post's text, 47 or more.")
    var size = 128

    @Option(name: [.short, .long], help: "Seconds to measure.")
    var duration = 10.0

    @Option(help: "Seconds of load before, checked but not measured.")
    var warmup = 2.0

    @Option(help: ArgumentHelp("Another build of the hub, in alternation with --hub; its figures are 1.",
                               valueName: "program"))
    var before: String?

    @Option(help: "With --before: runs of each build.")
    var rounds = 3

    @OptionGroup(title: "Server")
    var server: ServerOptions

    @OptionGroup(title: "Results")
    var report: ReportOptions

    /// The same load on two builds; `nil` without `--before`.
    private func makeComparison() throws -> CompareConfiguration? {
        guard let before else { return nil }
        guard let hub = server.hub else { throw BenchError("--before needs --hub") }
        guard !server.tls else { throw BenchError("--before and --tls exclude each other") }
        try BuildBefore.check(hub, before)
        var contender = try Contender(named: "hub")
        contender.encoding = server.encoding
        var configuration = CompareConfiguration(contenders: [contender], base: "hub", load: makeLoad())
        configuration.rounds = rounds
        configuration.hub = hub
        configuration.hubArguments = server.hubArguments
        configuration.add(before: before)
        try configuration.validate()
        return configuration
    }

    private func makeLoad() -> FanoutConfiguration {
        var load = FanoutConfiguration(url: "ws://127.0.0.1:1")
        load.subscribers = 0
        load.publishers = senders
        load.load = rate.map { .rate($0) } ?? .inFlight(inFlight)
        load.channels = channels
        load.payloadBytes = size
        load.durationSeconds = duration
        load.warmupSeconds = warmup
        return load
    }

    mutating func validate() throws {
        if before != nil {
            return try ReportOptions.validating {
                if let configuration = try makeComparison() { _ = try report.limits(configuration) }
            }
        }
        try report.validate(PostsRun.kind) {
            try makeLoad().validate()
            try server.validateServer()
        }
    }

    mutating func run() throws {
        let (report, load) = (report, makeLoad())
        if let comparison = try makeComparison() { return try report.run(comparison) }
        try report.run(PostsRun.kind, on: server) { server in
            try PostsRun.measure(server.settings, access: server.access, load) {
                report.progress($0)
            }
        }
    }
}

struct Echo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Round trips: the hub's ping command, or a text that a relay sends back.",
        discussion: """
            FIGURES
            \(EchoRun.kind.figures)

            EXAMPLES
              hub-bench echo --hub .build/release/hub --connections 100 --in-flight 4
              hub-bench echo --hub .build/release/hub --rate 5000 --fail-if 'echo.p99>5ms'
              hub-bench echo --raw --url ws://127.0.0.1:9101/echo --server-pid PID
            """)

    @Option(name: [.customShort("n"), .long], help: "Connections.")
    var connections = 100

    @Option(help: "Questions of each connection under way.")
    var inFlight = 1

    @Option(name: [.short, .long], help: "Instead: questions per second over all connections.")
    var rate: Double?

    @Option(help: "With --raw: bytes of the text, 47 or more.")
    var size = 128

    @Option(name: [.short, .long], help: "Seconds to measure.")
    var duration = 10.0

    @Flag(help: "A server that is no hub, and sends back what it gets.")
    var raw = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    @OptionGroup(title: "Results")
    var report: ReportOptions

    mutating func validate() throws {
        try report.validate(EchoRun.kind) { try server.validateServer(isRelay: raw) }
    }

    mutating func run() throws {
        var plan = EchoRun.Plan()
        plan.connections = connections
        plan.inFlight = inFlight
        plan.rate = rate
        plan.payloadBytes = size
        plan.seconds = duration
        try report.run(EchoRun.kind, on: server, isRelay: raw) { server in
            try EchoRun(server.settings, access: server.access, plan).measure()
        }
    }
}

struct Rooms: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Many small channels: every message reaches its room, and no other.",
        discussion: """
            FIGURES
            \(RoomsRun.kind.figures)

            EXAMPLES
              hub-bench rooms --hub .build/release/hub --rooms 1000 --members 5 --rate 1000
              hub-bench rooms --hub .build/release/hub --encoding proto \\
                --fail-if 'delivery.p99>50ms'
            """)

    @Option(help: "Channels.")
    var rooms = 100

    @Option(help: "Connections that follow each.")
    var members = 5

    @Option(name: [.short, .long], help: "Connections that post, to all rooms in turn.")
    var publishers = 4

    @Option(name: [.short, .long], help: "Messages per second over all rooms.")
    var rate = 200.0

    @Option(help: "Bytes of each message's text, 47 or more.")
    var size = 128

    @Option(name: [.short, .long], help: "Seconds to measure.")
    var duration = 10.0

    @OptionGroup(title: "Server")
    var server: ServerOptions

    @OptionGroup(title: "Results")
    var report: ReportOptions

    mutating func validate() throws {
        try report.validate(RoomsRun.kind) { try server.validateServer() }
    }

    mutating func run() throws {
        var plan = RoomsRun.Plan()
        plan.rooms = rooms
        plan.members = members
        plan.publishers = publishers
        plan.rate = rate
        plan.payloadBytes = size
        plan.seconds = duration
        try report.run(RoomsRun.kind, on: server) { server in
            try RoomsRun(server.settings, access: server.access, plan).measure()
        }
    }
}
