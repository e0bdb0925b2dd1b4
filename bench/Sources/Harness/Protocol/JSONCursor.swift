// Walks over JSON text (RFC 8259) in place and without building values. It trusts nothing: every
// step is checked against the end, and nesting is limited.

internal import Glibc

struct JSONCursor {
    private static let depthMax = 64

    private let base: UnsafePointer<UInt8>
    private let end: Int
    private(set) var position = 0
    private var depth = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        let empty = UnsafeRawPointer(bitPattern: 8)!
        base = (bytes.baseAddress ?? empty).assumingMemoryBound(to: UInt8.self)
        end = bytes.count
    }

    func failure(_ what: String) -> DecodingError { DecodingError(what, at: position) }

    /// Skips white space, line feeds between frames included. False at the end of the text.
    @inline(__always)
    mutating func skipSpace() -> Bool {
        while position < end {
            let byte = base[position]
            if byte > 0x20 { return true }
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return true }
            position += 1
        }
        return false
    }

    @inline(__always)
    private mutating func peek() throws -> UInt8 {
        guard skipSpace() else { throw failure("JSON ends early") }
        return base[position]
    }

    @inline(__always)
    private mutating func take(_ byte: UInt8) throws {
        guard try peek() == byte else {
            throw failure("JSON: expected '\(Character(UnicodeScalar(byte)))'")
        }
        position += 1
    }

    /// Calls `each` with the place of every key; `each` must take or skip the value.
    @inline(__always)
    mutating func object(_ each: (inout JSONCursor, Slice) throws -> Void) throws {
        try take(UInt8(ascii: "{"))
        try enter()
        if try peek() == UInt8(ascii: "}") {
            position += 1
        } else {
            while true {
                let key = try rawString()
                try take(UInt8(ascii: ":"))
                try each(&self, key.slice)
                if try peek() == UInt8(ascii: "}") { break }
                try take(UInt8(ascii: ","))
            }
            position += 1
        }
        depth -= 1
    }

    @inline(__always)
    mutating func array(_ each: (inout JSONCursor) throws -> Void) throws {
        try take(UInt8(ascii: "["))
        try enter()
        if try peek() == UInt8(ascii: "]") {
            position += 1
        } else {
            while true {
                try each(&self)
                if try peek() == UInt8(ascii: "]") { break }
                try take(UInt8(ascii: ","))
            }
            position += 1
        }
        depth -= 1
    }

    private mutating func enter() throws {
        depth += 1
        guard depth <= Self.depthMax else { throw failure("JSON is nested too deeply") }
    }

    /// Whether a key is `name` (keys of the protocol have nothing to escape).
    @inline(__always)
    func matches(_ key: Slice, _ name: StaticString) -> Bool {
        key.count == name.utf8CodeUnitCount
            && memcmp(base + key.start, name.utf8Start, name.utf8CodeUnitCount) == 0
    }

    /// A string's place between its quotes, and whether it has escapes.
    private mutating func rawString() throws -> (slice: Slice, hasEscapes: Bool) {
        try take(UInt8(ascii: "\""))
        let start = position
        var hasEscapes = false
        while true {
            position = special(from: position)
            guard position < end else { break }
            switch base[position] {
            case 0x22:
                let slice = Slice(start: start, count: position - start)
                position += 1
                return (slice, hasEscapes)
            case 0x5C:
                hasEscapes = true
                position += 2
            default:
                throw failure("JSON: control character in a string")
            }
        }
        throw failure("JSON: string without end")
    }

    /// The first byte that ends a string, begins an escape or must not be in one; eight at a time.
    @inline(__always)
    private func special(from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101, tops = ones << 7
        var index = start
        while index + 8 <= end {
            let word = UInt64(littleEndian: UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self))
            // The top bit of the lowest byte that is 0, or below 0x20, is right; those above it may not be.
            let quote = word ^ 0x22 &* ones, escape = word ^ 0x5C &* ones
            let found = ((quote &- ones) & ~quote | (escape &- ones) & ~escape
                | (word &- 0x20 &* ones) & ~word) & tops
            if found != 0 { return index + found.trailingZeroBitCount >> 3 }
            index += 8
        }
        while index < end, base[index] >= 0x20, base[index] != 0x22, base[index] != 0x5C { index += 1 }
        return index
    }

    /// A string value; escapes are undone into `unescaped`.
    mutating func string(_ unescaped: inout [UInt8]) throws -> Slice {
        let (slice, hasEscapes) = try rawString()
        guard hasEscapes else { return slice }
        let start = unescaped.count
        try unescape(slice, into: &unescaped)
        return Slice(start: start, count: unescaped.count - start, isUnescaped: true)
    }

    private func unescape(_ slice: Slice, into out: inout [UInt8]) throws {
        var index = slice.start
        let stop = slice.start + slice.count
        while index < stop {
            let byte = base[index]
            index += 1
            guard byte == 0x5C else {
                out.append(byte)
                continue
            }
            let kind = base[index]
            index += 1
            switch kind {
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case 0x22, 0x5C, 0x2F: out.append(kind)
            case UInt8(ascii: "u"):
                var unit = try hex(index, stop)
                index += 4
                if unit & 0xFC00 == 0xD800 {
                    guard index + 6 <= stop, base[index] == 0x5C else {
                        throw failure("JSON: half a surrogate pair")
                    }
                    let low = try hex(index + 2, stop)
                    guard low & 0xFC00 == 0xDC00 else {
                        throw failure("JSON: half a surrogate pair")
                    }
                    unit = 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF
                    index += 6
                }
                guard let scalar = Unicode.Scalar(unit) else {
                    throw failure("JSON: half a surrogate pair")
                }
                out.append(contentsOf: String(Character(scalar)).utf8)
            default:
                throw failure("JSON: unknown escape")
            }
        }
    }

    private func hex(_ start: Int, _ stop: Int) throws -> UInt32 {
        guard start + 4 <= stop else { throw failure("JSON: short \\u escape") }
        var value: UInt32 = 0
        for index in start..<start + 4 {
            guard let digit = Character(UnicodeScalar(base[index])).hexDigitValue else {
                throw failure("JSON: bad \\u escape")
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    /// An unsigned number, as JSON number or, for 64 bits, as string.
    mutating func number() throws -> UInt64 {
        let isQuoted = try peek() == UInt8(ascii: "\"")
        if isQuoted { position += 1 }
        var value: UInt64 = 0
        let start = position
        while position < end, case let digit = base[position] &- 0x30, digit < 10 {
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(UInt64(digit))
            guard !overflowed, !carried else { throw failure("JSON: number above 64 bits") }
            value = sum
            position += 1
        }
        guard position > start else { throw failure("JSON: expected a number") }
        if isQuoted {
            guard position < end, base[position] == UInt8(ascii: "\"") else {
                throw failure("JSON: expected a number")
            }
            position += 1
        }
        return value
    }

    mutating func boolean() throws -> Bool {
        let isTrue = try peek() == UInt8(ascii: "t")
        try literal(isTrue ? "true" : "false")
        return isTrue
    }

    private mutating func literal(_ name: StaticString) throws {
        let count = name.utf8CodeUnitCount
        guard end - position >= count,
              matches(Slice(start: position, count: count), name)
        else { throw failure("JSON: unknown word") }
        position += count
    }

    /// Steps over any value.
    mutating func skip() throws {
        switch try peek() {
        case UInt8(ascii: "{"): try object { cursor, _ in try cursor.skip() }
        case UInt8(ascii: "["): try array { cursor in try cursor.skip() }
        case UInt8(ascii: "\""): _ = try rawString()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default:
            let start = position
            while position < end, Self.isNumberByte(base[position]) { position += 1 }
            guard position > start else { throw failure("JSON: expected a value") }
        }
    }

    private static func isNumberByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"),
             UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): true
        default: false
        }
    }
}
