// Reading entries of the log from the store, with damage contained to the entry that has it. An entry whose row is
// missing, makes no sense or does not open is shown as damaged at its place; replay, history and catching up go on
// over it. It is counted and logged once.

import Model
import Ports
import Rules

extension Channel {
    /// Entries of the log, an event for each sequence of the page up to `head`.
    ///
    /// Rows missing at the end of a page are damage only if the store still says that the log goes that far: a
    /// log that was set back (by a restored backup) has no damage, it has another history.
    /// - Parameters:
    ///   - head: one that the store had before.
    ///   - isExact: nothing above `head`, where the page has more that follows without a hole.
    ///   - grant: how much is read; for `nil`, all.
    func entries(_ range: LogRange, limit: Int, head: Position, isExact: Bool = true,
                 for grant: PageGrant? = nil) async throws -> [Event] {
        let wanted = switch range {
        case .before(let end): LogPage.before(end, limit: limit, head: head.sequence)
        case .after(let start): LogPage.after(start, limit: limit, head: head.sequence)
        }
        guard var sequences = wanted else { return [] }
        let stored = try await surroundings.channels.events(organisation, id, range, limit: limit,
                                                            bytesMax: grant?.bytesMax ?? .max)
        if grant != nil {
            let isForwards = if case .after = range { true } else { false }
            sequences = LogPage.cut(sequences, isForwards: isForwards, found: stored.map(\.sequence))
        }
        if stored.last?.sequence ?? 0 < sequences.upperBound {
            let now = try await surroundings.channels.heads(organisation, [id])[id]
            guard let now, now.epoch == head.epoch, now.sequence >= sequences.upperBound else {
                throw LogSetBack()
            }
        }
        let found = try await readable(stored)
        var page = LogPage.complete(found, sequences)
        if !isExact {
            for event in found where event.sequence == page[page.endIndex - 1].sequence + 1 { page.append(event) }
        }
        noteDamage(page)
        return page
    }

    /// Before entries go out among which are damaged ones: any of these may have been somebody's `left`. Who is no
    /// member in the store hears nothing of what follows.
    func fenceBehindDamage() async throws {
        guard facts?.kind != .open, let record = try await surroundings.channels.channel(organisation, id),
              let members = facts?.members else { return }
        for account in members.subtracting(record.members).sorted() {
            facts?.members.remove(account)
            endSubscriptions(of: account, .notMember)
        }
    }

    /// What the rows say. Those that say nothing that makes sense become damaged entries.
    private func readable(_ stored: [StoredEvent]) async throws -> [Event] {
        var bodies: [(RecordName, SealedBody)] = []
        bodies.reserveCapacity(stored.count)
        for event in stored where event.isWhole && event.kind.hasText {
            if let body = event.body { bodies.append((recordName(event.id), body)) }
        }
        var texts = try await surroundings.vault.open(bodies).makeIterator()
        return stored.map { event in
            let text: String? = event.isWhole ? event.kind.hasText ? texts.next() ?? nil : "" : nil
            guard let text else {
                return .damaged(event.sequence, id: event.id, sender: event.sender, at: event.at)
            }
            return Event(sequence: event.sequence, id: event.id, kind: event.kind, sender: event.sender,
                         subject: event.subject, at: event.at, key: event.key, text: text, target: event.target)
        }
    }

    private func noteDamage(_ page: [Event]) {
        guard page.contains(where: { $0.kind == .damaged }) else { return }
        let fresh = registry.damage.note(id, page.lazy.filter { $0.kind == .damaged }.map(\.sequence))
        guard let first = fresh.first, let last = fresh.last else { return }
        surroundings.metrics.damagedEntries.add(UInt64(fresh.count))
        surroundings.log.error("entries of a log are damaged", .id("channel", id), .number("entries", fresh.count),
                               .number("first", first), .number("last", last))
    }
}

/// The store's log does not go as far any more as it did.
struct LogSetBack: Error {}

/// Which damaged entries are known, of all channels: each is counted and logged once. When there are more than
/// find room here, the rest are shown as damaged all the same, and nobody counts them.
final class DamageLedger: Sendable {
    static let entriesMax = 16_384
    private struct Place: Hashable {
        let channel: ChannelID
        let sequence: UInt64
    }
    private let known = Lock<Set<Place>>([])

    /// Those of `sequences` that were not known, in the same order.
    func note(_ channel: ChannelID, _ sequences: some Sequence<UInt64>) -> [UInt64] {
        known.withLock { known in
            sequences.filter { sequence in
                known.count < Self.entriesMax
                    && known.insert(Place(channel: channel, sequence: sequence)).inserted
            }
        }
    }
}
