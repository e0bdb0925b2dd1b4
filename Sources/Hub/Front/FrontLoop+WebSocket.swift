// WebSocket on a connection: the upgrade, messages in, pings, and the closing handshake.

import Live
import Loop
import Model
import Ports
import Wire

extension FrontLoop {
    // MARK: Upgrade

    func upgrade(_ request: HTTPRequest, _ exchange: HTTPExchange, _ connection: Connection) {
        guard !isSendingAway else {
            answer(HTTPResponse(status: 503, headers: [HTTPHeader("Retry-After", "1")]), .faulty,
                   connection)
            return
        }
        guard isAllowedOrigin(request) else {
            metrics.refusedOrigin.add()
            answer(HTTPResponse(status: 403), .faulty, connection)
            return
        }
        let offered = Encoding.allCases.map(\.subprotocol)
        switch WebSocketHandshake.answer(request, exchange, subprotocols: offered) {
        case .refused(let response):
            metrics.refusedHandshake.add()
            answer(response, exchange, connection)
        case .accepted(_, subprotocol: nil):
            metrics.refusedHandshake.add()
            answer(HTTPResponse(status: 400, headers: [
                HTTPHeader("Content-Type", "text/plain; charset=utf-8"),
            ], body: Array("Offer the subprotocol hub.v1.json or hub.v1.proto.\n".utf8)), exchange,
                   connection)
        case .accepted(let response, let subprotocol?):
            guard let encoding = Encoding(subprotocol: subprotocol) else { return }
            begin(response, encoding, connection)
        }
    }

    private func begin(_ response: HTTPResponse, _ encoding: Encoding, _ connection: Connection) {
        var bytes: [UInt8] = []
        metrics.answered(response.write(to: &bytes, exchange: HTTPExchange(), date: "").status)
        write(EncodedFrame(bytes), connection)
        let number = connection.number
        var limits = WebSocketLimits()
        limits.messageBytesMax = configuration.helloFrameBytesMax
        connection.http = nil
        connection.isWebSocket = true
        connection.webSocket = WebSocketParser(limits: limits)
        connection.packaging = Packaging(encoding)
        table[number].packaging = connection.packaging
        table[number].phase = .greeting
        table[number].deadline = now + configuration.helloMilliseconds
        let id: SessionID = shared.services.entropy.id(at: shared.services.clocks.now())
        connection.session = shared.services.session(id, loop, lane)
        sessions[id] = number
        metrics.webSockets.add(1)
        metrics.handshakes.add()
    }

    /// Browsers always send an Origin with an upgrade; programs send none. An origin is compared whole:
    /// the hub's own, as the Host header has it, or one that is configured.
    private func isAllowedOrigin(_ request: HTTPRequest) -> Bool {
        let origins = request.headers.filter { $0.name == "origin" }
        guard let origin = origins.first?.value else { return true }
        guard origins.count == 1 else { return false }
        if configuration.allowedOrigins.contains(origin) { return true }
        guard let host = request.header("host") else { return false }
        return origin == "http://\(host)" || origin == "https://\(host)"
    }

    // MARK: Messages in

    func receivedWebSocket(_ bytes: UnsafeMutableRawBufferPointer, _ connection: Connection) {
        let number = connection.number
        var input = bytes
        while connections[Int(number)] === connection {
            guard let event = connection.webSocket?.next(&input) else { return }
            switch event {
            case .needMore: return
            case .text(let message): received(message, .json, connection)
            case .binary(let message): received(message, .proto, connection)
            case .ping(let payload):
                if table[number].phase != .closing {
                    write(EncodedFrame(WebSocketFrame.pong(payload)), connection)
                }
            case .pong: break
            case .close(let code, _): peerCloses(code, connection)
            case .failed(let fault):
                if table[number].phase != .closing {
                    close(connection, fault.closeCode, retryAfterMilliseconds: 0)
                }
            }
        }
    }

    private func received(_ message: UnsafeRawBufferPointer, _ encoding: Encoding,
                          _ connection: Connection) {
        guard table[connection.number].phase != .closing else { return }
        metrics.messagesIn.add()
        guard encoding == connection.packaging.encoding else {
            close(connection, .unsupportedData, retryAfterMilliseconds: 0)
            return
        }
        ProtocolCodec.decodeClientFrames(from: message, encoding) { result in
            switch result {
            case .success(let frame):
                connection.session?.assumeIsolated { $0.receive(frame) }
            case .failure(let error): faulty(error, connection)
            }
        }
    }

    private func faulty(_ error: DecodeError, _ connection: Connection) {
        guard table[connection.number].phase != .closing else { return }
        metrics.faultyCommands.add()
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
        write(EncodedFrame(WebSocketFrame.ping(UnsafeRawBufferPointer(start: nil, count: 0))), connection)
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
        write(EncodedFrame(WebSocketFrame.closeEcho(code)), connection)
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
        if code.rawValue >= 4_000 {
            let closing = Closing(code: code, retryAfterMilliseconds: retryAfterMilliseconds)
            send(ServerFrame(body: .closing(closing)), connection)
        }
        table[number].phase = .closing
        table[number].deadline = now + configuration.closeMilliseconds
        metrics.closed(code)
        leaveSession(connection)
        write(EncodedFrame(WebSocketFrame.close(code, reason: code.slug)), connection)
    }
}
