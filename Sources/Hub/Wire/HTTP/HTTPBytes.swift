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

    /// `tchar` of RFC 9110 §5.6.2: letters, digits and ``!#$%&'*+-.^_`|~``. One bit for each
    /// character, as literals: a computed table would be a lazy global, looked up for every byte.
    var isTokenByte: Bool {
        if self < 64 { return 0x03FF_6CFA_0000_0000 as UInt64 >> UInt64(self) & 1 != 0 }
        if self < 128 { return 0x57FF_FFFF_C7FF_FFFE as UInt64 >> UInt64(self & 63) & 1 != 0 }
        return false
    }
}

extension String {
    /// The non-empty elements of a comma-separated list (RFC 9110 §5.6.1), without blanks around
    /// them.
    var listElements: [String] {
        utf8.split(separator: UInt8(ascii: ",")).compactMap { part in
            let trimmed = part.drop(while: \.isBlank)
            guard let last = trimmed.lastIndex(where: { !$0.isBlank }) else { return nil }
            return String(Substring(trimmed[...last]))
        }
    }

    /// The same in lower case, for elements whose case does not count.
    var foldedListElements: [String] { listElements.map { $0.lowercased() } }
}
