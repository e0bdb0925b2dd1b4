// The frame and the parts that HTML reports share: one file that needs nothing else, no script, no font,
// no other host.

enum HTMLPage {
    static func page(title: String, _ body: String) -> String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy"
        content="default-src 'none'; style-src 'unsafe-inline'">
        <title>\(escape(title))</title>
        <style>\(style)</style></head>
        <body><main>\(body)</main></body></html>

        """
    }

    static func header(kicker: String, title: String, isCorrect: Bool, verdict: String,
                       violations: [String], warnings: [String]) -> String {
        var out = """
            <header><p class="kicker">\(escape(kicker))</p><h1>\(escape(title))</h1>
            <p class="verdict \(isCorrect ? "good" : "bad")"><strong>\
            \(isCorrect ? "Correct" : "Incorrect")</strong> \(escape(verdict))</p>
            """
        for violation in violations {
            out += "<p class=\"verdict bad\"><strong>Over a threshold</strong> "
                + "\(escape(violation))</p>"
        }
        for warning in warnings { out += "<p class=\"warning\">\(escape(warning))</p>" }
        return out + "</header>"
    }

    static func section(_ title: String, _ body: String) -> String {
        "<section><h2>\(escape(title))</h2>\(body)</section>"
    }

    static func cards(_ items: [(name: String, value: String, note: String)]) -> String {
        let cells = items.map {
            "<div class=\"card\"><span>\(escape($0.name))</span><b>\(escape($0.value))</b>"
                + "<small>\(escape($0.note))</small></div>"
        }
        return "<div class=\"cards\">\(cells.joined())</div>"
    }

    static func table(_ head: [String], _ rows: [[String]]) -> String {
        let cells = head.map { "<th scope=\"col\">\(escape($0))</th>" }.joined()
        var out = "<div class=\"scroll\"><table><thead><tr>\(cells)</tr></thead><tbody>"
        for row in rows {
            out += "<tr><th scope=\"row\">\(escape(row.first ?? ""))</th>"
            for cell in row.dropFirst() { out += "<td>\(escape(cell))</td>" }
            out += "</tr>"
        }
        return out + "</tbody></table></div>"
    }

    static func list(_ items: [(String, String)], bad: Set<String> = []) -> String {
        let rows = items.map { name, value in
            "<div\(bad.contains(name) ? " class=\"bad\"" : "")><dt>\(escape(name))</dt>"
                + "<dd>\(escape(value))</dd></div>"
        }
        return "<dl>\(rows.joined())</dl>"
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

    static let style = """
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

extension Environment {
    /// For the list of a report.
    var items: [(String, String)] {
        var items = [
            ("machine", "\(processor), \(cores) cores, " + Figure.bytes(Double(memoryBytes))),
            ("kernel", "\(kernel) \(architecture)"),
            ("load average at start", Figure.decimal(loadAverage)),
            ("bench", "\(benchVersion), Swift \(swiftVersion)"),
        ]
        if let commit { items.append(("hub commit", commit)) }
        return items
    }
}
