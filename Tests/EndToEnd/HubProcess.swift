// The real binary as a child process, on a free port and a data folder of its own.

import Foundation
import Testing

/// A running hub. Its folder goes with the last reference; `kill` is `kill -9`.
final class HubProcess {
    let folder: URL
    private(set) var port = 0
    /// Lines on stdout since the last start.
    private(set) var lines: [String] = []
    private var process: Process?
    private let options: [String]

    /// The binary that this build made, beside the test bundle.
    static let binary: URL = {
        let bundle = Bundle.allBundles.map(\.bundleURL).first { $0.path.contains(".xctest") }
        let beside = bundle?.deletingLastPathComponent()
            ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        return beside.appendingPathComponent("hub")
    }()

    static func temporaryFolder() -> URL {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("hub-test-\(UUID().uuidString)")
        try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    /// - Parameter port: 0: any free one.
    init(options: [String] = [], port: Int = 0) throws {
        folder = Self.temporaryFolder()
        self.options = options
        self.port = port
        try start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: folder)
        try? FileManager.default.removeItem(at: logFile)
    }

    /// Starts it and waits until it says that it listens; the same port again after a kill.
    func start() throws {
        let child = Process()
        child.executableURL = Self.binary
        child.arguments = ["--data-dir", folder.path, "--listen", "127.0.0.1:\(port)",
                           "--web-dir", Self.webFolder.path] + options
        let pipe = Pipe()
        child.environment = ProcessInfo.processInfo.environment.merging(limitsLifted) { $1 }
        child.standardOutput = pipe
        child.standardError = try errors()
        try child.run()
        process = child
        lines = []
        var text = ""
        while !(text.hasSuffix("\n") && lines.contains { $0.hasPrefix("listening on ") }) {
            let data = pipe.fileHandleForReading.availableData
            guard !data.isEmpty else { throw StartFailure(lines: lines) }
            text += String(decoding: data, as: UTF8.self)
            lines = text.split(separator: "\n").map(String.init)
        }
        let address = lines.first { $0.hasPrefix("listening on ") }!
        port = Int(address.split(separator: ":").last!)!
    }

    /// Rates say how fast people may be, not how fast a test may be: how many commands it sends in a second is
    /// the machine's doing. A test about one of them sets it, in its options or in a file.
    private var limitsLifted: [String: String] {
        guard !options.contains("--config") else { return [:] }
        let rates = ["COMMANDS", "ACCOUNT_COMMANDS", "CONNECTIONS", "ADDRESS_CONNECTIONS", "PINGS"]
        return Dictionary(uniqueKeysWithValues: rates.map { ("HUB_\($0)_PER_SECOND", "0") })
    }

    private var logFile: URL { folder.appendingPathExtension("log") }

    /// Behind what the starts before have written.
    private func errors() throws -> FileHandle {
        if !FileManager.default.fileExists(atPath: logFile.path) {
            _ = FileManager.default.createFile(atPath: logFile.path, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: logFile)
        try handle.seekToEnd()
        return handle
    }

    /// What it has written to stderr, over all starts.
    var log: String { (try? String(contentsOf: logFile, encoding: .utf8)) ?? "" }

    /// Waits until the log behind its first `count` characters is as wanted.
    func waitForLog(after count: Int, _ isDone: (String) -> Bool) throws -> String {
        let end = Date(timeIntervalSinceNow: 120)
        while true {
            let text = String(log.dropFirst(count))
            if isDone(text) { return text }
            guard Date() < end else { throw DeadlinePassed() }
            poll(nil, 0, 5)
        }
    }

    struct StartFailure: Error { var lines: [String] }

    /// The secret of the link that the first start prints.
    var setUpToken: String? {
        lines.compactMap { $0.components(separatedBy: "/#setup=").dropFirst().first }.first
    }

    func kill() {
        guard let process, process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func signal(_ number: Int32) {
        if let process, process.isRunning { Foundation.kill(process.processIdentifier, number) }
    }

    /// The exit code, when it has ended.
    func waitForExit() -> Int32 {
        guard let process else { return -1 }
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// SIGTERM, and the exit code.
    func stop() -> Int32 {
        signal(SIGTERM)
        return waitForExit()
    }

    static let webFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("web")

    /// Runs the binary to its end: exit code, stdout, stderr.
    static func run(_ arguments: [String], environment: [String: String] = [:])
        throws -> (code: Int32, out: String, errors: String)
    {
        let child = Process()
        child.executableURL = binary
        child.arguments = arguments
        child.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let out = Pipe()
        let errors = Pipe()
        child.standardOutput = out
        child.standardError = errors
        try child.run()
        let outData = out.fileHandleForReading.readDataToEndOfFile()
        let errorData = errors.fileHandleForReading.readDataToEndOfFile()
        child.waitUntilExit()
        return (child.terminationStatus, String(decoding: outData, as: UTF8.self),
                String(decoding: errorData, as: UTF8.self))
    }
}
