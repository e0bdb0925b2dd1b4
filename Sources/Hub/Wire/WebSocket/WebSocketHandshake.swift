// The opening handshake, server side (RFC 6455 §4.2): from a request to the response that changes
// the protocol, or one that says why not. Whether the Origin may connect is for the caller to
// decide.

/// What became of a request to open a WebSocket.
package enum WebSocketHandshake: Sendable {
    /// Send the response (status 101); every byte after the request is frames. `subprotocol` is nil
    /// when the client offered none, or none that we speak: a caller that needs one answers 400
    /// itself. `deflate` is nil when messages are never compressed.
    case accepted(HTTPResponse, subprotocol: String?, deflate: DeflateAgreement?)
    /// Send the response (400, 405 or 426) and keep to HTTP.
    case refused(HTTPResponse)

    /// The client asks for a WebSocket: whatever is wrong with the rest is for `answer` to say.
    package static func isAskedFor(by request: HTTPRequest) -> Bool {
        elements("upgrade", of: request).contains("websocket")
    }

    /// `subprotocols` is what we speak, the best first. With `deflates`, the first good offer of
    /// permessage-deflate is agreed to; any other extension goes unanswered, which declines it (RFC 6455 §9.1).
    package static func answer(
        _ request: HTTPRequest, _ exchange: HTTPExchange, subprotocols: [String], deflates: Bool = false
    ) -> WebSocketHandshake {
        guard request.method == .get else {
            return .refused(HTTPResponse(status: 405, headers: [HTTPHeader("Allow", "GET")]))
        }
        let upgradeRequired = HTTPResponse(status: 426, headers: [
            HTTPHeader("Upgrade", "websocket"), HTTPHeader("Sec-WebSocket-Version", "13"),
        ])
        guard isAskedFor(by: request),
              elements("connection", of: request).contains("upgrade") else {
            return .refused(upgradeRequired)
        }
        guard !exchange.isVersion10, request.body.isEmpty else {
            return .refused(HTTPResponse(status: 400))
        }
        guard values("sec-websocket-version", of: request) == ["13"] else {
            return .refused(upgradeRequired)
        }
        let keys = values("sec-websocket-key", of: request)
        guard keys.count == 1, isKey(keys[0]), let offered = offers(in: request),
              let extensions = extensions(in: request) else {
            return .refused(HTTPResponse(status: 400))
        }
        let subprotocol = subprotocols.first(where: offered.contains)
        var headers = [
            HTTPHeader("Upgrade", "websocket"),
            HTTPHeader("Sec-WebSocket-Accept", acceptKey(keys[0])),
        ]
        if let subprotocol { headers.append(HTTPHeader("Sec-WebSocket-Protocol", subprotocol)) }
        let deflate = deflates ? extensions.lazy.compactMap(\.agreement).first : nil
        if let deflate { headers.append(HTTPHeader("Sec-WebSocket-Extensions", deflate.response)) }
        return .accepted(HTTPResponse(status: 101, headers: headers), subprotocol: subprotocol,
                         deflate: deflate)
    }

    /// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2 (5.4)).
    package static func acceptKey(_ key: String) -> String {
        base64(SHA1.digest(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
    }

    private static func values(_ name: String, of request: HTTPRequest) -> [String] {
        request.headers.filter { $0.name == name }.map(\.value)
    }

    private static func elements(_ name: String, of request: HTTPRequest) -> [String] {
        values(name, of: request).flatMap(\.foldedListElements)
    }

    /// The subprotocols offered, as they are written; nil when one is no token or comes twice.
    private static func offers(in request: HTTPRequest) -> [String]? {
        var offered: [String] = []
        for name in values("sec-websocket-protocol", of: request).flatMap(\.listElements) {
            guard name.utf8.allSatisfy(\.isTokenByte), !offered.contains(name) else { return nil }
            offered.append(name)
        }
        return offered
    }

    /// The extensions offered, those of the first line first; nil when a line breaks the grammar.
    private static func extensions(in request: HTTPRequest) -> [ExtensionOffer]? {
        var offered: [ExtensionOffer] = []
        for value in values("sec-websocket-extensions", of: request) {
            guard let offers = ExtensionOffer.parse(value) else { return nil }
            offered += offers
        }
        return offered
    }

    /// 16 bytes in base64: 22 characters and two equals signs.
    private static func isKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        return bytes.count == 24 && bytes[22...] == [0x3D, 0x3D]
            && bytes[..<22].allSatisfy(alphabet.contains)
    }

    private static let alphabet =
        Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static func base64(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(place <= group.count
                    ? alphabet[word >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
