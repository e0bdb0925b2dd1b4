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

extension ExactText: WireValue {
    package static var blank: ExactText { "" }
    package static var isRequired: Bool { false }
    package var isDefault: Bool { isEmpty }
    package static var wireType: WireType { .bytes }
    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        self = ExactText(try reader.string())
    }
    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        self = ExactText(try reader.string())
    }
    package func write(to writer: inout JSONWriter) { writer.string(text) }
    package func write(to writer: inout ProtoWriter) { writer.string(text) }
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
        let high = word(start.loadUnaligned(as: UInt64.self), &bad) << 32
            | word(pair(start + 9, start + 14), &bad)
        let low = word(pair(start + 19, start + 24), &bad) << 32
            | word((start + 28).loadUnaligned(as: UInt64.self), &bad)
        guard bad == 0 else { throw DecodeError(.badID) }
        return (high, low)
    }

    /// Writes 36 bytes, lower case.
    static func write(high: UInt64, low: UInt64, to out: UnsafeMutablePointer<UInt8>) {
        let text = UnsafeMutableRawPointer(out)
        text.storeBytes(of: digits(high >> 32), as: UInt64.self)
        let middle = digits(high)
        text.storeBytes(of: UInt32(truncatingIfNeeded: middle), toByteOffset: 9, as: UInt32.self)
        text.storeBytes(of: UInt32(truncatingIfNeeded: middle >> 32), toByteOffset: 14, as: UInt32.self)
        let next = digits(low >> 32)
        text.storeBytes(of: UInt32(truncatingIfNeeded: next), toByteOffset: 19, as: UInt32.self)
        text.storeBytes(of: UInt32(truncatingIfNeeded: next >> 32), toByteOffset: 24, as: UInt32.self)
        text.storeBytes(of: digits(low), toByteOffset: 28, as: UInt64.self)
        out[8] = dash
        out[13] = dash
        out[18] = dash
        out[23] = dash
    }

    private static let dash = UInt8(ascii: "-")

    // Eight digits at a time, one in each byte of a word of a little-endian machine, the first in the lowest.

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let high: UInt64 = 0x8080_8080_8080_8080
    private static let nibble: UInt64 = 0x0F0F_0F0F_0F0F_0F0F

    @inline(__always)
    private static func pair(_ first: UnsafeRawPointer, _ second: UnsafeRawPointer) -> UInt64 {
        UInt64(first.loadUnaligned(as: UInt32.self)) | UInt64(second.loadUnaligned(as: UInt32.self)) << 32
    }

    /// The number that eight digits are; `bad` becomes other than 0 when one of them is none.
    @inline(__always)
    private static func word(_ text: UInt64, _ bad: inout UInt64) -> UInt64 {
        let lower = text | 0x2020_2020_2020_2020
        // A byte's highest bit, when the byte without its own is at least a bound.
        func isAtLeast(_ bound: UInt64, _ bytes: UInt64) -> UInt64 {
            ((bytes & ~high) &+ (ones &* (0x80 - bound))) & high
        }
        let isDigit = isAtLeast(0x30, text) & ~isAtLeast(0x3A, text)
        let isLetter = isAtLeast(0x61, lower) & ~isAtLeast(0x67, lower)
        bad |= (~(isDigit | isLetter) | text) & high
        var nibbles = (text & nibble) &+ ((isLetter >> 7) &* 9)
        nibbles = (nibbles << 4 | nibbles >> 8) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles << 8 | nibbles >> 16) & 0x0000_FFFF_0000_FFFF
        return (nibbles << 16 | nibbles >> 32) & 0xFFFF_FFFF
    }

    /// The lower 32 bits as eight digits.
    @inline(__always)
    private static func digits(_ number: UInt64) -> UInt64 {
        var nibbles = number & 0xFFFF_FFFF
        nibbles = (nibbles << 32 | nibbles >> 16) & 0x0000_FFFF_0000_FFFF
        nibbles = (nibbles << 16 | nibbles >> 8) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles << 8 | nibbles >> 4) & nibble
        let isLetter = ((nibbles &+ 0x0606_0606_0606_0606) >> 4) & ones
        return nibbles &+ 0x3030_3030_3030_3030 &+ (isLetter &* 0x27)
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
    // Without branches, which would be mispredicted for every other digit of an id.
    let digit = byte &- UInt8(ascii: "0")
    let letter = (byte | 0x20) &- UInt8(ascii: "a")
    let value = letter < 6 ? letter &+ 10 : 0xFF
    return UInt64(digit < 10 ? digit : value)
}
