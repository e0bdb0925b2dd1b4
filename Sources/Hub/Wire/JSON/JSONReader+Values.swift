// Strings, numbers and words of JSON, and how values nobody asked for are passed over.

import Glibc

extension JSONReader {
    // MARK: What fields ask for

    var isAtQuote: Bool { at < end && bytes[at] == UInt8(ascii: "\"") }

    mutating func string() throws(DecodeError) -> String {
        guard isAtQuote else { throw DecodeError(.wrongType) }
        let text = try scanString()
        if text.hasEscapes { return try utf8(try unescaped(text)) }
        let slice = UnsafeBufferPointer(start: bytes + text.from, count: text.to - text.from)
        do {
            // A third of the instructions that `String(validating:as:)` takes.
            return String(copying: try UTF8Span(validating: slice.span))
        } catch {
            throw DecodeError(.invalidUTF8)
        }
    }

    mutating func uuid() throws(DecodeError) -> (high: UInt64, low: UInt64) {
        guard isAtQuote else { throw DecodeError(.wrongType) }
        let text = try scanString()
        guard !text.hasEscapes else {
            let plain = try unescaped(text)
            return try plain.withUnsafeBufferPointer { bytes throws(DecodeError) in
                try UUIDText.parse(UnsafeRawBufferPointer(bytes))
            }
        }
        return try UUIDText.parse(
            UnsafeRawBufferPointer(start: bytes + text.from, count: text.to - text.from))
    }

    mutating func bool() throws(DecodeError) -> Bool {
        if takeWord("true") { return true }
        if takeWord("false") { return false }
        throw DecodeError(.wrongType)
    }

    /// A whole number: as digits up to 2⁵³, or as a string of digits up to 2⁶⁴−1.
    mutating func integer() throws(DecodeError) -> UInt64 {
        if isAtQuote {
            let text = try scanString()
            let value = text.hasEscapes
                ? try unescaped(text).withUnsafeBufferPointer { Self.digits($0) }
                : Self.digits(UnsafeBufferPointer(start: bytes + text.from, count: text.to - text.from))
            guard let value else { throw DecodeError(.outOfRange) }
            return value
        }
        let from = at
        try skipNumber()
        let text = UnsafeBufferPointer(start: bytes + from, count: at - from)
        guard let value = Self.digits(text), value <= 1 << 53 else {
            throw DecodeError(.outOfRange)
        }
        return value
    }

    mutating func takeNull() throws(DecodeError) -> Bool {
        skipSpace()
        return takeWord("null")
    }

    // MARK: Tokens

    /// Where a string stands, without its quotes.
    struct Text {
        var from: Int
        var to: Int
        var hasEscapes: Bool
        var isASCII: Bool
    }

    /// From the opening quote to behind the closing one. Escapes are checked by `unescaped`.
    mutating func scanString() throws(DecodeError) -> Text {
        at += 1
        let from = at
        var hasEscapes = false
        var isASCII = true
        while true {
            skipPlainASCII()
            guard at < end else { throw DecodeError(.syntax) }
            switch bytes[at] {
            case UInt8(ascii: "\""):
                at += 1
                return Text(from: from, to: at - 1, hasEscapes: hasEscapes, isASCII: isASCII)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                at += 2
            case 0x80...:
                isASCII = false
                repeat { at += 1 } while at < end && bytes[at] >= 0x80
            case ..<0x20:
                throw DecodeError(.syntax)
            default:
                at += 1
            }
        }
    }

    /// Eight bytes at a time past what is neither quote, backslash, control character nor beyond
    /// ASCII.
    @inline(__always)
    private mutating func skipPlainASCII() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while at + 8 <= end {
            let word = UnsafeRawPointer(bytes + at).loadUnaligned(as: UInt64.self)
            let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
            let slash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
            let special = (quote &- ones) | (slash &- ones) | (word &- (ones &* 0x20)) | word
            if special & highs != 0 { return }
            at += 8
        }
    }

    /// The bytes a string with escapes stands for.
    func unescaped(_ text: Text) throws(DecodeError) -> [UInt8] {
        var plain: [UInt8] = []
        plain.reserveCapacity(text.to - text.from)
        var at = text.from
        while at < text.to {
            guard bytes[at] == UInt8(ascii: "\\") else {
                plain.append(bytes[at])
                at += 1
                continue
            }
            // `scanString` has seen that a byte follows the backslash and belongs to the string.
            at += 2
            switch bytes[at - 1] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
                plain.append(bytes[at - 1])
            case UInt8(ascii: "b"): plain.append(0x08)
            case UInt8(ascii: "f"): plain.append(0x0C)
            case UInt8(ascii: "n"): plain.append(0x0A)
            case UInt8(ascii: "r"): plain.append(0x0D)
            case UInt8(ascii: "t"): plain.append(0x09)
            case UInt8(ascii: "u"):
                let scalar = try escapedScalar(&at, upTo: text.to)
                plain.append(contentsOf: UTF8.encode(scalar)!)
            default: throw DecodeError(.syntax)
            }
        }
        return plain
    }

    /// The four digits behind `\u`, and those of the second half of a surrogate pair.
    private func escapedScalar(
        _ at: inout Int, upTo limit: Int
    ) throws(DecodeError) -> Unicode.Scalar {
        let first = try codeUnit(&at, upTo: limit)
        guard 0xD800...0xDFFF ~= first else { return Unicode.Scalar(first)! }
        guard first < 0xDC00, at + 2 <= limit, bytes[at] == UInt8(ascii: "\\"),
            bytes[at + 1] == UInt8(ascii: "u")
        else { throw DecodeError(.invalidUTF8) }
        at += 2
        let second = try codeUnit(&at, upTo: limit)
        guard 0xDC00...0xDFFF ~= second else { throw DecodeError(.invalidUTF8) }
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))!
    }

    private func codeUnit(_ at: inout Int, upTo limit: Int) throws(DecodeError) -> UInt32 {
        guard at + 4 <= limit else { throw DecodeError(.syntax) }
        var unit: UInt64 = 0
        for index in at..<at + 4 {
            let digit = hexDigit(bytes[index])
            guard digit < 16 else { throw DecodeError(.syntax) }
            unit = unit << 4 | digit
        }
        at += 4
        return UInt32(unit)
    }

    private func utf8(_ plain: [UInt8]) throws(DecodeError) -> String {
        guard let string = String(validating: plain, as: UTF8.self) else {
            throw DecodeError(.invalidUTF8)
        }
        return string
    }

    /// That the raw bytes of a string are UTF-8, without making one.
    func validate(_ text: Text) throws(DecodeError) {
        let slice = UnsafeBufferPointer(start: bytes + text.from, count: text.to - text.from)
        do {
            _ = try UTF8Span(validating: slice.span)
        } catch {
            throw DecodeError(.invalidUTF8)
        }
    }

    /// 1 to 20 digits without a leading zero; `nil` for anything else or beyond 64 bits.
    private static func digits(_ text: UnsafeBufferPointer<UInt8>) -> UInt64? {
        guard 1...20 ~= text.count, text[0] != UInt8(ascii: "0") || text.count == 1 else { return nil }
        var value: UInt64 = 0
        for byte in text {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (shifted, tooLong) = value.multipliedReportingOverflow(by: 10)
            let (sum, tooLarge) = shifted.addingReportingOverflow(UInt64(digit))
            if tooLong || tooLarge { return nil }
            value = sum
        }
        return value
    }

    @inline(__always)
    private mutating func takeWord(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard at + count <= end, memcmp(bytes + at, word.utf8Start, count) == 0 else {
            return false
        }
        at += count
        return true
    }

    // MARK: Passing over

    /// One value of any type, held to the same grammar as if it were wanted.
    mutating func skipValue() throws(DecodeError) {
        skipSpace()
        guard at < end else { throw DecodeError(.syntax) }
        switch bytes[at] {
        case UInt8(ascii: "\""): try skipString()
        case UInt8(ascii: "{"):
            at += 1
            try open()
            var members = UnknownMembers()
            var isFirst = true
            while try more(before: UInt8(ascii: "}"), isFirst: isFirst) {
                isFirst = false
                skipSpace()
                guard isAtQuote else { throw DecodeError(.syntax) }
                let name = try skippedName()
                if !takesMembersTwice { try members.add(name) }
                guard try next() == UInt8(ascii: ":") else { throw DecodeError(.syntax) }
                try skipValue()
            }
            close()
        case UInt8(ascii: "["):
            at += 1
            try open()
            var isFirst = true
            while try more(before: UInt8(ascii: "]"), isFirst: isFirst) {
                isFirst = false
                try skipValue()
            }
            close()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try skipNumber()
        default:
            guard takeWord("true") || takeWord("false") || takeWord("null") else {
                throw DecodeError(.syntax)
            }
        }
    }

    private mutating func skippedName() throws(DecodeError) -> [UInt8] {
        let text = try scanString()
        if text.hasEscapes {
            let name = try unescaped(text)
            _ = try utf8(name)
            return name
        }
        if !text.isASCII { try validate(text) }
        return Array(UnsafeBufferPointer(start: bytes + text.from, count: text.to - text.from))
    }

    mutating func skipString() throws(DecodeError) {
        let text = try scanString()
        if text.hasEscapes {
            _ = try utf8(try unescaped(text))
        } else if !text.isASCII {
            try validate(text)
        }
    }

    /// `-? (0 | [1-9][0-9]*) (\.[0-9]+)? ([eE][+-]?[0-9]+)?` (RFC 8259 §6).
    private mutating func skipNumber() throws(DecodeError) {
        let isNegative = at < end && bytes[at] == UInt8(ascii: "-")
        if isNegative { at += 1 }
        let from = at
        guard skipDigits() else { throw DecodeError(isNegative ? .syntax : .wrongType) }
        if bytes[from] == UInt8(ascii: "0"), at - from > 1 { throw DecodeError(.syntax) }
        if at < end, bytes[at] == UInt8(ascii: ".") {
            at += 1
            guard skipDigits() else { throw DecodeError(.syntax) }
        }
        if at < end, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < end, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") {
                at += 1
            }
            guard skipDigits() else { throw DecodeError(.syntax) }
        }
    }

    /// False when there is none.
    private mutating func skipDigits() -> Bool {
        let from = at
        while at < end, bytes[at] &- UInt8(ascii: "0") < 10 { at += 1 }
        return at > from
    }
}
