// What hubs tell each other, on its way: lost, doubled, late, and out of order, as the plan has it.

import Live
import Ports

struct SimBus: Bus {
    let node: SimNode

    func publish(_ notice: Notice) {
        let world = node.world
        guard !node.isDead else { return }
        for other in world.nodes where !other.isDead && other !== node {
            if node.isCutFromBus || other.isCutFromBus || world.busChance(world.faults.lostNotices) {
                world.trace.note(.noticeLost, node.number, Int64(other.number), "from hub",
                                 "\(node.number) to \(other.number): \(notice)")
                continue
            }
            deliver(notice, to: other)
            if world.busChance(world.faults.doubledNotices) {
                world.trace.note(.noticeTwice, node.number, Int64(other.number))
                deliver(notice, to: other)
            }
        }
    }

    private func deliver(_ notice: Notice, to other: SimNode) {
        let world = node.world
        let isLate = world.busChance(world.faults.lateNotices)
        let delay = isLate ? world.busDelay(100_000, 5_000_000) : world.busDelay(50, 20_000)
        world.scheduler.after(microseconds: delay) {
            guard !other.isDead, !other.isCutFromBus else { return }
            world.trace.note(.notice, node.number, Int64(other.number), "from hub",
                             "\(node.number) to \(other.number): \(notice)")
            other.registry.receive(notice)
        }
    }
}
