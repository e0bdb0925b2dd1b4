// What a scenario measures and what must not happen in it, by name: known before the run, so that
// thresholds can be checked when they are given, and filled during it. The reports read it.

package struct ScenarioKind: Sendable {
    package struct Named: Sendable {
        package let key: String
        package let title: String
        package let unit: Metric.Unit
    }

    package let name: String
    /// Latencies: thresholds are `key.p99`, `key.max` and so on.
    package let stages: [Named]
    package let readings: [Named]
    /// Counts that are 0 in a good run.
    package let faults: [Named]

    /// Each entry is `key: title`; the unit of a reading follows from the end of its key.
    package init(_ name: String, stages: KeyValuePairs<String, String>,
                 readings: KeyValuePairs<String, String>, faults: KeyValuePairs<String, String>,
                 andFaults others: KeyValuePairs<String, String> = [:]) {
        self.name = name
        self.stages = stages.map { Named(key: $0.key, title: $0.value, unit: .time) }
        let common: KeyValuePairs = [
            "server_cpu": "server CPU", "generator_cpu": "generator CPU",
        ]
        self.readings = (Array(readings) + Array(common)).map {
            Named(key: $0.key, title: $0.value, unit: Self.unit(of: $0.key))
        }
        self.faults = (Array(faults) + Array(others)).map { Named(key: $0.key, title: $0.value, unit: .plain) }
    }

    private static func unit(of key: String) -> Metric.Unit {
        if key.hasSuffix("_bytes") || key.hasPrefix("rss") || key.hasPrefix("kernel") { return .bytes }
        if key == "server_cpu" || key == "generator_cpu" { return .share }
        if key.hasPrefix("cpu_per") || key.hasSuffix("_time") { return .time }
        return .plain
    }

    /// For `--help`.
    package var figures: String {
        let latencies = stages.map { "  \($0.key).p50 … \($0.key).max   \($0.title)" }
        let others = (readings + faults).map { "  \($0.key)   \($0.title)" }
        return (latencies + others).joined(separator: "\n")
    }

    func unit(ofFigure name: String) -> Metric.Unit? {
        if let named = (readings + faults).first(where: { $0.key == name }) { return named.unit }
        guard let dot = name.firstIndex(of: "."),
              stages.contains(where: { $0.key == name[..<dot] }),
              ScenarioBook.rank(name[name.index(after: dot)...]) != nil else { return nil }
        return .time
    }
}

package struct ScenarioBook {
    package let kind: ScenarioKind
    package var title = ""
    package var settings: [(name: String, value: String)] = []
    package private(set) var latencies: [String: Latency] = [:]
    package private(set) var readings: [String: Double] = [:]
    package private(set) var faults: [String: Int] = [:]
    package private(set) var examples: [String] = []
    package private(set) var warnings: [String] = []

    package init(_ kind: ScenarioKind) {
        self.kind = kind
        for stage in kind.stages { latencies[stage.key] = Latency() }
        for fault in kind.faults { faults[fault.key] = 0 }
    }

    package mutating func record(_ stage: String, _ nanoseconds: UInt64) {
        latencies[stage]!.record(nanoseconds)
    }

    package mutating func take(_ stage: String, _ latency: Latency) { latencies[stage] = latency }

    package mutating func set(_ reading: String, _ value: Double?) {
        precondition(kind.readings.contains { $0.key == reading }, "'\(reading)' is not announced")
        readings[reading] = value
    }

    package mutating func fault(_ name: String, _ count: Int = 1, _ example: String? = nil) {
        guard count > 0 else { return }
        faults[name]! += count
        if let example, examples.count < 10 { examples.append("\(name): \(example)") }
    }

    package mutating func warn(_ text: String) {
        if warnings.count < 20, !warnings.contains(text) { warnings.append(text) }
    }

    package var isCorrect: Bool { faults.values.allSatisfy { $0 == 0 } }

    /// A percentile as 0 to 100, `min` as -1, `mean` as -2.
    static func rank(_ text: Substring) -> Double? {
        switch text {
        case "max": 100
        case "min": -1
        case "mean": -2
        case _ where text.hasPrefix("p"):
            Double(text.dropFirst()).flatMap { $0 > 0 && $0 <= 100 ? $0 : nil }
        default: nil
        }
    }

    /// Seconds, bytes, a share or a number; `nil` when it was not measured.
    package func value(_ name: String) -> Double? {
        if let value = readings[name] { return value }
        if let count = faults[name] { return Double(count) }
        guard let dot = name.firstIndex(of: "."), let latency = latencies[String(name[..<dot])],
              !latency.isEmpty, let rank = Self.rank(name[name.index(after: dot)...])
        else { return nil }
        let nanoseconds = rank == -1 ? Double(latency.minimum)
            : rank == -2 ? latency.mean : Double(latency.value(at: rank))
        return nanoseconds / 1e9
    }

    /// Those of the limits that are crossed. What was not measured counts as crossed.
    package func violations(of limits: [ScenarioLimit]) -> [String] {
        limits.compactMap { limit in
            guard let value = value(limit.figure) else { return "\(limit.text): not measured" }
            guard limit.comparison.holds(value, limit.value) else { return nil }
            return "\(limit.text): measured \(Figure.text(value, limit.unit))"
        }
    }
}

/// `FIGURE OPERATOR NUMBER[UNIT]`, as in `welcome.p99>50ms`.
package struct ScenarioLimit: Sendable {
    package let text: String
    package let figure: String
    package let comparison: Threshold.Comparison
    package let unit: Metric.Unit
    package let value: Double

    package init(_ text: String, of kind: ScenarioKind) throws {
        self.text = text
        guard let (subject, comparison, number) = Threshold.parts(text.filter { $0 != " " }) else {
            throw BenchError("--fail-if '\(text)' has no comparison: write 'FIGURE>NUMBER'")
        }
        figure = String(subject)
        self.comparison = comparison
        guard let unit = kind.unit(ofFigure: figure) else {
            throw BenchError("--fail-if '\(text)': '\(figure)' is no figure of \(kind.name):\n"
                + kind.figures)
        }
        self.unit = unit
        do { value = try Threshold.limit(number, unit, isBareAllowed: true, in: text) } catch {
            throw BenchError("--fail-if \(error)")
        }
    }
}
