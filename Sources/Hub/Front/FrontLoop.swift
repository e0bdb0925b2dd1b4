// The sockets of one loop: accepting, reading, deadlines, the end of connections. Everything here runs on
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
    let lane: FrontLane
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
    /// Milliseconds, as of the last event.
    var now: UInt64 = 0

    private var listeners: [(descriptor: Int32, poll: PollHandle)] = []
    private var isAcceptPaused = false
    private var buffer: UnsafeMutableRawBufferPointer
    private var drainDeadline: UInt64?
    private var drained: (@Sendable () -> Void)?

    /// Bytes read at once. Larger: fewer calls for large messages; every loop has one.
    private static let bufferBytes = 64 << 10
    /// Reads of one connection before the others get their turn.
    private static let readsMax = 4
    /// Connections accepted before those that are there get their turn.
    private static let acceptsMax = 64
    /// Sessions sent away per sweep while draining.
    private static let drainBatch = 500

    init(loop: Loop, lane: FrontLane, shared: FrontShared) {
        self.loop = loop
        self.lane = lane
        self.shared = shared
        buffer = .allocate(byteCount: Self.bufferBytes, alignment: 16)
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

    private func stopListening() {
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
                if metrics.connections.current >= Int64(configuration.connectionsMax) {
                    refuse(accepted.descriptor)
                } else {
                    open(accepted.descriptor, peer: accepted.peer)
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

    private func refuse(_ descriptor: Int32) {
        metrics.refusedFull.add()
        let text: StaticString = """
            HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\
            Connection: close\r\n\r\n
            """
        _ = Socket.send(descriptor, text.utf8Start, text.utf8CodeUnitCount)
        Socket.close(descriptor)
    }

    private func open(_ descriptor: Int32, peer: String) {
        let number = table.take()
        while connections.count <= Int(number) { connections.append(nil) }
        let poll = PollHandle(loop: loop, descriptor: descriptor, owner: self, tag: Int(number))
        connections[Int(number)] = Connection(number: number, poll: poll, peer: peer,
                                              limits: HTTPLimits())
        table[number].descriptor = descriptor
        table[number].phase = .http
        table[number].heardAt = now
        table[number].deadline = now + configuration.httpHeaderMilliseconds
        metrics.accepted.add()
        metrics.connections.add(1)
        poll.watch(.readable)
    }

    // MARK: Reading

    private func read(_ connection: Connection) {
        let number = connection.number
        for _ in 0..<Self.readsMax {
            switch Socket.receive(table[number].descriptor, into: buffer) {
            case .again: return
            case .closed:
                drop(connection)
                return
            case .bytes(let count):
                metrics.bytesIn.add(UInt64(count))
                table[number].heardAt = now
                table[number].isPinged = false
                received(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), connection)
                guard connections[Int(number)] === connection, count == buffer.count,
                      connection.exchange == nil else { return }
            }
        }
    }

    private func received(_ bytes: UnsafeMutableRawBufferPointer, _ connection: Connection) {
        switch table[connection.number].phase {
        case .http: receivedHTTP(bytes, connection)
        case .greeting, .open, .closing: receivedWebSocket(bytes, connection)
        case .free: preconditionFailure("a free slot is not read")
        }
    }

    /// What is polled for: input unless a handler is at work, output when the socket was full.
    func watch(_ connection: Connection) {
        var events: PollEvents = connection.exchange == nil && !connection.endsAfterFlush ? .readable : []
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
        metrics.outboxBytes.add(Int64(-connection.outbox.bytes))
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

    // MARK: Deadlines

    func sweep() {
        readClock()
        if isAcceptPaused {
            isAcceptPaused = false
            for listener in listeners { listener.poll.watch(.readable) }
        }
        for number in 0..<Int32(table.count) where table[number].phase != .free {
            sweep(number)
        }
        drainMore()
        loop.submit(afterMilliseconds: configuration.sweepMilliseconds) { [weak lane] in
            lane?.sweep()
        }
    }

    private func sweep(_ number: Int32) {
        let slot = table[number]
        guard let connection = connections[Int(number)] else { return }
        let isDue = slot.deadline != 0 && now >= slot.deadline
        switch slot.phase {
        case .free: break
        case .http: if isDue { httpTimedOut(connection) }
        case .greeting: if isDue { close(connection, .helloTimeout, retryAfterMilliseconds: 0) }
        case .closing: if isDue { drop(connection) }
        case .open:
            if slot.isPinged {
                if isDue { close(connection, .heartbeatTimeout, retryAfterMilliseconds: 0) }
            } else if now >= slot.heardAt + configuration.heartbeatMilliseconds {
                table[number].isPinged = true
                table[number].deadline = now + configuration.pongMilliseconds
                ping(connection)
            }
        }
    }

    // MARK: Draining

    /// Stops accepting and sends everybody away; `done` is called when nobody is left, or at the deadline.
    func drain(_ done: @escaping @Sendable () -> Void) {
        readClock()
        stopListening()
        drained = done
        drainDeadline = now + configuration.drainMilliseconds
        drainMore()
    }

    private func drainMore() {
        guard let deadline = drainDeadline else { return }
        var sent = 0
        for number in 0..<Int32(table.count) {
            guard let connection = connections[Int(number)] else { continue }
            switch table[number].phase {
            case .greeting, .open:
                guard sent < Self.drainBatch else { continue }
                close(connection, .draining, retryAfterMilliseconds: 0)
                sent += 1
            case .http:
                if connection.exchange == nil, connection.outbox.isEmpty { drop(connection) }
            case .free, .closing: break
            }
        }
        let isEmpty = connections.allSatisfy { $0 == nil }
        guard isEmpty || now >= deadline else { return }
        for connection in connections { if let connection { drop(connection) } }
        drainDeadline = nil
        drained?()
        drained = nil
    }
}

/// The sessions of this loop attached to a topic.
final class TopicMembers {
    var numbers: [Int32] = []
}
