// The opening handshake: what is accepted, what is refused with which status, and the accept key.

import Testing
import Wire

private let good = [
    HTTPHeader("host", "hub.example"), HTTPHeader("upgrade", "websocket"),
    HTTPHeader("connection", "Upgrade"), HTTPHeader("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    HTTPHeader("sec-websocket-version", "13"),
]

private let spoken = ["hub.v1.proto", "hub.v1.json"]

/// `good` with other values of a header, or without it.
private func changed(_ name: String, _ values: [String]) -> [HTTPHeader] {
    good.filter { $0.name != name } + values.map { HTTPHeader(name, $0) }
}

private func answer(
    _ headers: [HTTPHeader], method: HTTPMethod = .get, body: [UInt8] = [],
    _ exchange: HTTPExchange = HTTPExchange()
) -> WebSocketHandshake {
    let request = HTTPRequest(method: method, path: "/ws", headers: headers, body: body)
    return WebSocketHandshake.answer(request, exchange, subprotocols: spoken)
}

private func status(_ handshake: WebSocketHandshake) -> Int {
    switch handshake {
    case .accepted(let bytes, _, _):
        String(decoding: bytes, as: UTF8.self).hasPrefix("HTTP/1.1 101 Switching Protocols\r\n") ? 101 : 0
    case .refused(let response): response.status
    }
}

/// The values of a header in a response.
func values(_ name: String, in response: [UInt8]) -> [String] {
    String(decoding: response, as: UTF8.self).split(separator: "\r\n").compactMap { line in
        line.hasPrefix(name + ": ") ? String(line.dropFirst(name.count + 2)) : nil
    }
}

@Suite struct WebSocketHandshakeTests {
    /// The example of RFC 6455 §1.3; the others were computed with another library.
    @Test(arguments: [
        ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="),
        ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
        ("dGhlIHNhbXBsZSBub25jZQ=", nil), ("dGhlIHNhbXBsZSBub25j\u{e9}==", nil), ("", nil),
    ] as [(String, String?)])
    func acceptKey(_ key: String, _ expected: String?) {
        #expect(WebSocketHandshake.acceptKey(key) == expected)
    }

    @Test func accepts() {
        guard case .accepted(let bytes, let subprotocol, _) = answer(good) else {
            Issue.record("refused")
            return
        }
        #expect(subprotocol == nil)
        #expect(String(decoding: bytes, as: UTF8.self) == """
            HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection: Upgrade\r\n\r\n
            """)
    }

    @Test(arguments: [
        ("upgrade", ["WebSocket"]), ("upgrade", ["h2c, websocket"]),
        ("upgrade", [",\twebsocket ,"]), ("upgrade", ["h2c", "websocket"]),
        ("connection", ["keep-alive, UPGRADE"]), ("connection", ["keep-alive", "upgrade"]),
        ("sec-websocket-extensions", ["permessage-deflate; client_max_window_bits"]),
    ])
    func acceptsAlso(_ name: String, _ values: [String]) {
        #expect(status(answer(changed(name, values))) == 101)
    }

    @Test func extensionsGoUnanswered() {
        guard case .accepted(let response, _, _) =
            answer(changed("sec-websocket-extensions", ["permessage-deflate"])) else {
            Issue.record("refused")
            return
        }
        #expect(values("Sec-WebSocket-Extensions", in: response).isEmpty)
    }

    @Test(arguments: [
        ("upgrade", [], 426), ("upgrade", ["h2c"], 426), ("upgrade", ["web socket"], 426),
        // The sign for kelvin is a k in lower case, for Unicode and nobody else.
        ("upgrade", ["websoc\u{212a}et"], 426), ("upgrade", ["websockets"], 426),
        ("connection", [], 426), ("connection", ["keep-alive"], 426),
        ("sec-websocket-version", [], 426), ("sec-websocket-version", ["8"], 426),
        ("sec-websocket-version", ["13, 8"], 426), ("sec-websocket-version", ["13", "13"], 426),
        ("sec-websocket-version", ["013"], 426),
        ("sec-websocket-key", [], 400), ("sec-websocket-key", [""], 400),
        ("sec-websocket-key", ["dGhlIHNhbXBsZSBub25jZQ"], 400),
        ("sec-websocket-key", ["dGhlIHNhbXBsZSBub25jZQ==="], 400),
        ("sec-websocket-key", ["dGhlIHNhbXBsZSBub25jZQA="], 400),
        ("sec-websocket-key", ["dGhlIHNhbXBsZSBub25j!Q=="], 400),
        ("sec-websocket-key", ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="], 400),
        ("sec-websocket-protocol", ["a b"], 400), ("sec-websocket-protocol", ["a,,b"], 101),
        ("sec-websocket-protocol", ["a, a"], 400), ("sec-websocket-protocol", ["a;b"], 400),
    ])
    func refuses(_ name: String, _ values: [String], _ expected: Int) {
        let handshake = answer(changed(name, values))
        #expect(status(handshake) == expected)
        if case .refused(let response) = handshake, expected == 426 {
            #expect(response.headers.contains(HTTPHeader("Sec-WebSocket-Version", "13")))
            #expect(response.headers.contains(HTTPHeader("Upgrade", "websocket")))
        }
    }

    @Test func refusesMethodVersionAndBody() {
        #expect(status(answer(good, method: .post)) == 405)
        #expect(status(answer(good, method: .head)) == 405)
        #expect(status(answer(good, HTTPExchange(isVersion10: true))) == 400)
        #expect(status(answer(good, body: [1])) == 400)
    }

    @Test(arguments: [
        (["hub.v1.json"], "hub.v1.json"), (["hub.v1.json, hub.v1.proto"], "hub.v1.proto"),
        (["hub.v1.json", "hub.v1.proto"], "hub.v1.proto"), (["other"], nil), ([], nil),
        (["HUB.v1.json"], nil), (["other,\thub.v1.json"], "hub.v1.json"),
    ] as [([String], String?)])
    func subprotocol(_ offered: [String], _ chosen: String?) {
        guard case .accepted(let response, let subprotocol, _) =
            answer(changed("sec-websocket-protocol", offered)) else {
            Issue.record("refused")
            return
        }
        #expect(subprotocol == chosen)
        #expect(values("Sec-WebSocket-Protocol", in: response) == (chosen.map { [$0] } ?? []))
    }

    @Test func isAskedFor() {
        #expect(WebSocketHandshake.isAskedFor(by: HTTPRequest(method: .get, path: "/", headers: good)))
        #expect(!WebSocketHandshake.isAskedFor(
            by: HTTPRequest(method: .get, path: "/", headers: changed("upgrade", ["h2c"]))))
    }
}
