// `hub-bench crash`: options, one run, its report.

import ArgumentParser
import Foundation
import Glibc
import Harness

struct Crash: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "kill -9 of the hub under load: nothing acknowledged may be lost.",
        discussion: """
            Starts the hub, lets publishers post to several channels and subscribers follow all of \
            them, kills the hub at random moments of steady load and starts it again on the same \
            data. Clients come back by themselves, resume by position and repeat unanswered posts \
            with the same key. At the end the whole history is read and compared with every \
            acknowledgement and with what every subscriber saw. Exits with 2 on any difference.

            EXAMPLES
              hub-bench crash --hub .build/release/hub
              hub-bench crash --hub .build/release/hub --rounds 100 --seed 7 --json crash.json
              hub-bench crash --hub .build/release/hub \\
                --store postgresql://hub@127.0.0.1:5432/hub -- --create-master-key true
            """)

    @Option(help: "The hub's program.")
    var hub: String

    @Option(help: "The hub's --store; an empty database of PostgreSQL, say. (default: SQLite)")
    var store: String?

    @Option(help: "Kills.")
    var rounds = 20

    @Option(name: [.short, .long], help: "Connections that post.")
    var publishers = 8

    @Option(name: [.short, .long], help: "Connections that follow all channels.")
    var subscribers = 20

    @Option(help: "Channels.")
    var channels = 4

    @Option(name: [.short, .long], help: "Posts per second over all publishers.")
    var rate = 800.0

    @Option(help: "Unanswered posts of one publisher, 1 to 100.")
    var window = 16

    @Option(help: "Bytes of each message's text, 47 or more.")
    var size = 128

    @Option(help: "json or proto.")
    var encoding = Encoding.json

    @Option(help: "Decides when the kills come. (default: a random one, printed)")
    var seed: UInt64?

    @Option(help: ArgumentHelp("Folder for the hub's data and log.", discussion: """
        By default a temporary one, which is removed when all went well.
        """))
    var dataDir: String?

    @OptionGroup(title: "Signing in (only when the store is already set up)")
    var account: AccountOptions

    @Option(help: "Commit of the hub, for the report.")
    var commit: String?

    @Option(help: "Where to write the JSON document; - is standard output.")
    var json: String?

    @Flag(help: "No progress, no summary.")
    var quiet = false

    @Argument(parsing: .postTerminator, help: "Options for the hub, after --.")
    var hubArguments: [String] = []

    private func makeConfiguration(_ directory: String) -> CrashConfiguration {
        var configuration = CrashConfiguration(hub: hub, dataDirectory: directory)
        configuration.hubArguments = hubArguments
        configuration.store = store
        configuration.rounds = rounds
        configuration.publishers = publishers
        configuration.subscribers = subscribers
        configuration.channels = channels
        configuration.rate = rate
        configuration.window = window
        configuration.payloadBytes = size
        configuration.encoding = encoding
        configuration.seed = seed ?? UInt64.random(in: 1...999_999)
        return configuration
    }

    mutating func validate() throws {
        do {
            try makeConfiguration("").validate()
            if account.email != nil { try account.validate(required: true) }
            guard access(hub, X_OK) == 0 else {
                throw BenchError("--hub: '\(hub)' is no program that can be run")
            }
        } catch let error as BenchError {
            throw ValidationError(error.description)
        }
    }

    mutating func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let environment = Environment.current(commit: commit)
        let directory = dataDir ?? FileManager.default.temporaryDirectory
            .appendingPathComponent("hub-bench-\(getpid())").path
        let outcome: CrashOutcome
        do {
            try makeFolder(directory)
            let configuration = makeConfiguration(directory)
            let isQuiet = quiet
            if !isQuiet { Terminal.errorText("seed \(configuration.seed), data in \(directory)\n") }
            let access = account.email == nil ? nil : try account.credentials(for: "")
            let run = try CrashRun(configuration, access: access) { line in
                if !isQuiet { Terminal.errorText(line + "\n") }
            }
            outcome = try run.run()
            if json == "-" {
                Terminal.write(try outcome.json(environment: environment), to: 1)
            } else if let json {
                try ReportFolder.write(file: json, try outcome.json(environment: environment))
            }
        } catch let error as BenchError {
            Terminal.errorText("hub-bench: \(error)\n  data and log: \(directory)\n")
            throw Outcome.impossible
        }
        if !quiet {
            let text = outcome.text
            if json == "-" { Terminal.errorText(text) } else { Terminal.output(text) }
        }
        guard outcome.isCorrect else {
            Terminal.errorText("  data and log for the inquiry: \(directory)\n")
            throw Outcome.incorrect
        }
        if dataDir == nil { try? FileManager.default.removeItem(atPath: directory) }
    }

    private func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw BenchError("cannot make the folder '\(path)': \(error.localizedDescription)")
        }
    }
}
