// In the end every client that is still welcome is connected, has every reply it waits for, and knows the
// same events as the store.

import Model
import Ports

final class ConvergenceChecker: Checker {
    func observe(_ fact: Fact, in world: Simulation) {
        guard case .settled = fact else { return }
        for client in world.clients where client.state != .ended {
            check(client, world)
            if world.violation != nil { return }
        }
    }

    private func check(_ client: SimClient, _ world: Simulation) {
        guard client.state == .open else {
            world.fail("convergence", "client \(client.number) is \(client.state) long after everything works")
            return
        }
        if client.unanswered(for: 20_000_000) > 0 {
            world.fail("one reply", "client \(client.number) waits for a reply since long")
        }
        if let post = client.posts.first {
            world.fail("convergence", "client \(client.number) has not settled \(post.key)")
        }
        for view in client.views where view.isWanted { check(view, client, world) }
    }

    private func check(_ view: SimClient.View, _ client: SimClient, _ world: Simulation) {
        let channel = world.name(view.channel)
        guard view.isLive, let position = view.position,
              let log = world.store.model.log(client.organisation, view.channel) else {
            world.fail("convergence", "client \(client.number) is not subscribed to channel \(channel)")
            return
        }
        if position != log.record.head {
            world.fail("convergence", "client \(client.number) knows channel \(channel) up to "
                + "\(position.sequence) and it goes to \(log.record.head.sequence)")
            return
        }
        for stored in log.events where stored.sequence > view.base {
            let known = view.log[stored.sequence]
            if known?.kind == .damaged { continue }
            guard known?.id == stored.id else {
                world.fail("one order", "client \(client.number) knows another event at \(stored.sequence) of "
                    + "channel \(channel) than the store")
                return
            }
        }
    }
}
