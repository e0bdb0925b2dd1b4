// WebSockets over real sockets: who may open one, what is read from them, how they end.

import Front
import Model
import Ports
import Testing
import Wire

/// The frames of one message, as the hub encodes them.
func serverFrames(_ payload: [UInt8], _ encoding: Encoding = .json) -> [ServerFrame] {
    var frames: [ServerFrame] = []
    ProtocolCodec.decodeServerFrames(from: payload, encoding) { result in
        switch result {
        case .success(let frame): frames.append(frame)
        case .failure(let error): Issue.record("\(error)")
        }
    }
    return frames
}

extension Peer {
    /// Reads on to the close frame: events come one after the other, and behind them the peer is told that it was
    /// too slow. The last event's sequence.
    func lastEventBeforeItsEndAsSlow() async throws -> UInt64 {
        var last: UInt64 = 0
        var isTold = false
        while true {
            let (opcode, payload) = try await frame()
            if opcode == 8 {
                #expect(payload.prefix(2) == [0x10, 0x05])
                #expect(isTold)
                return last
            }
            for frame in serverFrames(payload) {
                switch frame.body {
                case .events(let events):
                    #expect(events.events[0].sequence == last + 1)
                    last += 1
                case .closing(let closing): isTold = closing.code == .slow
                default: break
                }
            }
        }
    }

    /// The next error reply, with the id of its command.
    func error(_ encoding: Encoding = .json) async throws -> (id: UInt32, code: ErrorCode)? {
        let payload = try await frame().payload
        guard let frame = serverFrames(payload, encoding).first, case .error(let error) = frame.body
        else {
            Issue.record("not an error: \(String(decoding: payload, as: UTF8.self))")
            return nil
        }
        return (frame.id, error.code)
    }
}

@Suite(.timeLimit(.minutes(10)))
struct WebSocketTests {
    @Test(arguments: [
        (Peer.upgrade(), 101), (Peer.upgrade(subprotocol: "hub.v1.proto"), 101),
        (Peer.upgrade(subprotocol: "chat, hub.v1.json"), 101),
        (Peer.upgrade(subprotocol: nil), 400), (Peer.upgrade(subprotocol: "chat"), 400),
        (Peer.upgrade(["Origin: http://hub.test"]), 101),
        (Peer.upgrade(["Origin: https://hub.test"]), 403),
        (Peer.upgrade(["Origin: https://friend.test"]), 101),
        (Peer.upgrade(["Origin: https://friend.test.evil.test"]), 403),
        (Peer.upgrade(["Origin: http://friend.test"]), 403), (Peer.upgrade(["Origin: null"]), 403),
        (Peer.upgrade(["Origin: http://hub.test", "Origin: http://evil.test"]), 403),
        ("GET /ws HTTP/1.1\r\nHost: hub.test\r\n\r\n", 426),
        ("POST /ws HTTP/1.1\r\nHost: hub.test\r\nContent-Length: 0\r\n\r\n", 405),
    ])
    func opensForThoseWhoMay(_ request: String, _ status: Int) async throws {
        try await withWorld({ $0.origins.allowed = ["https://friend.test"] }) { world in
            let peer = try world.peer()
            try await peer.write(request)
            let answer = try await peer.answer()
            #expect(answer.status == status)
            let key = answer.headers["sec-websocket-accept"]
            #expect(key == (status == 101 ? "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" : nil))
            #expect(world.gauge("hub_websockets") == (status == 101 ? 1 : 0))
        }
    }

    /// Where people reach the hub by https, a page that came without is not the hub's own.
    @Test func ownPagesAreAsSecureAsThePublicAddress() async throws {
        try await withWorld({ $0.origins = OriginRule(allowed: ["https://hub.test"], isOwnSecure: true) }) { world in
            for (origin, status) in [("http://hub.test", 403), ("https://hub.test", 101)] {
                let peer = try world.peer()
                try await peer.write(Peer.upgrade(["Origin: \(origin)"]))
                #expect(try await peer.answer().status == status)
            }
            #expect(world.counter("hub_connections_refused_total", "reason=\"origin\"") == 1)
        }
    }

    @Test func readsFramesThatComeWithTheUpgrade() async throws {
        try await withWorld { world in
            let peer = try world.peer()
            try await peer.write(Array(Peer.upgrade().utf8) + Peer.frame(0x89, [1, 2, 3]))
            #expect(try await peer.answer().status == 101)
            let pong = try await peer.frame()
            #expect(pong.opcode == 10)
            #expect(pong.payload == [1, 2, 3])
        }
    }

    @Test(arguments: Encoding.allCases)
    func handsCommandsToTheSession(_ encoding: Encoding) async throws {
        try await withWorld { world in
            let peer = try await world.webSocket(encoding.subprotocol).peer
            var message: [UInt8] = []
            for id in 1...3 as ClosedRange<UInt32> {
                ProtocolCodec.append(ClientFrame(id: id, command: .ping(Ping())), encoding, to: &message,
                                     isFirst: id == 1)
            }
            try await peer.write(Peer.frame(encoding == .json ? 0x81 : 0x82, message))
            for id in 1...3 as ClosedRange<UInt32> {
                let error = try #require(try await peer.error(encoding))
                #expect(error == (id, .unauthenticated))
            }
        }
    }

    @Test func answersWhatItCannotDecodeAndThenGivesUp() async throws {
        try await withWorld { world in
            let peer = try await world.webSocket().peer
            let faults: [(String, UInt32, ErrorCode)] = [
                ("{\"id\":7,\"fly\":{}}", 7, .unknownCommand), ("{\"id\":8,\"ping\":5}", 8, .malformed),
                ("{\"id\":0,\"ping\":{}}", 0, .invalidArgument),
                ("{\"id\":9,\"subscribe\":{\"channel\":\"x\"}}", 9, .invalidArgument),
            ]
            for (text, id, code) in faults {
                try await peer.sendText(text)
                let error = try #require(try await peer.error(), "\(text)")
                #expect(error == (id, code))
            }
            for _ in faults.count..<20 {
                try await peer.sendText("{\"id\":8,\"ping\":5}")
                #expect(try await peer.error()?.code == .malformed)
            }
            try await peer.sendText("{\"id\":8,\"ping\":5}")
            #expect(try await peer.closeCode() == 4503)
        }
    }

    @Test(arguments: [
        (Peer.frame(0x81, [0x7B], isMasked: false), 1002), (Peer.frame(0xC1, [0x7B]), 1002),
        (Peer.frame(0x83, []), 1002), (Peer.frame(0x80, []), 1002),
        (Peer.frame(0x89, [UInt8](repeating: 0, count: 126)), 1002),
        (Peer.frame(0x81, [0xFF, 0xFE]), 1007), (Peer.frame(0x82, [1]), 1003),
        (Peer.frame(0x81, [UInt8](repeating: 0x20, count: 65_537)), 1009),
        (Peer.frame(0x81, Array("nonsense".utf8)), 4503),
    ])
    func closesWhenFramesAreBroken(_ bytes: [UInt8], _ code: Int) async throws {
        try await withWorld { world in
            let peer = try await world.webSocket().peer
            try await peer.write(bytes)
            #expect(try await peer.closeCode() == code)
            try await peer.write(Peer.frame(0x88, [UInt8(code >> 8), UInt8(code & 255)]))
            #expect(try await peer.isClosedByHub())
        }
    }

    @Test func takesLargerMessagesOnceTheSessionIsOpen() async throws {
        try await withWorld { world in
            let (peer, session) = try await world.webSocket()
            session.welcome()
            #expect(try await peer.frame().opcode == 1)
            let filler = String(repeating: "x", count: (1 << 20) - 30)
            try await peer.sendText("{\"id\":3,\"fly\":\"\(filler)\"}")
            let error = try #require(try await peer.error())
            #expect(error == (3, .unknownCommand))
            // In fragments it is one message all the same.
            let half = [UInt8](repeating: 0x20, count: 600_000)
            try await peer.write(Peer.frame(0x01, half) + Peer.frame(0x80, half))
            #expect(try await peer.closeCode() == 1009)
        }
    }

    /// One that has closed its side already is answered all the same, and waited for no longer.
    @Test(arguments: [0x03E8, 0x0FA0], [false, true])
    func answersACloseAndEnds(code: Int, hasFinished: Bool) async throws {
        try await withWorld({ $0.closeMilliseconds = 600_000 }) { world in
            let (high, low) = (UInt8(code >> 8), UInt8(code & 0xFF))
            let peer = try await world.webSocket().peer
            try await peer.write(Peer.frame(0x88, [high, low] + Array("bye".utf8)))
            if hasFinished { peer.finishWriting() }
            let answer = try await peer.frame()
            #expect(answer.opcode == 8)
            #expect(answer.payload == [high, low])
            #expect(try await peer.isClosedByHub())
            if hasFinished {
                await eventually { world.gauge("hub_websockets") == 0 }
            } else {
                peer.finishWriting()
            }
            await eventually { world.gauge("hub_connections") == 0 && world.gauge("hub_websockets") == 0 }
        }
    }

    @Test func saysWhyItClosesAndWaitsForTheAnswer() async throws {
        // However slow this test is, the hub waits for it.
        try await withWorld({ $0.closeMilliseconds = 600_000 }) { world in
            let (peer, session) = try await world.webSocket()
            session.welcome()
            session.lane.hand(.close(session.id, .roleChanged, retryAfterMilliseconds: 250))
            session.lane.hand(.send(session.id, ServerFrame(id: 9, body: .done(Done()))))
            #expect(try await peer.frame().opcode == 1)
            let closing = serverFrames(try await peer.frame().payload)
            #expect(closing.map(\.body)
                == [.closing(Closing(code: .roleChanged, retryAfterMilliseconds: 250))])
            #expect(try await peer.closeCode() == 4201)
            // What the peer sends until it answers is not looked at.
            try await peer.sendText("{\"id\":1,\"ping\":{}}")
            try await peer.write(Peer.frame(0x88, [0x10, 0x69]))
            #expect(try await peer.isClosedByHub())
            #expect(world.counter("hub_closes_total", "code=\"role_changed\"") == 1)
        }
    }

    @Test func doesNotWaitForeverForTheAnswer() async throws {
        try await withWorld({ $0.closeMilliseconds = 50 }) { world in
            let (peer, session) = try await world.webSocket()
            session.lane.hand(.close(session.id, .overloaded, retryAfterMilliseconds: 0))
            #expect(try await peer.closeCode() == 4100)
            #expect(try await peer.isClosedByHub())
        }
    }

    @Test func closesWhoDoesNotSayHello() async throws {
        try await withWorld({ $0.helloMilliseconds = 50 }) { world in
            let peer = try await world.webSocket().peer
            #expect(try await peer.closeCode() == 4103)
        }
    }

    @Test func pingsWhoIsSilentAndClosesWhoDoesNotAnswer() async throws {
        try await withWorld({ $0.heartbeatMilliseconds = 40; $0.pongMilliseconds = 15_000 }) { world in
            let (peer, session) = try await world.webSocket()
            session.welcome()
            #expect(try await peer.frame().opcode == 1)
            for _ in 0..<3 {
                #expect(try await peer.frame().opcode == 9)
                try await peer.write(Peer.frame(0x8A, []))
            }
            #expect(world.gauge("hub_websockets") == 1)
        }
        try await withWorld({ $0.heartbeatMilliseconds = 40; $0.pongMilliseconds = 40 }) { world in
            let (peer, session) = try await world.webSocket()
            session.welcome()
            #expect(try await peer.closeCode() == 4104)
        }
    }

    @Test func survivesAThousandResets() async throws {
        try await withWorld(loops: 2) { world in
            let topic = Topic.organisation(OrganisationID(high: 1, low: 1))
            let (witness, session) = try await world.webSocket()
            session.welcome()
            session.attach(topic)
            #expect(try await witness.frame().opcode == 1)
            for round in 0..<1_000 {
                let (peer, session) = try await world.webSocket()
                session.attach(topic)
                peer.resetAtEnd()
                session.lane.hand(.broadcast(topic, news(round), except: nil))
            }
            await eventually { world.gauge("hub_websockets") == 1 }
            #expect(world.gauge("hub_connections") == 1)
            #expect(try await world.peer().ask("GET", "/healthz").status == 200)
        }
    }
}

/// A broadcast that a client can tell from others.
func news(_ number: Int, bytes: Int = 0, isEphemeral: Bool = false) -> Broadcast {
    let channel = ChannelID(high: 1, low: 2)
    let text = bytes == 0 ? "news" : String(repeating: "n", count: bytes)
    return Broadcast(.events(Events(channel: channel, epoch: 1, events: [Event(
        sequence: UInt64(number), id: EventID(high: 0, low: UInt64(number)), kind: .message,
        sender: AccountID(high: 1, low: 3), at: UnixMilliseconds(0), key: "k", text: text)])),
        isEphemeral: isEphemeral)
}
