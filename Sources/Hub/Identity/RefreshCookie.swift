// The cookie that holds a browser's refresh token: out of reach of scripts (RFC 6265bis).

import Model
import Wire

struct RefreshCookie: Sendable {
    /// `__Host-` binds it to this host, this path and TLS; plain HTTP, which is for trying out, has
    /// none.
    let name: String
    private let attributes: String

    init(isSecure: Bool) {
        name = isSecure ? "__Host-hub_refresh" : "hub_refresh"
        attributes = "; Path=/; HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
    }

    func header(_ token: RefreshToken, lifetimeMilliseconds: Int64) -> HTTPHeader {
        HTTPHeader(
            "Set-Cookie",
            "\(name)=\(token.reveal); Max-Age=\(lifetimeMilliseconds / 1_000)\(attributes)")
    }

    var removal: HTTPHeader { HTTPHeader("Set-Cookie", "\(name)=; Max-Age=0\(attributes)") }

    /// `nil` when there is none, or two: somebody planted the other.
    func token(in request: HTTPRequest) -> RefreshToken? {
        var found: RefreshToken?
        for header in request.headers where header.name == "cookie" {
            for pair in header.value.split(atByte: ";") {
                let text = Substring(pair.utf8.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") })
                guard text.startsWithBytes(of: name + "=") else { continue }
                guard found == nil else { return nil }
                let value = Substring(text.utf8.dropFirst(name.utf8.count + 1))
                found = value.isEmpty ? nil : RefreshToken(String(value))
            }
        }
        return found
    }
}
