// A small world for the actors: one queue of jobs that the test runs to its end, a clock that moves when
// told, a store and a vault in memory with faults on request, lanes that record what each session gets,
// and one hub or several over the store, with a bus whose notices the test disposes of.

import Live
import Model
import Ports
import Testing

/// Everything runs on the thread of the test, inside `settle`.
final class World: @unchecked Sendable {
    // SAFETY: only the thread that runs the test touches it; actors run inside `settle` on that thread.
    fileprivate var jobs: [(lane: WorldLane?, body: () -> Void)] = []
    fileprivate var timers: [(due: Int64, lane: WorldLane?, body: () -> Void)] = []
    fileprivate var current: WorldLane?
    fileprivate var nowMilliseconds: Int64 = 1_700_000_000_000
    private var counter: UInt64 = 0
    /// By how much somebody has set the clock that people see.
    var steppedMilliseconds: Int64 = 0

    let store = MemoryStore()
    let metrics: LiveMetrics
    /// What operators are told of security.
    let securityLines = Lock<[String]>([])
    /// One for each hub.
    private(set) var registries: [Registry] = []
    var registry: Registry { registries[0] }
    /// Two for each hub.
    let front: [RecordingLane]

    /// How often a notice arrives at each other hub.
    var copies: (Notice) -> Int = { _ in 1 }
    /// While set, notices wait for `deliver`.
    var holdsNotices = false
    /// Notices that wait, and which hub sent them.
    var notices: [(from: Int, notice: Notice)] = []

    init(configuration: LiveConfiguration = LiveConfiguration(), hubs: Int = 1) {
        metrics = LiveMetrics(Metrics())
        front = (0..<2 * hubs).map { _ in RecordingLane() }
        for hub in 0..<hubs {
            registries.append(Registry(
                lanes: (0..<3).map { _ in WorldLane(self) },
                surroundings: Surroundings(
                    channels: store, people: store, vault: PlainVault(), verifier: PlainVerifier(),
                    clocks: WorldClocks(world: self), entropy: CountingEntropy(world: self),
                    bus: WorldBus(world: self, hub: hub), log: .silent, metrics: metrics,
                    security: SecurityLog(
                        Log(threshold: .debug) { [securityLines] _, text, _ in
                            securityLines.withLock { $0.append("\(text)") }
                        }, Metrics(), clocks: WorldClocks(world: self))),
                configuration: configuration))
        }
        store.world = self
        for lane in front { lane.world = self }
    }

    /// Runs until nothing can run, or until something is so; timers do not fire.
    func settle(until isSo: () -> Bool = { false }) {
        while !isSo(), step() {}
    }

    /// Runs one job; `false` when there is none.
    func step() -> Bool {
        guard !jobs.isEmpty else { return false }
        let job = jobs.removeFirst()
        current = job.lane
        job.body()
        current = nil
        return true
    }

    var timerCount: Int { timers.count }

    /// Lets time go by, firing timers on the way.
    func advance(_ milliseconds: Int64) {
        settle()
        let end = nowMilliseconds + milliseconds
        while let next = timers.indices.min(by: { timers[$0].due < timers[$1].due }),
              timers[next].due <= end {
            let timer = timers.remove(at: next)
            nowMilliseconds = max(nowMilliseconds, timer.due)
            jobs.append((timer.lane, timer.body))
            settle()
        }
        nowMilliseconds = end
    }

    /// Lets the notices that wait arrive, in the order they are in.
    func deliver() {
        let waiting = notices
        notices = []
        for (hub, notice) in waiting { carry(notice, from: hub) }
        settle()
    }

    private func carry(_ notice: Notice, from hub: Int) {
        for (other, registry) in registries.enumerated() where other != hub {
            for _ in 0..<copies(notice) { later { registry.receive(notice) } }
        }
    }

    fileprivate func published(_ notice: Notice, by hub: Int) {
        if holdsNotices { notices.append((hub, notice)) } else { carry(notice, from: hub) }
    }

    func later(_ body: @escaping () -> Void) { jobs.append((nil, body)) }

    fileprivate func nextWord() -> UInt64 {
        counter += 1
        return counter
    }

    var now: UnixMilliseconds { UnixMilliseconds(nowMilliseconds) }
}

final class WorldLane: Lane, @unchecked Sendable {
    // SAFETY: see World.
    private unowned let world: World
    init(_ world: World) { self.world = world }

    func submit(_ job: @escaping @Sendable () -> Void) { world.jobs.append((self, job)) }
    func submit(afterMilliseconds delay: UInt32, _ job: @escaping @Sendable () -> Void) {
        world.timers.append((world.nowMilliseconds + Int64(delay), self, job))
    }
    func enqueue(_ job: UnownedJob) {
        world.jobs.append((self, { [unowned self] in
            job.runSynchronously(on: self.asUnownedSerialExecutor())
        }))
    }
    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    var tasks: any TaskExecutor { WorldTasks(self) }
    func isIsolatingCurrentContext() -> Bool? { world.current === self }
    func checkIsolated() { precondition(world.current === self) }
}

final class WorldTasks: TaskExecutor {
    private let lane: WorldLane
    init(_ lane: WorldLane) { self.lane = lane }
    func enqueue(_ job: UnownedJob) {
        lane.submit { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

struct WorldBus: Bus {
    unowned let world: World
    let hub: Int
    func publish(_ notice: Notice) { world.published(notice, by: hub) }
}

struct WorldClocks: Clocks {
    unowned let world: World
    func now() -> UnixMilliseconds { world.now.adding(milliseconds: world.steppedMilliseconds) }
    func monotonic() -> MonotonicNanoseconds {
        MonotonicNanoseconds(UInt64(world.now.value) * 1_000_000)
    }
}

struct CountingEntropy: Entropy {
    unowned let world: World
    func words() -> (UInt64, UInt64) { (0, world.nextWord()) }
    func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: UInt8(world.nextWord() & 255), count: count) }
}

/// Tokens are texts of the form `account organisation role expires`.
struct PlainVerifier: TokenVerifier {
    static func token(_ account: AccountID, _ organisation: OrganisationID, _ role: Role = .member,
                      expires: UnixMilliseconds = UnixMilliseconds(.max / 2)) -> AccessToken {
        AccessToken("\(account) \(organisation) \(role.name) \(expires.value)")
    }
    /// One for each account and organisation.
    static func login(_ account: AccountID, _ organisation: OrganisationID) -> LoginID {
        LoginID(high: 6 + organisation.low, low: account.low)
    }
    func verify(_ token: AccessToken, at now: UnixMilliseconds) throws(TokenError) -> Principal {
        let parts = token.reveal.split(separator: " ").map(String.init)
        guard parts.count == 4, let account = AccountID(parts[0]),
              let organisation = OrganisationID(parts[1]), let role = Role(name: parts[2]),
              let expires = Int64(parts[3])
        else { throw .invalid }
        guard expires > now.value else { throw .expired }
        return Principal(account: account, organisation: organisation, role: role,
                         login: Self.login(account, organisation),
                         expiresAt: UnixMilliseconds(expires))
    }
}

/// Seals by reversing the bytes, bound to the record.
struct PlainVault: BodyVault {
    func seal(_ plaintext: [(RecordName, String)]) async throws(VaultError) -> [SealedBody] {
        plaintext.map { name, text in
            SealedBody(key: KeyID(high: name.event.high, low: name.event.low), bytes: text.utf8.reversed())
        }
    }
    func open(_ sealed: [(RecordName, SealedBody)]) async throws(VaultError) -> [String?] {
        sealed.map { name, body in
            body.key.low == name.event.low ? String(decoding: body.bytes.reversed(), as: UTF8.self) : nil
        }
    }
}

/// A front loop that records what every session is sent, and applies attachments as a real one does.
final class RecordingLane: DeliveryLane, @unchecked Sendable {
    // SAFETY: see World.
    fileprivate unowned var world: World!
    private var sessions: [SessionID: Session] = [:]
    private var topics: [Topic: [SessionID]] = [:]
    private(set) var frames: [SessionID: [ServerFrame]] = [:]
    private(set) var closed: [SessionID: CloseCode] = [:]
    private(set) var broadcasts = 0
    lazy var lane = WorldLane(world)
    /// What there is room for on each connection, as its outbox would say: its socket takes everything at once.
    var room = OutboxRule(bytesMax: 1 << 20, totalBytesMax: 1 << 30).room(waiting: 0, total: 0)

    /// As at the end of a tick.
    func tellWindow(_ session: Session) {
        if session.awaitsWrite { session.wrote(room: room) }
    }

    func open(_ session: Session) { sessions[session.id] = session }

    /// The connection breaks.
    func drop(_ session: SessionID) {
        guard let gone = sessions.removeValue(forKey: session) else { return }
        for topic in topics.keys { topics[topic]?.removeAll { $0 == session } }
        // SAFETY: see World.
        nonisolated(unsafe) let session = gone
        lane.submit { session.connectionClosed() }
    }

    func attachments(_ topic: Topic) -> [SessionID] { topics[topic] ?? [] }

    func hand(_ delivery: Delivery) { lane.submit { [unowned self] in apply(delivery) } }

    private func apply(_ delivery: Delivery) {
        switch delivery {
        case .broadcast(let topic, let broadcast, let except):
            broadcasts += 1
            for session in topics[topic] ?? [] where session != except {
                frames[session, default: []].append(broadcast.frame)
            }
        case .send(let session, let frame):
            guard let target = sessions[session] else { return }
            frames[session, default: []].append(frame)
            target.willSend(frame)
            tellWindow(target)
        case .paged(let session, let page, let next):
            guard let target = sessions[session] else { return }
            target.paged(page, next: next)
            tellWindow(target)
        case .attach(let session, let topic):
            if sessions[session] != nil { topics[topic, default: []].append(session) }
        case .detach(let session, let topic): topics[topic]?.removeAll { $0 == session }
        case .checkExpiry(let session): sessions[session]?.checkExpiry()
        case .close(let session, let code, _):
            if sessions[session] != nil {
                closed[session] = code
                drop(session)
            }
        }
    }
}
