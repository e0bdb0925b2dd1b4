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
            and any other with --peer: name=NAME,url=URL[,publish-url=URL][,protocol=raw|mqtt|nats]
            [,encoding=json|proto][,pid=N|pid-file=FILE][,command=PROGRAM ARGUMENTS]. A raw peer \
            relays what arrives at publish-url to all connections of url. {port} in the URLs and the
            command is a free port.

            FIGURES
              cpu_per_million (seconds of the server per million deliveries), p50, p99, deliveries
              (per second), spread (p99 of the subscriber served worst ÷ best). Limits name the
              contender; x behind the number compares with the base: 'hub.cpu_per_million>1.1x'.

            EXAMPLES
              hub-bench compare --hub .build/release/hub
              hub-bench compare --hub .build/release/hub --contenders hub-ephemeral,mosquitto,nats \\
                --publishers 4 --in-flight 16 --rounds 5 --out report
              hub-bench compare --hub .build/release/hub --contenders hub,hub-ephemeral --base uws \\
                --peer 'name=uws,url=ws://127.0.0.1:{port}/sub,publish-url=ws://127.0.0.1:{port}/pub,\\
                command=./uws {port}' --fail-if 'hub-ephemeral.cpu_per_million>0.9x'
            """)

    @Option(help: "The hub's program.")
    var hub: String?

    @Option(help: ArgumentHelp("Who takes part, separated by commas.", valueName: "names"))
    var contenders = "hub,mosquitto,nats"

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
        var all = try contenders.split(separator: ",").map { try Contender(named: String($0)) }
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
        return configuration
    }

    private func limits(_ configuration: CompareConfiguration) throws -> [CompareLimit] {
        let names = configuration.contenders.map(\.name)
        return try report.failIf.map { try CompareLimit($0, among: names) }
    }

    mutating func validate() throws {
        try ReportOptions.validating {
            let configuration = try makeConfiguration()
            try configuration.validate()
            _ = try limits(configuration)
            if let hub, access(hub, X_OK) != 0 {
                throw BenchError("--hub: '\(hub)' is no program that can be run")
            }
        }
    }

    mutating func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let environment = Environment.current(commit: report.commit)
        let configuration = try makeConfiguration()
        let report = report
        let outcome = try ReportOptions.guarded {
            try CompareRun(configuration) { report.progress($0) }.measure()
        }
        let violations = outcome.violations(of: try limits(configuration))
        let document = CompareDocument(outcome, environment: environment, violations: violations)
        try report.finish(
            text: outcome.text, json: try document.json(),
            page: ComparePage.page(outcome, environment: environment, violations: violations),
            isCorrect: outcome.isCorrect, violations: violations)
    }
}
