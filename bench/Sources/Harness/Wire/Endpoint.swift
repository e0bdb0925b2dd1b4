// Where a server is: the parts of a ws, wss, http or https URL that a client needs. Looks names up;
// leaves out user information, which a URL of a hub never has.

internal import Glibc

/// A mistake of the person who gave the arguments, or a fault of the world, in one line.
package struct BenchError: Error, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }

    static func system(_ what: String, _ code: Int32 = errno) -> BenchError {
        BenchError("\(what): \(String(cString: strerror(code)))")
    }
}

package struct Endpoint: Sendable, Equatable {
    package var isSecure: Bool
    package var host: String
    package var port: UInt16
    /// Begins with `/`; holds the query, not the fragment.
    package var path: String
    package var fragment: String

    package init(_ text: String) throws {
        guard let colon = text.range(of: "://") else {
            throw BenchError("'\(text)' is not a URL: expected ws://HOST:PORT or http://HOST:PORT")
        }
        switch text[..<colon.lowerBound].lowercased() {
        case "ws", "http": isSecure = false
        case "wss", "https": isSecure = true
        case let scheme:
            throw BenchError("'\(scheme)' is no scheme of a hub: use ws, wss, http or https")
        }
        var rest = text[colon.upperBound...]
        fragment = ""
        if let hash = rest.firstIndex(of: "#") {
            fragment = String(rest[rest.index(after: hash)...])
            rest = rest[..<hash]
        }
        let slash = rest.firstIndex(where: { $0 == "/" || $0 == "?" }) ?? rest.endIndex
        path = String(rest[slash...])
        if !path.hasPrefix("/") { path = "/" + path }
        (host, port) = try Self.authority(rest[..<slash], isSecure: isSecure, in: text)
    }

    private static func authority(_ text: Substring, isSecure: Bool,
                                  in url: String) throws -> (String, UInt16) {
        var name = text
        var port: UInt16 = isSecure ? 443 : 80
        let end = name.lastIndex(of: "]") ?? name.startIndex
        if let colon = name[end...].lastIndex(of: ":") {
            guard let number = UInt16(name[name.index(after: colon)...]), number > 0 else {
                throw BenchError("the port of '\(url)' is not a number of 1 to 65535")
            }
            port = number
            name = name[..<colon]
        }
        if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
        guard !name.isEmpty, !name.contains("@") else {
            throw BenchError("'\(url)' names no host (expected ws://HOST:PORT)")
        }
        return (String(name), port)
    }

    /// The same server with another path.
    package func with(path: String) -> Endpoint {
        var copy = self
        copy.path = path
        copy.fragment = ""
        return copy
    }

    /// What the `Host` header says.
    package var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    package var isLoopback: Bool {
        host == "localhost" || host.hasPrefix("127.") || host == "::1"
    }

    /// Looks the host up once, so that thousands of connections do not.
    package func resolve() throws -> SocketAddress {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(host, String(port), &hints, &list)
        guard failure == 0, let found = list else {
            throw BenchError("cannot look up '\(host)': \(String(cString: gai_strerror(failure)))")
        }
        defer { freeaddrinfo(list) }
        return SocketAddress(family: found.pointee.ai_family, bytes: Array(
            UnsafeRawBufferPointer(start: found.pointee.ai_addr,
                                   count: Int(found.pointee.ai_addrlen))))
    }
}

/// An address as the kernel takes it.
package struct SocketAddress: Sendable {
    var family: Int32
    var bytes: [UInt8]
}

/// Many connections of one client address to one server port run out of ports: more addresses help.
enum SourceAddress {
    /// One of `count` addresses of loopback, 127.0.0.1 and up, in turn; `nil` when that is 0.
    static func loopback(_ index: Int, of count: Int) -> UInt32? {
        count == 0 ? nil : 0x7F00_0001 + UInt32(index % count)
    }
}

extension String {
    /// The first occurrence of `needle`; here so that this file needs no Foundation.
    func range(of needle: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(needle) {
                return start..<index(start, offsetBy: needle.count)
            }
            start = index(after: start)
        }
        return nil
    }
}
