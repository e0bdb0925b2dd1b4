// Two people, the real binary and real databases: sign-up, invitation, messages, kill -9, resume.

import Foundation
import Testing

/// The stores the suite runs on; PostgreSQL when a server is at hand (scripts/with-postgres).
enum TestStore: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case sqlite, postgres
    var testDescription: String { rawValue }

    static var available: [TestStore] {
        let environment = ProcessInfo.processInfo.environment
        if environment["HUB_TEST_POSTGRES"] != nil { return allCases }
        precondition(environment["HUB_REQUIRE_POSTGRES"] != "1", "HUB_TEST_POSTGRES is not set")
        return [.sqlite]
    }

    /// Options for a hub with an empty store of this kind.
    func options() throws -> [String] {
        guard self == .postgres else { return [] }
        let server = ProcessInfo.processInfo.environment["HUB_TEST_POSTGRES"]!
        let name = "e2e_" + UUID().uuidString.lowercased().replacingOccurrences(of: "-", with: "")
        let create = Process()
        create.executableURL = URL(fileURLWithPath: "/usr/bin/psql")
        create.arguments = ["-q", "-d", server, "-c", "CREATE DATABASE \(name)"]
        try create.run()
        create.waitUntilExit()
        try #require(create.terminationStatus == 0)
        var url = URLComponents(string: server)!
        url.path = "/" + name
        return ["--store", url.string!, "--create-master-key", "true"]
    }
}

/// A hub with an owner and a member signed in.
struct Company {
    let hub: HubProcess
    let owner: String
    let member: String
    let channel: String

    init(_ store: TestStore = .sqlite, options: [String] = []) throws {
        try self.init(hub: HubProcess(options: try store.options() + options))
    }

    /// - Parameter hub: running on an empty database.
    init(hub: HubProcess) throws {
        self.hub = hub
        let token = try #require(hub.setUpToken)
        let setUp = try request("POST", "/api/v1/setup", port: hub.port, json: [
            "token": token, "organisation": "Acme", "email": "ada@example.org",
            "password": "a long enough phrase", "first_name": "Ada", "last_name": "L",
        ])
        try #require(setUp.status == 201, "\(String(decoding: setUp.body, as: UTF8.self))")
        owner = try #require(setUp.json["access_token"] as? String)
        let invited = try request("POST", "/api/v1/invitations", port: hub.port,
                                  json: ["role": "MEMBER"], bearer: owner)
        try #require(invited.status == 201, "\(String(decoding: invited.body, as: UTF8.self))")
        let accepted = try request("POST", "/api/v1/invitations/accept", port: hub.port, json: [
            "token": try #require(invited.json["token"] as? String), "email": "bob@example.org",
            "password": "another long phrase", "first_name": "Bob", "last_name": "M",
        ])
        try #require(accepted.status == 201, "\(String(decoding: accepted.body, as: UTF8.self))")
        member = try #require(accepted.json["access_token"] as? String)
        let client = try ProtocolClient(port: hub.port, token: owner)
        let reply = try client.ask(["create_channel": ["name": "general", "kind": "OPEN"]])
        let made = (reply["channel"] as? [String: Any])?["channel"] as? [String: Any]
        channel = try #require(made?["id"] as? String)
    }

    func post(_ text: String, key: String? = nil) -> [String: Any] {
        ["post": ["channel": channel, "key": key ?? text, "text": text]]
    }

    func broadcast(_ text: String) -> [String: Any] {
        ["broadcast": ["channel": channel, "text": text]]
    }

    func subscribe(after sequence: Int? = nil) -> [String: Any] {
        var command: [String: Any] = ["channel": channel]
        if let sequence { command["after"] = ["epoch": "1", "sequence": "\(sequence)"] }
        return ["subscribe": command]
    }
}

func slug(_ reply: [String: Any]) -> String? {
    (reply["error"] as? [String: Any])?["slug"] as? String
}
func position(_ reply: [String: Any]) -> Int? {
    let posted = reply["posted"] as? [String: Any]
    return ((posted?["position"] as? [String: Any])?["sequence"] as? String).flatMap { Int($0) }
}

@Suite struct ConversationTests {
    @Test(arguments: TestStore.available)
    func twoPeopleTalkAndAKillInBetweenLosesNothing(store: TestStore) throws {
        let company = try Company(store)
        let ada = try ProtocolClient(port: company.hub.port, token: company.owner)
        var bob = try ProtocolClient(port: company.hub.port, token: company.member)
        #expect(try slug(bob.ask(company.post("early"))) == "not_member")
        #expect(try bob.ask(["join": ["channel": company.channel]])["channel"] != nil)
        try bob.ask(company.subscribe())
        for number in 1...20 { #expect(try position(ada.ask(company.post("m\(number)"))) == number + 1) }
        let before = try bob.events(20)
        #expect(before.map(\.text) == (1...20).map { "m\($0)" })

        company.hub.kill()
        try company.hub.start()

        let ada2 = try ProtocolClient(port: company.hub.port, token: company.owner)
        #expect(try position(ada2.ask(company.post("m20"))) == 21, "a retry gets the old position")
        for number in 21...25 { _ = try ada2.ask(company.post("m\(number)")) }
        bob = try ProtocolClient(port: company.hub.port, token: company.member)
        try bob.ask(company.subscribe(after: before.last!.sequence))
        #expect(try bob.events(5).map(\.text) == ["m21", "m22", "m23", "m24", "m25"])

        let page = try bob.ask(["history": ["channel": company.channel, "limit": 200]])
        let events = (page["history_page"] as? [String: Any])?["events"] as? [[String: Any]] ?? []
        #expect(events.compactMap { ($0["sequence"] as? String).flatMap { Int($0) } } == Array(1...26))
    }

    @Test func aBroadcastIsHeardByThoseWhoListen() throws {
        let company = try Company()
        let ada = try ProtocolClient(port: company.hub.port, token: company.owner)
        let bob = try ProtocolClient(port: company.hub.port, token: company.member)
        #expect(try slug(bob.ask(company.broadcast("x"))) == "not_member")
        _ = try bob.ask(["join": ["channel": company.channel]])
        try bob.ask(company.subscribe())
        #expect(try slug(ada.ask(company.broadcast(String(repeating: "x", count: 4_097)))) == "too_large")
        #expect(try ada.ask(company.broadcast(#"{"x":1}"#))["done"] != nil)
        #expect(try bob.broadcast()["text"] as? String == #"{"x":1}"#)
        // It is no part of the log: the next event has the next number.
        #expect(try position(ada.ask(company.post("m"))) == 2)
        #expect(try bob.events(1).map(\.text) == ["m"])
    }

    @Test func messagesAreNotReadableInTheDataFolder() throws {
        let company = try Company()
        let ada = try ProtocolClient(port: company.hub.port, token: company.owner)
        let canary = "canary-\(UUID().uuidString)"
        #expect(try position(ada.ask(company.post(canary, key: "k"))) != nil)
        company.hub.kill()
        for file in try FileManager.default.contentsOfDirectory(at: company.hub.folder,
                                                                includingPropertiesForKeys: nil) {
            let bytes = try Data(contentsOf: file)
            #expect(bytes.range(of: Data(canary.utf8)) == nil, "\(file.lastPathComponent)")
            #expect(bytes.range(of: Data("a long enough phrase".utf8)) == nil)
        }
    }

    @Test func stoppingSendsClientsAwayAndEndsWithSuccess() throws {
        let company = try Company()
        let ada = try ProtocolClient(port: company.hub.port, token: company.owner)
        #expect(company.hub.stop() == 0)
        #expect(try ada.readToClose() == 4000)
        #expect(ada.pushes.contains { $0["closing"] != nil })
    }

    @Test func aRevokedSignInGoesDarkAtOnce() throws {
        let company = try Company()
        let ada = try ProtocolClient(port: company.hub.port, token: company.owner)
        let logins = try request("GET", "/api/v1/logins", port: company.hub.port, bearer: company.owner)
        let id = try #require((logins.json["logins"] as? [[String: Any]])?.first?["id"] as? String)
        let ended = try request("DELETE", "/api/v1/logins/\(id)", port: company.hub.port, bearer: company.owner)
        #expect(ended.status == 204)
        #expect(try ada.readToClose() == 4501)
        let again = try ProtocolClient(port: company.hub.port, token: nil)
        try again.send(["hello": ["token": company.owner]])
        #expect(try again.readToClose() == 4501)
    }
}

@Suite struct BadInputTests {
    @Test func badFramesAreAnsweredOrClosedWithACode() throws {
        let company = try Company()
        let port = company.hub.port
        let client = try ProtocolClient(port: port, token: company.owner)
        #expect(try slug(client.ask(["subscribe": ["channel": "00000000-0000-7000-8000-000000000000"]])) == "not_found")
        #expect(try slug(client.ask(["subscribe": ["channel": "nonsense"]])) == "invalid_argument")
        #expect(try slug(client.ask(["fly": [:] as [String: Any]])) == "unknown_command")
        #expect(try slug(client.ask(company.post("", key: "k"))) == "invalid_argument")
        #expect(try slug(client.ask(company.post(String(repeating: "x", count: 16_385), key: "k"))) == "too_large")
        #expect(try slug(client.ask(["create_channel": ["name": String(repeating: "x", count: 81), "kind": "OPEN"]]))
            == "invalid_argument")
        #expect(try client.ask(["ping": [:] as [String: Any]])["pong"] != nil, "the connection is still good")

        let garbled = try ProtocolClient(port: port, token: company.owner)
        try garbled.sendText("{not json")
        #expect(try garbled.readToClose() == 4503)
        let huge = try ProtocolClient(port: port, token: nil)
        try huge.sendText(String(repeating: " ", count: 65_537))
        #expect(try huge.readToClose() == 1009, "64 KiB before authentication")
        let forged = try ProtocolClient(port: port, token: nil)
        try forged.send(["hello": ["token": "eyJ.eyJ.sig"]])
        #expect(try forged.readToClose() == 4500)
    }

    @Test func theUpgradeIsRefusedWhereItMustBe() throws {
        let hub = try HubProcess()
        #expect(throws: ProtocolClient.Refused.self) {
            try ProtocolClient(port: hub.port, token: nil, subprotocol: "chat")
        }
        #expect(throws: ProtocolClient.Refused.self) {
            try ProtocolClient(port: hub.port, token: nil, origin: "https://evil.example")
        }
        _ = try ProtocolClient(port: hub.port, token: nil, origin: "http://127.0.0.1:\(hub.port)")
    }

    @Test func httpRefusesWhatItDoesNotUnderstand() throws {
        let hub = try HubProcess()
        #expect(try request("GET", "/api/v1/nothing", port: hub.port).status == 404)
        #expect(try request("GET", "/api/v1/sign-in", port: hub.port).status == 405)
        #expect(try request("GET", "/../etc/passwd", port: hub.port).status >= 400)
        let wrong = try request("POST", "/api/v1/sign-in", port: hub.port,
                                json: ["email": "nobody@example.org", "password": "does not matter"])
        #expect(wrong.status == 401 && wrong.slug == "bad_credentials")
        let link = try request("POST", "/api/v1/setup", port: hub.port, json: [
            "token": "guess", "organisation": "Acme", "email": "a@example.org",
            "password": "a long enough phrase", "first_name": "A", "last_name": "B",
        ])
        #expect(link.status == 410 && link.slug == "link_invalid")
        #expect(try request("GET", "/healthz", port: hub.port).status == 200)
        #expect(try request("GET", "/readyz", port: hub.port).status == 200)
        let page = try request("GET", "/", port: hub.port)
        #expect(page.status == 200 && page.head.lowercased().contains("content-security-policy: default-src 'none'"))
        let metrics = try request("GET", "/metrics", port: hub.port)
        #expect(metrics.status == 200)
        #expect(String(decoding: metrics.body, as: UTF8.self).contains("hub_sessions 0"))
    }
}
