// Whether a database is asked at all. After some failures in a short time nobody waits for it any more: all are
// refused at once, and one probe at a time finds out when it is back. Pure; the engine tells what happened and sends
// the probes.
//
// Envoy's outlier detection ejects a host after five failures in a row, as this does; resilience4j counts a share
// of the last hundred calls, which for a database that answers nothing at all takes the longer the less is asked.

package import Model

package struct CircuitBreaker: Sendable {
    /// So many failures, without a write that succeeded in between, open it when none is older than the window.
    package static let failuresMax = 5
    package static let windowNanoseconds: UInt64 = 2_000_000_000
    /// From its opening to the first probe, and from one probe to the next. Shorter: noticed sooner that the
    /// database is back, and one that is overloaded is disturbed more.
    package static let pauseNanoseconds: UInt64 = 500_000_000

    private enum State {
        /// When the latest failures were, oldest first; fewer than `failuresMax`.
        case closed(failures: [MonotonicNanoseconds])
        /// From then on one may try.
        case open(probeAt: MonotonicNanoseconds)
        /// One is trying.
        case probing
    }
    private var state = State.closed(failures: [])

    package init() {}

    package var isOpen: Bool {
        if case .closed = state { false } else { true }
    }

    /// Closed, and nothing speaks for its opening.
    package var isCalm: Bool {
        if case .closed(let failures) = state { failures.isEmpty } else { false }
    }

    /// A call failed for the database's sake, or has waited too long.
    /// - Returns: `true` when it has opened by this.
    package mutating func failed(at now: MonotonicNanoseconds) -> Bool {
        switch state {
        case .closed(var failures):
            failures.removeAll { $0.value + Self.windowNanoseconds < now.value }
            failures.append(now)
            guard failures.count >= Self.failuresMax else {
                state = .closed(failures: failures)
                return false
            }
            state = .open(probeAt: MonotonicNanoseconds(now.value + Self.pauseNanoseconds))
            return true
        case .open: return false
        case .probing:
            state = .open(probeAt: MonotonicNanoseconds(now.value + Self.pauseNanoseconds))
            return false
        }
    }

    /// A write was carried out.
    /// - Returns: `true` when it has closed by this.
    package mutating func succeeded() -> Bool {
        defer { state = .closed(failures: []) }
        return isOpen
    }

    /// Whether a probe is to be sent now. What becomes of it is `failed` or `succeeded`.
    package mutating func beginsProbe(at now: MonotonicNanoseconds) -> Bool {
        guard case .open(let time) = state, time <= now else { return false }
        state = .probing
        return true
    }
}
