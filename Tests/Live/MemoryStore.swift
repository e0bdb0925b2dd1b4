// The store of the simulator, with answers that come later, fail, or wait when told to.

import Live
import Model
import Ports
import Simulation

final class MemoryStore: ChannelStore, MemberStore, @unchecked Sendable {
    // SAFETY: see World: everything runs on the thread of the test.
    enum Fault {
        case failBefore(StoreError)
        /// It is written, and the answer is lost.
        case failAfter(StoreError)
    }

    unowned var world: World!
    private(set) var model = StoreModel()
    /// Changes that tests made behind the model's back.
    private var changes: UInt64 = 0
    var logs: [OrganisationID: [ChannelID: StoreModel.Log]] {
        get { model.logs }
        set { model.logs = newValue }
    }
    var members: [OrganisationID: [Person]] {
        get { model.members }
        set {
            model.members = newValue
            changes += 1
        }
    }
    var revoked: Set<LoginID> {
        get { model.revoked }
        set {
            model.revoked = newValue
            changes += 1
        }
    }
    /// Says whose a sign-in is; otherwise it is whose the token says.
    func own(_ login: LoginID, _ account: AccountID, of organisation: OrganisationID) {
        model.logins[login] = StoreModel.Owner(account: account, organisation: organisation)
    }
    /// Faults of coming appends, first first.
    var appendFaults: [Fault] = []
    var readFaults: [StoreError] = []
    /// How long what one account sees of a channel is on its way.
    var hops = 0
    /// Gives the next answer to `people` in the store's place, once.
    var peopleAnswer: (() -> [Member])?
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

    func spoil(_ channel: ChannelID, _ sequence: UInt64, _ damage: StoreModel.Damage) {
        model.spoil(channel, sequence, damage)
    }

    func person(_ account: AccountID, in organisation: OrganisationID, role: Role = .member) {
        model.add(Person(account: account, firstName: "P", lastName: "\(account.low)", role: role), to: organisation)
        model.logins[PlainVerifier.login(account, organisation)] = .init(account: account, organisation: organisation)
    }

    func member(_ account: AccountID, in organisation: OrganisationID) -> Member? {
        model.people(organisation).first { $0.account == account }
    }

    /// As another node would, without a word to this one.
    func setRole(_ account: AccountID, _ role: Role, in organisation: OrganisationID) {
        let index = members[organisation]!.firstIndex { $0.account == account }!
        members[organisation]![index].role = role
    }

    @discardableResult
    func makeChannel(_ id: ChannelID, in organisation: OrganisationID, kind: ChannelKind = .open,
                     members: [AccountID]) -> ChannelID {
        model.makeChannel(id, in: organisation, kind: kind, name: "c\(id.low)", members: members)
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
            let record = self.model.channel(organisation, channel)
            self.afterRecordRead.removeValue(forKey: channel)?()
            return record
        }
    }

    func heads(_ organisation: OrganisationID, _ channels: [ChannelID]) async throws(StoreError)
        -> [ChannelID: Position]
    {
        headReads.append(channels.count)
        return await answer { self.model.heads(organisation, channels) }
    }

    func renewLog(_ organisation: OrganisationID, _ channel: ChannelID, from known: UInt64, to epoch: UInt64)
        async throws(StoreError)
    {
        _ = await answer { self.model.renewLog(organisation, channel, from: known, to: epoch) }
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
        let outcome = model.append(organisation, channel, expecting: expected, events)
        if outcome == .committed { appends.append(events.map(\.id)) }
        return outcome
    }

    func events(_ organisation: OrganisationID, _ channel: ChannelID, _ range: LogRange, limit: Int,
                bytesMax: Int) async throws(StoreError) -> [StoredEvent]
    {
        if !readFaults.isEmpty { throw readFaults.removeFirst() }
        pageReads += 1
        for _ in 0..<readDelay { await answer {} }
        return await answerRead {
            self.model.events(organisation, channel, range, limit: limit, bytesMax: bytesMax)
        }
    }

    func channels(_ organisation: OrganisationID, visibleTo account: AccountID, after: ChannelCursor?,
                  limit: Int) async throws(StoreError) -> [ChannelSummary]
    {
        await answer { self.model.channels(organisation, visibleTo: account, after: after, limit: limit) }
    }

    func channel(_ organisation: OrganisationID, _ channel: ChannelID, seenBy account: AccountID)
        async throws(StoreError) -> ChannelSummary?
    {
        let found = await answer { self.model.channel(organisation, channel, seenBy: account) }
        for _ in 0..<hops { await answer {} }
        return found
    }

    func createChannel(_ organisation: OrganisationID, _ channel: ChannelRecord,
                       by account: AccountID, at: UnixMilliseconds) async throws(StoreError) -> Bool {
        await answer { self.model.createChannel(organisation, channel) }
    }

    func directChannel(_ organisation: OrganisationID, _ a: AccountID, _ b: AccountID,
                       candidate: ChannelID, at: UnixMilliseconds) async throws(StoreError)
        -> ChannelRecord
    {
        await answer { self.model.directChannel(organisation, a, b, candidate: candidate) }
    }

    func markRead(_ organisation: OrganisationID, _ channel: ChannelID, _ account: AccountID,
                  sequence: UInt64) async throws(StoreError) {
        await answer { self.model.markRead(organisation, channel, account, sequence: sequence) }
    }

    func people(_ organisation: OrganisationID) async throws(StoreError) -> [Member] {
        if !readFaults.isEmpty { throw readFaults.removeFirst() }
        return await answer {
            defer { self.peopleAnswer = nil }
            return self.peopleAnswer?() ?? self.model.people(organisation)
        }
    }

    func revision(_ organisation: OrganisationID) async throws(StoreError) -> UInt64 {
        await answer { self.changes + (self.model.revisions[organisation] ?? 0) }
    }

    func revokedLogins(_ organisation: OrganisationID, _ logins: [LoginID]) async throws(StoreError)
        -> [LoginID]
    {
        await answer { self.model.revokedLogins(logins) }
    }

    func login(_ organisation: OrganisationID, _ login: LoginID) async throws(StoreError)
        -> LoginRecord?
    {
        await answerRead { self.model.login(organisation, login) }
    }

    func changeRole(_ organisation: OrganisationID, _ account: AccountID, to role: Role,
                    by actor: AccountID, at: UnixMilliseconds) async throws(StoreError) -> MemberOutcome {
        await answer { self.model.changeRole(organisation, account, to: role, by: actor) }
    }

    func removePerson(_ organisation: OrganisationID, _ account: AccountID, by actor: AccountID,
                      at: UnixMilliseconds) async throws(StoreError) -> MemberOutcome {
        let outcome = await answer { self.model.removePerson(organisation, account, by: actor) }
        if !memberFaults.isEmpty { throw memberFaults.removeFirst() }
        return outcome
    }
}
