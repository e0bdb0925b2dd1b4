// Who finds room in a hub that is full: those without a session that have done nothing for a while go for those who
// come, and a few places are kept for whoever asks how the hub is.

import Live
import Loop
import Model
import Ports
import Wire

extension FrontLoop {
    // MARK: Those who wait

    /// After a search in vain.
    private static let searchPauseMilliseconds: UInt64 = 50

    /// Makes room: of those without a session, the one that has been silent longest goes.
    func evictIdle() -> Bool {
        guard now >= searchAgainAt else { return false }
        var found: Int32 = -1
        var oldest = UInt64.max
        for number in 0..<Int32(table.count) where table[number].heardAt < oldest && isIdle(number) {
            found = number
            oldest = table[number].heardAt
        }
        guard found >= 0, let connection = connections[Int(found)] else {
            searchAgainAt = now + Self.searchPauseMilliseconds
            return false
        }
        metrics.evicted.add()
        drop(connection)
        return true
    }

    /// No session, no request at work, nothing on its way to the peer; and no progress, though bytes may trickle.
    private func isIdle(_ number: Int32) -> Bool {
        let slot = table[number]
        guard slot.deadline != 0, !slot.isBlocked, slot.firstPending < 0 else { return false }
        switch slot.phase {
        case .greeting:
            guard connections[Int(number)]?.session?.unansweredCommands == 0 else { return false }
            return slot.deadline + configuration.evictionMilliseconds <= now + configuration.helloMilliseconds
        case .http:
            guard connections[Int(number)]?.keptFor == nil else { return false }
            return slot.heardAt + configuration.evictionMilliseconds <= now
                || slot.deadline + configuration.evictionMilliseconds <= now + configuration.httpHeaderMilliseconds
        case .free, .proxied, .open, .closing: return false
        }
    }

    // MARK: Probes

    /// Connections of a loop beyond all limits, each for one request.
    private static let probesMax = 128
    /// For that request to come.
    private static let probeMilliseconds: UInt64 = 2_000

    /// What is answered though nobody more gets in.
    static func isProbe(_ request: HTTPRequest) -> Bool {
        !request.isPathEncoded && ["/healthz", "/readyz", "/metrics"].contains(request.path)
    }

    /// Lets the connection in for one request, and only to ask how the hub is. When all these places are taken, the
    /// one that was taken first is given away, so that who takes places and says nothing keeps nobody out.
    func keepForProbe(_ connection: Connection, instead reason: FrontMetrics.Refusal) {
        probes.removeAll { self.connection(of: $0)?.keptFor == nil }
        if probes.count >= Self.probesMax, let first = self.connection(of: probes.removeFirst()) {
            drop(first)
        }
        connection.keptFor = reason
        probes.append(InputTicket(number: connection.number, generation: table[connection.number].generation))
        table[connection.number].deadline = now + min(Self.probeMilliseconds, configuration.httpHeaderMilliseconds)
    }

    /// Tells a program that can wait.
    func refuseFull(_ connection: Connection) {
        if let reason = connection.keptFor { metrics.refused(reason) }
        connection.keptFor = nil
        answer(HTTPResponse(status: 503, headers: [HTTPHeader("Retry-After", "5")]), .faulty, connection)
    }
}
