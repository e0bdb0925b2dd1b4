// What the hub sends: a reply carries the id of its command, a push has id 0 (absent on the wire).

/// One reply or push.
package struct ServerFrame: Hashable, Sendable {
    /// The command's id, or 0 for a push.
    package var id: UInt32
    package var body: ServerBody
    package init(id: UInt32 = 0, body: ServerBody) {
        self.id = id
        self.body = body
    }
}

/// Exactly one alternative is set in a frame.
package enum ServerBody: Hashable, Sendable {
    // Replies.
    case error(ErrorReply)
    case welcome(Welcome)
    case refreshed(Refreshed)
    case pong(Pong)
    case done(Done)
    case subscribed(Subscribed)
    case posted(Posted)
    case historyPage(HistoryPage)
    case presenceList(PresenceList)
    case channelList(ChannelList)
    case channel(ChannelReply)
    case memberList(MemberList)
    case peopleList(PeopleList)
    // Pushes.
    case events(Events)
    case typing(TypingChanged)
    case presence(PresenceChanged)
    case channelAdded(ChannelAdded)
    case channelRemoved(ChannelRemoved)
    case readMarker(ReadMarker)
    case personChanged(PersonChanged)
    case subscriptionEnded(SubscriptionEnded)
    case closing(Closing)
    case personRemoved(PersonRemoved)
    case broadcast(BroadcastSent)
}

/// Why a command failed; see `ErrorCode` for the table.
package struct ErrorReply: Hashable, Sendable {
    package var code: ErrorCode
    package var message: String
    package var retryAfterMilliseconds: UInt32
    /// Facts a program can use, such as `limit` and `have`; never personal data.
    package var details: [Detail]
    package init(_ code: ErrorCode, _ message: String, retryAfterMilliseconds: UInt32 = 0,
                 details: [Detail] = []) {
        self.code = code
        self.message = message
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.details = details
    }
}

package struct Detail: Hashable, Sendable {
    package var name: String
    package var value: String
    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// The session is open.
package struct Welcome: Hashable, Sendable {
    package var session: SessionID
    package var account: AccountID
    package var organisation: OrganisationID
    package var role: Role
    /// The hub sends a WebSocket ping after this silence, and closes 8 s after an unanswered one.
    package var heartbeatMilliseconds: UInt32
    package var tokenExpiresAt: UnixMilliseconds
    package var serverTime: UnixMilliseconds
    package var capabilities: [String]
    package var limits: Limits
    package init(session: SessionID, account: AccountID, organisation: OrganisationID, role: Role,
                 heartbeatMilliseconds: UInt32, tokenExpiresAt: UnixMilliseconds,
                 serverTime: UnixMilliseconds, capabilities: [String], limits: Limits) {
        self.session = session
        self.account = account
        self.organisation = organisation
        self.role = role
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.tokenExpiresAt = tokenExpiresAt
        self.serverTime = serverTime
        self.capabilities = capabilities
        self.limits = limits
    }
}

/// Limits of protocol 1 that a client must know, as the welcome tells them.
package struct Limits: Hashable, Sendable {
    /// Largest inbound WebSocket message after authentication, bytes.
    package var frameBytesMax: UInt32
    /// Largest text of a message, bytes of UTF-8.
    package var textBytesMax: UInt32
    /// Most subscriptions of one connection.
    package var subscriptionsMax: UInt32
    /// Most unanswered commands of one connection.
    package var commandsInFlightMax: UInt32
    /// Most events that a subscription replays; older ones come by pages.
    package var replayEventsMax: UInt32
    /// Most events of a history page.
    package var historyEventsMax: UInt32
    package init(frameBytesMax: UInt32 = 1 << 20, textBytesMax: UInt32 = 16_384,
                 subscriptionsMax: UInt32 = 512, commandsInFlightMax: UInt32 = 128,
                 replayEventsMax: UInt32 = 1_000, historyEventsMax: UInt32 = 200) {
        self.frameBytesMax = frameBytesMax
        self.textBytesMax = textBytesMax
        self.subscriptionsMax = subscriptionsMax
        self.commandsInFlightMax = commandsInFlightMax
        self.replayEventsMax = replayEventsMax
        self.historyEventsMax = historyEventsMax
    }
}

package struct Refreshed: Hashable, Sendable {
    package var tokenExpiresAt: UnixMilliseconds
    package init(tokenExpiresAt: UnixMilliseconds) { self.tokenExpiresAt = tokenExpiresAt }
}

package struct Pong: Hashable, Sendable {
    package var serverTime: UnixMilliseconds
    package init(serverTime: UnixMilliseconds) { self.serverTime = serverTime }
}

/// The command was carried out and has nothing to tell.
package struct Done: Hashable, Sendable {
    package init() {}
}

/// The subscription stands. Events behind `from` follow as `Events` pushes, first the replay, then
/// live, without gap or duplicate. `head` is the newest position at that moment: the replay ends there.
package struct Subscribed: Hashable, Sendable {
    package var channel: ChannelID
    package var from: Position
    package var head: Position
    /// What was asked for and is not replayed; read it with `History`. Absent: nothing is missing.
    package var gap: Gap?
    package init(channel: ChannelID, from: Position, head: Position, gap: Gap? = nil) {
        self.channel = channel
        self.from = from
        self.head = head
        self.gap = gap
    }
}

/// Both ends included.
package struct Gap: Hashable, Sendable {
    package var from: UInt64
    package var to: UInt64
    package init(from: UInt64, to: UInt64) {
        self.from = from
        self.to = to
    }
}

/// The message or edit is durable at this position. A retry with the same key gets the same.
package struct Posted: Hashable, Sendable {
    package var channel: ChannelID
    package var position: Position
    package var event: EventID
    package var at: UnixMilliseconds
    /// It had been posted before with this key.
    package var duplicate: Bool
    package init(channel: ChannelID, position: Position, event: EventID, at: UnixMilliseconds,
                 duplicate: Bool) {
        self.channel = channel
        self.position = position
        self.event = event
        self.at = at
        self.duplicate = duplicate
    }
}

/// Events oldest first.
package struct HistoryPage: Hashable, Sendable {
    package var channel: ChannelID
    package var epoch: UInt64
    package var events: [Event]
    /// There are older events (asked with `before`) or newer ones (asked with `after`).
    package var more: Bool
    package init(channel: ChannelID, epoch: UInt64, events: [Event], more: Bool) {
        self.channel = channel
        self.epoch = epoch
        self.events = events
        self.more = more
    }
}

package struct Presence: Hashable, Sendable {
    package var account: AccountID
    package var state: PresenceState
    package init(account: AccountID, state: PresenceState) {
        self.account = account
        self.state = state
    }
}

/// A page of those who are not offline.
package struct PresenceList: Hashable, Sendable {
    package var present: [Presence]
    /// Where the next page begins: `after` of the command for it. Empty: this was the last one.
    package var next: String
    package init(present: [Presence], next: String = "") {
        self.present = present
        self.next = next
    }
}

package struct ChannelList: Hashable, Sendable {
    package var channels: [ChannelSummary]
    /// As of `PresenceList`.
    package var next: String
    package init(channels: [ChannelSummary], next: String = "") {
        self.channels = channels
        self.next = next
    }
}

package struct ChannelReply: Hashable, Sendable {
    package var channel: ChannelSummary
    package init(channel: ChannelSummary) { self.channel = channel }
}

package struct MemberList: Hashable, Sendable {
    package var channel: ChannelID
    package var accounts: [AccountID]
    /// As of `PresenceList`.
    package var next: String
    package init(channel: ChannelID, accounts: [AccountID], next: String = "") {
        self.channel = channel
        self.accounts = accounts
        self.next = next
    }
}

package struct PeopleList: Hashable, Sendable {
    package var people: [Person]
    /// As of `PresenceList`.
    package var next: String
    package init(people: [Person], next: String = "") {
        self.people = people
        self.next = next
    }
}

/// Events of a channel in sequence, live or replayed: at most 64.
package struct Events: Hashable, Sendable {
    package var channel: ChannelID
    package var epoch: UInt64
    package var events: [Event]
    package init(channel: ChannelID, epoch: UInt64, events: [Event]) {
        self.channel = channel
        self.epoch = epoch
        self.events = events
    }
}

/// Ephemeral.
package struct TypingChanged: Hashable, Sendable {
    package var channel: ChannelID
    package var account: AccountID
    package var active: Bool
    package init(channel: ChannelID, account: AccountID, active: Bool) {
        self.channel = channel
        self.account = account
        self.active = active
    }
}

/// Ephemeral; changes since the last push, coalesced.
package struct PresenceChanged: Hashable, Sendable {
    package var changes: [Presence]
    package init(changes: [Presence]) { self.changes = changes }
}

/// A channel appeared in the account's list, or what the list says of it changed.
package struct ChannelAdded: Hashable, Sendable {
    package var channel: ChannelSummary
    package init(channel: ChannelSummary) { self.channel = channel }
}

package struct ChannelRemoved: Hashable, Sendable {
    package var channel: ChannelID
    package init(channel: ChannelID) { self.channel = channel }
}

/// Another session of the same account has read up to here.
package struct ReadMarker: Hashable, Sendable {
    package var channel: ChannelID
    package var sequence: UInt64
    package init(channel: ChannelID, sequence: UInt64) {
        self.channel = channel
        self.sequence = sequence
    }
}

/// Somebody joined the organisation, or their name or role changed.
package struct PersonChanged: Hashable, Sendable {
    package var person: Person
    package init(person: Person) { self.person = person }
}

/// Somebody is no longer in the organisation.
package struct PersonRemoved: Hashable, Sendable {
    package var account: AccountID
    package init(account: AccountID) { self.account = account }
}

/// Nothing more of this channel comes; `code` says why. Subscribing again may be possible.
package struct SubscriptionEnded: Hashable, Sendable {
    package var channel: ChannelID
    package var code: ErrorCode
    package init(channel: ChannelID, code: ErrorCode) {
        self.channel = channel
        self.code = code
    }
}

/// The connection is about to be closed with this close code.
package struct Closing: Hashable, Sendable {
    package var code: CloseCode
    /// Reconnect not before this many milliseconds (the SDK adds jitter).
    package var retryAfterMilliseconds: UInt32
    package init(code: CloseCode, retryAfterMilliseconds: UInt32) {
        self.code = code
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }
}

/// Ephemeral.
package struct BroadcastSent: Hashable, Sendable {
    package var channel: ChannelID
    package var account: AccountID
    package var text: String
    package init(channel: ChannelID, account: AccountID, text: String) {
        self.channel = channel
        self.account = account
        self.text = text
    }
}
