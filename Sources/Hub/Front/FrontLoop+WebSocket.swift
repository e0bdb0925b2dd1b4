// WebSocket on a connection: the upgrade, messages in, pings, and the closing handshake.

import Live
import Loop
import Model
import Ports
import Wire

extension FrontLoop {
    // MARK: Upgrade

    func upgrade(_ request: HTTPRequest, by requester: Requester, _ exchange: HTTPExchange,
                 _ connection: Connection) {
        guard !isSendingAway else {
            answer(HTTPResponse(status: 503, headers: [HTTPHeader("Retry-After", "1")]), .faulty,
                   connection)
            return
        }
        guard load.level < .full else {
            metrics.refused(.overloaded)
            answer(HTTPResponse(status: 503, headers: [HTTPHeader("Retry-After", "5")]), .faulty, connection)
            return
        }
        // Of a proxy's connection only now is known whose it is.
        guard connection.chargedTo != nil || charge(requester.address, connection) else { return }
        guard configuration.origins.allows(request, host: requester.host, isSecure: requester.isSecure) else {
            metrics.refused(.origin)
            shared.services.security?.note(.originRefused, from: request.peerAddress)
            answer(HTTPResponse(status: 403), .faulty, connection)
            return
        }
        switch WebSocketHandshake.answer(request, exchange, subprotocols: Self.subprotocols,
                                         deflates: configuration.isDeflating) {
        case .refused(let response):
            metrics.refused(.handshake)
            answer(response, exchange, connection)
        case .accepted(let response, subprotocol: nil, let deflate) where shared.services.session == nil:
            begin(response, .json, deflate, connection)
        case .accepted(_, subprotocol: nil, _):
            metrics.refused(.handshake)
            answer(HTTPResponse(status: 400, headers: [
                HTTPHeader("Content-Type", "text/plain; charset=utf-8"),
            ], body: Array("Offer the subprotocol hub.v1.json or hub.v1.proto.\n".utf8)), exchange,
                   connection)
        case .accepted(let response, let subprotocol?, let deflate):
            guard let encoding = Encoding(subprotocol: subprotocol) else { return }
            begin(response, encoding, deflate, connection)
        }
    }

    private static let subprotocols = Encoding.allCases.map(\.subprotocol)

    private func begin(_ response: [UInt8], _ encoding: Encoding, _ deflate: DeflateAgreement?,
                       _ connection: Connection) {
        metrics.answered(101)
        write(EncodedFrame(response), connection)
        var limits = WebSocketLimits()
        limits.messageBytesMax = configuration.helloFrameBytesMax
        limits.fragmentsMax = configuration.fragmentsMax
        connection.http = nil
        connection.isWebSocket = true
        connection.webSocket = WebSocketParser(limits: limits, allowsDeflated: deflate != nil)
        metrics.webSockets.add(1)
        metrics.handshakes.add()
        openSession(Packaging(encoding, isDeflated: takesDeflated(deflate)), connection)
    }

    /// The connection speaks the protocol from now on; without sessions, which only tests of the front are,
    /// its messages are echoed.
    @discardableResult
    func openSession(_ packaging: Packaging, _ connection: Connection) -> SessionID? {
        let number = connection.number
        connection.packaging = packaging
        table[number].packaging = packaging
        table[number].phase = .greeting
        table[number].deadline = now + configuration.helloMilliseconds
        guard let session = shared.services.session else {
            welcomed(connection)
            return nil
        }
        let id: SessionID = shared.services.entropy.id(at: shared.services.clocks.now())
        connection.session = session(id, loop, lane)
        sessions[id] = number
        return id
    }

    // MARK: Messages in

    func receivedWebSocket(_ bytes: UnsafeMutableRawBufferPointer, _ connection: Connection) {
        let number = connection.number
        var input = bytes
        while connections[Int(number)] === connection {
            if holdsBack(input, connection) { return }
            let before = input.count
            guard let event = connection.webSocket?.next(&input) else { return }
            connection.input.add(before - input.count)
            switch event {
            case .needMore:
                waitsForMore(connection)
                return
            case .text(let message): received(message, .json, connection)
            case .binary(let message): received(message, .proto, connection)
            case .deflated(let message, let isText): receivedDeflated(message, isText: isText, connection)
            case .ping(let payload):
                if table[number].phase != .closing {
                    write(EncodedFrame(WebSocketFrame.pong(payload)), connection)
                }
                countPing(connection)
            case .pong: countPing(connection)
            case .close(let code, _): peerCloses(code, connection)
            case .failed(let fault):
                if table[number].phase != .closing {
                    close(connection, fault.closeCode, retryAfterMilliseconds: 0)
                }
                // Nothing behind a fault is read, the answer to the close frame neither.
                endAfterFlush(connection)
            }
        }
    }

    /// A message that has begun has a time to end, and its memory counts.
    private func waitsForMore(_ connection: Connection) {
        let number = connection.number
        guard table[number].phase != .closing else { return }
        if connection.webSocket?.isIdle ?? true {
            table[number].isReceiving = false
        } else if !table[number].isReceiving {
            table[number].isReceiving = true
            connection.messageBeganAt = now
        }
        if !holdsInput(connection) {
            close(connection, .overloaded, retryAfterMilliseconds: 5_000)
        }
    }

    /// Pings and pongs are cheap, but not free.
    private func countPing(_ connection: Connection) {
        let second = UInt32(truncatingIfNeeded: now / 1_000)
        if connection.pingsSecond != second {
            connection.pingsSecond = second
            connection.pings = 0
        }
        connection.pings += 1
        if configuration.pingsPerSecond > 0, connection.pings > configuration.pingsPerSecond {
            close(connection, .rateLimited, retryAfterMilliseconds: 1_000)
        }
    }

    /// `encoding` is that of the message's kind: text or binary.
    func received(_ message: UnsafeRawBufferPointer, _ encoding: Encoding, _ connection: Connection) {
        guard table[connection.number].phase != .closing else { return }
        metrics.messagesIn.add()
        guard shared.services.session != nil else {
            echo(message, encoding == .json ? .text : .binary, connection)
            return
        }
        guard encoding == connection.packaging.encoding else {
            close(connection, .unsupportedData, retryAfterMilliseconds: 0)
            return
        }
        table[connection.number].isReceiving = false
        let isOverloaded = load.level >= .refusing
        ProtocolCodec.decodeClientFrames(from: message, encoding) { result in
            switch result {
            case .success(let frame):
                if connection.session?.receive(frame, isOverloaded: isOverloaded) == false {
                    connection.input.add(InputPrice.refusal)
                }
            case .failure(let error): faulty(error, connection)
            }
        }
        observeWindow(connection)
    }

    private func faulty(_ error: DecodeError, _ connection: Connection) {
        guard table[connection.number].phase != .closing else { return }
        metrics.faultyCommands.add()
        connection.input.add(InputPrice.refusal)
        connection.faultyCommands += 1
        send(ServerFrame(id: error.id ?? 0, body: .error(error.reply)), connection)
        if error.isFatal {
            close(connection, error.closeCode, retryAfterMilliseconds: 0)
        } else if connection.faultyCommands > configuration.faultyCommandsMax {
            close(connection, .protocolViolation, retryAfterMilliseconds: 0)
        }
    }

    // MARK: Control frames

    func ping(_ connection: Connection) {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        write(EncodedFrame(connection.isWebSocket ? WebSocketFrame.ping(nothing) : Self.streamPing), connection)
    }

    private func peerCloses(_ code: UInt16?, _ connection: Connection) {
        let number = connection.number
        if table[number].phase == .closing {
            // The answer to our own close, or a second one: the handshake is done.
            endAfterFlush(connection)
            return
        }
        table[number].phase = .closing
        leaveSession(connection)
        write(code == 1_000 ? normalEcho : EncodedFrame(WebSocketFrame.closeEcho(code)), connection)
        endAfterFlush(connection)
    }

    private func endAfterFlush(_ connection: Connection) {
        connection.endsAfterFlush = true
        table[connection.number].deadline = now + configuration.closeMilliseconds
        markDirty(connection.number)
    }

    /// Tells the peer why and begins the closing handshake; nothing is delivered after this.
    func close(_ connection: Connection, _ code: CloseCode, retryAfterMilliseconds: UInt32) {
        let number = connection.number
        guard table[number].phase == .greeting || table[number].phase == .open else { return }
        if code.rawValue >= 4_000 || !connection.isWebSocket {
            let closing = Closing(code: code, retryAfterMilliseconds: retryAfterMilliseconds)
            send(ServerFrame(body: .closing(closing)), connection)
        }
        table[number].phase = .closing
        table[number].deadline = now + configuration.closeMilliseconds
        metrics.closed(code)
        leaveSession(connection)
        connection.webSocket?.discardMessages()
        holdsInput(connection)
        // What was held back is passed over soon, up to the answer to our close frame.
        if connection.isPaused || !connection.heldInput.isEmpty {
            connection.isPaused = false
            queue(connection)
        }
        if connection.isWebSocket {
            write(EncodedFrame(WebSocketFrame.close(code, reason: code.slug)), connection)
        } else {
            endAfterFlush(connection)
        }
    }
}
