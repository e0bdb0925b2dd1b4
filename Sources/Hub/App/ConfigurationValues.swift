// The types of configured values that are more than a number or a path, each with the text form
// that operators write. Parsing returns `nil` for what is no such value; the reader words the
// complaint.

import Glibc
package import Model
package import Ports

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
        guard let bytes = addressBytes(String(host)), (bytes.count == 16) == isBracketed else {
            return nil
        }
        self.init(host: String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
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
        var rest = Substring(text.lowercased())
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
            guard addressBytes(String(host.dropFirst().dropLast()))?.count == 16 else { return nil }
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

/// A range of addresses in CIDR notation; a plain address is a range of one.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 bytes; those behind the prefix are zero.
    package let bytes: [UInt8]
    package let prefixBits: Int

    package init(bytes: [UInt8], prefixBits: Int) {
        precondition(bytes.count == 4 || bytes.count == 16)
        precondition((0...bytes.count * 8).contains(prefixBits))
        self.bytes = bytes
        self.prefixBits = prefixBits
    }

    /// Takes `10.0.0.0/8`, `::1/128` and `192.0.2.7`. Bits behind the prefix must be zero: a range
    /// written as `10.1.2.3/8` more likely has a wrong length than a superfluous address.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let bytes = addressBytes(String(parts[0])) else { return nil }
        var prefixBits = bytes.count * 8
        if parts.count == 2 {
            guard let bits = decimal(parts[1], as: Int.self), bits <= prefixBits else { return nil }
            prefixBits = bits
        }
        self.init(bytes: bytes, prefixBits: prefixBits)
        for bit in prefixBits..<bytes.count * 8 {
            let mask: UInt8 = 0x80 >> UInt8(bit % 8)
            if bytes[bit / 8] & mask != 0 { return nil }
        }
    }

    /// Whether the numeric address is in the range. An IPv4 address mapped into IPv6
    /// (`::ffff:10.0.0.1`, RFC 4291 §2.5.5.2) counts as the IPv4 address.
    package func contains(_ address: String) -> Bool {
        guard var other = addressBytes(address) else { return false }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]
        if other.count == 16, other.starts(with: mapped) { other = Array(other[12...]) }
        guard other.count == bytes.count else { return false }
        return (0..<prefixBits).allSatisfy { bit in
            let mask: UInt8 = 0x80 >> UInt8(bit % 8)
            return (bytes[bit / 8] ^ other[bit / 8]) & mask == 0
        }
    }

    package var description: String { "\(addressText(bytes))/\(prefixBits)" }
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
        return ["password", "sslpassword"].contains(name.lowercased()) && name.count < part.count
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

/// How log lines look; `auto` is text on a terminal and JSON elsewhere.
/// How the sends of a tick reach the kernel.
package enum SendBatching: String, Sendable, CaseIterable { case auto, off }

package enum LogFormat: String, Sendable, CaseIterable { case auto, text, json }

/// The bytes of a numeric address, 4 or 16.
private func addressBytes(_ text: String) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes[..<4]) }
    if inet_pton(AF_INET6, text, &bytes) == 1 { return bytes }
    return nil
}

private func addressText(_ bytes: [UInt8]) -> String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let family = bytes.count == 4 ? AF_INET : AF_INET6
    precondition(inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil)
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// Digits only: no sign, no space, at least one.
func decimal<Number: FixedWidthInteger>(_ text: some StringProtocol, as: Number.Type) -> Number? {
    guard let first = text.utf8.first, (0x30...0x39).contains(first) else { return nil }
    return Number(text)
}
