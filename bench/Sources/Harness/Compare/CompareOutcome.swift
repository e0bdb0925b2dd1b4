// What a comparison found: medians of the rounds, how far the rounds lie apart, and ratios to a base.
// As values, as text and as a JSON document.

package struct CompareOutcome {
    package struct Cell: Codable, Sendable {
        package var median: Double
        package var lowest: Double
        package var highest: Double
        /// To the base; `nil` where the base has none.
        package var ratio: Double?
        /// Of the rounds taken by themselves, each to the base's run of the same round.
        package var ratioLowest: Double?
        package var ratioHighest: Double?

        enum CodingKeys: String, CodingKey {
            case median, lowest, highest, ratio
            case ratioLowest = "ratio_lowest"
            case ratioHighest = "ratio_highest"
        }
    }

    package let configuration: CompareConfiguration
    package let cores: CorePlan
    package let samples: [CompareSample]

    package init(_ configuration: CompareConfiguration, _ cores: CorePlan,
                 _ samples: [CompareSample]) {
        self.configuration = configuration
        self.cores = cores
        self.samples = samples
    }

    package var names: [String] { configuration.contenders.map(\.name) }
    package var isCorrect: Bool { samples.allSatisfy(\.isCorrect) }

    package func cell(_ name: String, _ figure: CompareFigure) -> Cell? {
        let values = values(name, figure)
        guard let low = values.first, let high = values.last else { return nil }
        let baseName = configuration.base(of: name)
        let base = Self.median(self.values(baseName, figure))
        let median = Self.median(values) ?? low
        let ratios = ratios(name, to: baseName, figure)
        return Cell(median: median, lowest: low, highest: high,
                    ratio: base.flatMap { $0 > 0 ? median / $0 : nil },
                    ratioLowest: ratios.first, ratioHighest: ratios.last)
    }

    /// Of the rounds in which both were correct, from the lowest to the highest.
    private func ratios(_ name: String, to base: String, _ figure: CompareFigure) -> [Double] {
        func byRound(_ name: String) -> [Int: Double] {
            var values: [Int: Double] = [:]
            for sample in samples where sample.contender == name && sample.isCorrect {
                values[sample.round] = sample.value(of: figure)
            }
            return values
        }
        let bases = byRound(base)
        return byRound(name).compactMap { round, value in bases[round].flatMap { $0 > 0 ? value / $0 : nil } }.sorted()
    }

    /// Of the correct rounds only: a server that loses messages is quick.
    private func values(_ name: String, _ figure: CompareFigure) -> [Double] {
        samples.filter { $0.contender == name && $0.isCorrect }
            .compactMap { $0.value(of: figure) }.sorted()
    }

    package static func median(_ sorted: [Double]) -> Double? {
        guard !sorted.isEmpty else { return nil }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// Faults of all rounds of a contender, by name.
    package func faults(of name: String) -> [(name: String, count: UInt64)] {
        var sum: [String: UInt64] = [:]
        for sample in samples where sample.contender == name {
            sum.merge(sample.faults) { $0 + $1 }
        }
        return sum.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    package var warnings: [String] {
        var out: [String] = []
        for name in names {
            let mine = samples.filter { $0.contender == name }
            let busiest = mine.map(\.generatorShare).max() ?? 0
            if busiest > FanoutOutcome.generatorShareMax {
                out.append("\(name): the generator needed \(Figure.percent(busiest)) of its core: "
                    + "latencies and deliveries/s may be its own, CPU per delivery is not")
            }
            let stolen = mine.filter { ($0.steal ?? 0) > FanoutOutcome.stealMax }
            if let most = stolen.compactMap(\.steal).max() {
                out.append("\(name): the host withheld up to \(Figure.percent(most)) of the processors' time in round "
                    + stolen.map { "\($0.round)" }.joined(separator: ", ") + ": latencies are longer for it")
            }
            let wrong = mine.filter { !$0.isCorrect }.map { "\($0.round)" }
            if !wrong.isEmpty {
                let what = faults(of: name).map { "\($0.count) \($0.name)" } + ["left out of its medians"]
                out.append("\(name): round \(wrong.joined(separator: ", ")) was not correct: "
                    + what.joined(separator: ", "))
            }
        }
        if cores.server == nil { out.append("one core: server and generator share it") }
        return out
    }

    package var title: String {
        let load = configuration.load
        let how = switch load.load {
        case .rate(let rate): "\(Figure.count(rate)) messages/s"
        case .inFlight(let count):
            "\(load.publishers) publishers with \(count) messages under way each"
        }
        let who = load.subscribers > 0 ? "\(Figure.count(Double(load.subscribers))) subscribers"
            : "posts in \(load.channels) channels"
        return "\(who), \(how), "
            + "\(load.payloadBytes) B"
    }

    // MARK: Text

    package var text: String {
        var out = "\n" + (isCorrect ? "CORRECT  every message reached every subscriber of every "
            + "server once, in order, undamaged" : "INCORRECT  see the lines with ! below") + "\n\n"
        out += "  \(title); medians of \(configuration.rounds) alternated rounds of "
            + "\(Figure.decimal(configuration.load.durationSeconds)) s (lowest to highest), "
            + "ratio to \(baseText)\n\n"
        let width = (names.map(\.count).max() ?? 0) + 2
        out += "  " + FanoutSummary.pad("", width)
        for figure in configuration.figures { out += FanoutSummary.pad(figure.title, Self.columnWidth) }
        out += "steal\n"
        for name in names {
            out += "  " + FanoutSummary.pad(name, width)
            for figure in configuration.figures {
                out += FanoutSummary.pad(cellText(name, figure), Self.columnWidth)
            }
            out += stealText(name) + "\n"
        }
        for warning in warnings { out += "\n  ! \(warning)" }
        return out + (warnings.isEmpty ? "" : "\n")
    }

    private static let columnWidth = 44

    /// Whose figures are 1.
    var baseText: String {
        let bases = Set(names.map { configuration.base(of: $0) })
        return bases.count == 1 ? bases.first! : "the same contender before, else to \(configuration.base)"
    }

    /// The median and the most of what the host withheld.
    func stealText(_ name: String) -> String {
        let values = samples.filter { $0.contender == name }.compactMap(\.steal).sorted()
        guard let median = Self.median(values), let most = values.last else { return "–" }
        return "\(Figure.percent(median)) (to \(Figure.percent(most)))"
    }

    func cellText(_ name: String, _ figure: CompareFigure) -> String {
        guard let cell = cell(name, figure) else { return "–" }
        var ratio = cell.ratio.map { "  \(Figure.decimal($0))×" } ?? ""
        if configuration.base(of: name) != name, let low = cell.ratioLowest, let high = cell.ratioHighest, low < high {
            ratio += " (\(Figure.decimal(low))–\(Figure.decimal(high)))"
        }
        return "\(figure.text(cell.median)) (\(figure.text(cell.lowest))–"
            + "\(figure.text(cell.highest)))\(ratio)"
    }

    /// `--fail-if 'hub.cpu_per_million>1.1x'`: those of the limits that are crossed, with what was
    /// measured. What was not measured counts as crossed.
    package func violations(of limits: [CompareLimit]) -> [String] {
        limits.compactMap { limit in
            guard let cell = cell(limit.contender, limit.figure),
                  let value = limit.isRatio ? cell.ratio : cell.median
            else { return "\(limit.text): not measured" }
            guard limit.comparison.holds(value, limit.value) else { return nil }
            let measured = limit.isRatio ? "\(Figure.decimal(value))×" : limit.figure.text(value)
            return "\(limit.text): measured \(measured)"
        }
    }
}

/// `CONTENDER.FIGURE OPERATOR NUMBER`: an absolute limit (seconds for times), or with `x` behind the
/// number one of the ratio to the base.
package struct CompareLimit: Sendable {
    package let text: String
    package let contender: String
    package let figure: CompareFigure
    package let comparison: Threshold.Comparison
    package let value: Double
    package let isRatio: Bool

    package init(_ text: String, among names: [String]) throws {
        self.text = text
        let compact = text.filter { $0 != " " }
        guard let (subject, comparison, number) = Threshold.parts(compact) else {
            throw BenchError("'\(text)' is not CONTENDER.FIGURE, a comparison and a number")
        }
        self.comparison = comparison
        // Both names and figures may have dots in them.
        let contender = names.filter { subject.hasPrefix($0 + ".") }.max { $0.count < $1.count }
        guard let contender, let figure = CompareFigure(rawValue: String(subject.dropFirst(contender.count + 1)))
        else {
            throw BenchError("'\(text)': expected one of \(names), a dot, and one of "
                + "\(CompareFigure.allCases.map(\.rawValue))")
        }
        self.contender = contender
        self.figure = figure
        isRatio = number.hasSuffix("x")
        let units: [(String, Double)] = [("x", 1), ("ms", 1e-3), ("us", 1e-6), ("s", 1), ("", 1)]
        guard let (unit, factor) = units.first(where: { number.hasSuffix($0.0) }),
              let value = Double(number.dropLast(unit.count))
        else { throw BenchError("'\(text)': '\(number)' is no number, with x, s, ms or us") }
        self.value = value * factor
    }
}

/// The JSON document of a comparison.
package struct CompareDocument: Encodable {
    struct Verdict: Encodable {
        var correct: Bool
        var violations: [String]
        var warnings: [String]
    }

    let format = 1
    let scenario = "compare"
    let finished_at: String
    let environment: Environment
    let base: String
    let load: FanoutConfiguration
    let server_core: Int?
    let generator_core: Int?
    let rounds: Int
    let verdict: Verdict
    let medians: [String: [String: CompareOutcome.Cell]]
    let runs: [CompareSample]

    package init(_ outcome: CompareOutcome, environment: Environment, violations: [String],
                 finishedAt: String = FanoutDocument.now()) {
        finished_at = finishedAt
        self.environment = environment
        base = outcome.configuration.base
        load = outcome.configuration.load
        server_core = outcome.cores.server
        generator_core = outcome.cores.generator
        rounds = outcome.configuration.rounds
        verdict = Verdict(correct: outcome.isCorrect, violations: violations,
                          warnings: outcome.warnings)
        var medians: [String: [String: CompareOutcome.Cell]] = [:]
        for name in outcome.names {
            for figure in outcome.configuration.figures {
                medians[name, default: [:]][figure.rawValue] = outcome.cell(name, figure)
            }
        }
        self.medians = medians
        runs = outcome.samples
    }

    package func json() throws -> [UInt8] { try JSONText.encode(self) }
}
