// What the clock brings about, in a sweep over all connections a few times per second: requests that do
// not come, sessions that do not begin, peers that are silent or take nothing, and the drain at the end.

import Crypto
import Loop
import Model
import Wire

extension FrontLoop {
    func sweep() {
        readClock()
        if isAcceptPaused {
            isAcceptPaused = false
            for listener in listeners { listener.poll.watch(.readable) }
        }
        configuration.tls?.rotateTickets(nowMilliseconds: now)
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
        let isDue = slot.deadline != 0 && now >= slot.deadline
        let isSilent = slot.phase == .open && now >= slot.heardAt + configuration.heartbeatMilliseconds
        guard isDue || isSilent || slot.isBlocked, let connection = connections[Int(number)]
        else { return }
        switch slot.phase {
        case .free: break
        case .closing: if isDue { drop(connection) }
        case _ where hasStalled(connection):
            if connection.isWebSocket { metrics.closed(.slow) }
            drop(connection)
        case .http: if isDue, !slot.isBlocked { httpTimedOut(connection) }
        case .greeting: if isDue { close(connection, .helloTimeout, retryAfterMilliseconds: 0) }
        case .open where slot.isPinged:
            if isDue { close(connection, .heartbeatTimeout, retryAfterMilliseconds: 0) }
        case .open where isSilent:
            table[number].isPinged = true
            table[number].deadline = now + configuration.pongMilliseconds
            ping(connection)
        case .open: break
        }
    }

    private func hasStalled(_ connection: Connection) -> Bool {
        table[connection.number].isBlocked
            && now >= connection.progressAt + configuration.stallMilliseconds
    }
}
