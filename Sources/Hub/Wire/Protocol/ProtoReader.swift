// Reads protobuf (protobuf.dev, Encoding) into message fields, in one pass, without copying what it
// only looks at.
//
// Invariant: `at` never passes `end`, the end of the innermost message.

package struct ProtoReader: FieldReader {
    package typealias Failure = DecodeError

    /// SAFETY: only read between `at` and `end`, and only during the call of `ProtocolCodec` that
    /// lends the bytes; readers are never stored.
    private let bytes: UnsafePointer<UInt8>
    private(set) var at: Int
    private var end: Int
    private let entriesMax: Int
    private let isLenient: Bool
    private var depth = 0

    /// The field that is being matched; 0: none is waiting.
    private var number = 0
    private var wireType = WireType.varint
    /// Fields of the innermost message that were given, one bit per field number below 64.
    private var seen: UInt64 = 0
    private var isChecking = false

    /// `bytes` must outlive the reader.
    init(_ bytes: UnsafeRawBufferPointer, entriesMax: Int, isLenient: Bool) {
        // An empty buffer may have no address; any pointer does for a length of 0.
        self.bytes = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            ?? UnsafePointer(bitPattern: 1)!
        at = 0
        end = bytes.count
        self.entriesMax = entriesMax
        self.isLenient = isLenient
    }

    var isAtEnd: Bool { at == end }

    // MARK: Fields

    @inline(__always)
    package mutating func field<V: WireValue>(
        _ number: Int, _ name: StaticString, _ value: inout V
    ) throws(DecodeError) {
        guard self.number == number else {
            if V.isRequired, isChecking { try require(number, name) }
            return
        }
        try claim(name, V.wireType)
        try fill(&value, name)
    }

    @inline(__always)
    package mutating func optional<V: WireValue>(
        _ number: Int, _ name: StaticString, _ value: inout V?
    ) throws(DecodeError) {
        guard self.number == number else { return }
        try claim(name, V.wireType)
        // A message that is given twice is merged, as protobuf does.
        var filled = value ?? V.blank
        try fill(&filled, name)
        value = filled
    }

    package mutating func list<V: WireValue>(
        _ number: Int, _ name: StaticString, _ values: inout [V]
    ) throws(DecodeError) {
        guard self.number == number else { return }
        try claim(name, V.wireType)
        guard values.count < entriesMax else { throw DecodeError(.tooManyEntries).within(name) }
        let start = (at: at, end: end, depth: depth, seen: seen)
        var value = V.blank
        do throws(DecodeError) {
            try fill(&value, name)
            values.append(value)
        } catch {
            guard isLenient, error.reason == .unknownName else { throw error }
            (at, end, depth, seen) = start
            try skip(V.wireType, number)
        }
    }

    @inline(__always)
    package mutating func alternative<M: WireMessage, Body>(
        _ number: Int, _ name: StaticString, _ body: inout Body?, _ wrap: (M) -> Body
    ) throws(DecodeError) {
        guard self.number == number else { return }
        guard body == nil else { throw DecodeError(.severalCommands).within(name) }
        try claim(name, .bytes)
        var message = M.blank
        try fill(&message, name)
        body = wrap(message)
    }

    /// The fields up to `end`; `visit` shows the message once per field, and once more at the end.
    mutating func fields(
        _ visit: (inout ProtoReader) throws(DecodeError) -> Void
    ) throws(DecodeError) {
        let outer = seen
        seen = 0
        while at < end {
            try readTag()
            try visit(&self)
            if number != 0 {
                let unknown = number
                number = 0
                try skip(wireType, unknown)
            }
        }
        isChecking = true
        try visit(&self)
        isChecking = false
        seen = outer
    }

    /// A message with its length in front.
    mutating func delimited(
        _ visit: (inout ProtoReader) throws(DecodeError) -> Void
    ) throws(DecodeError) {
        let length = try readLength()
        depth += 1
        guard depth <= DecodeLimits.depthMax else { throw DecodeError(.tooDeep) }
        let outer = end
        end = at + length
        try fields(visit)
        end = outer
        depth -= 1
    }

    @inline(__always)
    private mutating func fill<V: WireValue>(
        _ value: inout V, _ name: StaticString
    ) throws(DecodeError) {
        do throws(DecodeError) {
            try value.read(from: &self)
        } catch {
            throw error.within(name)
        }
    }

    /// The waiting field belongs to this one, and must be of its type.
    @inline(__always)
    private mutating func claim(_ name: StaticString, _ expected: WireType) throws(DecodeError) {
        guard wireType == expected else { throw DecodeError(.wrongType, field: name.description) }
        seen |= 1 << UInt64(number)
        number = 0
    }

    private func require(_ number: Int, _ name: StaticString) throws(DecodeError) {
        guard seen & 1 << UInt64(number) == 0 else { return }
        throw DecodeError(.missing, field: name.description)
    }

    // MARK: Values

    mutating func varint() throws(DecodeError) -> UInt64 {
        guard at < end else { throw DecodeError(.truncated) }
        let first = bytes[at]
        at += 1
        if first < 0x80 { return UInt64(first) }
        var value = UInt64(first & 0x7F)
        var shift: UInt64 = 7
        while at < end {
            let byte = bytes[at]
            at += 1
            // The tenth byte has room for one bit.
            if shift == 63, byte > 1 { throw DecodeError(.badVarint) }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw DecodeError(.truncated)
    }

    /// The bytes of a length-delimited field, where they stand.
    mutating func delimitedBytes() throws(DecodeError) -> UnsafeRawBufferPointer {
        let length = try readLength()
        at += length
        return UnsafeRawBufferPointer(start: bytes + (at - length), count: length)
    }

    mutating func string() throws(DecodeError) -> String {
        let text = try delimitedBytes()
        guard let string = String(validating: text, as: UTF8.self) else {
            throw DecodeError(.invalidUTF8)
        }
        return string
    }

    /// A length that is not beyond what is there.
    private mutating func readLength() throws(DecodeError) -> Int {
        let length = try varint()
        guard length <= UInt64(end - at) else { throw DecodeError(.truncated) }
        return Int(length)
    }

    private mutating func readTag() throws(DecodeError) {
        let tag = try varint()
        guard tag <= UInt64(UInt32.max), tag >> 3 != 0,
            let type = WireType(rawValue: UInt8(tag & 7))
        else { throw DecodeError(.badTag) }
        number = Int(tag >> 3)
        wireType = type
    }

    // MARK: Passing over

    /// One value of a field that nobody asked for.
    private mutating func skip(_ type: WireType, _ number: Int) throws(DecodeError) {
        switch type {
        case .varint: _ = try varint()
        case .fixed64: try pass(8)
        case .fixed32: try pass(4)
        case .bytes: _ = try delimitedBytes()
        case .groupStart: try skipGroup(number)
        case .groupEnd: throw DecodeError(.badTag)
        }
    }

    private mutating func pass(_ size: Int) throws(DecodeError) {
        guard size <= end - at else { throw DecodeError(.truncated) }
        at += size
    }

    /// Up to the end tag with the same number; groups nest.
    private mutating func skipGroup(_ group: Int) throws(DecodeError) {
        depth += 1
        guard depth <= DecodeLimits.depthMax else { throw DecodeError(.tooDeep) }
        while true {
            try readTag()
            let inner = number
            number = 0
            if wireType == .groupEnd {
                guard inner == group else { throw DecodeError(.badTag) }
                depth -= 1
                return
            }
            try skip(wireType, inner)
        }
    }
}
