// How often something may happen: the one way that rates are bounded by.

/// A token bucket over a monotonic clock.
package struct TokenBucket: Sendable {
    /// Tokens per second; 0 means no limit.
    package let rate: UInt32
    /// Most tokens saved up.
    package let burst: UInt32
    private static let one: UInt64 = 1_000_000_000
    private var nanotokens: UInt64
    private var filledAt: MonotonicNanoseconds

    package init(rate: UInt32, burst: UInt32, now: MonotonicNanoseconds) {
        self.rate = rate
        self.burst = burst
        nanotokens = UInt64(burst) * Self.one
        filledAt = now
    }

    /// Takes one token. Otherwise the milliseconds until there is one.
    package mutating func take(at now: MonotonicNanoseconds) -> UInt32? {
        guard rate > 0 else { return nil }
        refill(at: now)
        if let wait = waitMilliseconds { return wait }
        nanotokens -= Self.one
        return nil
    }

    /// As `take`, but leaves the token there.
    package func wait(at now: MonotonicNanoseconds) -> UInt32? {
        guard rate > 0 else { return nil }
        var later = self
        later.refill(at: now)
        return later.waitMilliseconds
    }

    /// How full the bucket is by now: 1 is full, and as good as a new one.
    package func fill(at now: MonotonicNanoseconds) -> Double {
        guard rate > 0 else { return 1 }
        var later = self
        later.refill(at: now)
        return Double(later.nanotokens) / Double(UInt64(burst) * Self.one)
    }

    private mutating func refill(at now: MonotonicNanoseconds) {
        let full = UInt64(burst) * Self.one
        let elapsed = now.value > filledAt.value ? now.value - filledAt.value : 0
        let (gained, overflow) = elapsed.multipliedReportingOverflow(by: UInt64(rate))
        nanotokens = overflow ? full : min(full, nanotokens &+ gained)
        filledAt = now
    }

    private var waitMilliseconds: UInt32? {
        guard nanotokens < Self.one else { return nil }
        return UInt32(clamping: (Self.one - nanotokens) / UInt64(rate) / 1_000_000 + 1)
    }
}
