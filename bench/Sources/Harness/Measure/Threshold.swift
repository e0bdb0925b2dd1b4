// `--fail-if 'p99>50ms'`: what makes a run that is correct fail nevertheless.
//
//   threshold  = [stage "."] metric operator number [unit]
//   stage      = delivery | ack | first | last | lag            (delivery when left out)
//   metric     = pN, pN.N (percentile) | min | max | mean       latencies, unit ns us ms s
//              | loss | duplicates | reordered | unacknowledged  counts, no unit
//              | reach                                          0 to 1, or with %
//              | cpu_per_million                                ns us ms s, s when left out
//              | rss_per_connection                             B KB MB KiB MiB, B when left out
//              | rate | deliveries | connects                   per second, no unit
//              | spread                                         p99 of the worst ÷ the best subscriber
//              | generator_cpu                                  share of a core, 0 to 1, or with %
//   operator   = > | >= | < | <= | == | !=

package enum Stage: String, Sendable, CaseIterable, Codable {
    /// Intended send time to the receipt by each subscriber.
    case delivery
    /// Intended send time to the acknowledgement.
    case ack
    /// Intended send time to the first subscriber's receipt.
    case first
    /// Intended send time to the last subscriber's receipt.
    case last
    /// Intended send time to the actual one: the generator's own delay.
    case lag
}

package enum Metric: Hashable, Sendable {
    case percentile(Stage, Double)
    case minimum(Stage)
    case maximum(Stage)
    case mean(Stage)
    case loss
    case duplicates
    case reordered
    case unacknowledged
    case reach
    case spread
    case processorPerMillion
    case residentPerConnection
    case rate
    case deliveries
    case connects
    case generatorProcessor

    /// It can only be measured on a server whose process is known.
    package var needsServerProcess: Bool {
        self == .processorPerMillion || self == .residentPerConnection
    }

    package enum Unit: Sendable { case time, bytes, share, plain }

    var unit: Unit {
        switch self {
        case .percentile, .minimum, .maximum, .mean, .processorPerMillion: .time
        case .residentPerConnection: .bytes
        case .reach, .generatorProcessor: .share
        case .loss, .duplicates, .reordered, .unacknowledged, .rate, .deliveries, .connects,
             .spread: .plain
        }
    }
}

package struct Threshold: Sendable, CustomStringConvertible {
    package enum Comparison: String, Sendable, CaseIterable {
        case aboveOrEqual = ">="
        case belowOrEqual = "<="
        case equal = "=="
        case unequal = "!="
        case above = ">"
        case below = "<"

        package func holds(_ value: Double, _ limit: Double) -> Bool {
            switch self {
            case .above: value > limit
            case .aboveOrEqual: value >= limit
            case .below: value < limit
            case .belowOrEqual: value <= limit
            case .equal: value == limit
            case .unequal: value != limit
            }
        }
    }

    /// What stands before the comparison, it, and what stands behind; `nil` without one.
    static func parts(_ compact: String) -> (Substring, Comparison, Substring)? {
        guard let at = compact.firstIndex(where: { "<>=!".contains($0) }) else { return nil }
        let rest = compact[at...]
        guard let comparison = Comparison.allCases.first(where: { rest.hasPrefix($0.rawValue) })
        else { return nil }
        return (compact[..<at], comparison, rest.dropFirst(comparison.rawValue.count))
    }

    package struct ParseError: Error, Equatable, CustomStringConvertible {
        package var description: String
    }

    package let description: String
    package let metric: Metric
    package let comparison: Comparison
    /// Seconds, bytes, or a plain number.
    package let limit: Double

    package init(_ text: String) throws(ParseError) {
        description = text
        let compact = text.filter { $0 != " " }
        guard let at = compact.firstIndex(where: { "<>=!".contains($0) }) else {
            throw ParseError(
                description: "'\(text)' has no comparison: write for example 'p99>50ms'")
        }
        let rest = compact[at...]
        guard let comparison = Comparison.allCases.first(where: { rest.hasPrefix($0.rawValue) })
        else {
            throw ParseError(description: "'\(text)': the comparison is one of > >= < <= == !=")
        }
        metric = try Self.metric(String(compact[..<at]), in: text)
        self.comparison = comparison
        limit = try Self.limit(rest.dropFirst(comparison.rawValue.count), metric, in: text)
    }

    /// Whether a measured value (seconds, bytes or plain) is a failure.
    package func isViolated(by value: Double) -> Bool {
        comparison.holds(value, limit)
    }

    private static func metric(_ name: String, in text: String) throws(ParseError) -> Metric {
        let plain: [String: Metric] = [
            "loss": .loss, "spread": .spread, "duplicates": .duplicates, "reordered": .reordered,
            "unacknowledged": .unacknowledged, "reach": .reach,
            "cpu_per_million": .processorPerMillion, "rss_per_connection": .residentPerConnection,
            "rate": .rate, "deliveries": .deliveries, "connects": .connects,
            "generator_cpu": .generatorProcessor,
        ]
        if let metric = plain[name] { return metric }
        var stage = Stage.delivery
        var rest = name[...]
        if let dot = name.firstIndex(of: "."), let named = Stage(rawValue: String(name[..<dot])) {
            stage = named
            rest = name[name.index(after: dot)...]
        }
        switch rest {
        case "min": return .minimum(stage)
        case "max": return .maximum(stage)
        case "mean": return .mean(stage)
        default: break
        }
        if rest.hasPrefix("p"), let value = decimal(rest.dropFirst()) {
            guard value > 0, value <= 100 else {
                throw ParseError(description:
                    "'\(text)': a percentile is above 0 and at most 100, as in p99.9")
            }
            return .percentile(stage, value)
        }
        throw ParseError(description: "'\(text)': '\(name)' is no metric. Known: p50 to p99.99, "
            + "min, max, mean (also ack.p99, first.p99, last.p99, lag.p99), "
            + plain.keys.sorted().joined(separator: ", "))
    }

    private static func decimal(_ text: Substring) -> Double? {
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }) else {
            return nil
        }
        return Double(text)
    }

    private static func limit(_ text: Substring, _ metric: Metric,
                              in whole: String) throws(ParseError) -> Double {
        let needsUnit = metric.unit == .time && metric != .processorPerMillion
        return try limit(text, metric.unit, isBareAllowed: !needsUnit, in: whole)
    }

    /// A number with a unit that fits: seconds, bytes, a share or a plain number.
    static func limit(_ text: Substring, _ unit: Metric.Unit, isBareAllowed: Bool,
                      in whole: String) throws(ParseError) -> Double {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let suffix = String(text[digits.endIndex...])
        guard let value = decimal(digits) else {
            throw ParseError(description: "'\(whole)': '\(text)' is no number with a unit")
        }
        let units: [String: Double] = switch unit {
        case .time: ["ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1]
        case .bytes: ["B": 1, "KB": 1e3, "MB": 1e6, "KiB": 1024, "MiB": 1_048_576]
        case .share: ["%": 0.01]
        case .plain: [:]
        }
        if suffix.isEmpty {
            guard isBareAllowed else {
                throw ParseError(
                    description: "'\(whole)': a latency needs a unit: ns, us, ms or s")
            }
            return value
        }
        guard let factor = units[suffix] else {
            let known = units.isEmpty ? "takes no unit"
                : "takes " + units.keys.sorted().joined(separator: ", ")
            throw ParseError(
                description: "'\(whole)': '\(suffix)' does not fit: this metric \(known)")
        }
        return value * factor
    }
}
