// The simulator itself: one seed is one history, other seeds are others, and what is promised holds in a
// few worlds. `make sim` lives through many more, and `make mutants` shows that mistakes are found.

import Simulation
import Testing

@Suite struct SimulationTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func aSeedIsOneHistory(seed: UInt64) {
        let first = Simulation(seed: seed)
        first.run()
        #expect(first.violation == nil)
        let second = Simulation(seed: seed, isVerbose: true)
        second.run()
        #expect(first.trace.hash == second.trace.hash)
        #expect(first.trace.count == second.trace.count)
        #expect(first.scheduler.now == second.scheduler.now)
        // Something has happened in it.
        #expect(first.scheduler.steps > 500)
        #expect(second.trace.text(last: 10_000).contains("posted"))
    }

    @Test func otherSeedsAreOtherHistories() {
        var hashes: Set<UInt64> = []
        for seed in 100...110 as ClosedRange<UInt64> {
            let world = Simulation(seed: seed)
            world.run()
            hashes.insert(world.trace.hash)
        }
        #expect(hashes.count == 11)
    }
}
