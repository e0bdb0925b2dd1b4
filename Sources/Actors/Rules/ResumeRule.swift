// What a subscriber that comes with a position gets: a replay, or an explicit gap. Never a silent hole.

package import Model

package enum ResumeRule {
    /// Events older than this are not replayed by push.
    package static let windowMilliseconds: Int64 = 24 * 3_600_000

    package enum Decision: Hashable, Sendable {
        /// Live from the head; nothing was missed or nothing was asked for.
        case live
        /// Replay what is behind this sequence, then live.
        case replay(after: UInt64)
        /// Live from the head; this much is missing and must be read by pages.
        case gap(Gap)
    }

    /// - Parameter replayMax: most events that are replayed.
    package static func decide(after: Position?, head: Position, replayMax: UInt32) -> Decision {
        guard let after else { return .live }
        guard after.epoch == head.epoch, after.sequence <= head.sequence else {
            // Another log, or one that has not got that far: all of this one is news.
            return head.sequence == 0 ? .live : .gap(Gap(from: 1, to: head.sequence))
        }
        let missed = head.sequence - after.sequence
        if missed == 0 { return .live }
        if missed > UInt64(replayMax) {
            return .gap(Gap(from: after.sequence + 1, to: head.sequence))
        }
        return .replay(after: after.sequence)
    }

    /// Whether the oldest missed event is recent enough to be replayed.
    package static func isWithinWindow(_ oldest: UnixMilliseconds, now: UnixMilliseconds) -> Bool {
        oldest.value > now.value - windowMilliseconds
    }
}
