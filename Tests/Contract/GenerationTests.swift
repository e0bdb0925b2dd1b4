// A database that was set back begins a new generation: every log has an epoch that it never had. One that merely was
// stopped, killed or moved does not.

import Glibc
import Model
import Ports
import Store
import Testing

@Suite(.serialized) struct GenerationTests {
    /// A store with a channel of `count` messages, and its office.
    private func filled(_ place: Place, _ count: Int) async throws -> (Store, Office, ChannelID) {
        let store = try await place.open()
        let office = try await Office(store)
        let channel = try await office.channel("general")
        try await post(count, after: 0, store, office, channel)
        return (store, office, channel)
    }

    private func post(_ count: Int, after head: UInt64, epoch: UInt64 = 1, _ store: Store, _ office: Office,
                      _ channel: ChannelID) async throws {
        for number in 0..<UInt64(count) {
            let event = office.messages(1, after: head + number, key: "\(epoch)-\(head + number)-")
            let outcome = try await store.append(
                office.id, channel, expecting: Position(epoch: epoch, sequence: head + number), event)
            try #require(outcome == .committed)
        }
    }

    /// Posts until the witness has a further beat: what was written since the last one may go unnoticed.
    private func postBeyondABeat(_ place: Place, after head: UInt64, _ store: Store, _ office: Office,
                                 _ channel: ChannelID) async throws {
        func beat() throws -> Substring {
            let folder = try #require(place.folder)
            let text = String(decoding: try Data.read(folder.path + "/hub.db-witness"), as: UTF8.self)
            return try #require(text.split(separator: "\n").first { $0.hasPrefix("beat ") })
        }
        let before = try beat()
        var head = head
        while try beat() == before {
            try await post(1, after: head, store, office, channel)
            head += 1
        }
    }

    private func epoch(_ store: Store, _ office: Office, _ channel: ChannelID) async throws -> UInt64 {
        try #require(try await store.heads(office.id, [channel])[channel]).epoch
    }

    private func copy(_ from: String, over to: String) throws {
        // As `cp` does it: the file stays the same one.
        let bytes = try Data.read(from)
        let file = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(file >= 0 && write(file, bytes, bytes.count) == bytes.count)
        close(file)
    }

    /// However it was stopped, an untouched database keeps its epochs.
    @Test(arguments: Database.allCases)
    func startsAloneChangeNothing(_ database: Database) async throws {
        try await database.withPlace { place in
            let (store, office, channel) = try await filled(place, 3)
            await store.close()
            for _ in 0..<3 {
                let again = try await place.open()
                #expect(try await epoch(again, office, channel) == 1)
                await again.close()
            }
            #expect(place.counter("hub_store_generations_total") == 0)
        }
    }

    /// The backup is of the same run of the hub, so nothing but the posts behind it tells the two apart.
    @Test(arguments: ["stopped", "killed"])
    func aBackupCopiedOverTheFileIsNoticed(_ end: String) async throws {
        try await Database.sqlite.withPlace { place in
            let path = try #require(place.folder).path
            let (store, office, channel) = try await filled(place, 4)
            try place.execute("VACUUM INTO '\(path)/backup.db'")
            try await postBeyondABeat(place, after: 4, store, office, channel)
            if end == "killed" {
                // What a kill leaves, at another place.
                for name in ["hub.db", "hub.db-wal", "hub.db-witness"] {
                    try copy(path + "/" + name, over: path + "/killed-" + name)
                }
            }
            await store.close()
            if end == "killed" {
                for name in ["hub.db", "hub.db-wal", "hub.db-witness"] {
                    try #require(rename(path + "/killed-" + name, path + "/" + name) == 0)
                }
                unlink(path + "/hub.db-wal")
            }
            var epochs: Set<UInt64> = [1]
            for _ in 0..<3 {
                try copy(path + "/backup.db", over: path + "/hub.db")
                let restored = try await place.open()
                let epoch = try await epoch(restored, office, channel)
                #expect(epochs.insert(epoch).inserted, "each restore of one backup has an epoch of its own")
                #expect(epoch < 1 << 53)
                try await post(1, after: 4, epoch: epoch, restored, office, channel)
                await restored.close()
                // Once is enough.
                let again = try await place.open()
                #expect(try await self.epoch(again, office, channel) == epoch)
                await again.close()
            }
            #expect(place.counter("hub_store_generations_total") == 3)
        }
    }

    /// The log of the database that was, beside the backup: both are lost if SQLite gets to see them.
    @Test(arguments: [false, true])
    func aLogOfAnotherDatabaseIsRefused(isOfAnotherRun: Bool) async throws {
        try await Database.sqlite.withPlace { place in
            let path = try #require(place.folder).path
            let (first, office, channel) = try await filled(place, 4)
            try place.execute("VACUUM INTO '\(path)/backup.db'")
            var store = first
            if isOfAnotherRun {
                await first.close()
                store = try await place.open()
            }
            try await postBeyondABeat(place, after: 4, store, office, channel)
            // What is there after a kill; the inode of the database itself stays.
            try copy(path + "/hub.db-wal", over: path + "/kept-wal")
            try copy(path + "/hub.db-witness", over: path + "/kept-witness")
            await store.close()
            try copy(path + "/kept-witness", over: path + "/hub.db-witness")
            try copy(path + "/kept-wal", over: path + "/hub.db-wal")
            try copy(path + "/backup.db", over: path + "/hub.db")

            let error = await #expect(throws: OpenError.self) { try await place.open() }
            #expect(error?.reason == .damaged)
            #expect(error?.problem.contains("hub.db-wal is the log of another database") == true)
            #expect(try Data.read(path + "/hub.db") == Data.read(path + "/backup.db"), "nothing was touched")

            // As the remedy says.
            unlink(path + "/hub.db-wal")
            unlink(path + "/hub.db-shm")
            let restored = try await place.open()
            #expect(try await restored.heads(office.id, [channel])[channel]?.sequence == 4)
            #expect(try await epoch(restored, office, channel) > 1)
            await restored.close()
        }
    }

    /// A whole folder that is copied somewhere else after a kill is the same database.
    @Test func aFolderThatWasMovedIsTheSameDatabase() async throws {
        try await Database.sqlite.withPlace { place in
            let path = try #require(place.folder).path
            let (store, office, channel) = try await filled(place, 30)
            let other = try Folder()
            defer { other.remove() }
            for name in ["hub.db", "hub.db-wal", "hub.db-witness"] {
                try copy(path + "/" + name, over: other.path + "/" + name)
            }
            await store.close()
            let moved = try await Place(location: .sqlite(path: other.path + "/hub.db"), folder: nil).open()
            #expect(try await moved.heads(office.id, [channel])[channel] == position(30))
            await moved.close()
        }
    }

    /// Without its witness nobody knows which state of the database this is.
    @Test func aDatabaseWithoutItsWitnessIsNotTrusted() async throws {
        try await Database.sqlite.withPlace { place in
            let path = try #require(place.folder).path
            let (store, office, channel) = try await filled(place, 3)
            await store.close()
            unlink(path + "/hub.db-witness")
            let alone = try await place.open()
            #expect(try await epoch(alone, office, channel) > 1)
            await alone.close()
        }
    }

    /// Rows that a dump brought were not written by the transaction that they name.
    @Test(arguments: ["UPDATE generation SET number = number", "UPDATE generation SET server = 'another'"])
    func whatWasLoadedFromADumpIsNoticed(_ change: String) async throws {
        try await Database.postgres.withPlace { place in
            let (store, office, channel) = try await filled(place, 3)
            await store.close()
            try place.execute(change)
            let restored = try await place.open()
            let epoch = try await epoch(restored, office, channel)
            #expect(epoch > 1 && epoch < 1 << 53)
            await restored.close()
            let again = try await place.open()
            #expect(try await self.epoch(again, office, channel) == epoch)
            await again.close()
        }
    }

    /// A replica takes over while two hubs run: one new generation, which both have.
    @Test func aFailOverIsNoticedByRunningHubs() async throws {
        _ = try PostgresServer.given()
        let server = try OwnPostgres()
        defer { server.remove() }
        try await server.start()
        let place = Place(location: .postgres(url: server.url), folder: nil)
        let (store, office, channel) = try await filled(place, 3)
        let other = try await place.open()

        // The same server again is the same history.
        server.kill()
        try await server.start()
        try await wait("the database") { await isThere(store, office) }
        #expect(try await epoch(store, office, channel) == 1)

        server.kill()
        try await server.start(asReplica: true)
        for hub in [store, other] { try await wait("the database") { await isThere(hub, office) } }
        let epoch = try await epoch(store, office, channel)
        #expect(epoch > 1)
        let outcome = try await other.append(office.id, channel, expecting: position(3),
                                             office.messages(1, after: 3, key: "late"))
        #expect(outcome == .headMoved(Position(epoch: epoch, sequence: 3)))
        #expect(try await self.epoch(other, office, channel) == epoch)
        await store.close()
        await other.close()
        let again = try await place.open()
        #expect(try await self.epoch(again, office, channel) == epoch)
        await again.close()
    }

    private func isThere(_ store: Store, _ office: Office) async -> Bool {
        do throws(StoreError) {
            _ = try await store.people(office.id)
            return true
        } catch {
            return false
        }
    }

    @Test(arguments: Database.allCases)
    func aLogIsRenewedOnce(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let (channel, untouched) = (try await office.channel("a"), try await office.channel("b"))
            try await store.renewLog(office.id, channel, from: 1, to: 7)
            try await store.renewLog(office.id, channel, from: 1, to: 9)
            try await store.renewLog(fresh(), untouched, from: 1, to: 9)
            let heads = try await store.heads(office.id, [channel, untouched])
            #expect(heads == [channel: Position(epoch: 7, sequence: 0), untouched: position(0)])
        }
    }
}

private enum Data {
    static func read(_ path: String) throws -> [UInt8] {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { throw Fault("cannot read \(path)") }
        defer { close(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = Glibc.read(file, &piece, piece.count), count > 0 { bytes += piece[..<count] }
        return bytes
    }
}
