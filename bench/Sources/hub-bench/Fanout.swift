// `hub-bench fanout`: options, one measurement, its reports.

import ArgumentParser
import Glibc
import Harness

extension Encoding: ExpressibleByArgument {}
extension FanoutConfiguration.Target: ExpressibleByArgument {}

struct Fanout: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "One channel, many subscribers: every message must reach all of them.",
        discussion: """
            Publishers post durable messages to one channel on a constant schedule that does not \
            wait for answers, and latency counts from the moment each message was due, so a slow \
            server cannot hide. Every payload carries its run, publisher, counter, due time and \
            checksum; every subscriber is checked for loss, duplicates, order and damage.

            EXAMPLES
              # a hub of the run's own, with its limits of one account and address lifted
              hub-bench fanout --hub .build/release/hub

              # a hub that was just started and has printed its set-up link; where one
              # account may not have so many sessions, further ones are invited
              hub-bench fanout --url ws://127.0.0.1:8080 \\
                --setup-link 'http://127.0.0.1:8080/#setup=TOKEN' \\
                --email me@example.org --password-file secret

              # the same hub later: 1,000 subscribers, the server's costs and a report
              hub-bench fanout --url ws://127.0.0.1:8080 --email me@example.org \\
                --password-file secret --subscribers 1000 --rate 20 --duration 20 \\
                --server-pid $(pgrep -nx hub) --out report

              # in a pipeline: fail above 50 ms at p99 or 20 s of CPU per million
              hub-bench fanout --hub .build/release/hub --quiet --json - \\
                --fail-if 'p99>50ms' --fail-if 'cpu_per_million>20s' > run.json

              # as fast as it goes, and the same on any relay for comparison
              hub-bench fanout --hub .build/release/hub --publishers 4 --in-flight 16
              hub-bench fanout --target raw --url ws://127.0.0.1:9101/sub \\
                --publish-url ws://127.0.0.1:9101/pub --publishers 4 --in-flight 16

            Secrets are also read from the variables HUB_BENCH_PASSWORD and HUB_BENCH_TOKEN, which \
            other users of the machine cannot see.
            """)

    @Option(help: "Where the hub is: ws://HOST:PORT or wss://HOST:PORT (path /ws by default).")
    var url: String?

    @Option(help: ArgumentHelp("Instead of --url: the hub's program, started for this run.", discussion: """
        On loopback with a temporary folder, on a core of its own where there are two; with an \
        account of its own, and measured. Limits of one account and of one address are lifted. \
        Options for it stand behind --.
        """, valueName: "program"))
    var hub: String?

    @Option(help: "hub; raw: a relay of WebSocket messages of one URL to another; mqtt; nats.")
    var target = FanoutConfiguration.Target.hub

    @Option(help: "With --target raw: where publishers connect, if not to --url.")
    var publishUrl: String?

    @Option(help: ArgumentHelp("json or proto; raw peers get text or binary messages."))
    var encoding = Encoding.json

    @Flag(help: "Broadcasts that are not stored, instead of durable messages.")
    var ephemeral = false

    @Flag(help: "Offer permessage-deflate; what the server compresses is opened and checked.")
    var deflate = false

    @Option(name: [.short, .long], help: "Connections that receive, 0 to 60000.")
    var subscribers = 200

    @Option(name: [.short, .long], help: "Seconds to measure.")
    var duration = 10.0

    @Option(help: "Name of the channel; made and joined if need be.")
    var channel = "bench"

    @Option(help: "Come from so many addresses of loopback; 0: the kernel's choice.")
    var sources = 0

    @Option(help: "Connections that may be opening at the same time.")
    var connecting = 64

    @OptionGroup(title: "Load")
    var load: LoadOptions

    @OptionGroup(title: "Signing in")
    var account: AccountOptions

    @Option(help: "Process id of the server on this machine, to measure its CPU and memory.")
    var serverPid: Int32?

    @Option(help: "Commit of the server, for the report.")
    var commit: String?

    @Option(name: .customLong("fail-if"), parsing: .singleValue,
            help: ArgumentHelp(
                "Exit with 3 if this holds, as in 'p99>50ms'; repeatable.",
                discussion: """
                    Latencies: p50, p99.9, min, max, mean since due until delivered; with ack., \
                    first., last. or lag. before them for other stages; units ns, us, ms, s. \
                    Others: loss, duplicates, reordered, unacknowledged, reach, cpu_per_million \
                    (s), rss_per_connection (B, KB, MB), rate, deliveries, connects, \
                    generator_cpu (%).
                    """))
    var failIf: [String] = []

    @Option(help: "Folder for report.html, report.json, timeline.csv and latency.hgrm.")
    var out: String?

    @Option(help: "Where to write the JSON document; - is standard output.")
    var json: String?

    @Flag(help: "No progress, no summary.")
    var quiet = false

    @Argument(parsing: .postTerminator, help: "Options for the hub, after --.")
    var hubArguments: [String] = []

    mutating func validate() throws {
        do {
            guard (url == nil) != (hub == nil) else { throw BenchError("give either --url or --hub") }
            let configuration = makeConfiguration(url: url ?? "ws://127.0.0.1:1")
            try configuration.validate()
            for threshold in try thresholds()
            where threshold.metric.needsServerProcess && serverPid == nil && hub == nil {
                throw BenchError("'\(threshold)' needs --server-pid")
            }
            if let hub {
                guard access(hub, X_OK) == 0 else { throw BenchError("--hub: '\(hub)' is no program that can be run") }
                guard target == .hub, publishUrl == nil, serverPid == nil, !account.isGiven else {
                    throw BenchError("--hub excludes --target, --publish-url, --server-pid and signing in")
                }
                return
            }
            guard hubArguments.isEmpty else { throw BenchError("options behind -- are for the hub of --hub") }
            if target == .hub {
                if publishUrl != nil { throw BenchError("--publish-url is for --target raw") }
                try account.validate(required: true)
            }
            let endpoint = try Endpoint(configuration.url)
            if !endpoint.isSecure, account.insecure || account.ca != nil {
                throw BenchError("--insecure and --ca are for wss:// URLs")
            }
        } catch let error as BenchError {
            throw ValidationError(error.description)
        }
    }

    private func thresholds() throws -> [Threshold] {
        try failIf.map { text in
            do { return try Threshold(text) } catch { throw ValidationError("--fail-if \(error)") }
        }
    }

    private func makeConfiguration(url: String) -> FanoutConfiguration {
        var configuration = FanoutConfiguration(url: url)
        configuration.target = target
        configuration.publishURL = publishUrl
        configuration.isEphemeral = ephemeral
        configuration.sources = sources
        configuration.encoding = encoding
        configuration.deflates = deflate
        configuration.subscribers = subscribers
        load.fill(&configuration)
        configuration.durationSeconds = duration
        configuration.channel = channel
        configuration.connecting = connecting
        configuration.verifiesPeer = !account.insecure
        configuration.authorities = account.ca
        configuration.serverProcess = serverPid
        configuration.thresholds = failIf
        return configuration
    }

    mutating func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let environment = Environment.current(commit: commit)
        let limits = try thresholds()
        let outcome: FanoutOutcome
        do {
            // A hub of the run's own lives as long as this.
            let own = try hub.map { try OwnHub(program: $0, arguments: hubArguments, isSecure: false) }
            let url = own?.server.url ?? url ?? ""
            var configuration = makeConfiguration(url: url)
            if let own { configuration.serverProcess = own.server.child.process }
            let access = FanoutAccess(
                target == .hub ? try own?.server.credentials ?? account.credentials(for: url) : nil)
            let isQuiet = quiet
            let run = try FanoutRun(configuration, access: access) { second in
                if !isQuiet { Terminal.progress(FanoutSummary.progress(second)) }
            }
            outcome = try withExtendedLifetime(own) { try run.measure() }
        } catch let error as BenchError {
            Terminal.endProgress()
            Terminal.errorText("hub-bench: \(error)\n")
            throw Outcome.impossible
        }
        try report(outcome, limits, environment)
    }

    private func report(_ outcome: FanoutOutcome, _ limits: [Threshold],
                        _ environment: Environment) throws {
        let violations = outcome.violations(of: limits)
        if !quiet {
            Terminal.endProgress()
            let summary = FanoutSummary.text(outcome, violations: violations)
            if json == "-" { Terminal.errorText(summary) } else { Terminal.output(summary) }
        }
        let document = FanoutDocument(outcome, environment: environment, violations: violations)
        do {
            if json == "-" {
                Terminal.write(try document.json(), to: 1)
            } else if let json {
                try ReportFolder.write(file: json, try document.json())
            }
            if let out {
                try ReportFolder.write(FanoutFiles.all(outcome, document), to: out)
                if !quiet { Terminal.errorText("\n  report: \(out)/report.html\n") }
            }
        } catch let error as BenchError {
            Terminal.errorText("hub-bench: \(error)\n")
            throw Outcome.impossible
        }
        if !outcome.isCorrect { throw Outcome.incorrect }
        if !violations.isEmpty {
            if quiet {
                for violation in violations { Terminal.errorText("hub-bench: \(violation)\n") }
            }
            throw Outcome.overThreshold
        }
    }
}
