// When a loop writes what its fan-outs have noted. Nearly all that a delivery costs is the system call's part of it,
// whatever the number of messages in it. So when messages come faster than the loop could send each by itself,
// fan-outs wait a little, and more of them share a send. At any smaller load they never wait; frames for one
// connection, answers above all, do not in either case.

struct FanOutPace {
    /// Nanoseconds of the monotonic clock; 0: nothing waits.
    private var heldUntil: UInt64 = 0
    private var lastEnd: UInt64 = 0

    /// A flush that took less is followed by the next at once: there is little to gain, and timers of the loop
    /// have milliseconds.
    static let shortestNanoseconds: UInt64 = 1_000_000
    /// How long fan-outs wait, in times of the flush before: the loop spends a third of its time on them then.
    static let waitFlushes: UInt64 = 2
    /// Nothing waits longer. Higher: fewer sends where a fan-out takes longer than this, and later ones.
    static let longestNanoseconds: UInt64 = 20_000_000

    /// Nanoseconds that fan-outs have to wait from `now` on; 0: they may go.
    func wait(at now: UInt64) -> UInt64 { heldUntil > now ? heldUntil - now : 0 }

    /// Fan-outs were written from `start` to `end`: so many messages, each counted for each who gets it, in
    /// so many sends.
    mutating func flushed(from start: UInt64, to end: UInt64, messages: Int, sends: Int) {
        let took = end > start ? end - start : 0
        let passed = end - min(lastEnd, end)
        lastEnd = end
        // Had each been sent by itself, would that have been done in the time in which they came?
        let isBehind = Double(messages) * Double(took) >= Double(sends) * Double(passed)
        let wait = isBehind && took >= Self.shortestNanoseconds ? took * Self.waitFlushes : 0
        heldUntil = end + min(wait, Self.longestNanoseconds)
    }
}
