// What the clock brings about, in a sweep over all connections a few times per second: requests that do
// not come, sessions that do not begin, peers that are silent or take nothing, and the drain at the end.

import Crypto
import Loop
import Model
import Ports
import Wire

extension FrontLoop {
    func sweep() {
        readClock()
        observeLoad()
        if isAcceptPaused {
            isAcceptPaused = false
            for listener in listeners { listener.poll.watch(.readable) }
        }
        configuration.tls?.rotateTickets(nowMilliseconds: now)
        for number in 0..<Int32(table.count) where table[number].phase != .free {
            sweep(number)
        }
        drainMore()
        sweepDueAt = now + UInt64(configuration.sweepMilliseconds)
        loop.submit(afterMilliseconds: configuration.sweepMilliseconds) { [weak lane] in
            lane?.sweep()
        }
    }

    private func sweep(_ number: Int32) {
        let slot = table[number]
        let isDue = slot.deadline != 0 && now >= slot.deadline
        let isSilent = slot.phase == .open && now >= slot.heardAt + configuration.heartbeatMilliseconds
        guard isDue || isSilent || slot.isBlocked || slot.isReceiving, let connection = connections[Int(number)]
        else { return }
        switch slot.phase {
        case .free: break
        case .proxied: if isDue { drop(connection) }
        case .closing: if isDue { drop(connection) }
        case _ where hasStalled(connection):
            if connection.isClient { metrics.closed(.slow) }
            drop(connection)
        case .http: if isDue, !slot.isBlocked { httpTimedOut(connection) }
        case _ where slot.isReceiving && !isUnread(connection)
            && now >= connection.messageBeganAt + configuration.messageMilliseconds:
            close(connection, .messageTimeout, retryAfterMilliseconds: 0)
        case .greeting: if isDue { close(connection, .helloTimeout, retryAfterMilliseconds: 0) }
        case .open where slot.isPinged && isUnread(connection):
            // Its answer may have come.
            table[number].deadline = now + configuration.pongMilliseconds
        case .open where slot.isPinged:
            if isDue { close(connection, .heartbeatTimeout, retryAfterMilliseconds: 0) }
        case .open where isSilent:
            table[number].isPinged = true
            table[number].deadline = now + configuration.pongMilliseconds
            ping(connection)
        case .open: break
        }
    }

    /// It has had its share of input for now: it is the hub that does not read.
    private func isUnread(_ connection: Connection) -> Bool { connection.isPaused || connection.isQueued }

    private func hasStalled(_ connection: Connection) -> Bool {
        table[connection.number].isBlocked
            && now >= connection.progressAt + configuration.stallMilliseconds
    }

    /// The sweep itself is the measure: when it is late, all that waits for this loop is.
    private func observeLoad() {
        let before = load.level
        let outboxes = Double(metrics.outboxBytes.current) / Double(configuration.outboxTotalBytesMax)
        load.observe(late: sweepDueAt == 0 ? 0 : now - min(now, sweepDueAt), memory: outboxes)
        guard load.level != before else { return }
        metrics.loadLevels[Int(before.rawValue)].add(-1)
        metrics.loadLevels[Int(load.level.rawValue)].add(1)
        shared.services.log.warning(
            "load has changed", .word("level", load.level.name), .number("lag_ms", Int(load.lag)))
    }
}
