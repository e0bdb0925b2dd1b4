// The rules of one channel's log: what becomes of a post, which batch is written next, what a write
// brought about, and which events are still at hand. Pure: the Channel actor performs what it decides.
// It knows no sessions; an `Origin` is what the actor wants back, once, with each answer. (It is a number and no
// type parameter: generic code of another module is not specialised, and cost more than all the rules.)
//
// One write is in flight at a time and posts queue behind it (group commit). Sequences are given out
// when a batch is taken, because only then is the head known; the store confirms or denies them.

package import Model

/// Bounds of a `LogMachine`. Higher values cost memory per busy channel; lower ones refuse sooner or
/// send more subscribers to the store.
package struct LogLimits: Sendable {
    /// Entries waiting for a write, and their text in bytes; above, posts are refused.
    package var pendingMax = 8_192
    package var pendingBytesMax = 8 << 20
    /// Entries of one write, and their text in bytes.
    package var batchMax = 512
    package var batchBytesMax = 1 << 20
    /// Newest events kept for replay and duplicates, and their text in bytes.
    package var recentMax = 256
    package var recentBytesMax = 256 << 10
    package init() {}
}

package struct LogMachine {
    /// Under which the actor remembers who asked.
    package typealias Origin = Int

    /// An entry on its way into the log. A class, as it moves from list to list; so a machine that has entries
    /// under way must not be copied, for both would add retries to the same.
    package final class Entry {
        package let id: EventID
        package let kind: EventKind
        package let sender: AccountID
        package let subject: AccountID?
        package let at: UnixMilliseconds
        package let key: IdempotencyKey
        package let text: String
        package let target: UInt64?
        /// Who wants to hear: the first,
        fileprivate let origin: Origin
        /// and retries of the same post that came meanwhile.
        fileprivate var retries: [Origin] = []
        /// `nil`: without a key.
        fileprivate let name: KeyOfSender?

        fileprivate init(id: EventID, kind: EventKind, sender: AccountID, subject: AccountID?,
                         at: UnixMilliseconds, key: IdempotencyKey, text: String, target: UInt64?, origin: Origin,
                         name: KeyOfSender?) {
            self.id = id
            self.kind = kind
            self.sender = sender
            self.subject = subject
            self.at = at
            self.key = key
            self.text = text
            self.target = target
            self.origin = origin
            self.name = name
        }

        package var origins: [Origin] { [origin] + retries }
    }

    package enum Admission {
        /// It waits; the answer comes with a later `Settlement`.
        case queued
        /// It stands in the log already.
        case duplicate(Event)
        /// The queue is full: nothing was kept.
        case overloaded
    }

    /// What a write settled, in order.
    package struct Settlement {
        /// New events of the log, in sequence: for every subscriber.
        package var events: [Event] = []
        /// Answers: the entry's event, and whether it had been there before.
        package var answers: [(origin: Origin, event: Event, isDuplicate: Bool)] = []
    }

    /// An idempotency key and whose it is. Hashed once: it is looked up when it comes, when it is settled and
    /// when it is forgotten.
    fileprivate struct KeyOfSender: Hashable, Sendable {
        private let hash: Int
        private let sender: AccountID
        private let key: IdempotencyKey

        /// - Returns: `nil` for an empty key, which is none.
        init?(_ sender: AccountID, _ key: IdempotencyKey) {
            if key.isEmpty { return nil }
            self.sender = sender
            self.key = key
            var hasher = Hasher()
            hasher.combine(sender)
            hasher.combine(key)
            hash = hasher.finalize()
        }

        func hash(into hasher: inout Hasher) { hasher.combine(hash) }
    }

    private enum KeyState {
        /// The entry of this id waits, or is being written.
        case unsettled(EventID)
        /// It stands in the log; `recent` may have gone past it.
        case settled(sequence: UInt64)
    }

    package let limits: LogLimits
    package private(set) var head: Position
    /// The event at `head`, where it is known and whole.
    package private(set) var headEvent: EventID?
    /// The newest events without gaps up to `head`, oldest first.
    package private(set) var recent: [Event] = []
    private var recentBytes = 0
    /// What is known of keys; for joining retries to the first. Those that `recent` has gone past are
    /// forgotten many at a time, as taking one out of a dictionary costs more than all else it is used for.
    private var keys: [KeyOfSender: KeyState] = [:]
    private var pending: [Entry] = []
    private var pendingBytes = 0
    private var writing: [Entry] = []
    /// Unsettled changes of membership by subject, in order.
    private var changing: [AccountID: [EventKind]] = [:]

    /// - Parameter recent: the newest events of the log, oldest first, the last one at `head`; may be empty. What
    ///   comes from a store is kept only as far as it is without gaps: `recentEvent` counts on that.
    package init(head: Position, recent: [Event], limits: LogLimits = LogLimits()) {
        self.head = head
        self.limits = limits
        var first = recent.endIndex
        var sequence = head.sequence
        while first > recent.startIndex, sequence > 0, recent[first - 1].sequence == sequence {
            first -= 1
            sequence -= 1
        }
        for event in recent[first...] { remember(event, KeyOfSender(event.sender, event.key), isOurs: false) }
    }

    package var isIdle: Bool { pending.isEmpty && writing.isEmpty }
    package var isWriting: Bool { !writing.isEmpty }
    package var pendingCount: Int { pending.count + writing.count }
    /// Keys remembered.
    package var keysKnown: Int { keys.count }

    // MARK: Entries in

    package mutating func admit(
        id: EventID, kind: EventKind, sender: AccountID, subject: AccountID? = nil,
        at: UnixMilliseconds, key: IdempotencyKey, text: String, target: UInt64? = nil, origin: Origin
    ) -> Admission {
        let name = KeyOfSender(sender, key)
        switch name.flatMap({ keys[$0] }) {
        case .settled(let sequence)?:
            if let event = recentEvent(sequence) { return .duplicate(event) }
        case .unsettled(let waiting)?:
            join(waiting, origin)
            return .queued
        case nil: break
        }
        guard hasRoom(for: text) else { return .overloaded }
        if let name { keys[name] = .unsettled(id) }
        if let subject, kind.isMembership { changing[subject, default: []].append(kind) }
        pending.append(Entry(id: id, kind: kind, sender: sender, subject: subject, at: at, key: key,
                             text: text, target: target, origin: origin, name: name))
        pendingBytes += text.utf8.count
        return .queued
    }

    /// What waits to become of somebody's membership, in order. Commands that come later are decided by
    /// the log as it will be.
    package func unsettledMembership(of account: AccountID) -> [EventKind] { changing[account] ?? [] }

    private func hasRoom(for text: String) -> Bool {
        pending.count < limits.pendingMax
            && pendingBytes + text.utf8.count <= limits.pendingBytesMax
    }

    private mutating func join(_ id: EventID, _ origin: Origin) {
        if let index = writing.firstIndex(where: { $0.id == id }) {
            writing[index].retries.append(origin)
        } else if let index = pending.firstIndex(where: { $0.id == id }) {
            pending[index].retries.append(origin)
        }
    }

    // MARK: Writing

    /// The next batch, or `nil` when one is being written or nothing waits. Its entries go to
    /// `head.sequence + 1` and on, in order.
    package mutating func takeBatch() -> [Entry]? {
        guard writing.isEmpty, !pending.isEmpty else { return nil }
        var count = 0
        var bytes = 0
        while count < pending.count, count < limits.batchMax {
            let size = pending[count].text.utf8.count
            if count > 0, bytes + size > limits.batchBytesMax { break }
            bytes += size
            count += 1
        }
        if count == pending.count {
            swap(&writing, &pending)
        } else {
            writing = Array(pending[..<count])
            pending.removeFirst(count)
        }
        pendingBytes -= bytes
        return writing
    }

    /// The store wrote the batch as it was taken.
    package mutating func batchCommitted() -> Settlement {
        var settlement = Settlement()
        settlement.events.reserveCapacity(writing.count)
        settlement.answers.reserveCapacity(writing.count)
        for entry in writing {
            head.sequence += 1
            settle(entry, event(of: entry, at: head.sequence), into: &settlement)
        }
        writing = []
        return settlement
    }

    /// Some entries of the batch stand in the log already and nothing was written: those are answered,
    /// the others go back to the front of the queue.
    package mutating func batchHadDuplicates(_ found: [(index: Int, sequence: UInt64, id: EventID,
                                                        at: UnixMilliseconds)]) -> Settlement {
        var settlement = Settlement()
        var rest: [Entry] = []
        for (index, entry) in writing.enumerated() {
            guard let match = found.first(where: { $0.index == index }) else {
                rest.append(entry)
                continue
            }
            let event = Event(sequence: match.sequence, id: match.id, kind: entry.kind,
                              sender: entry.sender, subject: entry.subject, at: match.at,
                              key: entry.key, text: entry.text, target: entry.target)
            forget(entry)
            for origin in entry.origins {
                settlement.answers.append((origin, event, true))
            }
        }
        requeue(rest)
        return settlement
    }

    /// The log had moved on: `found` are the events behind our head, oldest first and without gaps,
    /// written by another hub or by a commit of ours whose outcome was unknown. Entries of the batch
    /// that are among them are settled. May come in several pages.
    package mutating func logMoved(_ found: [Event]) -> Settlement {
        var settlement = Settlement()
        for event in found {
            guard event.sequence == head.sequence + 1 else { continue }
            head.sequence = event.sequence
            if let index = writing.firstIndex(where: { $0.id == event.id }) {
                let entry = writing.remove(at: index)
                settle(entry, event, into: &settlement)
            } else {
                remember(event, KeyOfSender(event.sender, event.key), isOurs: false)
                settlement.events.append(event)
            }
        }
        return settlement
    }

    /// The head was not what the batch expected, and is now known: what `logMoved` did not find goes
    /// back to the front of the queue.
    package mutating func batchDisplaced() { requeue(writing) }

    /// The batch could not be written; returns who waits for it. Nothing of it is in the log, or, when
    /// the outcome is unknown, a retry with the same key finds out.
    package mutating func batchFailed() -> [Origin] {
        let origins = writing.flatMap(\.origins)
        for entry in writing { forget(entry) }
        writing = []
        return origins
    }

    /// Like `batchFailed`, for everything that waits; used when the channel itself is gone.
    package mutating func failAll() -> [Origin] {
        let origins = (writing + pending).flatMap(\.origins)
        writing = []
        pending = []
        pendingBytes = 0
        keys = keys.filter { if case .settled = $0.value { true } else { false } }
        changing = [:]
        return origins
    }

    // MARK: Reading

    /// The event at `sequence`, if it is still at hand.
    package func recentEvent(_ sequence: UInt64) -> Event? {
        guard let first = recent.first, sequence >= first.sequence, sequence <= head.sequence else {
            return nil
        }
        return recent[Int(sequence - first.sequence)]
    }

    /// The events above `sequence`, if all of them are still at hand.
    package func recentEvents(after sequence: UInt64) -> ArraySlice<Event>? {
        if sequence >= head.sequence { return [] }
        guard let first = recent.first, first.sequence <= sequence + 1 else { return nil }
        return recent[Int(sequence + 1 - first.sequence)...]
    }

    /// The `limit` events below `before` (0: up to the head), if all of them are still at hand.
    package func recentEvents(before: UInt64, limit: Int) -> ArraySlice<Event>? {
        let end = before == 0 ? head.sequence : min(before - 1, head.sequence)
        if end == 0 { return [] }
        guard let first = recent.first, first.sequence <= end else { return nil }
        let start = end >= UInt64(limit) ? end - UInt64(limit) + 1 : 1
        guard first.sequence <= start else { return nil }
        return recent[Int(start - first.sequence)...Int(end - first.sequence)]
    }

    // MARK: Inside

    private func event(of entry: Entry, at sequence: UInt64) -> Event {
        Event(sequence: sequence, id: entry.id, kind: entry.kind, sender: entry.sender,
              subject: entry.subject, at: entry.at, key: entry.key, text: entry.text,
              target: entry.target)
    }

    private mutating func settle(_ entry: Entry, _ event: Event, into settlement: inout Settlement) {
        settleMembership(entry)
        remember(event, entry.name, isOurs: true)
        settlement.events.append(event)
        settlement.answers.append((entry.origin, event, false))
        for origin in entry.retries { settlement.answers.append((origin, event, true)) }
    }

    private mutating func requeue(_ entries: [Entry]) {
        writing = []
        pending.insert(contentsOf: entries, at: 0)
        pendingBytes += entries.reduce(0) { $0 + $1.text.utf8.count }
    }

    /// It did not become an event of the log, or one that is not known here.
    private mutating func forget(_ entry: Entry) {
        settleMembership(entry)
        if let name = entry.name, let place = keys.index(forKey: name),
           case .unsettled(entry.id) = keys[place].value {
            keys.remove(at: place)
        }
    }

    private mutating func settleMembership(_ entry: Entry) {
        if let subject = entry.subject, entry.kind.isMembership {
            changing[subject]?.removeFirst()
            if changing[subject]?.isEmpty == true { changing[subject] = nil }
        }
    }

    /// - Parameter isOurs: the event is the entry that was waited for under this name. Another hub's may
    ///   have the name of an entry that still waits, and will be found to be its duplicate.
    private mutating func remember(_ event: Event, _ name: KeyOfSender?, isOurs: Bool) {
        headEvent = event.kind == .damaged ? nil : event.id
        recent.append(event)
        recentBytes += event.text.utf8.count
        if let name {
            if !isOurs, case .unsettled? = keys[name] {} else {
                keys[name] = .settled(sequence: event.sequence)
            }
        }
        // Trim in strides, so that shifting the array costs little per event.
        guard recent.count >= limits.recentMax + limits.recentMax / 4
            || recentBytes > limits.recentBytesMax + limits.recentBytesMax / 4
        else { return }
        var drop = 0
        while recent.count - drop > limits.recentMax
            || (recentBytes > limits.recentBytesMax && drop < recent.count)
        {
            recentBytes -= recent[drop].text.utf8.count
            drop += 1
        }
        recent.removeFirst(drop)
        if keys.count > 2 * (recent.count + pendingCount) + limits.recentMax { forgetOldKeys() }
    }

    private mutating func forgetOldKeys() {
        let first = recent.first?.sequence ?? head.sequence + 1
        // As many will come again: without the room for them it would be made anew, twice each time.
        var kept: [KeyOfSender: KeyState] = [:]
        kept.reserveCapacity(keys.count)
        for (name, state) in keys {
            if case .settled(let sequence) = state, sequence < first { continue }
            kept[name] = state
        }
        keys = kept
    }
}
