// A store in memory that answers later, and fails when told to. It keeps the promises of the port:
// compare-and-set of the head, duplicates by sender and key.

import Live
import Model
import Ports

final class MemoryStore: ChannelStore, MemberStore, @unchecked Sendable {
    // SAFETY: see World: everything runs on the thread of the test.
    struct Log {
        var record: ChannelRecord
        var events: [StoredEvent] = []
        var read: [AccountID: UInt64] = [:]
    }
    enum Fault {
        case failBefore(StoreError)
        /// It is written, and the answer is lost.
        case failAfter(StoreError)
    }

    unowned var world: World!
    var logs: [OrganisationID: [ChannelID: Log]] = [:]
    var members: [OrganisationID: [Person]] = [:] {
        didSet { revision += 1 }
    }
    /// When each membership began: so many memberships came before.
    private var since: [OrganisationID: [AccountID: UnixMilliseconds]] = [:]
    private var joins: Int64 = 0
    var revoked: Set<LoginID> = [] {
        didSet { revision += 1 }
    }
    /// One for all organisations.
    private var revision: UInt64 = 0
    /// Faults of coming appends, first first.
    var appendFaults: [Fault] = []
    var readFaults: [StoreError] = []
    /// How long what one account sees of a channel is on its way.
    var hops = 0
    /// Gives the next answer to `people` in the store's place, once.
    var peopleAnswer: (() -> [Person])?
    /// Told instead of the outcome of coming changes of members, which are made all the same.
    var memberFaults: [StoreError] = []
    private(set) var appends: [[EventID]] = []
    private(set) var pageReads = 0
    /// Which channels were read, without their logs.
    private(set) var recordReads: [ChannelID] = []
    /// Called once, when such a read is done and before its answer arrives.
    var afterRecordRead: [ChannelID: () -> Void] = [:]
    /// How many channels each comparison of heads asked for.
    private(set) var headReads: [Int] = []
    /// So many turns of the queue pass before a page is read.
    var readDelay = 0
    /// While set, appends wait for `releaseAppends`.
    var holdsAppends = false
    private var held: [() -> Void] = []
    /// While set, what was read of logs and sign-ins is not told before `releaseReads`.
    var holdsReads = false
    private var heldReads: [() -> Void] = []

    func releaseAppends() {
        holdsAppends = false
        for body in held { world.later(body) }
        held = []
    }

    func releaseReads() {
        holdsReads = false
        for body in heldReads { world.later(body) }
        heldReads = []
    }

    /// Reads now and answers when it may.
    private func answerRead<Value: Sendable>(_ body: @escaping () -> Value) async -> Value {
        let value = await answer(body)
        if holdsReads {
            await withCheckedContinuation { continuation in heldReads.append { continuation.resume() } }
        }
        return value
    }

    func person(_ account: AccountID, in organisation: OrganisationID, role: Role = .member) {
        members[organisation, default: []].append(
            Person(account: account, firstName: "P", lastName: "\(account.low)", role: role))
        joins += 1
        since[organisation, default: [:]][account] = UnixMilliseconds(joins)
    }

    func member(_ account: AccountID, in organisation: OrganisationID) -> Member? {
        person(account, of: organisation).map { Member(person: $0, since: since[organisation]![account]!) }
    }

    /// As another node would, without a word to this one.
    func setRole(_ account: AccountID, _ role: Role, in organisation: OrganisationID) {
        let index = members[organisation]!.firstIndex { $0.account == account }!
        members[organisation]![index].role = role
    }

    @discardableResult
    func makeChannel(_ id: ChannelID, in organisation: OrganisationID, kind: ChannelKind = .open,
                     members: [AccountID]) -> ChannelID {
        let record = ChannelRecord(id: id, kind: kind, name: "c\(id.low)", topic: "",
                                   head: Position(epoch: 1, sequence: 0), members: members,
                                   parties: kind == .direct ? members : [])
        logs[organisation, default: [:]][id] = Log(record: record)
        return id
    }

    /// Answers after everything that is queued now.
    private func answer<Value: Sendable>(_ body: @escaping () -> Value) async -> Value {
        // SAFETY: see World: it runs on the thread of the test.
        nonisolated(unsafe) let body = body
        return await withCheckedContinuation { continuation in
            world.later { continuation.resume(returning: body()) }
        }
    }

    func channel(_ organisation: OrganisationID, _ channel: ChannelID) async throws(StoreError)
        -> ChannelRecord?
    {
        if !readFaults.isEmpty { throw readFaults.removeFirst() }
        return await answer {
            self.recordReads.append(channel)
            var record = self.logs[organisation]?[channel]?.record
            record?.members.removeAll { self.person($0, of: organisation) == nil }
            self.afterRecordRead.removeValue(forKey: channel)?()
            return record
        }
    }

    func heads(_ organisation: OrganisationID, _ channels: [ChannelID]) async throws(StoreError)
        -> [ChannelID: Position]
    {
        headReads.append(channels.count)
        return await answer {
            (self.logs[organisation] ?? [:]).filter { channels.contains($0.key) }.mapValues(\.record.head)
        }
    }

    func append(_ organisation: OrganisationID, _ channel: ChannelID, expecting expected: Position,
                _ events: [StoredEvent]) async throws(StoreError) -> AppendOutcome {
        if holdsAppends {
            await withCheckedContinuation { continuation in held.append { continuation.resume() } }
        }
        let fault = appendFaults.isEmpty ? nil : appendFaults.removeFirst()
        if case .failBefore(let error) = fault { throw error }
        let outcome = await answer { self.apply(organisation, channel, expected, events) }
        if case .failAfter(let error) = fault { throw error }
        return outcome
    }

    func apply(_ organisation: OrganisationID, _ channel: ChannelID, _ expected: Position,
               _ events: [StoredEvent]) -> AppendOutcome {
        guard var log = logs[organisation]?[channel] else { return .headMoved(nil) }
        let found = events.enumerated().compactMap { index, event -> Duplicate? in
            guard !event.key.isEmpty,
                  let old = log.events.first(where: { $0.sender == event.sender && $0.key == event.key })
            else { return nil }
            return Duplicate(index: index, sequence: old.sequence, id: old.id, at: old.at)
        }
        guard log.record.head == expected else { return .headMoved(log.record.head) }
        if !found.isEmpty { return .duplicates(found) }
        appends.append(events.map(\.id))
        for event in events {
            precondition(event.sequence == log.record.head.sequence + 1)
            log.record.head.sequence += 1
            log.events.append(event)
            guard let subject = event.subject else { continue }
            log.record.members.removeAll { $0 == subject }
            if event.kind == .joined, person(subject, of: organisation) != nil {
                log.record.members.append(subject)
            }
        }
        logs[organisation]?[channel] = log
        return .committed
    }

    func events(_ organisation: OrganisationID, _ channel: ChannelID, _ range: LogRange, limit: Int)
        async throws(StoreError) -> [StoredEvent]
    {
        if !readFaults.isEmpty { throw readFaults.removeFirst() }
        pageReads += 1
        for _ in 0..<readDelay { await answer {} }
        return await answerRead {
            let all = self.logs[organisation]?[channel]?.events ?? []
            return switch range {
            case .before(let end): all.filter { end == 0 || $0.sequence < end }.suffix(limit)
            case .after(let start): Array(all.filter { $0.sequence > start }.prefix(limit))
            }
        }
    }

    func channels(_ organisation: OrganisationID, visibleTo account: AccountID, limit: Int)
        async throws(StoreError) -> [ChannelSummary]
    {
        await answer { Array(self.visible(organisation, to: account).prefix(limit)) }
    }

    func channel(_ organisation: OrganisationID, _ channel: ChannelID, seenBy account: AccountID)
        async throws(StoreError) -> ChannelSummary?
    {
        let found = await answer { self.visible(organisation, to: account).first { $0.id == channel } }
        for _ in 0..<hops { await answer {} }
        return found
    }

    private func visible(_ organisation: OrganisationID, to account: AccountID) -> [ChannelSummary] {
        (logs[organisation] ?? [:]).values
            .filter { $0.record.kind == .open || $0.record.members.contains(account) }
            .sorted { $0.record.id < $1.record.id }
            .map { log in
                ChannelSummary(
                    id: log.record.id, kind: log.record.kind, name: log.record.name, topic: "",
                    head: log.record.head, joined: log.record.members.contains(account),
                    read: log.read[account] ?? 0,
                    parties: log.record.kind == .direct ? log.record.members : [])
            }
    }

    func createChannel(_ organisation: OrganisationID, _ channel: ChannelRecord,
                       by account: AccountID, at: UnixMilliseconds) async throws(StoreError) -> Bool {
        await answer {
            let names = (self.logs[organisation] ?? [:]).values.map { $0.record.name.lowercased() }
            guard !names.contains(channel.name.lowercased()) else { return false }
            self.logs[organisation, default: [:]][channel.id] = Log(record: channel)
            return true
        }
    }

    func directChannel(_ organisation: OrganisationID, _ a: AccountID, _ b: AccountID,
                       candidate: ChannelID, at: UnixMilliseconds) async throws(StoreError)
        -> ChannelRecord
    {
        await answer {
            let parties = a == b ? [a] : [a, b]
            let known = (self.logs[organisation] ?? [:]).values.first {
                $0.record.kind == .direct && Set($0.record.members) == Set(parties)
            }
            if let known { return known.record }
            let record = ChannelRecord(id: candidate, kind: .direct, name: "", topic: "",
                                       head: Position(epoch: 1, sequence: 0), members: parties,
                                       parties: parties)
            self.logs[organisation, default: [:]][candidate] = Log(record: record)
            return record
        }
    }

    func markRead(_ organisation: OrganisationID, _ channel: ChannelID, _ account: AccountID,
                  sequence: UInt64) async throws(StoreError) {
        await answer {
            let old = self.logs[organisation]?[channel]?.read[account] ?? 0
            self.logs[organisation]?[channel]?.read[account] = max(old, sequence)
        }
    }

    func people(_ organisation: OrganisationID) async throws(StoreError) -> [Member] {
        if !readFaults.isEmpty { throw readFaults.removeFirst() }
        return await answer {
            defer { self.peopleAnswer = nil }
            let found = self.peopleAnswer?() ?? self.members[organisation] ?? []
            return found.map { Member(person: $0, since: self.since[organisation]![$0.account]!) }
        }
    }

    func revision(_ organisation: OrganisationID) async throws(StoreError) -> UInt64 {
        await answer { self.revision }
    }

    func revokedLogins(_ organisation: OrganisationID, _ logins: [LoginID]) async throws(StoreError)
        -> [LoginID]
    {
        await answer { logins.filter { self.revoked.contains($0) } }
    }

    func login(_ organisation: OrganisationID, _ login: LoginID) async throws(StoreError)
        -> LoginRecord?
    {
        await answerRead {
            LoginRecord(id: login, account: AccountID(high: 1, low: login.low),
                        organisation: organisation, createdAt: UnixMilliseconds(0),
                        lastUsedAt: UnixMilliseconds(0), refreshLifetimeMilliseconds: 1,
                        address: "", userAgent: "",
                        revokedAt: self.revoked.contains(login) ? UnixMilliseconds(1) : nil)
        }
    }

    // MARK: Members

    private func person(_ account: AccountID, of organisation: OrganisationID) -> Person? {
        members[organisation]?.first { $0.account == account }
    }

    /// Whether one of them may do it to the other, whose row is then changed.
    private func change(_ organisation: OrganisationID, _ account: AccountID, by actor: AccountID,
                        keepsOwner: Bool, _ isAllowed: (Person, Person) -> Bool,
                        _ change: (Int) -> Void) -> MemberOutcome {
        let (who, whom) = (person(actor, of: organisation), person(account, of: organisation))
        let others = (members[organisation] ?? []).filter { $0.account != account && $0.role == .owner }
        guard let who, let whom, isAllowed(who, whom),
              keepsOwner || whom.role != .owner || !others.isEmpty
        else { return .refused(actor: who?.role, subject: whom?.role) }
        change(members[organisation]!.firstIndex { $0.account == account }!)
        return .done(member(account, in: organisation))
    }

    func changeRole(_ organisation: OrganisationID, _ account: AccountID, to role: Role,
                    by actor: AccountID, at: UnixMilliseconds) async throws(StoreError) -> MemberOutcome {
        await answer {
            self.change(organisation, account, by: actor, keepsOwner: role == .owner) { who, whom in
                who.role == .owner || who.role == .admin && whom.role < .owner && role < .owner
            } _: { index in
                self.members[organisation]![index].role = role
            }
        }
    }

    func removePerson(_ organisation: OrganisationID, _ account: AccountID, by actor: AccountID,
                      at: UnixMilliseconds) async throws(StoreError) -> MemberOutcome {
        let outcome = await answer {
            self.change(organisation, account, by: actor, keepsOwner: false) { who, whom in
                account == actor || who.role == .owner || who.role == .admin && whom.role < .owner
            } _: { index in
                self.members[organisation]!.remove(at: index)
                self.revoked.insert(PlainVerifier.login(account, organisation))
                for (id, log) in self.logs[organisation] ?? [:] where log.record.kind != .direct {
                    self.logs[organisation]![id]!.record.members.removeAll { $0 == account }
                }
            }
        }
        if !memberFaults.isEmpty { throw memberFaults.removeFirst() }
        return outcome
    }
}
