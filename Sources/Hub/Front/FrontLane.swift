// The way from actors to the sockets of one loop: a mailbox that any thread may append to, carried out
// in order on the loop, with one wake per burst.

import Live
import Loop
import Model
package import Ports
import Wire

package final class FrontLane: DeliveryLane, @unchecked Sendable {
    // SAFETY: `target` is set by the first job of the front, and used on the loop's thread only.

    /// Above this many waiting deliveries, ephemeral broadcasts are not taken in. The others are bounded
    /// by their senders: unanswered commands, and log writes that wait for the store.
    package static let ephemeralWaitingMax = 65_536

    private struct Mailbox {
        var waiting: [Delivery] = []
        var isScheduled = false
    }

    private let loop: Loop
    /// Memory of the last burst, for the next one; on the loop's thread only.
    private var spare: [Delivery] = []
    private let mailbox = Lock(Mailbox())
    private(set) var target: FrontLoop!
    private let dropped: Counter

    init(loop: Loop, dropped: Counter) {
        self.loop = loop
        self.dropped = dropped
    }

    // On the loop's thread.

    func serve(loop: Loop, shared: FrontShared, configuration: FrontConfiguration, listeners: [Listener]) {
        target = FrontLoop(loop: loop, lane: self, shared: shared, configuration: configuration)
        target.listen(listeners)
    }
    func reload(_ configuration: FrontConfiguration) { target.reload(configuration) }
    func sweep() { target.sweep() }
    func comeBack() { target.isComingBack = false }
    func serveQueued() { target.serveQueued() }
    func resumePaused() { target.resumePaused() }
    func drain(_ done: @escaping @Sendable () -> Void) { target.drain(done) }
    func takeMessage(_ body: [UInt8], of session: SessionID) -> UInt32 {
        target.takeMessage(body, of: session)
    }
    func hurryDrain() { target.hurryDrain() }
    func answersTaken(_ number: Int32, _ generation: UInt32) { target.answersTaken(number, generation) }
    func answered(_ response: HTTPResponse, _ number: Int32, _ generation: UInt32) {
        target.answered(response, number, generation)
    }

    // From any thread.

    package func hand(_ delivery: Delivery) {
        let isFirst = mailbox.withLock { mailbox in
            if mailbox.waiting.count >= Self.ephemeralWaitingMax,
               case .broadcast(_, let broadcast, _) = delivery, broadcast.isEphemeral {
                dropped.add()
                return false
            }
            mailbox.waiting.append(delivery)
            defer { mailbox.isScheduled = true }
            return !mailbox.isScheduled
        }
        if isFirst { loop.submit { [self] in carryOut() } }
    }

    private func carryOut() {
        mailbox.withLock { mailbox in
            swap(&mailbox.waiting, &spare)
            mailbox.isScheduled = false
        }
        let isShedding = target.load.level >= .shedding
        for delivery in spare {
            if isShedding, case .broadcast(_, let broadcast, _) = delivery, broadcast.isEphemeral {
                dropped.add()
            } else {
                target.carryOut(delivery)
            }
        }
        spare.removeAll(keepingCapacity: spare.count <= 4_096)
    }
}
