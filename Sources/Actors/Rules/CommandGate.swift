// What one connection may have going on at once: unanswered commands, and commands per second.

package import Model

/// A token bucket over a monotonic clock.
package struct TokenBucket: Sendable {
    /// Tokens per second; 0 means no limit.
    package let rate: UInt32
    /// Most tokens saved up.
    package let burst: UInt32
    private var nanotokens: UInt64
    private var filledAt: MonotonicNanoseconds

    package init(rate: UInt32, burst: UInt32, now: MonotonicNanoseconds) {
        self.rate = rate
        self.burst = burst
        nanotokens = UInt64(burst) * 1_000_000_000
        filledAt = now
    }

    /// Takes one token. Otherwise the milliseconds until there is one.
    package mutating func take(at now: MonotonicNanoseconds) -> UInt32? {
        guard rate > 0 else { return nil }
        let full = UInt64(burst) * 1_000_000_000
        let elapsed = now.value > filledAt.value ? now.value - filledAt.value : 0
        let (gained, overflow) = elapsed.multipliedReportingOverflow(by: UInt64(rate))
        nanotokens = overflow ? full : min(full, nanotokens &+ gained)
        filledAt = now
        if nanotokens >= 1_000_000_000 {
            nanotokens -= 1_000_000_000
            return nil
        }
        let missing = 1_000_000_000 - nanotokens
        return UInt32(clamping: missing / UInt64(rate) / 1_000_000 + 1)
    }
}

package struct CommandGate: Sendable {
    package enum Verdict: Hashable, Sendable {
        case pass
        case refuse(ErrorCode, retryAfterMilliseconds: UInt32)
    }

    private let inFlightMax: Int
    private var inFlight: Set<UInt32> = []
    private var bucket: TokenBucket

    package init(inFlightMax: UInt32, bucket: TokenBucket) {
        self.inFlightMax = Int(inFlightMax)
        self.bucket = bucket
    }

    package var inFlightCount: Int { inFlight.count }

    /// Checks a command in. A refused one is not in flight (its error is answered without `answered`).
    package mutating func admit(_ id: UInt32, at now: MonotonicNanoseconds) -> Verdict {
        if inFlight.contains(id) { return .refuse(.duplicateID, retryAfterMilliseconds: 0) }
        if inFlight.count >= inFlightMax { return .refuse(.tooManyInFlight, retryAfterMilliseconds: 50) }
        if let wait = bucket.take(at: now) { return .refuse(.rateLimited, retryAfterMilliseconds: wait) }
        inFlight.insert(id)
        return .pass
    }

    /// The reply to a command is on its way out.
    package mutating func answered(_ id: UInt32) { inFlight.remove(id) }
}
