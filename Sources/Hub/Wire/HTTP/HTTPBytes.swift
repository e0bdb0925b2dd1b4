// Classes of bytes in HTTP (RFC 9110 §5.6) and lists in header values.

extension UInt8 {
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20

    var isDigit: Bool { self &- 0x30 < 10 }
    var isBlank: Bool { self == 0x20 || self == 0x09 }
    /// Visible ASCII, blanks and bytes above 127; no controls.
    var isFieldByte: Bool { self >= 0x20 && self != 0x7F || self == 0x09 }
    var lowered: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    var hexValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let letter = lowered &- 0x61
        return letter < 6 ? letter + 10 : nil
    }

    /// `tchar` of RFC 9110 §5.6.2.
    var isTokenByte: Bool {
        if self < 64 { return tokenBytesLow & (1 << UInt64(self)) != 0 }
        if self < 128 { return tokenBytesHigh & (1 << UInt64(self & 63)) != 0 }
        return false
    }
}

private let tokenBytesLow = bits("!#$%&'*+-.0123456789", from: 0)
private let tokenBytesHigh =
    bits("^_`abcdefghijklmnopqrstuvwxyz|~ABCDEFGHIJKLMNOPQRSTUVWXYZ", from: 64)

private func bits(_ text: StaticString, from offset: UInt8) -> UInt64 {
    text.withUTF8Buffer { $0.reduce(0) { $0 | 1 << UInt64($1 - offset) } }
}

extension String {
    /// The non-empty elements of a comma-separated list, in lower case, without blanks around them.
    var listElements: [String] {
        utf8.split(separator: UInt8(ascii: ",")).compactMap { part in
            let trimmed = part.drop(while: \.isBlank)
            guard let last = trimmed.lastIndex(where: { !$0.isBlank }) else { return nil }
            return String(Substring(trimmed[...last])).lowercased()
        }
    }
}
