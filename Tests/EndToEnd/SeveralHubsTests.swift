// Two hubs over one PostgreSQL database, a client at each: one order, nothing lost, nothing twice.

import Foundation
import Testing

/// Two hubs that were started at the same time on an empty database, with one master key.
private struct Pair {
    let company: Company
    let other: HubProcess
    var one: HubProcess { company.hub }
    private let key: MasterKeyFile

    private final class MasterKeyFile {
        let folder = HubProcess.temporaryFolder()
        var path: String { folder.appendingPathComponent("master.key").path }

        init() throws {
            let key = Data((0..<32).map { _ in UInt8.random(in: 0...255) }).base64EncodedString()
            try #require(FileManager.default.createFile(atPath: path, contents: Data(key.utf8),
                                                        attributes: [.posixPermissions: 0o600]))
        }

        deinit { try? FileManager.default.removeItem(at: folder) }
    }

    init() throws {
        key = try MasterKeyFile()
        let options = Array(try TestStore.postgres.options()[..<2]) + ["--master-key-file", key.path]
        let hubs = try Self.startTogether(options)
        company = try Company(hub: hubs[0])
        other = hubs[1]
    }

    private static func startTogether(_ options: [String]) throws -> [HubProcess] {
        // SAFETY: each element is written by one thread, and read when both have ended.
        nonisolated(unsafe) var results: [Result<HubProcess, any Error>?] = [nil, nil]
        results.withUnsafeMutableBufferPointer { buffer in
            nonisolated(unsafe) let buffer = buffer
            DispatchQueue.concurrentPerform(iterations: 2) { index in
                buffer[index] = Result { try HubProcess(options: options) }
            }
        }
        return try results.map { try $0!.get() }
    }
}

@Suite(.enabled(if: TestStore.available.contains(.postgres))) struct SeveralHubsTests {
    @Test func bothHubsShowOneOrder() throws {
        let pair = try Pair()
        // Each had a link to set up the first organisation; one was used.
        let late = try request("POST", "/api/v1/setup", port: pair.other.port, json: [
            "token": try #require(pair.other.setUpToken), "organisation": "Late", "email": "eve@example.org",
            "password": "a long enough phrase", "first_name": "Eve", "last_name": "L",
        ])
        #expect(late.status >= 400 && late.status < 500, "\(late.status)")

        let ada = try ProtocolClient(port: pair.one.port, token: pair.company.owner)
        let bob = try ProtocolClient(port: pair.other.port, token: pair.company.member)
        try ada.ask(pair.company.subscribe())
        #expect(try bob.ask(["join": ["channel": pair.company.channel]])["channel"] != nil)
        try bob.ask(pair.company.subscribe())
        for number in 1...20 { #expect(try position(ada.ask(pair.company.post("m\(number)"))) == number + 1) }
        #expect(try bob.events(20).map(\.text) == (1...20).map { "m\($0)" })
        // The join and the twenty.
        #expect(try ada.events(21).map(\.sequence) == Array(1...21))

        // Both at once, without waiting for answers.
        for number in 1...100 {
            try ada.send(pair.company.post("a\(number)"))
            try bob.send(pair.company.post("b\(number)"))
        }
        let seen = [try ada.events(200), try bob.events(200)]
        #expect(seen[0].map(\.sequence) == Array(22...221))
        #expect(seen[1].map(\.sequence) == Array(22...221))
        #expect(seen[0].map(\.text) == seen[1].map(\.text))
        for sender in ["a", "b"] {
            let own = seen[0].map(\.text).filter { $0.hasPrefix(sender) }
            #expect(own == (1...100).map { "\(sender)\($0)" }, "in the order they were sent")
        }
    }

    @Test func broadcastsReachBothHubs() throws {
        let pair = try Pair()
        let ada = try ProtocolClient(port: pair.one.port, token: pair.company.owner)
        let bob = try ProtocolClient(port: pair.other.port, token: pair.company.member)
        #expect(try bob.ask(["join": ["channel": pair.company.channel]])["channel"] != nil)
        for client in [ada, bob] { try client.ask(pair.company.subscribe()) }
        // The join has come to both: each hub knows the member.
        _ = try ada.ask(pair.company.post("first"))
        #expect(try bob.events(1).count == 1)
        let long = String(repeating: "\\\"{},é\n", count: 4_096 / 8) // the longest
        for text in ["a", "a", long] {
            #expect(try bob.ask(pair.company.broadcast(text))["done"] != nil)
            let heard = try ada.broadcast()
            #expect(heard["text"] as? String == text)
            #expect(heard["channel"] as? String == pair.company.channel)
        }
    }

    @Test func aSignInRevokedAtOneHubIsClosedAtTheOther() throws {
        let pair = try Pair()
        let bob = try ProtocolClient(port: pair.other.port, token: pair.company.member)
        let logins = try request("GET", "/api/v1/logins", port: pair.one.port, bearer: pair.company.member)
        let id = try #require((logins.json["logins"] as? [[String: Any]])?.first?["id"] as? String)
        let ended = try request("DELETE", "/api/v1/logins/\(id)", port: pair.one.port,
                                bearer: pair.company.member)
        #expect(ended.status == 204)
        #expect(try bob.readToClose() == 4501)
    }

    @Test func aKilledHubLosesNothing() throws {
        let pair = try Pair()
        let bob = try ProtocolClient(port: pair.other.port, token: pair.company.member)
        try bob.ask(pair.company.subscribe())
        let ada = try ProtocolClient(port: pair.one.port, token: pair.company.owner)
        for number in 1...30 { try ada.send(pair.company.post("m\(number)")) }
        // Some are acknowledged, the others under way or not.
        var acknowledged = 0
        while acknowledged < 10 {
            if try ada.next()["posted"] != nil { acknowledged += 1 }
        }
        pair.one.kill()

        // At the other hub all are sent again, under the same keys.
        let again = try ProtocolClient(port: pair.other.port, token: pair.company.owner)
        for number in 1...30 {
            let reply = try again.ask(pair.company.post("m\(number)"))
            if number <= acknowledged { #expect(position(reply) == number) }
        }
        let seen = try bob.events(30)
        #expect(seen.map(\.text) == (1...30).map { "m\($0)" })
        #expect(seen.map(\.sequence) == Array(1...30))
        // And on to the hub that comes back, from where the client was.
        try pair.one.start()
        let back = try ProtocolClient(port: pair.one.port, token: pair.company.member)
        _ = try again.ask(pair.company.post("last"))
        try back.ask(pair.company.subscribe(after: 29))
        #expect(try back.events(2).map(\.text) == ["m30", "last"])
    }
}
