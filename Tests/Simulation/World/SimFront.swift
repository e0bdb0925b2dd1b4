// A front of a simulated hub: production sessions, codec and outbox rule, with connections that are
// pipes of the simulated network instead of sockets. It applies deliveries as a front loop does.

import Live
import Model
import Ports
import Wire

final class SimFront: DeliveryLane, @unchecked Sendable {
    // SAFETY: see Scheduler.

    private unowned let node: SimNode
    let index: Int
    let lane: SimLane
    private var connections: [SessionID: SimConnection] = [:]
    private var topics: [Topic: [SimConnection]] = [:]
    private let rule: OutboxRule

    private static let heartbeatMicroseconds: Int64 = 25_000_000
    private static let pongMicroseconds: Int64 = 8_000_000
    private static let answerMicroseconds: Int64 = 2_000_000

    init(_ node: SimNode, index: Int, lane: SimLane) {
        self.node = node
        self.index = index
        self.lane = lane
        let plan = node.world.plan
        rule = OutboxRule(bytesMax: plan.outboxBytesMax, totalBytesMax: plan.outboxTotalBytesMax,
                          sparedBytes: plan.outboxBytesMax / 2, pageBytesMax: plan.outboxBytesMax / 8)
    }

    private var world: Simulation { node.world }
    var nodeNumber: Int { node.number }
    var acceptsConnections: Bool { !node.isDead && !node.isDraining }
    var sessionCount: Int { connections.count }
    var topicCount: Int { topics.count }

    // MARK: Connections

    /// A client's connection is accepted; on the front's lane.
    func accept(_ connection: SimConnection) {
        guard acceptsConnections, !connection.isBroken else {
            connection.refuse()
            return
        }
        let session: SessionID = node.registry.surroundings.entropy.id(at: world.scheduler.time)
        connection.session = Session(id: session, lane: lane, delivery: self, registry: node.registry)
        connection.heardAt = world.scheduler.now
        connections[session] = connection
        lane.submit(afterMilliseconds: 1_000) { [unowned self] in checkHeartbeat(connection) }
    }

    /// Bytes of the client have come.
    func arrived(_ bytes: [UInt8], on connection: SimConnection) {
        lane.submit { [unowned self] in
            guard let session = connection.session, !connection.isClosing, !connection.isHeld else { return }
            connection.heardAt = world.scheduler.now
            ProtocolCodec.decodeClientFrames(from: bytes, connection.encoding) { result in
                guard case .success(let frame) = result else {
                    world.fail("codec", "a frame of a client cannot be read")
                    return
                }
                world.trace.note(.arrived, connection.number, Int64(frame.id), "hub",
                                 "\(node.number) on \(connection.number): \(frame.summary)")
                connection.arrived(frame)
                session.receive(frame)
            }
            tellWindow(connection)
        }
    }

    /// As at the end of a tick. The session may go on with what waited for room.
    private func tellWindow(_ connection: SimConnection) {
        guard let session = connection.session, session.awaitsWrite else { return }
        session.wrote(room: rule.room(waiting: connection.outboxBytes, total: node.outboxBytes))
    }

    /// Whether a session of this front waits for this, or has left in this moment: between the look at who is
    /// still there and the store there is a change of executors.
    func hasAsker(of read: ReadForSomebody) -> Bool {
        left.removeAll { $0.at + Self.momentMicroseconds < world.scheduler.now }
        return connections.values.contains { $0.waits(for: read) } || left.contains { $0.connection.waits(for: read) }
    }

    private var left: [(at: Int64, connection: SimConnection)] = []
    private static let momentMicroseconds: Int64 = 1_000

    /// The connection is known to be gone.
    func lost(_ connection: SimConnection) {
        lane.submit { [unowned self] in leave(connection) }
    }

    private func leave(_ connection: SimConnection) {
        guard let session = connection.session else { return }
        connection.session = nil
        connections[session.id] = nil
        for topic in connection.topics { detach(connection, topic) }
        connection.topics = []
        left.append((world.scheduler.now, connection))
        node.outboxBytes -= connection.outboxBytes
        connection.outboxBytes = 0
        session.connectionClosed()
    }

    private func detach(_ connection: SimConnection, _ topic: Topic) {
        topics[topic]?.removeAll { $0 === connection }
        if topics[topic]?.isEmpty == true { topics[topic] = nil }
    }

    private func checkHeartbeat(_ connection: SimConnection) {
        guard connection.session != nil else { return }
        let silence = world.scheduler.now - connection.heardAt
        if silence > Self.heartbeatMicroseconds + Self.pongMicroseconds {
            close(connection, .heartbeatTimeout, retryAfterMilliseconds: 0)
            return
        }
        if silence > Self.heartbeatMicroseconds { connection.ping() }
        lane.submit(afterMilliseconds: 1_000) { [unowned self] in checkHeartbeat(connection) }
    }

    // MARK: Deliveries

    func hand(_ delivery: Delivery) {
        if node.isDead { return }
        lane.submit { [unowned self] in apply(delivery) }
    }

    private func apply(_ delivery: Delivery) {
        switch delivery {
        case .broadcast(let topic, let broadcast, let except):
            for connection in topics[topic] ?? [] where connection.session?.id != except {
                let encoding = connection.encoding
                let encoded = broadcast.encoded(encoding.index) {
                    EncodedFrame(Self.encode($0, encoding))
                }
                send(Array(encoded.bytes), broadcast.frame, connection, isBroadcast: true,
                     isEphemeral: broadcast.isEphemeral)
            }
        case .send(let session, let frame):
            guard let connection = connections[session] else { return }
            send(Self.encode(frame, connection.encoding), frame, connection)
            connection.answered(frame)
            connection.session?.willSend(frame)
            tellWindow(connection)
        case .attach(let session, let topic):
            guard let connection = connections[session], !connection.topics.contains(topic) else { return }
            connection.attached(topic)
            connection.topics.append(topic)
            topics[topic, default: []].append(connection)
        case .detach(let session, let topic):
            guard let connection = connections[session] else { return }
            connection.topics.removeAll { $0 == topic }
            detach(connection, topic)
        case .paged(let session, let page, let next):
            guard let connection = connections[session] else { return }
            connection.session?.paged(page, next: next)
            tellWindow(connection)
        case .checkExpiry(let session): connections[session]?.session?.checkExpiry()
        case .close(let session, let code, let wait):
            guard let connection = connections[session] else { return }
            close(connection, code, retryAfterMilliseconds: wait)
        }
        // As at the end of a tick: the tables must not change during a fan-out.
        closeSlowReaders()
    }

    private static func encode(_ frame: ServerFrame, _ encoding: Encoding) -> [UInt8] {
        var bytes: [UInt8] = []
        ProtocolCodec.append(frame, encoding, to: &bytes)
        return bytes
    }

    private func send(_ bytes: [UInt8], _ frame: ServerFrame, _ connection: SimConnection, isBroadcast: Bool = false,
                      isEphemeral: Bool = false) {
        if isEphemeral, connection.outboxBytes > 0,
           !rule.takesEphemeral(waiting: connection.outboxBytes) { return }
        world.trace.note(.handed, connection.number, Int64(frame.id), "hub",
                         "\(node.number) on \(connection.number): \(frame.summary)")
        world.observe(.handed(connection, frame))
        let waited = connection.write(bytes, frame, isBroadcast: isBroadcast)
        node.outboxBytes += waited
        if waited > 0, rule.isOverBudget(waiting: connection.outboxBytes, total: node.outboxBytes) {
            slow.append(connection)
        }
    }

    private var slow: [SimConnection] = []

    private func closeSlowReaders() {
        while let connection = slow.popLast() {
            guard connection.session != nil else { continue }
            world.trace.note(.slowReader, connection.number, 0, "hub", "\(node.number) on \(connection.number)")
            connection.discardOutbox()
            close(connection, .slow, retryAfterMilliseconds: 0)
        }
    }

    /// Says why, and nothing comes after it.
    private func close(_ connection: SimConnection, _ code: CloseCode, retryAfterMilliseconds wait: UInt32) {
        guard connection.session != nil else { return }
        world.trace.note(.closedByHub, connection.number, Int64(code.rawValue), "hub",
                         "\(node.number) on \(connection.number): \(code.slug)")
        let closing = ServerFrame(body: .closing(Closing(code: code, retryAfterMilliseconds: wait)))
        world.observe(.handed(connection, closing))
        node.outboxBytes += connection.write(Self.encode(closing, connection.encoding), closing)
        connection.finish()
        world.observe(.closedByHub(connection, code))
        leave(connection)
    }

    /// The network took what waited, so many bytes.
    func drained(_ bytes: Int, of connection: SimConnection) {
        guard let session = connection.session else { return }
        node.outboxBytes -= bytes
        if session.awaitsWrite { lane.submit { [unowned self] in tellWindow(connection) } }
    }

    /// As the front's drain: over some time, in random order, each behind the answers to its commands.
    func sendAway() {
        lane.submit { [unowned self] in
            for connection in connections.values.sorted(by: { $0.number < $1.number }) {
                lane.submit(afterMilliseconds: random(0...1_000)) { [unowned self] in
                    sendAway(connection, until: world.scheduler.now + Self.answerMicroseconds)
                }
            }
        }
    }

    private func sendAway(_ connection: SimConnection, until end: Int64) {
        guard let session = connection.session, !connection.isClosing else { return }
        guard world.scheduler.now < end, session.unansweredCommands > 0 else {
            close(connection, .draining, retryAfterMilliseconds: random(100...1_000))
            return
        }
        // Nothing more is read of it.
        connection.isHeld = true
        lane.submit(afterMilliseconds: 50) { [unowned self] in sendAway(connection, until: end) }
    }

    private func random(_ range: ClosedRange<UInt64>) -> UInt32 {
        let word = node.registry.surroundings.entropy.words().0
        return UInt32(range.lowerBound + word % (range.upperBound - range.lowerBound + 1))
    }

    func kill() {
        let all = connections.values.sorted { $0.number < $1.number }
        connections = [:]
        topics = [:]
        for connection in all { connection.die() }
    }
}
