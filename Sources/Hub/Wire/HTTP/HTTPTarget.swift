// Request targets (RFC 9112 §3.2): origin form, absolute form, and `*` for OPTIONS. What could name
// another file or route than it seems to is refused, not repaired.

/// A request target, taken apart.
struct HTTPTarget {
    /// Percent-decoded, valid UTF-8, begins with a slash, has no `.` or `..` segments, no controls
    /// and no backslashes; slashes separate segments and were never encoded. `*` becomes `/`.
    var path = "/"
    /// The path came with `%` in it.
    var isPathEncoded = false
    /// As it came, without the question mark.
    var query = ""
    /// Host and port of an absolute target, as they came.
    var authority: String?

    init(_ target: UnsafeRawBufferPointer, allowsAsterisk: Bool) throws(HTTPFault) {
        guard let first = target.first, target.allSatisfy(Self.isTargetByte) else {
            throw .malformedTarget
        }
        if allowsAsterisk, target.count == 1, first == UInt8(ascii: "*") { return }
        var rest = target[...]
        if first != UInt8(ascii: "/") {
            rest = try Self.afterScheme(rest)
            let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
                ?? rest.endIndex
            guard Self.isAuthority(rest[..<end]) else { throw .malformedTarget }
            authority = String(decoding: rest[..<end], as: UTF8.self)
            rest = rest[end...]
        }
        if let mark = rest.firstIndex(of: UInt8(ascii: "?")) {
            query = String(decoding: rest[(mark + 1)...], as: UTF8.self)
            rest = rest[..<mark]
        }
        guard !rest.isEmpty else { return }
        isPathEncoded = rest.contains(UInt8(ascii: "%"))
        path = try Self.decodedPath(UnsafeRawBufferPointer(rebasing: rest))
    }

    private static func afterScheme(
        _ target: Slice<UnsafeRawBufferPointer>
    ) throws(HTTPFault) -> Slice<UnsafeRawBufferPointer> {
        for scheme in ["http://", "https://"] where target.count > scheme.utf8.count {
            if zip(target, scheme.utf8).allSatisfy({ $0.lowered == $1 }) {
                return target.dropFirst(scheme.utf8.count)
            }
        }
        throw .malformedTarget
    }

    private static func decodedPath(_ raw: UnsafeRawBufferPointer) throws(HTTPFault) -> String {
        // Visible ASCII all through: with nothing encoded in it, and no segment that begins with a dot, it
        // is a path as it is.
        var isPlain = true
        for index in 0..<raw.count where raw[index] == UInt8(ascii: "%")
            || raw[index] == UInt8(ascii: ".") && (index == 0 || raw[index - 1] == UInt8(ascii: "/")) {
            isPlain = false
        }
        if isPlain { return String(decoding: raw, as: UTF8.self) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(raw.count)
        var segment = 0  // where the current segment begins in `bytes`
        var index = 0
        while index < raw.count {
            var byte = raw[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < raw.count, let high = raw[index + 1].hexValue,
                      let low = raw[index + 2].hexValue else { throw .malformedTarget }
                byte = high << 4 | low
                guard byte >= 0x20, byte != 0x7F, byte != UInt8(ascii: "/"),
                      byte != UInt8(ascii: "\\") else { throw .malformedTarget }
                index += 2
            } else if byte == UInt8(ascii: "/") {
                if isDots(bytes[segment...]) { throw .malformedTarget }
                segment = bytes.count + 1
            }
            bytes.append(byte)
            index += 1
        }
        if isDots(bytes[segment...]) { throw .malformedTarget }
        guard bytes.withUnsafeBytes(UTF8Validator.isValid) else { throw .malformedTarget }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isDots(_ segment: ArraySlice<UInt8>) -> Bool {
        (segment.count == 1 || segment.count == 2) && segment.allSatisfy { $0 == UInt8(ascii: ".") }
    }

    /// Visible ASCII, without what no URI has anywhere and browsers always encode.
    private static func isTargetByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "#"), UInt8(ascii: "<"), UInt8(ascii: ">"),
             UInt8(ascii: "\\"): false
        default: byte > 0x20 && byte < 0x7F
        }
    }

    /// A host and perhaps a port (RFC 3986 §3.2), never empty, without user information. Of what a
    /// host name may have in theory, only letters, digits and `-._~` pass.
    static func isAuthority(_ text: some Collection<UInt8>) -> Bool {
        var host = text[...]
        if let colon = text.lastIndexOfByte(UInt8(ascii: ":")),
           text[text.index(after: colon)...].allSatisfy(\.isDigit) {
            host = text[..<colon]
        }
        guard let first = host.first else { return false }
        if first == UInt8(ascii: "[") {
            guard host.count > 2 else { return false }
            var inner = host.dropFirst()
            while inner.count > 1 {
                guard let byte = inner.popFirst(), byte.hexValue != nil
                    || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".") else { return false }
            }
            return inner.first == UInt8(ascii: "]")
        }
        return host.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
            default: byte.isDigit || byte.lowered &- 0x61 < 26
            }
        }
    }
}

extension Collection<UInt8> {
    fileprivate func lastIndexOfByte(_ byte: UInt8) -> Index? {
        var found: Index?
        var index = startIndex
        while index != endIndex {
            if self[index] == byte { found = index }
            formIndex(after: &index)
        }
        return found
    }
}
