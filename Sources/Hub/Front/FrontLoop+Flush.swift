// The end of a tick: what was noted goes to the sockets, once per connection. All sends of a tick are one or a
// few system calls where the kernel has io_uring (SendRing), one call for each otherwise. Connections that
// are to get the same frames share the memory in which they are joined.

import Loop
import Model
import Ports

extension FrontLoop {
    /// With fewer connections to write to, a system call for each is cheaper than the ring's.
    private static let ringConnectionsMin = 4

    /// One write per connection that something was noted for. At the end of every tick.
    /// - Parameter isPaced: what only fan-outs have noted may wait (`FanOutPace`); else all goes.
    func flush(isPaced: Bool = true) {
        guard !dirty.isEmpty || !fannedOut.isEmpty else { return }
        let start = clocks.monotonic().value
        now = start / 1_000_000
        let wait = isPaced && !fannedOut.isEmpty ? pace.wait(at: start) : 0
        let usesRing = batch.isAvailable
            && dirty.count + (wait > 0 ? 0 : fannedOut.count) >= Self.ringConnectionsMin
        var sentBytes = 0
        for number in dirty {
            let slot = table.slots + Int(number)
            slot.pointee.isDirty = false
            guard slot.pointee.phase != .free else { continue }
            if slot.pointee.firstPending >= 0 {
                sentBytes += write(slot, number, usesRing: usesRing)
            } else {
                flushed(number)
            }
        }
        if wait == 0 {
            for number in fannedOut {
                let slot = table.slots + Int(number)
                slot.pointee.isFannedOut = false
                // Written with an answer, or gone.
                guard slot.pointee.firstPending >= 0 else { continue }
                sentBytes += write(slot, number, usesRing: usesRing)
            }
        }
        sentBytes -= submit()
        for number in changing { flushed(number) }
        changing.removeAll(keepingCapacity: true)
        // Nothing is noted during a flush: what a closed connection's session tells others comes back
        // as a job.
        dirty.removeAll(keepingCapacity: true)
        metrics.bytesOut.add(UInt64(sentBytes))
        if wait > 0 {
            pending.forgetJoined()
            comeBack(afterNanoseconds: wait)
        } else {
            pending.reset()
            guard !fannedOut.isEmpty else { return }
            pace.flushed(from: start, to: clocks.monotonic().value, messages: fannedOutMessages,
                         sends: fannedOut.count)
            fannedOut.removeAll(keepingCapacity: true)
            fannedOutMessages = 0
        }
    }

    /// Sends what is pending for a connection, or puts it into the batch; how many bytes, those included.
    @inline(__always)
    private func write(_ slot: UnsafeMutablePointer<Slot>, _ number: Int32, usesRing: Bool) -> Int {
        let first = slot.pointee.firstPending
        slot.pointee.firstPending = -1
        slot.pointee.lastPending = -1
        // Nearly always there is nothing to do afterwards.
        let isPlain = slot.pointee.phase == .open && !slot.pointee.awaitsWrite
        var sentBytes = 0
        if !slot.pointee.isEncrypted, let bytes = pending.joined(from: first) {
            if usesRing {
                if !isPlain { changing.append(number) }
                if batch.isFull { sentBytes -= submit() }
                batch.add(slot.pointee.descriptor, bytes, number: number, first: first)
                return sentBytes + bytes.count
            }
            let sent = Socket.send(slot.pointee.descriptor, bytes.baseAddress!, bytes.count)
            sentBytes += max(0, sent)
            if sent != bytes.count { written(number, first, sent) }
        } else {
            sentBytes += flushPieces(number, first)
        }
        if !isPlain || slot.pointee.isBlocked { flushed(number) }
        return sentBytes
    }

    /// A turn of the loop when fan-outs may go.
    private func comeBack(afterNanoseconds wait: UInt64) {
        guard !isComingBack else { return }
        isComingBack = true
        metrics.waits.add()
        loop.submit(afterMilliseconds: UInt32((wait + 999_999) / 1_000_000)) { [weak lane] in
            lane?.comeBack()
        }
    }

    /// Carries out the batch; how many of its bytes were not taken.
    private func submit() -> Int {
        guard !batch.isEmpty else { return 0 }
        metrics.batches.add()
        var missing = 0
        batch.submit { number, first, size, sent in
            missing += size - max(0, sent)
            written(number, first, sent)
            flushed(number)
        }
        return missing
    }

    /// For what is too much to be joined, or goes through TLS.
    private func flushPieces(_ number: Int32, _ first: Int32) -> Int {
        var total = 0
        var node = first
        while node >= 0 {
            let start = node
            while node >= 0, !gather.isFull {
                let bytes = pending.frame(of: node).bytes
                gather.add(bytes.baseAddress!, bytes.count)
                node = pending.nodes[Int(node)].next
            }
            let wanted = gather.bytes
            let sent = sendGathered(number, isAll: node < 0)
            if sent != wanted {
                written(number, start, sent)
                return total + max(0, sent)
            }
            total += sent
        }
        return total
    }

    /// The socket took `sent` bytes of what was noted from `first` on: the rest goes into the outbox.
    private func written(_ number: Int32, _ first: Int32, _ sent: Int) {
        guard let connection = connections[Int(number)] else { return }
        guard sent >= 0 else {
            // The peer is gone; reading says so too, but must not be waited for.
            drop(connection)
            return
        }
        let waitedBefore = connection.outbox.bytes
        var left = sent
        var node = first
        while node >= 0 {
            let frame = pending.frame(of: node)
            node = pending.nodes[Int(node)].next
            if left >= frame.bytes.count {
                left -= frame.bytes.count
                continue
            }
            connection.outbox.append(frame, skipping: left)
            left = 0
        }
        guard !connection.outbox.isEmpty else { return }
        if connection.isClient {
            metrics.outboxBytes.add(Int64(connection.outbox.bytes - waitedBefore))
        }
        table[number].isBlocked = true
        connection.progressAt = now
        watch(connection)
    }
}
