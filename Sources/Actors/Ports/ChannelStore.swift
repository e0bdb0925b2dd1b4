// The durable side of channels. The store, not the actor, is the arbiter of sequence: `append` is a
// compare-and-set on the head of the log. Every call takes the organisation first.

package import Model

/// Why the store did not do it.
package enum StoreError: Error, Sendable {
    /// It cannot be reached or is shutting down; nothing was changed. Try again later.
    case unavailable(String)
    /// Whether it happened is not known (the connection broke during the commit). Ask again.
    case uncertain(String)
    /// The queue in front of the store is full; nothing was changed.
    case overloaded
    /// The disk is full or read-only; nothing was changed.
    case storageFull
    /// A statement failed in a way that is our mistake, or the data is damaged.
    case fault(String)
}

/// Ciphertext as the vault made it, and the data key it names.
package struct SealedBody: Hashable, Sendable {
    package var key: KeyID
    /// `[version:1B][iv:12B][authTag:16B][ciphertext]`
    package var bytes: [UInt8]
    package init(key: KeyID, bytes: [UInt8]) {
        self.key = key
        self.bytes = bytes
    }
}

/// A log entry as stored: its body is sealed. `body` is `nil` for kinds without text.
package struct StoredEvent: Hashable, Sendable {
    package var sequence: UInt64
    package var id: EventID
    package var kind: EventKind
    package var sender: AccountID
    package var subject: AccountID?
    package var at: UnixMilliseconds
    /// Idempotency key; empty for events the hub makes (these are not checked for duplicates).
    package var key: IdempotencyKey
    package var body: SealedBody?
    /// Sequence of the message that was edited; `nil` for kinds other than `edited`.
    package var target: UInt64?
    package init(sequence: UInt64, id: EventID, kind: EventKind, sender: AccountID,
                 subject: AccountID?, at: UnixMilliseconds, key: IdempotencyKey, body: SealedBody?,
                 target: UInt64? = nil) {
        self.sequence = sequence
        self.id = id
        self.kind = kind
        self.sender = sender
        self.subject = subject
        self.at = at
        self.key = key
        self.body = body
        self.target = target
    }

    /// It says all that an entry of its kind has to say. One that does not is damaged.
    package var isWhole: Bool {
        switch kind {
        case .message: body != nil
        case .edited: body != nil && target.map { $0 > 0 && $0 < sequence } ?? false
        case .joined, .left: subject != nil
        case .damaged: false
        }
    }
}

/// A channel's row, and who is in it.
package struct ChannelRecord: Hashable, Sendable {
    package var id: ChannelID
    package var kind: ChannelKind
    package var name: String
    package var topic: String
    package var head: Position
    /// Those who are in the organisation.
    package var members: [AccountID]
    /// Both sides of a direct conversation (one entry when it is with oneself), in the organisation or
    /// not; empty otherwise.
    package var parties: [AccountID]
    package init(id: ChannelID, kind: ChannelKind, name: String, topic: String, head: Position,
                 members: [AccountID], parties: [AccountID] = []) {
        self.id = id
        self.kind = kind
        self.name = name
        self.topic = topic
        self.head = head
        self.members = members
        self.parties = parties
    }
}

package enum AppendOutcome: Hashable, Sendable {
    /// All entries are durable at the sequences they were given.
    case committed
    /// The log's head is not what was expected, or the channel is gone (`nil`); nothing was written.
    case headMoved(Position?)
    /// Some entries had been posted before; nothing was written. By index in the batch.
    case duplicates([Duplicate])
}

package struct Duplicate: Hashable, Sendable {
    package var index: Int
    package var sequence: UInt64
    package var id: EventID
    package var at: UnixMilliseconds
    package init(index: Int, sequence: UInt64, id: EventID, at: UnixMilliseconds) {
        self.index = index
        self.sequence = sequence
        self.id = id
        self.at = at
    }
}

/// Which page of a log. Both ends are exclusive.
package enum LogRange: Hashable, Sendable {
    /// The newest `limit` events with a sequence below; 0 means from the head.
    case before(UInt64)
    /// The oldest `limit` events with a sequence above.
    case after(UInt64)
}

package protocol ChannelStore: Sendable {
    /// `nil` when the organisation has no such channel.
    func channel(_ organisation: OrganisationID, _ channel: ChannelID) async throws(StoreError)
        -> ChannelRecord?

    /// The heads of some logs, without those that the organisation does not have.
    func heads(_ organisation: OrganisationID, _ channels: [ChannelID]) async throws(StoreError)
        -> [ChannelID: Position]

    /// Writes `events`, whose sequences are `expected.sequence + 1...` in order, if the head of the log
    /// is `expected`. `joined` and `left` entries change the membership in the same transaction.
    /// Returns when the transaction is durable. Many channels' batches share one commit.
    func append(_ organisation: OrganisationID, _ channel: ChannelID, expecting expected: Position,
                _ events: [StoredEvent]) async throws(StoreError) -> AppendOutcome

    /// The log goes on under `epoch`, if it is still the log of the epoch `known`. For a hub that found it to be
    /// another one than it knew.
    func renewLog(_ organisation: OrganisationID, _ channel: ChannelID, from known: UInt64, to epoch: UInt64)
        async throws(StoreError)

    /// A page of the log, oldest first. Rows that are missing are left out, and rows that do not hold what
    /// they should are of kind `damaged`, with what is known of them: one does not take its page along. It ends, on
    /// the side that is farther from where it was asked from, with the event with which it has `bytesMax` or more in
    /// the store, so that one at least is read.
    func events(_ organisation: OrganisationID, _ channel: ChannelID, _ range: LogRange, limit: Int,
                bytesMax: Int) async throws(StoreError) -> [StoredEvent]

    /// Channels the account may see, in the order of `ChannelCursor`: at most `limit`, those behind `after`.
    func channels(_ organisation: OrganisationID, visibleTo account: AccountID, after: ChannelCursor?, limit: Int)
        async throws(StoreError) -> [ChannelSummary]

    /// The channel as that list shows it; `nil` when the account may not see it, or there is none.
    func channel(_ organisation: OrganisationID, _ channel: ChannelID, seenBy account: AccountID)
        async throws(StoreError) -> ChannelSummary?

    /// A new, empty channel (epoch 1, sequence 0) with its members. `false` when another open or
    /// closed channel of the organisation has that name (compared without regard to case).
    func createChannel(_ organisation: OrganisationID, _ channel: ChannelRecord,
                       by account: AccountID, at: UnixMilliseconds) async throws(StoreError) -> Bool

    /// The direct conversation of the two (which may be one and the same); `candidate` becomes its id
    /// when there is none yet.
    func directChannel(_ organisation: OrganisationID, _ a: AccountID, _ b: AccountID,
                       candidate: ChannelID, at: UnixMilliseconds) async throws(StoreError)
        -> ChannelRecord

    /// Moves the read marker of a member forward; a lower sequence changes nothing.
    func markRead(_ organisation: OrganisationID, _ channel: ChannelID, _ account: AccountID,
                  sequence: UInt64) async throws(StoreError)
}

extension ChannelStore {
    /// A page of the log, however large its events are.
    package func events(_ organisation: OrganisationID, _ channel: ChannelID, _ range: LogRange, limit: Int)
        async throws(StoreError) -> [StoredEvent]
    {
        try await events(organisation, channel, range, limit: limit, bytesMax: .max)
    }
}
