// A finished crash run: what a person reads of it, and its JSON document.

package struct CrashOutcome {
    package let configuration: CrashConfiguration
    package let rounds: [CrashRun.Round]
    package let violations: CrashLedger.Violations
    package let firstViolations: [String]
    package let posts: Int
    package let acknowledged: Int
    package let duplicateAcknowledgements: Int
    package let logEntries: Int
    package let refusals: [String: Int]
    package let stoppedCleanly: Bool
    package let logPath: String

    init(configuration: CrashConfiguration, rounds: [CrashRun.Round],
         findings: CrashLedger.Findings, ledger: CrashLedger, logEntries: Int,
         refusals: [String: Int], stoppedCleanly: Bool, logPath: String) {
        self.configuration = configuration
        self.rounds = rounds
        violations = findings.violations
        firstViolations = findings.examples
        posts = ledger.posts.reduce(0) { $0 + $1.count }
        acknowledged = ledger.acknowledged
        duplicateAcknowledgements = ledger.duplicateAcknowledgements
            + rounds.reduce(0) { $0 + $1.answeredTwice }
        self.logEntries = logEntries
        self.refusals = refusals
        self.stoppedCleanly = stoppedCleanly
        self.logPath = logPath
    }

    package var isCorrect: Bool { violations.total == 0 }

    /// With a disk that lies, what must be found is losses.
    package var isAsExpected: Bool {
        configuration.lyingDisk == nil
            ? isCorrect : violations.lost > 0 || violations.unrecovered > 0
    }

    package var text: String {
        let unanswered = rounds.reduce(0) { $0 + $1.unanswered }
        var out = "\n"
        if configuration.lyingDisk != nil {
            let cuts = rounds.count { $0.lost > 0 }
            out += isAsExpected ? "CAUGHT" : "NOT CAUGHT"
            out += "  a disk that lies about fsync: \(violations.lost) acknowledged posts lost in "
                + "\(cuts) of \(rounds.count) power cuts, \(violations.unrecovered) without "
                + "recovery\n"
        } else if isCorrect {
            out += "CORRECT  \(rounds.count) \(faults): \(Figure.count(Double(acknowledged))) "
                + "acknowledged posts stand in the log once, where they were acknowledged; "
                + "\(configuration.subscribers) subscribers saw the log, whole and in order\n"
        } else {
            let broken = violations.named.filter { $0.count > 0 }
                .map { "\($0.count) \($0.name)" }
            out += "INCORRECT  " + broken.joined(separator: ", ") + "\n"
            for example in firstViolations { out += "  · \(example)\n" }
        }
        out += "\n  posts                 \(Figure.count(Double(posts))) by "
            + "\(configuration.publishers) publishers to \(configuration.channels) channels, "
            + "\(unanswered) unanswered when it happened\n"
        out += "  answered twice        \(duplicateAcknowledgements) retries were told that the "
            + "post was there already\n"
        if configuration.fault == .power {
            let checked = rounds.reduce(0) { $0 + $1.acknowledged }
            out += "  checked after cuts    \(Figure.count(Double(checked))) acknowledgements "
                + "from before them\n"
        }
        if rounds.contains(where: { $0.database > 0 }) {
            out += line("PostgreSQL up after", \.database)
            out += line("first post after that", \.readyBehindDatabase, since: "then")
        }
        out += line("first post after", \.ready) + line("everybody back after", \.everybodyBack)
        if !stoppedCleanly { out += "  ! the hub did not stop within 20 s of SIGTERM\n" }
        for (slug, count) in refusals.sorted(by: { $0.key < $1.key }) {
            out += "  ! \(count) commands were answered with \(slug)\n"
        }
        return out + "  seed                  \(configuration.seed)\n"
    }

    private var faults: String {
        switch configuration.fault {
        case .hub: "kills of the hub under load"
        case .postgres: "kills and stops of PostgreSQL under load"
        case .fullDisk: "times a full disk under load"
        case .power: "power cuts under load"
        }
    }

    private var origin: String {
        switch configuration.fault {
        case .hub: "the start of the process"
        case .postgres: "PostgreSQL's start or resumption"
        case .fullDisk: "when the disk had room again"
        case .power: configuration.store == .sqlite ? "the start of the hub" : "PostgreSQL's start"
        }
    }

    private func line(_ name: String, _ path: KeyPath<CrashRun.Round, UInt64>,
                      since: String? = nil) -> String {
        let values = latency(path)
        return "  " + FanoutSummary.pad(name, 22) + "p50 \(Figure.time(values.value(at: 50))), p99 "
            + "\(Figure.time(values.value(at: 99))), max \(Figure.time(values.maximum)) "
            + "(from \(since ?? origin))\n"
    }

    private func latency(_ path: KeyPath<CrashRun.Round, UInt64>) -> Latency {
        var latency = Latency()
        // 0: there was nothing to wait for.
        for round in rounds where round[keyPath: path] > 0 { latency.record(round[keyPath: path]) }
        return latency
    }

    private struct Document: Encodable {
        var format = 1
        var scenario = "crash"
        var finishedAt: String
        var environment: Environment
        var configuration: CrashConfiguration
        var correct: Bool
        var violations: CrashLedger.Violations
        var firstViolations: [String]
        var posts: Int
        var acknowledged: Int
        var duplicateAcknowledgements: Int
        var logEntries: Int
        var refusals: [String: Int]
        var ready: LatencySummary?
        var everybodyBack: LatencySummary?
        var rounds: [CrashRun.Round]

        enum CodingKeys: String, CodingKey {
            case format, scenario, environment, configuration, correct, violations, posts
            case acknowledged, refusals, ready, rounds
            case finishedAt = "finished_at"
            case firstViolations = "first_violations"
            case duplicateAcknowledgements = "duplicate_acknowledgements"
            case logEntries = "log_entries"
            case everybodyBack = "everybody_back"
        }
    }

    package func json(environment: Environment) throws -> [UInt8] {
        try JSONText.encode(Document(
            finishedAt: FanoutDocument.now(), environment: environment,
            configuration: configuration, correct: isCorrect, violations: violations,
            firstViolations: firstViolations, posts: posts, acknowledged: acknowledged,
            duplicateAcknowledgements: duplicateAcknowledgements, logEntries: logEntries,
            refusals: refusals, ready: latency(\.ready).summary,
            everybodyBack: latency(\.everybodyBack).summary, rounds: rounds))
    }
}
