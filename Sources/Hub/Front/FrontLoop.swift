// The sockets of one loop: accepting, reading, the end of connections. Everything here runs on
// the loop's thread, synchronously, out of a poll callback, a job or the tick hook. What is read goes to
// FrontLoop+HTTP or +WebSocket; what is to be written comes through FrontLoop+Output.

import Live
import Loop
import Model
import Ports
import Wire

/// What all loops of a front have in common.
final class FrontShared: Sendable {
    let configuration: FrontConfiguration
    let services: FrontServices
    let site: StaticSite
    let metrics: FrontMetrics
    let isDraining = Lock(false)

    init(configuration: FrontConfiguration, services: FrontServices, site: StaticSite) {
        self.configuration = configuration
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

    var table = SlotTable()
    /// By number; `nil` where the slot is free.
    var connections: [Connection?] = []
    var sessions: [SessionID: Int32] = [:]
    var topics: [Topic: TopicMembers] = [:]
    var pending = PendingFrames()
    /// Numbers of the slots to be written to at the end of the tick.
    var dirty: [Int32] = []
    var gather = Gather()
    var batch: SendBatch
    /// Milliseconds, as of the last event.
    var now: UInt64 = 0

    var listeners: [(descriptor: Int32, poll: PollHandle)] = []
    var isAcceptPaused = false
    private var buffer: UnsafeMutableRawBufferPointer
    var drainDeadline: UInt64?
    var drained: (@Sendable () -> Void)?

    /// Bytes read at once. Larger: fewer calls for large messages; every loop has one.
    private static let bufferBytes = 64 << 10
    /// Reads of one connection before the others get their turn.
    private static let readsMax = 4
    /// Connections accepted before those that are there get their turn.
    private static let acceptsMax = 64
    /// Connections over the limit that get an answer before they are closed.
    private static let refusalsMax: Int64 = 256

    init(loop: Loop, lane: FrontLane, shared: FrontShared) {
        self.loop = loop
        self.lane = lane
        self.shared = shared
        buffer = .allocate(byteCount: Self.bufferBytes, alignment: 16)
        batch = SendBatch(usesRing: shared.configuration.usesRing)
        readClock()
        loop.onTick { [unowned self] in flush() }
    }

    deinit { buffer.deallocate() }

    var configuration: FrontConfiguration { shared.configuration }
    var metrics: FrontMetrics { shared.metrics }

    func readClock() { now = shared.services.clocks.monotonic().value / 1_000_000 }

    // MARK: Listening

    func listen(_ descriptors: [Int32]) {
        for descriptor in descriptors {
            let poll = PollHandle(loop: loop, descriptor: descriptor, owner: self,
                                  tag: -1 - listeners.count)
            listeners.append((descriptor, poll))
            poll.watch(.readable)
        }
        sweep()
    }

    func stopListening() {
        for listener in listeners {
            listener.poll.close()
            Socket.close(listener.descriptor)
        }
        listeners = []
    }

    func pollReady(_ events: PollEvents, tag: Int, error: Int32?) {
        readClock()
        if tag < 0 {
            accept(listeners[-1 - tag].descriptor)
            return
        }
        let number = Int32(truncatingIfNeeded: tag)
        guard let connection = connections[tag] else { return }
        if error != nil {
            drop(connection)
            return
        }
        if events.contains(.writable) { writable(connection) }
        guard connections[tag] === connection, table[number].phase != .free else { return }
        if !events.isDisjoint(with: [.readable, .disconnect]) { read(connection) }
    }

    private func accept(_ listener: Int32) {
        for _ in 0..<Self.acceptsMax {
            do {
                guard let accepted = try Socket.accept(listener) else { return }
                let over = metrics.connections.current - Int64(configuration.connectionsMax)
                if over < 0 {
                    open(accepted.descriptor, peer: accepted.peer)
                    continue
                }
                metrics.refusedFull.add()
                if over < Self.refusalsMax {
                    refuse(open(accepted.descriptor, peer: accepted.peer))
                } else {
                    Socket.close(accepted.descriptor)
                }
            } catch {
                // Out of descriptors or memory: the connection stays in the kernel's queue. Polling on
                // would spin; the next sweep tries again.
                metrics.acceptFailures.add()
                isAcceptPaused = true
                for listener in listeners { listener.poll.watch([]) }
                return
            }
        }
    }

    /// Tells a program that can wait; the connection is gone a moment later.
    private func refuse(_ connection: Connection) {
        answer(HTTPResponse(status: 503, headers: [HTTPHeader("Retry-After", "5")]), .faulty,
               connection)
    }

    @discardableResult
    private func open(_ descriptor: Int32, peer: String) -> Connection {
        let number = table.take()
        while connections.count <= Int(number) { connections.append(nil) }
        let poll = PollHandle(loop: loop, descriptor: descriptor, owner: self, tag: Int(number))
        let connection = Connection(number: number, poll: poll, peer: peer, limits: HTTPLimits())
        connections[Int(number)] = connection
        table[number].descriptor = descriptor
        table[number].phase = .http
        table[number].heardAt = now
        table[number].deadline = now + configuration.httpHeaderMilliseconds
        metrics.accepted.add()
        metrics.connections.add(1)
        poll.watch(.readable)
        return connection
    }

    // MARK: Reading

    private func read(_ connection: Connection) {
        let number = connection.number
        for _ in 0..<Self.readsMax {
            switch Socket.receive(table[number].descriptor, into: buffer) {
            case .again: return
            case .closed:
                ended(connection)
                return
            case .bytes(let count):
                metrics.bytesIn.add(UInt64(count))
                table[number].heardAt = now
                table[number].isPinged = false
                received(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), connection)
                guard connections[Int(number)] === connection, count == buffer.count,
                      !connection.isHolding else { return }
            }
        }
    }

    /// The peer sends no more. One that speaks HTTP may still wait for its answers.
    private func ended(_ connection: Connection) {
        let number = connection.number
        guard table[number].phase == .http, !connection.outbox.isEmpty || connection.answersNoted > 0,
              !connection.endsAfterFlush else {
            drop(connection)
            return
        }
        connection.endsAfterFlush = true
        watch(connection)
        markDirty(number)
    }

    private func received(_ bytes: UnsafeMutableRawBufferPointer, _ connection: Connection) {
        switch table[connection.number].phase {
        case .http: receivedHTTP(bytes, connection)
        case .greeting, .open, .closing: receivedWebSocket(bytes, connection)
        case .free: preconditionFailure("a free slot is not read")
        }
    }

    /// What is polled for: input unless requests have to wait, output when the socket was full.
    func watch(_ connection: Connection) {
        var events: PollEvents = connection.isHolding || connection.endsAfterFlush ? [] : .readable
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
        if connection.isWebSocket { metrics.outboxBytes.add(Int64(-connection.outbox.bytes)) }
        connection.outbox.removeAll()
        connection.poll.close()
        Socket.close(descriptor)
        if connection.isWebSocket { metrics.webSockets.add(-1) }
        metrics.connections.add(-1)
        connections[Int(number)] = nil
        table.release(number)
    }

    /// Sends no more, and throws away what still comes until the peer closes too: closing with unread
    /// input would reset the connection, and what was sent last could be lost on the way.
    func linger(_ connection: Connection) {
        let number = connection.number
        leaveSession(connection)
        connection.http = nil
        connection.webSocket = nil
        connection.exchange = nil
        connection.isHolding = false
        connection.heldInput = []
        connection.endsAfterFlush = false
        table[number].phase = .closing
        table[number].isBlocked = false
        table[number].deadline = now + min(configuration.closeMilliseconds, 2_000)
        Socket.finish(table[number].descriptor)
        watch(connection)
    }

    /// The session hears that its connection is gone, and nothing is delivered to it any more.
    func leaveSession(_ connection: Connection) {
        for (topic, place) in connection.topics { leave(topic, at: place) }
        connection.topics = [:]
        guard let session = connection.session else { return }
        connection.session = nil
        sessions[session.id] = nil
        session.assumeIsolated { $0.connectionClosed() }
    }
}

/// The sessions of this loop attached to a topic.
final class TopicMembers {
    var numbers: [Int32] = []
}
