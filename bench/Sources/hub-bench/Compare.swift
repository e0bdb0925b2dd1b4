// `hub-bench compare`: options, alternated runs, their report.

import ArgumentParser
import Glibc
import Harness

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The same load on the hub and on other servers, in alternation.",
        discussion: """
            Starts each server on loopback with a fresh folder, puts the load of a fan-out on it, \
            checks every message, stops it, and goes on with the next: A B C A B C …, so that \
            whatever else the machine does falls on all of them. Reports medians, lowest and \
            highest round, and ratios to a base. With two cores or more, servers run on the first \
            and the generator on the last.

            CONTENDERS (--contenders)
              hub, hub-proto                       durable messages: stored, encrypted, sequenced
              hub-ephemeral, hub-ephemeral-proto   broadcasts that are not stored
              mosquitto                            MQTT 3.1.1 over WebSocket, QoS 0
              nats                                 NATS over WebSocket
            --before PROGRAM adds, ahead of each of these hubs, the same with another build of \
            the hub, named NAME-before, which is the base of NAME: before and after in one run.
            Any other server takes part with --peer DESCRIPTION:
              name=NAME,url=URL[,publish-url=URL][,protocol=raw|mqtt|nats]
              [,encoding=json|proto][,pid=N|pid-file=FILE][,command=PROGRAM ARGUMENTS]
            A raw peer relays what arrives at publish-url to all connections of url. {port} in the URLs and the \
            command is a free port.

            FIGURES
              cpu_per_million (seconds of the server per million deliveries), p50, p99, deliveries
              (per second), spread (p99 of the subscriber served worst ÷ best). Limits name the
              contender; x behind the number compares with the base: 'hub.cpu_per_million>1.1x'.

            EXAMPLES
              hub-bench compare --hub .build/release/hub
              hub-bench compare --hub .build/release/hub --before ./hub-before \\
                --fail-if 'hub.cpu_per_million>1.2x'
              hub-bench compare --hub .build/release/hub --publishers 4 --in-flight 16 \\
                --contenders hub-ephemeral,mosquitto,nats --rounds 5 --out report
              at=ws://127.0.0.1:{port}
              hub-bench compare --hub .build/release/hub --base uws \\
                --contenders hub,hub-ephemeral \\
                --peer "name=uws,url=$at/sub,publish-url=$at/pub,command=./uws {port}" \\
                --fail-if 'hub-ephemeral.cpu_per_million>0.9x'
            """)

    @Option(help: "The hub's program.")
    var hub: String?

    @Option(help: ArgumentHelp("Another build of the hub, in alternation with --hub; its figures are 1.",
                               valueName: "program"))
    var before: String?

    @Option(help: ArgumentHelp("Who takes part, separated by commas. (default: hub,mosquitto,nats; with --before: hub)",
                               valueName: "names"))
    var contenders: String?

    @Option(name: .customLong("peer"), parsing: .singleValue,
            help: ArgumentHelp("Another server; repeatable.", valueName: "description"))
    var peers: [String] = []

    @Option(help: "Whose figures are 1. (default: the first --peer, else the last contender)")
    var base: String?

    @Option(help: "Runs of each contender.")
    var rounds = 3

    @Option(name: [.short, .long], help: "Connections that receive.")
    var subscribers = 1_000

    @Option(name: [.short, .long], help: "Seconds to measure in each run.")
    var duration = 8.0

    @OptionGroup(title: "Load")
    var load: LoadOptions

    @OptionGroup(title: "Results")
    var report: ReportOptions

    @Argument(parsing: .postTerminator, help: "Options for the hub, after --.")
    var hubArguments: [String] = []

    private func makeConfiguration() throws -> CompareConfiguration {
        let names = contenders ?? (before == nil ? "hub,mosquitto,nats" : "hub")
        var all = try names.split(separator: ",").map { try Contender(named: String($0)) }
        let others = try peers.map { try Contender(description: $0) }
        all += others
        var load = FanoutConfiguration(url: "ws://127.0.0.1:1")
        load.subscribers = subscribers
        load.durationSeconds = duration
        self.load.fill(&load)
        var configuration = CompareConfiguration(
            contenders: all, base: base ?? others.first?.name ?? all.last?.name ?? "", load: load)
        configuration.rounds = rounds
        configuration.hub = hub
        configuration.hubArguments = hubArguments
        if let before { configuration.add(before: before) }
        return configuration
    }

    private func limits(_ configuration: CompareConfiguration) throws -> [CompareLimit] {
        try report.limits(configuration)
    }

    mutating func validate() throws {
        try ReportOptions.validating {
            let configuration = try makeConfiguration()
            guard subscribers > 0 else { throw BenchError("--subscribers is 1 to 60000") }
            try configuration.validate()
            _ = try limits(configuration)
            try BuildBefore.check(hub, before)
        }
    }

    mutating func run() throws {
        try report.run(try makeConfiguration())
    }
}

/// `--before PROGRAM`, as `compare` and `posts` take it.
enum BuildBefore {
    static func check(_ hub: String?, _ before: String?) throws {
        for (option, program) in [("--hub", hub), ("--before", before)] {
            if let program, access(program, X_OK) != 0 {
                throw BenchError("\(option): '\(program)' is no program that can be run")
            }
        }
    }
}

extension ReportOptions {
    func limits(_ configuration: CompareConfiguration) throws -> [CompareLimit] {
        let names = configuration.contenders.map(\.name)
        return try failIf.map { try CompareLimit($0, among: names) }
    }

    /// A comparison from its start to its report; throws its exit code.
    func run(_ configuration: CompareConfiguration) throws {
        signal(SIGPIPE, SIG_IGN)
        let environment = Environment.current(commit: commit)
        let outcome = try Self.guarded { try CompareRun(configuration) { progress($0) }.measure() }
        let violations = outcome.violations(of: try limits(configuration))
        let document = CompareDocument(outcome, environment: environment, violations: violations)
        try finish(
            text: outcome.text, json: try document.json(),
            page: ComparePage.page(outcome, environment: environment, violations: violations),
            isCorrect: outcome.isCorrect, violations: violations)
    }
}
