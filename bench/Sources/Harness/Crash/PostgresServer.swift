// A PostgreSQL of the run's own, as a child of this process: killed with all its backends, stopped
// and resumed, started again on the same data.

internal import Foundation
internal import Glibc

package final class PostgresServer {
    private let bin: String
    private let folder: String
    private let logPath: String
    private let server: ChildProcess
    private let probe: ChildProcess
    private var startedAt: UInt64 = 0
    package let port: UInt16

    package var url: String { "postgresql://hub@127.0.0.1:\(port)/postgres" }

    /// The folder of `initdb` and `postgres`: `HUB_POSTGRES_BIN`, or the newest of Debian.
    package static func find() -> String? {
        let debian = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        let newest = debian.max { (Double($0) ?? 0) < (Double($1) ?? 0) }
            .map { "/usr/lib/postgresql/\($0)/bin" }
        let bin = ProcessInfo.processInfo.environment["HUB_POSTGRES_BIN"] ?? newest
        return bin.flatMap { access($0 + "/initdb", X_OK) == 0 ? $0 : nil }
    }

    /// - Parameters:
    ///   - folder: of its data; what is there already is used.
    ///   - logFolder: of its write-ahead log, if not with the data.
    ///   - environment: variables for the server alone.
    init(folder: String, logFolder: String?, environment: [String: String], logPath: String) throws {
        guard let bin = Self.find() else {
            throw BenchError("no PostgreSQL here: install it, or name its folder in HUB_POSTGRES_BIN")
        }
        self.bin = bin
        self.folder = folder
        self.logPath = logPath
        port = try FreePort.find()
        if !FileManager.default.fileExists(atPath: folder) {
            try Self.initialise(bin, folder, logFolder, logPath)
        }
        // The process it names belongs to the machine that lost its power, and may well live here.
        unlink(folder + "/postmaster.pid")
        server = try ChildProcess(
            name: "PostgreSQL",
            arguments: try Self.asItsUser([
                bin + "/postgres", "-D", folder, "-p", "\(port)", "-c", "listen_addresses=127.0.0.1",
                "-c", "unix_socket_directories=", "-c", "max_connections=40",
                "-c", "min_wal_size=2MB", "-c", "max_wal_size=16MB",
            ]),
            environment: environment, logPath: logPath)
        probe = try ChildProcess(
            name: "pg_isready",
            arguments: [bin + "/pg_isready", "-q", "-h", "127.0.0.1", "-p", "\(port)"],
            logPath: logPath)
    }

    deinit { kill() }

    private static func initialise(_ bin: String, _ folder: String, _ logFolder: String?,
                                   _ logPath: String) throws {
        for folder in [folder, logFolder].compactMap({ $0 }) {
            guard mkdir(folder, 0o700) == 0 else { throw BenchError.system("cannot make '\(folder)'") }
            guard geteuid() == 0 else { continue }
            guard let user = getpwnam("postgres"),
                  chown(folder, user.pointee.pw_uid, user.pointee.pw_gid) == 0
            else { throw BenchError("PostgreSQL does not run as root, and there is no user postgres") }
        }
        // Small segments: the log asks for new space often, so a full disk is met there too.
        let initdb = try ChildProcess(
            name: "initdb",
            arguments: try asItsUser([
                bin + "/initdb", "--pgdata=\(folder)", "--auth=trust", "--username=hub",
                "--encoding=UTF8", "--locale=C", "--wal-segsize=1",
            ] + (logFolder.map { ["--waldir=\($0)"] } ?? [])),
            logPath: logPath)
        try initdb.start()
        try initdb.finish()
    }

    /// PostgreSQL refuses to run as root. Changing the user clears the signal that a child gets at
    /// its parent's death, so it is asked for again.
    private static func asItsUser(_ words: [String]) throws -> [String] {
        guard geteuid() == 0 else { return words }
        guard let setpriv = Program.path("setpriv") else { throw BenchError("there is no setpriv here") }
        return [setpriv, "--reuid=postgres", "--regid=postgres", "--clear-groups",
                "--pdeathsig=KILL"] + words
    }

    func start() throws {
        try server.start()
        startedAt = MonotonicClock.now()
    }

    /// Waits until it takes connections.
    func waitUntilReady() throws {
        let deadline = MonotonicClock.now() + 60_000_000_000
        while !isReady() {
            try Interruption.check()
            try server.check()
            guard MonotonicClock.now() < deadline else {
                throw BenchError("PostgreSQL takes no connections after 60 s: \(server.lastWords())")
            }
            usleep(2_000)
        }
    }

    /// Whether it takes connections, as far as that is known: each call begins to ask, or sees whether
    /// there is an answer.
    func isReady() -> Bool {
        guard probe.process > 0 else {
            try? probe.start()
            return false
        }
        return (try? probe.hasFinished()) ?? false
    }

    /// All of it at once, as when the machine dies.
    func kill() {
        guard server.process > 0 else { return }
        // Stopped first, so that it makes no more backends while they are counted.
        Glibc.kill(server.process, SIGSTOP)
        let backends = ProcessTable.children(of: server.process)
        for backend in backends { Glibc.kill(backend, SIGKILL) }
        server.kill()
        // They are ours now: a backend that nobody has buried keeps the next server from starting.
        for backend in backends { waitpid(backend, nil, 0) }
    }

    func suspend() { signalAll(SIGSTOP) }
    func resume() { signalAll(SIGCONT) }

    private func signalAll(_ number: Int32) {
        guard server.process > 0 else { return }
        Glibc.kill(server.process, number)
        for backend in ProcessTable.children(of: server.process) { Glibc.kill(backend, number) }
    }

    func check() throws { try server.check() }

    /// Starts it again when it has ended by itself, five times a second at most.
    func revive() throws {
        if server.ending() != nil { ProcessTable.bury(named: "postgres") }
        if server.process == 0, MonotonicClock.now() > startedAt + 200_000_000 { try start() }
    }
}

/// What /proc says of other processes.
enum ProcessTable {
    static func children(of parent: Int32) -> [Int32] {
        all().filter { $0.parent == parent }.map(\.process)
    }

    /// Waits for dead children of that name whose own parent died before them.
    static func bury(named name: String) {
        for entry in all() where entry.parent == getpid() && entry.name == name {
            waitpid(entry.process, nil, WNOHANG)
        }
    }

    private static func all() -> [(process: Int32, parent: Int32, name: String)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { name in
            // "PID (NAME) STATE PARENT …"; a name may hold spaces and parentheses.
            guard let process = Int32(name), let text = SystemFile.read("/proc/\(name)/stat"),
                  let start = text.firstIndex(of: "("), let end = text.lastIndex(of: ")"),
                  case let words = text[end...].split(separator: " "), words.count > 2,
                  let parent = Int32(words[2]) else { return nil }
            return (process, parent, String(text[text.index(after: start)..<end]))
        }
    }
}
