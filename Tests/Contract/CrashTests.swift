// kill -9 and full disks: what was acknowledged is there, once, and the store comes back by itself.

import Glibc
import Model
import Ports
import Store
import Testing

@Suite(.serialized) struct CrashTests {
    /// A child process appends and dies by SIGKILL in the middle, several times; after each death all
    /// that it had noted as acknowledged is in the logs.
    @Test func aKilledProcessLosesNothingItAcknowledged() async throws {
        let folder = try Folder()
        defer { folder.remove() }
        let place = Place(location: .sqlite(path: folder.path + "/hub.db"), folder: folder)
        let world = try await World.make(in: place)
        let note = try Notes(path: folder.path + "/acknowledged")

        for round in 0..<5 {
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [text = world.text as String, path = folder.path as String, round = round as Int] in
                let world = try #require(World(text: text))
                let place = Place(location: .sqlite(path: path + "/hub.db"), folder: nil)
                let notes = try Notes(path: path + "/acknowledged")
                let store = try await place.open()
                let count = Lock(0)
                await world.append(to: store, notes, prefix: "r\(round)-", perChannel: 10_000) {
                    let isLast = count.withLock { count in
                        count += 1
                        return count == 200
                    }
                    if isLast { kill(getpid(), SIGKILL) }
                    return true
                }
            }
            let store = try await place.open()
            try await world.check(store, note.read())
            await store.close()
        }
        #expect(note.read().count >= 5 * 200)
    }

    /// The server dies with all its processes while many append, and comes back. Whoever is told
    /// "uncertain" or "unavailable" asks again with the same keys, as the port says.
    @Test func aKilledPostgresLosesNothingAcknowledged() async throws {
        _ = try PostgresServer.given()
        let server = try OwnPostgres()
        defer { server.remove() }
        try await server.start()
        let place = Place(location: .postgres(url: server.url), folder: nil)
        let world = try await World.make(in: place)
        let notes = try Notes(path: server.folder.path + "/acknowledged")
        let store = try await place.open()

        let rounds = 5
        let acknowledged = Lock(0)
        let isOver = Lock(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await world.append(to: store, notes, prefix: "k", perChannel: .max) {
                    acknowledged.withLock { $0 += 1 }
                    return !isOver.withLock({ $0 })
                }
            }
            group.addTask {
                defer { isOver.withLock { $0 = true } }
                for round in 1...rounds {
                    try await wait("appends") { acknowledged.withLock({ $0 }) > round * 200 }
                    server.kill()
                    try await wait("the store to notice") { !store.isHealthy }
                    try await server.start()
                    let before = acknowledged.withLock({ $0 })
                    // By itself: nobody tells the store.
                    try await wait("recovery") {
                        store.isHealthy && acknowledged.withLock({ $0 }) > before
                    }
                }
            }
            try await group.waitForAll()
        }
        try await world.check(store, notes.read())
        await store.close()
    }

    /// A hung server is given up in time, and the store recovers when it moves again.
    @Test func aHungPostgresIsUncertainNotForEver() async throws {
        _ = try PostgresServer.given()
        let server = try OwnPostgres()
        defer { server.remove() }
        try await server.start()
        let place = Place(location: .postgres(url: server.url), folder: nil)
        var options = StoreOptions()
        options.postgresAnswerMilliseconds = 500
        options.postgresWaitMilliseconds = 500
        let store = try await place.open(options)
        let office = try await Office(store)
        let channel = try await office.channel("general")
        server.signal(SIGSTOP)
        let event = office.messages(1, after: 0, key: "k")
        let write = await #expect(throws: StoreError.self) {
            try await store.append(office.id, channel, expecting: position(0), event)
        }
        if case .uncertain = write {} else { Issue.record("\(String(describing: write))") }
        let read = await #expect(throws: StoreError.self) { try await store.isEmpty() }
        if case .unavailable = read {} else { Issue.record("\(String(describing: read))") }
        server.signal(SIGCONT)
        try await wait("recovery") { (try? await store.isEmpty()) == false }
        // Asked again with the same key: it is there now, or it was there already.
        switch try await store.append(office.id, channel, expecting: position(0), event) {
        case .committed: break
        case .headMoved(let head): #expect(head == position(1))
        case .duplicates: Issue.record("duplicates come after the head")
        }
        #expect(try await store.events(office.id, channel, .after(0), limit: 10) == event)
        await store.close()
    }

    /// No space: refused as such, nothing acknowledged, and on again when there is room, in the same
    /// process. Two ways to have no space: a limit on file sizes, and (for root) a small file system.
    @Test func aFullDiskIsSurvived() async throws {
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_IGN)
            let folder = try Folder()
            defer { folder.remove() }
            let place = Place(location: .sqlite(path: folder.path + "/hub.db"), folder: folder)
            var limit = rlimit(rlim_cur: 600_000, rlim_max: .max)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
            try await fill(place) {
                limit.rlim_cur = .max
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            }
        }
    }

    @Test func aFullFileSystemIsSurvived() async throws {
        let folder = try Folder()
        defer { folder.remove() }
        guard mount("tmpfs", folder.path, "tmpfs", 0, "size=2m") == 0 else {
            try Test.cancel("cannot mount a small file system here (needs root)")
        }
        defer { umount2(folder.path, Int32(MNT_DETACH)) }
        let ballast = folder.path + "/ballast"
        let file = open(ballast, O_CREAT | O_WRONLY, 0o600)
        try #require(file >= 0 && posix_fallocate(file, 0, 1 << 20) == 0)
        close(file)
        try await fill(Place(location: .sqlite(path: folder.path + "/hub.db"), folder: folder)) {
            unlink(ballast)
        }
    }
}

/// Appends until there is no space, makes room, and goes on.
private func fill(_ place: Place, makeRoom: () -> Void) async throws {
    let store = try await place.open()
    let office = try await Office(store)
    let channel = try await office.channel("general")
    var head: UInt64 = 0
    var failed = false
    while !failed, head < 2_000 {
        var event = message(head + 1, key: "k\(head)", by: office.owner.id)
        event.body?.bytes = [UInt8](repeating: 7, count: 4_000)
        do {
            let outcome = try await store.append(office.id, channel, expecting: position(head), [event])
            try #require(outcome == .committed)
            head += 1
        } catch {
            guard case StoreError.storageFull = error else { throw error }
            failed = true
        }
    }
    try #require(failed && head > 10)
    #expect(!store.isHealthy)
    // Reading goes on, and what was acknowledged is there.
    #expect(try await store.channel(office.id, channel)?.head == position(head))
    makeRoom()
    let more = office.messages(3, after: head, key: "after")
    #expect(try await store.append(office.id, channel, expecting: position(head), more) == .committed)
    #expect(store.isHealthy)
    await store.close()
    let again = try await place.open()
    let log = try await again.events(office.id, channel, .after(0), limit: 10_000)
    #expect(log.map(\.sequence) == (1...head + 3).map { $0 })
    await again.close()
}

/// Waits for a condition, at most 60 s.
func wait(_ what: String, until condition: () async -> Bool) async throws {
    let deadline = TestClocks().monotonic().value + 120_000_000_000
    while !(await condition()) {
        guard TestClocks().monotonic().value < deadline else { throw Fault("waited too long for \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// An organisation with channels that a crash test writes to; it survives as text.
struct World: Sendable {
    let organisation: OrganisationID
    let sender: AccountID
    let channels: [ChannelID]

    var text: String {
        ([organisation.description, sender.description] + channels.map(\.description))
            .joined(separator: " ")
    }

    init(organisation: OrganisationID, sender: AccountID, channels: [ChannelID]) {
        self.organisation = organisation
        self.sender = sender
        self.channels = channels
    }

    init?(text: String) {
        let words = text.split(separator: " ").map(String.init)
        guard words.count > 2, let organisation = OrganisationID(words[0]),
            let sender = AccountID(words[1])
        else { return nil }
        self.init(organisation: organisation, sender: sender,
                  channels: words.dropFirst(2).compactMap { ChannelID($0) })
    }

    static func make(in place: Place) async throws -> World {
        let store = try await place.open()
        let office = try await Office(store)
        var channels: [ChannelID] = []
        for number in 0..<20 { channels.append(try await office.channel("c\(number)")) }
        await store.close()
        return World(organisation: office.id, sender: office.owner.id, channels: channels)
    }

    /// One task for each channel appends one message after the other, at the head it finds, and asks
    /// again with the same key when it does not know. Each acknowledgement is noted, then told to `go`,
    /// which says whether to go on.
    func append(to store: Store, _ notes: Notes, prefix: String, perChannel: Int,
                go: @escaping @Sendable () -> Bool) async
    {
        await withTaskGroup(of: Void.self) { group in
            for channel in channels {
                group.addTask {
                    var head: UInt64 = 0
                    var number = 0
                    while number < perChannel {
                        let event = message(head + 1, key: "\(prefix)\(number)", by: sender)
                        do {
                            switch try await store.append(organisation, channel,
                                                          expecting: position(head), [event]) {
                            case .committed:
                                head += 1
                                notes.write(channel, head, event.key)
                            case .duplicates(let duplicates):
                                notes.write(channel, duplicates[0].sequence, event.key)
                            case .headMoved(let now):
                                head = now?.sequence ?? 0
                                continue
                            }
                            number += 1
                            if !go() { return }
                        } catch StoreError.uncertain, StoreError.unavailable {
                            // Again, with the same key.
                        } catch {
                            Issue.record("\(error)")
                            return
                        }
                    }
                }
            }
        }
    }

    /// Every noted message stands where it was noted, no key twice, no gap.
    func check(_ store: Store, _ notes: [Notes.Line]) async throws {
        for channel in channels {
            let log = try await store.events(organisation, channel, .after(0), limit: 1_000_000)
            #expect(log.map(\.sequence) == (0..<log.count).map { UInt64($0) + 1 })
            #expect(Set(log.map(\.key)).count == log.count, "a key twice")
            let head = try await store.channel(organisation, channel)?.head
            #expect(head == position(UInt64(log.count)))
            for line in notes where line.channel == channel {
                let stands = line.sequence <= log.count && log[Int(line.sequence) - 1].key == line.key
                #expect(stands, "lost: \(line)")
            }
        }
    }
}

/// Acknowledgements, written down where they survive the process.
struct Notes: Sendable {
    struct Line: Sendable {
        let channel: ChannelID
        let sequence: UInt64
        let key: IdempotencyKey
    }
    private let path: String
    private let file: Int32

    init(path: String) throws {
        self.path = path
        file = open(path, O_CREAT | O_WRONLY | O_APPEND, 0o600)
        guard file >= 0 else { throw Fault("cannot write \(path)") }
    }

    func write(_ channel: ChannelID, _ sequence: UInt64, _ key: IdempotencyKey) {
        let line = "\(channel) \(sequence) \(key)\n"
        precondition(Glibc.write(file, line, line.utf8.count) == line.utf8.count)
    }

    func read() -> [Line] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&part, 1, part.count, file), count > 0 { text += part[..<count] }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 3, let channel = ChannelID(words[0]), let sequence = UInt64(words[1])
            else { return nil }
            return Line(channel: channel, sequence: sequence, key: IdempotencyKey(words[2]))
        }
    }
}
