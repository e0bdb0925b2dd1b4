// Rows that are missing or hold nonsense: every column of every table, one after the other. Whatever is asked of the
// store afterwards is answered or refused; it never ends the process, and the rest can be read as before.

import Glibc
import Model
import Ports
import Store
import Testing

@Suite struct DamageTests {
    private struct Case {
        let table: String
        /// `nil`: the row goes.
        let column: String?
        let value: String
        var text: String { "\(table).\(column ?? "*") = \(value)" }
    }

    /// What a test asks about after the damage.
    private struct World {
        let organisation: OrganisationID
        let people: [AccountID]
        let channels: [ChannelID]
        let direct: ChannelID
        let login: LoginID
        let key: KeyID
        static let refresh = TokenHash(Array("refresh".utf8))
        static let invitation = TokenHash(Array("invitation".utf8))
    }

    @Test func anyColumnOfAnyTable() async throws {
        let base = try Folder()
        defer { base.remove() }
        let world = try await Self.make(Place(location: .sqlite(path: base.path + "/hub.db"), folder: nil))
        var tried = 0
        for one in try Self.cases(RawSQLite(Place(location: .sqlite(path: base.path + "/hub.db"), folder: nil))) {
            let folder = try Folder()
            defer { folder.remove() }
            try Self.copy(base.path + "/hub.db", folder.path + "/hub.db")
            let place = Place(location: .sqlite(path: folder.path + "/hub.db"), folder: nil)
            guard try Self.damage(place, one) else { continue }
            tried += 1
            // A start may be refused: for a migration that is not known, say.
            var options = StoreOptions()
            options.sqliteReserveBytes = 0
            guard let store = try? await place.open(options) else { continue }
            await Self.look(store, world, one)
            await store.close()
        }
        #expect(tried > 200, "\(tried) kinds of damage")
    }

    private static let values = [
        "NULL", "-1", "0", "\(Int64.max)", "\(Int64.min)", "X''", "zeroblob(5)", "zeroblob(16)", "'x'",
    ]

    private static func cases(_ raw: RawSQLite) throws -> [Case] {
        var cases: [Case] = []
        for table in try raw.query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'") {
            cases.append(Case(table: table, column: nil, value: "gone"))
            for column in try raw.query("SELECT name FROM pragma_table_info('\(table)')") {
                for value in values { cases.append(Case(table: table, column: column, value: value)) }
            }
        }
        return cases
    }

    /// `false` where the database itself refuses it, or there is nothing to damage.
    private static func damage(_ place: Place, _ one: Case) throws -> Bool {
        let raw = try RawSQLite(place)
        try raw.execute("PRAGMA ignore_check_constraints = ON")
        let key = try raw.query("SELECT name FROM pragma_table_info('\(one.table)') WHERE pk > 0 ORDER BY pk")
            .joined(separator: ", ")
        let row = "(\(key)) = (SELECT \(key) FROM \(one.table) LIMIT 1)"
        let sql = one.column.map { "UPDATE \(one.table) SET \($0) = \(one.value) WHERE \(row)" }
            ?? "DELETE FROM \(one.table) WHERE \(row)"
        guard (try? raw.execute(sql)) != nil else { return false }
        return try raw.query("SELECT changes()") == ["1"]
    }

    private static func make(_ place: Place) async throws -> World {
        let store = try await place.open()
        let office = try await Office(store)
        let channels = [try await office.channel("one"), try await office.channel("two", .closed)]
        for channel in channels {
            var events = office.messages(10, after: 0, key: "k")
            events[4] = membership(.left, 5, of: office.members[0], by: office.owner.id)
            events[5] = membership(.joined, 6, of: office.members[0], by: office.owner.id)
            events[6] = edited(7, of: 1, key: "e", by: office.owner.id)
            _ = try await store.append(office.id, channel, expecting: position(0), events)
        }
        let direct = try await store.directChannel(office.id, office.owner.id, office.members[0], candidate: fresh(),
                                                   at: start)
        let login = LoginRecord(
            id: fresh(), account: office.owner.id, organisation: office.id, createdAt: start, lastUsedAt: start,
            refreshLifetimeMilliseconds: 1_000_000, address: "127.0.0.1", userAgent: "x", revokedAt: nil)
        try await store.createLogin(office.id, login, refresh: World.refresh)
        try await store.createInvitation(office.id, invitation(office.organisation, by: office.owner.id, uses: 3),
                                         token: World.invitation, at: start)
        _ = try await store.establishInstallation(
            InstallationRecord(salt: [UInt8](repeating: 1, count: 16), masterCheckValue: [2], signingKey: [3]))
        let key = WrappedKey(id: fresh(), parent: nil, purpose: nil, state: .active, wrapped: [1], checkValue: [2],
                             createdAt: start)
        _ = try await store.establishKey(office.id, key)
        await store.close()
        return World(organisation: office.id, people: office.everybody, channels: channels, direct: direct.id,
                     login: login.id, key: key.id)
    }

    private static func look(_ store: Store, _ world: World, _ one: Case) async {
        let organisation = world.organisation
        let at = start.adding(milliseconds: 50_000)
        // What many look at is there, whatever became of one row.
        await mustAnswer(one) { _ = try await store.people(organisation) }
        await mustAnswer(one) { _ = try await store.heads(organisation, world.channels) }
        var whole = 0
        for channel in world.channels {
            await mustAnswer(one) {
                let up = try await store.events(organisation, channel, .after(0), limit: 100)
                let down = try await store.events(organisation, channel, .before(0), limit: 100)
                whole += up.count { $0.isWhole }
                #expect(up.count >= 9 && up == down, "\(one.text)")
                #expect(up.map(\.sequence) == up.map(\.sequence).sorted() && up.allSatisfy { $0.sequence > 0 })
            }
        }
        #expect(whole >= 19, "\(one.text): one of twenty entries")
        for person in world.people {
            await mustAnswer(one) {
                _ = try await store.channels(organisation, visibleTo: person, after: nil, limit: 100)
                _ = try await store.logins(of: person)
                _ = try await store.memberships(of: person)
                _ = try await store.invitations(organisation, at: at)
            }
            _ = try? await store.account(person)
            _ = try? await store.person(organisation, person)
        }
        _ = try? await store.account(email: EmailAddress("owner@example.org"))
        _ = try? await store.installation()
        _ = try? await store.isEmpty()
        _ = try? await store.key(organisation, world.key)
        _ = try? await store.activeKey(organisation, nil)
        _ = try? await store.login(organisation, world.login)
        _ = try? await store.revokedLogins(organisation, [world.login])
        _ = try? await store.invitation(token: World.invitation, at: start)
        _ = try? await store.revision(organisation)
        await write(store, world, one, at)
    }

    /// Appends to both logs: what is damaged in one keeps neither from being written.
    private static func write(_ store: Store, _ world: World, _ one: Case, _ at: UnixMilliseconds) async {
        var written = 0
        for channel in world.channels + [world.direct] {
            _ = try? await store.markRead(world.organisation, channel, world.people[0], sequence: 5)
            guard let record = try? await store.channel(world.organisation, channel) else { continue }
            let next = record.head.sequence + 1
            let outcome = try? await store.append(
                world.organisation, channel, expecting: record.head, [message(next, key: "new", by: world.people[0])])
            if outcome == .committed { written += 1 }
        }
        // A channel's own row can only take the channel along.
        let isOfOne = ["channel", "log"].contains(one.table)
        #expect(written >= (isOfOne && one.column != "head" ? 2 : 3), "\(one.text): \(written) logs written")
        _ = try? await store.rotateRefresh(old: World.refresh, new: TokenHash(Array("next".utf8)), at: at,
                                           graceMilliseconds: 10_000)
        _ = try? await store.acceptInvitation(token: World.invitation, account: world.people[1], newAccount: nil,
                                              at: at)
        _ = try? await store.changeRole(world.organisation, world.people[1], to: .admin, by: world.people[0], at: at)
        _ = try? await store.revokeLogin(world.people[0], world.login, at: at)
        _ = try? await store.removePerson(world.organisation, world.people[2], by: world.people[0], at: at)
    }

    private static func mustAnswer(_ one: Case, _ body: () async throws -> Void) async {
        do { try await body() } catch { Issue.record("\(one.text): \(error)") }
    }

    private static func copy(_ from: String, _ to: String) throws {
        guard let source = fopen(from, "r"), let target = fopen(to, "w") else { throw Fault("cannot copy") }
        defer {
            fclose(source)
            fclose(target)
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, source), count > 0 { fwrite(buffer, 1, count, target) }
    }

    // MARK: Both databases

    @Test(arguments: Database.allCases) func entriesAreDamagedAlone(_ database: Database) async throws {
        try await database.withStore { store, place in
            let office = try await Office(store)
            let channel = try await office.channel("one")
            _ = try await store.append(office.id, channel, expecting: position(0),
                                       office.messages(9, after: 0, key: "k"))
            for (sequence, change) in [
                (2, "kind = 77"), (3, "posted_at = -5"), (4, "body = NULL"), (5, "kind = 2"),
                (6, "kind = 4, target = 9"), (7, "posted_at = \(Int64.max)"), (9, "kind = -1"),
            ] {
                try place.execute("UPDATE event SET \(change) WHERE sequence = \(sequence)")
            }
            try place.execute("DELETE FROM event WHERE sequence = 8")
            let page = try await store.events(office.id, channel, .after(0), limit: 100)
            #expect(page.map(\.sequence) == [1, 2, 3, 4, 5, 6, 7, 9])
            #expect(page.map(\.isWhole) == [true, false, false, false, false, false, false, false])
            #expect(page.allSatisfy { $0.sender == office.owner.id })
        }
    }

    /// Its rows say where a log ends.
    @Test(arguments: Database.allCases, ["3", "0", "-7", "\(Int64.min)", "\(Int64.max)", "\(Int64(1) << 53)"])
    func aHeadThatCannotBeIsMended(_ database: Database, _ head: String) async throws {
        try await database.withStore { store, place in
            let office = try await Office(store)
            let channel = try await office.channel("one")
            _ = try await store.append(office.id, channel, expecting: position(0),
                                       office.messages(5, after: 0, key: "k"))
            // One who knows where it ended posts; then one who has to ask.
            try place.execute("UPDATE log SET head = \(head)")
            #expect(try await store.append(office.id, channel, expecting: position(5),
                                           office.messages(1, after: 5, key: "a")) == .committed)
            try place.execute("UPDATE log SET head = \(head)")
            #expect(try await store.append(office.id, channel, expecting: position(5),
                                           office.messages(1, after: 5, key: "b")) == .headMoved(position(6)))
            try place.execute("UPDATE log SET head = \(head)")
            #expect(try await store.channel(office.id, channel)?.head == position(6))
            #expect(try place.query("SELECT head FROM log") == ["6"])
            #expect(place.counter("hub_damaged_rows_total", labels: "table=\"head\"") == 3)
        }
    }

    /// A head above the rows may be right, for rows can be lost: no sequence is given out twice.
    @Test(arguments: Database.allCases) func aHeadAboveItsRowsStands(_ database: Database) async throws {
        try await database.withStore { store, place in
            let office = try await Office(store)
            let channel = try await office.channel("one")
            _ = try await store.append(office.id, channel, expecting: position(0),
                                       office.messages(5, after: 0, key: "k"))
            try place.execute("DELETE FROM event WHERE sequence > 3")
            #expect(try await store.channel(office.id, channel)?.head == position(5))
            #expect(try await store.append(office.id, channel, expecting: position(5),
                                           office.messages(1, after: 5, key: "a")) == .committed)
            #expect(try await store.events(office.id, channel, .after(0), limit: 9).map(\.sequence) == [1, 2, 3, 6])
        }
    }
}
