// From deliveries to what is noted for each connection: during a tick, frames are only noted, a broadcast is
// encoded once and noted in the slot of every subscriber. FrontLoop+Flush writes; what a socket does not
// take waits in the connection's outbox, and what becomes of that is here too.
//
// The kernel's send is nearly all of what a delivery costs, so these files are about doing little else: no
// dictionary, closure, allocation or reference count per subscriber.

import Live
import Loop
import Model
import Ports
import Wire

extension FrontLoop {
    // MARK: Deliveries

    func carryOut(_ delivery: Delivery) {
        switch delivery {
        case .broadcast(let topic, let broadcast, let except):
            fanOut(topic, broadcast, except: except)
        case .send(let session, let frame):
            guard let connection = connection(of: session) else { return }
            if case .welcome = frame.body { welcomed(connection) }
            send(frame, connection)
            connection.session?.willSend(frame)
            observeWindow(connection)
        case .attach(let session, let topic):
            guard let connection = connection(of: session) else { return }
            join(topic, connection)
        case .detach(let session, let topic):
            guard let connection = connection(of: session),
                  let place = connection.topics.removeValue(forKey: topic) else { return }
            leave(topic, at: place)
        case .paged(let session, let page, let next):
            guard let connection = connection(of: session) else { return }
            connection.session?.paged(page, next: next)
            observeWindow(connection)
        case .checkExpiry(let session): connection(of: session)?.session?.checkExpiry()
        case .close(let session, let code, let wait):
            guard let connection = connection(of: session) else { return }
            readClock()
            close(connection, code, retryAfterMilliseconds: wait)
        }
        if pending.count >= Self.pendingMax { flush(isPaced: false) }
    }

    /// Frames noted before they are sent without waiting for the pace or the end of the tick. Higher: more of them
    /// share a write, at 8 bytes each.
    private static let pendingMax = 1 << 18

    private func connection(of session: SessionID) -> Connection? {
        sessions[session].flatMap { connections[Int($0)] }
    }

    /// What the session has waiting goes on at the end of the tick, or when the socket takes more.
    @inline(__always)
    func observeWindow(_ connection: Connection) {
        guard let session = connection.session, session.awaitsWrite else { return }
        table[connection.number].awaitsWrite = true
        markDirty(connection.number)
    }

    /// What was noted for the connection is with the socket or in the outbox.
    private func tellWindow(_ connection: Connection) {
        guard let session = connection.session else { return }
        session.wrote(room: outboxRule.room(
            waiting: connection.outbox.bytes, total: Int(metrics.outboxBytes.current)))
        table[connection.number].awaitsWrite = session.awaitsWrite
    }

    func welcomed(_ connection: Connection) {
        let number = connection.number
        countWelcome(connection)
        table[number].phase = .open
        table[number].deadline = 0
        connection.webSocket?.limits.messageBytesMax = configuration.frameBytesMax
        connection.stream?.isWelcomed.withLock { $0 = true }
    }

    // MARK: Topics

    private func join(_ topic: Topic, _ connection: Connection) {
        guard connection.topics[topic] == nil else { return }
        let members: TopicMembers
        if let known = topics[topic] {
            members = known
        } else {
            members = TopicMembers()
            topics[topic] = members
        }
        connection.topics[topic] = members.numbers.count
        members.numbers.append(connection.number)
    }

    /// The last member takes the place that becomes free.
    func leave(_ topic: Topic, at place: Int) {
        guard let members = topics[topic] else { return }
        let last = members.numbers.removeLast()
        if place < members.numbers.count {
            members.numbers[place] = last
            connections[Int(last)]?.topics[topic] = place
        }
        if members.numbers.isEmpty { topics[topic] = nil }
    }

    private func fanOut(_ topic: Topic, _ broadcast: Broadcast, except: SessionID?) {
        guard let members = topics[topic] else { return }
        let skipped = except.flatMap { sessions[$0] } ?? -1
        var frames = PackedNumbers()
        let nodesBefore = pending.count
        members.numbers.withUnsafeBufferPointer { numbers in
            for number in numbers where number != skipped {
                let slot = table.slots + Int(number)
                let packaging = slot.pointee.packaging
                var frame = frames[packaging]
                if frame < 0 {
                    frame = pending.add(packed(broadcast, packaging))
                    frames[packaging] = frame
                }
                if slot.pointee.isBlocked {
                    appendBlocked(number, pending[frame: frame], isEphemeral: broadcast.isEphemeral)
                    continue
                }
                pending.append(frame, to: &slot.pointee)
                if !slot.pointee.isFannedOut {
                    slot.pointee.isFannedOut = true
                    fannedOut.append(number)
                }
            }
        }
        let noted = pending.count - nodesBefore
        fannedOutMessages += noted * broadcast.messages
        metrics.deliveries.add(UInt64(noted))
    }

    // MARK: Frames to one connection

    func send(_ frame: ServerFrame, _ connection: Connection) {
        metrics.deliveries.add()
        write(connection.packaging.pack(frame), connection)
    }

    /// Bytes for a connection, behind everything written before.
    func write(_ frame: EncodedFrame, _ connection: Connection) {
        let number = connection.number
        let slot = table.slots + Int(number)
        if slot.pointee.isBlocked {
            appendBlocked(number, frame, isEphemeral: false)
            return
        }
        pending.append(frame, to: &slot.pointee)
        markDirty(number)
    }

    func markDirty(_ number: Int32) {
        let slot = table.slots + Int(number)
        guard !slot.pointee.isDirty else { return }
        slot.pointee.isDirty = true
        dirty.append(number)
    }

    /// For a reader that is behind. Ephemeral frames go first; a reader over its budget is closed.
    private func appendBlocked(_ number: Int32, _ frame: EncodedFrame, isEphemeral: Bool) {
        guard let connection = connections[Int(number)] else { return }
        if isEphemeral, !outboxRule.takesEphemeral(waiting: connection.outbox.bytes) {
            metrics.ephemeralDropped.add()
            return
        }
        connection.outbox.append(frame)
        metrics.deliveries.add()
        metrics.outboxBytes.add(Int64(frame.bytes.count))
        // Closed at the end of the tick: the tables must not change during a fan-out.
        if isOverBudget(connection) { markDirty(number) }
    }

    // MARK: After a write

    /// What remains to be done for a connection after its write.
    func flushed(_ number: Int32) {
        guard let connection = connections[Int(number)] else { return }
        connection.answersNoted = 0
        switch table[number].phase {
        case .free, .proxied: break
        case .greeting, .open:
            if isOverBudget(connection) {
                tooSlow(connection)
            } else if table[number].awaitsWrite {
                tellWindow(connection)
            }
        case .closing: if !connection.hasUnsent, connection.endsAfterFlush { linger(connection) }
        case .http: flushedHTTP(connection)
        }
    }

    private func isOverBudget(_ connection: Connection) -> Bool {
        outboxRule.isOverBudget(waiting: connection.outbox.bytes, total: Int(metrics.outboxBytes.current))
    }

    private var outboxRule: OutboxRule {
        OutboxRule(bytesMax: configuration.outboxBytesMax, totalBytesMax: configuration.outboxTotalBytesMax)
    }

    private func flushedHTTP(_ connection: Connection) {
        guard !connection.hasUnsent else { return }
        if connection.endsAfterFlush {
            linger(connection)
        } else if connection.isHolding, connection.exchange == nil {
            let lane = lane
            let number = connection.number
            let generation = table[number].generation
            loop.submit { lane.answersTaken(number, generation) }
        }
    }

    /// A reader over its budget: what waits is thrown away, all but the rest of a frame it has begun to
    /// get, and it is told why, if it still reads.
    private func tooSlow(_ connection: Connection) {
        let number = connection.number
        let waitedBefore = connection.outbox.bytes
        connection.outbox.keepBegunFrame()
        let closing = Closing(code: .slow, retryAfterMilliseconds: 0)
        connection.outbox.append(connection.packaging.pack(ServerFrame(body: .closing(closing))))
        if connection.isWebSocket {
            connection.outbox.append(EncodedFrame(WebSocketFrame.close(.slow, reason: CloseCode.slow.slug)))
        } else {
            connection.endsAfterFlush = true
        }
        metrics.outboxBytes.add(Int64(connection.outbox.bytes - waitedBefore))
        metrics.closed(.slow)
        table[number].phase = .closing
        table[number].deadline = now + configuration.closeMilliseconds
        leaveSession(connection)
    }

    /// The socket takes more.
    func writable(_ connection: Connection) {
        let number = connection.number
        connection.progressAt = now
        guard sendCiphertext(connection) else { return }
        while !connection.outbox.isEmpty {
            connection.outbox.gather(into: &gather)
            let wanted = gather.bytes
            let sent = sendGathered(number, isAll: wanted == connection.outbox.bytes)
            guard sent >= 0 else {
                drop(connection)
                return
            }
            connection.outbox.remove(sent)
            if connection.isClient { metrics.outboxBytes.add(Int64(-sent)) }
            metrics.bytesOut.add(UInt64(sent))
            if sent < wanted || !connection.ciphertext.isEmpty {
                if table[number].awaitsWrite { tellWindow(connection) }
                return
            }
        }
        table[number].isBlocked = false
        if table[number].phase == .http, connection.exchange == nil {
            // The times of a request begin when the answer before it is taken.
            let isIdle = connection.http?.isIdle ?? true
            table[number].deadline = now
                + (isIdle ? configuration.httpIdleMilliseconds : configuration.httpHeaderMilliseconds)
        }
        watch(connection)
        flushed(number)
    }
}
