// ServerFrame of docs/hub.v1.proto from its binary encoding: the fields the bench looks at; all
// others are skipped.

/// Walks over a protobuf message in place; places it gives are offsets into the whole message.
struct ProtoCursor {
    private let bytes: UnsafeRawBufferPointer
    private var position: Int
    private let end: Int

    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position >= end }

    mutating func varint() throws -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            guard shift < 70 else { break }
        }
        throw DecodingError("protobuf: bad varint", at: position)
    }

    /// The next field's number and wire type; `nil` at the end.
    mutating func field() throws -> (number: UInt64, wire: UInt8)? {
        guard !isAtEnd else { return nil }
        let tag = try varint()
        guard tag >> 3 != 0 else { throw DecodingError("protobuf: field 0", at: position) }
        return (tag >> 3, UInt8(tag & 7))
    }

    mutating func slice() throws -> Slice {
        let count = try varint()
        guard count <= UInt64(end - position) else {
            throw DecodingError("protobuf: length beyond the end", at: position)
        }
        let slice = Slice(start: position, count: Int(count))
        position += Int(count)
        return slice
    }

    mutating func message() throws -> ProtoCursor {
        let slice = try slice()
        return ProtoCursor(bytes, slice.start..<slice.start + slice.count)
    }

    mutating func skip(_ wire: UInt8) throws {
        switch wire {
        case 0: _ = try varint()
        case 1: try advance(8)
        case 2: _ = try slice()
        case 5: try advance(4)
        default: throw DecodingError("protobuf: wire type \(wire)", at: position)
        }
    }

    private mutating func advance(_ count: Int) throws {
        guard end - position >= count else {
            throw DecodingError("protobuf: length beyond the end", at: position)
        }
        position += count
    }
}

enum ProtoDecoding {
    static func serverFrame(_ cursor: inout ProtoCursor, _ frame: inout Inbound) throws {
        while let (number, wire) = try cursor.field() {
            switch (number, wire) {
            case (1, 0): frame.id = UInt32(truncatingIfNeeded: try cursor.varint())
            case (_, 2):
                var inner = try cursor.message()
                try alternative(number, &inner, &frame)
            default: try cursor.skip(wire)
            }
        }
    }

    private static func alternative(_ number: UInt64, _ cursor: inout ProtoCursor,
                                    _ frame: inout Inbound) throws {
        switch number {
        case 2: try error(&cursor, &frame)
        case 3: try welcome(&cursor, &frame)
        case 4:
            frame.kind = .refreshed
            while let (number, wire) = try cursor.field() {
                guard number == 1, wire == 0 else { try cursor.skip(wire); continue }
                frame.tokenExpiresAtMilliseconds = try cursor.varint()
            }
        case 5: frame.kind = .pong
        case 6: frame.kind = .done
        case 7: try subscribed(&cursor, &frame)
        case 8: try posted(&cursor, &frame)
        case 9, 32:
            frame.kind = number == 9 ? .historyPage : .events
            try events(&cursor, &frame)
        case 11, 12:
            frame.kind = number == 11 ? .channelList : .channel
            while let (number, wire) = try cursor.field() {
                guard number == 1, wire == 2 else { try cursor.skip(wire); continue }
                var inner = try cursor.message()
                frame.channels.append(try channel(&inner))
            }
        case 42:
            frame.kind = .broadcast
            while let (number, wire) = try cursor.field() {
                switch (number, wire) {
                case (1, 2): frame.channel = try cursor.slice()
                case (3, 2): frame.text = try cursor.slice()
                default: try cursor.skip(wire)
                }
            }
        case 39, 40: try ending(number, &cursor, &frame)
        default: break
        }
    }

    private static func error(_ cursor: inout ProtoCursor, _ frame: inout Inbound) throws {
        frame.kind = .error
        while let (number, wire) = try cursor.field() {
            switch (number, wire) {
            case (1, 0): frame.code = UInt32(truncatingIfNeeded: try cursor.varint())
            case (2, 2): frame.slug = try cursor.slice()
            case (3, 2): frame.message = try cursor.slice()
            case (4, 0): frame.isRetryable = try cursor.varint() != 0
            case (5, 0): frame.retryAfterMilliseconds = try cursor.varint()
            default: try cursor.skip(wire)
            }
        }
    }

    private static func welcome(_ cursor: inout ProtoCursor, _ frame: inout Inbound) throws {
        frame.kind = .welcome
        while let (number, wire) = try cursor.field() {
            switch (number, wire) {
            case (6, 0): frame.tokenExpiresAtMilliseconds = try cursor.varint()
            case (9, 2):
                var limits = try cursor.message()
                while let (number, wire) = try limits.field() {
                    switch (number, wire) {
                    case (2, 0): frame.textBytesMax = try limits.varint()
                    case (4, 0): frame.commandsInFlightMax = try limits.varint()
                    case (6, 0): frame.historyEventsMax = try limits.varint()
                    default: try limits.skip(wire)
                    }
                }
            default: try cursor.skip(wire)
            }
        }
    }

    private static func subscribed(_ cursor: inout ProtoCursor, _ frame: inout Inbound) throws {
        frame.kind = .subscribed
        while let (number, wire) = try cursor.field() {
            switch (number, wire) {
            case (1, 2): frame.channel = try cursor.slice()
            case (2, 2): frame.position = try position(&cursor)
            case (3, 2): frame.head = try position(&cursor)
            case (4, 2):
                let gap = try position(&cursor)  // the same two fields: from and to
                (frame.gapFrom, frame.gapTo) = (gap.epoch, gap.sequence)
            default: try cursor.skip(wire)
            }
        }
    }

    private static func posted(_ cursor: inout ProtoCursor, _ frame: inout Inbound) throws {
        frame.kind = .posted
        while let (number, wire) = try cursor.field() {
            switch (number, wire) {
            case (1, 2): frame.channel = try cursor.slice()
            case (2, 2): frame.position = try position(&cursor)
            case (3, 2): frame.eventID = try cursor.slice()
            case (5, 0): frame.isDuplicate = try cursor.varint() != 0
            default: try cursor.skip(wire)
            }
        }
    }

    private static func events(_ cursor: inout ProtoCursor, _ frame: inout Inbound) throws {
        while let (number, wire) = try cursor.field() {
            switch (number, wire) {
            case (1, 2): frame.channel = try cursor.slice()
            case (2, 0): frame.epoch = try cursor.varint()
            case (3, 2):
                var inner = try cursor.message()
                frame.events.append(try event(&inner))
            case (4, 0): frame.hasMore = try cursor.varint() != 0
            default: try cursor.skip(wire)
            }
        }
    }

    private static func event(_ cursor: inout ProtoCursor) throws -> InboundEvent {
        var event = InboundEvent()
        while let (number, wire) = try cursor.field() {
            switch (number, wire) {
            case (1, 0): event.sequence = try cursor.varint()
            case (2, 2): event.id = try cursor.slice()
            case (3, 0): event.kind = try cursor.varint() == 1 ? .message : .other
            case (7, 2): event.key = try cursor.slice()
            case (8, 2): event.text = try cursor.slice()
            default: try cursor.skip(wire)
            }
        }
        return event
    }

    private static func channel(_ cursor: inout ProtoCursor) throws -> InboundChannel {
        var channel = InboundChannel()
        while let (number, wire) = try cursor.field() {
            switch (number, wire) {
            case (1, 2): channel.id = try cursor.slice()
            case (3, 2): channel.name = try cursor.slice()
            case (5, 2): channel.head = try position(&cursor)
            case (6, 0): channel.isJoined = try cursor.varint() != 0
            default: try cursor.skip(wire)
            }
        }
        return channel
    }

    private static func position(_ cursor: inout ProtoCursor) throws -> Position {
        var inner = try cursor.message()
        var position = Position()
        while let (number, wire) = try inner.field() {
            switch (number, wire) {
            case (1, 0): position.epoch = try inner.varint()
            case (2, 0): position.sequence = try inner.varint()
            default: try inner.skip(wire)
            }
        }
        return position
    }

    private static func ending(_ number: UInt64, _ cursor: inout ProtoCursor,
                               _ frame: inout Inbound) throws {
        frame.kind = number == 39 ? .subscriptionEnded : .closing
        let shift: UInt64 = number == 39 ? 1 : 0
        while let (number, wire) = try cursor.field() {
            switch (number, wire) {
            case (1, 2) where shift == 1: frame.channel = try cursor.slice()
            case (1 + shift, 0): frame.code = UInt32(truncatingIfNeeded: try cursor.varint())
            case (2 + shift, 2): frame.slug = try cursor.slice()
            case (3, 0) where shift == 0: frame.retryAfterMilliseconds = try cursor.varint()
            default: try cursor.skip(wire)
            }
        }
    }
}
