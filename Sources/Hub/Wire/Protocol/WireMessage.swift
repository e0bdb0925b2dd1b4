// How a message says what it looks like on the wire: one list of fields that serves four visitors,
// the readers and the writers of both encodings. Generic code that the compiler specialises; there
// is no reflection and no table at run time, for this is on the path of every message.
//
// Message types for HTTP bodies (JSON only) conform in the same way; their field numbers only have
// to differ from each other:
//
//     struct SignIn: WireMessage {
//         var email: EmailAddress
//         var organisation: OrganisationID?
//         var remember: Bool
//         static var blank: SignIn { SignIn(email: .blank, organisation: nil, remember: false) }
//         mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
//             try visitor.field(1, "email", &email)
//             try visitor.optional(2, "organisation", &organisation)
//             try visitor.field(3, "remember", &remember)
//         }
//     }
//     let request = try JSONBody.decode(SignIn.self, from: body)      // throws DecodeError
//     let body = JSONBody.encode(answer)
//
// What this leaves out: maps, floating point numbers and packed lists, which protocol 1 does not
// use.

/// Something a field can hold: a scalar, an identifier, an enumeration or another message.
package protocol WireValue {
    /// What decoding starts from: the default, or a placeholder where a value is required.
    static var blank: Self { get }
    /// A message without the field is refused: there is no default that would make sense.
    static var isRequired: Bool { get }
    /// The value may be left out of what is written.
    var isDefault: Bool { get }
    /// How the protobuf encoding marks it.
    static var wireType: WireType { get }

    mutating func read(from reader: inout JSONReader) throws(DecodeError)
    mutating func read(from reader: inout ProtoReader) throws(DecodeError)
    func write(to writer: inout JSONWriter)
    func write(to writer: inout ProtoWriter)
}

/// A value that is made of fields.
package protocol WireMessage: WireValue {
    /// Shows every field to the visitor, in order of their numbers: 1...63, the numbers and the
    /// names that docs/hub.v1.proto has. The writers only look at the values.
    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure)
}

/// A reader or writer that a message is shown to, field by field.
package protocol FieldVisitor {
    associatedtype Failure: Error

    mutating func field<V: WireValue>(
        _ number: Int, _ name: StaticString, _ value: inout V
    ) throws(Failure)

    /// A field whose absence means something of its own.
    mutating func optional<V: WireValue>(
        _ number: Int, _ name: StaticString, _ value: inout V?
    ) throws(Failure)

    mutating func list<V: WireValue>(
        _ number: Int, _ name: StaticString, _ values: inout [V]
    ) throws(Failure)
}

/// A visitor that fills what it is shown. It is shown a message once per field of the input, and
/// once more at the end to find what is missing.
package protocol FieldReader: FieldVisitor where Failure == DecodeError {
    /// One of the messages of which a frame holds exactly one.
    mutating func alternative<M: WireMessage, Body>(
        _ number: Int, _ name: StaticString, _ body: inout Body?, _ wrap: (M) -> Body
    ) throws(DecodeError)
}

package protocol FieldWriter: FieldVisitor where Failure == Never {
    mutating func alternative<M: WireMessage>(_ number: Int, _ name: StaticString, _ message: M)
}

/// Protobuf's kinds of field (protobuf.dev, Encoding).
package enum WireType: UInt8, Sendable {
    case varint = 0
    case fixed64 = 1
    case bytes = 2
    case groupStart = 3
    case groupEnd = 4
    case fixed32 = 5
}

extension WireMessage {
    package static var isRequired: Bool { true }
    package var isDefault: Bool { false }
    package static var wireType: WireType { .bytes }

    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        try reader.object { (reader: inout JSONReader) throws(DecodeError) in
            try self.visit(&reader)
        }
    }

    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        try reader.delimited { (reader: inout ProtoReader) throws(DecodeError) in
            try self.visit(&reader)
        }
    }

    package func write(to writer: inout JSONWriter) {
        var shown = self
        writer.object { shown.visit(&$0) }
    }

    package func write(to writer: inout ProtoWriter) {
        var shown = self
        writer.delimited { shown.visit(&$0) }
    }
}
