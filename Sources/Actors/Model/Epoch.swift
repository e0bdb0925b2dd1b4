// Epochs of logs. A log begins with epoch 1; when the store is found to have been set back, the log goes on under
// another one, so that no client takes what it remembers for what the log now holds.

package enum Epoch {
    /// Bits of an epoch that are random; the time in seconds stands above them. Together they stay below 2^53.
    private static let randomBits: UInt64 = 21
    private static let randomMask: UInt64 = (1 << randomBits) - 1

    /// An epoch that no log has had: two restores of one backup, in the same second too, give two of them.
    package static func fresh(at now: UnixMilliseconds, random: UInt64) -> UInt64 {
        let seconds = UInt64(max(0, now.value / 1_000)) & 0xFFFF_FFFF
        return max(2, seconds << randomBits | random & randomMask)
    }

    /// What is added to an epoch that is already larger than `fresh` gives, as the clock is back.
    package static func step(random: UInt64) -> UInt64 { 1 + (random >> 32) & randomMask }
}
