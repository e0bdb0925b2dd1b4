// Classes of bytes in HTTP (RFC 9110 §5.6) and lists in header values.

extension UInt8 {
    static let carriageReturn: UInt8 = 0x0D
    static let lineFeed: UInt8 = 0x0A
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
        var elements: [String] = []
        forEachListElement { elements.append(String(decoding: $0, as: UTF8.self)) }
        return elements
    }

    /// Whether such a list has this element. Case does not count; `element` is in lower case.
    func hasListElement(_ element: StaticString) -> Bool {
        var isFound = false
        forEachListElement { isFound = isFound || $0.isFolded(element) }
        return isFound
    }

    func forEachListElement(_ body: (UnsafeRawBufferPointer) -> Void) {
        withBytes { $0.forEachListElement(body) }
    }

    /// The bytes of its UTF-8 where they are: going through them costs a fraction of what a view does.
    @inline(__always)
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var text = self
        return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension UnsafeRawBufferPointer {
    func forEachListElement(_ body: (UnsafeRawBufferPointer) -> Void) {
        var start = 0
        while start < count {
            var end = start
            while end < count, self[end] != UInt8(ascii: ",") { end += 1 }
            var (first, last) = (start, end)
            while first < last, self[first].isBlank { first += 1 }
            while last > first, self[last - 1].isBlank { last -= 1 }
            if first < last { body(UnsafeRawBufferPointer(rebasing: self[first..<last])) }
            start = end + 1
        }
    }

    /// Whether these bytes are `text`, which is in lower case, but for the case of ASCII letters.
    func isFolded(_ text: UnsafeRawBufferPointer) -> Bool {
        guard count == text.count else { return false }
        for index in 0..<count where self[index].lowered != text[index] { return false }
        return true
    }

    /// The same, for a text that is written down here.
    func isFolded(_ text: StaticString) -> Bool {
        isFolded(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
