// A PostgreSQL server of a test's own, to be killed: a direct child, with its data in a folder.

import CPQ
import Glibc
import Ports

final class OwnPostgres: Sendable {
    let folder: Folder
    let port: Int
    private let bin: String
    private let child = Lock<pid_t>(0)

    var url: String { "postgresql://hub@127.0.0.1:\(port)/postgres" }
    private var data: String { folder.path + "/data" }

    init() throws {
        guard let bin = getenv("HUB_POSTGRES_BIN").map({ String(cString: $0) }) else {
            throw Fault("HUB_POSTGRES_BIN is not set; see scripts/with-postgres")
        }
        self.bin = bin
        folder = try Folder()
        port = .random(in: 20_000...32_000)
        if getuid() == 0, let user = getpwnam("postgres") {
            chown(folder.path, user.pointee.pw_uid, user.pointee.pw_gid)
        }
        let code = try wait(
            for: run([bin + "/initdb", "--pgdata=\(data)", "--auth=trust", "--username=hub",
                      "--encoding=UTF8", "--locale=C", "--no-sync"]))
        guard code == 0 else { throw Fault("initdb failed") }
    }

    /// Starts it and waits until it answers.
    /// - Parameter asReplica: it comes up as a replica that is promoted at once: on another timeline.
    func start(asReplica: Bool = false) async throws {
        if asReplica { _ = try wait(for: run(["/usr/bin/touch", data + "/recovery.signal"])) }
        let arguments = [bin + "/postgres", "-D", data, "-p", "\(port)", "-c", "listen_addresses=127.0.0.1",
                         "-c", "unix_socket_directories=", "-c", "log_min_messages=panic",
                         "-c", "restore_command=false"]
        try child.withLock { $0 = try run(arguments) }
        try await ContractTests.wait("PostgreSQL to start") {
            // It refuses to start while a process of its predecessor is still there.
            var status: Int32 = 0
            let isGone = child.withLock { waitpid($0, &status, WNOHANG) == $0 }
            if isGone { child.withLock { $0 = (try? run(arguments)) ?? 0 } }
            return PQping(url) == PQPING_OK
        }
    }

    /// SIGKILL for all its processes at once.
    func kill() {
        let pid = child.withLock { $0 }
        signal(SIGSTOP)
        for process in processes() { Glibc.kill(process, SIGKILL) }
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    func signal(_ number: Int32) {
        for process in processes() { Glibc.kill(process, number) }
    }

    func remove() {
        signal(SIGCONT)
        kill()
        _ = try? wait(for: run(["/bin/rm", "-rf", data]))
        folder.remove()
    }

    /// The server and its children, which are in process groups of their own.
    private func processes() -> [pid_t] {
        let parent = child.withLock { $0 }
        guard let file = fopen("/proc/\(parent)/task/\(parent)/children", "r") else { return [parent] }
        defer { fclose(file) }
        var line = [UInt8](repeating: 0, count: 1 << 14)
        let count = fread(&line, 1, line.count, file)
        let text = String(decoding: line[..<count], as: UTF8.self)
        return [parent] + text.split(separator: " ").compactMap { pid_t($0) }
    }

    /// PostgreSQL refuses to run as root.
    private func run(_ command: [String]) throws -> pid_t {
        let prefix = ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        let words = (getuid() == 0 ? prefix : []) + command
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var pid = pid_t()
        guard posix_spawn(&pid, words[0], &actions, nil, &arguments, environ) == 0 else {
            throw Fault("cannot run \(words[0])")
        }
        return pid
    }

    private func wait(for pid: pid_t) throws -> Int32 {
        var status: Int32 = 0
        guard waitpid(pid, &status, 0) == pid else { throw Fault("no child to wait for") }
        return status
    }
}
