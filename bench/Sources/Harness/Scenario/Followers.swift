// Clients of one channel that come back by themselves: followers that resume where they stood, and
// publishers that repeat what was not answered, with the same keys. The scenarios storm, resume and drain
// say when connections end; what came of it is in FollowLedger.

final class Followers: WebSocketDelegate {
    struct Plan {
        var followers = 100
        var publishers = 2
        /// Posts per second over all publishers.
        var rate = 50.0
        var payloadBytes = 128
    }

    private struct Client {
        var isFollower: Bool
        var isReady = false
        var failures = 0
        /// When to connect again; `nil`: connected, connecting, or told to stay away.
        var retryAt: UInt64?
        /// When its connection ended; `nil` once all it missed has come.
        var awaySince: UInt64?
        /// What it has to see to be caught up.
        var catchesUpTo: UInt64 = 0
        var isCatchingUp = false
        var subscribedAt: UInt64 = 0
        var nextID: UInt32 = 16
        var sent: [UInt32: Int] = [:]
        var unanswered: [Int] = []
    }

    /// Full jitter up to a limit that doubles, after an attempt that failed.
    private static let backoffFirst: UInt64 = 100_000_000
    private static let backoffLast: UInt64 = 5_000_000_000

    static let faults: KeyValuePairs = [
        "lost": "events that never came", "repeated": "events delivered again",
        "skipped": "events skipped", "gaps": "resumes refused with a gap",
        "divergent": "events that differ between followers", "damaged": "events damaged",
        "duplicated": "posts in the log twice", "moved": "posts elsewhere than acknowledged",
        "unanswered": "posts never answered", "missing": "clients that did not come back",
    ]

    private let world: ScenarioWorld
    private let plan: Plan
    private let channel: String
    private let run = UInt32.random(in: 1...UInt32.max)
    private(set) var ledger: FollowLedger
    private var clients: [Client] = []
    private var connections: [WebSocketConnection] = []
    private var due: [UInt64] = []
    private var text: [UInt8] = []
    private var nextPost: UInt64 = 0
    private var readyCount = 0
    /// No posts while this is false.
    var isPosting = false
    /// The hub may end connections.
    var mayEnd = false
    private var isOver = false
    /// Seconds of jitter before a client that was sent away comes back.
    var jitter = 0.0
    /// Where clients connect; changed when another hub takes over.
    var target: (endpoint: Endpoint, address: SocketAddress)
    private(set) var refusedConnections = 0
    private(set) var closes: [UInt16: Int] = [:]
    private var lastSecond: UInt64 = 0
    private(set) var longestSilence: UInt64 = 0
    private var lastAnswer: UInt64 = 0

    init(_ world: ScenarioWorld, _ plan: Plan, channel name: String) throws {
        self.world = world
        self.plan = plan
        channel = try world.control().openChannels([name])[0]
        ledger = FollowLedger(run: run, followers: plan.followers, payloadBytes: plan.payloadBytes)
        target = (world.endpoint, world.address)
        clients = (0..<plan.followers + plan.publishers).map {
            Client(isFollower: $0 < plan.followers)
        }
        connections = clients.map { _ in WebSocketConnection(on: world.loop, delegate: self) }
    }

    /// All connected for the first time, posts flowing.
    func start() throws {
        try world.connect(connections) { readyCount }
        nextPost = MonotonicClock.now()
        isPosting = true
    }

    var followers: Range<Int> { 0..<plan.followers }
    var everybody: Range<Int> { clients.indices }
    var isEverybodyBack: Bool {
        clients.allSatisfy { $0.isReady && $0.awaySince == nil }
    }
    var backCount: Int { clients.count { $0.isReady && $0.awaySince == nil } }

    /// Ends connections without a word, as a network does; `comeBack` brings them back.
    func drop(_ range: Range<Int>) {
        let now = MonotonicClock.now()
        for index in range {
            connections[index].abandon()
            left(index, now)
        }
    }

    func comeBack(_ range: Range<Int>) {
        let now = MonotonicClock.now()
        for index in range {
            clients[index].retryAt = now + UInt64(Double.random(in: 0...1) * jitter * 1e9)
        }
    }

    private func left(_ index: Int, _ now: UInt64) {
        clients[index].isReady = false
        clients[index].isCatchingUp = false
        clients[index].sent = [:]
        clients[index].nextID = 16
        if clients[index].awaySince == nil { clients[index].awaySince = now }
    }

    /// Serves everybody until `condition` holds; returns whether it did within `seconds`.
    @discardableResult
    func turn(seconds: Double, until condition: () -> Bool) throws -> Bool {
        let deadline = MonotonicClock.now() + UInt64(seconds * 1e9)
        while !condition() {
            let now = MonotonicClock.now()
            guard now < deadline else { return false }
            var wake = min(deadline, now + 20_000_000)
            if isPosting { wake = min(wake, postDue(now)) }
            wake = min(wake, try reconnect(now))
            try world.turn(until: wake)
            if now - lastSecond > 1_000_000_000 {
                lastSecond = now
                if let token = world.renewedToken() {
                    for index in clients.indices where clients[index].isReady {
                        world.send(.refresh(token: token), id: 3, on: connections[index])
                    }
                }
            }
        }
        return true
    }

    private func reconnect(_ now: UInt64) throws -> UInt64 {
        var wake = UInt64.max
        for index in clients.indices {
            guard let at = clients[index].retryAt else { continue }
            guard at <= now else {
                wake = min(wake, at)
                continue
            }
            clients[index].retryAt = nil
            try connections[index].open(
                target.endpoint, at: target.address,
                subprotocol: world.settings.encoding.subprotocol)
        }
        return wake
    }

    /// Nothing more is posted; until all is answered and everybody has it. Closes the books.
    func finish() throws {
        isPosting = false
        try turn(seconds: 30) {
            isEverybodyBack && ledger.acknowledgedCount == ledger.postedCount
        }
        let head = ledger.head
        try turn(seconds: 30) { followers.allSatisfy { ledger.has($0, upTo: head) } }
        // What should not come needs a moment to come.
        try turn(seconds: 0.3) { false }
        isOver = true
        world.book.fault("missing", clients.count - backCount)
        for connection in connections where connection.isOpen { connection.leave() }
        ledger.finish()
        for fault in ledger.faults { world.book.fault(fault.name, 1, fault.example) }
    }

    // MARK: Posting

    private func postDue(_ now: UInt64) -> UInt64 {
        let step = UInt64(1e9 / plan.rate)
        while nextPost <= now {
            let post = ledger.posted()
            due.append(nextPost)
            let index = plan.followers + post % plan.publishers
            clients[index].unanswered.append(post)
            if clients[index].isReady { send(post, index) }
            nextPost += step
        }
        return nextPost
    }

    private func send(_ post: Int, _ index: Int) {
        // A retry must be the same message, so the payload carries no time.
        Payload(run: run, publisher: 0, counter: UInt64(post), dueNanoseconds: 0)
            .write(bytes: plan.payloadBytes, to: &text)
        let id = clients[index].nextID
        clients[index].nextID += 1
        clients[index].sent[id] = post
        world.send(.post(channel: channel, key: "\(String(run, radix: 16))-\(post)", text: text),
                   id: id, on: connections[index])
    }

    // MARK: Connections

    func connectionOpened(_ connection: WebSocketConnection) { world.hello(on: connection) }

    func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd) {
        guard !isOver else { return }
        let index = connection.slot
        guard mayEnd else { return world.fail("connection \(index): \(end.text)") }
        if let code = end.code {
            closes[code, default: 0] += 1
            if code >= 4500 { return world.fail("the hub closed for good: \(end.text)") }
        }
        let now = MonotonicClock.now()
        if clients[index].isReady {
            clients[index].failures = 0
            left(index, now)
            clients[index].retryAt = now + UInt64(Double.random(in: 0...1) * jitter * 1e9)
            return
        }
        refusedConnections += 1
        left(index, now)
        let limit = min(Self.backoffFirst << UInt64(min(clients[index].failures, 10)),
                        Self.backoffLast)
        clients[index].failures += 1
        clients[index].retryAt = now + UInt64.random(in: 0...limit)
    }

    func connection(_ connection: WebSocketConnection, received kind: MessageKind,
                    _ bytes: UnsafeRawBufferPointer) {
        world.decode(bytes) { take(&$0, bytes, connection) }
    }

    private func take(_ frame: inout Inbound, _ bytes: UnsafeRawBufferPointer,
                      _ connection: WebSocketConnection) {
        let index = connection.slot
        switch frame.kind {
        case .welcome:
            if clients[index].isFollower {
                world.send(.subscribe(channel: channel, after: ledger.position(of: index)), id: 2,
                           on: connection)
            } else {
                becameReady(index)
                back(index)
                for post in clients[index].unanswered { send(post, index) }
            }
        case .subscribed:
            clients[index].subscribedAt = connection.readAt
            ledger.subscribed(index, from: frame.position, hasGap: frame.gapTo > 0)
            clients[index].catchesUpTo = frame.head.sequence
            clients[index].isCatchingUp = true
            becameReady(index)
            checkCaughtUp(index)
        case .events:
            for event in frame.events {
                frame.withBytes(of: event.text, in: bytes) {
                    ledger.seen(by: index, sequence: event.sequence,
                                text: event.kind == .message ? $0 : nil)
                }
            }
            if clients[index].isCatchingUp { checkCaughtUp(index) }
        case .posted: answered(index, frame.id, frame.position)
        case .error: refused(index, frame, bytes)
        case .subscriptionEnded:
            world.fail("the hub ended a subscription: \(frame.string(frame.slug, in: bytes))")
        default: break
        }
    }

    private func becameReady(_ index: Int) {
        clients[index].isReady = true
        clients[index].failures = 0
        readyCount += 1
    }

    private func checkCaughtUp(_ index: Int) {
        guard ledger.has(index, upTo: clients[index].catchesUpTo) else { return }
        clients[index].isCatchingUp = false
        if clients[index].awaySince != nil {
            world.book.record("catch_up", connections[index].readAt - clients[index].subscribedAt)
        }
        back(index)
    }

    private func back(_ index: Int) {
        guard let since = clients[index].awaySince else { return }
        world.book.record("back", connections[index].readAt &- since)
        clients[index].awaySince = nil
    }

    private func answered(_ index: Int, _ id: UInt32, _ position: Position) {
        guard let post = clients[index].sent.removeValue(forKey: id) else { return }
        if let place = clients[index].unanswered.firstIndex(of: post) {
            clients[index].unanswered.remove(at: place)
        }
        ledger.acknowledged(post, at: position.sequence)
        let now = connections[index].readAt
        if lastAnswer > 0 { longestSilence = max(longestSilence, now - lastAnswer) }
        lastAnswer = now
        world.book.record("ack", now &- due[post])
    }

    private func refused(_ index: Int, _ frame: borrowing Inbound, _ bytes: UnsafeRawBufferPointer) {
        let slug = frame.string(frame.slug, in: bytes)
        guard frame.isRetryable else {
            return world.fail("the hub answered \(slug): \(frame.string(frame.message, in: bytes))")
        }
        world.book.warn("the hub answered \(slug), which was tried again")
        // Tried again on a connection of its own: that is the simplest client there is.
        connections[index].abandon()
        left(index, MonotonicClock.now())
        let wait = max(frame.retryAfterMilliseconds, 50) * 1_000_000
        clients[index].retryAt = MonotonicClock.now() + wait
    }
}
