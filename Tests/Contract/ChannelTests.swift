// Channels, the list of them, pages of a log, and that nothing crosses organisations.

import Model
import Ports
import Store
import Testing

@Suite struct ChannelTests {
    @Test(arguments: Database.allCases)
    func aNewChannelIsEmptyAndHasItsMembers(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let record = ChannelRecord(id: fresh(), kind: .closed, name: "Überraschung 🎂", topic: "für Ann",
                                       head: position(0), members: office.everybody)
            #expect(try await store.createChannel(office.id, record, by: office.owner.id, at: start))
            #expect(try await store.channel(office.id, record.id) == record)
            #expect(try await store.channel(office.id, fresh()) == nil)
            // The same call after a lost answer.
            #expect(try await store.createChannel(office.id, record, by: office.owner.id, at: start))
        }
    }

    @Test(arguments: Database.allCases)
    func namesAreUniqueWithoutRegardToCase(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            _ = try await office.channel("Straße Ünder")
            for (name, isFree) in [("straße ünder", false), ("STRASSE ünder", true), ("Straße", true)] {
                let record = ChannelRecord(id: fresh(), kind: .closed, name: name, topic: "",
                                           head: position(0), members: [office.owner.id])
                let made = try await store.createChannel(office.id, record, by: office.owner.id, at: start)
                #expect(made == isFree, "\(name)")
                #expect(try await store.channel(office.id, record.id) == (isFree ? record : nil))
            }
        }
    }

    @Test(arguments: Database.allCases)
    func aStrangerCannotBeAMember(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let record = ChannelRecord(id: fresh(), kind: .closed, name: "x", topic: "",
                                       head: position(0), members: [office.owner.id, fresh()])
            await #expect(throws: StoreError.self) {
                try await store.createChannel(office.id, record, by: office.owner.id, at: start)
            }
            #expect(try await store.channel(office.id, record.id) == nil)
        }
    }

    @Test(arguments: Database.allCases)
    func pagesOfALog(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let channel = try await office.channel("general")
            _ = try await store.append(office.id, channel, expecting: position(0),
                                       office.messages(10, after: 0, key: "k"))
            let cases: [(LogRange, Int, [UInt64])] = [
                (.before(0), 3, [8, 9, 10]), (.before(11), 3, [8, 9, 10]), (.before(4), 10, [1, 2, 3]),
                (.before(1), 10, []), (.before(.max), 2, [9, 10]), (.after(0), 3, [1, 2, 3]),
                (.after(8), 10, [9, 10]), (.after(10), 10, []), (.after(.max), 10, []),
                (.after(0), 0, []), (.before(0), -1, []),
            ]
            for (range, limit, expected) in cases {
                let page = try await store.events(office.id, channel, range, limit: limit)
                #expect(page.map(\.sequence) == expected, "\(range) \(limit)")
            }
        }
    }

    @Test(arguments: Database.allCases)
    func theListIsWhatTheAccountMaySee(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let (mine, other) = (office.members[0], office.members[1])
            let open = try await office.channel("open", .open, members: [other])
            let joined = try await office.channel("joined", .open, members: [mine])
            let closed = try await office.channel("closed", .closed, members: [mine, other])
            _ = try await office.channel("hidden", .closed, members: [other])
            let direct = try await store.directChannel(office.id, other, mine, candidate: fresh(), at: start)
            _ = try await store.directChannel(office.id, other, office.owner.id, candidate: fresh(), at: start)
            // Newest activity first.
            for (step, channel) in [closed, direct.id, open, joined].enumerated() {
                var event = message(1, key: "k", by: other)
                event.at = start.adding(milliseconds: Int64(step + 1))
                _ = try await store.append(office.id, channel, expecting: position(0), [event])
            }
            try await store.markRead(office.id, joined, mine, sequence: 1)

            let list = try await store.channels(office.id, visibleTo: mine, limit: 10)
            #expect(list.map(\.id) == [joined, open, direct.id, closed])
            #expect(list.map(\.joined) == [true, false, true, true])
            #expect(list.map(\.read) == [1, 0, 0, 0])
            #expect(list.map(\.head) == [position(1), position(1), position(1), position(1)])
            #expect(list.map(\.kind) == [.open, .open, .direct, .closed])
            #expect(list.map(\.parties) == [[], [], [mine, other], []])
            #expect(try await store.channels(office.id, visibleTo: mine, limit: 2).map(\.id) == [joined, open])
        }
    }

    /// What was said before is no news; that somebody added them is.
    @Test(arguments: Database.allCases)
    func whoIsAddedHasThatToRead(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let channel = try await office.channel("general", members: [office.owner.id])
            let events = office.messages(2, after: 0, key: "k") + [
                membership(.joined, 3, of: office.members[0], by: office.members[0]),
                membership(.joined, 4, of: office.members[1], by: office.owner.id),
            ]
            _ = try await store.append(office.id, channel, expecting: position(0), events)
            for (member, read): (AccountID, UInt64) in [(office.members[0], 3), (office.members[1], 3)] {
                let list = try await store.channels(office.id, visibleTo: member, limit: 1)
                #expect(list.map(\.read) == [read])
            }
        }
    }

    @Test(arguments: Database.allCases)
    func aReadMarkerOnlyMovesForward(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let channel = try await office.channel("general", members: [office.owner.id])
            for (mark, expected): (UInt64, UInt64) in [(5, 5), (3, 5), (5, 5), (6, 6)] {
                try await store.markRead(office.id, channel, office.owner.id, sequence: mark)
                let list = try await store.channels(office.id, visibleTo: office.owner.id, limit: 1)
                #expect(list.first?.read == expected)
            }
            // Of no member: nothing happens.
            try await store.markRead(office.id, channel, office.members[0], sequence: 5)
            let list = try await store.channels(office.id, visibleTo: office.members[0], limit: 1)
            #expect(list.first?.joined == false)
        }
    }

    @Test(arguments: Database.allCases)
    func twoHaveOneDirectConversation(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let (a, b) = (office.members[0], office.members[1])
            let made = try await withThrowingTaskGroup(of: ChannelRecord.self) { group in
                for number in 0..<30 {
                    group.addTask {
                        try await store.directChannel(office.id, number % 2 == 0 ? a : b,
                                                      number % 2 == 0 ? b : a, candidate: fresh(), at: start)
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(made.count == 1)
            #expect(made.first?.members == [min(a, b), max(a, b)])
            let record = try await store.channel(office.id, try #require(made.first).id)
            #expect(record == made.first)

            let alone = try await store.directChannel(office.id, a, a, candidate: fresh(), at: start)
            #expect(alone.members == [a])
            let list = try await store.channels(office.id, visibleTo: a, limit: 10)
            #expect(Set(list.map(\.parties)) == [[min(a, b), max(a, b)], [a]])
        }
    }

    /// Every call with the ids of another organisation's things finds and changes nothing.
    @Test(arguments: Database.allCases)
    func nothingCrossesOrganisations(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let channel = try await office.channel("general")
            let event = office.messages(1, after: 0, key: "k")
            _ = try await store.append(office.id, channel, expecting: position(0), event)
            let me = office.owner.id
            let other: OrganisationID = fresh()

            #expect(try await store.channel(other, channel) == nil)
            #expect(try await store.events(other, channel, .after(0), limit: 10).isEmpty)
            #expect(try await store.events(other, channel, .before(0), limit: 10).isEmpty)
            #expect(try await store.channels(other, visibleTo: me, limit: 10).isEmpty)
            #expect(try await store.people(other).isEmpty)
            #expect(try await store.person(other, me) == nil)
            let append = try await store.append(other, channel, expecting: position(1),
                                                office.messages(1, after: 1, key: "x"))
            #expect(append == .headMoved(nil))
            try await store.markRead(other, channel, me, sequence: 1)
            await #expect(throws: StoreError.self) {
                try await store.directChannel(other, me, me, candidate: fresh(), at: start)
            }

            #expect(try await store.channel(office.id, channel)?.head == position(1))
            let list = try await store.channels(office.id, visibleTo: me, limit: 10)
            #expect(list.map(\.read) == [0])
        }
    }
}
