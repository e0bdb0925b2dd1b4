// The store of a simulated world: every hub reaches it through a handle of its own. Calls take time, fail
// before or after they took effect, and are lost when the store or the hub crashes.

import Model
import Ports

final class SimStore: @unchecked Sendable {
    // SAFETY: see Scheduler.

    var model = StoreModel()
    private let world: Simulation
    private var random: SeededRandom
    private(set) var isDown = false
    /// Calls under way, by number; each is told how it ended exactly once.
    private var calls: [Int: Call] = [:]
    /// Writes of killed hubs that are on their way still.
    private var orphans: Set<Int> = []
    private var callsMade = 0

    private struct Call {
        let node: Int
        let isWrite: Bool
        let fail: (StoreError) -> Void
    }

    init(_ world: Simulation, random: SeededRandom) {
        self.world = world
        self.random = random
    }

    fileprivate func perform<Value: Sendable>(
        _ node: SimNode, _ name: StaticString, isWrite: Bool = false,
        fact: @escaping (Value) -> Fact? = { _ in nil }, _ body: @escaping (inout StoreModel) -> Value
    ) async throws(StoreError) -> Value {
        if node.isDead { throw .unavailable("killed") }
        // SAFETY: see Scheduler: it runs on the thread of the world.
        nonisolated(unsafe) let (body, fact) = (body, fact)
        let result: Result<Value, StoreError> = await withUnsafeContinuation { continuation in
            begin(node, name, isWrite, fact, body) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    private func begin<Value>(_ node: SimNode, _ name: StaticString, _ isWrite: Bool,
                              _ fact: @escaping (Value) -> Fact?,
                              _ body: @escaping (inout StoreModel) -> Value,
                              _ answer: @escaping (Result<Value, StoreError>) -> Void) {
        callsMade += 1
        let number = callsMade
        calls[number] = Call(node: node.number, isWrite: isWrite) { answer(.failure($0)) }
        world.trace.note(.storeCall, node.number, Int64(number), name, "\(number) of hub \(node.number)")
        world.scheduler.after(microseconds: delay()) { [self] in
            let isOrphan = orphans.remove(number) != nil
            guard calls[number] != nil || isOrphan else { return }
            if isDown || node.isCutFromStore, !isOrphan {
                end(number)?.fail(.unavailable("down"))
                return
            }
            if let error = faultBefore() {
                world.trace.note(.storeFault, node.number, Int64(number), name, "\(number) of hub \(node.number)")
                end(number)?.fail(error)
                return
            }
            let value = body(&model)
            if let fact = fact(value) { world.observe(fact) }
            world.trace.note(.storeDone, node.number, Int64(number), name, "\(number) of hub \(node.number)")
            if isWrite, random.chance(world.faults.lostAnswers) {
                world.trace.note(.storeFault, node.number, Int64(number), "answer lost:", "\(number)")
                world.scheduler.after(microseconds: delay()) { [self] in
                    end(number)?.fail(.uncertain("answer lost"))
                }
                return
            }
            world.scheduler.after(microseconds: delay()) { [self] in
                if end(number) != nil { answer(.success(value)) }
            }
        }
    }

    fileprivate func observeRead(of what: ReadForSomebody, by node: SimNode) {
        if !node.isDead { world.observe(.readBegun(node, what)) }
    }

    private func end(_ number: Int) -> Call? { calls.removeValue(forKey: number) }

    private func delay() -> Int64 {
        if random.chance(world.faults.slowStore) { return random.between(100_000, 3_000_000) }
        return random.between(50, world.plan.storeMicroseconds)
    }

    private func faultBefore() -> StoreError? {
        guard random.chance(world.faults.failedCalls) else { return nil }
        switch random.below(4) {
        case 0: return .overloaded
        case 1: return .storageFull
        case 2: return .uncertain("failed")
        default: return .unavailable("failed")
        }
    }

    /// The store stops: what is under way fails, and whether it had been carried out is not known.
    func crash(backAfter microseconds: Int64) {
        guard !isDown else { return }
        isDown = true
        orphans = []
        world.trace.note(.storeDown, 0)
        for (number, call) in calls.sorted(by: { $0.key < $1.key }) {
            calls[number] = nil
            call.fail(call.isWrite ? .uncertain("crashed") : .unavailable("crashed"))
        }
        world.scheduler.after(microseconds: microseconds) { [self] in
            isDown = false
            world.trace.note(.storeUp, 0)
        }
    }

    /// The network between a hub and the store breaks: what was under way may have been carried out.
    func cut(_ node: SimNode) {
        for (number, call) in calls.sorted(by: { $0.key < $1.key }) where call.node == node.number {
            calls[number] = nil
            if call.isWrite, random.chance(50) { orphans.insert(number) }
            call.fail(call.isWrite ? .uncertain("cut off") : .unavailable("cut off"))
        }
    }

    /// A hub was killed: nobody waits for its calls any more.
    func forget(_ node: SimNode) {
        for (number, call) in calls.sorted(by: { $0.key < $1.key }) where call.node == node.number {
            calls[number] = nil
            if call.isWrite, random.chance(50) { orphans.insert(number) }
            call.fail(.unavailable("killed"))
        }
    }
}

/// What one hub sees of the store.
struct StoreHandle: ChannelStore, MemberStore {
    let store: SimStore
    let node: SimNode

    func channel(_ organisation: OrganisationID, _ channel: ChannelID) async throws(StoreError)
        -> ChannelRecord?
    {
        try await store.perform(node, "channel") { $0.channel(organisation, channel) }
    }

    func heads(_ organisation: OrganisationID, _ channels: [ChannelID]) async throws(StoreError)
        -> [ChannelID: Position]
    {
        try await store.perform(node, "heads") { $0.heads(organisation, channels) }
    }

    func channel(_ organisation: OrganisationID, _ channel: ChannelID, seenBy account: AccountID)
        async throws(StoreError) -> ChannelSummary?
    {
        try await store.perform(node, "channel seen") { $0.channel(organisation, channel, seenBy: account) }
    }

    func append(_ organisation: OrganisationID, _ channel: ChannelID, expecting expected: Position,
                        _ events: [StoredEvent]) async throws(StoreError) -> AppendOutcome {
        try await store.perform(node, "append", isWrite: true, fact: {
            $0 == .committed ? .committed(organisation, channel, events) : nil
        }) { $0.append(organisation, channel, expecting: expected, events) }
    }

    func events(_ organisation: OrganisationID, _ channel: ChannelID, _ range: LogRange, limit: Int,
                bytesMax: Int) async throws(StoreError) -> [StoredEvent]
    {
        // Pages are read for somebody; what the hub itself reads has no bound in bytes.
        if bytesMax < .max { store.observeRead(of: .page(channel), by: node) }
        return try await store.perform(node, "events") {
            $0.events(organisation, channel, range, limit: limit, bytesMax: bytesMax)
        }
    }

    func renewLog(_ organisation: OrganisationID, _ channel: ChannelID, from known: UInt64, to epoch: UInt64)
        async throws(StoreError)
    {
        _ = try await store.perform(node, "renewLog", isWrite: true) {
            $0.renewLog(organisation, channel, from: known, to: epoch)
        }
    }

    func channels(_ organisation: OrganisationID, visibleTo account: AccountID, after: ChannelCursor?,
                  limit: Int) async throws(StoreError) -> [ChannelSummary]
    {
        store.observeRead(of: .channelList(account), by: node)
        return try await store.perform(node, "channels") {
            $0.channels(organisation, visibleTo: account, after: after, limit: limit)
        }
    }

    func createChannel(_ organisation: OrganisationID, _ channel: ChannelRecord,
                               by account: AccountID, at: UnixMilliseconds) async throws(StoreError) -> Bool {
        try await store.perform(node, "createChannel", isWrite: true, fact: {
            $0 ? .channelMade(organisation, channel) : nil
        }) { $0.createChannel(organisation, channel) }
    }

    func directChannel(_ organisation: OrganisationID, _ a: AccountID, _ b: AccountID,
                               candidate: ChannelID, at: UnixMilliseconds) async throws(StoreError)
        -> ChannelRecord
    {
        try await store.perform(node, "directChannel", isWrite: true, fact: {
            $0.id == candidate ? .channelMade(organisation, $0) : nil
        }) { $0.directChannel(organisation, a, b, candidate: candidate) }
    }

    func markRead(_ organisation: OrganisationID, _ channel: ChannelID, _ account: AccountID,
                          sequence: UInt64) async throws(StoreError) {
        try await store.perform(node, "markRead", isWrite: true) {
            $0.markRead(organisation, channel, account, sequence: sequence)
        }
    }

    func people(_ organisation: OrganisationID) async throws(StoreError) -> [Member] {
        try await store.perform(node, "people") { $0.people(organisation) }
    }

    func changeRole(_ organisation: OrganisationID, _ account: AccountID, to role: Role,
                    by actor: AccountID, at: UnixMilliseconds) async throws(StoreError) -> MemberOutcome {
        try await store.perform(node, "changeRole", isWrite: true, fact: {
            if case .done = $0 { .roleChanged(organisation, account, role) } else { nil }
        }) { $0.changeRole(organisation, account, to: role, by: actor) }
    }

    func removePerson(_ organisation: OrganisationID, _ account: AccountID, by actor: AccountID,
                      at: UnixMilliseconds) async throws(StoreError) -> MemberOutcome {
        try await store.perform(node, "removePerson", isWrite: true, fact: {
            if case .done = $0 { .personRemoved(organisation, account) } else { nil }
        }) { $0.removePerson(organisation, account, by: actor) }
    }

    func revision(_ organisation: OrganisationID) async throws(StoreError) -> UInt64 {
        try await store.perform(node, "revision") { $0.revisions[organisation] ?? 0 }
    }

    func revokedLogins(_ organisation: OrganisationID, _ logins: [LoginID]) async throws(StoreError)
        -> [LoginID]
    {
        try await store.perform(node, "revoked") { $0.revokedLogins(logins) }
    }

    func login(_ organisation: OrganisationID, _ login: LoginID) async throws(StoreError)
        -> LoginRecord?
    {
        try await store.perform(node, "login") { $0.login(organisation, login) }
    }
}
