// Whose input is looked at in which turn of the loop (InputBudget.swift decides). A connection that has had its
// slice, or came when the turn of those without a session was over, stands in a queue that is served first in the
// next turn; one that has caused more than its share is not read until it has been paid for.

import Live
import Loop
import Model
import Ports
import Wire

extension FrontLoop {
    /// Between two looks at those who wait for their share. Lower: smoother, at more wake-ups while somebody floods.
    private static let pauseMilliseconds: UInt32 = 20

    /// A connection of which more may be looked at later.
    struct InputTicket {
        let number: Int32
        let generation: UInt32
        /// Milliseconds of the loop's clock; 0: in the next turn.
        var dueAt: UInt64 = 0
    }

    // MARK: Turns

    /// The socket has something to read.
    func readable(_ connection: Connection, hasEnded: Bool) {
        guard mayLook(connection) else { return }
        connection.input.beginTurn()
        read(connection, hasEnded: hasEnded)
        settle(connection)
    }

    /// Whether the connection has its turn now. If not, it stands in the queue.
    func mayLook(_ connection: Connection) -> Bool {
        guard !connection.isQueued, !connection.isPaused else { return false }
        if case .welcomed = standing(connection) { return true }
        guard inputTurn.isOver(at: now, configuration.input) else { return true }
        queue(connection)
        return false
    }

    /// At the end of every tick: the sockets are polled next.
    func beginInputTurn() {
        if queued.isEmpty {
            inputTurn.begin()
        } else {
            // As a job of the next tick: a job of this one would run before the sockets are polled.
            loop.submit { [weak lane] in lane?.serveQueued() }
        }
    }

    /// Those who were there first, each for one slice. Whom the turn does not reach stays in front.
    func serveQueued() {
        readClock()
        inputTurn.begin()
        var waiting: [InputTicket] = []
        swap(&waiting, &queued)
        for ticket in waiting {
            guard let connection = connection(of: ticket) else { continue }
            connection.isQueued = false
            guard mayLook(connection) else { continue }
            if connection.poll.watched.isEmpty { watch(connection) }
            connection.input.beginTurn()
            lookAtHeld(connection)
            if connections[Int(ticket.number)] === connection, !isSliceOver(connection) {
                read(connection, hasEnded: false)
            }
            settle(connection)
            readClock()
        }
    }

    func connection(of ticket: InputTicket) -> Connection? {
        table[ticket.number].generation == ticket.generation ? connections[Int(ticket.number)] : nil
    }

    func queue(_ connection: Connection) {
        guard !connection.isQueued else { return }
        connection.isQueued = true
        queued.append(InputTicket(number: connection.number, generation: table[connection.number].generation))
    }

    /// What was read before and not looked at.
    private func lookAtHeld(_ connection: Connection) {
        let number = connection.number
        if table[number].phase == .http {
            goOn(connection)
            return
        }
        guard !connection.heldInput.isEmpty else { return }
        var held: [UInt8] = []
        swap(&held, &connection.heldInput)
        held.withUnsafeMutableBytes { receivedWebSocket($0, connection) }
    }

    /// The rest of what was read waits for the connection's next slice.
    /// - Returns: `false` when all that was to be looked at may be.
    func holdsBack(_ input: UnsafeMutableRawBufferPointer, _ connection: Connection) -> Bool {
        guard !input.isEmpty, isSliceOver(connection) else { return false }
        connection.heldInput.append(contentsOf: input)
        if !holdsInput(connection) { close(connection, .overloaded, retryAfterMilliseconds: 5_000) }
        return true
    }

    // MARK: Shares

    private func standing(_ connection: Connection) -> InputAccount.Standing {
        switch table[connection.number].phase {
        case .open: .welcomed
        case .greeting: .unwelcomed
        case .free, .proxied, .http, .closing:
            .http(isProxy: configuration.forwarded.isTrusted(connection.peer))
        }
    }

    /// A connection that is closing has nothing looked at any more, and is read to its end.
    func isSliceOver(_ connection: Connection) -> Bool {
        table[connection.number].phase != .closing
            && connection.input.isSliceOver(standing(connection), configuration.input)
    }

    /// Charges what the connection has caused in this turn.
    func settle(_ connection: Connection) {
        let number = connection.number
        guard connections[Int(number)] === connection, table[number].phase != .closing else { return }
        let wait = charge(connection)
        if let wait {
            pause(connection, milliseconds: wait)
        } else if !connection.isHolding, !connection.heldInput.isEmpty || isSliceOver(connection) {
            queue(connection)
        } else if !connection.poll.watched.contains(.readable) {
            watch(connection)
        }
    }

    /// - Returns: milliseconds until more may be looked at; `nil`: now.
    func charge(_ connection: Connection) -> UInt32? {
        let standing = standing(connection)
        let work = connection.input.work
        guard work > 0 else { return nil }
        if case .welcomed = standing { return connection.session?.charge(work, at: clock) }
        inputTurn.add(work)
        let (own, shared) = connection.input.settle(standing, configuration.input, at: clock)
        guard shared > 0 else { return own }
        let limits = configuration.input
        unwelcomedDue = limits.everyone.due(after: unwelcomedDue, charging: shared, at: clock)
        let all = limits.everyone.wait(until: unwelcomedDue, at: clock)
        let address = connection.chargedTo.flatMap { network in
            shared > 0 ? self.shared.gate.withLock { $0.charge(network, shared, limits.address, at: clock) } : nil
        }
        return [own, all, address].compactMap { $0 }.max()
    }

    private func pause(_ connection: Connection, milliseconds: UInt32) {
        metrics.inputPauses.add()
        connection.isPaused = true
        watch(connection)
        paused.append(InputTicket(number: connection.number, generation: table[connection.number].generation,
                                  dueAt: now + UInt64(milliseconds)))
        planResume()
    }

    private func planResume() {
        guard !isResumePlanned, !paused.isEmpty else { return }
        isResumePlanned = true
        loop.submit(afterMilliseconds: Self.pauseMilliseconds) { [weak lane] in lane?.resumePaused() }
    }

    /// Those whose wait is over stand in the queue.
    func resumePaused() {
        isResumePlanned = false
        readClock()
        paused.removeAll { ticket in
            guard let connection = connection(of: ticket), connection.isPaused else { return true }
            guard now >= ticket.dueAt else { return false }
            connection.isPaused = false
            // It was not heard because it was not read.
            table[ticket.number].heardAt = now
            queue(connection)
            return true
        }
        planResume()
    }
}
