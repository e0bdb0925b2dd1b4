// When a loop writes what its fan-outs have noted. Nearly all that a delivery costs is the system call's part of it,
// whatever the number of messages in it, so under load it pays to let some come together: behind a flush that
// took a while, fan-outs wait as long again, and twice as long when something came meanwhile. Messages that come
// further apart never wait, and neither do frames for one connection, answers above all.

struct FanOutPace {
    /// Nanoseconds of the monotonic clock; 0: nothing waits.
    private var heldUntil: UInt64 = 0
    /// Something has waited since the last flush.
    private var hasHeld = false

    /// A flush that took less is followed by the next at once: there is little to gain, and timers of the loop
    /// have milliseconds.
    static let shortestNanoseconds: UInt64 = 1_000_000
    /// Nothing waits longer. Higher: fewer sends where a fan-out takes longer than this, and later ones.
    static let longestNanoseconds: UInt64 = 20_000_000

    /// Nanoseconds that fan-outs have to wait from `now` on; 0: they may go.
    mutating func wait(at now: UInt64) -> UInt64 {
        guard heldUntil > now else { return 0 }
        hasHeld = true
        return heldUntil - now
    }

    /// Fan-outs were written from `start` to `end`.
    mutating func flushed(from start: UInt64, to end: UInt64) {
        let took = end > start ? end - start : 0
        let wait = took < Self.shortestNanoseconds ? 0 : hasHeld ? 2 * took : took
        heldUntil = end + min(wait, Self.longestNanoseconds)
        hasHeld = false
    }
}
