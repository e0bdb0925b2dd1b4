// The process's own side of a start: its arguments, environment and files. All of the start that
// touches the system before the composition begins; CommandLineInvocation.swift decides, this
// fetches.

import Glibc
import Model

extension CommandLineInvocation {
    /// What this process was started to do.
    package static func ofThisProcess() throws(Refusal) -> CommandLineInvocation {
        try CommandLineInvocation(
            arguments: Array(CommandLine.arguments.dropFirst()), environment: environmentVariables()
        ) { path in readFile(path) }
    }

    /// Prints all of `text`, or as much as the reader takes.
    package static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }

    private static func environmentVariables() -> [ExactText: String] {
        var variables: [ExactText: String] = [:]
        var entry = environ
        while let line = entry.pointee {
            let parts = String(cString: line).split(
                atByte: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[ExactText(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return variables
    }

    /// A small file: a configuration or a password. 1 MiB is more than either can need.
    static func readFile(_ path: String) -> Result<[UInt8], FileProblem> {
        let bytesMax = 1 << 20
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(.lastError) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= bytesMax {
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { return .failure(.lastError) }
            if count == 0 { return .success(bytes) }
            bytes += piece[..<count]
        }
        return .failure(FileProblem("larger than 1 MiB"))
    }
}

extension FileProblem {
    /// What `errno` says.
    static var lastError: FileProblem { FileProblem(String(cString: strerror(errno))) }
}

extension Configuration {
    /// The database's location with the password of `store_password_file` put in.
    package func databaseLocationWithPassword() throws(Refusal) -> DatabaseLocation {
        guard let file = storePasswordFile, case .postgresql = databaseLocation else {
            return databaseLocation
        }
        switch CommandLineInvocation.readFile(file) {
        case .failure(let problem):
            throw Refusal(
                .configuration, "store_password_file \(file): cannot be read: \(problem.text)",
                remedy: "check the path and its permissions")
        case .success(let bytes):
            let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
            guard !line.isEmpty, let text = String(validating: line, as: UTF8.self) else {
                throw Refusal(
                    .configuration, "store_password_file \(file): its first line is no password",
                    remedy: "write the password there as UTF-8 text")
            }
            return databaseLocation.with(password: Password(text))
        }
    }
}
