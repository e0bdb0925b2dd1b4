// Writes messages as JSON: the field names of docs/hub.v1.proto, no white space, defaults left out.

import Glibc

package struct JSONWriter: FieldWriter {
    package typealias Failure = Never

    private var out: ByteSink
    /// A member or entry precedes in the innermost object or array.
    private var needsComma = false

    private init(_ out: ByteSink) { self.out = out }

    /// Appends what `body` writes.
    static func append(to bytes: inout [UInt8], _ body: (inout JSONWriter) -> Void) {
        write(to: ByteSink(), body).finish(into: &bytes)
    }

    static func write(to sink: ByteSink, _ body: (inout JSONWriter) -> Void) -> ByteSink {
        var writer = JSONWriter(sink)
        body(&writer)
        return writer.out
    }

    // MARK: Fields

    @inline(__always)
    package mutating func field<V: WireValue>(
        _ number: Int, _ name: StaticString, _ value: inout V
    ) {
        if value.isDefault { return }
        member(name)
        value.write(to: &self)
    }

    @inline(__always)
    package mutating func optional<V: WireValue>(
        _ number: Int, _ name: StaticString, _ value: inout V?
    ) {
        guard let value else { return }
        member(name)
        value.write(to: &self)
    }

    package mutating func list<V: WireValue>(
        _ number: Int, _ name: StaticString, _ values: inout [V]
    ) {
        if values.isEmpty { return }
        member(name)
        out.byte(UInt8(ascii: "["))
        var isFirst = true
        for value in values {
            if !isFirst { out.byte(UInt8(ascii: ",")) }
            isFirst = false
            value.write(to: &self)
        }
        out.byte(UInt8(ascii: "]"))
    }

    @inline(__always)
    package mutating func alternative<M: WireMessage>(
        _ number: Int, _ name: StaticString, _ message: M
    ) {
        member(name)
        message.write(to: &self)
    }

    @inline(__always)
    mutating func object(_ members: (inout JSONWriter) -> Void) {
        out.byte(UInt8(ascii: "{"))
        needsComma = false
        members(&self)
        out.byte(UInt8(ascii: "}"))
        needsComma = true
    }

    private mutating func member(_ name: StaticString) {
        let count = name.utf8CodeUnitCount
        var at = out.space(count + 4)
        if needsComma {
            at[0] = UInt8(ascii: ",")
            at += 1
        }
        at[0] = UInt8(ascii: "\"")
        memcpy(at + 1, name.utf8Start, count)
        at[count + 1] = UInt8(ascii: "\"")
        at[count + 2] = UInt8(ascii: ":")
        out.advance(count + (needsComma ? 4 : 3))
        needsComma = true
    }

    // MARK: Values

    mutating func bool(_ value: Bool) { out.text(value ? "true" : "false") }

    mutating func number(_ value: UInt64) { out.decimal(value) }

    mutating func quotedNumber(_ value: UInt64) {
        out.byte(UInt8(ascii: "\""))
        out.decimal(value)
        out.byte(UInt8(ascii: "\""))
    }

    mutating func uuid(high: UInt64, low: UInt64) {
        let at = out.space(UUIDText.count + 2)
        at[0] = UInt8(ascii: "\"")
        UUIDText.write(high: high, low: low, to: at + 1)
        at[UUIDText.count + 1] = UInt8(ascii: "\"")
        out.advance(UUIDText.count + 2)
    }

    /// A name of ours, which needs no escapes.
    mutating func plainString(_ name: StaticString) {
        out.byte(UInt8(ascii: "\""))
        out.text(name)
        out.byte(UInt8(ascii: "\""))
    }

    mutating func string(_ text: String) {
        out.byte(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { escape($0) }
        out.byte(UInt8(ascii: "\""))
    }

    /// Runs of bytes that stand for themselves, and between them the escapes that RFC 8259 §7
    /// demands.
    private mutating func escape(_ text: UnsafeBufferPointer<UInt8>) {
        var from = 0
        for at in 0..<text.count {
            let byte = text[at]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
                continue
            }
            out.bytes(UnsafeBufferPointer(rebasing: text[from..<at]))
            from = at + 1
            switch byte {
            case 0x08: out.text("\\b")
            case 0x09: out.text("\\t")
            case 0x0A: out.text("\\n")
            case 0x0C: out.text("\\f")
            case 0x0D: out.text("\\r")
            case UInt8(ascii: "\""): out.text("\\\"")
            case UInt8(ascii: "\\"): out.text("\\\\")
            default:
                out.text(byte < 0x10 ? "\\u000" : "\\u001")
                out.byte(hexLetter(byte & 15))
            }
        }
        out.bytes(UnsafeBufferPointer(rebasing: text[from...]))
    }
}
