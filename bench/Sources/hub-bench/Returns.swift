// `hub-bench storm`, `resume`, `drain` and `slow`: their options.

import ArgumentParser
import Harness

struct ReturnOptions: ParsableArguments {
    @Option(name: [.customShort("n"), .long], help: "Clients that follow one channel.")
    var clients = 500

    @Option(name: [.short, .long], help: "Connections that post.")
    var publishers = 2

    @Option(name: [.short, .long], help: "Posts per second over all publishers.")
    var rate = 50.0

    @Option(help: "Bytes of each post's text, 47 or more.")
    var size = 128

    @Option(help: "How often it happens.")
    var rounds = 3

    @Option(help: "Seconds over which clients spread their return, at random.")
    var jitter = 0.0

    @Option(help: "Seconds of load before each time.")
    var pause = 1.0

    var plan: ReturnPlan {
        var plan = ReturnPlan()
        plan.clients = clients
        plan.publishers = publishers
        plan.rate = rate
        plan.payloadBytes = size
        plan.rounds = rounds
        plan.jitter = jitter
        plan.pause = pause
        return plan
    }
}

struct Storm: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "All clients dropped at once: how long until everybody is back?",
        discussion: """
            Every follower's connection ends without a word, while posts go on; each comes back, signs \
            in, and resumes where it stood. What was refused is tried again with full jitter that \
            doubles from 0.1 to 5 s.

            FIGURES
            \(StormRun.kind.figures)

            EXAMPLES
              hub-bench storm --hub .build/release/hub --clients 5000
              hub-bench storm --hub .build/release/hub --tls --clients 5000 --jitter 5 \\
                --fail-if 'all_back_worst_time>10s'
            """)

    @OptionGroup(title: "Load")
    var load: ReturnOptions

    @OptionGroup(title: "Server")
    var server: ServerOptions

    @OptionGroup(title: "Results")
    var report: ReportOptions

    mutating func validate() throws {
        try report.validate(StormRun.kind) {
            try load.plan.validate()
            try server.validateServer()
        }
    }

    mutating func run() throws {
        try report.run(StormRun.kind, on: server) { server in
            try StormRun.measure(server.settings, access: server.access, load.plan) {
                report.progress($0)
            }
        }
    }
}

struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Clients that are away for a while: do they get all they missed, and how fast?",
        discussion: """
            A hub keeps 1,000 events for a resume by push; with more than --rate × --away of them, \
            clients would be told of a gap, and the run ends with exit code 2.

            FIGURES
            \(ResumeRun.kind.figures)

            EXAMPLES
              hub-bench resume --hub .build/release/hub --clients 1000 --away 10 --rate 50
            """)

    @OptionGroup(title: "Load")
    var load: ReturnOptions

    @Option(help: "Seconds that clients are away.")
    var away = 5.0

    @OptionGroup(title: "Server")
    var server: ServerOptions

    @OptionGroup(title: "Results")
    var report: ReportOptions

    private var plan: ReturnPlan {
        var plan = load.plan
        plan.away = away
        return plan
    }

    mutating func validate() throws {
        try report.validate(ResumeRun.kind) {
            try plan.validate()
            try server.validateServer()
        }
    }

    mutating func run() throws {
        try report.run(ResumeRun.kind, on: server) { server in
            try ResumeRun.measure(server.settings, access: server.access, plan) {
                report.progress($0)
            }
        }
    }
}

struct Drain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "SIGTERM under load: everybody comes back, nothing is lost, the hub ends with 0.",
        discussion: """
            Starts a hub of its own, stops it with SIGTERM while posts go on, and starts it again, or \
            with --second lets another take over, on another port and the same PostgreSQL, which is \
            started for the run unless --store names one. Clients come back as the hub tells them; \
            publishers repeat what was not answered.

            FIGURES
            \(DrainRun.kind.figures)

            EXAMPLES
              hub-bench drain --hub .build/release/hub --clients 1000 --rounds 5
              hub-bench drain --hub .build/release/hub --second
              hub-bench drain --hub .build/release/hub --second -- --store postgresql://…
            """)

    @OptionGroup(title: "Load")
    var load: ReturnOptions

    @Flag(help: "Two hubs over one store: the other is started before one is stopped.")
    var second = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    @OptionGroup(title: "Results")
    var report: ReportOptions

    private var startsPostgres: Bool {
        second && !server.hubArguments.contains { $0 == "--store" || $0.hasPrefix("--store=") }
    }

    mutating func validate() throws {
        try report.validate(DrainRun.kind) {
            try load.plan.validate()
            try server.validateServer(needsOwn: true)
            if startsPostgres, PostgresServer.find() == nil {
                throw BenchError("--second needs PostgreSQL: install it, name its folder in "
                    + "HUB_POSTGRES_BIN, or give --store postgresql://… behind --")
            }
        }
    }

    mutating func run() throws {
        try report.run(DrainRun.kind, on: server, startsPostgres: startsPostgres) { server in
            guard let own = server.own else { throw BenchError("it needs --hub") }
            let hubs = try second ? [own.server, own.makeSecond()] : [own.server]
            return try DrainRun.measure(server.settings, access: server.access, load.plan,
                                        hubs: hubs) { report.progress($0) }
        }
    }
}

struct Slow: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Readers that never read, or slowly, beside others: what do they cost?",
        discussion: """
            A fan-out, without and with the slow readers in turn. Theirs are small receive buffers, so \
            that what waits, waits in the server.

            FIGURES
            \(SlowRun.kind.figures)

            EXAMPLES
              hub-bench slow --hub .build/release/hub --never 500 --fail-if 'p99_ratio>1.2'
              hub-bench slow --hub .build/release/hub --never 0 --slow 100 \\
                --bytes-per-second 20000
            """)

    @Option(help: "Readers that never read.")
    var never = 50

    @Option(help: "Readers that read slowly.")
    var slow = 0

    @Option(help: "Of each slow reader.")
    var bytesPerSecond = 10_000

    @Option(help: "Times without, and with them.")
    var rounds = 3

    @Option(name: [.short, .long], help: "Connections that read.")
    var subscribers = 200

    @Option(name: [.short, .long], help: "Messages per second.")
    var rate = 100.0

    @Option(help: "Bytes of each message's text, 47 or more.")
    var size = 4_096

    @Option(name: [.short, .long], help: "Seconds to measure in each run.")
    var duration = 15.0

    @OptionGroup(title: "Server")
    var server: ServerOptions

    @OptionGroup(title: "Results")
    var report: ReportOptions

    private var fanout: FanoutConfiguration {
        var load = FanoutConfiguration(url: "ws://127.0.0.1:1")
        load.subscribers = subscribers
        // What one connection may have under way does not bound the rate.
        load.publishers = 4
        load.load = .rate(rate)
        load.payloadBytes = size
        load.durationSeconds = duration
        load.warmupSeconds = 1
        return load
    }

    mutating func validate() throws {
        try report.validate(SlowRun.kind) {
            try fanout.validate()
            try server.validateServer()
        }
    }

    mutating func run() throws {
        var plan = SlowPlan()
        plan.never = never
        plan.slow = slow
        plan.bytesPerSecond = bytesPerSecond
        plan.rounds = rounds
        let (report, fanout) = (report, fanout)
        try report.run(SlowRun.kind, on: server) { server in
            try SlowRun.measure(server.settings, access: server.access, fanout, plan) {
                report.progress($0)
            }
        }
    }
}
