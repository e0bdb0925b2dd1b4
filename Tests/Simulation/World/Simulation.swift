// A world: hubs over one store, clients, a network, and the disasters of its plan. One seed decides all.

import Live
import Model
import Ports
import Wire

package final class Simulation: @unchecked Sendable {
    // SAFETY: see Scheduler.

    package let seed: UInt64
    let plan: Plan
    package let trace: Trace
    package let scheduler: Scheduler
    private(set) var store: SimStore!
    private(set) var nodes: [SimNode] = []
    private(set) var clients: [SimClient] = []
    package private(set) var violation: Violation?
    /// What strikes now; all zero once the world is healed.
    private(set) var faults: Faults
    private(set) var isHealed = false
    private var random: SeededRandom
    private var network: SeededRandom
    private var lanesMade = 0
    private var nodesMade = 0
    private var connectionsMade = 0
    private var connections: [SimConnection] = []
    private var checkers: [any Checker] = []
    private(set) var organisations: [OrganisationID] = []
    private var people: [OrganisationID: [AccountID]] = [:]
    private var roles: [OrganisationID: [AccountID: Role]] = [:]
    /// By organisation, in the order they were made.
    private(set) var channels: [OrganisationID: [ChannelID]] = [:]

    /// - Parameter isVerbose: keeps what happened in words, for `Trace.text`.
    package init(seed: UInt64, isVerbose: Bool = false) {
        self.seed = seed
        var random = SeededRandom(seed)
        plan = Plan(&random)
        trace = Trace(isVerbose: isVerbose)
        scheduler = Scheduler(random: random.fork(), trace: trace)
        faults = plan.faults
        network = random.fork()
        self.random = random
        trace.clock = scheduler
        store = SimStore(self, random: self.random.fork())
        checkers = Self.makeCheckers()
        populate()
    }

    static func makeCheckers() -> [any Checker] {
        [DurabilityChecker(), IsolationChecker(), FenceChecker(), BoundsChecker(), ConvergenceChecker(),
         LeakChecker(), DamageChecker(), AskerChecker()]
    }

    /// The busiest worlds take a tenth of this.
    private static let stepsMax = 5_000_000

    // MARK: The run

    /// Lives through everything, up to the first violation.
    package func run() {
        for _ in 0..<plan.nodes { startNode() }
        for client in clients { client.start() }
        scheduleDisasters()
        advance(milliseconds: plan.milliseconds)
        heal()
        advance(milliseconds: 100_000)
        observe(.settled)
        for client in clients { client.goAway() }
        advance(milliseconds: 40_000 + 3 * Int64(plan.live.passivationMilliseconds))
        observe(.emptied)
        for node in nodes { node.kill() }
    }

    private func advance(milliseconds: Int64) {
        let end = scheduler.now + milliseconds * 1_000
        while violation == nil, scheduler.now < end, scheduler.step() {
            if scheduler.steps > Self.stepsMax { fail("progress", "the world does not come to rest") }
        }
    }

    private func heal() {
        guard violation == nil else { return }
        trace.note(.healed, 0)
        isHealed = true
        faults = Faults()
        for node in nodes { node.reconnect() }
        for connection in connections where connection.isSilent { connection.breakDown() }
        observe(.healed)
    }

    /// What the world is like, in a line.
    package var summary: String {
        "\(plan.nodes) hubs, \(clients.count) clients, \(plan.openChannels) open and \(plan.closedChannels) "
            + "closed channels, \(plan.milliseconds) ms; \(plan.faults); \(plan.disasters)"
    }

    /// Milliseconds that have gone by in the world.
    package var milliseconds: Int64 { (scheduler.now - Scheduler.epoch) / 1_000 }

    func observe(_ fact: Fact) {
        for checker in checkers where violation == nil { checker.observe(fact, in: self) }
    }

    /// The first violation ends the run.
    func fail(_ promise: String, _ text: String) {
        guard violation == nil else { return }
        violation = Violation(promise: promise, text: text)
        trace.note(.violation, 0, 0, "", "\(promise): \(text)")
    }

    // MARK: People and channels

    private func populate() {
        for index in 0..<2 {
            let organisation = OrganisationID(high: 3, low: UInt64(index + 1))
            organisations.append(organisation)
            var accounts: [AccountID] = []
            let count = index == 0 ? max(2, plan.clients * 2 / 3) : max(1, plan.clients / 3)
            for member in 0..<count {
                let account = AccountID(high: 1, low: UInt64(index * 100 + member + 1))
                accounts.append(account)
                let role: Role = member == 0 ? .owner : random.chance(30) ? .admin : .member
                store.model.add(Person(account: account, firstName: "P", lastName: "\(account.low)", role: role),
                                to: organisation)
            }
            people[organisation] = accounts
            for place in 0..<(plan.openChannels + plan.closedChannels) {
                let isOpen = place < plan.openChannels
                let channel = ChannelID(high: 4, low: UInt64(index * 100 + place + 1))
                let members = accounts.filter { _ in random.chance(70) }
                store.model.makeChannel(channel, in: organisation, kind: isOpen ? .open : .closed,
                                        name: "channel \(place)", members: members)
                channels[organisation, default: []].append(channel)
                observe(.channelMade(organisation, store.model.log(organisation, channel)!.record))
            }
            for account in accounts {
                // Some have two devices.
                for _ in 0..<(random.chance(30) ? 2 : 1) {
                    addClient(account, organisation)
                }
            }
        }
    }

    private func addClient(_ account: AccountID, _ organisation: OrganisationID) {
        let login = LoginID(high: 7, low: UInt64(clients.count + 1))
        store.model.logins[login] = .init(account: account, organisation: organisation)
        guard let principal = principal(of: account, in: organisation, login: login) else { return }
        clients.append(SimClient(self, number: clients.count, principal: principal,
                                 channels: channels[organisation] ?? [], random: random.fork()))
    }

    /// What the identity service would sign now; `nil` when it would refuse.
    func principal(of account: AccountID, in organisation: OrganisationID, login: LoginID) -> Principal? {
        guard !store.model.revoked.contains(login),
              let person = store.model.members[organisation]?.first(where: { $0.account == account })
        else { return nil }
        return Principal(account: account, organisation: organisation, role: person.role, login: login,
                         expiresAt: scheduler.time.adding(milliseconds: plan.tokenMilliseconds))
    }

    func accounts(of organisation: OrganisationID) -> [AccountID] { people[organisation] ?? [] }

    func isMember(_ account: AccountID) -> Bool {
        organisations.contains { store.model.members[$0]?.contains { $0.account == account } == true }
    }

    func foreignChannels(to organisation: OrganisationID) -> [ChannelID] {
        organisations.filter { $0 != organisation }.flatMap { channels[$0] ?? [] }
    }

    func learnOf(_ channel: ChannelID, _ organisation: OrganisationID) {
        if channels[organisation]?.contains(channel) != true { channels[organisation, default: []].append(channel) }
    }

    func name(_ channel: ChannelID) -> String {
        for organisation in organisations {
            if let place = channels[organisation]?.firstIndex(of: channel) {
                return "\(organisation.low)/\(place)"
            }
        }
        return "?"
    }

    /// Whether anybody came or went in the channel.
    func hasMembershipChanged(of channel: ChannelID) -> Bool {
        organisations.contains { organisation in
            store.model.log(organisation, channel)?.events.contains { $0.kind.isMembership } == true
                || membershipsEnded
        }
    }
    /// Somebody was removed from an organisation, with all memberships.
    private var membershipsEnded: Bool {
        organisations.contains { (store.model.members[$0]?.count ?? 0) < accounts(of: $0).count }
    }

    func someAct(_ random: inout SeededRandom) -> Act? {
        let sum = plan.weights.reduce(0, +)
        guard sum > 0 else { return nil }
        var left = random.below(sum)
        for act in Act.allCases {
            left -= plan.weights[act.rawValue]
            if left < 0 { return act }
        }
        return nil
    }

    // MARK: Network and lanes

    func makeLane() -> SimLane {
        lanesMade += 1
        return SimLane(scheduler, number: lanesMade, isLaggard: random.chance(plan.laggards))
    }

    func networkDelay() -> Int64 {
        if network.chance(faults.slowNetwork) { return network.between(100_000, 2_000_000) }
        return network.between(50, plan.networkMicroseconds)
    }

    func busChance(_ percent: Int) -> Bool { network.chance(percent) }
    func busDelay(_ low: Int64, _ high: Int64) -> Int64 { network.between(low, high) }

    func someFront(_ random: inout SeededRandom) -> SimFront? {
        let alive = nodes.filter { !$0.isDead && !$0.isDraining }
        return alive.isEmpty ? nil : alive[random.below(alive.count)].fronts.randomElement(&random)
    }

    func connect(_ client: SimClient, to front: SimFront, _ encoding: Encoding) -> SimConnection {
        connectionsMade += 1
        let connection = SimConnection(self, number: connectionsMade, client: client, front: front,
                                       encoding: encoding)
        trace.note(.connect, connection.number, 0, "client",
                   "\(client.number) on \(connection.number) to hub \(front.nodeNumber)")
        connections.removeAll { $0.isBroken }
        connections.append(connection)
        scheduler.after(microseconds: networkDelay()) {
            guard !connection.isBroken else { return }
            guard front.acceptsConnections else {
                connection.refuse()
                return
            }
            front.lane.submit { front.accept(connection) }
            self.scheduler.after(microseconds: self.networkDelay()) { client.connected(connection) }
        }
        return connection
    }

    // MARK: Disasters

    private func scheduleDisasters() {
        let plan = plan.disasters
        every(plan.breaks) { world in world.someConnection()?.breakDown() }
        every(plan.halfOpens) { world in world.someConnection()?.fallSilent() }
        every(plan.slowReaders) { world in
            let pause = world.random.between(500_000, 20_000_000)
            world.someConnection()?.pauseReading(until: world.scheduler.now + pause)
        }
        every(plan.kills) { world in world.replaceSomeNode(isDrained: false) }
        every(plan.drains) { world in world.replaceSomeNode(isDrained: true) }
        every(plan.storeCrashes) { world in
            world.store.crash(backAfter: world.random.between(10_000, 4_000_000))
        }
        every(plan.partitions) { world in
            guard let node = world.random.pick(world.nodes.filter { !$0.isDead && !$0.isCutFromBus }) else { return }
            node.cut(withStore: world.random.chance(30))
            world.scheduler.after(microseconds: world.random.between(100_000, 6_000_000)) { node.reconnect() }
        }
        every(plan.revocations) { world in world.revokeSomeLogin() }
        every(plan.returns) { world in world.takeSomebodyBack() }
        every(plan.damages) { world in world.damageSomeEntry() }
    }

    /// Strikes again and again, with `mean` milliseconds in between, until the world is healed.
    private func every(_ mean: Int64, _ strike: @escaping (Simulation) -> Void) {
        guard mean > 0 else { return }
        scheduler.after(microseconds: random.between(1, 2 * mean * 1_000)) { [unowned self] in
            if isHealed { return }
            strike(self)
            every(mean, strike)
        }
    }

    private func someConnection() -> SimConnection? {
        connections.removeAll { $0.isBroken }
        return random.pick(connections)
    }

    private func startNode() {
        nodesMade += 1
        nodes.append(SimNode(self, number: nodesMade, random: random.fork()))
    }

    private func replaceSomeNode(isDrained: Bool) {
        let alive = nodes.filter { !$0.isDead && !$0.isDraining }
        guard let node = random.pick(alive) else { return }
        let pause = random.between(1_000, 3_000_000)
        if isDrained {
            node.drain()
            scheduler.after(microseconds: pause) { node.kill() }
        } else {
            node.kill()
        }
        scheduler.after(microseconds: pause + random.between(1_000, 1_000_000)) { [unowned self] in
            nodes.removeAll { $0.isDead }
            startNode()
        }
    }

    /// An invitation accepted by somebody who was removed: a new membership, and a new sign-in.
    private func takeSomebodyBack() {
        guard let organisation = random.pick(organisations), !store.isDown,
              let node = random.pick(nodes.filter({ !$0.isDead })) else { return }
        let members = store.model.members[organisation] ?? []
        let gone = accounts(of: organisation).filter { account in !members.contains { $0.account == account } }
        guard let account = random.pick(gone) else { return }
        store.model.add(Person(account: account, firstName: "P", lastName: "\(account.low)", role: .member),
                        to: organisation)
        trace.note(.cameBack, clients.count, 0, "client", "\(clients.count) as \(account.short)")
        observe(.roleChanged(organisation, account, .member))
        addClient(account, organisation)
        clients.last?.start()
        guard let member = store.model.people(organisation).first(where: { $0.account == account }) else { return }
        scheduler.after(microseconds: random.between(50, plan.storeMicroseconds)) {
            guard !node.isDead else { return }
            _ = node.registry.tell(organisation, .personChanged(member), isControl: true)
            node.registry.surroundings.bus.publish(.organisationChanged(organisation))
        }
    }

    /// One of the newest entries, which others are about to read, or any.
    private func damageSomeEntry() {
        guard let organisation = random.pick(organisations), let channel = random.pick(channels[organisation] ?? []),
              let head = store.model.log(organisation, channel)?.record.head.sequence, head > 0,
              let damage = random.pick(StoreModel.Damage.allCases) else { return }
        let back = random.chance(50) ? UInt64(random.below(3)) : UInt64(random.below(Int(head)))
        let sequence = head - min(back, head - 1)
        store.model.spoil(channel, sequence, damage)
        trace.note(.damaged, Int(sequence), 0, "channel", "\(name(channel)): \(damage)")
    }

    /// As the HTTP API does it: the store first, then the organisation's actor on the same hub.
    private func revokeSomeLogin() {
        let alive = nodes.filter { !$0.isDead }
        guard let node = random.pick(alive), let client = random.pick(clients), !store.isDown else { return }
        // Nobody is left to see anything otherwise.
        guard clients.filter({ $0.state != .ended }).count > 2, store.model.revoked.insert(client.login).inserted
        else { return }
        store.model.revisions[client.organisation, default: 0] += 1
        trace.note(.revoked, client.number, 0, "client", "\(client.number)")
        observe(.revoked(client.login))
        scheduler.after(microseconds: random.between(50, plan.storeMicroseconds)) {
            guard !node.isDead else { return }
            _ = node.registry.tell(client.organisation, .loginRevoked(client.login), isControl: true)
            node.registry.surroundings.bus.publish(.organisationChanged(client.organisation))
        }
    }
}

extension Array {
    fileprivate func randomElement(_ random: inout SeededRandom) -> Element? { random.pick(self) }
}
