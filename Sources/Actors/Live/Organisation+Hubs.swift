// The organisation among several hubs: what others changed is read again from the store. A notice starts
// the reading; the resync does the same from time to time, because notices get lost.

import Model
import Ports

/// What an organisation remembers for this.
struct OtherHubs {
    /// Of the people and sign-ins as they were last read.
    var revision: UInt64 = 0
    /// Changes of people that this hub made itself: what was being read meanwhile may not have them.
    var changesHere: UInt64 = 0
    /// Sessions whose tokens say something else than is known here. They wait for a reading that begins
    /// after they came; it is under way for those in `asking`.
    var unsure: [(origin: Origin, principal: Principal)] = []
    var asking: [(origin: Origin, principal: Principal)] = []
    var wantsRefresh = false
    var isRefreshing = false
    var wantsHeads = false
    var isReadingHeads = false
    /// Entries of lists that are being read; `true`: something newer was told meanwhile.
    var reading: [ListEntry: Bool] = [:]

    var isAsked: Bool { !unsure.isEmpty || !asking.isEmpty }

    mutating func forget(_ session: SessionID) {
        unsure.removeAll { $0.origin.address.session == session }
        asking.removeAll { $0.origin.address.session == session }
    }

    /// A channel in the list of an account; without one, a new channel in everybody's.
    struct ListEntry: Hashable {
        var channel: ChannelID
        var account: AccountID?
    }
}

extension Organisation {
    // MARK: People and sign-ins

    /// Reads again what has changed. One such read is under way, and one more is remembered.
    func refresh() {
        hubs.wantsRefresh = true
        startRefresh()
    }

    func startRefresh() {
        guard people != nil, hubs.wantsRefresh, !hubs.isRefreshing else { return }
        hubs.isRefreshing = true
        Task(executorPreference: lane.tasks) { await self.refreshFromStore() }
    }

    private func refreshFromStore() async {
        while hubs.wantsRefresh {
            hubs.wantsRefresh = false
            hubs.asking += hubs.unsure
            hubs.unsure = []
            do {
                guard try await refreshOnce() else { continue }
                for (origin, principal) in takeAsking() { decide(origin, principal) }
            } catch {
                surroundings.log.warning("organisation not read again", .id("organisation", id),
                                         .word("why", Channel.word(error)))
                for (origin, _) in takeAsking() { comeAgain(origin, Channel.reply(error)) }
            }
        }
        hubs.isRefreshing = false
    }

    private func takeAsking() -> [(origin: Origin, principal: Principal)] {
        defer { hubs.asking = [] }
        return hubs.asking
    }

    /// `false` when it has to be done again: what was read is older than what this hub changed itself.
    private func refreshOnce() async throws(StoreError) -> Bool {
        // First: what changes behind it shows in the next one.
        let revision = try await surroundings.people.revision(id)
        guard revision != hubs.revision else { return true }
        let changesHere = hubs.changesHere
        let found = try await surroundings.people.people(id)
        // Sessions that come later look their sign-in up themselves.
        let principals = Array(sessions.values) + opening.values.map(\.principal)
        var revoked: Set<LoginID> = []
        for logins in Self.chunks(Set(principals.map(\.login)).sorted()) {
            revoked.formUnion(try await surroundings.people.revokedLogins(id, logins))
        }
        guard hubs.changesHere == changesHere else {
            hubs.wantsRefresh = true
            return false
        }
        // First, because `apply` closes others with other codes.
        closeSessions(.revoked) { revoked.contains($0.login) }
        apply(found)
        hubs.revision = revision
        return true
    }

    private func apply(_ found: [Member]) {
        let accounts = Set(found.map(\.account))
        // With a removal its sign-ins were revoked, and their sessions have been closed. A session that is
        // left is of a membership that began after this was read: it comes again.
        for account in people!.keys.sorted() where !accounts.contains(account) {
            personRemoved(account) { _ in .roleChanged }
        }
        for member in found where people![member.account] != member { personChanged(member) }
    }

    // MARK: Lists of channels

    /// Tells the account, or everybody, what the store says of the channel.
    func listChanged(_ channel: ChannelID, _ account: AccountID?) {
        guard account.map({ byAccount[$0] != nil }) ?? !roster.isEmpty else { return }
        let entry = OtherHubs.ListEntry(channel: channel, account: account)
        if hubs.reading.updateValue(hubs.reading[entry] != nil, forKey: entry) == nil {
            enqueue(.listChanged(channel, account))
        }
    }

    /// A push about a channel: what is being read of it now may be older.
    func noteTold(_ body: ServerBody) {
        let told: ChannelID
        switch body {
        case .channelAdded(let it): told = it.channel.id
        case .channelRemoved(let it): told = it.channel
        default: return
        }
        for entry in hubs.reading.keys where entry.channel == told { hubs.reading[entry] = true }
    }

    func forgetReading(_ channel: ChannelID, _ account: AccountID?) {
        hubs.reading[OtherHubs.ListEntry(channel: channel, account: account)] = nil
    }

    func readListEntry(_ channel: ChannelID, _ account: AccountID) async throws(StoreError) {
        let entry = OtherHubs.ListEntry(channel: channel, account: account)
        var summary: ChannelSummary?
        repeat {
            hubs.reading[entry] = false
            summary = try await surroundings.channels.channel(id, channel, seenBy: account)
        } while hubs.reading[entry] == true
        hubs.reading[entry] = nil
        if let summary {
            // Who is told of a channel will subscribe: it should know its new member by then.
            registry.tellHead(id, channel, summary.head)
            send(.channelAdded(ChannelAdded(channel: summary)), to: account)
        } else {
            send(.channelRemoved(ChannelRemoved(channel: channel)), to: account)
        }
    }

    func readNewChannel(_ channel: ChannelID) async throws(StoreError) {
        let entry = OtherHubs.ListEntry(channel: channel, account: nil)
        var record: ChannelRecord?
        repeat {
            hubs.reading[entry] = false
            record = try await surroundings.channels.channel(id, channel)
        } while hubs.reading[entry] == true
        hubs.reading[entry] = nil
        guard let record, record.kind == .open else { return }
        let seen = ChannelAdded(channel: Self.summary(record, joined: false))
        roster.broadcast(.organisation(id), Broadcast(.channelAdded(seen)))
        for account in record.members { listChanged(channel, account) }
    }

    // MARK: Resync

    func scheduleResync() {
        let interval = registry.configuration.resyncMilliseconds
        guard interval > 0 else { return }
        // Between three and five quarters of it, so that hubs and organisations come one by one.
        let random = surroundings.entropy.words().0
        let delay = interval - interval / 4 + UInt32(random % UInt64(interval / 2 + 1))
        lane.submit(afterMilliseconds: delay) { [weak self] in
            self?.assumeIsolated {
                $0.resync()
                $0.scheduleResync()
            }
        }
    }

    /// Compares people, sign-ins and the heads of the channels in memory with the store.
    func resync() {
        guard people != nil else { return }
        refresh()
        hubs.wantsHeads = true
        guard !hubs.isReadingHeads else { return }
        hubs.isReadingHeads = true
        Task(executorPreference: lane.tasks) { await self.readHeads() }
    }

    private func readHeads() async {
        while hubs.wantsHeads {
            hubs.wantsHeads = false
            do {
                for channels in Self.chunks(registry.liveChannels(id)) {
                    let heads = try await surroundings.channels.heads(id, channels)
                    for channel in channels { registry.tellHead(id, channel, heads[channel]) }
                }
            } catch {
                surroundings.log.warning("heads not read", .id("organisation", id),
                                         .word("why", Channel.word(error)))
            }
        }
        hubs.isReadingHeads = false
    }

    private static func chunks<Element>(_ all: [Element]) -> [[Element]] {
        stride(from: 0, to: all.count, by: 1_000).map { Array(all[$0..<min($0 + 1_000, all.count)]) }
    }
}
