// Reads JSON (RFC 8259) straight into message fields: strict, without a tree, without copying what
// it only looks at, in one pass. Objects are read by showing the message to this visitor once per
// member.
//
// Invariant: `at` never passes `end`; every byte is looked at a bounded number of times.

import Glibc

package struct JSONReader: FieldReader {
    package typealias Failure = DecodeError

    /// SAFETY: only read between `at` and `end`, and only during the call of the function that
    /// lends the bytes (`JSONBody.decode`, `ProtocolCodec`); readers are never stored.
    let bytes: UnsafePointer<UInt8>
    let end: Int
    var at = 0
    /// Most entries of one list.
    let entriesMax: Int
    /// Entries of lists whose enumerations have names of a newer version are left out, not refused.
    let isLenient: Bool
    private var depth = 0
    /// For who looks only where a text ends: what is there twice is no matter then.
    var takesMembersTwice = false

    // The member of the innermost object that is being matched against fields.
    /// Where its name stands; `nil` when it was written with escapes and is in `unescapedKey`.
    private var key: UnsafePointer<UInt8>?
    /// −1: no member is waiting for its field.
    private var keyCount = -1
    private var unescapedKey: [UInt8] = []
    /// Fields of the innermost object that were given, one bit per field number.
    private var seen: UInt64 = 0
    /// The members are over; required fields that were not seen are errors.
    private var isChecking = false

    /// `text` must outlive the reader.
    init(_ text: UnsafeRawBufferPointer, entriesMax: Int, isLenient: Bool) {
        // An empty buffer may have no address; any pointer does for a length of 0.
        bytes = text.baseAddress?.assumingMemoryBound(to: UInt8.self)
            ?? UnsafePointer(bitPattern: 1)!
        end = text.count
        self.entriesMax = entriesMax
        self.isLenient = isLenient
    }

    // MARK: Fields

    @inline(__always)
    package mutating func field<V: WireValue>(
        _ number: Int, _ name: StaticString, _ value: inout V
    ) throws(DecodeError) {
        guard keyCount == name.utf8CodeUnitCount, isKey(name) else {
            if V.isRequired, isChecking { try require(number, name) }
            return
        }
        try claim(number, name)
        if try takeNull() {
            if V.isRequired { throw DecodeError(.missing, field: name.description) }
            return
        }
        try fill(&value, name)
    }

    @inline(__always)
    package mutating func optional<V: WireValue>(
        _ number: Int, _ name: StaticString, _ value: inout V?
    ) throws(DecodeError) {
        guard keyCount == name.utf8CodeUnitCount, isKey(name) else { return }
        try claim(number, name)
        if try takeNull() { return }
        var filled = V.blank
        try fill(&filled, name)
        value = filled
    }

    package mutating func list<V: WireValue>(
        _ number: Int, _ name: StaticString, _ values: inout [V]
    ) throws(DecodeError) {
        guard keyCount == name.utf8CodeUnitCount, isKey(name) else { return }
        try claim(number, name)
        if try takeNull() { return }
        guard try next() == UInt8(ascii: "[") else { throw DecodeError(.wrongType).within(name) }
        try open()
        var count = 0
        while try more(before: UInt8(ascii: "]"), isFirst: count == 0) {
            count += 1
            guard count <= entriesMax else {
                throw DecodeError(.tooManyEntries, field: name.description)
            }
            let start = (at: at, depth: depth, seen: seen)
            var value = V.blank
            do throws(DecodeError) {
                try fill(&value, name)
                values.append(value)
            } catch {
                guard isLenient, error.reason == .unknownName else { throw error }
                (at, depth, seen) = start
                try skipValue()
            }
        }
        depth -= 1
    }

    @inline(__always)
    package mutating func alternative<M: WireMessage, Body>(
        _ number: Int, _ name: StaticString, _ body: inout Body?, _ wrap: (M) -> Body
    ) throws(DecodeError) {
        guard keyCount == name.utf8CodeUnitCount, isKey(name) else { return }
        try claim(number, name)
        if try takeNull() { return }
        guard body == nil else { throw DecodeError(.severalCommands, field: name.description) }
        var message = M.blank
        try fill(&message, name)
        body = wrap(message)
    }

    /// One object; `visit` shows the message once per member, and once more at the end.
    mutating func object(
        _ visit: (inout JSONReader) throws(DecodeError) -> Void
    ) throws(DecodeError) {
        guard try next() == UInt8(ascii: "{") else {
            at -= 1
            throw DecodeError(depth == 0 ? .notAnObject : .wrongType)
        }
        try open()
        let outer = seen
        seen = 0
        var unknown = UnknownMembers()
        var isFirst = true
        while try more(before: UInt8(ascii: "}"), isFirst: isFirst) {
            isFirst = false
            try readKey()
            try visit(&self)
            if keyCount >= 0 {
                if !takesMembersTwice {
                    try unknown.add(key.map { Array(UnsafeBufferPointer(start: $0, count: keyCount)) } ?? unescapedKey)
                }
                keyCount = -1
                try skipValue()
            }
        }
        depth -= 1
        isChecking = true
        try visit(&self)
        isChecking = false
        seen = outer
    }

    /// Nothing may follow but white space.
    mutating func finish() throws(DecodeError) {
        skipSpace()
        guard at == end else { throw DecodeError(.syntax) }
    }

    @inline(__always)
    private mutating func fill<V: WireValue>(
        _ value: inout V, _ name: StaticString
    ) throws(DecodeError) {
        do throws(DecodeError) {
            skipSpace()
            try value.read(from: &self)
        } catch {
            throw error.within(name)
        }
    }

    @inline(__always)
    private func isKey(_ name: StaticString) -> Bool {
        if let key { return memcmp(key, name.utf8Start, name.utf8CodeUnitCount) == 0 }
        return unescapedKey.elementsEqual(
            UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    /// The member belongs to this field.
    private mutating func claim(_ number: Int, _ name: StaticString) throws(DecodeError) {
        keyCount = -1
        let bit: UInt64 = 1 << UInt64(number)
        guard seen & bit == 0 else { throw DecodeError(.duplicateField, field: name.description) }
        seen |= bit
    }

    private func require(_ number: Int, _ name: StaticString) throws(DecodeError) {
        guard seen & 1 << UInt64(number) == 0 else { return }
        throw DecodeError(.missing, field: name.description)
    }

    private mutating func readKey() throws(DecodeError) {
        skipSpace()
        guard at < end, bytes[at] == UInt8(ascii: "\"") else { throw DecodeError(.syntax) }
        let text = try scanString()
        if text.hasEscapes {
            unescapedKey = try unescaped(text)
            key = nil
            keyCount = unescapedKey.count
        } else {
            if !text.isASCII { try validate(text) }
            key = bytes + text.from
            keyCount = text.to - text.from
        }
        skipSpace()
        guard at < end, bytes[at] == UInt8(ascii: ":") else { throw DecodeError(.syntax) }
        at += 1
        skipSpace()
    }

    // MARK: Structure

    /// Enters an object or array.
    mutating func open() throws(DecodeError) {
        depth += 1
        guard depth <= DecodeLimits.depthMax else { throw DecodeError(.tooDeep) }
    }

    mutating func close() { depth -= 1 }

    /// Moves to the next member or entry; false, past `closing`, when there is none.
    @inline(__always)
    mutating func more(before closing: UInt8, isFirst: Bool) throws(DecodeError) -> Bool {
        let byte = try next()
        if byte == closing { return false }
        if isFirst {
            at -= 1
            return true
        }
        guard byte == UInt8(ascii: ",") else { throw DecodeError(.syntax) }
        return true
    }

    /// The next byte that is not white space.
    @inline(__always)
    mutating func next() throws(DecodeError) -> UInt8 {
        skipSpace()
        guard at < end else { throw DecodeError(.syntax) }
        at += 1
        return bytes[at - 1]
    }

    @inline(__always)
    mutating func skipSpace() {
        while at < end {
            switch bytes[at] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
                at += 1
            default:
                return
            }
        }
    }
}

/// Names of an object's members that belong to no field: they are passed over, but none may be there twice. So few
/// are looked at that comparing all with all costs nothing worth a table.
struct UnknownMembers {
    private var names: [[UInt8]] = []

    mutating func add(_ name: [UInt8]) throws(DecodeError) {
        guard names.count < DecodeLimits.entriesMax else { throw DecodeError(.tooManyEntries) }
        guard !names.contains(name) else { throw DecodeError(.duplicateField) }
        names.append(name)
    }
}
