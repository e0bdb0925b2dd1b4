// Databases that hang, refuse to write or have no room: who waits is sent away, who comes is refused at once, what
// matters for safety is still written where there is any way, and all goes on by itself. Nothing here measures a
// time: a call that waited for the database would wait until the test's own deadline.

import Glibc
import Model
import Ports
import Store
import Testing

@Suite(.serialized) struct OutageTests {
    private static func outcome(_ body: @Sendable () async throws -> AppendOutcome) async
        -> Result<AppendOutcome, any Error>
    {
        do { return .success(try await body()) } catch { return .failure(error) }
    }

    private static func isRefused(_ error: any Error) -> Bool {
        switch error {
        case StoreError.unavailable, StoreError.uncertain: true
        default: false
        }
    }

    /// Appends to many channels at once, each its own keys, until told to stop; what was acknowledged.
    private static func post(_ store: Store, _ office: Office, _ channels: [ChannelID],
                             while isGoing: @escaping @Sendable () -> Bool,
                             refused: @escaping @Sendable () -> Void) async -> [ChannelID: [String]]
    {
        await withTaskGroup(of: (ChannelID, [String]).self) { group in
            for channel in channels {
                group.addTask {
                    var (head, number, done): (UInt64, Int, [String]) = (0, 0, [])
                    while isGoing() {
                        let key = "k\(number)"
                        do {
                            let event = office.messages(1, after: head, key: key)
                            switch try await store.append(office.id, channel, expecting: position(head), event) {
                            case .committed:
                                head += 1
                                done.append(key + "0")
                                number += 1
                            case .headMoved(let moved): head = moved?.sequence ?? head
                            case .duplicates:
                                done.append(key + "0")
                                number += 1
                            }
                        } catch {
                            if !isRefused(error) { Issue.record("\(error)") }
                            refused()
                            await Task.yield()
                        }
                    }
                    return (channel, done)
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    @Test(arguments: [SIGSTOP, SIGKILL]) func postgresGoesAndComesBack(_ signal: Int32) async throws {
        _ = try PostgresServer.given()
        let server = try OwnPostgres()
        defer { server.remove() }
        try await server.start()
        let place = Place(location: .postgres(url: server.url), folder: nil)
        let store = try await place.open()
        let office = try await Office(store)
        var channels: [ChannelID] = []
        for number in 0..<8 { channels.append(try await office.channel("c\(number)")) }
        let (isGoing, refusals) = (Lock(true), Lock(0))
        async let posting = Self.post(store, office, channels, while: { isGoing.withLock { $0 } },
                                      refused: { refusals.withLock { $0 += 1 } })
        let commits = { place.counter("hub_store_commits_total") }
        let before = commits()
        try await wait("posts") { commits() > before + 50 }
        if signal == SIGSTOP { server.signal(SIGSTOP) } else { server.kill() }
        try await wait("the breaker to open") { store.problem == "the database does not work" }
        // All who waited were sent away, and all who come are refused, while nothing answers.
        let first = refusals.withLock { $0 }
        try await wait("refusals") { refusals.withLock { $0 } > first + 1_000 }
        await #expect(throws: StoreError.self) { _ = try await store.people(office.id) }
        #expect(place.gauge("hub_store_up") == 0 && place.counter("hub_store_breaker_opened_total") == 1)
        if signal == SIGSTOP { server.signal(SIGCONT) } else { try await server.start() }
        try await wait("recovery") { store.isHealthy }
        let then = commits()
        try await wait("posts again") { commits() > then + 50 }
        isGoing.withLock { $0 = false }
        let done = await posting
        #expect(place.gauge("hub_store_up") == 1)
        for channel in channels {
            let log = try await store.events(office.id, channel, .after(0), limit: 100_000)
            #expect(log.map(\.sequence) == (0..<UInt64(log.count)).map { $0 + 1 })
            let keys = log.map(\.key.text)
            #expect(Set(keys).count == keys.count, "once")
            let acknowledged: [String] = done[channel] ?? []
            #expect(Set(acknowledged).isSubset(of: Set(keys)), "what was acknowledged is there")
        }
        await store.close()
    }

    @Test func aHungPostgresIsLeft() async throws {
        _ = try PostgresServer.given()
        let server = try OwnPostgres()
        defer { server.remove() }
        try await server.start()
        let store = try await Place(location: .postgres(url: server.url), folder: nil).open()
        let office = try await Office(store)
        let channel = try await office.channel("c")
        server.signal(SIGSTOP)
        async let write = Self.outcome {
            try await store.append(office.id, channel, expecting: position(0), office.messages(1, after: 0, key: "k"))
        }
        // Does not wait for the server.
        await store.close()
        guard case .failure(let error) = await write, Self.isRefused(error) else {
            Issue.record("a write of a server that hangs is not known to have happened")
            return
        }
    }

    /// A server that takes sessions and reads, and no writes.
    @Test func aReadOnlyPostgresIsNotReady() async throws {
        _ = try PostgresServer.given()
        let server = try OwnPostgres()
        defer { server.remove() }
        try await server.start()
        let place = Place(location: .postgres(url: server.url), folder: nil)
        let store = try await place.open()
        let office = try await Office(store)
        try place.execute("ALTER TABLE channel ADD CONSTRAINT dummy CHECK (true)")
        try place.execute("""
            CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'cannot execute' USING ERRCODE = '25006'; END $$
            """)
        for table in ["log", "hub_migration"] {
            try place.execute("CREATE TRIGGER no BEFORE INSERT OR UPDATE ON \(table) EXECUTE FUNCTION no()")
        }
        // As many at once as it takes, however long one takes.
        try await wait("the breaker to open") {
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<20 { group.addTask { _ = try? await office.channel("c\(number)") } }
            }
            return !store.isHealthy
        }
        for table in ["log", "hub_migration"] { try place.execute("DROP TRIGGER no ON \(table)") }
        try await wait("recovery") { store.isHealthy }
        _ = try await office.channel("again")
        await store.close()
    }

    /// Another program holds SQLite's lock, so that the writer hangs; reads go on.
    @Test func aWriterThatHangsIsNotWaitedFor() async throws {
        try await Database.sqlite.withStore { store, place in
            let office = try await Office(store)
            let channel = try await office.channel("c")
            let login = LoginRecord(
                id: fresh(), account: office.owner.id, organisation: office.id, createdAt: start, lastUsedAt: start,
                refreshLifetimeMilliseconds: 1_000_000, address: "", userAgent: "", revokedAt: nil)
            try await store.createLogin(office.id, login, refresh: TokenHash([1]))
            let other = try RawSQLite(place)
            try other.execute("BEGIN IMMEDIATE")
            let error = await #expect(throws: StoreError.self) {
                while true {
                    _ = try await store.append(office.id, channel, expecting: position(0),
                                               office.messages(1, after: 0, key: "k"))
                }
            }
            #expect(error.map(Self.isRefused) == true)
            try await wait("the breaker to open") { !store.isHealthy }
            #expect(try await store.channel(office.id, channel)?.head == position(0))
            // A sign-in is over from the moment on that somebody ended it.
            await #expect(throws: StoreError.self) {
                _ = try await store.revokeLogin(office.owner.id, login.id, at: start)
            }
            #expect(try await store.login(office.id, login.id)?.revokedAt == start)
            #expect(try await store.logins(of: office.owner.id).isEmpty)
            #expect(try await store.revokedLogins(office.id, [login.id]) == [login.id])
            try other.execute("ROLLBACK")
            try await wait("recovery") { store.isHealthy }
            try await wait("the end to be written") {
                (try? other.query("SELECT revoked_at FROM login")) == ["\(start.value)"]
            }
        }
    }

    @Test func aReserveIsForWhatIsNotContent() async throws {
        let folder = try Folder()
        defer { folder.remove() }
        guard mount("tmpfs", folder.path, "tmpfs", 0, "size=12m") == 0 else {
            try Test.cancel("cannot mount a small file system here (needs root)")
        }
        defer { umount2(folder.path, Int32(MNT_DETACH)) }
        let ballast = folder.path + "/ballast"
        let file = open(ballast, O_CREAT | O_WRONLY, 0o600)
        try #require(file >= 0 && posix_fallocate(file, 0, 5 << 20) == 0)
        close(file)
        let place = Place(location: .sqlite(path: folder.path + "/hub.db"), folder: folder)
        var options = StoreOptions()
        options.sqliteReserveBytes = 2 << 20
        let store = try await place.open(options)
        let office = try await Office(store)
        let channel = try await office.channel("c")
        func login() -> LoginRecord {
            LoginRecord(id: fresh(), account: office.owner.id, organisation: office.id, createdAt: start,
                        lastUsedAt: start, refreshLifetimeMilliseconds: 1_000_000, address: "", userAgent: "",
                        revokedAt: nil)
        }
        let reserve = folder.path + "/hub.db-reserve"
        #expect(access(reserve, F_OK) == 0)
        var head: UInt64 = 0
        let error = await #expect(throws: StoreError.self) {
            while head < 5_000 {
                var event = message(head + 1, key: "k\(head)", by: office.owner.id)
                event.body?.bytes = [UInt8](repeating: 7, count: 8_000)
                guard try await store.append(office.id, channel, expecting: position(head), [event]) == .committed
                else { continue }
                head += 1
            }
        }
        guard case .storageFull? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(access(reserve, F_OK) != 0, "given up")
        #expect(store.problem?.contains("full") == true && place.gauge("hub_store_content_refused") == 1)
        // Sign-in, refresh, sign-out, roles, leaving, removal.
        let first = login()
        try await store.createLogin(office.id, first, refresh: TokenHash([1]))
        guard case .rotated = try await store.rotateRefresh(
            old: TokenHash([1]), new: TokenHash([2]), at: start, graceMilliseconds: 10) else {
            Issue.record("a refresh")
            return
        }
        #expect(try await store.revokeLogin(office.owner.id, first.id, at: start))
        #expect(try await store.append(office.id, channel, expecting: position(head),
                                       [membership(.left, head + 1, of: office.members[0], by: office.owner.id)])
            == .committed)
        guard case .done = try await store.changeRole(office.id, office.members[0], to: .admin, by: office.owner.id,
                                                      at: start),
              case .done = try await store.removePerson(office.id, office.members[0], by: office.owner.id, at: start)
        else {
            Issue.record("role and removal")
            return
        }
        // Content goes on being refused.
        await #expect(throws: StoreError.self) { _ = try await office.channel("more") }
        await #expect(throws: StoreError.self) {
            _ = try await store.append(office.id, channel, expecting: position(head + 1),
                                       office.messages(1, after: head + 1, key: "more"))
        }
        unlink(ballast)
        try await wait("room") { store.isHealthy }
        #expect(access(reserve, F_OK) == 0, "made again")
        #expect(try await store.append(office.id, channel, expecting: position(head + 1),
                                       office.messages(1, after: head + 1, key: "more")) == .committed)
        await store.close()
    }

    @Test(arguments: Database.allCases) func aDatabaseThatIsTooLargeTakesNoContent(_ database: Database) async throws {
        try await database.withPlace { place in
            var options = StoreOptions()
            let first = try await place.open(options)
            let office = try await Office(first)
            let channel = try await office.channel("c")
            await first.close()
            options.databaseBytesMax = 1
            options.postgresPulseMilliseconds = 10
            let store = try await place.open(options)
            try await wait("the size to be known") { store.problem?.contains("database_bytes_max") == true }
            let error = await #expect(throws: StoreError.self) {
                _ = try await store.append(office.id, channel, expecting: position(0),
                                           office.messages(1, after: 0, key: "k"))
            }
            guard case .storageFull? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            guard case .done = try await store.removePerson(office.id, office.members[0], by: office.owner.id,
                                                            at: start) else {
                Issue.record("a removal")
                return
            }
            await store.close()
        }
    }

    /// The process at the server that serves the bus stops, and the connection stays as it is.
    @Test func aSilentBusIsNoticed() async throws {
        _ = try PostgresServer.given()
        let server = try OwnPostgres()
        defer { server.remove() }
        try await server.start()
        let place = Place(location: .postgres(url: server.url), folder: nil)
        let bus = try PostgresBus(url: server.url, metrics: place.metrics, clocks: TestClocks(),
                                  entropy: CountingEntropy(), log: .silent)
        let connections = { place.counter("hub_bus_connections_total") }
        bus.start(receive: { _ in }, connected: {})
        try await wait("a connection") { connections() == 1 }
        let pid = try #require(Int32(try place.query(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query LIKE 'NOTIFY%'").first ?? ""))
        kill(pid, SIGSTOP)
        defer { kill(pid, SIGKILL) }
        try await wait("another connection") { connections() == 2 }
        #expect(place.counter("hub_bus_silences_total") == 1)
        await bus.close()
    }
}

private struct CountingEntropy: Entropy {
    func words() -> (UInt64, UInt64) { (1, 2) }
    func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 1, count: count) }
}
