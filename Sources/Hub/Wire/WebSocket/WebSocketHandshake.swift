// The opening handshake, server side (RFC 6455 §4.2): from a request to the response that changes
// the protocol, or one that says why not. Whether the Origin may connect is for the caller to
// decide.

/// What became of a request to open a WebSocket.
package enum WebSocketHandshake: Sendable {
    /// Send the bytes, a whole response (status 101); every byte after the request is frames. `subprotocol` is nil
    /// when the client offered none, or none that we speak: a caller that needs one answers 400
    /// itself. `deflate` is nil when messages are never compressed.
    case accepted([UInt8], subprotocol: String?, deflate: DeflateAgreement?)
    /// Send the response (400, 405 or 426) and keep to HTTP.
    case refused(HTTPResponse)

    /// The client asks for a WebSocket: whatever is wrong with the rest is for `answer` to say.
    package static func isAskedFor(by request: HTTPRequest) -> Bool { Asked(request).isForWebSocket }

    /// `subprotocols` is what we speak, the best first. With `deflates`, the first good offer of
    /// permessage-deflate is agreed to; any other extension goes unanswered, which declines it (RFC 6455 §9.1).
    package static func answer(
        _ request: HTTPRequest, _ exchange: HTTPExchange, subprotocols: [String], deflates: Bool = false
    ) -> WebSocketHandshake {
        guard request.method == .get else {
            return .refused(HTTPResponse(status: 405, headers: [HTTPHeader("Allow", "GET")]))
        }
        let asked = Asked(request)
        guard asked.isForWebSocket, asked.isUpgrade else { return .refused(upgradeRequired) }
        guard !exchange.isVersion10, request.body.isEmpty else {
            return .refused(HTTPResponse(status: 400))
        }
        guard asked.versions == 1, asked.isVersion13 else { return .refused(upgradeRequired) }
        guard asked.keys == 1, let accept = acceptKey(asked.key), let offered = asked.subprotocols,
              let extensions = asked.extensions else {
            return .refused(HTTPResponse(status: 400))
        }
        let subprotocol = subprotocols.first(where: offered.contains)
        let deflate = deflates ? extensions.lazy.compactMap(\.agreement).first : nil
        return .accepted(response(accept, subprotocol, deflate), subprotocol: subprotocol, deflate: deflate)
    }

    /// As bytes at once: it is the one response that every connection gets, and what is in it are words of ours.
    private static func response(_ accept: String, _ subprotocol: String?, _ deflate: DeflateAgreement?) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(320)
        func add(_ text: StaticString) {
            bytes.append(contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
        add("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ")
        accept.withBytes { bytes.append(contentsOf: $0) }
        if let subprotocol {
            add("\r\nSec-WebSocket-Protocol: ")
            subprotocol.withBytes { bytes.append(contentsOf: $0) }
        }
        if let deflate {
            add("\r\nSec-WebSocket-Extensions: ")
            deflate.response.withBytes { bytes.append(contentsOf: $0) }
        }
        add("\r\nConnection: Upgrade\r\n\r\n")
        return bytes
    }

    private static var upgradeRequired: HTTPResponse {
        HTTPResponse(status: 426, headers: [
            HTTPHeader("Upgrade", "websocket"), HTTPHeader("Sec-WebSocket-Version", "13"),
        ])
    }

    /// What the headers of a request say about a WebSocket, in one pass over them.
    private struct Asked {
        var isForWebSocket = false
        var isUpgrade = false
        var versions = 0
        var isVersion13 = false
        var keys = 0
        var key = ""
        /// The subprotocols offered, as they are written; nil when one is no token or comes twice.
        var subprotocols: [String]? = []
        /// The extensions offered, those of the first line first; nil when a line breaks the grammar.
        var extensions: [ExtensionOffer]? = []

        init(_ request: HTTPRequest) {
            for header in request.headers {
                // A count is there already, while comparing texts is a call for each of the names.
                switch header.name.utf8.count {
                case 7 where header.name == "upgrade":
                    if header.value.hasListElement("websocket") { isForWebSocket = true }
                case 10 where header.name == "connection":
                    if header.value.hasListElement("upgrade") { isUpgrade = true }
                case 17 where header.name == "sec-websocket-key":
                    keys += 1
                    key = header.value
                case 21 where header.name == "sec-websocket-version":
                    versions += 1
                    isVersion13 = header.value == "13"
                case 22 where header.name == "sec-websocket-protocol":
                    offer(header.value.listElements)
                case 24 where header.name == "sec-websocket-extensions":
                    let more = ExtensionOffer.parse(header.value)
                    extensions = more.flatMap { more in extensions.map { $0 + more } }
                default: break
                }
            }
        }

        private mutating func offer(_ names: [String]) {
            for name in names {
                guard subprotocols?.contains(name) == false, name.utf8.allSatisfy(\.isTokenByte) else {
                    subprotocols = nil
                    return
                }
                subprotocols?.append(name)
            }
        }
    }

    // MARK: The accept key

    /// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2 (5.4)); nil for what is no key:
    /// 16 bytes in base64 are 22 characters and two equals signs.
    package static func acceptKey(_ key: String) -> String? {
        let guid: StaticString = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        var key = key
        return key.withUTF8 { key -> String? in
            guard key.count == 24, key[22] == UInt8(ascii: "="), key[23] == UInt8(ascii: "="),
                  key[..<22].allSatisfy(isBase64) else { return nil }
            return withUnsafeTemporaryAllocation(byteCount: 24 + 36 + SHA1.digestBytes, alignment: 16) { room in
                room.copyMemory(from: UnsafeRawBufferPointer(key))
                UnsafeMutableRawBufferPointer(rebasing: room[24...]).copyMemory(
                    from: UnsafeRawBufferPointer(start: guid.utf8Start, count: guid.utf8CodeUnitCount))
                let digest = UnsafeMutableRawBufferPointer(rebasing: room[60...])
                SHA1.digest(UnsafeRawBufferPointer(rebasing: room[..<60]), to: digest)
                return base64(UnsafeRawBufferPointer(digest))
            }
        }
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        byte.isDigit || byte.lowered &- 0x61 < 26 || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
    }

    private static func base64(_ bytes: UnsafeRawBufferPointer) -> String {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        let signs = alphabet.utf8Start
        let count = (bytes.count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: count) { text in
            var place = 0
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let left = bytes.count - start
                let word = Int(bytes[start]) << 16 | (left > 1 ? Int(bytes[start + 1]) << 8 : 0)
                    | (left > 2 ? Int(bytes[start + 2]) : 0)
                text[place] = signs[word >> 18]
                text[place + 1] = signs[word >> 12 & 63]
                text[place + 2] = left > 1 ? signs[word >> 6 & 63] : UInt8(ascii: "=")
                text[place + 3] = left > 2 ? signs[word & 63] : UInt8(ascii: "=")
                place += 4
            }
            return count
        }
    }
}
