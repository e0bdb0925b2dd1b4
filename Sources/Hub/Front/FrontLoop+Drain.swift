// How the connections of a loop end when the hub stops: listeners are closed at once, and everybody is told
// to come back elsewhere, a few at a time and in random order, so that neither a successor nor the other
// hubs get them all at once. Who waits for an answer gets it first. Moved on by the sweep.

import Live
import Loop
import Model
import Ports
import Wire

/// A drain under way.
struct Drain {
    struct Leaver {
        let number: Int32
        let generation: UInt32
    }

    /// Milliseconds of the loop's clock. Until then nothing happens but that `/readyz` says no.
    var beginsAt: UInt64
    /// Everybody has been told by then.
    var toldAt: UInt64
    /// Whoever is still there is dropped.
    var endsAt: UInt64
    var hasBegun = false
    /// Those who have not been told yet, the next one last.
    var leaving: [Leaver] = []
    /// How many there were.
    var count = 0
    /// Those whose turn has come, with unanswered commands: nothing more is read of them.
    var answering: [(leaver: Leaver, until: UInt64)] = []
    let done: @Sendable () -> Void
}

extension FrontLoop {
    /// Sessions that are sent away per sweep in any case: small hubs are gone in no time.
    private static let drainBatchMin = 100
    /// As many times some connections as a listener's queue holds.
    private static let acceptRoundsMax = 64
    /// Bounds of the random wait that clients are told, in milliseconds: it spreads those of one sweep.
    private static let retryBounds: ClosedRange<UInt64> = 100...1_000

    /// Whether connections are told to go.
    var isSendingAway: Bool { draining?.hasBegun == true }

    /// Begins after the configured delay; `done` is called when nobody is left, or at the deadline.
    func drain(_ done: @escaping @Sendable () -> Void) {
        readClock()
        let beginsAt = now + configuration.drainDelayMilliseconds
        draining = Drain(beginsAt: beginsAt, toldAt: beginsAt + configuration.drainMilliseconds / 2,
                         endsAt: beginsAt + configuration.drainMilliseconds, done: done)
        drainMore()
    }

    /// No more delay and pace: everybody is told now, nobody's answer is waited for, and who has not gone
    /// after a second is dropped.
    func hurryDrain() {
        readClock()
        guard var drain = draining else { return }
        drain.beginsAt = min(drain.beginsAt, now)
        drain.toldAt = drain.beginsAt
        drain.endsAt = min(drain.endsAt, now + 1_000)
        for index in drain.answering.indices { drain.answering[index].until = now }
        draining = drain
        drainMore()
    }

    func drainMore() {
        guard let drain = draining, now >= drain.beginsAt else { return }
        if !drain.hasBegun { beginDrain() }
        sendAwayThoseAnswered()
        sendAwaySome()
        endIdleRequests()
        guard let drain = draining else { return }
        guard now >= drain.endsAt || connections.allSatisfy({ $0 == nil }) else { return }
        for connection in connections { if let connection { drop(connection) } }
        draining = nil
        poller.close()
        drain.done()
    }

    private func beginDrain() {
        // What waits in the kernel's queue would be reset. No more than that: they may come on and on.
        for (listener, _) in listeners {
            for _ in 0..<Self.acceptRoundsMax { guard accept(listener) else { break } }
        }
        stopListening()
        var leaving: [Drain.Leaver] = []
        for number in 0..<Int32(table.count) where isSession(number) {
            leaving.append(Drain.Leaver(number: number, generation: table[number].generation))
        }
        for index in leaving.indices.reversed() {
            leaving.swapAt(index, Int(random(0...UInt64(index))))
        }
        draining?.count = leaving.count
        draining?.leaving = leaving
        draining?.hasBegun = true
    }

    private func isSession(_ number: Int32) -> Bool {
        table[number].phase == .greeting || table[number].phase == .open
    }

    private func random(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + shared.services.entropy.words().0 % (range.upperBound - range.lowerBound + 1)
    }

    /// The connection, if it is still the same, and has a session.
    private func staying(_ leaver: Drain.Leaver) -> Connection? {
        guard table[leaver.number].generation == leaver.generation, isSession(leaver.number) else { return nil }
        return connections[Int(leaver.number)]
    }

    private func sendAwaySome() {
        guard let drain = draining else { return }
        let span = drain.toldAt - drain.beginsAt
        let elapsed = now - drain.beginsAt
        let isLate = elapsed >= span
        let told = drain.count - drain.leaving.count
        let due = isLate ? drain.count
            : max(told + Self.drainBatchMin, Int(UInt64(drain.count) * elapsed / span))
        for _ in told..<min(max(due, told), drain.count) {
            guard let leaver = draining?.leaving.popLast() else { return }
            guard let connection = staying(leaver) else { continue }
            if !isLate, isAwaitingAnswers(connection) {
                connection.isHolding = true
                watch(connection)
                draining?.answering.append((leaver, until: now + configuration.answerMilliseconds))
            } else {
                sendAway(connection)
            }
        }
    }

    private func isAwaitingAnswers(_ connection: Connection) -> Bool {
        (connection.session?.unansweredCommands ?? 0) > 0
    }

    private func sendAwayThoseAnswered() {
        guard let waiting = draining?.answering, !waiting.isEmpty else { return }
        draining?.answering = waiting.filter { leaver, until in
            let number = leaver.number
            guard table[number].generation == leaver.generation,
                  let connection = connections[Int(number)] else { return false }
            if isSession(number), now < until, isAwaitingAnswers(connection) { return true }
            connection.isHolding = false
            watch(connection)
            if isSession(number) { sendAway(connection) }
            return false
        }
    }

    private func sendAway(_ connection: Connection) {
        close(connection, .draining, retryAfterMilliseconds: UInt32(random(Self.retryBounds)))
    }

    /// Connections that speak HTTP go when they have been idle for a moment: the request of one that was
    /// just accepted may be on its way.
    private func endIdleRequests() {
        let quiet = configuration.drainMilliseconds / 20
        for number in 0..<Int32(table.count) where table[number].phase == .http || table[number].phase == .proxied {
            guard let connection = connections[Int(number)], connection.exchange == nil,
                  !connection.hasUnsent, connection.answersNoted == 0,
                  now >= table[number].heardAt + quiet else { continue }
            drop(connection)
        }
    }
}
