// The circuit breaker as transcripts: what happens when, what it decides.

import Model
import Store
import Testing

@Suite struct BreakerTests {
    private static func at(_ milliseconds: UInt64) -> MonotonicNanoseconds {
        MonotonicNanoseconds(10_000_000_000 + milliseconds * 1_000_000)
    }

    private static func opened(_ times: [UInt64]) -> (CircuitBreaker, Bool) {
        var breaker = CircuitBreaker()
        var hasOpened = false
        for time in times { hasOpened = breaker.failed(at: at(time)) }
        return (breaker, hasOpened)
    }

    @Test(arguments: [
        ([0, 0, 0, 0], false), ([0, 0, 0, 0, 0], true), ([0, 500, 1_000, 1_500, 2_000], true),
        // The first is too old when the fifth comes.
        ([0, 500, 1_000, 1_500, 2_001], false), ([0, 500, 1_000, 1_500, 2_001, 2_100], true),
        ([0, 3_000, 6_000, 9_000, 12_000, 15_000], false),
    ] as [([UInt64], Bool)])
    func fiveFailuresInTwoSecondsOpenIt(_ times: [UInt64], _ opens: Bool) {
        let (breaker, hasOpened) = Self.opened(times)
        #expect(hasOpened == opens && breaker.isOpen == opens)
        #expect(!breaker.isCalm)
    }

    /// What happens at a time, and what is said to it.
    enum Step {
        case failed(UInt64, Bool)
        case succeeded(Bool)
        case probes(UInt64, Bool)
    }

    @Test(arguments: [
        // A write that succeeds is a new beginning; it was not open.
        [.failed(0, false), .failed(1, false), .failed(2, false), .failed(3, false), .succeeded(false),
         .failed(4, false), .probes(9_000, false)],
        // It is told once that it opens; then one probe at a time.
        [.failed(0, false), .failed(0, false), .failed(0, false), .failed(0, false), .failed(0, true),
         .failed(1, false), .probes(499, false), .probes(500, true), .probes(9_000, false), .failed(9_000, false),
         .probes(9_499, false), .probes(9_500, true), .succeeded(true), .probes(20_000, false), .succeeded(false)],
        // What was under way when it opened may succeed yet, and closes it.
        [.failed(0, false), .failed(0, false), .failed(0, false), .failed(0, false), .failed(0, true),
         .succeeded(true), .failed(1, false)],
        [.probes(0, false), .succeeded(false)],
    ] as [[Step]])
    func transcript(_ steps: [Step]) {
        var breaker = CircuitBreaker()
        for step in steps {
            switch step {
            case .failed(let time, let opens):
                let hasOpened = breaker.failed(at: Self.at(time))
                #expect(hasOpened == opens && !breaker.isCalm)
            case .succeeded(let closes):
                let hasClosed = breaker.succeeded()
                #expect(hasClosed == closes && breaker.isCalm)
            case .probes(let time, let begins):
                let hasBegun = breaker.beginsProbe(at: Self.at(time))
                #expect(hasBegun == begins)
            }
        }
    }
}
