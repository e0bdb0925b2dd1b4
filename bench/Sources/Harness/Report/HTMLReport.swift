// The report of a fan-out run as one HTML file that needs nothing else: no script, no font, no
// other host. Plots are inline SVG (Chart.swift); light and dark follow the reader's settings.

package enum HTMLReport {
    typealias Stages = [(name: String, summary: LatencySummary)]

    static func page(_ document: FanoutDocument,
                     distribution: [(percentile: Double, value: UInt64)],
                     stages: Stages) -> String {
        let configuration = document.configuration
        var body = header(document)
        body += cards(document)
        body += "<section><h2>Latency</h2><p class=\"note\">From the moment a message was due, not "
            + "from when it was sent: waiting counts.</p>" + latencyTable(stages)
            + "<div class=\"plots\">"
            + figure("Latency of deliveries over time, by second", latencyOverTime(document),
                     legend: [("a", "p50"), ("b", "p99"), ("c", "max")])
            + figure("Share of deliveries at or below a latency", percentileCurve(distribution),
                     legend: [])
            + "</div></section>"
        body += "<section><h2>Throughput and cost</h2><div class=\"plots\">"
            + figure("Deliveries per second", throughput(document), legend: [])
            + figure("Processor, share of a core", processor(document),
                     legend: processorLegend(document))
            + "</div></section>"
        body += "<section><h2>Correctness</h2>" + faultTable(document) + "</section>"
        body += "<section><h2>Run</h2>" + settings(document) + "</section>"
        let title = "\(Figure.count(Double(configuration.subscribers))) subscribers, "
            + "\(configuration.payloadBytes) B"
        return HTMLPage.page(title: "Fan-out: \(title)", body)
    }

    // MARK: Sections

    private static func header(_ document: FanoutDocument) -> String {
        let configuration = document.configuration
        let load = switch configuration.load {
        case .rate(let rate): "\(Figure.count(rate)) messages/s"
        case .inFlight(let count): "\(count) messages in flight per publisher"
        }
        let isGood = document.verdict.isCorrect
        return HTMLPage.header(
            kicker: "hub-bench fanout · \(document.finishedAt)",
            title: "\(Figure.count(Double(configuration.subscribers))) subscribers, \(load), "
                + "\(configuration.payloadBytes) B",
            isCorrect: isGood,
            verdict: isGood ? "every message reached every subscriber once, in order, undamaged"
                : "see Correctness below",
            violations: document.verdict.violations, warnings: document.verdict.warnings)
    }

    private static func cards(_ document: FanoutDocument) -> String {
        var items: [(String, String, String)] = []
        if let delivery = document.latency[Stage.delivery.rawValue] {
            items.append((Figure.time(delivery.p50), "p50", "half of all deliveries"))
            items.append((Figure.time(delivery.p99), "p99", "99 of 100 deliveries"))
        }
        items.append((Figure.count(document.rates.deliveries), "deliveries/s",
                      "\(Figure.count(document.rates.messages)) messages/s"))
        if let cost = document.server.processorPerMillion {
            items.append(("\(Figure.decimal(cost)) s", "server CPU",
                          "per million deliveries"))
        }
        if let memory = document.server.residentPerConnection {
            items.append((Figure.bytes(memory), "memory", "of the server per connection"))
        }
        items.append((Figure.count(document.rates.connects), "connects/s", "until subscribed"))
        return HTMLPage.cards(items.map { ($0.1, $0.0, $0.2) })
    }

    private static func latencyTable(_ stages: Stages) -> String {
        HTMLPage.table(["Stage", "p50", "p90", "p99", "p99.9", "p99.99", "max"],
                       stages.map { [$0.name] + $0.summary.row })
    }

    private static func faultTable(_ document: FanoutDocument) -> String {
        var items = document.faults.named.map { ($0.name, Figure.count(Double($0.count))) }
        items.append(("reach", "\(document.totals.reach)"))
        items.append(("messages", Figure.count(Double(document.totals.messages))))
        items.append(("deliveries", Figure.count(Double(document.totals.deliveries))))
        let bad = document.faults.named.filter { $0.count > 0 }.map(\.name)
        return HTMLPage.list(items, bad: Set(bad))
    }

    private static func settings(_ document: FanoutDocument) -> String {
        let configuration = document.configuration
        var items: [(String, String)] = [
            ("target", configuration.targetText),
            ("publishers", "\(configuration.publishers)"),
            ("measured", "\(Figure.decimal(configuration.durationSeconds)) s after "
                + "\(Figure.decimal(configuration.warmupSeconds)) s of warm-up"),
            ("generator", "\(Figure.percent(document.generator.processorShare)) of a core"),
        ] + document.environment.items
        if let memory = document.server.residentConnected {
            items.append(("server memory, all connected", Figure.bytes(Double(memory))))
        }
        if let before = document.server.kernelBefore, let after = document.server.kernelConnected {
            items.append(("kernel TCP buffers", "\(Figure.bytes(Double(before))) before, "
                + "\(Figure.bytes(Double(after))) with all connected"))
        }
        return HTMLPage.list(items)
    }

    // MARK: Plots

    private static func latencyOverTime(_ document: FanoutDocument) -> String {
        let seconds = document.seconds
        return Chart(
            series: [
                Series(style: "c", points: seconds.map { ($0.time, milliseconds($0.max)) }),
                Series(style: "b", points: seconds.map { ($0.time, milliseconds($0.p99)) }),
                Series(style: "a", points: seconds.map { ($0.time, milliseconds($0.p50)) }),
            ],
            horizontal: .linear(unit: "s"), vertical: .logarithmic(unit: "ms"),
            shadedUpTo: document.configuration.warmupSeconds).svg
    }

    private static func percentileCurve(_ points: [(percentile: Double, value: UInt64)]) -> String {
        Chart(series: [Series(style: "b", points: points.map {
            // Each step to the right is ten times rarer: 90 %, 99 %, 99.9 %…
            (1 / max(1 - $0.percentile / 100, 1e-9), milliseconds($0.value))
        })], horizontal: .percentile, vertical: .logarithmic(unit: "ms"), shadedUpTo: 0).svg
    }

    private static func throughput(_ document: FanoutDocument) -> String {
        Chart(series: [Series(style: "a",
                              points: document.seconds.map { ($0.time, $0.deliveries) })],
              horizontal: .linear(unit: "s"), vertical: .linear(unit: ""),
              shadedUpTo: document.configuration.warmupSeconds).svg
    }

    private static func processor(_ document: FanoutDocument) -> String {
        var series = [Series(style: "c", points: document.seconds.map {
            ($0.time, $0.generatorProcessor * 100)
        })]
        let server = document.seconds.compactMap { second in
            second.serverProcessor.map { (second.time, $0 * 100) }
        }
        if !server.isEmpty { series.append(Series(style: "b", points: server)) }
        return Chart(series: series, horizontal: .linear(unit: "s"), vertical: .linear(unit: "%"),
                     shadedUpTo: document.configuration.warmupSeconds).svg
    }

    private static func processorLegend(_ document: FanoutDocument) -> [(String, String)] {
        document.server.processorShare == nil
            ? [("c", "generator")] : [("b", "server"), ("c", "generator")]
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e6 }

    private static func figure(_ caption: String, _ svg: String,
                               legend: [(style: String, name: String)]) -> String {
        let keys = legend.map { "<span class=\"key \($0.style)\">\(HTMLPage.escape($0.name))</span>" }
        return "<figure><figcaption>\(HTMLPage.escape(caption))<span class=\"keys\">\(keys.joined())</span>"
            + "</figcaption>\(svg)</figure>"
    }
}
