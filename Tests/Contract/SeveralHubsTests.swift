// What hubs ask the store to stay in step with each other, and the bus of PostgreSQL.

import Model
import Ports
@testable import Store
import Testing

@Suite struct StepTests {
    @Test(arguments: Database.allCases)
    func headsOfManyLogs(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            var expected: [ChannelID: Position] = [:]
            for number in 0..<70 {
                let channel = try await office.channel("c\(number)", members: [])
                if number % 3 == 0 {
                    _ = try await store.append(office.id, channel, expecting: position(0),
                                               office.messages(number + 1, after: 0, key: "k"))
                }
                expected[channel] = position(number % 3 == 0 ? UInt64(number + 1) : 0)
            }
            let all = Array(expected.keys)
            #expect(try await store.heads(office.id, all + [fresh()]) == expected)
            #expect(try await store.heads(office.id, [all[0]]) == [all[0]: expected[all[0]]!])
            #expect(try await store.heads(office.id, []) == [:])
            #expect(try await store.heads(fresh(), all) == [:], "of another organisation")
        }
    }

    @Test(arguments: Database.allCases)
    func aChannelAsTheListShowsIt(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let (member, other) = (office.members[0], office.members[1])
            let open = try await office.channel("open", members: [member])
            let closed = try await office.channel("closed", .closed, members: [member])
            let direct = try await store.directChannel(office.id, member, other, candidate: fresh(), at: start)
            _ = try await store.append(office.id, open, expecting: position(0),
                                       office.messages(3, after: 0, key: "k"))
            try await store.markRead(office.id, open, member, sequence: 2)
            for account in office.everybody {
                let list = try await store.channels(office.id, visibleTo: account, after: nil, limit: 10)
                for channel in [open, closed, direct.id, fresh()] {
                    let one = try await store.channel(office.id, channel, seenBy: account)
                    #expect(one == list.first { $0.id == channel })
                }
            }
            #expect(try await store.channel(office.id, open, seenBy: member)?.read == 2)
            #expect(try await store.channel(office.id, closed, seenBy: other) == nil)
            #expect(try await store.channel(fresh(), open, seenBy: member) == nil)
        }
    }

    @Test(arguments: Database.allCases)
    func theRevisionMovesWithPeopleAndSignIns(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store, members: 0)
            func revision() async throws -> UInt64 { try await store.revision(office.id) }
            func hash(_ number: UInt8) -> TokenHash { TokenHash([UInt8](repeating: number, count: 32)) }
            #expect(try await store.revision(fresh()) == 0)
            var last = try await revision()

            let joined = try await Office.join(store, office.organisation, office.owner.id, "a@example.org")
            #expect(try await revision() == last + 1)
            last += 1
            let logins = (0..<3).map { number in
                LoginRecord(id: fresh(), account: joined, organisation: office.id, createdAt: start,
                            lastUsedAt: start, refreshLifetimeMilliseconds: 60_000, address: "",
                            userAgent: "\(number)", revokedAt: nil)
            }
            for (number, login) in logins.enumerated() {
                try await store.createLogin(office.id, login, refresh: hash(UInt8(number)))
            }
            _ = try await store.rotateRefresh(old: hash(0), new: hash(10), at: start.adding(milliseconds: 1),
                                              graceMilliseconds: 10)
            #expect(try await revision() == last, "nothing that concerns a session")

            #expect(try await store.revokeLogin(joined, logins[2].id, at: start.adding(milliseconds: 2)))
            #expect(try await revision() == last + 1)
            #expect(try await !store.revokeLogin(joined, logins[2].id, at: start.adding(milliseconds: 3)))
            #expect(try await revision() == last + 1)
            // A stolen token.
            let outcome = try await store.rotateRefresh(
                old: hash(0), new: hash(11), at: start.adding(milliseconds: 500), graceMilliseconds: 10)
            guard case .reused = outcome else { throw Fault("not taken for theft") }
            #expect(try await revision() == last + 2)

            let ids = logins.map(\.id)
            #expect(try await store.revokedLogins(office.id, ids) == [ids[0], ids[2]])
            let unknown: LoginID = fresh()
            #expect(try await store.revokedLogins(office.id, [ids[1], unknown]) == [unknown])
            #expect(try await store.revokedLogins(fresh(), [ids[1]]) == [ids[1]], "of another organisation")
            #expect(try await store.revokedLogins(office.id, []) == [])
        }
    }
}

@Suite struct NoticeTests {
    static let all: [Notice] = [
        .logMoved(fresh(), fresh(), Position(epoch: 3, sequence: .max)), .organisationChanged(fresh()),
        .channelCreated(fresh(), fresh()), .channelListChanged(fresh(), fresh(), fresh()),
        .readMarker(fresh(), fresh(), fresh(), 0x0123_4567_89AB_CDEF),
        .typing(fresh(), fresh(), fresh(), active: true), .typing(fresh(), fresh(), fresh(), active: false),
        broadcast("é,{\"}\\\0\n"), broadcast("ab"), broadcast("abc"),
    ]

    static func broadcast(_ text: String) -> Notice { .broadcast(fresh(), fresh(), fresh(), text) }

    /// Every value of six bits in every place, and the longest.
    @Test func anyTextIsRead() {
        let texts = (0...255).map { String(UnicodeScalar(UInt8($0))) + "\u{10FFFF}" }
            + [String(repeating: "\u{7FF}", count: Int(SendBroadcast.textBytesMax) / 2)]
        for text in texts {
            let notices = [Self.broadcast(text), Self.broadcast(text)]
            let payloads = NoticeText.payloads(notices)
            #expect(payloads.allSatisfy { $0.utf8.count < 8_000 && !$0.contains("\\") })
            #expect(payloads.flatMap { NoticeText.notices($0) ?? [] } == notices)
        }
    }

    @Test func broadcastsAreNotMergedAndHaveABound() {
        var queue = NoticeQueue()
        let notice = Self.broadcast(String(repeating: "x", count: Int(SendBroadcast.textBytesMax)))
        let room = NoticeQueue.textBytesMax / Int(SendBroadcast.textBytesMax)
        var added = [Bool]()
        for _ in 0..<room { added.append(queue.add(notice)) }
        #expect(!added.contains(false))
        let tooMuch = queue.add(Self.broadcast("x"))
        let other = queue.add(Self.all[0])
        #expect(!tooMuch && other, "other notices have room")
        let first = queue.take(1)
        #expect(first == [notice])
        let again = queue.add(notice)
        #expect(again)
        let rest = queue.take(room + 9)
        #expect(rest.count == room + 1)
        #expect(queue.isEmpty)
    }

    @Test func whatIsWrittenIsRead() {
        #expect(NoticeText.payloads([]) == [])
        let many = (0..<100).flatMap { _ in Self.all }
        let payloads = NoticeText.payloads(many)
        #expect(payloads.allSatisfy { $0.utf8.count < 8_000 })
        #expect(payloads.count < 14)
        #expect(payloads.flatMap { NoticeText.notices($0) ?? [] } == many)
    }

    @Test func anythingElseIsRefused() {
        let good = NoticeText.payloads(Self.all)[0]
        for text in ["", "2", "2" + good.dropFirst(), "1f", "1ff", good + "0", String(good.dropLast()),
                     good.uppercased(), "1 " + good.dropFirst(), "1é", "109" + String(repeating: "0", count: 96)] {
            #expect(NoticeText.notices(text) == nil, "\(text)")
        }
        // Cut and altered anywhere it is refused, or means something that can be written again.
        let bytes = Array(good.utf8)
        for _ in 0..<20_000 {
            var altered = bytes[..<Int.random(in: 0...bytes.count)]
            if let place = altered.indices.randomElement() { altered[place] = .random(in: 0...255) }
            let text = String(decoding: altered, as: UTF8.self)
            guard let notices = NoticeText.notices(text) else { continue }
            #expect(NoticeText.payloads(notices) == (notices.isEmpty ? [] : [text]))
        }
    }

    @Test func noticesThatSayMoreOfTheSameAreOne() {
        var queue = NoticeQueue()
        let (organisation, channel): (OrganisationID, ChannelID) = (fresh(), fresh())
        func moved(_ epoch: UInt64, _ sequence: UInt64) -> Notice {
            .logMoved(organisation, channel, Position(epoch: epoch, sequence: sequence))
        }
        func taken(_ count: Int) -> [Notice] { queue.take(count) }
        for notice in [moved(1, 5), .organisationChanged(organisation), moved(1, 7), moved(1, 6),
                       .organisationChanged(organisation)] {
            _ = queue.add(notice)
        }
        #expect(taken(1) == [moved(1, 7)])
        #expect(taken(9) == [.organisationChanged(organisation)])
        #expect(queue.isEmpty)
        for notice in [moved(1, 9), moved(2, 1)] { _ = queue.add(notice) }
        #expect(taken(9) == [moved(2, 1)])
    }
}

/// A bus as a hub has it, and what came in.
private final class Station: Sendable {
    let bus: PostgresBus
    let metrics = Metrics()
    private let came = Lock<[Notice]>([])
    private let connections = Lock(0)

    init(_ url: String) throws {
        bus = try PostgresBus(url: url, metrics: metrics, clocks: TestClocks(), entropy: NoEntropy(),
                              log: .silent)
    }

    func start() {
        bus.start(receive: { notice in self.came.withLock { $0.append(notice) } },
                  connected: { self.connections.withLock { $0 += 1 } })
    }

    var received: [Notice] { came.withLock { $0 } }
    var connected: Int { connections.withLock { $0 } }
    func count(_ name: String) -> UInt64 {
        for case .counter(let counter) in metrics.entries where counter.name == name { return counter.current }
        return 0
    }
}

private struct NoEntropy: Entropy {
    func words() -> (UInt64, UInt64) { (0, 0) }
    func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
}

@Suite struct BusTests {
    @Test func noticesReachTheOtherHubsOfTheDatabaseAndNobodyElse() async throws {
        let server = try PostgresServer.given()
        let schemas = [try server.makeSchema(), try server.makeSchema()]
        defer { for schema in schemas { server.dropSchema(schema) } }
        let stations = try [0, 0, 1].map { try Station(server.url(schema: schemas[$0])) }
        for station in stations { station.start() }
        try await wait("the buses to listen") { stations.allSatisfy { $0.connected == 1 } }

        for notice in NoticeTests.all { stations[0].bus.publish(notice) }
        try await wait("all notices") { stations[1].received.count == NoticeTests.all.count }
        #expect(stations[1].received == NoticeTests.all)
        #expect(stations[0].count("hub_bus_published_total") == UInt64(NoticeTests.all.count))

        // Many, from both sides: the furthest of each channel arrives.
        let (organisation, channels): (OrganisationID, [ChannelID]) = (fresh(), (0..<300).map { _ in fresh() })
        for sequence in 1...20 {
            for (number, channel) in channels.enumerated() {
                stations[number % 2].bus.publish(
                    .logMoved(organisation, channel, Position(epoch: 1, sequence: UInt64(sequence))))
            }
        }
        try await wait("the last position of each channel") {
            (0..<300).allSatisfy { number in
                stations[1 - number % 2].received.contains(
                    .logMoved(organisation, channels[number], Position(epoch: 1, sequence: 20)))
            }
        }
        // What is no notice is counted.
        try server.run("SELECT pg_notify('hub_' || to_hex(hashtext('\(schemas[0])')), 'nonsense')")
        try await wait("nonsense") { stations[1].count("hub_bus_malformed_total") == 1 }
        #expect(stations[2].received.isEmpty, "of another schema")
        #expect(stations[0].received.allSatisfy { !NoticeTests.all.contains($0) }, "no echo")
        for station in stations { await station.bus.close() }
    }

    @Test func whatWaitsIsBoundedAndComesWhenThereIsAConnection() async throws {
        let server = try PostgresServer.given()
        let schema = try server.makeSchema()
        defer { server.dropSchema(schema) }
        let (one, other) = (try Station(server.url(schema: schema)), try Station(server.url(schema: schema)))
        other.start()
        try await wait("the bus to listen") { other.connected == 1 }
        for _ in 0..<NoticeQueue.limit + 10 { one.bus.publish(.organisationChanged(fresh())) }
        #expect(one.count("hub_bus_dropped_total") == 10)
        one.start()
        try await wait("all that was kept") { other.received.count == NoticeQueue.limit }
        #expect(one.count("hub_bus_published_total") == UInt64(NoticeQueue.limit))
        await one.bus.close()
        one.bus.publish(.organisationChanged(fresh()))
        #expect(one.count("hub_bus_dropped_total") == 11)
        await other.bus.close()
    }

    @Test func aServerThatComesBackIsListenedToAgain() async throws {
        _ = try PostgresServer.given()
        let server = try OwnPostgres()
        defer { server.remove() }
        let stations = try [Station(server.url), Station(server.url)]
        // There is none yet.
        for station in stations { station.start() }
        stations[0].bus.publish(NoticeTests.all[1])
        try await server.start()
        for round in 1...3 {
            try await wait("the buses to listen") { stations.allSatisfy { $0.connected >= round } }
            let notice = Notice.organisationChanged(fresh())
            stations[0].bus.publish(notice)
            try await wait("a notice") { stations[1].received.contains(notice) }
            guard round < 3 else { break }
            server.kill()
            try await server.start()
        }
        #expect(stations[0].count("hub_bus_connections_total") >= 3)
        for station in stations { await station.bus.close() }
    }
}
