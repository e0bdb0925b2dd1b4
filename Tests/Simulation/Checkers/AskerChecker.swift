// What clients ask for is read for somebody: when a hub begins to read a page, one of those who asked for it is
// still there, as far as the hub knows.

import Model

final class AskerChecker: Checker {
    func observe(_ fact: Fact, in world: Simulation) {
        guard case .readBegun(let node, let read) = fact else { return }
        if !node.fronts.contains(where: { $0.hasAsker(of: read) }) {
            world.fail("asker", "hub \(node.number) reads \(read) for nobody")
        }
    }
}
