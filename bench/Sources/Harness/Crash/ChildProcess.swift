// A program as a child of this one: started, killed, started again. Its output goes to a file. It dies
// with this process, however that ends.

internal import CBench
internal import Foundation
internal import Glibc

package final class ChildProcess {
    private let name: String
    private let arguments: [String]
    private let environment: [String: String]
    private let log: Int32
    private let core: Int32
    package let logPath: String
    package private(set) var process: Int32 = 0

    /// - Parameters:
    ///   - name: what complaints call it.
    ///   - arguments: the path of the program first.
    ///   - environment: variables besides those of this process.
    ///   - core: where it has to run; anywhere when `nil`.
    package init(name: String, arguments: [String], environment: [String: String] = [:],
                 logPath: String, core: Int? = nil) throws {
        self.core = Int32(core ?? -1)
        self.name = name
        self.arguments = arguments
        self.environment = environment
        self.logPath = logPath
        log = open(logPath, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw BenchError.system("cannot write '\(logPath)'") }
    }

    deinit {
        kill()
        close(log)
    }

    package func start() throws {
        precondition(process == 0, "one process at a time")
        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var words = arguments.map { strdup($0) } + [nil]
        var variables = all.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (words + variables).forEach { free($0) } }
        let id = bench_spawn(arguments[0], &words, &variables, log, core)
        guard id > 0 else { throw BenchError.system("cannot start '\(arguments[0])'", -id) }
        process = id
    }

    /// Without warning.
    package func kill() {
        // 0 would be a group of processes, and this one in it.
        guard process > 0 else { return }
        Glibc.kill(process, SIGKILL)
        waitpid(process, nil, 0)
        process = 0
    }

    /// Asks it to stop; `ending` says when it has.
    func askToStop() {
        if process > 0 { Glibc.kill(process, SIGTERM) }
    }

    /// Asks it to stop and waits; returns whether it did within `seconds`.
    package func stop(seconds: Int) -> Bool {
        guard process > 0 else { return true }
        Glibc.kill(process, SIGTERM)
        let deadline = MonotonicClock.now() + UInt64(seconds) * 1_000_000_000
        while MonotonicClock.now() < deadline {
            if waitpid(process, nil, WNOHANG) == process {
                process = 0
                return true
            }
            usleep(5_000)
        }
        kill()
        return false
    }

    /// Throws when it has ended by itself.
    package func check() throws {
        guard let how = ending() else { return }
        throw BenchError("\(name) ended by itself (\(how)); its last words: \(lastWords())")
    }

    /// How it ended by itself, said once; `nil` while it runs.
    func ending() -> String? {
        guard process > 0 else { return nil }
        var status: Int32 = 0
        guard waitpid(process, &status, WNOHANG) == process else { return nil }
        process = 0
        return Self.words(status)
    }

    /// Waits for its end; throws unless it ended well.
    func finish() throws {
        guard process > 0 else { return }
        var status: Int32 = 0
        waitpid(process, &status, 0)
        process = 0
        try demandSuccess(status)
    }

    /// Whether it has ended; throws unless it ended well.
    func hasFinished() throws -> Bool {
        guard process > 0 else { return true }
        var status: Int32 = 0
        guard waitpid(process, &status, WNOHANG) == process else { return false }
        process = 0
        try demandSuccess(status)
        return true
    }

    private func demandSuccess(_ status: Int32) throws {
        guard status == 0 else {
            throw BenchError("\(name) failed (\(Self.words(status))): \(lastWords())")
        }
    }

    private static func words(_ status: Int32) -> String {
        status & 0x7F == 0 ? "exit code \(status >> 8 & 0xFF)" : "signal \(status & 0x7F)"
    }

    package func lastWords() -> String {
        let text = SystemFile.read(logPath) ?? ""
        return text.split(separator: "\n").suffix(3).joined(separator: " / ")
    }
}

/// Programs of the system, by their names.
enum Program {
    /// Where it is; some are only in root's PATH.
    static func path(_ name: String) -> String? {
        if name.contains(where: { $0 == "/" }) { return access(name, X_OK) == 0 ? name : nil }
        let listed = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        for folder in listed.map(String.init) + ["/usr/sbin", "/sbin"] {
            if access("\(folder)/\(name)", X_OK) == 0 { return "\(folder)/\(name)" }
        }
        return nil
    }

    /// Starts it, its output added to the file `log`.
    static func start(_ words: String..., log: String) throws -> ChildProcess {
        try start(words, log)
    }

    /// The same, to its end.
    static func run(_ words: String..., log: String) throws { try start(words, log).finish() }

    private static func start(_ words: [String], _ log: String) throws -> ChildProcess {
        guard let path = path(words[0]) else { throw BenchError("there is no \(words[0]) here") }
        let child = try ChildProcess(name: words.joined(separator: " "),
                                     arguments: [path] + words.dropFirst(), logPath: log)
        try child.start()
        return child
    }
}

package enum FreePort {
    /// A port of loopback that nothing listens on now.
    package static func find() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw BenchError.system("cannot make a socket") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) != 0 || getsockname(descriptor, $0, &size) != 0
            }
        }
        guard !failed else { throw BenchError.system("cannot find a free port") }
        return UInt16(bigEndian: address.sin_port)
    }
}
