// Damage of the store stays where it is: nothing but a damaged entry is shown as one, and nothing else fails for it.

import Model
import Ports

final class DamageChecker: Checker {
    func observe(_ fact: Fact, in world: Simulation) {
        guard case .handed(let connection, let frame) = fact else { return }
        switch frame.body {
        case .events(let push): check(push.events, push.channel, world)
        case .historyPage(let page): check(page.events, page.channel, world)
        case .error(let error) where error.code == .internalFault:
            world.fail("contained damage", "client \(connection.client.number) was told that the hub could not do "
                + "command \(frame.id)")
        case .subscriptionEnded(let ended) where ended.code == .internalFault:
            world.fail("contained damage", "client \(connection.client.number) has lost channel "
                + "\(world.name(ended.channel)) for a fault of the hub")
        default: break
        }
    }

    private func check(_ events: [Event], _ channel: ChannelID, _ world: Simulation) {
        for event in events where event.kind == .damaged && world.store.model.damage(channel, event.sequence) == nil {
            world.fail("contained damage", "event \(event.sequence) of channel \(world.name(channel)) was shown as "
                + "damaged, and is not")
        }
    }
}
