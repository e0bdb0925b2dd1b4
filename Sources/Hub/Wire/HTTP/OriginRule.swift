// Which pages may use the hub: one rule for WebSockets, streams and the HTTP API. It looks at one request;
// what is told to whom is refused is the business of those who ask.

package struct OriginRule: Hashable, Sendable {
    /// Exactly as browsers send them.
    package var allowed: [String]
    /// People reach the hub by https: a page that came without is not the hub's own, and the cookies of
    /// signing in would not reach it.
    package var isOwnSecure: Bool

    package init(allowed: [String] = [], isOwnSecure: Bool = false) {
        self.allowed = allowed
        self.isOwnSecure = isOwnSecure
    }

    /// Browsers send an Origin with whatever a page asks for, programs send none. An origin is compared whole,
    /// byte by byte: the hub's own, made of the scheme and authority of the request, or one of `allowed`.
    ///
    /// - Parameters:
    ///   - host: the authority that the client asked for; behind a trusted proxy as that says.
    ///   - isSecure: whether the client used TLS; the same holds.
    package func allows(_ request: HTTPRequest, host: String?, isSecure: Bool) -> Bool {
        guard let origin = request.header("origin") else { return true }
        guard request.headers.count(where: { $0.name == "origin" }) == 1 else { return false }
        // Strings are equal by what they look like; bytes are not.
        return allowed.contains { $0.utf8.elementsEqual(origin.utf8) }
            || isOwn(origin, host: host, isSecure: isSecure)
    }

    /// Whether the origin is that of the page that the hub itself serves under this address.
    package func isOwn(_ origin: String, host: String?, isSecure: Bool) -> Bool {
        guard let host, isSecure || !isOwnSecure else { return false }
        return origin.utf8.elementsEqual(((isSecure ? "https://" : "http://") + host).utf8)
    }
}
