// HTTP on a connection: one request at a time, in order, answered from memory or by a handler.

import Live
import Loop
import Model
import Ports
import Wire

extension FrontLoop {
    func receivedHTTP(_ bytes: UnsafeMutableRawBufferPointer, _ connection: Connection) {
        let number = connection.number
        if connection.exchange != nil || connection.endsAfterFlush {
            // A handler is at work: polling is off, so this is the rest of one read.
            connection.heldInput.append(contentsOf: bytes)
            return
        }
        let wasIdle = connection.http?.isIdle ?? true
        var input = UnsafeRawBufferPointer(bytes)
        while connections[Int(number)] === connection, table[number].phase == .http,
              connection.exchange == nil, !connection.endsAfterFlush {
            guard let event = connection.http?.next(&input) else { return }
            switch event {
            case .needMore:
                if connection.http?.isIdle == false, wasIdle {
                    table[number].deadline = now + configuration.httpHeaderMilliseconds
                }
                return
            case .expectsContinue: write(EncodedFrame(HTTPResponse.continueBytes), connection)
            case .request(let request, let exchange): answer(request, exchange, connection)
            case .failed(let fault):
                answer(HTTPResponse(status: fault.status), .faulty, connection)
                return
            }
        }
        guard connections[Int(number)] === connection, !input.isEmpty else { return }
        if table[number].phase == .http {
            connection.heldInput.append(contentsOf: input)
        } else {
            // The first frames came together with the upgrade.
            let offset = bytes.count - input.count
            receivedWebSocket(UnsafeMutableRawBufferPointer(rebasing: bytes[offset...]), connection)
        }
    }

    private func answer(_ request: HTTPRequest, _ exchange: HTTPExchange, _ connection: Connection) {
        switch request.path {
        case "/ws": upgrade(request, exchange, connection)
        case "/healthz": answerText(200, "ok\n", request, exchange, connection)
        case "/readyz":
            let isReady = shared.services.isReady() && !shared.isDraining.withLock { $0 }
            answerText(isReady ? 200 : 503, isReady ? "ready\n" : "not ready\n", request, exchange,
                       connection)
        case "/metrics": answerMetrics(request, exchange, connection)
        default:
            if request.path.hasPrefix("/api/") {
                handle(request, exchange, connection)
            } else {
                answerFile(request, exchange, connection)
            }
        }
    }

    // MARK: Answers from memory

    private func isRead(_ request: HTTPRequest) -> Bool {
        request.method == .get || request.method == .head
    }

    private func answerText(_ status: Int, _ text: String, _ request: HTTPRequest,
                            _ exchange: HTTPExchange, _ connection: Connection) {
        guard isRead(request) else {
            answer(HTTPResponse(status: 405, headers: [HTTPHeader("Allow", "GET, HEAD")]), exchange,
                   connection)
            return
        }
        answer(HTTPResponse(status: status, headers: [
            HTTPHeader("Content-Type", "text/plain; charset=utf-8"), HTTPHeader("Cache-Control", "no-store"),
        ], body: Array(text.utf8)), exchange, connection)
    }

    private func answerMetrics(_ request: HTTPRequest, _ exchange: HTTPExchange,
                               _ connection: Connection) {
        guard configuration.allowsMetrics(connection.peer) else {
            answer(HTTPResponse(status: 403), exchange, connection)
            return
        }
        let body = PrometheusText.render(shared.services.metrics.entries)
        answer(HTTPResponse(status: 200, headers: [
            HTTPHeader("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),
            HTTPHeader("Cache-Control", "no-store"),
        ], body: body), exchange, connection)
    }

    private func answerFile(_ request: HTTPRequest, _ exchange: HTTPExchange, _ connection: Connection) {
        guard isRead(request) else {
            answer(HTTPResponse(status: 405, headers: [HTTPHeader("Allow", "GET, HEAD")]), exchange,
                   connection)
            return
        }
        guard let file = shared.site.file(request.path) else {
            answerText(404, "There is nothing here.\n", request, exchange, connection)
            return
        }
        var headers = [HTTPHeader("ETag", file.etag), HTTPHeader("Cache-Control", "no-cache"),
                       HTTPHeader("Content-Type", file.type)]
        headers += securityHeaders(for: request)
        if let known = request.header("if-none-match"), Self.matches(known, file.etag) {
            answer(HTTPResponse(status: 304, headers: headers), exchange, connection)
            return
        }
        headers.append(HTTPHeader("Content-Length", "\(file.body.bytes.count)"))
        var head: [UInt8] = []
        var bodiless = exchange
        bodiless.isHead = true
        HTTPResponse(status: 200, headers: headers).writeHead(to: &head, exchange: bodiless, date: date)
        metrics.answered(200)
        write(EncodedFrame(head), connection)
        if !exchange.isHead { write(file.body, connection) }
        finished(exchange, connection)
    }

    private static func matches(_ header: String, _ etag: String) -> Bool {
        header == "*" || header.split(separator: ",").contains { candidate in
            let trimmed = candidate.drop { $0 == " " }
            return (trimmed.hasPrefix("W/") ? trimmed.dropFirst(2) : trimmed) == etag
        }
    }

    /// A page may load from the hub alone, run no inline code, and not be framed. The WebSocket's
    /// address stands in words because not every browser takes 'self' for another scheme.
    private func securityHeaders(for request: HTTPRequest) -> [HTTPHeader] {
        var connect = "'self'"
        if let host = request.header("host"),
           host.utf8.allSatisfy({ byte in
               (0x30...0x3A).contains(byte) || (0x41...0x5B).contains(byte) || byte == 0x5D
                   || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E
           }) {
            connect += " ws://\(host) wss://\(host)"
        }
        return [
            HTTPHeader("Content-Security-Policy", """
                default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                connect-src \(connect); font-src 'self'; manifest-src 'self'; form-action 'self'; \
                frame-ancestors 'none'; base-uri 'none'
                """),
            HTTPHeader("Referrer-Policy", "no-referrer"),
            HTTPHeader("Permissions-Policy", "geolocation=(), payment=(), usb=()"),
            HTTPHeader("Cross-Origin-Opener-Policy", "same-origin"),
            HTTPHeader("X-Frame-Options", "DENY"),
        ]
    }

    // MARK: Answers of the handler

    private func handle(_ request: HTTPRequest, _ exchange: HTTPExchange, _ connection: Connection) {
        connection.exchange = exchange
        let number = connection.number
        let generation = table[number].generation
        table[number].deadline = 0
        watch(connection)
        let api = shared.services.api
        let lane = lane
        let loop = loop
        Task(executorPreference: loop.tasks) {
            let response = await api(request)
            loop.submit { lane.answered(response, number, generation) }
        }
    }

    /// The handler has an answer; the connection may be gone.
    func answered(_ response: HTTPResponse, _ number: Int32, _ generation: UInt32) {
        guard table[number].generation == generation, table[number].phase == .http,
              let connection = connections[Int(number)], let exchange = connection.exchange
        else { return }
        readClock()
        connection.exchange = nil
        answer(response, exchange, connection)
        guard connections[Int(number)] === connection, !connection.endsAfterFlush else { return }
        watch(connection)
        let held = connection.heldInput
        guard !held.isEmpty else { return }
        connection.heldInput = []
        var copy = held
        copy.withUnsafeMutableBytes { receivedHTTP($0, connection) }
    }

    // MARK: Writing

    private var date: String { HTTPDate.text(UInt64(shared.services.clocks.now().value / 1_000)) }

    func answer(_ response: HTTPResponse, _ exchange: HTTPExchange, _ connection: Connection) {
        var response = response
        response.headers.append(HTTPHeader("X-Content-Type-Options", "nosniff"))
        var bytes: [UInt8] = []
        let written = response.write(to: &bytes, exchange: exchange, date: date)
        metrics.answered(written.status)
        write(EncodedFrame(bytes), connection)
        finished(exchange, connection)
    }

    private func finished(_ exchange: HTTPExchange, _ connection: Connection) {
        let number = connection.number
        if exchange.keepsAlive, !shared.isDraining.withLock({ $0 }) {
            table[number].deadline = now + configuration.httpIdleMilliseconds
        } else {
            connection.endsAfterFlush = true
            table[number].deadline = now + configuration.closeMilliseconds
        }
    }

    func httpTimedOut(_ connection: Connection) {
        guard !connection.endsAfterFlush, connection.http?.isIdle == false else {
            drop(connection)
            return
        }
        answer(HTTPResponse(status: 408), .faulty, connection)
    }
}
