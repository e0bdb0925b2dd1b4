// What every scenario but fanout does with its results: thresholds, files, exit codes.

import ArgumentParser
import Harness

struct ReportOptions: ParsableArguments {
    @Option(name: .customLong("fail-if"), parsing: .singleValue,
            help: "Exit with 3 if this holds; repeatable. FIGURES above has the names.")
    var failIf: [String] = []

    @Option(help: "Commit of the hub, for the report.")
    var commit: String?

    @Option(help: "Folder for report.html and report.json.")
    var out: String?

    @Option(help: "Where to write the JSON document; - is standard output.")
    var json: String?

    @Flag(help: "No progress, no summary.")
    var quiet = false

    func progress(_ line: String) {
        if !quiet { Terminal.errorText(line + "\n") }
    }

    /// Runs `body`; a `BenchError` becomes a line and exit code 1.
    static func guarded<Result>(_ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as BenchError {
            Terminal.errorText("hub-bench: \(error)\n")
            throw Outcome.impossible
        }
    }

    static func validating(_ body: () throws -> Void) throws {
        do { try body() } catch let error as BenchError {
            throw ValidationError(error.description)
        }
    }

    /// Writes what was asked for and throws the exit code that the verdict calls for.
    func finish(text: String, json document: [UInt8], page: String, isCorrect: Bool,
                violations: [String]) throws {
        if !quiet {
            let failed = violations.map { "FAILED  \($0)\n" }.joined()
            if json == "-" { Terminal.errorText(text + failed) } else {
                Terminal.output(text + failed)
            }
        }
        try Self.guarded {
            if json == "-" {
                Terminal.write(document, to: 1)
            } else if let json {
                try ReportFolder.write(file: json, document)
            }
            if let out {
                try ReportFolder.write([("report.html", Array(page.utf8)),
                                        ("report.json", document)], to: out)
                if !quiet { Terminal.errorText("\n  report: \(out)/report.html\n") }
            }
        }
        if !isCorrect { throw Outcome.incorrect }
        if !violations.isEmpty {
            if quiet {
                for violation in violations { Terminal.errorText("hub-bench: \(violation)\n") }
            }
            throw Outcome.overThreshold
        }
    }
}
