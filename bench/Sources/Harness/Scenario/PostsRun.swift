// Many senders with posts under way, nobody listening: what a durable post costs, and how many there can
// be. A fan-out without subscribers, told as a scenario.

package enum PostsRun {
    package static let kind = ScenarioKind(
        "posts",
        stages: ["ack": "due until acknowledged", "lag": "due until sent, the generator's own"],
        readings: [
            "posts_per_s": "acknowledged posts/s", "posts": "posts in all",
            "cpu_per_post": "server CPU per post",
        ],
        faults: [
            "refused": "posts refused", "unanswered": "posts unanswered",
            "misplaced": "positions given twice or changed",
            "disordered": "posts before an earlier one of their sender",
            "disconnected": "connections lost",
        ])

    package static func measure(
        _ settings: ScenarioSettings, access: FanoutAccess, _ load: FanoutConfiguration,
        progress: @escaping (String) -> Void
    ) throws -> ScenarioBook {
        var load = load
        load.url = settings.url
        load.encoding = settings.encoding
        load.subscribers = 0
        load.verifiesPeer = settings.verifiesPeer
        load.authorities = settings.authorities
        load.serverProcess = settings.serverProcess
        load.connecting = settings.connecting
        let run = try FanoutRun(load, access: access) { second in
            progress("\(Int(second.time.rounded())) s  \(Figure.count(second.acknowledged)) posts/s  "
                + "ack p50 \(Figure.time(second.ackP50))  p99 \(Figure.time(second.ackP99))"
                + FanoutSummary.steal(second))
        }
        return book(of: try run.measure())
    }

    static func book(of outcome: FanoutOutcome) -> ScenarioBook {
        var book = ScenarioBook(kind)
        let load = outcome.configuration
        let pace = switch load.load {
        case .rate(let rate): "\(Figure.count(rate)) posts/s"
        case .inFlight(let count): "\(count) under way each"
        }
        book.title = "\(load.publishers) senders, \(pace), \(load.channels) channels, "
            + "\(load.payloadBytes) B"
        book.settings = [
            ("server", "hub, \(load.encoding.rawValue)"),
            ("measured", "\(Figure.decimal(load.durationSeconds)) s after "
                + "\(Figure.decimal(load.warmupSeconds)) s of warm-up"),
        ]
        if let ack = outcome.recorder.stages[.ack] { book.take("ack", ack) }
        if let lag = outcome.recorder.stages[.lag] { book.take("lag", lag) }
        let acknowledged = Double(outcome.recorder.measuredAcknowledged)
        let seconds = Double(max(outcome.recorder.measuredNanoseconds, 1)) / 1e9
        book.set("posts", Double(outcome.messages))
        book.set("posts_per_s", acknowledged / seconds)
        book.set("server_cpu", outcome.serverShare)
        book.set("generator_cpu", outcome.generatorShare)
        if let server = outcome.recorder.serverProcessor, acknowledged > 0 {
            book.set("cpu_per_post", Double(server) / 1e9 / acknowledged)
        }
        book.fault("refused", Int(outcome.faults.refused))
        book.fault("unanswered", Int(outcome.faults.unacknowledged))
        book.fault("misplaced", Int(outcome.faults.misplaced))
        book.fault("disordered", Int(outcome.faults.reordered))
        book.fault("disconnected", Int(outcome.faults.disconnected))
        for warning in outcome.warnings { book.warn(warning) }
        return book
    }
}
