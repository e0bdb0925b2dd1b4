// Who sent a request, when proxies stand between. A proxy that the operator trusts may say so in a header;
// everybody else may write whatever they like there, and nobody listens.
//
// The list of addresses is read from its end: each proxy appends whom it heard the request from, so what
// stands left of the last address that is no trusted proxy was written by a stranger.

import Model

/// The family of headers that the trusted proxies set. Only one: a proxy passes on, as the client wrote
/// them, the headers that it does not know.
package enum ForwardedHeaders: String, Sendable, CaseIterable {
    /// `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`.
    case xForwarded = "x-forwarded"
    /// `X-Real-IP`, with the same two others.
    case xRealIP = "x-real-ip"
    /// `Forwarded` (RFC 7239).
    case forwarded
    case none
}

/// The one who sent a request, as far as it can be known.
package struct Requester: Hashable, Sendable {
    package var address: NetworkAddress
    /// The authority that the client asked for.
    package var host: String?
    /// Whether the client used TLS.
    package var isSecure: Bool
    /// The request says that it passed a proxy, which is not one of the trusted ones: then the address may
    /// be that proxy's.
    package var isDoubtful = false
    package init(address: NetworkAddress, host: String?, isSecure: Bool, isDoubtful: Bool = false) {
        self.address = address
        self.host = host
        self.isSecure = isSecure
        self.isDoubtful = isDoubtful
    }
}

package struct ForwardedRule: Sendable {
    package var trustedProxies: [AddressRange]
    package var headers: ForwardedHeaders
    package init(trustedProxies: [AddressRange] = [], headers: ForwardedHeaders = .xForwarded) {
        self.trustedProxies = trustedProxies
        self.headers = headers
    }

    /// Addresses of one request that are looked at. More is a loop of proxies, or nonsense.
    private static let hopsMax = 32

    private static func isForwarding(_ header: HTTPHeader) -> Bool {
        switch header.name.utf8.count {
        case 9: header.name == "forwarded" || header.name == "x-real-ip"
        case 15: header.name == "x-forwarded-for"
        default: false
        }
    }

    package func isTrusted(_ address: NetworkAddress) -> Bool { trustedProxies.contains(address) }

    /// `nil` when a trusted proxy's headers cannot be understood: to be refused, as it would otherwise
    /// count as sent by the proxy itself.
    /// - Parameters:
    ///   - peer: whom the connection comes from.
    ///   - isSecure: whether the connection itself is TLS.
    package func requester(of request: HTTPRequest, from peer: NetworkAddress, isSecure: Bool) -> Requester? {
        var requester = Requester(address: peer, host: request.header("host"), isSecure: isSecure)
        guard headers != .none, isTrusted(peer) else {
            requester.isDoubtful = request.headers.contains(where: Self.isForwarding)
            return requester
        }
        switch headers {
        case .none: break
        case .xForwarded:
            guard let sources = Self.sources(in: Self.elements("x-forwarded-for", request)),
                  readOthers(request, into: &requester) else { return nil }
            requester.address = nearest(sources) ?? peer
        case .xRealIP:
            let values = Self.elements("x-real-ip", request)
            guard values.count <= 1, let sources = Self.sources(in: values),
                  readOthers(request, into: &requester) else { return nil }
            requester.address = sources.last ?? peer
        case .forwarded:
            guard readForwarded(request, into: &requester) else { return nil }
        }
        return requester
    }

    /// The last address that is no trusted proxy; the first one when all are.
    private func nearest(_ sources: [NetworkAddress]) -> NetworkAddress? {
        sources.last { !isTrusted($0) } ?? sources.first
    }

    private static func elements(_ name: String, _ request: HTTPRequest) -> [String] {
        request.headers.lazy.filter { $0.name == name }.flatMap(\.value.listElements)
    }

    /// The addresses at the end of a list, up to the first element from the right that is none. `nil`: the
    /// last element already is none, though a trusted proxy wrote it.
    private static func sources(in elements: [String]) -> [NetworkAddress]? {
        var found: [NetworkAddress] = []
        for element in elements.suffix(hopsMax).reversed() {
            guard let address = address(element) else { break }
            found.append(address)
        }
        return found.isEmpty && !elements.isEmpty ? nil : found.reversed()
    }

    /// With or without a port; IPv6 with a port in brackets.
    private static func address(_ text: some StringProtocol) -> NetworkAddress? {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]"), isPort(text[text.index(after: end)...]) else { return nil }
            let inner = text[..<end].dropFirst()
            return inner.contains(":") ? NetworkAddress(inner) : nil
        }
        if let colon = text.firstIndex(of: ":"), text.lastIndex(of: ":") == colon {
            return isPort(text[colon...]) ? NetworkAddress(text[..<colon]) : nil
        }
        return NetworkAddress(text)
    }

    /// Nothing, or a colon and digits.
    private static func isPort(_ text: some StringProtocol) -> Bool {
        text.isEmpty || text.first == ":" && text.utf8.count > 1 && text.utf8.count <= 6
            && text.utf8.dropFirst().allSatisfy(\.isDigit)
    }

    // MARK: Scheme and host

    private func readOthers(_ request: HTTPRequest, into requester: inout Requester) -> Bool {
        if let scheme = Self.elements("x-forwarded-proto", request).last,
           !Self.read(scheme: scheme, into: &requester) { return false }
        if let host = Self.elements("x-forwarded-host", request).last { requester.host = host }
        return true
    }

    private static func read(scheme: String, into requester: inout Requester) -> Bool {
        switch scheme.asciiLowercased() {
        case "https", "wss": requester.isSecure = true
        case "http", "ws": requester.isSecure = false
        default: return false
        }
        return true
    }

    // MARK: RFC 7239

    /// The last element whose `for` is no trusted proxy; its scheme and host count.
    private func readForwarded(_ request: HTTPRequest, into requester: inout Requester) -> Bool {
        let headers = request.headers.filter { $0.name == "forwarded" }
        guard !headers.isEmpty else { return true }
        var elements: [[ExactText: String]] = []
        for header in headers {
            guard let read = Self.forwardedElements(header.value) else { return false }
            elements += read
        }
        for (index, element) in elements.suffix(Self.hopsMax).reversed().enumerated() {
            // Unknown and hidden ones (§6.2, §6.3) say nothing of who is behind them.
            guard let node = element["for"], let address = Self.address(node) else {
                let isNameless = element["for"].map {
                    $0.startsWithBytes(of: "_") || $0.asciiLowercased() == "unknown"
                } ?? true
                return index > 0 || isNameless
            }
            requester.address = address
            if let scheme = element["proto"], !Self.read(scheme: scheme, into: &requester) { return false }
            if let host = element["host"] { requester.host = host }
            if !isTrusted(address) { return true }
        }
        return true
    }

    /// `for=192.0.2.60;proto=http, for="[2001:db8::1]:47"`: pairs by lower-case name, `nil` if malformed.
    private static func forwardedElements(_ text: String) -> [[ExactText: String]]? {
        var elements: [[ExactText: String]] = [[:]]
        var rest = Substring(text).utf8
        while true {
            rest = rest.drop(while: isBlank)
            let name = rest.prefix(while: \.isTokenByte)
            rest = rest.dropFirst(name.count)
            let folded = ExactText(Substring(name).asciiLowercased())
            guard !name.isEmpty, rest.first == UInt8(ascii: "="), let value = value(&rest),
                  elements[elements.count - 1].updateValue(value, forKey: folded) == nil
            else { return nil }
            rest = rest.drop(while: isBlank)
            switch rest.popFirst() {
            case nil: return elements
            case UInt8(ascii: ";"): break
            case UInt8(ascii: ","): elements.append([:])
            default: return nil
            }
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    /// Takes `=token` or `="quoted string"`. By bytes: what a combining mark follows is still a quotation mark.
    private static func value(_ rest: inout Substring.UTF8View) -> String? {
        rest = rest.dropFirst()
        guard rest.first == UInt8(ascii: "\"") else {
            let token = rest.prefix(while: \.isTokenByte)
            rest = rest.dropFirst(token.count)
            return token.isEmpty ? nil : String(Substring(token))
        }
        rest = rest.dropFirst()
        var value: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\"") { return String(decoding: value, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\") else {
                value.append(byte)
                continue
            }
            guard let escaped = rest.popFirst() else { return nil }
            value.append(escaped)
        }
        return nil
    }
}
