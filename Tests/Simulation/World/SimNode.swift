// One hub of the world: a registry of production actors, fronts with simulated sockets, and the ports
// through which it reaches the rest. A killed one is replaced by a new node on the same store.

import Live
import Model
import Ports

final class SimNode: @unchecked Sendable {
    // SAFETY: see Scheduler.

    let number: Int
    unowned let world: Simulation
    private(set) var isDead = false
    /// Sends everybody away and takes nobody in.
    private(set) var isDraining = false
    /// Hears nothing of other hubs, and they nothing of it.
    private(set) var isCutFromBus = false
    private(set) var isCutFromStore = false
    private(set) var registry: Registry!
    private(set) var fronts: [SimFront] = []
    private(set) var lanes: [SimLane] = []
    let metrics: LiveMetrics
    /// Bytes in all outboxes of the hub.
    var outboxBytes = 0
    private var entropy: SeededRandom
    /// The lane of each actor, by the low word of its id.
    private var actorLanes: [UInt64: SimLane] = [:]

    init(_ world: Simulation, number: Int, random: SeededRandom) {
        self.world = world
        self.number = number
        entropy = random
        metrics = LiveMetrics(Metrics())
        fronts = (0..<world.plan.frontsPerNode).map { SimFront(self, index: $0, lane: makeLane()) }
        registry = Registry(
            lane: { [unowned self] word in lane(for: word) },
            surroundings: Surroundings(
                channels: StoreHandle(store: world.store, node: self),
                people: StoreHandle(store: world.store, node: self), vault: SimVault(node: self),
                verifier: SimVerifier(), clocks: SimClocks(scheduler: world.scheduler),
                entropy: SimEntropy(node: self), bus: SimBus(node: self), log: .silent, metrics: metrics),
            configuration: world.plan.live)
        world.trace.note(.nodeStarted, number, 0, "hub", "\(number)")
    }

    private func makeLane() -> SimLane {
        let lane = world.makeLane()
        lanes.append(lane)
        return lane
    }

    private func lane(for word: UInt64) -> SimLane {
        if let lane = actorLanes[word] { return lane }
        let lane = makeLane()
        actorLanes[word] = lane
        return lane
    }

    fileprivate func nextWord() -> UInt64 { entropy.next() }
    fileprivate func vaultFails() -> Bool { entropy.chance(world.faults.failedVault) }

    /// kill -9: nothing it does from here on has an effect.
    func kill() {
        guard !isDead else { return }
        isDead = true
        world.trace.note(.nodeKilled, number, 0, "hub", "\(number)")
        for lane in lanes { lane.isDead = true }
        for front in fronts { front.kill() }
        world.store.forget(self)
        world.scheduler.unwind(lanes)
    }

    /// Cut off from the others, or from the store too.
    func cut(withStore: Bool) {
        world.trace.note(.partition, number, withStore ? 1 : 0, "hub", "\(number)")
        isCutFromBus = true
        guard withStore else { return }
        isCutFromStore = true
        world.store.cut(self)
    }

    /// As a bus that has its connection back.
    func reconnect() {
        guard !isDead, isCutFromBus else { return }
        world.trace.note(.healed, number, 0, "hub", "\(number)")
        isCutFromBus = false
        isCutFromStore = false
        registry.resync()
    }

    /// SIGTERM: connections are told to go elsewhere, and then it is gone.
    func drain() {
        guard !isDead, !isDraining else { return }
        isDraining = true
        world.trace.note(.nodeDrained, number, 0, "hub", "\(number)")
        for front in fronts { front.sendAway() }
    }
}

private struct SimClocks: Clocks {
    unowned let scheduler: Scheduler
    func now() -> UnixMilliseconds { scheduler.time }
    func monotonic() -> MonotonicNanoseconds { MonotonicNanoseconds(UInt64(scheduler.now) * 1_000) }
}

private struct SimEntropy: Entropy {
    unowned let node: SimNode
    func words() -> (UInt64, UInt64) { (node.nextWord(), node.nextWord()) }
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: node.nextWord()) } }
}

/// Tokens are texts of the form `account organisation role login expires`.
struct SimVerifier: TokenVerifier {
    static func token(_ principal: Principal) -> AccessToken {
        AccessToken("\(principal.account) \(principal.organisation) \(principal.role.name) "
            + "\(principal.login) \(principal.expiresAt.value)")
    }

    func verify(_ token: AccessToken, at now: UnixMilliseconds) throws(TokenError) -> Principal {
        let parts = token.reveal.split(separator: " ").map(String.init)
        guard parts.count == 5, let account = AccountID(parts[0]),
              let organisation = OrganisationID(parts[1]), let role = Role(name: parts[2]),
              let login = LoginID(parts[3]), let expires = Int64(parts[4])
        else { throw .invalid }
        guard expires > now.value else { throw .expired }
        return Principal(account: account, organisation: organisation, role: role, login: login,
                         expiresAt: UnixMilliseconds(expires))
    }
}

/// Seals by reversing the bytes, bound to the record; fails at times.
private struct SimVault: BodyVault {
    let node: SimNode

    func seal(_ plaintext: [(RecordName, String)]) async throws(VaultError) -> [SealedBody] {
        if node.vaultFails() { throw .unavailable("simulated") }
        return plaintext.map { Self.seal($0, $1) }
    }

    static func seal(_ name: RecordName, _ text: String) -> SealedBody {
        SealedBody(key: KeyID(high: name.event.high ^ name.channel.low, low: name.organisation.low),
                   bytes: text.utf8.reversed())
    }

    func open(_ sealed: [(RecordName, SealedBody)]) async throws(VaultError) -> [String?] {
        if node.vaultFails() { throw .unavailable("simulated") }
        return sealed.map { name, body in
            let text = String(decoding: body.bytes.reversed(), as: UTF8.self)
            return Self.seal(name, text) == body ? text : nil
        }
    }
}
