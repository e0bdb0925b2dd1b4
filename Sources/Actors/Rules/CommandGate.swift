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
