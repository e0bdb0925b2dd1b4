// `hub-bench crash`: options, one run, its report.

import ArgumentParser
import Foundation
import Glibc
import Harness

extension CrashFault: ExpressibleByArgument {}

struct Crash: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Faults under load: nothing acknowledged may be lost.",
        discussion: """
            Starts the hub, lets publishers post to several channels and subscribers follow all of \
            them, and breaks something at random moments of steady load, again and again. Clients \
            come back by themselves, resume by position and repeat unanswered posts with the same \
            key. At the end the whole history is read and compared with every acknowledgement and \
            with what every subscriber saw. All must be back within 10 s. Exits with 2 on any \
            difference.

            FAULTS
              hub        SIGKILL of the hub, which is started again at once.
              postgres   SIGKILL of PostgreSQL with all its backends, which is started again, or
                         SIGSTOP for 0.5 to 5 s; the hub runs on. For --store postgresql.
              full-disk  The database's disk gets full, and has room again after a while; with
                         PostgreSQL, that of its write-ahead log in turn. Needs root.
              power      The disk is copied as a power cut would leave it, with what was flushed
                         to it (a btrfs snapshot under ext4), and a world is started on the copy:
                         what was acknowledged before the copy was begun must be there, and all
                         clients must find their way on from it. Needs root and btrfs-progs.

            Mounts and loop devices are in a mount namespace of the run and end with it. Disks are \
            sparse files without a name: 1.25 GiB at most for full-disk, 3 GiB for power.

            EXAMPLES
              hub-bench crash --hub .build/release/hub
              hub-bench crash --hub .build/release/hub --rounds 100 --seed 7 \\
                --json crash.json
              hub-bench crash --hub .build/release/hub --fault postgres \\
                --store postgresql -- --create-master-key true
              hub-bench crash --hub .build/release/hub --fault power --rounds 50
            """)

    @Option(help: "The hub's program.")
    var hub: String

    @Option(help: "What happens: hub, postgres, full-disk or power.")
    var fault = CrashFault.hub

    @Option(help: ArgumentHelp("sqlite, postgresql, or what the hub takes as --store.", discussion: """
        With postgresql the run starts a server of its own; HUB_POSTGRES_BIN names the folder of its \
        programs. A location is for --fault hub only: an empty database, say.
        """))
    var store = "sqlite"

    @Option(help: ArgumentHelp("A library for LD_PRELOAD whose fsync does nothing.", discussion: """
        With --fault power: proves that the run can fail. It ends with 0 when losses were found.
        """, valueName: "file"))
    var lyingDisk: String?

    @Option(help: "Faults.")
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

    @Option(help: "Decides when what happens. (default: a random one, printed)")
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
        configuration.fault = fault
        configuration.store = CrashStore(store)
        configuration.lyingDisk = lyingDisk
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
        if let obstacle = fault.obstacle(CrashStore(store)) {
            Terminal.errorText("hub-bench: --fault \(fault.rawValue) \(obstacle)\n")
            throw Outcome.unavailable
        }
        let outcome: CrashOutcome
        do {
            try makeFolder(directory)
            outcome = try perform(makeConfiguration(directory))
            if json == "-" {
                Terminal.write(try outcome.json(environment: environment), to: 1)
            } else if let json {
                try ReportFolder.write(file: json, try outcome.json(environment: environment))
            }
        } catch let error as BenchError {
            Terminal.errorText("hub-bench: \(error)\n")
            if Interruption.isNoted { removeFolder(directory) } else { pointTo(directory) }
            throw Outcome.impossible
        }
        if !quiet {
            let text = outcome.text
            if json == "-" { Terminal.errorText(text) } else { Terminal.output(text) }
        }
        guard outcome.isAsExpected else {
            pointTo(directory)
            throw Outcome.incorrect
        }
        removeFolder(directory)
    }

    private func perform(_ configuration: CrashConfiguration) throws -> CrashOutcome {
        let isQuiet = quiet
        if !isQuiet {
            Terminal.errorText("seed \(configuration.seed), data in \(configuration.dataDirectory)\n")
        }
        Interruption.watch()
        let access = account.email == nil ? nil : try account.credentials(for: "")
        let run = try CrashRun(configuration, access: access) { line in
            if !isQuiet { Terminal.errorText(line + "\n") }
        }
        defer { run.end() }
        return try run.run()
    }

    private func pointTo(_ directory: String) {
        Terminal.errorText("  data and logs for the inquiry: \(directory)\n")
    }

    private func removeFolder(_ directory: String) {
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
