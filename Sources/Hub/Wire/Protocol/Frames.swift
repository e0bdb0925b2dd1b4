// A frame: an id and exactly one of the messages that its direction allows. One frame is decoded
// here from its own bytes; ProtocolCodec splits messages into frames.

/// What a frame can hold: the commands, or the replies and pushes.
package protocol FrameBody {
    /// Shows every alternative to the reader; fills `body` with the one that is there.
    static func read<R: FieldReader>(_ body: inout Self?, from reader: inout R) throws(DecodeError)
    func write<W: FieldWriter>(to writer: inout W)
}

/// A frame while it is read or written.
struct Frame<Body: FrameBody> {
    /// 0: none was given.
    var id: UInt32 = 0
    /// `nil`: none that this version knows.
    var body: Body?

    private mutating func visit<R: FieldReader>(_ reader: inout R) throws(DecodeError) {
        try reader.field(1, "id", &id)
        try Body.read(&body, from: &reader)
    }

    /// The one JSON text that `line` is.
    static func decode(
        json line: UnsafeRawBufferPointer, entriesMax: Int, isLenient: Bool
    ) throws(DecodeError) -> Frame {
        var frame = Frame()
        do throws(DecodeError) {
            var reader = JSONReader(line, entriesMax: entriesMax, isLenient: isLenient)
            try reader.object { (reader: inout JSONReader) throws(DecodeError) in
                try frame.visit(&reader)
            }
            try reader.finish()
            return frame
        } catch {
            // Whether the line is JSON at all, and whose command it is, may only show behind the
            // mistake.
            var failure = error
            do throws(DecodeError) {
                failure.id = try FrameID.find(json: line)
            } catch {
                failure = error
                failure.isFatal = true
            }
            throw failure
        }
    }

    /// The one message that `bytes` are, without the length in front.
    static func decode(
        proto bytes: UnsafeRawBufferPointer, entriesMax: Int, isLenient: Bool
    ) throws(DecodeError) -> Frame {
        var frame = Frame()
        do throws(DecodeError) {
            var reader = ProtoReader(bytes, entriesMax: entriesMax, isLenient: isLenient)
            try reader.fields { (reader: inout ProtoReader) throws(DecodeError) in
                try frame.visit(&reader)
            }
            return frame
        } catch {
            var failure = error
            failure.id = FrameID.find(proto: bytes)
            throw failure
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in writeFields(to: &writer) }
    }

    func write(to writer: inout ProtoWriter) {
        writer.delimited { writer in writeFields(to: &writer) }
    }

    private func writeFields<W: FieldWriter>(to writer: inout W) {
        var id = id
        writer.field(1, "id", &id)
        body?.write(to: &writer)
    }
}

/// The id of a frame that cannot be decoded otherwise: a second look, at the top level only.
struct FrameID {
    private var id: UInt32 = 0

    static let bounds: ClosedRange<UInt32> = 1...2_147_483_647

    private var usable: UInt32? { Self.bounds.contains(id) ? id : nil }

    /// Throws when the line is no JSON text.
    static func find(json line: UnsafeRawBufferPointer) throws(DecodeError) -> UInt32? {
        var whole = JSONReader(line, entriesMax: 0, isLenient: false)
        whole.takesMembersTwice = true
        try whole.skipValue()
        try whole.finish()
        do throws(DecodeError) {
            var found = FrameID()
            var reader = JSONReader(line, entriesMax: 0, isLenient: false)
            reader.takesMembersTwice = true
            try reader.object { (reader: inout JSONReader) throws(DecodeError) in
                try reader.field(1, "id", &found.id)
            }
            return found.usable
        } catch {
            return nil
        }
    }

    static func find(proto bytes: UnsafeRawBufferPointer) -> UInt32? {
        var found = FrameID()
        do throws(DecodeError) {
            var reader = ProtoReader(bytes, entriesMax: 0, isLenient: false)
            try reader.fields { (reader: inout ProtoReader) throws(DecodeError) in
                try reader.field(1, "id", &found.id)
            }
        } catch {
            // What was found before the mistake counts: frames begin with their id.
        }
        return found.usable
    }
}
