// What every HTTP answer tells the browser to forbid. A page may load from the hub alone, run no inline
// code, and not be framed; other sites learn nothing about where people come from.

import Wire

enum SecurityHeaders {
    /// For answers that are no page.
    static let plain = make(host: nil)

    /// - Parameters:
    ///   - host: the Host header of the request, where it is one of the hub's own. It stands in the policy because
    ///     not every browser takes 'self' for the WebSocket schemes too.
    ///   - scripts: SHA-256 of the scripts that stand in the page itself, in Base64.
    static func make(host: String?, scripts: [String] = []) -> [HTTPHeader] {
        let inline = scripts.map { " 'sha256-\($0)'" }.joined()
        var connect = "'self'"
        if let host, host.utf8.allSatisfy(isHostByte) { connect += " ws://\(host) wss://\(host)" }
        return [
            HTTPHeader("Content-Security-Policy", """
                default-src 'none'; script-src 'self'\(inline); style-src 'self'; img-src 'self' data:; \
                connect-src \(connect); font-src 'self'; manifest-src 'self'; form-action 'self'; \
                frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; \
                trusted-types 'none'
                """),
            HTTPHeader("X-Content-Type-Options", "nosniff"),
            HTTPHeader("Referrer-Policy", "no-referrer"),
            HTTPHeader("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
            HTTPHeader("Cross-Origin-Opener-Policy", "same-origin"),
            HTTPHeader("Cross-Origin-Resource-Policy", "same-origin"),
        ]
    }

    /// Nothing that could end a source or begin a directive.
    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
             UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
             UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"): true
        default: false
        }
    }
}
