// The clients of a crash run: publishers that post to several channels in turn, and subscribers that
// follow all of them. They come back by themselves, resume by position and repeat what was not
// answered, with the same keys. Their books are CrashLedger's.

internal import Glibc

package final class CrashFleet: WebSocketDelegate {
    /// One client: a publisher, or a subscriber of all channels.
    private struct Client {
        enum Role { case publisher(Int), subscriber(Int) }
        let role: Role
        var failures = 0
        /// When to connect again; `nil` while connected or connecting.
        var retryAt: UInt64?
        var isReady = false
        var subscriptionsOpen = 0
        /// Publishers: counters sent on this connection and not answered, by command id.
        var sent: [UInt32: Int] = [:]
        var nextID: UInt32 = 2
        /// Publishers: unanswered posts, oldest first; all are sent again after a reconnect.
        var unanswered: [Int] = []
        var nextPostAt: UInt64 = 0
        /// Publishers: refused posts and when to send them again.
        var delayed: [(at: UInt64, counter: Int)] = []
    }

    private static let subscribeID: UInt32 = 2
    private static let backoffFirst: UInt64 = 50_000_000
    private static let backoffMaximum: UInt64 = 2_000_000_000

    private let configuration: CrashConfiguration
    private let world: CrashWorld
    private let loop: EventLoop
    private(set) var signedIn: SignedIn
    private var random: SeededGenerator
    private let channels: [String]
    private let channelIndex: [String: Int]
    private(set) var ledger: CrashLedger
    private var clients: [Client] = []
    private var connections: [WebSocketConnection] = []
    private var isPosting = true
    private var frame = Inbound()
    private var encoded: [UInt8] = []
    private var text: [UInt8] = []
    private(set) var firstAcknowledgedAt: UInt64?
    private var hasAcknowledged: [Bool] = []
    private var fault: BenchError?
    /// Commands that were answered with an error, by its slug.
    private(set) var refusals: [String: Int] = [:]

    /// - Parameter ledger: what the clients know: where they stand, and what they wait for.
    init(_ configuration: CrashConfiguration, _ world: CrashWorld, _ signedIn: SignedIn,
         channels: [String], ledger: CrashLedger, seed: UInt64) throws {
        self.configuration = configuration
        self.world = world
        self.signedIn = signedIn
        self.channels = channels
        channelIndex = Dictionary(uniqueKeysWithValues: channels.enumerated().map { ($1, $0) })
        self.ledger = ledger
        random = SeededGenerator(seed: seed)
        loop = try EventLoop()
        let now = MonotonicClock.now()
        for index in 0..<configuration.publishers {
            clients.append(Client(role: .publisher(index), retryAt: now,
                                  unanswered: ledger.unanswered(of: index), nextPostAt: now))
        }
        for index in 0..<configuration.subscribers {
            clients.append(Client(role: .subscriber(index), retryAt: now))
        }
        connections = clients.map { _ in WebSocketConnection(on: loop, delegate: self) }
        expectAnswers()
    }

    // MARK: What a run asks for

    var refusalsTotal: Int { refusals.values.reduce(0, +) }

    /// From here on `firstAcknowledgedAt` and `steady` count.
    func expectAnswers() {
        firstAcknowledgedAt = nil
        hasAcknowledged = Array(repeating: false, count: configuration.publishers)
    }

    /// Until every client is back and every publisher has had an answer.
    func steady() throws {
        try turn(seconds: 60, for: "all clients to come back") {
            clients.allSatisfy(\.isReady) && hasAcknowledged.allSatisfy { $0 }
        }
    }

    /// Load for that long.
    func work(nanoseconds: UInt64) throws {
        let end = MonotonicClock.now() + nanoseconds
        try turn(seconds: nanoseconds / 1_000_000_000 + 10, for: "time to pass") {
            MonotonicClock.now() >= end
        }
    }

    /// What has arrived by now counts.
    func takeArrived() throws { try loop.takeArrived() }

    /// What the hub had sent before its death is still in the sockets and counts.
    func outliveHub() throws {
        try turn(seconds: 10, for: "connections to end") { !clients.contains(where: \.isReady) }
    }

    /// No more posts; until all are answered and everybody has seen them.
    func quiesce() throws {
        isPosting = false
        try turn(seconds: 30, for: "the last answers", orGiveUp: true) { ledger.unanswered == 0 }
        let heads = ledger.posts.joined().reduce(into: [Int: UInt64]()) { heads, post in
            heads[post.channel] = max(heads[post.channel] ?? 0, post.position?.sequence ?? 0)
        }
        try turn(seconds: 30, for: "the last events", orGiveUp: true) {
            ledger.views.allSatisfy { views in
                views.indices.allSatisfy { views[$0].position.sequence >= heads[$0] ?? 0 }
            }
        }
        // Anything that should not come needs a moment to come.
        let settled = MonotonicClock.now() + 300_000_000
        try turn(seconds: 1, for: "quiet") { MonotonicClock.now() >= settled }
    }

    /// Compares the books with the whole log; returns how many entries it has.
    func audit() throws -> Int {
        let logs = try readLogs()
        ledger.audit(logs)
        return logs.reduce(0) { $0 + $1.entries.count }
    }

    private func readLogs() throws -> [(epoch: UInt64, entries: [LogEntry])] {
        let control = try ControlClient(world.endpoint, tls: nil, encoding: configuration.encoding,
                                        token: signedIn.accessToken)
        let limit = UInt32(clamping: max(control.welcome?.frame.historyEventsMax ?? 0, 50))
        return try channels.indices.map { index in
            var entries: [LogEntry] = []
            var after = ledger.starts[index].sequence
            while true {
                let page = try control.call(
                    .history(channel: channels[index], after: after, limit: limit))
                for event in page.frame.events {
                    entries.append(LogEntry(
                        sequence: event.sequence, id: page.string(event.id),
                        key: page.string(event.key),
                        text: event.kind == .message ? page.data(event.text) : nil))
                }
                guard page.frame.hasMore, let last = page.frame.events.last else {
                    return (page.frame.epoch, entries)
                }
                after = last.sequence
            }
        }
    }

    func renewTokenIfNeeded() throws {
        guard let end = signedIn.expiresAtMilliseconds, let refresh = signedIn.refreshToken,
              MonotonicClock.unixMilliseconds() + 300_000 > end else { return }
        signedIn = try SignIn(world.endpoint, tls: nil).refresh(refresh)
        for (index, client) in clients.enumerated() where client.isReady {
            send(.refresh(token: signedIn.accessToken), id: clients[index].nextID, on: index)
            clients[index].nextID += 1
        }
    }

    /// Serves everybody until `condition` holds.
    func turn(seconds: UInt64, for what: String, orGiveUp: Bool = false,
                      until condition: () -> Bool) throws {
        let deadline = MonotonicClock.now() + seconds * 1_000_000_000
        while !condition() {
            let now = MonotonicClock.now()
            guard now < deadline else {
                if orGiveUp { return }
                throw BenchError("waited \(seconds) s for \(what); the hub's last words: "
                    + world.hub.lastWords())
            }
            let wake = try serveClients(now)
            try loop.turn(until: min(deadline, wake))
            if let fault { throw fault }
            try world.check()
            try Interruption.check()
        }
    }

    /// Reconnects and posts what is due; returns when something is due next, 20 ms ahead at most.
    private func serveClients(_ now: UInt64) throws -> UInt64 {
        var wake = now + 20_000_000
        let interval = UInt64(1e9 * Double(configuration.publishers) / configuration.rate)
        for index in clients.indices {
            if let retryAt = clients[index].retryAt {
                guard retryAt <= now, world.hub.process > 0 else {
                    wake = min(wake, max(retryAt, now + 1_000_000))
                    continue
                }
                clients[index].retryAt = nil
                try connections[index].open(world.endpoint, at: world.address,
                                            subprotocol: configuration.encoding.subprotocol)
            } else if case .publisher(let publisher) = clients[index].role,
                      clients[index].isReady {
                wake = min(wake, servePublisher(index, publisher, now, every: interval))
            }
        }
        return wake
    }

    // MARK: Posting

    private func servePublisher(_ index: Int, _ publisher: Int, _ now: UInt64,
                                every interval: UInt64) -> UInt64 {
        while let first = clients[index].delayed.first, first.at <= now {
            clients[index].delayed.removeFirst()
            sendPost(index, publisher, first.counter)
        }
        // With a full window an answer comes first, and wakes the loop.
        guard isPosting, clients[index].unanswered.count < configuration.window else { return .max }
        if clients[index].nextPostAt <= now {
            postNext(index, publisher)
            // Time that was lost is not made up for: the load stays what it is.
            clients[index].nextPostAt = max(clients[index].nextPostAt + interval, now)
        }
        return clients[index].nextPostAt
    }

    private func postNext(_ index: Int, _ publisher: Int) {
        let channel = ledger.posts[publisher].count % channels.count
        let counter = ledger.posted(by: publisher, to: channel)
        clients[index].unanswered.append(counter)
        sendPost(index, publisher, counter)
    }

    private func sendPost(_ index: Int, _ publisher: Int, _ counter: Int) {
        // A retry must be the same message, so the payload carries no time.
        Payload(run: ledger.run, publisher: publisher, counter: UInt64(counter), dueNanoseconds: 0)
            .write(bytes: configuration.payloadBytes, to: &text)
        let id = clients[index].nextID
        clients[index].nextID += 1
        clients[index].sent[id] = counter
        let channel = channels[ledger.posts[publisher][counter].channel]
        send(.post(channel: channel, key: ledger.key(publisher, counter), text: text), id: id,
             on: index)
    }

    private func send(_ command: Command, id: UInt32, on index: Int) {
        encoded.removeAll(keepingCapacity: true)
        command.append(id: id, configuration.encoding, to: &encoded)
        encoded.withUnsafeBytes { connections[index].send(configuration.encoding.messageKind, $0) }
    }

    // MARK: Connections

    package func connectionOpened(_ connection: WebSocketConnection) {
        send(.hello(token: signedIn.accessToken, agent: "hub-bench"), id: 1, on: connection.slot)
    }

    package func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd) {
        let index = connection.slot
        if let code = end.code, code >= 4500 {
            fault = BenchError("the hub closed a connection for good: \(end.text)")
        }
        clients[index].isReady = false
        clients[index].sent = [:]
        clients[index].delayed = []
        clients[index].nextID = 2
        clients[index].subscriptionsOpen = 0
        clients[index].failures += 1
        // Full jitter: a random time up to a limit that doubles. The first publisher comes back at
        // once, again and again, so that the time to be ready is the hub's and not the jitter's.
        let doublings = UInt64(min(clients[index].failures - 1, 10))
        let limit = index == 0 ? 2_000_000
            : min(Self.backoffFirst << doublings, Self.backoffMaximum)
        clients[index].retryAt = MonotonicClock.now()
            + (index == 0 ? limit : UInt64.random(in: 0...limit, using: &random))
    }

    private func becameReady(_ index: Int) {
        clients[index].isReady = true
        clients[index].failures = 0
    }

    package func connection(_ connection: WebSocketConnection, received kind: MessageKind,
                            _ bytes: UnsafeRawBufferPointer) {
        do {
            try Decoder.decode(bytes, configuration.encoding, into: &frame) { frame in
                take(frame, bytes, connection.slot)
            }
        } catch {
            fault = BenchError("the hub sent what cannot be read: \(error)")
        }
    }

    private func take(_ frame: borrowing Inbound, _ bytes: UnsafeRawBufferPointer, _ index: Int) {
        switch (frame.kind, clients[index].role) {
        case (.welcome, .publisher(let publisher)):
            becameReady(index)
            for counter in clients[index].unanswered { sendPost(index, publisher, counter) }
        case (.welcome, .subscriber(let subscriber)):
            for channel in channels.indices {
                let after = ledger.views[subscriber][channel].position
                send(.subscribe(channel: channels[channel], after: after),
                     id: Self.subscribeID + UInt32(channel), on: index)
            }
            clients[index].nextID = Self.subscribeID + UInt32(channels.count)
        case (.subscribed, .subscriber(let subscriber)):
            guard let channel = channelIndex[frame.string(frame.channel, in: bytes)] else { return }
            ledger.resumed(subscriber, channel, from: frame.position, hasGap: frame.gapTo > 0)
            clients[index].subscriptionsOpen += 1
            if clients[index].subscriptionsOpen == channels.count { becameReady(index) }
        case (.events, .subscriber(let subscriber)):
            guard let channel = channelIndex[frame.string(frame.channel, in: bytes)] else { return }
            for event in frame.events {
                frame.withBytes(of: event.id, in: bytes) { id in
                    ledger.seen(by: subscriber, in: channel, epoch: frame.epoch,
                                sequence: event.sequence, id: id)
                }
            }
        case (.posted, .publisher(let publisher)):
            guard let counter = clients[index].sent.removeValue(forKey: frame.id) else { return }
            if let place = clients[index].unanswered.firstIndex(of: counter) {
                clients[index].unanswered.remove(at: place)
            }
            ledger.acknowledged(publisher, counter, at: frame.position,
                                eventID: frame.string(frame.eventID, in: bytes),
                                isDuplicate: frame.isDuplicate)
            hasAcknowledged[publisher] = true
            if firstAcknowledgedAt == nil { firstAcknowledgedAt = loop.readAt }
        case (.error, let role): refused(frame, bytes, index, role)
        case (.subscriptionEnded, _):
            fault = BenchError("the hub ended a subscription: "
                + frame.string(frame.slug, in: bytes))
        default: break
        }
    }

    private func refused(_ frame: borrowing Inbound, _ bytes: UnsafeRawBufferPointer, _ index: Int,
                         _ role: Client.Role) {
        let slug = frame.string(frame.slug, in: bytes)
        refusals[slug, default: 0] += 1
        guard frame.isRetryable else {
            fault = BenchError("the hub answered \(slug): "
                + frame.string(frame.message, in: bytes))
            return
        }
        if case .publisher(let publisher) = role,
           let counter = clients[index].sent.removeValue(forKey: frame.id) {
            ledger.delayed(publisher, counter)
            // The first publisher is impatient here too, for the same reason as after a loss.
            let wait = index == 0 ? 50_000_000 : max(frame.retryAfterMilliseconds, 20) * 1_000_000
            clients[index].delayed.append((MonotonicClock.now() + wait, counter))
        }
    }
}
