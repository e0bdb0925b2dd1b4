// What one connection may have going on at once: unanswered commands, and commands per second.

package import Model

package struct CommandGate: Sendable {
    package enum Verdict: Hashable, Sendable {
        case pass
        case refuse(ErrorCode, retryAfterMilliseconds: UInt32)
    }

    private let inFlightMax: Int
    /// In no order. Nearly always a handful, of which a list is quicker to search than a set.
    private var inFlight: [UInt32] = []
    private var bucket: TokenBucket
    /// Refused for the rate and expected back, one at a time.
    private var expectedBack: UInt32 = 0
    /// Nobody is told to wait longer.
    package static let waitMillisecondsMax: UInt32 = 30_000

    package init(inFlightMax: UInt32, bucket: TokenBucket) {
        self.inFlightMax = Int(inFlightMax)
        self.bucket = bucket
    }

    package var inFlightCount: Int { inFlight.count }

    /// Checks a command in. Those refused for the rate are told when their turn comes, each behind the ones refused
    /// before it: if all came back for the next token, all but one would be refused again. A refused one is not in
    /// flight (its error is answered without `answered`). One whose id is in use is refused for that in any case,
    /// and takes from the rate all the same.
    package mutating func admit(_ id: UInt32, at now: MonotonicNanoseconds) -> Verdict {
        if inFlight.contains(id) {
            _ = bucket.take(at: now)
            return .refuse(.duplicateID, retryAfterMilliseconds: 0)
        }
        if inFlight.count >= inFlightMax { return .refuse(.tooManyInFlight, retryAfterMilliseconds: 50) }
        if let wait = bucket.take(at: now) {
            let behind = UInt64(expectedBack) * 1_000 / UInt64(bucket.rate)
            let told = min(UInt64(wait) + behind, UInt64(Self.waitMillisecondsMax))
            if told < Self.waitMillisecondsMax { expectedBack += 1 }
            return .refuse(.rateLimited, retryAfterMilliseconds: UInt32(told))
        }
        // With more to spare, those who were expected have not come, or are through.
        if expectedBack > 0 { expectedBack = bucket.wait(at: now) == nil ? 0 : expectedBack - 1 }
        inFlight.append(id)
        return .pass
    }

    /// The reply to a command is on its way out.
    package mutating func answered(_ id: UInt32) {
        guard let place = inFlight.firstIndex(of: id) else { return }
        let last = inFlight.removeLast()
        if place < inFlight.count { inFlight[place] = last }
    }
}
