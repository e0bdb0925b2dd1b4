// The sockets of one loop: accepting, reading, the end of connections. Everything here runs on
// the loop's thread, synchronously, out of a poll callback, a job or the tick hook. What is read goes to
// FrontLoop+HTTP or +WebSocket; what is to be written comes through FrontLoop+Output.

import Crypto
import Deflate
import Live
import Loop
import Model
import Ports
import Wire

/// What all loops of a front have in common.
final class FrontShared: Sendable {
    let services: FrontServices
    let site: StaticSite
    let metrics: FrontMetrics
    let isDraining = Lock(false)
    /// Open streams of all loops. An entry goes with the connection's session.
    let streams = Lock<[SessionID: StreamEntrance]>([:])
    let gate: Lock<AcceptGate>

    init(accepts: AcceptLimits, services: FrontServices, site: StaticSite) {
        gate = Lock(AcceptGate(limits: accepts, now: services.clocks.monotonic()))
        self.services = services
        self.site = site
        metrics = FrontMetrics(services.metrics)
    }
}

final class FrontLoop: PollOwner {
    let loop: Loop
    /// Owns this.
    unowned let lane: FrontLane
    let shared: FrontShared
    /// Replaced as a whole by `reload`: connections that come get the new limits, those that are there
    /// keep what they were told, and deadlines that were set stay.
    private(set) var configuration: FrontConfiguration

    let table = SlotTable()
    /// By number; `nil` where the slot is free.
    var connections: [Connection?] = []
    var sessions: [SessionID: Int32] = [:]
    var topics: [Topic: TopicMembers] = [:]
    var pending = PendingFrames()
    /// Numbers of the slots to be written to at the end of the tick.
    var dirty: [Int32] = []
    /// Of those for which a fan-out has noted something; they may wait for some ticks.
    var fannedOut: [Int32] = []
    /// Messages in what was noted, counted for each of them.
    var fannedOutMessages = 0
    var pace = FanOutPace()
    /// A turn is planned for what waits.
    var isComingBack = false
    /// Of the ones that are written to, the ones for which a write may be followed by something; empty between flushes.
    var changing: [Int32] = []
    var gather = Gather()
    /// For all connections of this loop: none needs to remember a message.
    var deflater = Deflater()
    var inflater = Inflater()
    /// What nearly every client that leaves is answered with.
    let normalEcho = EncodedFrame(WebSocketFrame.closeEcho(1_000))
    var batch: SendBatch
    private(set) var poller: SocketPoller!
    /// Milliseconds, as of the last event.
    var now: UInt64 = 0
    var clock: MonotonicNanoseconds { MonotonicNanoseconds(now * 1_000_000) }
    var load: LoadRule
    /// When the next sweep should run; 0: none was planned.
    var sweepDueAt: UInt64 = 0
    /// Connections that are being refused.
    var refusedCount = 0
    /// See FrontLoop+Room.
    var probes: [InputTicket] = []
    var searchAgainAt: UInt64 = 0
    /// See FrontLoop+Input.
    var inputTurn = InputTurn()
    var queued: [InputTicket] = []
    var paused: [InputTicket] = []
    var isResumePlanned = false
    /// What those without a session have caused together, as `WorkRate` counts it.
    var unwelcomedDue: UInt64 = 0

    var listeners: [(listener: Listener, poll: PollHandle)] = []
    var isAcceptPaused = false
    private var buffer: UnsafeMutableRawBufferPointer
    let tlsBuffers = TLSBuffers(ciphertextMax: bufferBytes)
    var handshakesLeft = handshakesMax
    var httpLimits = HTTPLimits()
    var draining: Drain?

    /// Bytes read at once. Larger: fewer calls for large messages; every loop has one.
    private static let bufferBytes = 64 << 10
    /// Reads of one connection before the others get their turn.
    private static let readsMax = 4

    init(loop: Loop, lane: FrontLane, shared: FrontShared, configuration: FrontConfiguration) {
        self.loop = loop
        self.lane = lane
        self.shared = shared
        self.configuration = configuration
        load = LoadRule(lagMilliseconds: configuration.overloadLagMilliseconds)
        buffer = .allocate(byteCount: Self.bufferBytes, alignment: 16)
        batch = SendBatch(usesRing: configuration.usesRing)
        poller = SocketPoller(loop: loop, owner: self)
        metrics.loadLevels[0].add(1)
        setHTTPLimits()
        readClock()
        loop.onTick { [unowned self] in
            handshakesLeft = Self.handshakesMax
            flush()
            beginInputTurn()
        }
    }

    deinit { buffer.deallocate() }

    func reload(_ configuration: FrontConfiguration) {
        self.configuration = configuration
        setHTTPLimits()
    }

    private func setHTTPLimits() {
        httpLimits = configuration.http
        httpLimits.bodyBytesMaxOf = { [shared, configuration] in shared.bodyBytesMax($0, configuration) }
    }

    var metrics: FrontMetrics { shared.metrics }

    var clocks: any Clocks { shared.services.clocks }

    func readClock() { now = clocks.monotonic().value / 1_000_000 }

    // MARK: Listening

    func listen(_ sockets: [Listener]) {
        for listener in sockets {
            let poll = PollHandle(loop: loop, descriptor: listener.descriptor, owner: self,
                                  tag: -1 - listeners.count)
            listeners.append((listener, poll))
            poll.watch(.readable)
        }
        sweep()
    }

    func stopListening() {
        for (listener, poll) in listeners {
            poll.close()
            Socket.close(listener.descriptor)
        }
        listeners = []
    }

    func pollReady(_ events: PollEvents, tag: Int, error: Int32?) {
        readClock()
        if tag < 0 {
            _ = accept(listeners[-1 - tag].listener)
            return
        }
        let number = Int32(truncatingIfNeeded: tag)
        guard let connection = connections[tag] else { return }
        let hasEnded = events.contains(.ended)
        let events = events.intersection(connection.poll.watched)
        if events.contains(.writable) { writable(connection) }
        guard connections[tag] === connection, table[number].phase != .free else { return }
        if events.contains(.readable) { readable(connection, hasEnded: hasEnded) }
    }

    /// Not watched yet.
    func open(_ descriptor: Int32, peer: NetworkAddress) -> Connection {
        let number = table.take()
        while connections.count <= Int(number) { connections.append(nil) }
        let poll = PolledSocket(poller, descriptor: descriptor, tag: Int(number))
        let connection = Connection(number: number, poll: poll, peer: peer, limits: httpLimits)
        connections[Int(number)] = connection
        table[number].descriptor = descriptor
        table[number].phase = .http
        table[number].heardAt = now
        table[number].deadline = now + configuration.httpHeaderMilliseconds
        metrics.accepted.add()
        metrics.connections.add(1)
        metrics.unwelcomed.add(1)
        return connection
    }

    // MARK: Reading

    /// - Parameter hasEnded: behind what can be read now nothing comes.
    func read(_ connection: Connection, hasEnded: Bool) {
        let number = connection.number
        for _ in 0..<Self.readsMax {
            guard mayRead(connection) else { return }
            switch Socket.receive(table[number].descriptor, into: buffer) {
            case .again: return
            case .closed:
                ended(connection)
                return
            case .bytes(let count):
                metrics.bytesIn.add(UInt64(count))
                table[number].heardAt = now
                table[number].isPinged = false
                if hasEnded, count < buffer.count { connection.isReadToEnd = true }
                arrived(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), connection)
                guard connections[Int(number)] === connection, count == buffer.count,
                      !connection.isHolding, connection.heldInput.isEmpty, !isSliceOver(connection)
                else { return }
            }
        }
    }

    /// As it came from the socket.
    func arrived(_ bytes: UnsafeMutableRawBufferPointer, _ connection: Connection) {
        if let tls = connection.tls {
            receivedCiphertext(UnsafeRawBufferPointer(bytes), tls, connection)
        } else {
            received(bytes, connection)
        }
    }

    /// The peer sends no more. One that speaks HTTP may still wait for its answers.
    func ended(_ connection: Connection) {
        let number = connection.number
        if connection.isShakingHands { metrics.tlsFailed("gone") }
        guard table[number].phase == .http, connection.hasUnsent || connection.answersNoted > 0,
              !connection.endsAfterFlush else {
            drop(connection)
            return
        }
        connection.endsAfterFlush = true
        watch(connection)
        markDirty(number)
    }

    func received(_ bytes: UnsafeMutableRawBufferPointer, _ connection: Connection) {
        switch table[connection.number].phase {
        case .proxied: receivedProxyHeader(bytes, connection)
        case .http: receivedHTTP(bytes, connection)
        case .greeting, .open, .closing: receivedWebSocket(bytes, connection)
        case .free: preconditionFailure("a free slot is not read")
        }
    }

    /// What is polled for: input unless requests have to wait or the connection has had its share, output when
    /// the socket was full.
    func watch(_ connection: Connection) {
        let isUnread = connection.isHolding || connection.endsAfterFlush || connection.isPaused
        var events: PollEvents = isUnread ? [] : .readable
        if table[connection.number].isBlocked { events.insert(.writable) }
        connection.poll.watch(events)
    }

    // MARK: The end

    /// The connection is gone, or has to go at once.
    func drop(_ connection: Connection) {
        let number = connection.number
        let descriptor = table[number].descriptor
        precondition(table[number].phase != .free)
        leaveSession(connection)
        uncharge(connection)
        if connection.isClient { metrics.outboxBytes.add(Int64(-connection.outbox.bytes)) }
        connection.outbox.removeAll()
        Socket.close(descriptor)
        if connection.isWebSocket { metrics.webSockets.add(-1) }
        if connection.stream != nil { metrics.eventStreams.add(-1) }
        metrics.connections.add(-1)
        connections[Int(number)] = nil
        table.release(number)
    }

    /// Sends no more, and throws away what still comes until the peer closes too: closing with unread
    /// input would reset the connection, and what was sent last could be lost on the way.
    func linger(_ connection: Connection) {
        let number = connection.number
        leaveSession(connection)
        endTLS(connection)
        // Where nothing can come any more there is nothing to wait for.
        guard !connection.isReadToEnd, Socket.finish(table[number].descriptor) else {
            drop(connection)
            return
        }
        connection.http = nil
        connection.webSocket = nil
        connection.exchange = nil
        connection.isHolding = false
        connection.isPaused = false
        connection.heldInput = []
        holds(0, connection)
        connection.endsAfterFlush = false
        table[number].phase = .closing
        table[number].isBlocked = false
        table[number].deadline = now + min(configuration.closeMilliseconds, 2_000)
        watch(connection)
    }

    /// The session hears that its connection is gone, and nothing is delivered to it any more.
    func leaveSession(_ connection: Connection) {
        for (topic, place) in connection.topics { leave(topic, at: place) }
        connection.topics = [:]
        guard let session = connection.session else { return }
        connection.session = nil
        sessions[session.id] = nil
        forgetStream(connection)
        session.connectionClosed()
    }
}

/// A listening socket.
struct Listener: Sendable {
    let descriptor: Int32
    let isTLS: Bool
}

/// The sessions of this loop attached to a topic.
final class TopicMembers {
    var numbers: [Int32] = []
}
