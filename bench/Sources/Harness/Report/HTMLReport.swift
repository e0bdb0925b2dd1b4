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
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy"
            content="default-src 'none'; style-src 'unsafe-inline'">
            <title>Fan-out: \(title)</title>
            <style>\(style)</style></head>
            <body><main>\(body)</main></body></html>

            """
    }

    // MARK: Sections

    private static func header(_ document: FanoutDocument) -> String {
        let configuration = document.configuration
        let load = switch configuration.load {
        case .rate(let rate): "\(Figure.count(rate)) messages/s"
        case .inFlight(let count): "\(count) messages in flight per publisher"
        }
        let isGood = document.verdict.isCorrect
        let verdict = isGood ? "Correct" : "Incorrect"
        let reached = document.verdict.isCorrect
            ? "every message reached every subscriber once, in order, undamaged"
            : "see Correctness below"
        var out = """
            <header><p class="kicker">hub-bench fanout · \(escape(document.finishedAt))</p>
            <h1>\(Figure.count(Double(configuration.subscribers))) subscribers, \(escape(load)), \
            \(configuration.payloadBytes) B</h1>
            <p class="verdict \(isGood ? "good" : "bad")"><strong>\(verdict)</strong> \(reached)</p>
            """
        for violation in document.verdict.violations {
            out += "<p class=\"verdict bad\"><strong>Over a threshold</strong> "
                + "\(escape(violation))</p>"
        }
        for warning in document.verdict.warnings {
            out += "<p class=\"warning\">\(escape(warning))</p>"
        }
        return out + "</header>"
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
        let cells = items.map { value, name, note in
            "<div class=\"card\"><span>\(escape(name))</span><b>\(escape(value))</b>"
                + "<small>\(escape(note))</small></div>"
        }
        return "<div class=\"cards\">\(cells.joined())</div>"
    }

    private static func latencyTable(_ stages: Stages) -> String {
        var out = "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Stage</th>"
        for name in ["p50", "p90", "p99", "p99.9", "p99.99", "max"] {
            out += "<th scope=\"col\">\(name)</th>"
        }
        out += "</tr></thead><tbody>"
        for (name, summary) in stages {
            out += "<tr><th scope=\"row\">\(escape(name))</th>"
            for value in [summary.p50, summary.p90, summary.p99, summary.p999, summary.p9999,
                          summary.max] {
                out += "<td>\(Figure.time(value))</td>"
            }
            out += "</tr>"
        }
        return out + "</tbody></table></div>"
    }

    private static func faultTable(_ document: FanoutDocument) -> String {
        var out = "<dl>"
        for (name, count) in document.faults.named {
            out += "<div\(count > 0 ? " class=\"bad\"" : "")><dt>\(escape(name))</dt>"
                + "<dd>\(Figure.count(Double(count)))</dd></div>"
        }
        out += "<div><dt>reach</dt><dd>\(document.totals.reach)</dd></div>"
        for (name, count) in [("messages", Double(document.totals.messages)),
                              ("deliveries", Double(document.totals.deliveries))] {
            out += "<div><dt>\(name)</dt><dd>\(Figure.count(count))</dd></div>"
        }
        return out + "</dl>"
    }

    private static func settings(_ document: FanoutDocument) -> String {
        let configuration = document.configuration
        let environment = document.environment
        var items: [(String, String)] = [
            ("target", configuration.target == .hub
                ? "hub, \(configuration.encoding.rawValue)" : "raw WebSocket relay"),
            ("publishers", "\(configuration.publishers)"),
            ("measured", "\(Figure.decimal(configuration.durationSeconds)) s after "
                + "\(Figure.decimal(configuration.warmupSeconds)) s of warm-up"),
            ("generator", "\(Figure.percent(document.generator.processorShare)) of a core"),
            ("machine", "\(environment.processor), \(environment.cores) cores, "
                + Figure.bytes(Double(environment.memoryBytes))),
            ("kernel", "\(environment.kernel) \(environment.architecture)"),
            ("load average at start", Figure.decimal(environment.loadAverage)),
            ("bench", "\(environment.benchVersion), Swift \(environment.swiftVersion)"),
        ]
        if let commit = environment.commit { items.append(("hub commit", commit)) }
        if let memory = document.server.residentConnected {
            items.append(("server memory, all connected", Figure.bytes(Double(memory))))
        }
        if let before = document.server.kernelBefore, let after = document.server.kernelConnected {
            items.append(("kernel TCP buffers", "\(Figure.bytes(Double(before))) before, "
                + "\(Figure.bytes(Double(after))) with all connected"))
        }
        let rows = items.map { "<div><dt>\(escape($0.0))</dt><dd>\(escape($0.1))</dd></div>" }
        return "<dl>\(rows.joined())</dl>"
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
        let keys = legend.map { "<span class=\"key \($0.style)\">\(escape($0.name))</span>" }
        return "<figure><figcaption>\(escape(caption))<span class=\"keys\">\(keys.joined())</span>"
            + "</figcaption>\(svg)</figure>"
    }

    static func escape(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.append(character)
            }
        }
        return out
    }

    private static let style = """
        :root{color-scheme:light dark;--ground:#fbfaf8;--card:#fff;--ink:#1c1d22;--soft:#6a6d78;
        --line:#e3e1dc;--a:#1f6f8b;--b:#c2410c;--c:#9a9dab;--good:#186a3b;--goodbg:#e4f3ea;
        --bad:#a32020;--badbg:#fbe6e4;--shade:#f1efeb}
        @media(prefers-color-scheme:dark){:root{--ground:#14151a;--card:#1c1e25;--ink:#ececf1;
        --soft:#9b9eab;--line:#30333d;--a:#5fb8d6;--b:#f08a5b;--c:#757988;--good:#7fd3a1;
        --goodbg:#15301f;--bad:#ff9b94;--badbg:#3a1b1b;--shade:#20222a}}
        *{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);
        font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
        main{max-width:1080px;margin:0 auto;padding:40px 24px 64px}
        .kicker{margin:0;color:var(--soft);font-size:13px}
        h1{margin:4px 0 16px;font-size:28px;line-height:1.2;font-weight:650;letter-spacing:-.01em}
        h2{margin:0 0 8px;font-size:18px;font-weight:650}
        section{margin-top:40px}.note{margin:0 0 12px;color:var(--soft)}
        .verdict{display:inline-block;margin:0 8px 8px 0;padding:6px 12px;border-radius:8px}
        .verdict strong{margin-right:6px}.verdict.good{background:var(--goodbg);color:var(--good)}
        .verdict.bad{background:var(--badbg);color:var(--bad)}
        .warning{margin:8px 0 0;padding-left:12px;border-left:3px solid var(--b);color:var(--soft)}
        .cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;
        margin-top:24px}
        .card{background:var(--card);border:1px solid var(--line);border-radius:10px;
        padding:14px 16px}
        .card span,.card small{display:block;color:var(--soft);font-size:13px}
        .card b{display:block;font-size:24px;font-weight:650;letter-spacing:-.01em;
        font-variant-numeric:tabular-nums}
        .scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;
        font-variant-numeric:tabular-nums}
        th,td{padding:7px 10px;text-align:right;border-bottom:1px solid var(--line);
        white-space:nowrap}
        th:first-child{text-align:left;padding-left:0}thead th{color:var(--soft);font-weight:500}
        tbody th{font-weight:500}
        .plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),1fr));
        gap:16px;margin-top:20px}
        figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;
        padding:14px 16px 8px}
        figcaption{display:flex;flex-wrap:wrap;gap:4px 16px;justify-content:space-between;
        font-size:13px;color:var(--soft)}
        .key{margin-left:14px}.key::before{content:"";display:inline-block;width:14px;height:3px;
        border-radius:2px;margin-right:6px;vertical-align:middle;background:currentColor}
        .key.a::before{background:var(--a)}.key.b::before{background:var(--b)}
        .key.c::before{background:var(--c)}
        svg{display:block;width:100%;height:auto;margin-top:6px}
        svg text{fill:var(--soft);font-size:11px;font-family:inherit}
        .grid{stroke:var(--line);stroke-width:1}.shade{fill:var(--shade)}
        .series{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
        .series.a{stroke:var(--a)}.series.b{stroke:var(--b)}.series.c{stroke:var(--c)}
        .dot.a{fill:var(--a)}.dot.b{fill:var(--b)}.dot.c{fill:var(--c)}
        dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:0 32px;
        margin:0}
        dl div{display:flex;justify-content:space-between;gap:16px;padding:6px 0;
        border-bottom:1px solid var(--line)}
        dt{color:var(--soft);white-space:nowrap}dd{margin:0;text-align:right;
        font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
        dl .bad dt,dl .bad dd{color:var(--bad);font-weight:600}
        """
}
