// What a client sends: one command with an id of its own choosing. docs/hub.v1.proto is the
// contract; names here are its names. Wire turns bytes into these values and back.

/// One command. `id` is 1...2³¹−1, unique among the connection's unanswered commands.
package struct ClientFrame: Hashable, Sendable {
    package var id: UInt32
    package var command: Command
    package init(id: UInt32, command: Command) {
        self.id = id
        self.command = command
    }
}

/// Exactly one alternative is set in a frame; which one is the command's name.
package enum Command: Hashable, Sendable {
    case hello(Hello)
    case refresh(Refresh)
    case ping(Ping)
    case subscribe(Subscribe)
    case unsubscribe(Unsubscribe)
    case post(Post)
    case history(History)
    case typing(Typing)
    case presence(SetPresence)
    case watchPresence(WatchPresence)
    case listChannels(ListChannels)
    case createChannel(CreateChannel)
    case openDirect(OpenDirect)
    case join(Join)
    case leave(Leave)
    case addMember(AddMember)
    case listMembers(ListMembers)
    case markRead(MarkRead)
    case listPeople(ListPeople)
    case edit(Edit)
    case removeMember(RemoveMember)
    case changeRole(ChangeRole)
    case removePerson(RemovePerson)
    case broadcast(SendBroadcast)

    /// What a hub with too much to do refuses. The rest keeps a session alive or makes less of it.
    package var isNewWork: Bool {
        switch self {
        case .hello, .refresh, .ping, .unsubscribe, .leave, .typing: false
        default: true
        }
    }
}

/// The first command of a connection. Answered by `Welcome`.
package struct Hello: Hashable, Sendable {
    package var token: AccessToken
    /// Names of optional features the client understands; the welcome has the intersection.
    package var capabilities: [String]
    /// Free text naming the client software and its version, at most 64 bytes; for statistics.
    package var agent: String
    package init(token: AccessToken, capabilities: [String] = [], agent: String = "") {
        self.token = token
        self.capabilities = capabilities
        self.agent = agent
    }
}

/// A newer access token of the same account and organisation. Answered by `Refreshed`.
package struct Refresh: Hashable, Sendable {
    package var token: AccessToken
    package init(token: AccessToken) { self.token = token }
}

/// Answered by `Pong`; keeps the connection alive where the client cannot send WebSocket pings.
package struct Ping: Hashable, Sendable {
    package init() {}
}

/// Live events of a channel. With `after`, what was missed since then comes first. Answered by
/// `Subscribed`.
package struct Subscribe: Hashable, Sendable {
    package var channel: ChannelID
    package var after: Position?
    package init(channel: ChannelID, after: Position? = nil) {
        self.channel = channel
        self.after = after
    }
}

/// Answered by `Done`; nothing of the channel comes after the reply.
package struct Unsubscribe: Hashable, Sendable {
    package var channel: ChannelID
    package init(channel: ChannelID) { self.channel = channel }
}

/// A message. Answered by `Posted` once it is durable.
package struct Post: Hashable, Sendable {
    package var channel: ChannelID
    /// Idempotency key, 1–64 bytes, unique per sender and channel: a retry has the same.
    package var key: IdempotencyKey
    /// 1 byte to `Limits.textBytesMax` bytes of UTF-8.
    package var text: String
    package init(channel: ChannelID, key: IdempotencyKey, text: String) {
        self.channel = channel
        self.key = key
        self.text = text
    }
}

/// A page of the log, oldest first: the `limit` events just before `before` (0: from the newest),
/// or, with `after` set, those just behind it. Answered by `HistoryPage`.
package struct History: Hashable, Sendable {
    package var channel: ChannelID
    package var before: UInt64
    package var after: UInt64?
    /// 1...200; 0 means 50. Fewer come where so many would be too much for one page.
    package var limit: UInt32
    package init(channel: ChannelID, before: UInt64 = 0, after: UInt64? = nil, limit: UInt32 = 0) {
        self.channel = channel
        self.before = before
        self.after = after
        self.limit = limit
    }
}

/// "I am typing" (`active`), shown to the others for 6 s unless repeated. Answered by `Done`.
package struct Typing: Hashable, Sendable {
    package var channel: ChannelID
    package var active: Bool
    package init(channel: ChannelID, active: Bool) {
        self.channel = channel
        self.active = active
    }
}

/// This session's presence, online or away. Answered by `Done`.
package struct SetPresence: Hashable, Sendable {
    package var state: PresenceState
    package init(state: PresenceState) { self.state = state }
}

/// Starts or stops `PresenceChanged` pushes of the organisation. Answered by `PresenceList`.
package struct WatchPresence: Hashable, Sendable {
    package var active: Bool
    /// `next` of the page before, for the page behind it; empty: the first one.
    package var after: String
    /// Most entries of the page, 1...1,000; 0: as many as fit into one.
    package var limit: UInt32
    package init(active: Bool, after: String = "", limit: UInt32 = 0) {
        self.active = active
        self.after = after
        self.limit = limit
    }
}

/// A page of the account's channels: those it is a member of, then the other open ones, each by id.
/// Answered by `ChannelList`.
package struct ListChannels: Hashable, Sendable {
    /// As of `WatchPresence`.
    package var after: String
    package var limit: UInt32
    package init(after: String = "", limit: UInt32 = 0) {
        self.after = after
        self.limit = limit
    }
}

/// Answered by `ChannelReply`; the creator is its first member.
package struct CreateChannel: Hashable, Sendable {
    package var name: String
    package var topic: String
    /// `open` or `closed`.
    package var kind: ChannelKind
    package init(name: String, topic: String = "", kind: ChannelKind) {
        self.name = name
        self.topic = topic
        self.kind = kind
    }
}

/// Finds or makes the direct conversation with an account. Answered by `ChannelReply`.
package struct OpenDirect: Hashable, Sendable {
    package var account: AccountID
    package init(account: AccountID) { self.account = account }
}

/// Answered by `ChannelReply`. Open channels only.
package struct Join: Hashable, Sendable {
    package var channel: ChannelID
    package init(channel: ChannelID) { self.channel = channel }
}

/// Answered by `Done`. Not for direct conversations.
package struct Leave: Hashable, Sendable {
    package var channel: ChannelID
    package init(channel: ChannelID) { self.channel = channel }
}

/// Adds a colleague to a channel that the sender is a member of. Answered by `Done`.
package struct AddMember: Hashable, Sendable {
    package var channel: ChannelID
    package var account: AccountID
    package init(channel: ChannelID, account: AccountID) {
        self.channel = channel
        self.account = account
    }
}

/// A page of the members of a channel, by id. Answered by `MemberList`.
package struct ListMembers: Hashable, Sendable {
    package var channel: ChannelID
    /// As of `WatchPresence`.
    package var after: String
    package var limit: UInt32
    package init(channel: ChannelID, after: String = "", limit: UInt32 = 0) {
        self.channel = channel
        self.after = after
        self.limit = limit
    }
}

/// Moves the account's read marker forward; never back. Answered by `Done`.
package struct MarkRead: Hashable, Sendable {
    package var channel: ChannelID
    package var sequence: UInt64
    package init(channel: ChannelID, sequence: UInt64) {
        self.channel = channel
        self.sequence = sequence
    }
}

/// A page of everybody in the organisation, by id. Answered by `PeopleList`.
package struct ListPeople: Hashable, Sendable {
    /// As of `WatchPresence`.
    package var after: String
    package var limit: UInt32
    package init(after: String = "", limit: UInt32 = 0) {
        self.after = after
        self.limit = limit
    }
}

/// A new text for a message of the same sender. Answered by `Posted`, with the position of the edit.
package struct Edit: Hashable, Sendable {
    package var channel: ChannelID
    /// As a post's, and of the same names: unique per sender and channel.
    package var key: IdempotencyKey
    /// Sequence of the message, also when it has been edited before.
    package var target: UInt64
    /// Bounds as a post's.
    package var text: String
    package init(channel: ChannelID, key: IdempotencyKey, target: UInt64, text: String) {
        self.channel = channel
        self.key = key
        self.target = target
        self.text = text
    }
}

/// Removes somebody from a channel; admins and owners who can see it, or anybody themselves. Not for
/// direct conversations. Answered by `Done`.
package struct RemoveMember: Hashable, Sendable {
    package var channel: ChannelID
    package var account: AccountID
    package init(channel: ChannelID, account: AccountID) {
        self.channel = channel
        self.account = account
    }
}

/// Gives somebody another role in the organisation. Answered by `Done`.
package struct ChangeRole: Hashable, Sendable {
    package var account: AccountID
    package var role: Role
    package init(account: AccountID, role: Role) {
        self.account = account
        self.role = role
    }
}

/// Removes somebody, or oneself, from the organisation. Answered by `Done`.
package struct RemovePerson: Hashable, Sendable {
    package var account: AccountID
    package init(account: AccountID) { self.account = account }
}

/// A text for those who are subscribed to the channel at this moment. Answered by `Done`.
package struct SendBroadcast: Hashable, Sendable {
    /// One notice between hubs has room for it.
    package static let textBytesMax: UInt32 = 4_096
    package var channel: ChannelID
    /// 1 byte to `textBytesMax` bytes of UTF-8.
    package var text: String
    package init(channel: ChannelID, text: String) {
        self.channel = channel
        self.text = text
    }
}
