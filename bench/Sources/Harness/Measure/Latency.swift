// Latencies of one stage: an HDR histogram of nanoseconds, three significant digits, up to an hour.

package import Histogram

package struct Latency {
    static let highest: UInt64 = 3_600_000_000_000
    package private(set) var histogram =
        Histogram<UInt64>(highestTrackableValue: Latency.highest,
                          numberOfSignificantValueDigits: .three)
    /// Exact, where the histogram rounds.
    package private(set) var maximum: UInt64 = 0
    package private(set) var minimum: UInt64 = .max
    private var sum: UInt64 = 0

    package init() {}

    package mutating func record(_ nanoseconds: UInt64) {
        histogram.record(min(nanoseconds, Self.highest))
        if nanoseconds > maximum { maximum = nanoseconds }
        if nanoseconds < minimum { minimum = nanoseconds }
        sum &+= nanoseconds
    }

    package mutating func reset() {
        guard count > 0 else { return }
        histogram.reset()
        (maximum, minimum, sum) = (0, .max, 0)
    }

    package var count: UInt64 { histogram.totalCount }
    package var isEmpty: Bool { count == 0 }
    package var mean: Double { isEmpty ? 0 : Double(sum) / Double(count) }

    /// The value that `percentile` per cent of all are at or below; never above the maximum.
    package func value(at percentile: Double) -> UInt64 {
        isEmpty ? 0 : min(histogram.valueAtPercentile(percentile), maximum)
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
