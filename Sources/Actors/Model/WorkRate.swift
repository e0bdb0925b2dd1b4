// How much work somebody may cause: the same idea as a token bucket, for amounts that are known only afterwards.
// What has been done is charged, and whoever has had more than a share waits until time has made up for it. The
// state is one number, so that a connection pays eight bytes for it and an account can share it without a lock.

/// A rate of work and how much may come at once. One unit is about what it takes to look at one byte.
package struct WorkRate: Sendable, Hashable {
    /// 0 means no limit.
    package var perSecond: UInt64
    package var burst: UInt64

    package init(perSecond: UInt64, burst: UInt64) {
        self.perSecond = perSecond
        self.burst = burst
    }

    /// The time at which all that was charged would be paid for at this rate (the generic cell rate algorithm,
    /// ITU-T I.371 Annex A), with `work` more. Begin with 0; nanoseconds of the monotonic clock.
    package func due(after due: UInt64, charging work: Int, at now: MonotonicNanoseconds) -> UInt64 {
        guard perSecond > 0 else { return 0 }
        let (scaled, overflow) = UInt64(max(0, work)).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isTooFar) = max(due, now.value)
            .addingReportingOverflow(overflow ? .max : scaled / perSecond)
        return isTooFar ? .max : sum
    }

    /// How many milliseconds remain until more may be done; `nil`: it may be done now.
    package func wait(until due: UInt64, at now: MonotonicNanoseconds) -> UInt32? {
        guard perSecond > 0, due > now.value else { return nil }
        let allowed = burst.multipliedReportingOverflow(by: 1_000_000_000)
        let ahead = due - now.value
        let atOnce = allowed.overflow ? UInt64.max : allowed.partialValue / perSecond
        return ahead <= atOnce ? nil : UInt32(clamping: (ahead - atOnce) / 1_000_000 + 1)
    }
}
