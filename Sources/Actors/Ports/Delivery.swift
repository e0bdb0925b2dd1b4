// How actors reach sockets: one `DeliveryLane` per front loop. An actor names a topic or a session;
// the lane knows the connections, encodes a broadcast once per encoding, and writes once per tick.

package import Model
import Synchronization

/// What sessions of a lane can be attached to.
package enum Topic: Hashable, Sendable {
    case channel(ChannelID)
    /// Everybody with a session in the organisation.
    case organisation(OrganisationID)
    /// Those who watch presence in the organisation.
    case presence(OrganisationID)
}

/// A session as actors see it: which lane to hand things to, and who it is. One object for each session, as
/// every command has it.
package final class SessionAddress: Sendable {
    package let lane: any DeliveryLane
    package let session: SessionID
    package let account: AccountID
    private let gone = Atomic(false)
    package init(lane: any DeliveryLane, session: SessionID, account: AccountID) {
        self.lane = lane
        self.session = session
        self.account = account
    }
    package func send(_ id: UInt32, _ body: ServerBody) {
        lane.hand(.send(session, ServerFrame(id: id, body: body)))
    }

    package func paged(_ page: PageGrant, next: ReplayTicket? = nil) {
        lane.hand(.paged(session, page, next: next))
    }

    /// Nobody is there to read answers: what is to be read for this session need not be read any more.
    package var isGone: Bool { gone.load(ordering: .relaxed) }
    package func leave() { gone.store(true, ordering: .relaxed) }
}

/// Leave to make one page for a session, which has room for it. How it ended, the session has to hear.
package struct PageGrant: Hashable, Sendable {
    /// The session's own number for it.
    package let number: UInt32
    /// What the page may take on the wire; a single entry may be larger.
    package let bytesMax: Int
    package init(number: UInt32, bytesMax: Int) {
        self.number = number
        self.bytesMax = bytesMax
    }
}

/// A replay of a channel that goes on when its session has room again.
package struct ReplayTicket: Hashable, Sendable {
    package let channel: ChannelID
    /// The channel's own number for it.
    package let number: UInt64
    package init(channel: ChannelID, number: UInt64) {
        self.channel = channel
        self.number = number
    }
}

/// One hand-over to a lane. What one actor hands to one lane is carried out in that order.
package enum Delivery: Sendable {
    /// To every session of this lane attached to the topic, except one if named. Ephemeral
    /// broadcasts are dropped for a session whose outbox is more than half full.
    case broadcast(Topic, Broadcast, except: SessionID?)
    /// A frame to one session; nothing happens when it is gone.
    case send(SessionID, ServerFrame)
    /// From here on the session gets the topic's broadcasts.
    case attach(SessionID, Topic)
    /// From here on it gets no more of them.
    case detach(SessionID, Topic)
    /// A page of a replay has been handed over, or there is none after all. With a ticket, there is more. (The
    /// page that answers a command ends with its reply.)
    case paged(SessionID, PageGrant, next: ReplayTicket?)
    /// The session's token may be over; it is asked.
    case checkExpiry(SessionID)
    /// Sends `Closing` and closes; nothing handed over later reaches the session.
    case close(SessionID, CloseCode, retryAfterMilliseconds: UInt32)
}

/// The sockets of one front loop.
package protocol DeliveryLane: AnyObject, Sendable {
    /// From any thread, in order, never inline. Wakes the lane once per burst.
    func hand(_ delivery: Delivery)
}

/// One frame for many sessions. All lanes share the object, so each encoding is made once.
package final class Broadcast: Sendable {
    package let frame: ServerFrame
    /// May be dropped when a reader is behind: it has no place in a log.
    package let isEphemeral: Bool
    private let encoded = Lock<[EncodedFrame?]>([])

    package init(_ body: ServerBody, isEphemeral: Bool = false) {
        frame = ServerFrame(body: body)
        self.isEphemeral = isEphemeral
    }

    /// How many messages it carries: the events of one commit come together.
    package var messages: Int {
        if case .events(let events) = frame.body { events.events.count } else { 1 }
    }

    /// The encoded form number `index`, made by the first who asks.
    package func encoded(_ index: Int, by encode: (ServerFrame) -> EncodedFrame) -> EncodedFrame {
        encoded.withLock { forms in
            while forms.count <= index { forms.append(nil) }
            if let form = forms[index] { return form }
            let form = encode(frame)
            forms[index] = form
            return form
        }
    }
}

/// Bytes ready for the socket, shared by every outbox they wait in.
package final class EncodedFrame: @unchecked Sendable {
    // SAFETY: the memory is not written after `init`, and freed with the object.
    /// Stays where it is for the life of the object.
    package let bytes: UnsafeRawBufferPointer
    private let memory: UnsafeMutableRawBufferPointer

    package init(_ bytes: [UInt8]) {
        memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        memory.copyBytes(from: bytes)
        self.bytes = UnsafeRawBufferPointer(memory)
    }

    /// - Parameters:
    ///   - bytes: a part of `memory`.
    ///   - memory: allocated, and no one else's from here on.
    package init(_ bytes: UnsafeRawBufferPointer, in memory: UnsafeMutableRawBufferPointer) {
        self.bytes = bytes
        self.memory = memory
    }

    deinit { memory.deallocate() }
}
