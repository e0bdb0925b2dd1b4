// The report of a comparison as one HTML file, in the looks of the other reports.

package enum ComparePage {
    package static func page(_ outcome: CompareOutcome, environment: Environment,
                             violations: [String],
                             finishedAt: String = FanoutDocument.now()) -> String {
        let body = HTMLPage.header(
            kicker: "hub-bench compare · \(finishedAt)", title: outcome.title,
            isCorrect: outcome.isCorrect,
            verdict: outcome.isCorrect
                ? "every message reached every subscriber of every server once, in order, undamaged"
                : "see the warnings",
            violations: violations, warnings: outcome.warnings)
            + medians(outcome) + runs(outcome)
            + HTMLPage.section("Run", HTMLPage.list(settings(outcome) + environment.items))
        return HTMLPage.page(title: "Comparison: \(outcome.title)", body)
    }

    private static func medians(_ outcome: CompareOutcome) -> String {
        let columns = outcome.configuration.figures
        var rows: [[String]] = []
        for name in outcome.names {
            rows.append([name] + columns.map { outcome.cellText(name, $0) } + [outcome.stealText(name)])
        }
        let note = "<p class=\"note\">Medians of \(outcome.configuration.rounds) alternated rounds, "
            + "lowest and highest round, ratio to \(HTMLPage.escape(outcome.baseText)); "
            + "behind it the lowest and highest of single rounds."
            + "</p>"
        return HTMLPage.section(
            "Medians", note + HTMLPage.table(["Server"] + columns.map(\.title) + ["steal"], rows))
    }

    private static func runs(_ outcome: CompareOutcome) -> String {
        let rows = outcome.samples.map { sample in
            ["\(sample.round)", sample.contender] + outcome.configuration.figures.map { figure in
                sample.value(of: figure).map(figure.text) ?? "–"
            } + [Figure.percent(sample.generatorShare), sample.isCorrect ? "yes" : "no"]
        }
        return HTMLPage.section("Every run", HTMLPage.table(
            ["Round", "Server"] + outcome.configuration.figures.map(\.title) + ["generator CPU", "correct"],
            rows))
    }

    private static func settings(_ outcome: CompareOutcome) -> [(String, String)] {
        let load = outcome.configuration.load
        return [
            ("publishers", "\(load.publishers)"),
            ("measured", "\(Figure.decimal(load.durationSeconds)) s after "
                + "\(Figure.decimal(load.warmupSeconds)) s of warm-up"),
            ("cores", outcome.cores.server.map {
                "server on \($0), generator on \(outcome.cores.generator ?? 0)"
            } ?? "one for both"),
        ]
    }
}
