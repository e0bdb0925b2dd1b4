// Queues stay within their limits.

import Model

final class BoundsChecker: Checker {
    func observe(_ fact: Fact, in world: Simulation) {
        guard case .handed(let connection, let frame) = fact else { return }
        // What one job hands over may stand on top of the budget before the reader is closed behind it.
        let bound = world.plan.outboxBytesMax + world.plan.pushBytesMax
        if connection.outboxBytes > bound {
            world.fail("bounds", "\(connection.outboxBytes) bytes wait for client \(connection.client.number)")
        }
        if case .events(let push) = frame.body, push.events.count > 64 {
            world.fail("bounds", "a push has \(push.events.count) events")
        }
    }
}
