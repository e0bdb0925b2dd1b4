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
            // Activity decides nothing: what the account is in comes first, each by id.
            for (step, channel) in [closed, direct.id, open, joined].enumerated() {
                var event = message(1, key: "k", by: other)
                event.at = start.adding(milliseconds: Int64(step + 1))
                _ = try await store.append(office.id, channel, expecting: position(0), [event])
            }
            try await store.markRead(office.id, joined, mine, sequence: 1)

            let list = try await store.channels(office.id, visibleTo: mine, after: nil, limit: 10)
            #expect(list.map(\.id) == [joined, closed, direct.id].sorted() + [open])
            #expect(list.map(\.joined) == [true, true, true, false])
            let byID = Dictionary(uniqueKeysWithValues: list.map { ($0.id, $0) })
            #expect([joined, closed, direct.id, open].map { byID[$0]?.read } == [1, 0, 0, 0])
            #expect([joined, closed, direct.id, open].map { byID[$0]?.kind } == [.open, .closed, .direct, .open])
            #expect(list.allSatisfy { $0.head == position(1) })
            #expect(byID[direct.id]?.parties == [mine, other])
            #expect(list.filter { $0.id != direct.id }.allSatisfy { $0.parties.isEmpty })
            for limit in 1...5 {
                var pages: [ChannelSummary] = []
                var last: ChannelCursor?
                while true {
                    let page = try await store.channels(office.id, visibleTo: mine, after: last, limit: limit)
                    #expect(page.count <= limit)
                    pages += page
                    guard let end = page.last else { break }
                    last = ChannelCursor(behind: end)
                }
                #expect(pages == list)
            }
            #expect(try await store.channels(office.id, visibleTo: mine, after: nil, limit: 0).isEmpty)
        }
    }

    @Test(arguments: Database.allCases)
    func aPageOfTheLogEndsWhereItHasItsBytes(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let channel = try await office.channel("general", members: [office.owner.id])
            // Bodies of 1,000 bytes; a row counts 200 more.
            let events = (1...10).map { sequence -> StoredEvent in
                var event = message(UInt64(sequence), key: "k\(sequence)", by: office.owner.id)
                event.body = SealedBody(key: event.body!.key, bytes: [UInt8](repeating: 7, count: 1_000))
                return event
            }
            #expect(try await store.append(office.id, channel, expecting: position(0), events) == .committed)
            func page(_ range: LogRange, _ limit: Int, _ bytes: Int) async throws -> [UInt64] {
                try await store.events(office.id, channel, range, limit: limit, bytesMax: bytes).map(\.sequence)
            }
            #expect(try await page(.after(0), 10, 1) == [1])
            #expect(try await page(.after(0), 10, 1_200) == [1])
            #expect(try await page(.after(0), 10, 1_201) == [1, 2])
            #expect(try await page(.after(3), 10, 3_600) == [4, 5, 6])
            #expect(try await page(.after(3), 2, 3_600) == [4, 5])
            #expect(try await page(.after(8), 10, 1 << 20) == [9, 10])
            #expect(try await page(.after(10), 10, 1 << 20) == [])
            #expect(try await page(.before(0), 10, 1) == [10])
            #expect(try await page(.before(0), 10, 1_201) == [9, 10])
            #expect(try await page(.before(8), 10, 3_600) == [5, 6, 7])
            #expect(try await page(.before(8), 2, 3_600) == [6, 7])
            #expect(try await page(.before(3), 10, 1 << 20) == [1, 2])
            #expect(try await page(.before(1), 10, 1 << 20) == [])
            #expect(try await page(.after(0), 10, .max) == Array(1...10))
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
                let list = try await store.channels(office.id, visibleTo: member, after: nil, limit: 1)
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
                let list = try await store.channels(office.id, visibleTo: office.owner.id, after: nil, limit: 1)
                #expect(list.first?.read == expected)
            }
            // Of no member: nothing happens.
            try await store.markRead(office.id, channel, office.members[0], sequence: 5)
            let list = try await store.channels(office.id, visibleTo: office.members[0], after: nil, limit: 1)
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
            let list = try await store.channels(office.id, visibleTo: a, after: nil, limit: 10)
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
            #expect(try await store.channels(other, visibleTo: me, after: nil, limit: 10).isEmpty)
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
            let list = try await store.channels(office.id, visibleTo: me, after: nil, limit: 10)
            #expect(list.map(\.read) == [0])
        }
    }
}
