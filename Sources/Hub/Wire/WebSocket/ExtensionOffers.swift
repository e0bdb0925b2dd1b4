// What a client offers in `Sec-WebSocket-Extensions` (RFC 6455 §9.1), and the choice among its offers of
// permessage-deflate (RFC 7692 §7.1). Only that it is agreed on is decided here; who compresses is not
// Wire's concern.

import Model

/// What was agreed on: both sides forget each message (`…_no_context_takeover`).
package struct DeflateAgreement: Sendable, Hashable {
    /// Binary logarithm of the window with which the client inflates what we send, 8 to 15: what we send
    /// compressed must not look back farther.
    package var windowBits: Int
    /// The client named it, so that the answer has to.
    var isWindowNamed: Bool

    /// The value of the response's `Sec-WebSocket-Extensions`. What the client's own window is, we need not
    /// know: ours is the largest.
    var response: String {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            + (isWindowNamed ? "; server_max_window_bits=\(windowBits)" : "")
    }
}

/// One extension that a client would use, with its parameters as they are written.
struct ExtensionOffer: Hashable {
    struct Parameter: Hashable {
        var name: String
        var value: String?
    }
    var name: String
    var parameters: [Parameter] = []

    /// The offers of a header value, in order; nil when it breaks the grammar.
    static func parse(_ value: String) -> [ExtensionOffer]? {
        var cursor = Cursor(value)
        var offers: [ExtensionOffer] = []
        repeat {
            // Empty elements of a list are to be borne (RFC 9110 §5.6.1.2).
            if cursor.isAtComma || cursor.isAtEnd { continue }
            guard let name = cursor.token() else { return nil }
            var offer = ExtensionOffer(name: name)
            while cursor.take(";") {
                guard let name = cursor.token() else { return nil }
                var value: String?
                if cursor.take("=") {
                    guard let given = cursor.tokenOrQuoted() else { return nil }
                    value = given
                }
                offer.parameters.append(Parameter(name: name, value: value))
            }
            offers.append(offer)
        } while cursor.take(",")
        return cursor.isAtEnd ? offers : nil
    }

    /// What we agree to, if this is an offer of permessage-deflate without a fault: an unknown parameter, one
    /// that comes twice or has a value that it must not have declines the offer (RFC 7692 §7.1).
    var agreement: DeflateAgreement? {
        guard name == "permessage-deflate", Set(parameters.map { ExactText($0.name) }).count == parameters.count
        else { return nil }
        var agreement = DeflateAgreement(windowBits: 15, isWindowNamed: false)
        for parameter in parameters {
            switch (parameter.name, parameter.value) {
            case ("server_no_context_takeover", nil), ("client_no_context_takeover", nil),
                 ("client_max_window_bits", nil): break
            case ("client_max_window_bits", let value?):
                guard Self.windowBits(value) != nil else { return nil }
            case ("server_max_window_bits", let value?):
                guard let bits = Self.windowBits(value) else { return nil }
                agreement = DeflateAgreement(windowBits: bits, isWindowNamed: true)
            default: return nil
            }
        }
        return agreement
    }

    /// 8 to 15 in decimal, without leading zeros.
    private static func windowBits(_ text: String) -> Int? {
        (8...15).first { String($0) == text }
    }
}

/// Reads tokens and marks from the front of a header value, and the blanks behind each.
private struct Cursor {
    private var rest: ArraySlice<UInt8>

    init(_ value: String) {
        rest = Array(value.utf8)[...].drop(while: \.isBlank)
    }

    var isAtEnd: Bool { rest.isEmpty }
    var isAtComma: Bool { rest.first == UInt8(ascii: ",") }

    private mutating func skipBlanks() { rest = rest.drop(while: \.isBlank) }

    mutating func take(_ mark: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: mark) else { return false }
        rest.removeFirst()
        skipBlanks()
        return true
    }

    mutating func token() -> String? {
        let token = rest.prefix(while: \.isTokenByte)
        guard !token.isEmpty else { return nil }
        rest = rest[token.endIndex...]
        skipBlanks()
        return String(decoding: token, as: UTF8.self)
    }

    /// What stands in quotes has to be a token too, once `\` is taken away (RFC 6455 §9.1).
    mutating func tokenOrQuoted() -> String? {
        guard rest.first == UInt8(ascii: "\"") else { return token() }
        rest.removeFirst()
        var content: [UInt8] = []
        while var byte = rest.popFirst() {
            if byte == UInt8(ascii: "\"") {
                skipBlanks()
                return content.isEmpty ? nil : String(decoding: content, as: UTF8.self)
            }
            if byte == UInt8(ascii: "\\") {
                guard let escaped = rest.popFirst() else { return nil }
                byte = escaped
            }
            guard byte.isTokenByte else { return nil }
            content.append(byte)
        }
        return nil
    }
}
