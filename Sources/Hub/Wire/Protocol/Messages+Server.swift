// The replies and pushes of docs/hub.v1.proto, field by field, and which number each has in a
// frame.

package import Model

extension ServerBody: FrameBody {
    package static func read<R: FieldReader>(
        _ body: inout ServerBody?, from reader: inout R
    ) throws(DecodeError) {
        try reader.alternative(2, "error", &body) { (m: ErrorReply) in .error(m) }
        try reader.alternative(3, "welcome", &body) { (m: Welcome) in .welcome(m) }
        try reader.alternative(4, "refreshed", &body) { (m: Refreshed) in .refreshed(m) }
        try reader.alternative(5, "pong", &body) { (m: Pong) in .pong(m) }
        try reader.alternative(6, "done", &body) { (m: Done) in .done(m) }
        try reader.alternative(7, "subscribed", &body) { (m: Subscribed) in .subscribed(m) }
        try reader.alternative(8, "posted", &body) { (m: Posted) in .posted(m) }
        try reader.alternative(9, "history_page", &body) { (m: HistoryPage) in .historyPage(m) }
        try reader.alternative(10, "presence_list", &body) { (m: PresenceList) in .presenceList(m) }
        try reader.alternative(11, "channel_list", &body) { (m: ChannelList) in .channelList(m) }
        try reader.alternative(12, "channel", &body) { (m: ChannelReply) in .channel(m) }
        try reader.alternative(13, "member_list", &body) { (m: MemberList) in .memberList(m) }
        try reader.alternative(14, "people_list", &body) { (m: PeopleList) in .peopleList(m) }
        try reader.alternative(32, "events", &body) { (m: Events) in .events(m) }
        try reader.alternative(33, "typing", &body) { (m: TypingChanged) in .typing(m) }
        try reader.alternative(34, "presence", &body) { (m: PresenceChanged) in .presence(m) }
        try reader.alternative(35, "channel_added", &body) { (m: ChannelAdded) in .channelAdded(m) }
        try reader.alternative(36, "channel_removed", &body) { (m: ChannelRemoved) in
            .channelRemoved(m)
        }
        try reader.alternative(37, "read_marker", &body) { (m: ReadMarker) in .readMarker(m) }
        try reader.alternative(38, "person_changed", &body) { (m: PersonChanged) in
            .personChanged(m)
        }
        try reader.alternative(39, "subscription_ended", &body) { (m: SubscriptionEnded) in
            .subscriptionEnded(m)
        }
        try reader.alternative(40, "closing", &body) { (m: Closing) in .closing(m) }
        try reader.alternative(41, "person_removed", &body) { (m: PersonRemoved) in
            .personRemoved(m)
        }
        try reader.alternative(42, "broadcast", &body) { (m: BroadcastSent) in .broadcast(m) }
    }

    package func write<W: FieldWriter>(to writer: inout W) {
        switch self {
        case .error(let m): writer.alternative(2, "error", m)
        case .welcome(let m): writer.alternative(3, "welcome", m)
        case .refreshed(let m): writer.alternative(4, "refreshed", m)
        case .pong(let m): writer.alternative(5, "pong", m)
        case .done(let m): writer.alternative(6, "done", m)
        case .subscribed(let m): writer.alternative(7, "subscribed", m)
        case .posted(let m): writer.alternative(8, "posted", m)
        case .historyPage(let m): writer.alternative(9, "history_page", m)
        case .presenceList(let m): writer.alternative(10, "presence_list", m)
        case .channelList(let m): writer.alternative(11, "channel_list", m)
        case .channel(let m): writer.alternative(12, "channel", m)
        case .memberList(let m): writer.alternative(13, "member_list", m)
        case .peopleList(let m): writer.alternative(14, "people_list", m)
        case .events(let m): writer.alternative(32, "events", m)
        case .typing(let m): writer.alternative(33, "typing", m)
        case .presence(let m): writer.alternative(34, "presence", m)
        case .channelAdded(let m): writer.alternative(35, "channel_added", m)
        case .channelRemoved(let m): writer.alternative(36, "channel_removed", m)
        case .readMarker(let m): writer.alternative(37, "read_marker", m)
        case .personChanged(let m): writer.alternative(38, "person_changed", m)
        case .subscriptionEnded(let m): writer.alternative(39, "subscription_ended", m)
        case .closing(let m): writer.alternative(40, "closing", m)
        case .personRemoved(let m): writer.alternative(41, "person_removed", m)
        case .broadcast(let m): writer.alternative(42, "broadcast", m)
        }
    }
}

/// `slug` and `retryable` follow from the code: written for the reader, not read back.
extension ErrorReply: WireMessage {
    package static var blank: ErrorReply { ErrorReply(.blank, "") }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        var slug = code.slug
        var isRetryable = code.isRetryable
        try visitor.field(1, "code", &code)
        try visitor.field(2, "slug", &slug)
        try visitor.field(3, "message", &message)
        try visitor.field(4, "retryable", &isRetryable)
        try visitor.field(5, "retry_after_ms", &retryAfterMilliseconds)
        try visitor.list(6, "details", &details)
    }
}

extension Welcome: WireMessage {
    package static var blank: Welcome {
        Welcome(session: .blank, account: .blank, organisation: .blank, role: .blank,
                heartbeatMilliseconds: 0, tokenExpiresAt: .blank, serverTime: .blank,
                capabilities: [], limits: .blank)
    }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "session", &session)
        try visitor.field(2, "account", &account)
        try visitor.field(3, "organisation", &organisation)
        try visitor.field(4, "role", &role)
        try visitor.field(5, "heartbeat_ms", &heartbeatMilliseconds)
        try visitor.field(6, "token_expires_at_ms", &tokenExpiresAt)
        try visitor.field(7, "server_time_ms", &serverTime)
        try visitor.list(8, "capabilities", &capabilities)
        try visitor.field(9, "limits", &limits)
    }
}

extension Refreshed: WireMessage {
    package static var blank: Refreshed { Refreshed(tokenExpiresAt: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "token_expires_at_ms", &tokenExpiresAt)
    }
}

extension Pong: WireMessage {
    package static var blank: Pong { Pong(serverTime: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "server_time_ms", &serverTime)
    }
}

extension Done: WireMessage {
    package static var blank: Done { Done() }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {}
}

extension Subscribed: WireMessage {
    package static var blank: Subscribed {
        Subscribed(channel: .blank, from: .blank, head: .blank)
    }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "from", &from)
        try visitor.field(3, "head", &head)
        try visitor.optional(4, "gap", &gap)
    }
}

extension Posted: WireMessage {
    package static var blank: Posted {
        Posted(channel: .blank, position: .blank, event: .blank, at: .blank, duplicate: false)
    }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "position", &position)
        try visitor.field(3, "event", &event)
        try visitor.field(4, "at_ms", &at)
        try visitor.field(5, "duplicate", &duplicate)
    }
}

extension HistoryPage: WireMessage {
    package static var blank: HistoryPage {
        HistoryPage(channel: .blank, epoch: 0, events: [], more: false)
    }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "epoch", &epoch)
        try visitor.list(3, "events", &events)
        try visitor.field(4, "more", &more)
    }
}

extension PresenceList: WireMessage {
    package static var blank: PresenceList { PresenceList(present: []) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.list(1, "present", &present)
        try visitor.field(2, "next", &next)
    }
}

extension ChannelList: WireMessage {
    package static var blank: ChannelList { ChannelList(channels: []) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.list(1, "channels", &channels)
        try visitor.field(2, "next", &next)
    }
}

extension ChannelReply: WireMessage {
    package static var blank: ChannelReply { ChannelReply(channel: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
    }
}

extension MemberList: WireMessage {
    package static var blank: MemberList { MemberList(channel: .blank, accounts: []) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.list(2, "accounts", &accounts)
        try visitor.field(3, "next", &next)
    }
}

extension PeopleList: WireMessage {
    package static var blank: PeopleList { PeopleList(people: []) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.list(1, "people", &people)
        try visitor.field(2, "next", &next)
    }
}

extension Events: WireMessage {
    package static var blank: Events { Events(channel: .blank, epoch: 0, events: []) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "epoch", &epoch)
        try visitor.list(3, "events", &events)
    }
}

extension TypingChanged: WireMessage {
    package static var blank: TypingChanged {
        TypingChanged(channel: .blank, account: .blank, active: false)
    }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "account", &account)
        try visitor.field(3, "active", &active)
    }
}

extension PresenceChanged: WireMessage {
    package static var blank: PresenceChanged { PresenceChanged(changes: []) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.list(1, "changes", &changes)
    }
}

extension ChannelAdded: WireMessage {
    package static var blank: ChannelAdded { ChannelAdded(channel: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
    }
}

extension ChannelRemoved: WireMessage {
    package static var blank: ChannelRemoved { ChannelRemoved(channel: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
    }
}

extension ReadMarker: WireMessage {
    package static var blank: ReadMarker { ReadMarker(channel: .blank, sequence: 0) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "sequence", &sequence)
    }
}

extension PersonChanged: WireMessage {
    package static var blank: PersonChanged { PersonChanged(person: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "person", &person)
    }
}

extension SubscriptionEnded: WireMessage {
    package static var blank: SubscriptionEnded {
        SubscriptionEnded(channel: .blank, code: .blank)
    }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        var slug = code.slug
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "code", &code)
        try visitor.field(3, "slug", &slug)
    }
}

extension Closing: WireMessage {
    package static var blank: Closing { Closing(code: .blank, retryAfterMilliseconds: 0) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        var slug = code.slug
        try visitor.field(1, "code", &code)
        try visitor.field(2, "slug", &slug)
        try visitor.field(3, "retry_after_ms", &retryAfterMilliseconds)
    }
}

extension PersonRemoved: WireMessage {
    package static var blank: PersonRemoved { PersonRemoved(account: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "account", &account)
    }
}

extension BroadcastSent: WireMessage {
    package static var blank: BroadcastSent {
        BroadcastSent(channel: .blank, account: .blank, text: "")
    }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "account", &account)
        try visitor.field(3, "text", &text)
    }
}
