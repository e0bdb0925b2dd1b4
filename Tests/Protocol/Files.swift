// The files that these tests read beside their code, and the program that judges the samples.

import Glibc

enum Files {
    /// Tests/Protocol.
    static let folder = #filePath.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }

    struct Failure: Error {
        var path: String
        var error: CInt
    }

    /// `path` is relative to this folder.
    static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen("\(folder)/\(path)", "r") else { throw Failure(path: path, error: errno) }
        defer { fclose(file) }
        return readAll(file)
    }

    static func text(_ path: String) throws -> String { String(decoding: try read(path), as: UTF8.self) }

    static func write(_ bytes: [UInt8], to path: String) throws {
        guard let file = fopen("\(folder)/\(path)", "w") else { throw Failure(path: path, error: errno) }
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count else { throw Failure(path: path, error: errno) }
    }

    fileprivate static func readAll(_ file: UnsafeMutablePointer<FILE>) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }
}

/// Tests/Protocol/Golden/oracle.py, which uses the protobuf implementation of Debian.
enum Oracle {
    static let isInstalled: Bool = (try? run("probe").status) == 0

    /// The arguments are words of ours, which the shell takes as they are.
    static func run(_ arguments: String) throws -> (status: CInt, output: String) {
        // Debian's own Python, which python3-protobuf belongs to; another may come first in the path.
        let command = "cd '\(Files.folder)/Golden' && /usr/bin/python3 -B oracle.py \(arguments) 2>&1"
        guard let pipe = popen(command, "r") else { throw Files.Failure(path: "oracle.py", error: errno) }
        let output = Files.readAll(pipe)
        return (pclose(pipe), String(decoding: output, as: UTF8.self))
    }
}
