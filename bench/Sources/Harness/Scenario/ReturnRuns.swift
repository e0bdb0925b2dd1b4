// Clients that go and come back: all at once (storm), after a while (resume), because the hub stops
// (drain). Nothing may be lost, doubled or out of order in any of them.

package struct ReturnPlan: Sendable {
    package var clients = 500
    package var publishers = 2
    package var rate = 50.0
    package var payloadBytes = 128
    /// How often it happens.
    package var rounds = 3
    /// Seconds over which clients spread their return.
    package var jitter = 0.0
    /// Resume: seconds away.
    package var away = 5.0
    /// Seconds of load between two rounds.
    package var pause = 1.0
    package init() {}

    package func validate() throws {
        guard (1...60_000).contains(clients), (1...100).contains(publishers),
              (1...1_000).contains(rounds), (0...600).contains(jitter), (0...3_600).contains(away),
              (0...600).contains(pause), rate > 0, rate <= 100_000,
              (Payload.bytesMin...16_384).contains(payloadBytes)
        else {
            throw BenchError("--clients is 1 to 60000, --publishers 1 to 100, --rounds 1 to 1000, "
                + "--jitter 0 to 600 s, --away 0 to 3600 s, --size \(Payload.bytesMin) to 16384")
        }
    }

    var followers: Followers.Plan {
        Followers.Plan(followers: clients, publishers: publishers, rate: rate,
                       payloadBytes: payloadBytes)
    }
}

/// What the three have in common.
private func returnKind(_ name: String,
                        readings: KeyValuePairs<String, String>) -> ScenarioKind {
    ScenarioKind(
        name,
        stages: [
            "back": "gone until all it missed has come", "catch_up": "subscribed until caught up",
            "ack": "due until acknowledged",
        ],
        readings: readings, faults: Followers.faults)
}

/// All followers gone at once and back after a while, again and again: what storm and resume do.
private struct Returns {
    let world: ScenarioWorld
    let fleet: Followers
    private let plan: ReturnPlan
    /// Of each time: seconds until everybody was back.
    private var times: [Double] = []
    private var server: UInt64 = 0
    /// Events that came while everybody was away, over all rounds.
    private var missed = 0

    init(_ settings: ScenarioSettings, _ kind: ScenarioKind, access: FanoutAccess, _ plan: ReturnPlan,
         title: String, channel: String) throws {
        try plan.validate()
        let total = plan.clients + plan.publishers
        world = try ScenarioWorld(settings, kind, access: access,
                                  connections: total * (plan.rounds + 1), atOnce: total)
        world.book.title = title
        self.plan = plan
        fleet = try Followers(world, plan.followers, channel: channel)
        try fleet.start()
        fleet.mayEnd = true
        fleet.jitter = plan.jitter
    }

    var missedByEach: Double { Double(missed) / Double(times.count) }
    var worstTime: Double? { times.max() }

    /// - Parameter away: seconds until they come back; times and costs count from then.
    mutating func measure(away: Double, progress: (String) -> Void) throws {
        world.book.settings.append(("rounds", "\(plan.rounds)"))
        world.begin()
        for round in 1...plan.rounds {
            try fleet.turn(seconds: plan.pause) { false }
            let posts = fleet.ledger.postedCount
            var before = (world.serverProcessor(), MonotonicClock.now())
            fleet.drop(fleet.followers)
            if away > 0 {
                try fleet.turn(seconds: away) { false }
                before = (world.serverProcessor(), MonotonicClock.now())
            }
            missed += fleet.ledger.postedCount - posts
            fleet.comeBack(fleet.followers)
            let isBack = try fleet.turn(seconds: 60 + plan.jitter) { fleet.isEverybodyBack }
            let seconds = Double(MonotonicClock.now() - before.1) / 1e9
            times.append(seconds)
            if let first = before.0, let last = world.serverProcessor() { server += last - first }
            progress("round \(round)  \(fleet.backCount) of \(plan.clients + plan.publishers) back after "
                + "\(Figure.decimal(seconds)) s")
            if !isBack { break }
        }
        world.end()
        try fleet.finish()
        world.book.set("all_back_time", CompareOutcome.median(times.sorted()))
        world.book.set("posts", Double(fleet.ledger.postedCount))
        if world.settings.serverProcess != nil {
            world.book.set("cpu_per_return", Double(server) / 1e9 / Double(times.count * plan.clients))
        }
    }
}

package enum StormRun {
    package static let kind = returnKind("storm", readings: [
        "all_back_time": "until everybody was back, median", "all_back_worst_time": "the same, worst",
        "cpu_per_return": "server CPU per client that returned",
        "refused": "attempts that were refused", "posts": "posts meanwhile",
    ])

    package static func measure(_ settings: ScenarioSettings, access: FanoutAccess,
                                _ plan: ReturnPlan,
                                progress: (String) -> Void) throws -> ScenarioBook {
        let title = "\(Figure.count(Double(plan.clients))) clients dropped at once, "
            + "back within \(Figure.decimal(plan.jitter)) s of jitter"
        var returns = try Returns(settings, kind, access: access, plan, title: title, channel: "bench-storm")
        try returns.measure(away: 0, progress: progress)
        returns.world.book.set("all_back_worst_time", returns.worstTime)
        returns.world.book.set("refused", Double(returns.fleet.refusedConnections))
        return returns.world.book
    }
}

package enum ResumeRun {
    package static let kind = returnKind("resume", readings: [
        "missed": "events that each client missed, on average",
        "all_back_time": "until everybody had caught up, median",
        "cpu_per_return": "server CPU per client that caught up", "posts": "posts meanwhile",
    ])

    package static func measure(_ settings: ScenarioSettings, access: FanoutAccess,
                                _ plan: ReturnPlan,
                                progress: (String) -> Void) throws -> ScenarioBook {
        let title = "\(Figure.count(Double(plan.clients))) clients away for "
            + "\(Figure.decimal(plan.away)) s, \(Figure.count(plan.rate)) messages/s meanwhile"
        var returns = try Returns(settings, kind, access: access, plan, title: title, channel: "bench-resume")
        try returns.measure(away: plan.away, progress: progress)
        returns.world.book.set("missed", returns.missedByEach)
        return returns.world.book
    }
}

package enum DrainRun {
    package static let kind = ScenarioKind(
        "drain",
        stages: [
            "back": "gone until all it missed has come", "catch_up": "subscribed until caught up",
            "ack": "due until acknowledged",
        ],
        readings: [
            "drain_time": "SIGTERM until the hub has ended, median",
            "drain_worst_time": "the same, worst",
            "all_back_time": "SIGTERM until everybody was back, median",
            "all_back_worst_time": "the same, worst",
            "silence_time": "longest time without an acknowledgement",
            "told": "connections that were told to resume (40xx)",
            "cut": "connections that ended without that",
            "refused": "attempts that were refused", "posts": "posts meanwhile",
        ],
        faults: Followers.faults, andFaults: ["badly_ended": "hubs that did not end with 0 in time"])

    /// - Parameter hubs: one that is stopped and started again, or two that take turns: the other is
    ///   started before one is stopped.
    package static func measure(_ settings: ScenarioSettings, access: FanoutAccess,
                                _ plan: ReturnPlan, hubs: [HubServer],
                                progress: (String) -> Void) throws -> ScenarioBook {
        try plan.validate()
        let total = plan.clients + plan.publishers
        var settings = settings
        settings.serverProcess = nil
        let world = try ScenarioWorld(settings, kind, access: access,
                                      connections: total * (plan.rounds + 1), atOnce: total)
        world.book.title = "\(Figure.count(Double(plan.clients))) clients, \(plan.rounds) stops of "
            + "the hub, " + (hubs.count > 1 ? "another takes over" : "which is started again")
        let fleet = try Followers(world, plan.followers, channel: "bench-drain")
        try fleet.start()
        fleet.mayEnd = true
        fleet.jitter = plan.jitter
        var current = 0
        var drains: [Double] = [], backs: [Double] = []
        world.begin()
        for round in 1...plan.rounds {
            try fleet.turn(seconds: plan.pause) { false }
            let next = (current + 1) % hubs.count
            let start = MonotonicClock.now()
            if next != current {
                try hubs[next].startAgain()
                let endpoint = try Endpoint(hubs[next].url)
                fleet.target = (endpoint, try endpoint.resolve())
            }
            let stopped = MonotonicClock.now()
            hubs[current].child.askToStop()
            var end: String?
            try fleet.turn(seconds: 30) {
                end = hubs[current].child.ending()
                return end != nil
            }
            drains.append(Double(MonotonicClock.now() - stopped) / 1e9)
            if end != "exit code 0" {
                world.book.fault("badly_ended", 1, "round \(round): \(end ?? "still there")")
                hubs[current].child.kill()
            }
            if next == current { try hubs[current].startAgain() }
            current = next
            try fleet.turn(seconds: 60 + plan.jitter) { fleet.isEverybodyBack }
            backs.append(Double(MonotonicClock.now() - start) / 1e9)
            progress("round \(round)  ended after \(Figure.decimal(drains.last ?? 0)) s, "
                + "\(fleet.backCount) of \(total) back after \(Figure.decimal(backs.last ?? 0)) s")
        }
        world.end()
        try fleet.finish()
        let told = fleet.closes.filter { (4_000..<4_100).contains($0.key) }.values.reduce(0, +)
        world.book.set("drain_time", CompareOutcome.median(drains.sorted()))
        world.book.set("drain_worst_time", drains.max())
        world.book.set("all_back_time", CompareOutcome.median(backs.sorted()))
        world.book.set("all_back_worst_time", backs.max())
        world.book.set("silence_time", Double(fleet.longestSilence) / 1e9)
        world.book.set("told", Double(told))
        world.book.set("cut", Double(max(0, total * drains.count - told)))
        world.book.set("refused", Double(fleet.refusedConnections))
        world.book.set("posts", Double(fleet.ledger.postedCount))
        return world.book
    }
}
