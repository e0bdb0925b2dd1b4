// The latencies of each subscriber by itself, coarse and small: whether one is served later than
// another. 16 steps per doubling (6 %) from a microsecond to a minute, 1.5 KB a subscriber.

package struct SpreadRecorder {
    private static let steps = 16
    private static let buckets = 400
    private var counts: [UInt32]
    private var totals: [UInt32]

    package init(subscribers: Int) {
        counts = Array(repeating: 0, count: subscribers * Self.buckets)
        totals = Array(repeating: 0, count: subscribers)
    }

    package mutating func record(_ subscriber: Int, _ nanoseconds: UInt64) {
        counts[subscriber * Self.buckets + Self.bucket(nanoseconds)] &+= 1
        totals[subscriber] &+= 1
    }

    /// Units of 1,024 ns; one step each up to 16, then 16 for each doubling.
    private static func bucket(_ nanoseconds: UInt64) -> Int {
        let value = nanoseconds >> 10
        guard value >= UInt64(steps) else { return Int(value) }
        let shift = 63 - value.leadingZeroBitCount - 4
        return min((shift << 4) + Int(value >> UInt64(shift)), buckets - 1)
    }

    /// The upper edge of a bucket.
    private static func edge(_ bucket: Int) -> UInt64 {
        guard bucket >= steps else { return UInt64(bucket + 1) << 10 }
        let shift = (bucket >> 4) - 1
        return UInt64((bucket & 15) + steps + 1) << UInt64(shift + 10)
    }

    /// The value that `percentile` per cent of a subscriber's deliveries are at or below; `nil`
    /// without deliveries.
    package func value(of subscriber: Int, at percentile: Double) -> UInt64? {
        guard totals[subscriber] > 0 else { return nil }
        let wanted = (Double(totals[subscriber]) * percentile / 100).rounded(.up)
        var seen = 0.0
        for bucket in 0..<Self.buckets {
            let count = Double(counts[subscriber * Self.buckets + bucket])
            if seen + count >= wanted, count > 0 {
                let low = bucket == 0 ? 0 : Double(Self.edge(bucket - 1))
                let high = Double(Self.edge(bucket))
                return UInt64(low + (high - low) * (wanted - seen) / count)
            }
            seen += count
        }
        return Self.edge(Self.buckets - 1)
    }

    /// p99 of the subscriber served worst ÷ that of the one served best; `nil` without deliveries.
    package var spread: Double? {
        let values = totals.indices.compactMap { value(of: $0, at: 99) }
        guard let best = values.min(), let worst = values.max(), best > 0 else { return nil }
        return Double(worst) / Double(best)
    }
}
