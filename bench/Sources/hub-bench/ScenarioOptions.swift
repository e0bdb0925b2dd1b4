// Where a scenario's server is: one that runs already, or a hub that the scenario starts for itself.

import ArgumentParser
import Glibc
import Harness

struct ServerOptions: ParsableArguments {
    @Option(help: "Where the hub is: ws://HOST:PORT or wss://HOST:PORT (path /ws by default).")
    var url: String?

    @Option(help: ArgumentHelp("Instead of --url: the hub's program, started for this run.", discussion: """
        On loopback with a temporary folder, on a core of its own where there are two; with an \
        account of its own, and measured. Options for it stand behind --.
        """, valueName: "program"))
    var hub: String?

    @Flag(help: "With --hub: listen with TLS, with a certificate made for the run.")
    var tls = false

    @Option(help: "json or proto.")
    var encoding = Encoding.json

    @Option(help: "Come from so many addresses of loopback. (default: as many as are needed)")
    var sources: Int?

    @Option(help: "Connections that may be opening at the same time.")
    var connecting = 64

    @Option(help: "Process id of the server on this machine, to measure its CPU and memory.")
    var serverPid: Int32?

    @OptionGroup(title: "Signing in (with --url)")
    var account: AccountOptions

    @Argument(parsing: .postTerminator, help: "Options for the hub, after --.")
    var hubArguments: [String] = []

    func settings(url: String, isRelay: Bool = false) -> ScenarioSettings {
        var settings = ScenarioSettings(url: url)
        settings.encoding = encoding
        settings.isRelay = isRelay
        settings.verifiesPeer = !account.insecure && hub == nil
        settings.authorities = account.ca
        settings.serverProcess = serverPid
        settings.sources = sources
        settings.connecting = connecting
        return settings
    }

    func validateServer(isRelay: Bool = false, needsOwn: Bool = false) throws {
        guard (url == nil) != (hub == nil) else {
            throw BenchError("give either --url or --hub")
        }
        if let hub {
            guard access(hub, X_OK) == 0 else {
                throw BenchError("--hub: '\(hub)' is no program that can be run")
            }
            guard !isRelay else { throw BenchError("--raw needs --url") }
            return
        }
        guard !needsOwn else { throw BenchError("this scenario stops the hub: it needs --hub") }
        guard !tls else { throw BenchError("--tls is for --hub; with --url, say wss://") }
        let url = url ?? ""
        try settings(url: url).validate()
        if !isRelay { try account.validate(required: true) }
    }

    /// Starts the hub if it is to be started; the server lives as long as what is returned.
    /// - Parameter startsPostgres: the hub's store is in a PostgreSQL of the run's own.
    func start(isRelay: Bool = false, startsPostgres: Bool = false) throws -> ScenarioServer {
        guard let hub else {
            let credentials = isRelay ? nil : try account.credentials(for: url!)
            return ScenarioServer(settings: settings(url: url!, isRelay: isRelay),
                                  access: FanoutAccess(credentials), own: nil)
        }
        let own = try OwnHub(program: hub, arguments: hubArguments, isSecure: tls,
                             startsPostgres: startsPostgres)
        var settings = settings(url: own.server.url)
        settings.serverProcess = own.server.child.process
        return ScenarioServer(settings: settings, access: FanoutAccess(own.server.credentials),
                              own: own)
    }
}

/// What a run connects to.
struct ScenarioServer {
    let settings: ScenarioSettings
    let access: FanoutAccess
    /// Keeps it running.
    let own: OwnHub?
}

extension ReportOptions {
    func limits(_ kind: ScenarioKind) throws -> [ScenarioLimit] {
        try failIf.map { try ScenarioLimit($0, of: kind) }
    }

    /// Checks the options, at parsing.
    func validate(_ kind: ScenarioKind, _ body: () throws -> Void) throws {
        try Self.validating {
            _ = try limits(kind)
            try body()
        }
    }

    /// One run from start to report; throws its exit code.
    func run(_ kind: ScenarioKind, on options: ServerOptions, isRelay: Bool = false,
             startsPostgres: Bool = false, _ measure: (ScenarioServer) throws -> ScenarioBook) throws {
        signal(SIGPIPE, SIG_IGN)
        let environment = Environment.current(commit: commit)
        let limits = try limits(kind)
        let book = try Self.guarded {
            let server = try options.start(isRelay: isRelay, startsPostgres: startsPostgres)
            return try withExtendedLifetime(server.own) { try measure(server) }
        }
        let violations = book.violations(of: limits)
        let report = ScenarioReport(book, environment: environment, violations: violations)
        try finish(text: report.text, json: try report.json(), page: report.page,
                   isCorrect: book.isCorrect, violations: violations)
    }
}
