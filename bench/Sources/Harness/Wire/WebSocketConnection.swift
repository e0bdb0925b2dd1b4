// A client's WebSocket connection on an event loop: connects, upgrades, then hands messages to its
// delegate and frames what it is given. Keeps its slot when it is opened again. Knows nothing of
// the hub's protocol; answers pings by itself.

internal import CBench
internal import Glibc

/// Why a connection ended.
package struct ConnectionEnd: Sendable {
    /// The close code the server sent, if it sent one.
    package var code: UInt16?
    package var reason: String

    package var text: String {
        code.map { "closed with \($0)\(reason.isEmpty ? "" : " (\(reason))")\(Self.remedy($0))" } ?? reason
    }

    /// What one may do about limits that a load test meets and people do not.
    private static func remedy(_ code: UInt16) -> String {
        code == 4_106 ? ": start the hub with --account-sessions-max 0" : ""
    }
}

package protocol WebSocketDelegate: AnyObject {
    func connectionOpened(_ connection: WebSocketConnection)
    /// `bytes` are valid during the call only.
    func connection(_ connection: WebSocketConnection, received kind: MessageKind,
                    _ bytes: UnsafeRawBufferPointer)
    func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd)
    /// TCP is connected; TLS and the handshake follow.
    func connectionConnected(_ connection: WebSocketConnection)
    func connection(_ connection: WebSocketConnection, ponged bytes: UnsafeRawBufferPointer)
}

extension WebSocketDelegate {
    package func connectionConnected(_ connection: WebSocketConnection) {}
    package func connection(_ connection: WebSocketConnection,
                            ponged bytes: UnsafeRawBufferPointer) {}
}

package final class WebSocketConnection {
    private enum State {
        case closed
        case connecting
        case upgrading
        case open
    }

    package private(set) var slot = 0
    /// Offered to the server when there is one; it may decline.
    private let inflater: MessageInflater?
    private let loop: EventLoop
    private unowned let delegate: any WebSocketDelegate
    private var state = State.closed
    private var transport: Transport?
    private var generation: UInt32 = 0
    private var endpoint: Endpoint?
    private var subprotocol: String?
    private var proof = ""
    private var head: [UInt8] = []
    private var scanner = FrameScanner()
    private var watchesWritable = false
    private var isPaused = false
    /// Of the next socket; the kernel's default when `nil`.
    package var receiveBufferBytes: Int32?

    package init(on loop: EventLoop, delegate: any WebSocketDelegate, inflater: MessageInflater? = nil) {
        self.inflater = inflater
        self.loop = loop
        self.delegate = delegate
        slot = loop.adopt(self)
    }

    package var isOpen: Bool { state == .open }
    package var isClosed: Bool { state == .closed }
    /// The handshake was done; stays so when the connection has ended.
    package private(set) var wasOpen = false

    /// Begins; the delegate hears `connectionOpened` or `connectionEnded`.
    /// - Parameter source: an IPv4 address of this machine to come from; the kernel's choice if `nil`.
    package func open(_ endpoint: Endpoint, at address: SocketAddress,
                      subprotocol: String?, from source: UInt32? = nil) throws {
        precondition(state == .closed, "a connection is opened once at a time")
        let transport = try Transport(to: address, host: endpoint.host,
                                      tls: endpoint.isSecure ? loop.tls : nil, from: source,
                                      receiveBufferBytes: receiveBufferBytes)
        generation &+= 1
        try loop.watch(self, descriptor: transport.descriptor, generation: generation)
        self.transport = transport
        self.endpoint = endpoint
        self.subprotocol = subprotocol
        watchesWritable = true
        head = []
        scanner = FrameScanner(inflater: inflater)
        wasOpen = false
        isPaused = false
        state = .connecting
    }

    /// Frames and sends one message; what the kernel does not take now follows by itself.
    package func send(_ kind: MessageKind, _ payload: UnsafeRawBufferPointer) {
        guard state == .open, let transport else { return }
        loop.frameBuffer.removeAll(keepingCapacity: true)
        FrameWriter.append(kind, payload, mask: loop.randomMask(), to: &loop.frameBuffer)
        if let failure = loop.frameBuffer.withUnsafeBytes({ transport.write($0) }) {
            return end(ConnectionEnd(code: nil, reason: failure))
        }
        updateInterest()
    }

    /// Says goodbye (1000) and leaves without waiting for the answer; the delegate hears nothing.
    package func leave() {
        ([0x03, 0xE8] as [UInt8]).withUnsafeBytes { send(.close, $0) }
        abandon()
    }

    /// Ends without the closing handshake, silently: the delegate hears nothing.
    package func abandon() {
        state = .closed
        transport = nil
        loop.forget(self)
    }

    /// Its socket has connected, or failed to, or takes more.
    func becameWritable() {
        guard let transport else { return }
        if state == .connecting {
            if let failure = transport.connectionFailure() {
                return end(ConnectionEnd(code: nil, reason: failure))
            }
            delegate.connectionConnected(self)
            sendUpgrade()
        } else if let failure = transport.flush() {
            return end(ConnectionEnd(code: nil, reason: failure))
        }
        if state != .closed { updateInterest() }
    }

    /// When what is being received was read from the socket (`MonotonicClock`).
    package var readAt: UInt64 { loop.readAt }

    /// What a read brought, some time after it.
    func received(_ outcome: SocketRead.Outcome, generation opened: UInt32) {
        guard opened == generation, let transport else { return }
        switch outcome {
        case .closed: return end(ConnectionEnd(code: nil, reason: "the server closed the connection"))
        case .failed(let code): return end(ConnectionEnd(code: nil, reason: String(cString: strerror(code))))
        case .bytes(let bytes):
            guard transport.isEncrypted else { return take(bytes) }
            decrypt(bytes, with: transport)
        }
        if generation == opened, state != .closed { updateInterest() }
    }

    private func decrypt(_ bytes: UnsafeRawBufferPointer, with transport: Transport) {
        let opened = generation
        transport.received(bytes)
        while generation == opened, state != .closed {
            switch transport.decrypt(into: loop.readBuffer) {
            case .wouldBlock: return
            case .closed:
                return end(ConnectionEnd(code: nil, reason: "the server closed the connection"))
            case .failed(let reason): return end(ConnectionEnd(code: nil, reason: reason))
            case .bytes(let count):
                take(UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count]))
            }
        }
    }

    private func updateInterest() {
        guard let transport, transport.wantsWrite != watchesWritable else { return }
        watchesWritable = transport.wantsWrite
        watch()
    }

    private func watch() {
        guard let transport else { return }
        loop.change(self, descriptor: transport.descriptor, generation: generation,
                    readable: !isPaused, writable: watchesWritable)
    }

    /// Leaves what comes to the kernel, and then to the server.
    package func pauseReading() {
        isPaused = true
        watch()
    }

    /// Reads what comes again, through a window of its own size from here on.
    package func resumeReading(receiveBufferBytes bytes: Int32) {
        isPaused = false
        transport?.setReceiveBuffer(bytes)
        watch()
    }

    /// While paused: takes at most so many bytes, ciphertext over TLS.
    package func read(upTo count: Int) { loop.read(self, upTo: count) }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        if state == .open { return scan(bytes) }
        head.append(contentsOf: bytes)
        guard let end = Self.headEnd(head) else {
            if head.count > 16_384 { fail("the server's handshake is too long") }
            return
        }
        if let refusal = upgradeRefusal(head[..<end]) { return fail(refusal) }
        let rest = Array(head[end...])
        head = []
        state = .open
        wasOpen = true
        delegate.connectionOpened(self)
        if !rest.isEmpty, state == .open { rest.withUnsafeBytes { scan($0) } }
    }

    private func scan(_ bytes: UnsafeRawBufferPointer) {
        var held = FrameScanner()
        swap(&held, &scanner)
        let opened = generation
        do {
            try held.scan(bytes) { kind, payload in
                guard state == .open, generation == opened else { return }
                switch kind {
                case .text, .binary: delegate.connection(self, received: kind, payload)
                case .ping:
                    loop.pingsAnswered += 1
                    send(.pong, payload)
                case .pong: delegate.connection(self, ponged: payload)
                case .close: closeReceived(payload)
                }
            }
        } catch {
            return fail("the server broke RFC 6455: \(error)")
        }
        if generation == opened { swap(&held, &scanner) }
    }

    private func closeReceived(_ payload: UnsafeRawBufferPointer) {
        send(.close, payload)
        let code = payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : nil
        let reason = String(decoding: payload.dropFirst(2), as: UTF8.self)
        end(ConnectionEnd(code: code ?? 1005, reason: reason))
    }

    private func fail(_ reason: String) { end(ConnectionEnd(code: nil, reason: reason)) }

    private func end(_ end: ConnectionEnd) {
        guard state != .closed else { return }
        abandon()
        delegate.connectionEnded(self, end)
    }

    // MARK: Handshake

    private func sendUpgrade() {
        guard let endpoint, let transport else { return }
        let key = HandshakeProof.base64(loop.randomBytes(16))
        proof = HandshakeProof.expected(for: key)
        state = .upgrading
        var request = "GET \(endpoint.path) HTTP/1.1\r\nHost: \(endpoint.authority)\r\n"
            + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: \(key)\r\n"
        if let subprotocol { request += "Sec-WebSocket-Protocol: \(subprotocol)\r\n" }
        if inflater != nil { request += "Sec-WebSocket-Extensions: \(MessageInflater.offer)\r\n" }
        request += "\r\n"
        var bytes = request
        if let failure = bytes.withUTF8({ transport.write(UnsafeRawBufferPointer($0)) }) {
            fail(failure)
        }
    }

    static func headEnd(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in 3..<bytes.count where bytes[index] == 10 {
            if bytes[index - 1] == 13, bytes[index - 2] == 10, bytes[index - 3] == 13 {
                return index + 1
            }
        }
        return nil
    }

    private func upgradeRefusal(_ head: ArraySlice<UInt8>) -> String? {
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        guard let status = lines.first else { return "the server sent no status line" }
        let words = status.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[1] == "101" else {
            return "the server refused the WebSocket: \(status.prefix(80))"
        }
        var accepted = false
        var chosen: String?
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            switch line[..<colon].lowercased() {
            case "sec-websocket-accept": accepted = value == proof
            case "sec-websocket-extensions":
                guard inflater != nil, value.hasPrefix(MessageInflater.offer) else {
                    return "the server chose extensions that were not offered: \(value)"
                }
            case "sec-websocket-protocol": chosen = String(value)
            default: break
            }
        }
        guard accepted else { return "the server's Sec-WebSocket-Accept is wrong" }
        guard chosen == subprotocol else {
            return "the server chose subprotocol '\(chosen ?? "none")', "
                + "not '\(subprotocol ?? "none")'"
        }
        return nil
    }
}
