// `hub backup` while people post, `hub restore` with everything that can be wrong, and what clients get to know of it.

import Foundation
import Testing

@Suite struct BackupTests {
    private func run(_ command: String, _ operands: [String], _ folder: URL, environment: [String: String] = [:])
        throws -> (code: Int32, out: String, errors: String)
    {
        try HubProcess.run([command] + operands + ["--data-dir", folder.path], environment: environment)
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    /// Posts until told to stop; the texts that were acknowledged, in order.
    private final class Talker: @unchecked Sendable {
        // SAFETY: everything is read and written under `lock`.
        private let lock = NSLock()
        private var posted: [String] = []
        private var isOver = false
        private let ended = DispatchSemaphore(value: 0)

        init(_ company: Company) {
            let (port, token, channel) = (company.hub.port, company.owner, company.channel)
            Thread { [self] in
                defer { ended.signal() }
                guard let client = try? ProtocolClient(port: port, token: token) else { return }
                var number = 0
                while !lock.withLock({ isOver }) {
                    number += 1
                    let text = "message \(number)"
                    let post = ["post": ["channel": channel, "key": text, "text": text]]
                    guard let reply = try? client.ask(post), reply["posted"] != nil else { continue }
                    lock.withLock { posted.append(text) }
                }
            }.start()
        }

        var count: Int { lock.withLock { posted.count } }
        func finish() -> [String] {
            lock.withLock { isOver = true }
            ended.wait()
            return lock.withLock { posted }
        }
    }

    private func texts(_ company: Company) throws -> [String] {
        let client = try ProtocolClient(port: company.hub.port, token: company.owner)
        let page = try client.ask(["history": ["channel": company.channel, "limit": 200]])
        let events = (page["history_page"] as? [String: Any])?["events"] as? [[String: Any]] ?? []
        return events.compactMap { $0["text"] as? String }
    }

    @Test func backsUpUnderPostsAndRestores() throws {
        let company = try Company(options: ["--commands-per-second", "0", "--account-commands-per-second", "0"])
        let folder = company.hub.folder
        let backups = HubProcess.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: backups) }
        let talker = Talker(company)
        try waitUntil { talker.count >= 20 }
        let backup = backups.appendingPathComponent("one").path
        let made = try run("backup", [backup], folder)
        #expect(made.code == 0 && made.out.contains("2 accounts"), "\(made.errors)")
        let after = talker.count
        try waitUntil { talker.count > after + 20 }
        let posted = talker.finish()

        #expect(try mode(backup) == 0o700)
        #expect(try mode(backup + "/hub.db") == 0o600 && mode(backup + "/manifest") == 0o600)
        let key = try String(contentsOf: folder.appendingPathComponent("master.key"), encoding: .utf8)
        let manifest = try String(contentsOfFile: backup + "/manifest", encoding: .utf8)
        #expect(!manifest.contains(key.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(try FileManager.default.contentsOfDirectory(atPath: backups.path) == ["one"], "nothing is left beside")
        #expect(try run("backup", [backup], folder).code == 73, "nothing is overwritten")

        // Not while the hub runs, not over a database, not with another key.
        #expect(try run("restore", [backup, "--replace"], folder).code == 78)
        company.hub.kill()
        let refused = try run("restore", [backup], folder)
        #expect(refused.code == 73 && refused.errors.contains("--replace"))
        let other = Data((0..<32).map { _ in UInt8.random(in: 0...255) }).base64EncodedString()
        let foreign = try run("restore", [backup, "--replace"], folder, environment: ["MASTER_KEY": other])
        #expect(foreign.code == 78 && foreign.errors.contains("does not fit this backup"))
        // What was refused has changed nothing.
        try company.hub.start()
        #expect(try texts(company).suffix(10) == posted.suffix(10))

        company.hub.kill()
        let restored = try run("restore", [backup, "--replace"], folder)
        #expect(restored.code == 0, "\(restored.errors)")
        let database = folder.appendingPathComponent("hub.db").path
        #expect(try mode(database) == 0o600)
        #expect(!FileManager.default.fileExists(atPath: database + "-wal"))
        try company.hub.start()
        let kept = try texts(company)
        #expect(kept.count >= 20 && kept.count < posted.count)
        #expect(Array(posted[..<kept.count]) == kept, "what was posted up to one moment, and nothing else")
        #expect(company.hub.log.contains("the database was set back"))
    }

    /// bug-audit 1: the log grows past the position of a client that has been away.
    @Test func aClientThatSawWhatIsGoneIsTold() throws {
        let company = try Company()
        let backups = HubProcess.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: backups) }
        let client = try ProtocolClient(port: company.hub.port, token: company.owner)
        for number in 0..<10 { _ = try client.ask(company.post("old \(number)")) }
        let backup = backups.appendingPathComponent("b").path
        #expect(try run("backup", [backup], company.hub.folder).code == 0)
        for number in 10..<15 { _ = try client.ask(company.post("old \(number)")) }
        var epochs: Set<String> = ["1"]
        for round in 0..<2 {
            #expect(company.hub.stop() == 0)
            #expect(try run("restore", [backup, "--replace"], company.hub.folder).code == 0)
            try company.hub.start()
            let writer = try ProtocolClient(port: company.hub.port, token: company.owner)
            for number in 0..<20 { _ = try writer.ask(company.post("new \(round) \(number)")) }
            let reply = try writer.ask(company.subscribe(after: 15))["subscribed"] as? [String: Any]
            let from = try #require(reply?["from"] as? [String: Any])
            #expect(epochs.insert(try #require(from["epoch"] as? String)).inserted, "an epoch that never was")
            #expect(reply?["gap"] != nil)
        }
    }

    @Test(arguments: ["a byte of the database", "a number of the manifest", "no manifest"])
    func whatIsDamagedIsNotRestored(_ damage: String) throws {
        let company = try Company()
        let backups = HubProcess.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: backups) }
        let backup = backups.appendingPathComponent("b")
        #expect(try run("backup", [backup.path], company.hub.folder).code == 0)
        #expect(company.hub.stop() == 0)
        let database = backup.appendingPathComponent("hub.db")
        let manifest = backup.appendingPathComponent("manifest")
        switch damage {
        case "a byte of the database":
            var bytes = try Data(contentsOf: database)
            bytes[bytes.count - 1] ^= 1
            try bytes.write(to: database)
        case "a number of the manifest":
            let text = try String(contentsOf: manifest, encoding: .utf8)
            try text.replacingOccurrences(of: "bytes = ", with: "bytes = 1").write(
                to: manifest, atomically: true, encoding: .utf8)
        default: try FileManager.default.removeItem(at: manifest)
        }
        let before = try FileManager.default.contentsOfDirectory(atPath: company.hub.folder.path).sorted()
        let refused = try run("restore", [backup.path, "--replace"], company.hub.folder)
        #expect(refused.code == 65, "\(refused.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: company.hub.folder.path).sorted() == before)
    }

    /// On another machine: first the key, then the database.
    @Test func anEmptyFolderNeedsTheKeyFirst() throws {
        let company = try Company()
        let place = HubProcess.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: place) }
        let (backup, new) = (place.appendingPathComponent("b"), place.appendingPathComponent("new"))
        #expect(try run("backup", [backup.path], company.hub.folder).code == 0)
        let refused = try run("restore", [backup.path], new)
        #expect(refused.code == 78 && refused.errors.contains("master.key"))
        try FileManager.default.createDirectory(at: new, withIntermediateDirectories: false)
        try FileManager.default.copyItem(at: company.hub.folder.appendingPathComponent("master.key"),
                                         to: new.appendingPathComponent("master.key"))
        #expect(try run("restore", [backup.path], new).code == 0)
        let check = try HubProcess.run(["check", "--data-dir", new.path, "--web-dir", HubProcess.webFolder.path])
        #expect(check.code == 0 && check.out.contains("master key: ok\ndatabase: ok"), "\(check.errors)")
    }

    /// bug-audit 16: a database without its key gets no other.
    @Test func aLostKeyIsNotReplaced() throws {
        let hub = try HubProcess()
        #expect(hub.stop() == 0)
        let key = hub.folder.appendingPathComponent("master.key")
        try FileManager.default.removeItem(at: key)
        for command in [[], ["check"]] {
            let result = try HubProcess.run(command + ["--data-dir", hub.folder.path, "--listen", "127.0.0.1:0",
                                                       "--web-dir", HubProcess.webFolder.path])
            #expect(result.code == 78 && result.errors.contains("no master key"), "\(result.errors)")
            #expect(!FileManager.default.fileExists(atPath: key.path))
        }
    }
}
