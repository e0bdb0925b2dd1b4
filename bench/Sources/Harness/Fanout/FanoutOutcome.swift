// A finished fan-out run and its verdict: values for thresholds, warnings, the exit code.

package struct FanoutOutcome {
    /// Above this share of a core the generator's own waiting shows in the latencies.
    package static let generatorShareMax = 0.85
    /// From here on the machine was not this run's alone.
    static let stealMax = 0.05

    package let configuration: FanoutConfiguration
    package let faults: FanoutChecker.Faults
    package let foreign: UInt64
    package let messages: Int
    package let acknowledged: Int
    package let deliveries: UInt64
    package let reach: Double
    package let recorder: FanoutRecorder
    package let measuredNanoseconds: UInt64
    package private(set) var warnings: [String]

    init(configuration: FanoutConfiguration, checker: FanoutChecker, recorder: FanoutRecorder,
         measuredNanoseconds: UInt64, warnings: [String]) {
        self.configuration = configuration
        faults = checker.faults
        foreign = checker.foreign
        messages = checker.messages.count
        acknowledged = checker.acknowledged
        deliveries = checker.deliveries
        reach = checker.reach
        self.recorder = recorder
        self.measuredNanoseconds = measuredNanoseconds
        self.warnings = warnings
        addWarnings()
    }

    package var isCorrect: Bool { faults.isClean && reach == 1 }

    /// Server processor seconds per million deliveries.
    package var processorPerMillion: Double? {
        guard let used = recorder.serverProcessor, recorder.measuredDeliveries > 0 else {
            return nil
        }
        return Double(used) / 1e9 / (Double(recorder.measuredDeliveries) / 1e6)
    }

    /// p99 of the subscriber served worst ÷ that of the one served best.
    package var spread: Double? { recorder.spread.spread }

    package var residentPerConnection: Double? {
        guard let before = recorder.idleBefore, let after = recorder.residentConnected,
              recorder.connections > 0 else { return nil }
        return (Double(after) - Double(before)) / Double(recorder.connections)
    }

    package var kernelPerConnection: Double? {
        guard let before = recorder.kernelBefore, let after = recorder.kernelConnected,
              recorder.connections > 0 else { return nil }
        return (Double(after) - Double(before)) / Double(recorder.connections)
    }

    package var generatorShare: Double {
        Double(recorder.generatorProcessor) / Double(max(recorder.measuredNanoseconds, 1))
    }

    package var serverShare: Double? {
        recorder.serverProcessor.map {
            Double($0) / Double(max(recorder.measuredNanoseconds, 1))
        }
    }

    package var messagesPerSecond: Double { perSecond(Double(recorder.measuredSent)) }
    package var deliveriesPerSecond: Double { perSecond(Double(recorder.measuredDeliveries)) }

    private func perSecond(_ count: Double) -> Double {
        count / (Double(max(recorder.measuredNanoseconds, 1)) / 1e9)
    }

    /// A metric's value in the unit of its thresholds; `nil` when it was not measured.
    package func value(of metric: Metric) -> Double? {
        func seconds(_ stage: Stage, _ value: (Latency) -> Double) -> Double? {
            guard let latency = recorder.stages[stage], !latency.isEmpty else { return nil }
            return value(latency) / 1e9
        }
        return switch metric {
        case .percentile(let stage, let rank): seconds(stage) { Double($0.value(at: rank)) }
        case .minimum(let stage): seconds(stage) { Double($0.minimum) }
        case .maximum(let stage): seconds(stage) { Double($0.maximum) }
        case .mean(let stage): seconds(stage) { $0.mean }
        case .loss: Double(faults.lost)
        case .duplicates: Double(faults.duplicates)
        case .reordered: Double(faults.reordered)
        case .unacknowledged: Double(faults.unacknowledged)
        case .reach: reach
        case .spread: spread
        case .processorPerMillion: processorPerMillion
        case .residentPerConnection: residentPerConnection
        case .rate: messagesPerSecond
        case .deliveries: deliveriesPerSecond
        case .connects: recorder.connectsPerSecond
        case .generatorProcessor: generatorShare
        }
    }

    /// The thresholds that this run violates, each with what was measured. What could not be
    /// measured counts as violated: a check must not pass for want of a figure.
    package func violations(of thresholds: [Threshold]) -> [String] {
        thresholds.compactMap { threshold in
            guard let value = value(of: threshold.metric) else {
                return "\(threshold): not measured"
            }
            guard threshold.isViolated(by: value) else { return nil }
            return "\(threshold): measured \(Figure.text(value, threshold.metric.unit))"
        }
    }

    private mutating func addWarnings() {
        let busiest = recorder.seconds.filter { !$0.isWarmup }.map(\.generatorProcessor).max() ?? 0
        if max(generatorShare, busiest) > Self.generatorShareMax {
            warnings.append("the generator was saturated (\(Figure.percent(generatorShare)) of a "
                + "core on average, \(Figure.percent(busiest)) in its busiest second): the "
                + "latencies are its own, not the server's")
        }
        if let lag = recorder.stages[.lag], lag.value(at: 99) > 5_000_000 {
            warnings.append("one message in a hundred was sent more than "
                + "\(Figure.time(lag.value(at: 99))) late by the generator itself")
        }
        if let steal = recorder.steal, steal > Self.stealMax {
            warnings.append("the host of this machine withheld \(Figure.percent(steal)) of its processors' "
                + "time: latencies are longer for it")
        }
        if foreign > 0 {
            warnings.append("\(foreign) messages of others were in the channel")
        }
        if let delivery = recorder.stages[.delivery], (1..<20_000).contains(delivery.count) {
            warnings.append("p99.99 rests on \(delivery.count) deliveries, p99.9 on "
                + "\(recorder.measuredSent) messages: run longer for the tail")
        }
        warnings += recorder.notes
    }
}

/// Figures for people.
package enum Figure {
    package static func time(_ nanoseconds: UInt64) -> String { time(Double(nanoseconds)) }

    package static func time(_ nanoseconds: Double) -> String {
        switch nanoseconds {
        case ..<1_000: "\(Int(nanoseconds)) ns"
        case ..<1_000_000: "\(decimal(nanoseconds / 1e3)) µs"
        case ..<10_000_000_000: "\(decimal(nanoseconds / 1e6)) ms"
        default: "\(decimal(nanoseconds / 1e9)) s"
        }
    }

    package static func bytes(_ count: Double) -> String {
        switch abs(count) {
        case ..<1_000: "\(Int(count)) B"
        case ..<1_000_000: "\(decimal(count / 1e3)) KB"
        case ..<1_000_000_000: "\(decimal(count / 1e6)) MB"
        default: "\(decimal(count / 1e9)) GB"
        }
    }

    package static func percent(_ share: Double) -> String { "\(decimal(share * 100)) %" }

    /// Thousands in groups; below 1,000 up to three significant digits.
    package static func count(_ value: Double) -> String {
        guard abs(value) >= 1_000 else { return decimal(value) }
        var digits = String(Int(value.rounded()).magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
    }

    /// Three significant digits, at most three decimals, no superfluous zeros.
    package static func decimal(_ value: Double) -> String {
        let places = abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : abs(value) >= 1 ? 2 : 3
        let factor = [1.0, 10, 100, 1_000][places]
        let whole = Int((abs(value) * factor).rounded())
        var text = String(whole / Int(factor))
        let rest = whole % Int(factor)
        if rest > 0 {
            var fraction = String(rest)
            while fraction.count < places { fraction = "0" + fraction }
            while fraction.hasSuffix("0") { fraction.removeLast() }
            text += ".\(fraction)"
        }
        return (value < 0 && whole > 0 ? "-" : "") + text
    }

    package static func text(_ value: Double, _ unit: Metric.Unit) -> String {
        switch unit {
        case .time: time(value * 1e9)
        case .bytes: bytes(value)
        case .share: percent(value)
        case .plain: count(value)
        }
    }
}
