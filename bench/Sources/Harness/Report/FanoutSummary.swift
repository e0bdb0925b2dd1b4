// What a person reads on the terminal after a fan-out run, and the progress line during it.

package enum FanoutSummary {
    package static func text(_ outcome: FanoutOutcome, violations: [String]) -> String {
        let configuration = outcome.configuration
        let recorder = outcome.recorder
        var out = "\n" + headline(outcome, violations) + "\n\n"
        let load = switch configuration.load {
        case .rate(let rate): "\(Figure.count(rate)) messages/s"
        case .inFlight(let count): "as fast as possible, \(count) in flight per publisher"
        }
        out += "  \(Figure.count(Double(configuration.subscribers))) subscribers, "
            + "\(configuration.publishers) publisher\(configuration.publishers == 1 ? "" : "s"), "
            + "\(load), \(configuration.payloadBytes) B, "
            + configuration.targetText
            + ", \(Figure.decimal(configuration.durationSeconds)) s after "
            + "\(Figure.decimal(configuration.warmupSeconds)) s of warm-up\n\n"
        out += latencyTable(recorder)
        out += "\n" + rows(outcome)
        for warning in outcome.warnings { out += "\n  ! \(warning)" }
        if !outcome.warnings.isEmpty { out += "\n" }
        return out
    }

    private static func headline(_ outcome: FanoutOutcome, _ violations: [String]) -> String {
        var lines: [String] = []
        if outcome.isCorrect {
            lines.append("CORRECT  \(Figure.count(Double(outcome.messages))) messages reached all "
                + "\(Figure.count(Double(outcome.configuration.subscribers))) subscribers once, "
                + "in order, undamaged")
        } else {
            let faults = outcome.faults.named.filter { $0.count > 0 }
                .map { "\($0.count) \($0.name)" }
            lines.append("INCORRECT  "
                + (faults + ["reach \(outcome.reach)"]).joined(separator: ", "))
        }
        for violation in violations { lines.append("FAILED  \(violation)") }
        return lines.joined(separator: "\n")
    }

    private static func latencyTable(_ recorder: FanoutRecorder) -> String {
        var out = "  " + pad("latency since due", 22)
        for name in ["p50", "p90", "p99", "p99.9", "p99.99", "max"] { out += padLeft(name, 11) }
        out += "\n"
        for (name, summary) in stages(recorder) {
            out += "  " + pad(name, 22)
            for value in summary.row { out += padLeft(value, 11) }
            out += "\n"
        }
        return out
    }

    /// The stages that were measured, in the order in which a message passes them.
    static func stages(_ recorder: FanoutRecorder) -> [(name: String, summary: LatencySummary)] {
        let names: [(Stage, String)] = [
            (.lag, "sent (generator lag)"), (.ack, "acknowledged"), (.first, "first subscriber"),
            (.delivery, "every delivery"), (.last, "last subscriber"),
        ]
        return names.compactMap { stage, name in
            recorder.stages[stage]?.summary.map { (name, $0) }
        }
    }

    private static func rows(_ outcome: FanoutOutcome) -> String {
        let recorder = outcome.recorder
        var out = row("throughput", "\(Figure.count(outcome.messagesPerSecond)) messages/s, "
            + "\(Figure.count(outcome.deliveriesPerSecond)) deliveries/s")
        if let perMillion = outcome.processorPerMillion, let share = outcome.serverShare {
            out += row("server CPU", "\(Figure.decimal(perMillion)) s per million deliveries "
                + "(\(Figure.percent(share)) of a core)")
        }
        if let spread = outcome.spread {
            out += row("fairness", "p99 of the subscriber served worst is "
                + "\(Figure.decimal(spread)) times that of the one served best")
        }
        if let perConnection = outcome.residentPerConnection,
           let connected = recorder.residentConnected {
            out += row("server memory", "\(Figure.bytes(perConnection)) per connection, "
                + "\(Figure.bytes(Double(connected))) with all connected, at most "
                + "\(Figure.bytes(Double(recorder.residentMaximum ?? connected)))")
        }
        if let before = recorder.kernelBefore, let after = recorder.kernelConnected {
            out += row("kernel TCP buffers", "\(Figure.bytes(Double(before))) before, "
                + "\(Figure.bytes(Double(after))) with all connected (whole machine)")
        }
        out += row("connecting", "\(Figure.count(recorder.connectsPerSecond)) connections/s "
            + "to ready, \(outcome.configuration.connecting) at a time")
        out += row("generator CPU", "\(Figure.percent(outcome.generatorShare)) of a core")
        return out
    }

    /// One line for a terminal.
    package static func progress(_ second: FanoutRecorder.Second) -> String {
        var line = "\(Int(second.time.rounded())) s" + (second.isWarmup ? " (warm-up)" : "")
            + "  \(Figure.count(second.sent)) msg/s"
            + "  \(Figure.count(second.deliveries)) deliveries/s"
        if second.p50SoFar > 0 {
            line += "  p50 \(Figure.time(second.p50SoFar))  p99 \(Figure.time(second.p99SoFar))"
        }
        line += "  lag \(Figure.time(second.lagMax))  under way \(second.underWay)"
        if let share = second.serverProcessor { line += "  server \(Figure.percent(share))" }
        line += "  generator \(Figure.percent(second.generatorProcessor))"
        return line + steal(second)
    }

    /// Of a second in which the host withheld more than a hundredth.
    static func steal(_ second: FanoutRecorder.Second) -> String {
        guard let steal = second.steal, steal >= 0.01 else { return "" }
        return "  steal \(Figure.percent(steal))"
    }

    private static func row(_ name: String, _ value: String) -> String {
        "  " + pad(name, 22) + value + "\n"
    }

    static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    static func padLeft(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(1, width - text.count)) + text
    }
}
