// A front with real loops on a free port of the loopback interface, sessions that never get further than
// their hello, and what tests want to know of it.

@testable import Front
import Glibc
import Live
import Loop
import Model
import Ports
import Testing
import TLSPeer
import Wire

final class World: Sendable {
    let front: Front
    let metrics: Metrics
    let port: UInt16
    /// What the front was started with, for a reload of a part of it.
    let configuration: FrontConfiguration
    private let loops: [Loop]
    private let folder: String
    private let sessions: Lock<[Attached]>
    let isReady = Lock(true)
    /// Where sessions that say hello with the token `waiting` wait.
    let gate = Gate()

    /// A session as an actor would know it.
    struct Attached: Sendable {
        let id: SessionID
        let lane: any DeliveryLane
        func attach(_ topic: Topic) { lane.hand(.attach(id, topic)) }
        func welcome() {
            lane.hand(.send(id, ServerFrame(id: 1, body: .welcome(Welcome(
                session: id, account: AccountID(high: 1, low: 1),
                organisation: OrganisationID(high: 1, low: 1), role: .member,
                heartbeatMilliseconds: 25_000, tokenExpiresAt: UnixMilliseconds(0),
                serverTime: UnixMilliseconds(0), capabilities: [], limits: Limits())))))
        }
    }

    static let files: [(name: String, content: String)] = [
        ("index.html", "<!doctype html><title>Hub</title>"), ("app.js", "export {}"),
        ("assets/app.3f9c02d41b7e.js", "export {}"), ("assets/style.css", "body {}"),
        ("icon.svg", "<svg/>"), ("secret.key", "not served"), (".hidden.html", "not served"),
        ("large.txt", String(repeating: "0123456789abcdef", count: 100_000)),
    ]

    init(loops count: Int = 1, _ configuration: FrontConfiguration = FrontConfiguration(),
         api: @escaping @Sendable (HTTPRequest) async -> HTTPResponse = { _ in HTTPResponse(status: 204) },
         isV6: Bool = false, drainsWithin drainMax: UInt64 = 500) throws {
        var configuration = configuration
        if configuration.addresses == FrontConfiguration().addresses {
            configuration.addresses = [FrontAddress(host: isV6 ? "::1" : "127.0.0.1", port: 0)]
        }
        // On a busy machine a test may take longer than the usual times; those about one of them set it.
        let usual = FrontConfiguration()
        let times: [WritableKeyPath<FrontConfiguration, UInt64>] = [
            \.httpHeaderMilliseconds, \.httpIdleMilliseconds, \.helloMilliseconds, \.heartbeatMilliseconds,
            \.messageMilliseconds, \.stallMilliseconds, \.evictionMilliseconds,
        ]
        for time in times where configuration[keyPath: time] == usual[keyPath: time] {
            configuration[keyPath: time] = 600_000
        }
        configuration.sweepMilliseconds = 10
        configuration.drainMilliseconds = min(configuration.drainMilliseconds, drainMax)
        self.configuration = configuration
        folder = try Self.makeFolder()
        let metrics = Metrics()
        self.metrics = metrics
        let loops = (0..<count).map { Loop(name: "front-\($0)", metrics: metrics) }
        self.loops = loops
        let registry = Registry(lanes: loops, surroundings: Surroundings(
            channels: NoStore(), people: NoStore(gate: gate), vault: NoStore(), verifier: NoStore(),
            clocks: TestClocks(), entropy: TestEntropy(), log: .silent, metrics: LiveMetrics(metrics)),
            configuration: LiveConfiguration())
        let sessions = Lock<[Attached]>([])
        self.sessions = sessions
        let isReady = isReady
        front = Front(configuration: configuration, services: FrontServices(
            session: { id, lane, delivery in
                sessions.withLock { $0.append(Attached(id: id, lane: delivery)) }
                return Session(id: id, lane: lane, delivery: delivery, registry: registry)
            },
            api: api, problem: { isReady.withLock { $0 } ? nil : "not now" }, clocks: TestClocks(),
            entropy: TestEntropy(), metrics: metrics, log: .silent),
            site: try StaticSite(folder: folder), loops: loops)
        do {
            port = try front.start()[0].port
        } catch {
            for loop in loops { loop.stop() }
            Self.remove(folder)
            throw error
        }
    }

    private static func remove(_ folder: String) {
        for (name, _) in files { unlink(folder + "/" + name) }
        rmdir(folder + "/assets")
        rmdir(folder)
    }

    private static func makeFolder() throws -> String {
        var template = Array("/tmp/hub-front-XXXXXX".utf8CString)
        let folder = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
        mkdir(folder + "/assets", 0o700)
        for (name, content) in files {
            let file = fopen(folder + "/" + name, "wb")
            fwrite(content, 1, content.utf8.count, file)
            fclose(file)
        }
        return folder
    }

    /// Another configuration, until every loop goes by it.
    func reload(_ configuration: FrontConfiguration) async {
        front.reload(configuration)
        for loop in loops {
            await withCheckedContinuation { continuation in loop.submit { continuation.resume() } }
        }
    }

    /// Drains, and stops the loops. Handles left open would end the process here.
    func end() async {
        gate.open()
        await front.drain()
        endLoops()
    }

    /// When the front has drained.
    func endLoops() {
        for loop in loops { loop.stop() }
        Self.remove(folder)
    }

    /// As behind a flush of 10 ms that could not keep up: from the loop's next turn on, fan-outs wait for 20 ms.
    func holdFanOuts(of session: Attached) {
        let lane = session.lane as! FrontLane
        precondition(loops.count == 1)
        loops[0].submit {
            let now = lane.target.clocks.monotonic().value
            lane.target.pace.flushed(from: now - 10_000_000, to: now, messages: 1 << 40, sends: 1)
        }
    }

    // MARK: Peers

    func webSockets(_ count: Int, receiveBytes: Int32? = nil) async throws -> [(peer: Peer, session: Attached)] {
        var made: [(peer: Peer, session: Attached)] = []
        for _ in 0..<count { made.append(try await webSocket(receiveBytes: receiveBytes)) }
        return made
    }

    func peer(receiveBytes: Int32? = nil) throws -> Peer {
        try Peer(port: port, receiveBytes: receiveBytes)
    }

    /// A peer that speaks WebSocket, and its session.
    func webSocket(_ subprotocol: String = "hub.v1.json", receiveBytes: Int32? = nil,
                   tls client: TLSClient? = nil) async throws -> (peer: Peer, session: Attached)
    {
        let peer = try peer(receiveBytes: receiveBytes)
        if let client { try await peer.shakeHands(client) }
        try await peer.write(Peer.upgrade(subprotocol: subprotocol))
        #expect(try await peer.answer().status == 101)
        return (peer, newestSession())
    }

    /// The session that was made last.
    func newestSession() -> Attached { sessions.withLock { $0.removeLast() } }

    // MARK: Figures

    func counter(_ name: String, _ labels: String = "") -> UInt64 {
        for case .counter(let metric) in metrics.entries where metric.name == name
            && metric.labels == labels { return metric.current }
        Issue.record("there is no counter \(name) \(labels)")
        return 0
    }
    func gauge(_ name: String) -> Int64 {
        for case .gauge(let metric) in metrics.entries where metric.name == name { return metric.current }
        Issue.record("there is no gauge \(name)")
        return 0
    }
}

/// Runs `body` with a front, and ends the front.
func withWorld<Result>(
    loops: Int = 1, _ change: (inout FrontConfiguration) -> Void = { _ in },
    api: @escaping @Sendable (HTTPRequest) async -> HTTPResponse = { _ in HTTPResponse(status: 204) },
    _ body: (World) async throws -> Result
) async throws -> Result {
    var configuration = FrontConfiguration()
    // No test but one is about it, and most sessions here never say hello.
    configuration.helloMilliseconds = 120_000
    // Nor does a test that takes its time lose its idle connections to those that come.
    configuration.evictionMilliseconds = 600_000
    change(&configuration)
    let world = try World(loops: loops, configuration, api: api)
    do {
        let result = try await body(world)
        await world.end()
        return result
    } catch {
        await world.end()
        throw error
    }
}

/// Waits until it holds; fails after two minutes, which only a hang takes.
func eventually(_ condition: () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async {
    let end = TestClocks().monotonic().value + 120_000_000_000
    while !condition() {
        if TestClocks().monotonic().value > end {
            Issue.record("it did not come true", sourceLocation: sourceLocation)
            return
        }
        poll(nil, 0, 1)
        await Task.yield()
    }
}

struct TestClocks: Clocks {
    func now() -> UnixMilliseconds { UnixMilliseconds(1_700_000_000_000) }
    func monotonic() -> MonotonicNanoseconds {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicNanoseconds(UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }
}

struct TestEntropy: Entropy {
    func words() -> (UInt64, UInt64) { (.random(in: 0...(.max)), .random(in: 0...(.max))) }
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: 0...255) } }
}

/// Holds up those who come until it is opened.
final class Gate: Sendable {
    private let state = Lock<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for one in waiting { one.resume() }
    }
}

/// Sessions of these tests get no further than to ask for their people, and that fails.
private struct NoStore: ChannelStore, MemberStore, BodyVault, TokenVerifier {
    var gate: Gate?
    func verify(_ token: AccessToken, at now: UnixMilliseconds) throws(TokenError) -> Principal {
        guard token.reveal == "waiting" else { throw .invalid }
        return Principal(account: AccountID(high: 1, low: 1), organisation: OrganisationID(high: 1, low: 1),
                         role: .member, login: LoginID(high: 1, low: 1),
                         expiresAt: UnixMilliseconds(now.value + 900_000))
    }
    func seal(_ plaintext: [(RecordName, String)]) async throws(VaultError) -> [SealedBody] {
        throw .keyGone
    }
    func open(_ sealed: [(RecordName, SealedBody)]) async throws(VaultError) -> [String?] {
        throw .keyGone
    }
    func people(_ organisation: OrganisationID) async throws(StoreError) -> [Member] {
        await gate?.pass()
        throw .overloaded
    }
    func login(_ organisation: OrganisationID, _ login: LoginID) async throws(StoreError)
        -> LoginRecord? { nil }
    func revision(_ organisation: OrganisationID) async throws(StoreError) -> UInt64 { 0 }
    func renewLog(_ organisation: OrganisationID, _ channel: ChannelID, from known: UInt64, to epoch: UInt64)
        async throws(StoreError) {}
    func revokedLogins(_ organisation: OrganisationID, _ logins: [LoginID]) async throws(StoreError)
        -> [LoginID] { [] }
    func heads(_ organisation: OrganisationID, _ channels: [ChannelID]) async throws(StoreError)
        -> [ChannelID: Position] { [:] }
    func channel(_ organisation: OrganisationID, _ channel: ChannelID, seenBy account: AccountID)
        async throws(StoreError) -> ChannelSummary? { nil }
    func changeRole(_ organisation: OrganisationID, _ account: AccountID, to role: Role,
                    by actor: AccountID, at: UnixMilliseconds) async throws(StoreError)
        -> MemberOutcome { throw .overloaded }
    func removePerson(_ organisation: OrganisationID, _ account: AccountID, by actor: AccountID,
                      at: UnixMilliseconds) async throws(StoreError) -> MemberOutcome { throw .overloaded }
    func channel(_ organisation: OrganisationID, _ channel: ChannelID) async throws(StoreError)
        -> ChannelRecord? { nil }
    func append(_ organisation: OrganisationID, _ channel: ChannelID, expecting expected: Position,
                _ events: [StoredEvent]) async throws(StoreError) -> AppendOutcome { throw .overloaded }
    func events(_ organisation: OrganisationID, _ channel: ChannelID, _ range: LogRange, limit: Int,
                bytesMax: Int) async throws(StoreError) -> [StoredEvent] { [] }
    func channels(_ organisation: OrganisationID, visibleTo account: AccountID, after: ChannelCursor?, limit: Int)
        async throws(StoreError) -> [ChannelSummary] { [] }
    func createChannel(_ organisation: OrganisationID, _ channel: ChannelRecord,
                       by account: AccountID, at: UnixMilliseconds) async throws(StoreError) -> Bool {
        false
    }
    func directChannel(_ organisation: OrganisationID, _ a: AccountID, _ b: AccountID,
                       candidate: ChannelID, at: UnixMilliseconds) async throws(StoreError)
        -> ChannelRecord { throw .overloaded }
    func markRead(_ organisation: OrganisationID, _ channel: ChannelID, _ account: AccountID,
                  sequence: UInt64) async throws(StoreError) {}
}
