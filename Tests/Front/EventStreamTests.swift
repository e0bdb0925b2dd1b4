// Clients without WebSocket over real sockets: a stream of events to read, and requests with commands,
// whichever loop they come to.

import Front
import Model
import Ports
import Testing
import Wire

private let frames = "Content-Type: application/x-ndjson"

extension Peer {
    /// Up to the next empty line, without it: an event or a comment.
    func streamBlock() async throws -> String { try await read(to: 10, 10) }

    /// The frame of the next event; comments are passed over.
    func streamFrame() async throws -> ServerFrame {
        while true {
            let block = try await streamBlock()
            if block.hasPrefix(":") { continue }
            try #require(block.hasPrefix("data: "), "\(block)")
            let found = serverFrames(Array(block.dropFirst(6).utf8))
            try #require(found.count == 1)
            return found[0]
        }
    }

    /// The id and code of the next error.
    func streamError() async throws -> (id: UInt32, code: ErrorCode) {
        let frame = try await streamFrame()
        guard case .error(let error) = frame.body else {
            Issue.record("not an error: \(frame)")
            return (0, .internalFault)
        }
        return (frame.id, error.code)
    }

    /// The stream ends with this, and the connection with the stream.
    func endsStream(_ code: CloseCode) async throws {
        guard case .closing(let closing) = try await streamFrame().body else {
            Issue.record("not told to go")
            return
        }
        #expect(closing.code == code)
        #expect(try await isClosedByHub())
    }

    /// Commands of a stream, in a request of their own.
    func command(_ key: String, _ body: String) async throws -> Answer {
        let length = body.isEmpty ? ["Content-Length: 0"] : []
        return try await ask("POST", "/stream/commands", [frames, "Hub-Stream: \(key)"] + length, body: body)
    }
}

/// A peer that reads a stream of its own.
struct EventStreamPeer {
    let peer: Peer
    let session: World.Attached
    let key: String
}

extension World {
    /// Opens a stream. No hello was said.
    func stream(on peer: Peer? = nil, receiveBytes: Int32? = nil) async throws -> EventStreamPeer {
        let peer = try peer ?? self.peer(receiveBytes: receiveBytes)
        let answer = try await peer.ask("POST", "/stream", [frames, "Content-Length: 0"])
        try #require(answer.status == 200)
        return EventStreamPeer(peer: peer, session: newestSession(), key: try #require(answer.headers["hub-stream"]))
    }
}

private let pings = (1...3).map { "{\"id\":\($0),\"ping\":{}}\n" }.joined()

@Suite(.timeLimit(.minutes(10)))
struct EventStreamTests {
    // MARK: Opening

    @Test func answersThatThereIsMoreToCome() async throws {
        try await withWorld { world in
            let peer = try world.peer()
            let answer = try await peer.ask("POST", "/stream", [frames], body: pings)
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "text/event-stream")
            #expect(answer.headers["cache-control"] == "no-store, no-transform")
            #expect(answer.headers["x-accel-buffering"] == "no")
            #expect(answer.headers["x-content-type-options"] == "nosniff")
            #expect(answer.headers["connection"] == "close")
            #expect(answer.headers["content-length"] == nil)
            #expect(answer.headers["hub-stream"]?.split(separator: ".").last?.utf8.count == 22)
            #expect(world.gauge("hub_event_streams") == 1)
            // The frames of the request have come to the session.
            for id in 1...3 as ClosedRange<UInt32> {
                #expect(try await peer.streamError() == (id, .unauthenticated))
            }
        }
    }

    @Test(arguments: [
        ("POST", [frames], 200), ("POST", ["content-type: Application/X-NDJSON; charset=utf-8"], 200),
        ("POST", [], 415), ("POST", ["Content-Type: text/plain"], 415),
        ("POST", ["Content-Type: application/json"], 415),
        ("GET", [], 405), ("PUT", [frames], 405), ("HEAD", [], 405),
        ("POST", [frames, "Origin: http://hub.test"], 200), ("POST", [frames, "Origin: https://friend.test"], 200),
        ("POST", [frames, "Origin: https://friend.test.evil.test"], 403),
        ("POST", [frames, "Origin: null"], 403), ("OPTIONS", ["Origin: http://evil.test"], 403),
        ("OPTIONS", ["Origin: https://friend.test"], 204),
    ])
    func opensForThoseWhoMay(_ method: String, _ headers: [String], _ status: Int) async throws {
        try await withWorld({ $0.origins.allowed = ["https://friend.test"] }) { world in
            let answer = try await world.peer().ask(method, "/stream", headers + ["Content-Length: 0"])
            #expect(answer.status == status)
            let origin = headers.first { $0.hasPrefix("Origin: ") }?.dropFirst(8)
            #expect(answer.headers["access-control-allow-origin"]
                == (status < 300 ? origin.map(String.init) : nil))
            #expect((answer.headers["access-control-allow-methods"] == "POST") == (status == 204))
            #expect(answer.headers["hub-stream"] != nil || status != 200)
        }
    }

    @Test func endsWhenTheTokenIsNotValid() async throws {
        try await withWorld { world in
            let hello = "{\"id\":1,\"hello\":{\"token\":\"nonsense\"}}"
            let peer = try world.peer()
            #expect(try await peer.ask("POST", "/stream", [frames], body: hello).status == 200)
            #expect(try await peer.streamError() == (1, .unauthenticated))
            try await peer.endsStream(.badAuthentication)
            #expect(world.counter("hub_closes_total", "code=\"bad_authentication\"") == 1)
        }
    }

    @Test func endsWhenNobodySaysHello() async throws {
        try await withWorld({ $0.helloMilliseconds = 50 }) { world in
            try await world.stream().peer.endsStream(.helloTimeout)
            await eventually { world.gauge("hub_connections") == 0 }
            #expect(world.gauge("hub_event_streams") == 0)
        }
    }

    // MARK: Commands

    @Test func onlyWhoHasTheKeyCommands() async throws {
        try await withWorld { world in
            let mine = try await world.stream()
            let other = try await world.stream()
            let parts = mine.key.split(separator: ".").map(String.init)
            let secret = try #require(other.key.split(separator: ".").last)
            let flipped = parts[1].hasPrefix("A") ? "B" : "A"
            let peer = try world.peer()
            for key in ["", ".", parts[0], parts[0] + ".", parts[1], "x" + mine.key, mine.key + "x", mine.key + ".x",
                        "\(mine.session.id).\(flipped)\(parts[1].dropFirst())",
                        "00000000-0000-7000-8000-000000000000.\(secret)"] {
                let answer = try await peer.command(key, pings)
                #expect(answer.status == 404, "\(key)")
                #expect(answer.text.contains("\"slug\":\"not_found\""))
            }
            #expect(try await peer.ask("POST", "/stream/commands", [frames], body: pings).status == 404)
            #expect(try await peer.ask("POST", "/stream/commands", ["Hub-Stream: \(mine.key)"], body: pings).status
                == 415)
            #expect(try await peer.ask("POST", "/stream/commands", [frames, "Origin: http://evil.test",
                                                                    "Hub-Stream: \(mine.key)"]).status == 403)
            #expect(world.counter("hub_messages_received_total") == 0)
            #expect(try await peer.command(other.key, "{\"id\":8,\"ping\":{}}").status == 204)
            #expect(try await peer.command(mine.key, "{\"id\":7,\"ping\":{}}").status == 204)
            #expect(try await mine.peer.streamError() == (7, .unauthenticated))
            #expect(try await other.peer.streamError() == (8, .unauthenticated))
        }
    }

    @Test func takesCommandsAtEveryLoop() async throws {
        try await withWorld(loops: 3) { world in
            let stream = try await world.stream()
            var strangers = 0
            var id: UInt32 = 0
            // Which loop a connection belongs to is the kernel's choice, and seen by its own stream.
            while strangers < 3 {
                let peer = try world.peer()
                try #require(id < 1_000)
                for _ in 0..<5 {
                    id += 1
                    #expect(try await peer.command(stream.key, "{\"id\":\(id),\"ping\":{}}").status == 204)
                    #expect(try await stream.peer.streamError() == (id, .unauthenticated))
                }
                if try await world.stream(on: peer).session.lane !== stream.session.lane { strangers += 1 }
            }
        }
    }

    @Test func keepsTheOrderOfRequestsOnOneConnection() async throws {
        try await withWorld(loops: 3) { world in
            let stream = try await world.stream()
            // Together less than the refusals that end a connection before its hello.
            for _ in 0..<3 {
                let peer = try world.peer()
                for id in 1...20 {
                    let body = "{\"id\":\(id),\"ping\":{}}"
                    try await peer.write("POST /stream/commands HTTP/1.1\r\nHost: hub.test\r\n\(frames)\r\n"
                        + "Hub-Stream: \(stream.key)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
                }
                for id in 1...20 as ClosedRange<UInt32> {
                    #expect(try await peer.answer().status == 204)
                    #expect(try await stream.peer.streamError() == (id, .unauthenticated))
                }
            }
        }
    }

    @Test func bodiesAreAsLargeAsMessages() async throws {
        try await withWorld({
            $0.helloFrameBytesMax = 2_048
            $0.frameBytesMax = 100_000
        }) { world in
            func body(_ count: Int) -> String {
                let ping = "{\"id\":5,\"ping\":{}}"
                return ping + String(repeating: " ", count: count - ping.utf8.count)
            }
            #expect(try await world.peer().ask("POST", "/stream", [frames], body: body(2_049)).status == 413)
            let stream = try await world.stream()
            #expect(try await world.peer().command(stream.key, body(2_049)).status == 413)
            #expect(try await world.peer().command(stream.key, body(2_048)).status == 204)
            #expect(try await stream.peer.streamError() == (5, .unauthenticated))
            stream.session.welcome()
            _ = try await stream.peer.streamFrame()
            #expect(try await world.peer().command(stream.key, body(100_000)).status == 204)
            #expect(try await stream.peer.streamError() == (5, .unauthenticated))
            #expect(try await world.peer().command(stream.key, body(100_001)).status == 413)
            #expect(try await world.peer().command("nobody", body(70_000)).status == 413)
            #expect(world.gauge("hub_event_streams") == 1, "a refused request ends no stream")
        }
    }

    @Test func closesAfterTooManyFaults() async throws {
        try await withWorld { world in
            let stream = try await world.stream()
            let peer = try world.peer()
            for _ in 0..<20 {
                #expect(try await peer.command(stream.key, "{\"id\":8,\"ping\":5}").status == 204)
                #expect(try await stream.peer.streamError() == (8, .malformed))
            }
            #expect(try await peer.command(stream.key, "{\"id\":8,\"ping\":5}").status == 204)
            #expect(try await stream.peer.streamError() == (8, .malformed))
            try await stream.peer.endsStream(.protocolViolation)
            #expect(try await peer.command(stream.key, pings).status == 404)
        }
    }

    @Test func whatComesBehindTheRequestIsNotRead() async throws {
        try await withWorld { world in
            let stream = try await world.stream()
            try await stream.peer.write("\r\nGET /healthz HTTP/1.1\r\nHost: hub.test\r\n\r\n")
            #expect(try await world.peer().command(stream.key, "{\"id\":7,\"ping\":{}}").status == 204)
            #expect(try await stream.peer.streamError() == (7, .unauthenticated))
        }
    }
}
