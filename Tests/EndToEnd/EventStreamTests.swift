// The way in without WebSockets, against the real binary, with curl as the client: what docs/protocol.md
// shows, and that nothing is lost or doubled when the hub is killed.

import Foundation
import Testing

/// A client of protocol 1 that reads a stream of events.
private final class CurlClient {
    private let port: Int
    private let process: Process
    private let output = Pipe()
    private var buffer = Data()
    private(set) var head = ""
    private var nextID = 1
    /// All that was read.
    private(set) var frames: [[String: Any]] = []

    init(port: Int, token: String) throws {
        self.port = port
        let body = "{\"id\":1,\"hello\":{\"token\":\"\(token)\"}}"
        process = try Self.curl(["-i", "-N", "http://127.0.0.1:\(port)/stream"], body: body, output)
        head = try read(to: "\r\n\r\n")
        _ = try reply(to: 1)
    }

    deinit { process.terminate() }

    private static func curl(_ arguments: [String], body: String, _ output: Pipe) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        process.arguments = ["-s", "--max-time", "60", "-H", "Content-Type: application/x-ndjson",
                             "--data-binary", body] + arguments
        process.standardOutput = output
        try process.run()
        return process
    }

    var key: String {
        head.components(separatedBy: "\r\n").first { $0.hasPrefix("Hub-Stream: ") }
            .map { String($0.dropFirst(12)) } ?? ""
    }

    private func read(to end: String) throws -> String {
        while true {
            if let range = buffer.range(of: Data(end.utf8)) {
                defer { buffer.removeSubrange(..<range.upperBound) }
                return String(decoding: buffer[..<range.lowerBound], as: UTF8.self)
            }
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw SocketClosed() }
            buffer += more
        }
    }

    func next() throws -> [String: Any] {
        while true {
            let block = try read(to: "\n\n")
            if block.hasPrefix(":") { continue }
            try #require(block.hasPrefix("data: "))
            let frame = try JSONSerialization.jsonObject(with: Data(block.dropFirst(6).utf8)) as? [String: Any]
            frames.append(try #require(frame))
            return frames[frames.count - 1]
        }
    }

    /// Sends commands in one request; the ids they got, and the status of the answer.
    @discardableResult
    func send(_ commands: [[String: Any]], key: String? = nil) throws -> (ids: [Int], status: String) {
        var ids: [Int] = []
        let lines = try commands.map { command in
            nextID += 1
            ids.append(nextID)
            return String(decoding: try JSONSerialization.data(
                withJSONObject: command.merging(["id": nextID]) { $1 }), as: UTF8.self)
        }
        let output = Pipe()
        let post = try Self.curl(["-o", "/dev/null", "-w", "%{http_code}", "-H", "Hub-Stream: \(key ?? self.key)",
                                  "http://127.0.0.1:\(port)/stream/commands"],
                                 body: lines.joined(separator: "\n"), output)
        let status = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        post.waitUntilExit()
        return (ids, status)
    }

    func reply(to id: Int) throws -> [String: Any] {
        while true {
            if let frame = frames.first(where: { $0["id"] as? Int == id }) { return frame }
            _ = try next()
        }
    }

    func ask(_ command: [String: Any]) throws -> [String: Any] { try reply(to: send([command]).ids[0]) }

    /// All events so far, when there are `count`.
    func events(_ count: Int) throws -> [(sequence: Int, text: String)] {
        while true {
            let seen = frames.flatMap { frame in
                ((frame["events"] as? [String: Any])?["events"] as? [[String: Any]] ?? []).map { event in
                    (Int(event["sequence"] as? String ?? "") ?? -1, event["text"] as? String ?? "")
                }
            }
            if seen.count >= count { return seen }
            _ = try next()
        }
    }

    /// Reads to the end; the code of the last frame, if that is `closing`.
    func closeCode() throws -> Int? {
        while (try? next()) != nil {}
        return (frames.last?["closing"] as? [String: Any])?["code"] as? Int
    }
}

@Suite struct EventStreamTests {
    @Test(arguments: TestStore.available)
    func aKillInBetweenLosesNothing(store: TestStore) throws {
        let company = try Company(store, options: ["--front-loops", "3"])
        let ada = try ProtocolClient(port: company.hub.port, token: company.owner)
        try ada.ask(company.subscribe())
        let bob = try CurlClient(port: company.hub.port, token: company.member)
        #expect(bob.head.hasPrefix("HTTP/1.1 200 "))
        #expect(try bob.ask(["join": ["channel": company.channel]])["channel"] != nil)
        #expect(try bob.ask(company.subscribe())["subscribed"] != nil)
        for number in 1...20 { _ = try ada.ask(company.post("a\(number)")) }
        // Each request comes over a connection of its own, so to any loop.
        for number in 1...5 { #expect(try position(bob.ask(company.post("b\(number)"))) == 21 + number) }
        #expect(try bob.send((6...20).map { company.post("b\($0)") }).status == "204")
        let before = try bob.events(40)
        #expect(before.map(\.sequence) == Array(2...41))
        #expect(before.map(\.text) == (1...20).map { "a\($0)" } + (1...20).map { "b\($0)" })
        #expect(try ada.events(41).map(\.sequence) == Array(1...41))

        company.hub.kill()
        try company.hub.start()

        #expect(try bob.closeCode() == nil)
        let ada2 = try ProtocolClient(port: company.hub.port, token: company.owner)
        for number in 20...25 { _ = try ada2.ask(company.post("a\(number)")) }
        let bob2 = try CurlClient(port: company.hub.port, token: company.member)
        #expect(try bob2.send([company.post("b20")], key: bob.key).status == "404", "a key ends with its stream")
        #expect(try position(bob2.ask(company.post("b20"))) == 41, "a retry gets the old position")
        _ = try bob2.ask(company.subscribe(after: before[39].sequence))
        #expect(try bob2.events(5).map(\.text) == ["a21", "a22", "a23", "a24", "a25"])
        #expect(try bob2.events(5).map(\.sequence) == Array(42...46))
    }

    @Test func aStopIsAnnouncedAndARevokedSignInEndsTheStream() throws {
        let company = try Company()
        let ada = try CurlClient(port: company.hub.port, token: company.owner)
        let bob = try CurlClient(port: company.hub.port, token: company.member)
        let logins = try request("GET", "/api/v1/logins", port: company.hub.port, bearer: company.member)
        let id = try #require((logins.json["logins"] as? [[String: Any]])?.first?["id"] as? String)
        let ended = try request("DELETE", "/api/v1/logins/\(id)", port: company.hub.port, bearer: company.member)
        #expect(ended.status == 204)
        #expect(try bob.closeCode() == 4501)
        #expect(company.hub.stop() == 0)
        #expect(try ada.closeCode() == 4000)
    }
}
