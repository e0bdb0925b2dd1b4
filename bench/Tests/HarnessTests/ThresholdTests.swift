// The grammar of --fail-if.

import Testing

@testable import Harness

@Suite struct ThresholdTests {
    @Test(arguments: [
        ("p99>50ms", Metric.percentile(.delivery, 99), Threshold.Comparison.above, 0.05),
        ("p50 >= 100 us", .percentile(.delivery, 50), .aboveOrEqual, 100e-6),
        ("p99.99>1s", .percentile(.delivery, 99.99), .above, 1),
        ("ack.p99.9>20ms", .percentile(.ack, 99.9), .above, 0.02),
        ("last.max>300ms", .maximum(.last), .above, 0.3),
        ("lag.mean>500ns", .mean(.lag), .above, 500e-9),
        ("min<1µs", .minimum(.delivery), .below, 1e-6),
        ("loss>0", .loss, .above, 0),
        ("loss!=0", .loss, .unequal, 0),
        ("reach<1", .reach, .below, 1),
        ("reach<99.9%", .reach, .below, 0.999),
        ("cpu_per_million>8", .processorPerMillion, .above, 8),
        ("cpu_per_million>8s", .processorPerMillion, .above, 8),
        ("rss_per_connection>20KB", .residentPerConnection, .above, 20_000),
        ("rss_per_connection>1MiB", .residentPerConnection, .above, 1_048_576),
        ("rate<=19.5", .rate, .belowOrEqual, 19.5),
        ("generator_cpu>85%", .generatorProcessor, .above, 0.85),
        ("deliveries==0", .deliveries, .equal, 0),
    ])
    func reads(_ text: String, _ metric: Metric, _ comparison: Threshold.Comparison,
               _ limit: Double) throws {
        let threshold = try Threshold(text)
        #expect(threshold.metric == metric)
        #expect(threshold.comparison == comparison)
        #expect(abs(threshold.limit - limit) <= limit * 1e-9)
        #expect(threshold.description == text)
    }

    @Test(arguments: [
        ("p99", "no comparison"),
        ("", "no comparison"),
        ("p99=50ms", "the comparison is one of"),
        ("p99!50ms", "the comparison is one of"),
        ("p99>50", "needs a unit"),
        ("p99>50KB", "does not fit"),
        ("p99>fast", "no number"),
        ("p99>", "no number"),
        ("p99>1.2.3ms", "no number"),
        ("p99>-1ms", "no number"),
        ("p0>1ms", "a percentile is above 0"),
        ("p100.1>1ms", "a percentile is above 0"),
        ("p>1ms", "is no metric"),
        ("q99>1ms", "is no metric"),
        ("wire.p99>1ms", "is no metric"),
        (">1ms", "is no metric"),
        ("loss>1ms", "takes no unit"),
        ("reach<1ms", "does not fit"),
        ("rss_per_connection>1ms", "does not fit"),
    ])
    func refuses(_ text: String, because reason: String) {
        let error = #expect(throws: Threshold.ParseError.self) { try Threshold(text) }
        #expect(error?.description.contains(reason) == true)
    }

    @Test(arguments: [
        ("p99>50ms", 0.05, false), ("p99>50ms", 0.0501, true), ("p99>=50ms", 0.05, true),
        ("reach<1", 1, false), ("reach<1", 0.999_999, true), ("loss!=0", 0, false),
        ("loss!=0", 1, true), ("rate<=19", 19, true), ("deliveries==0", 0, true),
    ])
    func compares(_ text: String, _ value: Double, _ isViolated: Bool) throws {
        #expect(try Threshold(text).isViolated(by: value) == isViolated)
    }
}
