// What cannot start says why in one line on stderr, with the remedy, and ends with a code of its own.

import Foundation
import Testing

@Suite struct StartTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var arguments: @Sendable (URL) -> [String]
        var environment: [String: String] = [:]
        var code: Int32
        var words: [String]
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "unknown option", arguments: { _ in ["--data-dri", "x"] }, code: 64,
             words: ["--data-dri", "--data-dir"]),
        Case(name: "value out of range", arguments: { _ in ["--front-loops", "0"] }, code: 64,
             words: ["front-loops"]),
        Case(name: "unknown key in file", arguments: { folder in
            let file = folder.appendingPathComponent("hub.conf")
            try? "listn = 127.0.0.1:1\n".write(to: file, atomically: true, encoding: .utf8)
            return ["--config", file.path]
        }, code: 78, words: ["hub.conf:1", "listen"]),
        Case(name: "data directory that is a file", arguments: { folder in
            let file = folder.appendingPathComponent("file")
            try? "x".write(to: file, atomically: true, encoding: .utf8)
            return ["--data-dir", file.path]
        }, code: 73, words: ["file"]),
        Case(name: "passphrase as master key", arguments: { ["--data-dir", $0.path] },
             environment: ["MASTER_KEY": "correct horse battery staple"], code: 78, words: ["MASTER_KEY"]),
        Case(name: "a store that is no database", arguments: { folder in
            let file = folder.appendingPathComponent("not.sqlite")
            try? String(repeating: "no database ", count: 500).write(to: file, atomically: true, encoding: .utf8)
            return ["--data-dir", folder.path, "--store", "sqlite:\(file.path)"]
        }, code: 78, words: ["not.sqlite"]),
        Case(name: "a store that forgets", arguments: {
            ["--data-dir", $0.path, "--store", "sqlite::memory:"]
        }, code: 78, words: ["sqlite:PATH"]),
        Case(name: "a password on the command line", arguments: {
            ["--data-dir", $0.path, "--store", "postgresql://hub:geheim@127.0.0.1:1/hub"]
        }, code: 64, words: ["store_password_file"]),
        Case(name: "no database server", arguments: {
            ["--data-dir", $0.path, "--create-master-key", "true", "--store-wait", "0ms"]
        }, environment: ["HUB_STORE": "postgresql://hub:geheim@127.0.0.1:1/hub"], code: 69,
             words: ["127.0.0.1"]),
        Case(name: "a folder that any user may write to", arguments: { folder in
            let open = folder.appendingPathComponent("open")
            try? FileManager.default.createDirectory(at: open, withIntermediateDirectories: true)
            try? FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: open.path)
            return ["--data-dir", open.path]
        }, code: 78, words: ["777", "chmod 700"]),
        Case(name: "no web client", arguments: { ["--data-dir", $0.path, "--web-dir", "/nonexistent"] },
             code: 78, words: ["/nonexistent"]),
    ]

    @Test(arguments: cases)
    func refuses(_ start: Case) throws {
        let folder = HubProcess.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let base = start.name == "no web client" ? [] : ["--web-dir", HubProcess.webFolder.path]
        let result = try HubProcess.run(base + ["--listen", "127.0.0.1:0"] + start.arguments(folder),
                                        environment: start.environment)
        #expect(result.code == start.code, "\(result.errors)")
        let lines = result.errors.split(separator: "\n").filter { $0.hasPrefix("hub: ") }
        #expect(lines.count == 1, "\(result.errors)")
        for word in start.words { #expect(result.errors.contains(word), "\(result.errors)") }
        #expect(!result.errors.contains("geheim"), "no secret in an error")
        #expect(!result.errors.contains("horse"), "no secret in an error")
    }

    @Test func refusesATakenPort() throws {
        let hub = try HubProcess()
        let folder = HubProcess.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try HubProcess.run(["--data-dir", folder.path, "--listen", "127.0.0.1:\(hub.port)",
                                         "--web-dir", HubProcess.webFolder.path])
        #expect(result.code == 71)
        #expect(result.errors.contains("127.0.0.1:\(hub.port)"))
    }

    @Test func refusesASecondHubOnTheSameData() throws {
        let hub = try HubProcess()
        let result = try HubProcess.run(["--data-dir", hub.folder.path, "--listen", "127.0.0.1:0",
                                         "--web-dir", HubProcess.webFolder.path])
        #expect(result.code == 78 || result.code == 69, "\(result.errors)")
        #expect(result.errors.contains("hub.db"))
    }

    @Test func refusesTheWrongMasterKey() throws {
        let hub = try HubProcess()
        #expect(hub.stop() == 0)
        let other = Data((0..<32).map { _ in UInt8.random(in: 0...255) }).base64EncodedString()
        let result = try HubProcess.run(
            ["--data-dir", hub.folder.path, "--listen", "127.0.0.1:0", "--web-dir", HubProcess.webFolder.path],
            environment: ["MASTER_KEY": other])
        #expect(result.code == 78)
        #expect(result.errors.contains("master key"))
    }

    @Test func theKeyFileIsPrivateAndAnnounced() throws {
        let hub = try HubProcess()
        let path = hub.folder.appendingPathComponent("master.key").path
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(hub.lines.contains { $0.contains(path) })
    }

    /// Bodies are encrypted, but not names and addresses.
    @Test(arguments: [0o644, 0o660, 0o600]) func aDatabaseThatOthersCanReadIsAWarning(_ mode: Int) throws {
        let hub = try HubProcess()
        #expect(hub.stop() == 0)
        let database = hub.folder.appendingPathComponent("hub.db").path
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: database)
        let count = hub.log.count
        try hub.start()
        let said = hub.log.dropFirst(count).contains("can be read or changed by other users: run `chmod 600`")
        #expect(said == (mode != 0o600))
    }

    @Test func helpAndVersionAreForPeople() throws {
        let help = try HubProcess.run(["--help"])
        #expect(help.code == 0 && help.out.contains("--listen") && help.errors.isEmpty)
        let version = try HubProcess.run(["--version"])
        #expect(version.code == 0 && version.out.hasPrefix("hub "))
    }
}
