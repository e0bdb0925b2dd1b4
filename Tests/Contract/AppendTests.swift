// The promise of a channel's log: one order, no gaps, nothing twice, whatever comes at once.

import Glibc
import Model
import Ports
import Store
import Testing

@Suite struct AppendTests {
    @Test(arguments: Database.allCases)
    func whatWasCommittedIsRead(_ database: Database) async throws {
        try await database.withStore { store, place in
            let office = try await Office(store)
            let channel = try await office.channel("general")
            let events = office.messages(3, after: 0, key: "k")
            let outcome = try await store.append(office.id, channel, expecting: position(0), events)
            #expect(outcome == .committed)
            #expect(try await store.events(office.id, channel, .after(0), limit: 10) == events)
            #expect(try await store.channel(office.id, channel)?.head == position(3))

            // The same after the database was closed and opened.
            await store.close()
            let again = try await place.open()
            #expect(try await again.events(office.id, channel, .after(0), limit: 10) == events)
            await again.close()
        }
    }

    /// Equal to Swift and not in bytes: the store takes both, in one batch and in two, and knows each again.
    @Test(arguments: Database.allCases)
    func keysAreTheSameByTheirBytesOnly(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let channel = try await office.channel("general")
            let keys: [IdempotencyKey] = ["k\u{E9}y", "ke\u{301}y", "K", "\u{212A}"]
            let events = keys.enumerated().map { message(UInt64($0 + 1), key: $1, by: office.owner.id) }
            let first = Array(events[..<3])
            #expect(try await store.append(office.id, channel, expecting: position(0), first) == .committed)
            #expect(try await store.append(office.id, channel, expecting: position(3), [events[3]]) == .committed)
            #expect(try await store.events(office.id, channel, .after(0), limit: 10) == events)
            for (index, key) in keys.enumerated() {
                let retry = message(5, key: key, by: office.owner.id)
                guard case .duplicates(let found) = try await store.append(
                    office.id, channel, expecting: position(4), [retry])
                else {
                    Issue.record("a retry is a duplicate")
                    continue
                }
                #expect(found.map(\.sequence) == [UInt64(index + 1)])
            }
        }
    }

    @Test(arguments: Database.allCases)
    func aMovedHeadIsRefusedAndNothingWritten(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let channel = try await office.channel("general")
            let first = office.messages(2, after: 0, key: "a")
            _ = try await store.append(office.id, channel, expecting: position(0), first)

            for expected: UInt64 in [0, 1, 3] {
                let late = office.messages(1, after: expected, key: "late\(expected)")
                let outcome = try await store.append(office.id, channel,
                                                     expecting: position(expected), late)
                #expect(outcome == .headMoved(position(2)))
            }
            let otherEpoch = try await store.append(
                office.id, channel, expecting: Position(epoch: 2, sequence: 2),
                office.messages(1, after: 2, key: "epoch"))
            #expect(otherEpoch == .headMoved(position(2)))
            #expect(try await store.events(office.id, channel, .after(0), limit: 10) == first)
        }
    }

    @Test(arguments: Database.allCases)
    func aChannelThatIsNotThereHasNoHead(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let outcome = try await store.append(
                office.id, fresh(), expecting: position(0), office.messages(1, after: 0, key: "k"))
            #expect(outcome == .headMoved(nil))
        }
    }

    /// Which of four entries were posted before, in every mixture.
    @Test(arguments: Database.allCases, 0..<16)
    func duplicatesAreNamedAndNothingWritten(_ database: Database, _ mixture: Int) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let channel = try await office.channel("general")
            let before = office.messages(4, after: 0, key: "old")
            _ = try await store.append(office.id, channel, expecting: position(0), before)

            let batch = (0..<4).map { index in
                message(5 + UInt64(index), key: mixture >> index & 1 == 1 ? "old\(index)" : "new\(index)",
                        by: office.owner.id)
            }
            let outcome = try await store.append(office.id, channel, expecting: position(4), batch)
            let expected = (0..<4).filter { mixture >> $0 & 1 == 1 }.map { index in
                Duplicate(index: index, sequence: before[index].sequence, id: before[index].id,
                          at: before[index].at)
            }
            #expect(outcome == (expected.isEmpty ? .committed : .duplicates(expected)))
            let log = try await store.events(office.id, channel, .after(0), limit: 10)
            #expect(log == (expected.isEmpty ? before + batch : before))
        }
    }

    @Test(arguments: Database.allCases)
    func aKeyIsOfItsSenderAndChannel(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let (one, two) = (try await office.channel("one"), try await office.channel("two"))
            for channel in [one, two] {
                let same = [
                    message(1, key: "same", by: office.owner.id),
                    message(2, key: "same", by: office.members[0]),
                    // The hub's own events have no key and are never duplicates.
                    membership(.joined, 3, of: office.members[1], by: office.owner.id),
                    membership(.joined, 4, of: office.members[1], by: office.owner.id),
                ]
                let outcome = try await store.append(office.id, channel, expecting: position(0), same)
                #expect(outcome == .committed)
            }
        }
    }

    @Test(arguments: Database.allCases)
    func anEditKeepsItsTargetAndSharesTheKeysOfMessages(_ database: Database) async throws {
        try await database.withStore { store, place in
            let office = try await Office(store)
            let channel = try await office.channel("general")
            let first = message(1, key: "m", by: office.owner.id)
            let edit = edited(2, of: 1, key: "e", by: office.owner.id)
            // The largest there is: more has no place in a client's numbers.
            let far = edited(3, of: 1 << 53 - 1, key: "f", by: office.owner.id)
            let outcome = try await store.append(office.id, channel, expecting: position(0),
                                                 [first, edit, far])
            #expect(outcome == .committed)
            #expect(try await store.events(office.id, channel, .after(0), limit: 10) == [first, edit, far])
            #expect(try await store.events(office.id, channel, .before(3), limit: 1) == [edit])

            let clash = try await store.append(
                office.id, channel, expecting: position(3),
                [message(4, key: "e", by: office.owner.id), edited(5, of: 1, key: "m", by: office.owner.id)])
            #expect(clash == .duplicates([
                Duplicate(index: 0, sequence: 2, id: edit.id, at: edit.at),
                Duplicate(index: 1, sequence: 1, id: first.id, at: first.at),
            ]))

            // The same after the database was closed and opened.
            await store.close()
            let again = try await place.open()
            #expect(try await again.events(office.id, channel, .after(0), limit: 10) == [first, edit, far])
            await again.close()
        }
    }

    @Test(arguments: Database.allCases)
    func theSameKeyTwiceInABatchIsAFault(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let channel = try await office.channel("general")
            let twice = [message(1, key: "k", by: office.owner.id), message(2, key: "k", by: office.owner.id)]
            await #expect(throws: StoreError.self) {
                try await store.append(office.id, channel, expecting: position(0), twice)
            }
            #expect(try await store.channel(office.id, channel)?.head == position(0))
        }
    }

    @Test(arguments: Database.allCases)
    func joiningAndLeavingChangeTheMembersWithTheLog(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let channel = try await office.channel("general", members: [office.owner.id])
            let guest = office.members[0]
            let outcome = try await store.append(
                office.id, channel, expecting: position(0),
                [message(1, key: "a", by: office.owner.id),
                 membership(.joined, 2, of: guest, by: office.owner.id)])
            #expect(outcome == .committed)
            #expect(try await store.channel(office.id, channel)?.members == [office.owner.id, guest])
            // What was said before they came is not unread; that somebody added them is.
            let seen = try await store.channels(office.id, visibleTo: guest, after: nil, limit: 10)
            #expect(seen.map(\.read) == [1])

            _ = try await store.append(office.id, channel, expecting: position(2),
                                       [membership(.left, 3, of: guest, by: guest)])
            #expect(try await store.channel(office.id, channel)?.members == [office.owner.id])
            // A refused batch changes no members either.
            _ = try await store.append(office.id, channel, expecting: position(2),
                                       [membership(.joined, 3, of: guest, by: guest)])
            #expect(try await store.channel(office.id, channel)?.members == [office.owner.id])
        }
    }

    /// Every round, all writers race for the same head; whoever loses takes the new head and tries again.
    @Test(arguments: Database.allCases)
    func ofManyAtOneHeadOneWins(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let channel = try await office.channel("general")
            let wins = await withTaskGroup(of: [UInt64].self) { group in
                for writer in 0..<100 {
                    group.addTask { await race(office, channel, writer: writer) }
                }
                return await group.reduce(into: []) { $0 += $1 }
            }
            #expect(wins.sorted() == (1...100).map(UInt64.init))
            let log = try await store.events(office.id, channel, .after(0), limit: 200)
            #expect(log.map(\.sequence) == (1...100).map(UInt64.init))
            #expect(Set(log.map(\.key)).count == 100)
        }
    }

    @Test(arguments: Database.allCases)
    func manyChannelsShareACommit(_ database: Database) async throws {
        try await database.withStore { store, place in
            let office = try await Office(store)
            var channels: [ChannelID] = []
            for number in 0..<50 { channels.append(try await office.channel("c\(number)")) }
            let before = place.counter("hub_store_commits_total")
            let rounds = 20
            try await withThrowingTaskGroup(of: Void.self) { group in
                for channel in channels {
                    group.addTask {
                        for round in 0..<rounds {
                            let outcome = try await store.append(
                                office.id, channel, expecting: position(UInt64(round)),
                                office.messages(1, after: UInt64(round), key: "r\(round)-"))
                            #expect(outcome == .committed)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let commits = place.counter("hub_store_commits_total") - before
            #expect(commits < UInt64(rounds * channels.count) / 2, "\(commits) commits")
            for channel in channels {
                let log = try await store.events(office.id, channel, .after(0), limit: 100)
                #expect(log.map(\.sequence) == (1...UInt64(rounds)).map { $0 })
            }
        }
    }

    /// 160 MB in all, by writers that never rest: what is copied into the file makes room in the log.
    @Test func theWriteAheadLogBeginsAnewUnderLoad() async throws {
        try await Database.sqlite.withStore { store, place in
            let office = try await Office(store)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    let channel = try await office.channel("c\(writer)")
                    group.addTask {
                        for round in 0..<40 {
                            var events = office.messages(16, after: UInt64(round * 16), key: "r\(round)-")
                            for index in events.indices {
                                events[index].body = SealedBody(
                                    key: fresh(), bytes: [UInt8](repeating: 7, count: 64 << 10))
                            }
                            let outcome = try await store.append(
                                office.id, channel, expecting: position(UInt64(round * 16)), events)
                            #expect(outcome == .committed)
                        }
                    }
                }
                try await group.waitForAll()
            }
            guard case .sqlite(let path) = place.location else { return }
            var log = stat()
            #expect(stat(path + "-wal", &log) == 0)
            #expect(log.st_size < 120 << 20, "\(log.st_size) bytes")
            #expect(place.recorded("hub_store_checkpoint_seconds") > 5)
        }
    }

    /// A conflict in a shared commit is its own channel's business.
    @Test(arguments: Database.allCases)
    func aConflictDoesNotHurtOthers(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            var channels: [ChannelID] = []
            for number in 0..<20 { channels.append(try await office.channel("c\(number)")) }
            let outcomes = try await withThrowingTaskGroup(of: (Int, AppendOutcome).self) { group in
                for (index, channel) in channels.enumerated() {
                    // Every third expects a head that is not there.
                    let head: UInt64 = index % 3 == 0 ? 7 : 0
                    group.addTask {
                        (index,
                         try await store.append(office.id, channel, expecting: position(head),
                                                office.messages(1, after: head, key: "k")))
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for index in channels.indices {
                #expect(outcomes[index] == (index % 3 == 0 ? .headMoved(position(0)) : .committed))
            }
        }
    }
}

/// Appends one message, at whatever head it takes; the sequences it got.
private func race(_ office: Office, _ channel: ChannelID, writer: Int) async -> [UInt64] {
    var head: UInt64 = 0
    while true {
        do {
            let event = message(head + 1, key: "w\(writer)", by: office.owner.id)
            switch try await office.store.append(office.id, channel, expecting: position(head), [event]) {
            case .committed: return [head + 1]
            case .headMoved(let now?): head = now.sequence
            case .headMoved(nil), .duplicates: return []
            }
        } catch {
            Issue.record("\(error)")
            return []
        }
    }
}
