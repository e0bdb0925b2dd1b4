// The hub as a child process: started, killed, started again. Its output goes to a file; the link
// that it prints at its first start is read from there.

internal import CBench
internal import Foundation
internal import Glibc

package final class HubProcess {
    private let arguments: [String]
    private let log: Int32
    package let logPath: String
    package private(set) var process: Int32 = 0

    /// - Parameter arguments: the path of the program first.
    package init(arguments: [String], logPath: String) throws {
        self.arguments = arguments
        self.logPath = logPath
        log = open(logPath, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw BenchError.system("cannot write '\(logPath)'") }
    }

    deinit {
        if process > 0 {
            Glibc.kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        close(log)
    }

    package func start() throws {
        precondition(process == 0, "one process at a time")
        var words = arguments.map { strdup($0) } + [nil]
        var variables = ProcessInfo.processInfo.environment.map { strdup("\($0.key)=\($0.value)") }
            + [nil]
        defer { (words + variables).forEach { free($0) } }
        let id = bench_spawn(arguments[0], &words, &variables, log)
        guard id > 0 else { throw BenchError.system("cannot start '\(arguments[0])'", -id) }
        process = id
    }

    /// Without warning, as a power cut would.
    package func kill() {
        Glibc.kill(process, SIGKILL)
        waitpid(process, nil, 0)
        process = 0
    }

    /// Asks it to stop and waits; returns whether it did within `seconds`.
    package func stop(seconds: Int) -> Bool {
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
        guard process > 0 else { return }
        var status: Int32 = 0
        guard waitpid(process, &status, WNOHANG) == process else { return }
        process = 0
        let how = status & 0x7F == 0 ? "exit code \(status >> 8 & 0xFF)" : "signal \(status & 0x7F)"
        throw BenchError("the hub ended by itself (\(how)); its last words: \(lastWords())")
    }

    package func lastWords() -> String {
        let text = SystemFile.read(logPath) ?? ""
        return text.split(separator: "\n").suffix(3).joined(separator: " / ")
    }

    /// The token of the link that sets the first organisation up.
    package func setupToken() -> String? {
        let text = SystemFile.read(logPath) ?? ""
        guard let start = text.range(of: "#setup=") else { return nil }
        let token = text[start.upperBound...].prefix {
            $0.isASCII && !$0.isWhitespace && $0 != "\""
        }
        return token.isEmpty ? nil : String(token)
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
