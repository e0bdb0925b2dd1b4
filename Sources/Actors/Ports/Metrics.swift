// Counters, gauges and histograms that any layer can move and the front renders for Prometheus.
// A metric's name and labels are fixed at creation: nothing a client sends becomes a label.

import Synchronization

/// Only goes up.
package final class Counter: Sendable {
    package let name: String
    package let labels: String
    package let help: String
    private let value = Atomic<UInt64>(0)
    init(_ name: String, labels: String, help: String) {
        self.name = name
        self.labels = labels
        self.help = help
    }
    @inline(__always)
    package func add(_ count: UInt64 = 1) { value.wrappingAdd(count, ordering: .relaxed) }
    package var current: UInt64 { value.load(ordering: .relaxed) }
}

/// Goes up and down.
package final class Gauge: Sendable {
    package let name: String
    package let labels: String
    package let help: String
    private let value = Atomic<Int64>(0)
    init(_ name: String, labels: String, help: String) {
        self.name = name
        self.labels = labels
        self.help = help
    }
    @inline(__always)
    package func add(_ count: Int64) { value.wrappingAdd(count, ordering: .relaxed) }
    package func set(_ count: Int64) { value.store(count, ordering: .relaxed) }
    package var current: Int64 { value.load(ordering: .relaxed) }
}

/// Durations in buckets of powers of two from 64 µs to 8.4 s, and above.
package final class DurationHistogram: Sendable {
    package static let bucketCount = 19
    /// Upper bound of bucket `index` in microseconds; the last bucket has none.
    package static func upperMicroseconds(_ index: Int) -> UInt64 { 64 << UInt64(index) }

    package let name: String
    package let labels: String
    package let help: String
    private let counts: [Counter]
    private let sumNanoseconds = Atomic<UInt64>(0)
    init(_ name: String, labels: String, help: String) {
        self.name = name
        self.labels = labels
        self.help = help
        counts = (0..<Self.bucketCount).map { _ in Counter(name, labels: labels, help: help) }
    }
    package func record(nanoseconds: UInt64) {
        var index = 0
        let micros = nanoseconds / 1_000
        while index < Self.bucketCount - 1, micros > Self.upperMicroseconds(index) { index += 1 }
        counts[index].add()
        sumNanoseconds.wrappingAdd(nanoseconds, ordering: .relaxed)
    }
    /// Counts by bucket, not cumulated, and the sum of all durations in nanoseconds.
    package var current: (counts: [UInt64], sumNanoseconds: UInt64) {
        (counts.map(\.current), sumNanoseconds.load(ordering: .relaxed))
    }
}

/// All metrics of the process, in order of creation. `labels` are written as Prometheus writes them,
/// without braces: `pool="front"`.
package final class Metrics: Sendable {
    package enum Entry: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(DurationHistogram)
    }
    private let list = Lock<[Entry]>([])
    package init() {}

    package func counter(_ name: String, labels: String = "", help: String) -> Counter {
        let metric = Counter(name, labels: labels, help: help)
        list.withLock { $0.append(.counter(metric)) }
        return metric
    }
    package func gauge(_ name: String, labels: String = "", help: String) -> Gauge {
        let metric = Gauge(name, labels: labels, help: help)
        list.withLock { $0.append(.gauge(metric)) }
        return metric
    }
    package func histogram(_ name: String, labels: String = "", help: String) -> DurationHistogram {
        let metric = DurationHistogram(name, labels: labels, help: help)
        list.withLock { $0.append(.histogram(metric)) }
        return metric
    }
    package var entries: [Entry] { list.withLock { $0 } }
}
