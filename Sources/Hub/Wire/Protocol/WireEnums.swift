// Enumerations on the wire: names in JSON, numbers in protobuf; and the two kinds of code.

package import Model

/// An enumeration whose raw values are the numbers of docs/hub.v1.proto, 0 standing for
/// "unspecified".
package protocol WireEnum: WireValue, RawRepresentable, CaseIterable where RawValue == UInt8 {
    var wireName: StaticString { get }
}

extension WireEnum {
    package static var isRequired: Bool { true }
    package var isDefault: Bool { false }
    package static var wireType: WireType { .varint }

    /// A name, or a number as protobuf's JSON mapping allows.
    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        guard reader.isAtQuote else { return try set(try reader.integer()) }
        let name = try reader.string()
        guard let value = Self.allCases.first(where: { name == $0.wireName.description }) else {
            throw DecodeError(.unknownName)
        }
        self = value
    }
    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        try set(try reader.varint())
    }
    package func write(to writer: inout JSONWriter) { writer.plainString(wireName) }
    package func write(to writer: inout ProtoWriter) { writer.varint(UInt64(rawValue)) }

    private mutating func set(_ number: UInt64) throws(DecodeError) {
        guard let raw = UInt8(exactly: number), let value = Self(rawValue: raw) else {
            throw DecodeError(.unknownName)
        }
        self = value
    }
}

extension ChannelKind: WireEnum {
    package static var blank: ChannelKind { .open }
    package var wireName: StaticString {
        switch self {
        case .open: "OPEN"
        case .closed: "CLOSED"
        case .direct: "DIRECT"
        }
    }
}

extension EventKind: WireEnum {
    package static var blank: EventKind { .message }
    package var wireName: StaticString {
        switch self {
        case .message: "MESSAGE"
        case .joined: "JOINED"
        case .left: "LEFT"
        case .edited: "EDITED"
        case .damaged: "DAMAGED"
        }
    }
}

extension PresenceState: WireEnum {
    package static var blank: PresenceState { .offline }
    package var wireName: StaticString {
        switch self {
        case .offline: "OFFLINE"
        case .away: "AWAY"
        case .online: "ONLINE"
        }
    }
}

extension Role: WireEnum {
    package static var blank: Role { .member }
    package var wireName: StaticString {
        switch self {
        case .member: "MEMBER"
        case .admin: "ADMIN"
        case .owner: "OWNER"
        }
    }
}

/// A code of a newer hub is read as the one of its hundred that asks for the same treatment.
extension ErrorCode: WireValue {
    package static var blank: ErrorCode { .internalFault }
    package static var isRequired: Bool { true }
    package var isDefault: Bool { false }
    package static var wireType: WireType { .varint }
    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        self = ErrorCode(nearest: try reader.integer())
    }
    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        self = ErrorCode(nearest: try reader.varint())
    }
    package func write(to writer: inout JSONWriter) { writer.number(UInt64(rawValue)) }
    package func write(to writer: inout ProtoWriter) { writer.varint(UInt64(rawValue)) }

    init(nearest number: UInt64) {
        if let raw = UInt32(exactly: number), let known = ErrorCode(rawValue: raw) {
            self = known
            return
        }
        switch number {
        case 100..<200: self = .invalidArgument
        case 200..<300: self = .forbidden
        case 300..<400: self = .conflict
        case 400..<500: self = .overloaded
        default: self = .internalFault
        }
    }
}

extension CloseCode: WireValue {
    package static var blank: CloseCode { .normal }
    package static var isRequired: Bool { true }
    package var isDefault: Bool { false }
    package static var wireType: WireType { .varint }
    package mutating func read(from reader: inout JSONReader) throws(DecodeError) {
        self = CloseCode(nearest: try reader.integer())
    }
    package mutating func read(from reader: inout ProtoReader) throws(DecodeError) {
        self = CloseCode(nearest: try reader.varint())
    }
    package func write(to writer: inout JSONWriter) { writer.number(UInt64(rawValue)) }
    package func write(to writer: inout ProtoWriter) { writer.varint(UInt64(rawValue)) }

    init(nearest number: UInt64) {
        if let raw = UInt16(exactly: number), let known = CloseCode(rawValue: raw) {
            self = known
            return
        }
        switch number {
        case 4000..<4100: self = .draining
        case 4100..<4200: self = .overloaded
        case 4200..<4300: self = .tokenExpired
        case 4500...: self = .protocolViolation
        default: self = .goingAway
        }
    }
}
