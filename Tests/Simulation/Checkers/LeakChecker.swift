// When everybody has gone nothing is left behind: no session, no subscription, no actor.

import Live
import Ports

final class LeakChecker: Checker {
    func observe(_ fact: Fact, in world: Simulation) {
        guard case .emptied = fact else { return }
        for node in world.nodes where !node.isDead {
            let sessions = node.metrics.sessions.current
            let channels = node.metrics.channels.current
            let organisations = node.metrics.organisations.current
            let names = world.organisations.flatMap { node.registry.liveChannels($0) }.map { world.name($0) }
            if sessions != 0 || channels != 0 || organisations != 0 {
                world.fail("bounds", "hub \(node.number) still has \(sessions) sessions, \(channels) channels \(names) "
                    + "and \(organisations) organisations when everybody has gone")
            }
            for front in node.fronts where front.sessionCount != 0 || front.topicCount != 0 {
                world.fail("bounds", "a front of hub \(node.number) still has \(front.sessionCount) sessions "
                    + "and \(front.topicCount) topics")
            }
            if node.outboxBytes != 0 {
                world.fail("bounds", "hub \(node.number) still counts \(node.outboxBytes) bytes in outboxes")
            }
        }
    }
}
