// The cookies of browsers, out of reach of scripts (RFC 6265bis): one holds the refresh token, the other says after the
// end of the sign-in, too, that the browser has signed in to the account before.

import Model
import Wire

struct RefreshCookie: Sendable {
    /// `__Host-` binds it to this host, this path and TLS; plain HTTP, which is for trying out, has
    /// none.
    let name: String
    private let deviceName: String
    private let attributes: String

    init(isSecure: Bool) {
        name = isSecure ? "__Host-hub_refresh" : "hub_refresh"
        deviceName = isSecure ? "__Host-hub_device" : "hub_device"
        attributes = "; Path=/; HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
    }

    func header(_ token: RefreshToken, lifetimeMilliseconds: Int64) -> HTTPHeader {
        HTTPHeader(
            "Set-Cookie",
            "\(name)=\(token.reveal); Max-Age=\(lifetimeMilliseconds / 1_000)\(attributes)")
    }

    var removal: HTTPHeader { HTTPHeader("Set-Cookie", "\(name)=; Max-Age=0\(attributes)") }

    /// For as long as browsers keep a cookie.
    func header(device: String) -> HTTPHeader {
        HTTPHeader("Set-Cookie", "\(deviceName)=\(device); Max-Age=\(400 * 86_400)\(attributes)")
    }

    func token(in request: HTTPRequest) -> RefreshToken? { value(of: name, in: request).map { RefreshToken($0) } }

    /// Empty when there is none.
    func device(in request: HTTPRequest) -> String { value(of: deviceName, in: request) ?? "" }

    /// `nil` when there is none, or two: somebody planted the other.
    private func value(of name: String, in request: HTTPRequest) -> String? {
        var found: String?
        for header in request.headers where header.name == "cookie" {
            for pair in header.value.split(atByte: ";") {
                let text = Substring(pair.utf8.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") })
                guard text.startsWithBytes(of: name + "=") else { continue }
                guard found == nil else { return nil }
                let value = Substring(text.utf8.dropFirst(name.utf8.count + 1))
                found = value.isEmpty ? nil : String(value)
            }
        }
        return found
    }
}
