// One frame from the hub, as far as the bench looks at it: places in the received bytes instead of
// copies. The same value is filled again for every frame, so that a delivery allocates nothing.

/// A piece of a received message, or of the text that had to be unescaped from it.
package struct Slice: Sendable, Equatable {
    var start = 0
    package var count = 0
    var isUnescaped = false
}

package struct InboundEvent: Sendable {
    package enum Kind: Sendable {
        case message
        case other
    }

    package var sequence: UInt64 = 0
    package var id = Slice()
    package var kind = Kind.other
    package var key = Slice()
    package var text = Slice()
}

package struct InboundChannel: Sendable {
    package var id = Slice()
    package var name = Slice()
    package var head = Position()
    package var isJoined = false
}

package struct Inbound: Sendable {
    package enum Kind: Sendable {
        case unknown
        case error
        case welcome
        case refreshed
        case pong
        case done
        case subscribed
        case posted
        case historyPage
        case channelList
        case channel
        case events
        case broadcast
        case subscriptionEnded
        case closing
    }

    package var id: UInt32 = 0
    package var kind = Kind.unknown
    package var channel = Slice()
    /// `Posted.position`, `Subscribed.from`.
    package var position = Position()
    /// `Subscribed.head`.
    package var head = Position()
    /// `Subscribed.gap`; 0 and 0 when there is none.
    package var gapFrom: UInt64 = 0
    package var gapTo: UInt64 = 0
    package var eventID = Slice()
    /// `BroadcastSent.text`.
    package var text = Slice()
    package var isDuplicate = false
    package var code: UInt32 = 0
    package var slug = Slice()
    package var message = Slice()
    package var isRetryable = false
    package var retryAfterMilliseconds: UInt64 = 0
    package var epoch: UInt64 = 0
    package var events: [InboundEvent] = []
    package var hasMore = false
    package var channels: [InboundChannel] = []
    package var tokenExpiresAtMilliseconds: UInt64 = 0
    package var textBytesMax: UInt64 = 0
    package var commandsInFlightMax: UInt64 = 0
    package var historyEventsMax: UInt64 = 0
    /// Text that was escaped; slices of it say so.
    var unescaped: [UInt8] = []

    package init() {
        events.reserveCapacity(64)
    }

    mutating func reset() {
        var events = events, channels = channels, unescaped = unescaped
        events.removeAll(keepingCapacity: true)
        channels.removeAll(keepingCapacity: true)
        unescaped.removeAll(keepingCapacity: true)
        self = Inbound(events: events, channels: channels, unescaped: unescaped)
    }

    private init(events: [InboundEvent], channels: [InboundChannel], unescaped: [UInt8]) {
        self.events = events
        self.channels = channels
        self.unescaped = unescaped
    }

    /// The bytes of a slice; `message` is what the frame was decoded from.
    package func withBytes<Result>(
        of slice: Slice, in message: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        if slice.isUnescaped {
            return try unescaped.withUnsafeBytes {
                try body(UnsafeRawBufferPointer(
                    rebasing: $0[slice.start..<slice.start + slice.count]))
            }
        }
        return try body(UnsafeRawBufferPointer(
            rebasing: message[slice.start..<slice.start + slice.count]))
    }

    package func string(_ slice: Slice, in message: UnsafeRawBufferPointer) -> String {
        withBytes(of: slice, in: message) { String(decoding: $0, as: UTF8.self) }
    }
}

/// What is wrong with a frame of the hub.
package struct DecodingError: Error, Equatable, CustomStringConvertible {
    package var description: String
    init(_ what: String, at offset: Int) { description = "\(what) at byte \(offset)" }
}

/// Takes a WebSocket message apart into frames.
package enum Decoder {
    /// Fills `frame` and calls `each` for every frame of the message, in order.
    package static func decode(
        _ message: UnsafeRawBufferPointer, _ encoding: Encoding, into frame: inout Inbound,
        _ each: (inout Inbound) throws -> Void
    ) throws {
        switch encoding {
        case .json:
            var cursor = JSONCursor(message)
            while cursor.skipSpace() {
                frame.reset()
                try JSONDecoding.serverFrame(&cursor, &frame)
                try each(&frame)
            }
        case .proto:
            var cursor = ProtoCursor(message, 0..<message.count)
            while !cursor.isAtEnd {
                var inner = try cursor.message()
                frame.reset()
                try ProtoDecoding.serverFrame(&inner, &frame)
                try each(&frame)
            }
        }
    }
}
