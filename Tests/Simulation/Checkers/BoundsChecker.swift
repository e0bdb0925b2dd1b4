// Queues stay within their limits, and what a client has asked for never makes it a slow reader.

import Live
import Model

final class BoundsChecker: Checker {
    private var facts = 0

    func observe(_ fact: Fact, in world: Simulation) {
        guard case .handed(let connection, let frame) = fact else { return }
        facts += 1
        // Often enough: what is too long stays so for a while.
        if facts % 16 == 0 { checkInboxes(world) }
        // What one job hands over may stand on top of the budget before the reader is closed behind it.
        let bound = world.plan.outboxBytesMax + world.plan.pushBytesMax
        if connection.outboxBytes > bound {
            world.fail("bounds", "\(connection.outboxBytes) bytes wait for client \(connection.client.number)")
        }
        // Half of the outbox is for what comes unasked.
        if connection.pageBytes > world.plan.outboxBytesMax / 2 {
            world.fail("window", "\(connection.pageBytes) bytes of pages wait for client \(connection.client.number)")
        }
        if case .events(let push) = frame.body, push.events.count > 64 {
            world.fail("bounds", "a push has \(push.events.count) events")
        }
    }

    /// Commands of control get in above the bound: a few for each connection and person.
    private func checkInboxes(_ world: Simulation) {
        let bound = world.plan.live.inboxMax + 3 * world.clients.count + 8
        for node in world.nodes where !node.isDead {
            for organisation in world.organisations {
                let longest = node.registry.longestInbox(organisation)
                if longest > bound {
                    world.fail("bounds", "\(longest) commands wait for an actor of hub \(node.number)")
                }
            }
        }
    }
}
