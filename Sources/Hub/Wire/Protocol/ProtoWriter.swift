// Writes messages as protobuf: fields in order of their numbers, defaults left out, shortest
// varints, so that equal messages have equal bytes.

package struct ProtoWriter: FieldWriter {
    package typealias Failure = Never

    private var out: ByteSink

    private init(_ out: ByteSink) { self.out = out }

    /// Appends what `body` writes.
    static func append(to bytes: inout [UInt8], _ body: (inout ProtoWriter) -> Void) {
        write(to: ByteSink(), body).finish(into: &bytes)
    }

    static func write(to sink: ByteSink, _ body: (inout ProtoWriter) -> Void) -> ByteSink {
        var writer = ProtoWriter(sink)
        body(&writer)
        return writer.out
    }

    // MARK: Fields

    @inline(__always)
    package mutating func field<V: WireValue>(
        _ number: Int, _ name: StaticString, _ value: inout V
    ) {
        if value.isDefault { return }
        tag(number, V.wireType)
        value.write(to: &self)
    }

    @inline(__always)
    package mutating func optional<V: WireValue>(
        _ number: Int, _ name: StaticString, _ value: inout V?
    ) {
        guard let value else { return }
        tag(number, V.wireType)
        value.write(to: &self)
    }

    package mutating func list<V: WireValue>(
        _ number: Int, _ name: StaticString, _ values: inout [V]
    ) {
        for value in values {
            tag(number, V.wireType)
            value.write(to: &self)
        }
    }

    @inline(__always)
    package mutating func alternative<M: WireMessage>(
        _ number: Int, _ name: StaticString, _ message: M
    ) {
        tag(number, .bytes)
        message.write(to: &self)
    }

    /// What `body` writes, with its length in front. One byte is kept for the length; what follows
    /// moves when more are needed. Measuring first would visit every leaf once per level instead.
    @inline(__always)
    mutating func delimited(_ body: (inout ProtoWriter) -> Void) {
        out.byte(0)
        let from = out.count
        body(&self)
        close(from)
    }

    private mutating func close(_ from: Int) {
        let length = out.count - from
        var size = 1
        while length >> (7 * size) > 0 { size += 1 }
        if size > 1 { out.shift(from: from, by: size - 1) }
        let at = out.base + (from - 1)
        for index in 0..<size - 1 {
            at[index] = UInt8(truncatingIfNeeded: length >> (7 * index)) | 0x80
        }
        at[size - 1] = UInt8(truncatingIfNeeded: length >> (7 * (size - 1)))
    }

    // MARK: Values

    @inline(__always)
    private mutating func tag(_ number: Int, _ type: WireType) {
        varint(UInt64(number) << 3 | UInt64(type.rawValue))
    }

    mutating func varint(_ value: UInt64) {
        let at = out.space(10)
        var rest = value
        var size = 0
        while rest >= 0x80 {
            at[size] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            size += 1
        }
        at[size] = UInt8(truncatingIfNeeded: rest)
        out.advance(size + 1)
    }

    mutating func string(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            varint(UInt64(bytes.count))
            out.bytes(bytes)
        }
    }

    mutating func uuid(high: UInt64, low: UInt64) {
        let at = out.space(UUIDText.count + 1)
        at[0] = UInt8(UUIDText.count)
        UUIDText.write(high: high, low: low, to: at + 1)
        out.advance(UUIDText.count + 1)
    }
}
