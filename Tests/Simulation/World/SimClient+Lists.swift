// How a simulated client reads lists: page by page, up to the end, now and then with pages as small as can be.
// What it must not see is an entry twice, or out of order; and what was in its list of channels from the first
// page to the last, it must have seen.

import Model
import Ports

extension SimClient {
    /// One list that is being read.
    final class Listing {
        enum List {
            case channels, people, members(ChannelID), presence
        }
        let list: List
        let limit: UInt32
        /// What the store had when the first page was asked for.
        let atFirst: Set<ChannelCursor>
        fileprivate var seen: Set<ChannelCursor> = []
        fileprivate var last: ChannelCursor?

        init(_ list: List, limit: UInt32, atFirst: Set<ChannelCursor> = []) {
            self.list = list
            self.limit = limit
            self.atFirst = atFirst
        }

        func command(after: String) -> Command {
            switch list {
            case .channels: .listChannels(ListChannels(after: after, limit: limit))
            case .people: .listPeople(ListPeople(after: after, limit: limit))
            case .members(let channel): .listMembers(ListMembers(channel: channel, after: after, limit: limit))
            case .presence: .watchPresence(WatchPresence(active: true, after: after, limit: limit))
            }
        }
    }

    func read(_ list: Listing.List) {
        var atFirst: Set<ChannelCursor> = []
        if case .channels = list { atFirst = listInStore() }
        let limit = random.chance(50) ? 0 : UInt32(1 + random.below(3))
        let listing = Listing(list, limit: limit, atFirst: atFirst)
        send(listing.command(after: ""), .list(listing))
    }

    private func listInStore() -> Set<ChannelCursor> {
        Set(world.store.model.channels(organisation, visibleTo: account, limit: .max).map { ChannelCursor(behind: $0) })
    }

    func listed(_ listing: Listing, _ page: ServerBody) {
        let next: String
        let places: [ChannelCursor]
        switch (listing.list, page) {
        case (.channels, .channelList(let it)):
            (next, places) = (it.next, it.channels.map { ChannelCursor(behind: $0) })
        case (.people, .peopleList(let it)): (next, places) = (it.next, it.people.map { Self.place($0.account) })
        case (.members, .memberList(let it)): (next, places) = (it.next, it.accounts.map(Self.place))
        case (.presence, .presenceList(let it)): (next, places) = (it.next, it.present.map { Self.place($0.account) })
        default:
            world.fail("one reply", "client \(number): \(page) is no page of \(listing.list)")
            return
        }
        if listing.limit > 0, places.count > listing.limit {
            world.fail("lists", "client \(number) asked for \(listing.limit) entries and got \(places.count)")
        }
        for place in places {
            if let last = listing.last, !last.isBefore(place) {
                world.fail("lists", "client \(number) got \(place) behind \(last)")
            }
            listing.last = place
            listing.seen.insert(place)
        }
        if !next.isEmpty {
            send(listing.command(after: next), .list(listing))
        } else if case .channels = listing.list {
            let missing = listing.atFirst.intersection(listInStore()).subtracting(listing.seen)
            // What moved in between and came back may be missing.
            for case .open(let channel) in missing where !world.hasMembershipChanged(of: channel) {
                world.fail("lists", "client \(number) did not get channel \(world.name(channel)) in its list")
            }
            for case .joined(let channel) in missing where !world.hasMembershipChanged(of: channel) {
                world.fail("lists", "client \(number) did not get its channel \(world.name(channel)) in its list")
            }
        }
    }

    /// Accounts have one order.
    private static func place(_ account: AccountID) -> ChannelCursor {
        .joined(ChannelID(high: account.high, low: account.low))
    }
}

extension ChannelCursor {
    fileprivate func isBefore(_ other: ChannelCursor) -> Bool {
        switch (self, other) {
        case (.joined(let a), .joined(let b)), (.open(let a), .open(let b)): a < b
        case (.joined, .open): true
        case (.open, .joined): false
        }
    }
}
