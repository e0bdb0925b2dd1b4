// The types of configured values that are more than a number or a path, each with the text form
// that operators write. Parsing returns `nil` for what is no such value; the reader words the
// complaint.

package import Model
package import Ports
import Wire

/// An address to listen on. The host is a numeric IPv4 or IPv6 address; port 0 means any free one.
package struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: UInt16
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Takes `127.0.0.1:8080` and `[::1]:8080`. Host names are refused: what a name resolves to at
    /// start is not what an operator who reads the configuration sees.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = decimal(text[text.index(after: colon)...], as: UInt16.self)
        else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard isNumeric(host), host.contains(":") == isBracketed else { return nil }
        self.init(host: String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Where a certificate chain and its key lie, written `CHAIN:KEY`.
package struct CertificatePair: Hashable, Sendable, CustomStringConvertible {
    package let chain: String
    package let key: String

    /// Paths with a colon or comma cannot be written.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        (chain, key) = (parts[0], parts[1])
    }

    package var description: String { chain + ":" + key }
}

/// The origin of a web address: scheme, host and port, without a path.
package struct PublicURL: Hashable, Sendable, CustomStringConvertible {
    /// `https`: cookies get the `Secure` attribute.
    package var isSecure: Bool
    /// Lower case; IPv6 addresses in brackets.
    package var host: String
    /// `nil`: the scheme's own port.
    package var port: UInt16?
    package init(isSecure: Bool, host: String, port: UInt16?) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
    }

    /// Takes `https://hub.example.org` and `http://127.0.0.1:8080`, with or without a final slash.
    package init?(_ text: String) {
        var rest = Substring(text.asciiLowercased())
        if rest.hasPrefix("https://") {
            isSecure = true
            rest = rest.dropFirst(8)
        } else if rest.hasPrefix("http://") {
            isSecure = false
            rest = rest.dropFirst(7)
        } else {
            return nil
        }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        var host = rest
        port = nil
        let hostEnd = rest.lastIndex(of: "]") ?? rest.startIndex
        if let colon = rest[hostEnd...].lastIndex(of: ":") {
            guard let number = decimal(rest[rest.index(after: colon)...], as: UInt16.self),
                number > 0
            else { return nil }
            host = rest[..<colon]
            port = number == (isSecure ? 443 : 80) ? nil : number
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            let inner = host.dropFirst().dropLast()
            guard isNumeric(inner), inner.contains(":") else { return nil }
        } else {
            let isNamed = host.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            }
            guard isNamed, !host.isEmpty, host.utf8.count <= 253 else { return nil }
        }
        self.host = String(host)
    }

    /// The form of an `Origin` header, RFC 6454 §6.2.
    package var description: String {
        (isSecure ? "https://" : "http://") + host + (port.map { ":\($0)" } ?? "")
    }
}

package enum DatabaseURLTag {}
/// How libpq is to connect; it may hold a password.
package typealias DatabaseURL = Private<DatabaseURLTag>

/// Which database, and where.
package enum DatabaseLocation: Hashable, Sendable, CustomStringConvertible {
    case sqlite(path: String)
    /// A connection URI as libpq takes it (PostgreSQL manual, §34.1.1.2).
    case postgresql(DatabaseURL)

    package init?(_ text: String) {
        if text.hasPrefix("sqlite:") {
            let path = String(text.dropFirst(7))
            guard !path.isEmpty else { return nil }
            self = .sqlite(path: path)
        } else if text.hasPrefix("postgresql://") || text.hasPrefix("postgres://") {
            self = .postgresql(DatabaseURL(text))
        } else {
            return nil
        }
    }

    /// The location with its password, as the store takes it.
    package var reveal: String {
        switch self {
        case .sqlite(let path): "sqlite:" + path
        case .postgresql(let url): url.reveal
        }
    }

    /// Whether the URI itself says the password.
    package var hasPassword: Bool {
        guard case .postgresql(let connection) = self else { return false }
        return withoutPassword(connection.reveal) != connection.reveal
    }

    /// As the operator wrote it, except that a password reads `***`.
    package var description: String {
        switch self {
        case .sqlite(let path): "sqlite:" + path
        case .postgresql(let connection): withoutPassword(connection.reveal)
        }
    }

    /// The same location with this password; the password file's content goes in here.
    package func with(password: Private<PasswordTag>) -> DatabaseLocation {
        guard case .postgresql(let connection) = self else { return self }
        let uri = connection.reveal
        return .postgresql(DatabaseURL(
            uri + (uri.contains("?") ? "&" : "?") + "password=" + percentEncoded(password.reveal)))
    }
}

/// `user:secret@` becomes `user:***@`, and `password=secret` in the query `password=***`.
private func withoutPassword(_ uri: String) -> String {
    guard let start = uri.firstRange(of: "://") else { return uri }
    let rest = uri[start.upperBound...]
    let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    // A password that was not percent-encoded may hold any of `/?#@`: what is before the last `@`
    // of the whole URI is hidden rather than too little.
    let at = rest[..<authorityEnd].lastIndex(of: "@") ?? rest.lastIndex(of: "@")
    var text = String(uri[..<start.upperBound])
    var tail = rest
    if let at, let colon = rest[..<at].firstIndex(of: ":") {
        text += rest[..<colon] + ":***"
        tail = rest[at...]
    }
    guard let question = tail.firstIndex(of: "?") else { return text + tail }
    let parameters = tail[tail.index(after: question)...].split(
        separator: "&", omittingEmptySubsequences: false)
    text += tail[...question]
    text += parameters.map { part in
        let name = part.prefix { $0 != "=" }
        return ["password", "sslpassword"].contains(name.asciiLowercased()) && name.count < part.count
            ? name + "=***" : String(part)
    }.joined(separator: "&")
    return text
}

private func percentEncoded(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            out.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
    }
    return out
}

extension LogLevel {
    /// As log lines and the configuration write it.
    package var name: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        }
    }
}

/// Whether messages may go compressed.
package enum Compression: String, Sendable, CaseIterable { case on, off }

/// How log lines look; `auto` is text on a terminal and JSON elsewhere.
/// How the sends of a tick reach the kernel.
package enum SendBatching: String, Sendable, CaseIterable { case auto, off }

package enum LogFormat: String, Sendable, CaseIterable { case auto, text, json }

/// Whether it is an IPv4 or IPv6 address, without a zone.
private func isNumeric(_ host: Substring) -> Bool { NetworkAddress(host) != nil && !host.contains("%") }

/// Digits only: no sign, no space, at least one.
func decimal<Number: FixedWidthInteger>(_ text: some StringProtocol, as: Number.Type) -> Number? {
    guard let first = text.utf8.first, (0x30...0x39).contains(first) else { return nil }
    return Number(text)
}
