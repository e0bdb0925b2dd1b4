// The scalars of the protocol: text, numbers, truth values, times, identifiers, secrets.

package import Model

extension String: WireValue {
    package static var blank: String { "" }
    package static var isRequired: Bool { false }
    package var isDefault: Bool { isEmpty }
    package static var wireType: WireType { .bytes }
    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        self = try reader.string()
    }
    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        self = try reader.string()
    }
    package func write(to writer: inout JSONWriter) { writer.string(self) }
    package func write(to writer: inout ProtoWriter) { writer.string(self) }
}

extension Private: WireValue {
    package static var blank: Private { Private("") }
    package static var isRequired: Bool { false }
    package var isDefault: Bool { isEmpty }
    package static var wireType: WireType { .bytes }
    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        self = Private(try reader.string())
    }
    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        self = Private(try reader.string())
    }
    package func write(to writer: inout JSONWriter) { writer.string(reveal) }
    package func write(to writer: inout ProtoWriter) { writer.string(reveal) }
}

extension Bool: WireValue {
    package static var blank: Bool { false }
    package static var isRequired: Bool { false }
    package var isDefault: Bool { !self }
    package static var wireType: WireType { .varint }
    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        self = try reader.bool()
    }
    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        self = try reader.varint() != 0
    }
    package func write(to writer: inout JSONWriter) { writer.bool(self) }
    package func write(to writer: inout ProtoWriter) { writer.varint(self ? 1 : 0) }
}

extension UInt32: WireValue {
    package static var blank: UInt32 { 0 }
    package static var isRequired: Bool { false }
    package var isDefault: Bool { self == 0 }
    package static var wireType: WireType { .varint }
    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        self = try narrow(try reader.integer())
    }
    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        self = try narrow(try reader.varint())
    }
    package func write(to writer: inout JSONWriter) { writer.number(UInt64(self)) }
    package func write(to writer: inout ProtoWriter) { writer.varint(UInt64(self)) }
}

private func narrow(_ wide: UInt64) throws(DecodeError) -> UInt32 {
    guard let value = UInt32(exactly: wide) else { throw DecodeError(.outOfRange) }
    return value
}

/// A string of digits in JSON, where a number of more than 53 bits would lose some.
extension UInt64: WireValue {
    package static var blank: UInt64 { 0 }
    package static var isRequired: Bool { false }
    package var isDefault: Bool { self == 0 }
    package static var wireType: WireType { .varint }
    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        self = try reader.integer()
    }
    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        self = try reader.varint()
    }
    package func write(to writer: inout JSONWriter) { writer.quotedNumber(self) }
    package func write(to writer: inout ProtoWriter) { writer.varint(self) }
}

/// As `uint64` on the wire; a time before 1970 is written as 0.
extension UnixMilliseconds: WireValue {
    package static var blank: UnixMilliseconds { UnixMilliseconds(0) }
    package static var isRequired: Bool { false }
    package var isDefault: Bool { value <= 0 }
    package static var wireType: WireType { .varint }
    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        self = try milliseconds(try reader.integer())
    }
    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        self = try milliseconds(try reader.varint())
    }
    package func write(to writer: inout JSONWriter) { writer.quotedNumber(UInt64(max(0, value))) }
    package func write(to writer: inout ProtoWriter) { writer.varint(UInt64(max(0, value))) }
}

private func milliseconds(_ wide: UInt64) throws(DecodeError) -> UnixMilliseconds {
    guard let value = Int64(exactly: wide) else { throw DecodeError(.outOfRange) }
    return UnixMilliseconds(value)
}

/// The canonical 36 characters in both encodings. Parsed and written here without a string between:
/// every event has three.
extension ID: WireValue {
    package static var blank: ID { ID(high: 0, low: 0) }
    package static var isRequired: Bool { true }
    package var isDefault: Bool { false }
    package static var wireType: WireType { .bytes }
    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        let words = try reader.uuid()
        self = ID(high: words.high, low: words.low)
    }
    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        let words = try UUIDText.parse(try reader.delimitedBytes())
        self = ID(high: words.high, low: words.low)
    }
    package func write(to writer: inout JSONWriter) { writer.uuid(high: high, low: low) }
    package func write(to writer: inout ProtoWriter) { writer.uuid(high: high, low: low) }
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, both ways.
enum UUIDText {
    static let count = 36

    /// Lower or upper case.
    static func parse(
        _ text: UnsafeRawBufferPointer
    ) throws(DecodeError) -> (high: UInt64, low: UInt64) {
        guard text.count == count, let start = text.baseAddress else { throw DecodeError(.badID) }
        let digits = start.assumingMemoryBound(to: UInt8.self)
        guard digits[8] == dash, digits[13] == dash, digits[18] == dash, digits[23] == dash else {
            throw DecodeError(.badID)
        }
        var bad: UInt64 = 0
        let high = word(digits, 0, 8, &bad) << 32 | word(digits, 9, 4, &bad) << 16
            | word(digits, 14, 4, &bad)
        let low = word(digits, 19, 4, &bad) << 48 | word(digits, 24, 12, &bad)
        guard bad & 0xF0 == 0 else { throw DecodeError(.badID) }
        return (high, low)
    }

    /// Writes 36 bytes, lower case.
    static func write(high: UInt64, low: UInt64, to out: UnsafeMutablePointer<UInt8>) {
        put(high >> 32, 8, to: out)
        out[8] = dash
        put(high >> 16, 4, to: out + 9)
        out[13] = dash
        put(high, 4, to: out + 14)
        out[18] = dash
        put(low >> 48, 4, to: out + 19)
        out[23] = dash
        put(low, 12, to: out + 24)
    }

    private static let dash = UInt8(ascii: "-")

    @inline(__always)
    private static func word(
        _ digits: UnsafePointer<UInt8>, _ from: Int, _ count: Int, _ bad: inout UInt64
    ) -> UInt64 {
        var word: UInt64 = 0
        for index in from..<from + count {
            let digit = hexDigit(digits[index])
            bad |= digit
            word = word << 4 | digit & 15
        }
        return word
    }

    @inline(__always)
    private static func put(_ word: UInt64, _ count: Int, to out: UnsafeMutablePointer<UInt8>) {
        for index in 0..<count {
            let digit = UInt8(truncatingIfNeeded: word >> UInt64(4 * (count - 1 - index))) & 15
            out[index] = hexLetter(digit)
        }
    }
}

/// The lower-case digit of 0...15.
@inline(__always)
func hexLetter(_ digit: UInt8) -> UInt8 {
    digit &+ (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") &- 10)
}

/// 0...15, or 255 for what is no hexadecimal digit.
@inline(__always)
func hexDigit(_ byte: UInt8) -> UInt64 {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte &- UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte &- UInt8(ascii: "a") &+ 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte &- UInt8(ascii: "A") &+ 10)
    default: 0xFF
    }
}
