// The reports of a scenario: text for people, a JSON document, one HTML file. All show the same book.

package struct ScenarioReport {
    private let book: ScenarioBook
    private let environment: Environment
    private let violations: [String]
    private let finishedAt: String

    package init(_ book: ScenarioBook, environment: Environment, violations: [String],
                 finishedAt: String = FanoutDocument.now()) {
        self.book = book
        self.environment = environment
        self.violations = violations
        self.finishedAt = finishedAt
    }

    private var stages: [(key: String, title: String, summary: LatencySummary)] {
        book.kind.stages.compactMap { stage in
            book.latencies[stage.key]?.summary.map { (stage.key, stage.title, $0) }
        }
    }

    private var readings: [(named: ScenarioKind.Named, value: Double)] {
        book.kind.readings.compactMap { named in book.readings[named.key].map { (named, $0) } }
    }

    private var broken: [(title: String, count: Int)] {
        book.kind.faults.compactMap { named in
            let count = book.faults[named.key] ?? 0
            return count > 0 ? (named.title, count) : nil
        }
    }

    // MARK: Text

    package var text: String {
        var out = "\n" + (book.isCorrect ? "CORRECT" : "INCORRECT  "
            + broken.map { "\($0.count) \($0.title)" }.joined(separator: ", ")) + "\n\n"
        out += "  \(book.title); "
            + book.settings.map { "\($0.name): \($0.value)" }.joined(separator: ", ") + "\n\n"
        if !stages.isEmpty {
            let width = (stages.map(\.title.count).max() ?? 0) + 2
            out += "  " + FanoutSummary.pad("", width)
            for name in ["p50", "p90", "p99", "p99.9", "p99.99", "max"] {
                out += FanoutSummary.padLeft(name, 11)
            }
            out += "\n"
            for stage in stages {
                out += "  " + FanoutSummary.pad(stage.title, width)
                    + stage.summary.row.map { FanoutSummary.padLeft($0, 11) }.joined() + "\n"
            }
            out += "\n"
        }
        let width = (readings.map(\.named.title.count).max() ?? 0) + 2
        for reading in readings {
            out += "  " + FanoutSummary.pad(reading.named.title, width)
                + Figure.text(reading.value, reading.named.unit) + "\n"
        }
        for line in book.examples + book.warnings { out += "\n  ! \(line)" }
        return out + (book.examples.isEmpty && book.warnings.isEmpty ? "" : "\n")
    }

    // MARK: JSON

    package func json() throws -> [UInt8] {
        var latencies: [String: LatencySummary] = [:]
        for stage in stages { latencies[stage.key] = stage.summary }
        return try JSONText.encode(Document(
            scenario: book.kind.name, finished_at: finishedAt, environment: environment,
            title: book.title,
            settings: Dictionary(book.settings.map { ($0.name, $0.value) }) { $1 },
            verdict: Verdict(correct: book.isCorrect, violations: violations,
                             warnings: book.warnings, examples: book.examples),
            faults: book.faults, latency: latencies, figures: book.readings))
    }

    private struct Verdict: Encodable {
        var correct: Bool
        var violations: [String]
        var warnings: [String]
        var examples: [String]
    }

    private struct Document: Encodable {
        let format = 1
        var scenario: String
        var finished_at: String
        var environment: Environment
        var title: String
        var settings: [String: String]
        var verdict: Verdict
        var faults: [String: Int]
        var latency: [String: LatencySummary]
        var figures: [String: Double]
    }

    // MARK: HTML

    package var page: String {
        let cards = readings.prefix(6).map { reading in
            (name: reading.named.title, value: Figure.text(reading.value, reading.named.unit),
             note: "")
        }
        var body = HTMLPage.header(
            kicker: "hub-bench \(book.kind.name) · \(finishedAt)", title: book.title,
            isCorrect: book.isCorrect,
            verdict: book.isCorrect ? "nothing happened that must not" : "see Correctness below",
            violations: violations, warnings: book.warnings) + HTMLPage.cards(cards)
        if !stages.isEmpty {
            body += HTMLPage.section("Latency", HTMLPage.table(
                ["Stage", "p50", "p90", "p99", "p99.9", "p99.99", "max"],
                stages.map { [$0.title] + $0.summary.row }))
        }
        body += HTMLPage.section("Figures", HTMLPage.list(readings.map {
            ($0.named.title, Figure.text($0.value, $0.named.unit))
        }))
        let faults = book.kind.faults.map { ($0.title, "\(book.faults[$0.key] ?? 0)") }
        body += HTMLPage.section("Correctness", HTMLPage.list(
            faults + book.examples.enumerated().map { ("example \($0.offset + 1)", $0.element) },
            bad: Set(broken.map(\.title))))
        body += HTMLPage.section(
            "Run", HTMLPage.list(book.settings.map { ($0.name, $0.value) } + environment.items))
        return HTMLPage.page(title: "\(book.kind.name): \(book.title)", body)
    }
}
