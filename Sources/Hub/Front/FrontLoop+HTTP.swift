// HTTP on a connection: one request at a time, in order, answered from memory or by a handler.

import Live
import Loop
import Model
import Ports
import Wire

extension FrontLoop {
    /// Answers made for one connection before it has to take them: what a burst of requests can make
    /// us hold is bounded.
    private static let answersMax = 16

    func receivedHTTP(_ bytes: UnsafeMutableRawBufferPointer, _ connection: Connection) {
        let number = connection.number
        var wasIdle = connection.http?.isIdle ?? true
        var input = UnsafeRawBufferPointer(bytes)
        while connections[Int(number)] === connection, table[number].phase == .http {
            // Behind the last answer nothing is looked at any more.
            if connection.endsAfterFlush { return }
            if connection.exchange != nil || connection.answersNoted >= Self.answersMax
                || table[number].isBlocked {
                hold(input, connection)
                return
            }
            let before = input.count
            guard let event = connection.http?.next(&input) else { return }
            connection.input.add(before - input.count)
            switch event {
            case .needMore:
                guard holdsInput(connection) else {
                    metrics.refused(.overloaded)
                    answer(HTTPResponse(status: 503, headers: [HTTPHeader("Retry-After", "5")]), .faulty,
                           connection)
                    return
                }
                if connection.http?.isIdle == false, wasIdle {
                    table[number].deadline = now + configuration.httpHeaderMilliseconds
                }
                return
            case .expectsContinue: write(EncodedFrame(HTTPResponse.continueBytes), connection)
            case .request(let request, let exchange):
                wasIdle = true
                answer(request, exchange, connection)
            case .failed(let fault):
                if ProxyHeaderParser.isBegun(by: UnsafeRawBufferPointer(bytes)) { metrics.refused(.proxyHeader) }
                answer(HTTPResponse(status: fault.status), .faulty, connection)
            }
        }
        guard connections[Int(number)] === connection, !input.isEmpty else { return }
        // The first frames came together with the upgrade.
        let offset = bytes.count - input.count
        receivedWebSocket(UnsafeMutableRawBufferPointer(rebasing: bytes[offset...]), connection)
    }

    /// Reads no more from the connection until `answersTaken`.
    private func hold(_ input: UnsafeRawBufferPointer, _ connection: Connection) {
        connection.heldInput.append(contentsOf: input)
        connection.isHolding = true
        guard holdsInput(connection) else {
            // It does not wait for its answers, so it gets none.
            metrics.refused(.overloaded)
            drop(connection)
            return
        }
        watch(connection)
    }

    /// The peer has taken all answers: what was held is next, when it is the connection's turn.
    func answersTaken(_ number: Int32, _ generation: UInt32) {
        guard table[number].generation == generation, let connection = connections[Int(number)] else { return }
        readClock()
        guard mayLook(connection) else { return }
        connection.input.beginTurn()
        goOn(connection)
        settle(connection)
    }

    /// Looks at what was held.
    func goOn(_ connection: Connection) {
        let number = connection.number
        guard table[number].phase == .http, connection.isHolding, connection.exchange == nil,
              !connection.endsAfterFlush else { return }
        connection.isHolding = false
        var held: [UInt8] = []
        swap(&held, &connection.heldInput)
        held.withUnsafeMutableBytes { receivedHTTP($0, connection) }
        if connections[Int(number)] === connection { watch(connection) }
    }

    private func answer(_ request: HTTPRequest, _ exchange: HTTPExchange, _ connection: Connection) {
        guard let requester = configuration.forwarded.requester(
            of: request, from: connection.peer, isSecure: connection.isSecure)
        else {
            metrics.refused(.forwarded)
            answer(HTTPResponse(status: 400), .faulty, connection)
            return
        }
        holds(0, connection)
        connection.input.add(InputPrice.request)
        var exchange = exchange
        if connection.keptFor != nil {
            guard Self.isProbe(request) else {
                refuseFull(connection)
                return
            }
            connection.keptFor = nil
            exchange.keepsAlive = false
        }
        if request.path == "/ws", !request.isPathEncoded {
            upgrade(request, by: requester, exchange, connection)
        } else {
            route(request.sent(by: requester), requester, exchange, connection)
        }
    }

    private func route(_ request: HTTPRequest, _ requester: Requester, _ exchange: HTTPExchange,
                       _ connection: Connection) {
        // Whoever guards a path in front of the hub sees it as it came: what is ours has one spelling.
        guard !request.isPathEncoded else {
            answerFile(request, exchange, connection)
            return
        }
        switch request.path {
        case Self.streamPath, Self.commandsPath: answerStream(request, exchange, connection)
        case "/healthz": answerText(200, "ok\n", request, exchange, connection)
        case "/readyz":
            let problem = shared.isDraining.withLock { $0 } ? "the hub is stopping"
                : load.level >= .full ? "the hub is overloaded" : shared.services.problem()
            answerText(problem == nil ? 200 : 503, problem.map { "not ready: \($0)\n" } ?? "ready\n", request,
                       exchange, connection)
        case "/metrics": answerMetrics(request, by: requester, exchange, connection)
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

    private func refuseMethod(_ exchange: HTTPExchange, _ connection: Connection) {
        answer(HTTPResponse(status: 405, headers: [HTTPHeader("Allow", "GET, HEAD")]), exchange,
               connection)
    }

    private func answerText(_ status: Int, _ text: String, _ request: HTTPRequest,
                            _ exchange: HTTPExchange, _ connection: Connection) {
        guard isRead(request) else {
            refuseMethod(exchange, connection)
            return
        }
        answer(HTTPResponse(status: status, headers: [
            HTTPHeader("Content-Type", "text/plain; charset=utf-8"), HTTPHeader("Cache-Control", "no-store"),
        ], body: Array(text.utf8)), exchange, connection)
    }

    private func answerMetrics(_ request: HTTPRequest, by requester: Requester, _ exchange: HTTPExchange,
                               _ connection: Connection) {
        guard isRead(request) else {
            refuseMethod(exchange, connection)
            return
        }
        // What came through a proxy that is not known comes from that proxy's address.
        // And what a browser of this machine asks for under another name is a page of that name asking (DNS
        // rebinding): only our own names are answered there.
        let isOwn = !requester.address.isLoopback || requester.host.map(configuration.isOwnHost) == true
        guard configuration.metricsAllow.contains(requester.address), !requester.isDoubtful, isOwn else {
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
            refuseMethod(exchange, connection)
            return
        }
        guard let file = shared.site.file(request.path) else {
            answerText(404, "There is nothing here.\n", request, exchange, connection)
            return
        }
        var headers = [HTTPHeader("ETag", file.etag), HTTPHeader("Cache-Control", file.caching),
                       HTTPHeader("Content-Type", file.type)]
        let host = request.header("host").flatMap { configuration.isOwnHost($0) ? $0 : nil }
        headers += SecurityHeaders.make(host: host, scripts: file.scriptHashes)
            + strictTransport(connection)
        var body = file.body
        if let gzip = file.gzip {
            headers.append(HTTPHeader("Vary", "Accept-Encoding"))
            if Self.takesGzip(request.header("accept-encoding")) {
                // The validator names the bytes that are sent.
                headers[0] = HTTPHeader("ETag", "\(file.etag.dropLast())-gzip\"")
                headers.append(HTTPHeader("Content-Encoding", "gzip"))
                body = gzip
            }
        }
        if let known = request.header("if-none-match"), Self.matches(known, headers[0].value) {
            send(HTTPResponse(status: 304, headers: headers), exchange, connection)
            return
        }
        headers.append(HTTPHeader("Content-Length", "\(body.bytes.count)"))
        var head: [UInt8] = []
        var bodiless = exchange
        bodiless.isHead = true
        HTTPResponse(status: 200, headers: headers).writeHead(to: &head, exchange: bodiless, date: date)
        metrics.answered(200)
        connection.answersNoted += 1
        write(EncodedFrame(head), connection)
        if !exchange.isHead { write(body, connection) }
        finished(exchange, connection)
    }

    /// RFC 9110 §12.5.3, as far as it is about one coding: named or by the star, and not with weight 0.
    static func takesGzip(_ header: String?) -> Bool {
        var star: Bool?
        for entry in (header ?? "").split(atByte: ",") {
            let parts = entry.split(atByte: ";").map { $0.filter { $0 != " " && $0 != "\t" }.asciiLowercased() }
            guard let coding = parts.first else { continue }
            let weight = parts.dropFirst().first { $0.utf8.starts(with: "q=".utf8) }?.dropFirst(2)
            let isWanted = weight.map { $0.utf8.contains { UInt8(ascii: "1")...UInt8(ascii: "9") ~= $0 } } ?? true
            if coding.utf8.elementsEqual("gzip".utf8) { return isWanted }
            if coding.utf8.elementsEqual("*".utf8) { star = isWanted }
        }
        return star ?? false
    }

    private static func matches(_ header: String, _ etag: String) -> Bool {
        header == "*" || header.split(separator: ",").contains { candidate in
            let trimmed = candidate.drop { $0 == " " }
            return (trimmed.hasPrefix("W/") ? trimmed.dropFirst(2) : trimmed) == etag
        }
    }

    // MARK: Answers of the handler

    private func handle(_ request: HTTPRequest, _ exchange: HTTPExchange, _ connection: Connection) {
        guard load.level < .refusing else {
            metrics.refused(.overloaded)
            answer(HTTPResponse(status: 503, headers: [HTTPHeader("Retry-After", "2")]), exchange, connection)
            return
        }
        let answerLater = suspend(exchange, connection)
        let api = shared.services.api
        Task(executorPreference: loop.tasks) { answerLater(await api(request)) }
    }

    /// Reads no more from the connection until what this returns is called with the answer, from any
    /// thread.
    func suspend(_ exchange: HTTPExchange, _ connection: Connection) -> @Sendable (HTTPResponse) -> Void {
        connection.exchange = exchange
        connection.isHolding = true
        let number = connection.number
        let generation = table[number].generation
        table[number].deadline = 0
        watch(connection)
        let lane = lane
        let loop = loop
        return { response in loop.submit { lane.answered(response, number, generation) } }
    }

    /// The handler has an answer; the connection may be gone.
    func answered(_ response: HTTPResponse, _ number: Int32, _ generation: UInt32) {
        guard table[number].generation == generation, table[number].phase == .http,
              let connection = connections[Int(number)], let exchange = connection.exchange
        else { return }
        readClock()
        connection.exchange = nil
        // What was held is looked at when this has been sent.
        answer(response, exchange, connection)
    }

    // MARK: Writing

    var date: String { HTTPDate.text(UInt64(shared.services.clocks.now().value / 1_000)) }

    func answer(_ response: HTTPResponse, _ exchange: HTTPExchange, _ connection: Connection) {
        var response = response
        response.headers += SecurityHeaders.plain + strictTransport(connection)
        send(response, exchange, connection)
    }

    /// RFC 6797 §7.2: over TLS only.
    private func strictTransport(_ connection: Connection) -> [HTTPHeader] {
        guard connection.tls != nil, let value = configuration.strictTransport else { return [] }
        return [HTTPHeader("Strict-Transport-Security", value)]
    }

    private func send(_ response: HTTPResponse, _ exchange: HTTPExchange, _ connection: Connection) {
        var bytes: [UInt8] = []
        let written = response.write(to: &bytes, exchange: exchange, date: date)
        metrics.answered(written.status)
        connection.answersNoted += 1
        write(EncodedFrame(bytes), connection)
        finished(exchange, connection)
    }

    private func finished(_ exchange: HTTPExchange, _ connection: Connection) {
        let number = connection.number
        if exchange.keepsAlive, !isSendingAway {
            table[number].deadline = now + configuration.httpIdleMilliseconds
        } else {
            connection.endsAfterFlush = true
            table[number].deadline = now + configuration.closeMilliseconds
        }
    }

    func httpTimedOut(_ connection: Connection) {
        guard !connection.endsAfterFlush, !connection.isShakingHands,
              connection.http?.isIdle == false || connection.keptFor != nil else {
            if connection.isShakingHands { metrics.tlsFailed("timeout") }
            drop(connection)
            return
        }
        guard connection.keptFor == nil else {
            refuseFull(connection)
            return
        }
        answer(HTTPResponse(status: 408), .faulty, connection)
    }
}

extension HTTPRequest {
    /// The same request with what its proxies say of it.
    fileprivate func sent(by requester: Requester) -> HTTPRequest {
        var request = self
        request.peerAddress = requester.address.description
        request.isSecure = requester.isSecure
        if let host = requester.host, host != header("host") {
            request.headers.removeAll { $0.name == "host" }
            request.headers.append(HTTPHeader("host", host))
        }
        return request
    }
}
