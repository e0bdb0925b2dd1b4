// Channels, their logs and positions in them.

/// How a channel is joined. Raw values are stored and sent.
package enum ChannelKind: UInt8, Sendable, CaseIterable {
    /// Every member of the organisation may read and join it.
    case open = 1
    /// Only its members know that it exists; members add members.
    case closed = 2
    /// A conversation of exactly two accounts (or of one with itself); it has no name.
    case direct = 3
}

/// A place in a channel's log. Sequences count from 1 without gaps; 0 stands before the first event.
/// Positions of different epochs cannot be compared: the log was begun anew.
package struct Position: Hashable, Sendable {
    package var epoch: UInt64
    package var sequence: UInt64
    package init(epoch: UInt64, sequence: UInt64) {
        self.epoch = epoch
        self.sequence = sequence
    }
}

/// What a log entry says. Raw values are stored and sent.
package enum EventKind: UInt8, Sendable, CaseIterable {
    case message = 1
    /// `subject` became a member of the channel.
    case joined = 2
    /// `subject` is no longer a member of the channel.
    case left = 3
    /// The message at `target` has a new text.
    case edited = 4
    /// What stood here cannot be read any more: its row is missing, or does not hold what it should. Never
    /// written.
    case damaged = 5

    /// Its entries have a text, which is sealed at rest.
    package var hasText: Bool {
        switch self {
        case .message, .edited: true
        case .joined, .left, .damaged: false
        }
    }

    package var isMembership: Bool { self == .joined || self == .left }
}

/// One entry of a channel's log, readable.
package struct Event: Hashable, Sendable {
    package var sequence: UInt64
    package var id: EventID
    package var kind: EventKind
    /// Who did it.
    package var sender: AccountID
    /// Whom it is about (`joined`, `left`); `nil` for other kinds.
    package var subject: AccountID?
    package var at: UnixMilliseconds
    /// The sender's idempotency key, 1–64 bytes; empty for events the hub makes itself.
    package var key: IdempotencyKey
    /// The text of a message or its new one, UTF-8; empty for other kinds.
    package var text: String
    /// Sequence of the message that was edited (`edited`); `nil` for other kinds.
    package var target: UInt64?

    package init(sequence: UInt64, id: EventID, kind: EventKind, sender: AccountID,
                 subject: AccountID? = nil, at: UnixMilliseconds, key: IdempotencyKey, text: String,
                 target: UInt64? = nil) {
        self.sequence = sequence
        self.id = id
        self.kind = kind
        self.sender = sender
        self.subject = subject
        self.at = at
        self.key = key
        self.text = text
        self.target = target
    }

    /// In place of an entry that cannot be read. What is not known of it is all zeros.
    package static func damaged(_ sequence: UInt64, id: EventID = EventID(high: 0, low: 0),
                                sender: AccountID = AccountID(high: 0, low: 0),
                                at: UnixMilliseconds = UnixMilliseconds(0)) -> Event {
        Event(sequence: sequence, id: id, kind: .damaged, sender: sender, at: at, key: "", text: "")
    }
}

/// A channel as one account sees it in its list.
package struct ChannelSummary: Hashable, Sendable {
    package var id: ChannelID
    package var kind: ChannelKind
    /// 1–80 characters; empty for direct conversations.
    package var name: String
    package var topic: String
    /// The position of the newest event.
    package var head: Position
    /// The account is a member; open channels are listed to everybody.
    package var joined: Bool
    /// The newest sequence the account has read; what is above it counts as unread.
    package var read: UInt64
    /// Both sides of a direct conversation (one entry when it is with oneself); empty otherwise.
    package var parties: [AccountID]
    package init(id: ChannelID, kind: ChannelKind, name: String, topic: String, head: Position,
                 joined: Bool, read: UInt64, parties: [AccountID]) {
        self.id = id
        self.kind = kind
        self.name = name
        self.topic = topic
        self.head = head
        self.joined = joined
        self.read = read
        self.parties = parties
    }
}

/// Where a page of an account's list of channels ends: what it is a member of comes first, then the other
/// open ones, each by id. Nobody else decides that order.
package enum ChannelCursor: Hashable, Sendable {
    /// Behind this one of those that the account is a member of.
    case joined(ChannelID)
    /// Behind this one of the other open ones.
    case open(ChannelID)

    package init(behind channel: ChannelSummary) {
        self = channel.joined ? .joined(channel.id) : .open(channel.id)
    }

    /// What the protocol says to clients, who give it back as it is.
    package var text: String {
        switch self {
        case .joined(let id): "m\(id)"
        case .open(let id): "o\(id)"
        }
    }

    package init?(_ text: String) {
        guard let id = ChannelID(String(text.dropFirst())) else { return nil }
        switch text.utf8.first {
        case UInt8(ascii: "m"): self = .joined(id)
        case UInt8(ascii: "o"): self = .open(id)
        default: return nil
        }
    }
}

/// Presence of an account, the best of its sessions. Raw values are sent.
package enum PresenceState: UInt8, Sendable, CaseIterable {
    case offline = 1
    case away = 2
    case online = 3
}
