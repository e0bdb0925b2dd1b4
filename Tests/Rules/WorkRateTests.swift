// How much work may be caused at once and per second, as a transcript.

import Model
import Testing

@Suite struct WorkRateTests {
    private func at(_ milliseconds: UInt64) -> MonotonicNanoseconds {
        MonotonicNanoseconds(milliseconds * 1_000_000)
    }

    @Test func takesABurstAndThenTheRate() {
        let rate = WorkRate(perSecond: 1_000, burst: 500)
        var due = rate.due(after: 0, charging: 500, at: at(10_000))
        #expect(rate.wait(until: due, at: at(10_000)) == nil, "the burst is free")
        due = rate.due(after: due, charging: 1, at: at(10_000))
        #expect(rate.wait(until: due, at: at(10_000)) == 2)
        #expect(rate.wait(until: due, at: at(10_001)) == nil)
        // What was done is paid for, however much it was.
        due = rate.due(after: due, charging: 10_000, at: at(10_001))
        #expect(rate.wait(until: due, at: at(10_001)) == 10_001)
        #expect(rate.wait(until: due, at: at(20_000)) == 2)
        #expect(rate.wait(until: due, at: at(20_001)) == nil)
        // Silence saves up one burst and no more.
        due = rate.due(after: due, charging: 501, at: at(90_000))
        #expect(rate.wait(until: due, at: at(90_000)) == 2)
    }

    @Test func hasNoLimitAndNoOverflow() {
        let none = WorkRate(perSecond: 0, burst: 0)
        #expect(none.wait(until: none.due(after: 0, charging: .max, at: at(1)), at: at(1)) == nil)
        let slow = WorkRate(perSecond: 1, burst: .max)
        let due = slow.due(after: 0, charging: .max, at: at(1))
        #expect(due == .max && slow.wait(until: due, at: at(1)) == nil)
        let strict = WorkRate(perSecond: 1, burst: 1)
        #expect(strict.wait(until: strict.due(after: due, charging: .max, at: at(1)), at: at(1)) == .max)
        #expect(strict.due(after: 5, charging: -1, at: at(0)) == 5)
    }
}
