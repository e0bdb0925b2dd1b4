// Latencies of one stage: an HDR histogram of nanoseconds, three significant digits, up to an hour. The
// counting is done here, as it happens for every delivery; the package that knows the format's text form
// is asked at the end.

package import Histogram

package struct Latency {
    static let highest: UInt64 = 3_600_000_000_000
    /// 2,048 steps of 1 ns, then 1,024 for each doubling.
    private static let slots = slot(highest) + 1
    private var counts = [UInt64](repeating: 0, count: Latency.slots)
    package private(set) var count: UInt64 = 0
    /// Exact, where the histogram rounds.
    package private(set) var maximum: UInt64 = 0
    package private(set) var minimum: UInt64 = .max
    private var sum: UInt64 = 0

    package init() {}

    private static func slot(_ value: UInt64) -> Int {
        guard value >= 2_048 else { return Int(value) }
        let shift = 53 - value.leadingZeroBitCount
        return shift << 10 + Int(value >> UInt64(shift))
    }

    /// The highest value of a slot.
    private static func top(_ slot: Int) -> UInt64 {
        guard slot >= 2_048 else { return UInt64(slot) }
        let shift = slot >> 10 - 1
        return UInt64(slot - shift << 10 + 1) << UInt64(shift) - 1
    }

    package mutating func record(_ nanoseconds: UInt64) {
        counts[Self.slot(min(nanoseconds, Self.highest))] &+= 1
        count &+= 1
        if nanoseconds > maximum { maximum = nanoseconds }
        if nanoseconds < minimum { minimum = nanoseconds }
        sum &+= nanoseconds
    }

    package mutating func reset() {
        guard count > 0 else { return }
        self = Latency()
    }

    /// For text forms of the whole.
    package var histogram: Histogram<UInt64> {
        var histogram = Histogram<UInt64>(highestTrackableValue: Self.highest,
                                          numberOfSignificantValueDigits: .three)
        for (slot, count) in counts.enumerated() where count > 0 {
            histogram.record(Self.top(slot), count: count)
        }
        return histogram
    }

    package var isEmpty: Bool { count == 0 }
    package var mean: Double { isEmpty ? 0 : Double(sum) / Double(count) }

    /// The value that `percentile` per cent of all are at or below; never above the maximum.
    package func value(at percentile: Double) -> UInt64 {
        let wanted = max(1, UInt64((Double(count) * percentile / 100).rounded(.up)))
        var seen: UInt64 = 0
        for (slot, count) in counts.enumerated() where count > 0 {
            seen += count
            if seen >= wanted { return min(Self.top(slot), maximum) }
        }
        return maximum
    }

    /// Points of the percentile curve, ever denser towards the tail.
    package var distribution: [(percentile: Double, value: UInt64)] {
        histogram.percentiles(ticksPerHalfDistance: 8).map {
            (min($0.percentileLevelIteratedTo, 100 - 100 / Double(max(count, 1))),
             min($0.value, maximum))
        }
    }

    package var summary: LatencySummary? {
        guard !isEmpty else { return nil }
        return LatencySummary(
            count: count, min: minimum, mean: mean.rounded(), p50: value(at: 50),
            p90: value(at: 90), p99: value(at: 99), p999: value(at: 99.9), p9999: value(at: 99.99),
            max: maximum)
    }
}

/// What a report says of a stage; nanoseconds.
package struct LatencySummary: Codable, Sendable {
    package var count: UInt64
    package var min: UInt64
    package var mean: Double
    package var p50: UInt64
    package var p90: UInt64
    package var p99: UInt64
    package var p999: UInt64
    package var p9999: UInt64
    package var max: UInt64

    /// p50, p90, p99, p99.9, p99.99 and max for people.
    package var row: [String] { [p50, p90, p99, p999, p9999, max].map { Figure.time($0) } }

    enum CodingKeys: String, CodingKey {
        case count
        case min = "min_ns"
        case mean = "mean_ns"
        case p50 = "p50_ns"
        case p90 = "p90_ns"
        case p99 = "p99_ns"
        case p999 = "p99_9_ns"
        case p9999 = "p99_99_ns"
        case max = "max_ns"
    }
}
