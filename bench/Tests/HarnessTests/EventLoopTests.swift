// The event loop against a server in the same thread: what is read before what is decoded, and what
// happens to reads that wait when their connection ends, pauses or is opened again.

import Glibc
import Testing

@testable import Harness

/// Takes connections on loopback and says what a test wants it to.
private final class LoopbackServer {
    private let listener: Int32
    let endpoint: Endpoint

    init() throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let port = try FreePort.find()
        endpoint = try Endpoint("ws://127.0.0.1:\(port)/")
        let bound = try endpoint.resolve().bytes.withUnsafeBytes {
            bind(listener, $0.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t($0.count))
        }
        guard bound == 0, listen(listener, 16) == 0 else { throw BenchError.system("cannot listen") }
    }

    deinit { close(listener) }

    /// Opens `connection`, up to and with the handshake; returns the server's end.
    func accept(_ connection: WebSocketConnection, on loop: EventLoop) throws -> Int32 {
        try connection.open(endpoint, at: endpoint.resolve(), subprotocol: nil)
        let peer = Glibc.accept(listener, nil, nil)
        var request: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while WebSocketConnection.headEnd(request) == nil {
            try loop.turn(until: MonotonicClock.now() + 10_000_000)
            let count = recv(peer, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { request += buffer[..<count] }
        }
        let text = String(decoding: request, as: UTF8.self)
        let line = try #require(text.split(separator: "\r\n").first { $0.hasPrefix("Sec-WebSocket-Key: ") })
        let proof = HandshakeProof.expected(for: String(line.dropFirst(19)))
        say(Array(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: \(proof)\r\n\r\n").utf8), to: peer)
        while !connection.isOpen { try loop.turn(until: MonotonicClock.now() + 10_000_000) }
        return peer
    }

    func say(_ bytes: [UInt8], to peer: Int32) { #expect(send(peer, bytes, bytes.count, 0) == bytes.count) }

    func text(_ text: String, to peer: Int32) { say([0x81, UInt8(text.utf8.count)] + text.utf8, to: peer) }

    /// What a client sent: opcode and payload of one frame.
    func heard(from peer: Int32) -> (opcode: UInt8, payload: [UInt8]) {
        var frame = [UInt8](repeating: 0, count: 256)
        let count = recv(peer, &frame, frame.count, 0)
        guard count >= 6 else { return (0, []) }
        return (frame[0], (6..<count).map { frame[$0] ^ frame[2 + ($0 - 6) & 3] })
    }
}

private final class Listener: WebSocketDelegate {
    struct Heard: Equatable {
        var slot: Int
        var text: String
    }

    var heard: [Heard] = []
    var readAt: [UInt64] = []
    var handledAt: [UInt64] = []
    var ends: [String] = []
    var onText: (WebSocketConnection) -> Void = { _ in }

    func connectionOpened(_ connection: WebSocketConnection) {}

    func connection(_ connection: WebSocketConnection, received kind: MessageKind,
                    _ bytes: UnsafeRawBufferPointer) {
        heard.append(Heard(slot: connection.slot, text: String(decoding: bytes, as: UTF8.self)))
        readAt.append(connection.readAt)
        onText(connection)
        handledAt.append(MonotonicClock.now())
    }

    func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd) { ends.append(end.text) }
}

@Suite struct EventLoopTests {
    private let server: LoopbackServer
    private let loop: EventLoop
    private let listener = Listener()

    init() throws {
        server = try LoopbackServer()
        loop = try EventLoop()
    }

    private func connections(_ count: Int) throws -> [(client: WebSocketConnection, peer: Int32)] {
        try (0..<count).map { _ in
            let connection = WebSocketConnection(on: loop, delegate: listener)
            return (connection, try server.accept(connection, on: loop))
        }
    }

    private func turn(until condition: () -> Bool) throws {
        let deadline = MonotonicClock.now() + 10_000_000_000
        while !condition(), MonotonicClock.now() < deadline {
            try loop.turn(until: MonotonicClock.now() + 10_000_000)
        }
        #expect(condition())
    }

    @Test func allThatIsReadyIsReadBeforeAnythingIsDecoded() throws {
        let all = try connections(5)
        for (index, connection) in all.enumerated() { server.text("\(index)", to: connection.peer) }
        try turn { listener.heard.count == 5 }
        #expect(Set(listener.heard.map(\.text)) == ["0", "1", "2", "3", "4"])
        #expect(try #require(listener.readAt.max()) <= listener.handledAt[0])
        #expect(listener.readAt == listener.readAt.sorted())
        all.forEach { close($0.peer) }
    }

    @Test func aMessageInPiecesIsReadWithItsLast() throws {
        let (_, peer) = try connections(1)[0]
        server.say([0x81, 4, 0x61], to: peer)
        try loop.turn(until: MonotonicClock.now() + 10_000_000)
        #expect(listener.heard.isEmpty)
        let between = MonotonicClock.now()
        server.say([0x62, 0x63, 0x64], to: peer)
        try turn { !listener.heard.isEmpty }
        #expect(listener.heard == [.init(slot: 0, text: "abcd")])
        #expect(listener.readAt[0] > between)
        close(peer)
    }

    @Test func whatWasSentBeforeTheEndCounts() throws {
        let (_, peer) = try connections(1)[0]
        server.text("last", to: peer)
        server.say([0x88, 2, 0x10, 0x05], to: peer)
        close(peer)
        try turn { !listener.ends.isEmpty }
        #expect(listener.heard == [.init(slot: 0, text: "last")])
        #expect(listener.ends == ["closed with 4101"])
    }

    @Test func aSilentEndIsNoticed() throws {
        let (client, peer) = try connections(1)[0]
        server.text("last", to: peer)
        close(peer)
        try turn { !listener.ends.isEmpty }
        #expect(listener.heard.count == 1)
        #expect(client.isClosed)
    }

    @Test func pingsAreAnswered() throws {
        let (_, peer) = try connections(1)[0]
        server.say([0x89, 3, 1, 2, 3], to: peer)
        try turn { loop.pingsAnswered == 1 }
        let answer = server.heard(from: peer)
        #expect(answer.opcode == 0x8A)
        #expect(answer.payload == [1, 2, 3])
        close(peer)
    }

    /// Both were read when the first was decoded.
    @Test func readsOfAConnectionThatIsGoneAreNotDecoded() throws {
        let all = try connections(2)
        listener.onText = { connection in
            for other in all where other.client.slot != connection.slot { other.client.abandon() }
        }
        for connection in all { server.text("x", to: connection.peer) }
        try turn { !listener.heard.isEmpty }
        for _ in 0..<3 { try loop.turn(until: MonotonicClock.now() + 5_000_000) }
        #expect(listener.heard.count == 1)
        #expect(listener.ends.isEmpty)
        all.forEach { close($0.peer) }
    }

    @Test func readsOfTheLastConnectionAreNotThoseOfTheNext() throws {
        let all = try connections(2)
        listener.onText = { [server] connection in
            guard let other = all.first(where: { $0.client.slot != connection.slot }) else { return }
            other.client.abandon()
            try? other.client.open(server.endpoint, at: server.endpoint.resolve(), subprotocol: nil)
        }
        for connection in all { server.text("x", to: connection.peer) }
        try turn { !listener.heard.isEmpty }
        for _ in 0..<3 { try loop.turn(until: MonotonicClock.now() + 5_000_000) }
        // Taken for an answer to the handshake it would have ended the connection.
        #expect(listener.heard.count == 1)
        #expect(listener.ends.isEmpty)
        all.forEach { close($0.peer) }
    }

    @Test func aPausedConnectionReadsWhatItIsAskedTo() throws {
        let (client, peer) = try connections(1)[0]
        client.pauseReading()
        server.text("abcd", to: peer)
        for _ in 0..<3 { try loop.turn(until: MonotonicClock.now() + 2_000_000) }
        #expect(listener.heard.isEmpty)
        client.read(upTo: 3)
        try loop.turn(until: 0)
        #expect(listener.heard.isEmpty)
        client.read(upTo: 3)
        try loop.turn(until: 0)
        #expect(listener.heard == [.init(slot: 0, text: "abcd")])
        server.text("on", to: peer)
        client.resumeReading(receiveBufferBytes: 65_536)
        try turn { listener.heard.count == 2 }
        close(peer)
    }

    @Test func aScheduleIsKeptBetweenReads() throws {
        let all = try connections(4)
        for connection in all { server.text("x", to: connection.peer) }
        var calls = 0
        while listener.heard.count < 4 {
            try loop.turn(until: MonotonicClock.now() + 10_000_000) { calls += 1 }
        }
        #expect(calls >= 8)
        all.forEach { close($0.peer) }
    }
}

@Suite struct ReadInboxTests {
    @Test func whatIsReadComesOutInOrderUntilItIsFull() throws {
        var ends: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { ends.forEach { _ = close($0) } }
        var inbox = ReadInbox()
        inbox.addPlace()
        inbox.opens(0, descriptor: ends[1], generation: 7)
        let isOpen = (inbox.isOpen(0, 6), inbox.isOpen(0, 7))
        #expect(isOpen == (false, true))
        let piece = [UInt8](repeating: 5, count: 32 << 10)
        for _ in 0..<2 {
            var reads = 0
            while inbox.hasRoom {
                #expect(send(ends[0], piece, piece.count, 0) == piece.count)
                let hasRead = inbox.read(0, upTo: 1 << 20)
                #expect(hasRead)
                reads += 1
            }
            #expect(reads * piece.count > ReadInbox.bytesMax - 2 * ReadInbox.readBytesMax)
            var last: UInt64 = 0
            for _ in 0..<reads {
                let read = inbox.takeFirst()
                guard case .bytes(let bytes) = read.outcome else {
                    Issue.record("not bytes")
                    return
                }
                #expect(bytes.count == piece.count && bytes[0] == 5 && bytes[bytes.count - 1] == 5)
                #expect(read.generation == 7 && read.time >= last)
                last = read.time
            }
            let isAsNew = inbox.isEmpty && inbox.hasRoom
            #expect(isAsNew)
        }
        close(ends[0])
        ends[0] = -1
        let hasReadTheEnd = inbox.read(0)
        #expect(hasReadTheEnd)
        guard case .closed = inbox.takeFirst().outcome else {
            Issue.record("not closed")
            return
        }
        let goesOn = inbox.read(0) || inbox.isOpen(0, 7)
        #expect(!goesOn)
    }
}
