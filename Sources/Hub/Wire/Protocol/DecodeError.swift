// Why bytes from outside are not a frame or a body, and what to do about it. It carries no bytes of
// the peer: only our own names and fixed sentences reach logs and replies.

package import Model

/// A frame, or a whole message of frames, that cannot be accepted.
package struct DecodeError: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// It cannot be understood.
        case malformed
        /// A frame that holds no command of this version.
        case unknownCommand
        /// It is understood, and a value is out of bounds.
        case invalidArgument
        case tooLarge
    }

    package var reason: Reason
    /// The field at fault as docs/hub.v1.proto names it; empty when it is not one field.
    package var field: String
    /// The id of the command, when it could be read: the reply carries it. `nil`: it could not.
    package var id: UInt32?
    /// The boundaries of frames are lost, nothing after this can be trusted: close the connection.
    package var isFatal: Bool

    package init(_ reason: Reason, field: String = "", id: UInt32? = nil, isFatal: Bool = false) {
        self.reason = reason
        self.field = field
        self.id = id
        self.isFatal = isFatal
    }

    package var kind: Kind { reason.kind }

    package var code: ErrorCode {
        switch kind {
        case .malformed: .malformed
        case .unknownCommand: .unknownCommand
        case .invalidArgument: .invalidArgument
        case .tooLarge: .tooLarge
        }
    }

    /// What a fatal error closes the connection with.
    package var closeCode: CloseCode { kind == .tooLarge ? .messageTooBig : .protocolViolation }

    /// What the peer is told; the reply's frame has `id ?? 0`.
    package var reply: ErrorReply {
        ErrorReply(code, field.isEmpty ? reason.text : "\(field): \(reason.text)",
                   details: field.isEmpty ? [] : [Detail("field", field)])
    }

    /// The same error with the name of the field, unless a field inside of it was named before.
    func within(_ name: StaticString) -> DecodeError {
        guard field.isEmpty else { return self }
        var named = self
        named.field = name.description
        return named
    }
}

extension DecodeError {
    /// What exactly is wrong.
    package enum Reason: Hashable, Sendable, CaseIterable {
        // Malformed.
        case emptyMessage
        case syntax
        case tooDeep
        case invalidUTF8
        case notAnObject
        case wrongType
        case duplicateField
        case severalCommands
        case truncated
        case badVarint
        case badTag
        // Unknown command.
        case noCommand
        // Invalid argument.
        case missing
        case badFrameID
        case badID
        case outOfRange
        case unknownName
        // Too large.
        case tooManyFrames
        case tooManyEntries

        var kind: Kind {
            switch self {
            case .emptyMessage, .syntax, .tooDeep, .invalidUTF8, .notAnObject, .wrongType,
                .duplicateField, .severalCommands, .truncated, .badVarint, .badTag:
                .malformed
            case .noCommand: .unknownCommand
            case .missing, .badFrameID, .badID, .outOfRange, .unknownName: .invalidArgument
            case .tooManyFrames, .tooManyEntries: .tooLarge
            }
        }

        var text: String {
            switch self {
            case .emptyMessage: "a message without a frame"
            case .syntax: "not valid JSON"
            case .tooDeep: "nested more than \(DecodeLimits.depthMax) deep"
            case .invalidUTF8: "not valid UTF-8"
            case .notAnObject: "not an object"
            case .wrongType: "not of the field's type"
            case .duplicateField: "given twice"
            case .severalCommands: "a second command in one frame"
            case .truncated: "ends before its length says"
            case .badVarint: "a number of more than 64 bits"
            case .badTag: "a field number or wire type that does not exist"
            case .noCommand: "no command that this version knows"
            case .missing: "required"
            case .badFrameID: "must be 1 to 2147483647"
            case .badID: "must be a UUID"
            case .outOfRange: "not a whole number within its bounds"
            case .unknownName: "not one of the names it can have"
            case .tooManyFrames: "more than \(DecodeLimits.framesMax) frames in one message"
            case .tooManyEntries: "more than \(DecodeLimits.entriesMax) entries"
            }
        }
    }
}

/// Bounds of what is decoded, beside the size of a message, which the WebSocket layer limits.
package enum DecodeLimits {
    /// Levels of objects, arrays, messages and groups within each other.
    package static let depthMax = 32
    /// Frames in one WebSocket message.
    package static let framesMax = 64
    /// Entries of a list in a command or an HTTP body.
    package static let entriesMax = 64
}
