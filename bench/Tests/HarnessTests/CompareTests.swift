// Medians, ratios and limits of comparisons, limits of scenarios, descriptions of peers, the spread
// between subscribers.

import Testing

@testable import Harness

private func sample(_ name: String, _ round: Int, cpu: Double?, p99: Double,
                    isCorrect: Bool = true) throws -> CompareSample {
    var configuration = FanoutConfiguration(url: "ws://127.0.0.1:9")
    configuration.target = .raw
    var sample = CompareSample(
        FanoutOutcome(
            configuration: configuration,
            checker: FanoutChecker(run: 1, subscribers: 1, publishers: 1, payloadBytes: 64,
                                   hasPositions: false),
            recorder: FanoutRecorder(subscribers: 1), measuredNanoseconds: 1, warnings: []),
        of: name, round: round)
    sample.processorPerMillion = cpu
    sample.p99 = p99
    sample.isCorrect = isCorrect
    return sample
}

private func outcome(_ samples: [CompareSample]) throws -> CompareOutcome {
    var load = FanoutConfiguration(url: "ws://127.0.0.1:9")
    load.target = .raw
    let contenders = try [
        Contender(named: "hub"), Contender(description: "name=uws,url=ws://127.0.0.1:9/sub"),
    ]
    return CompareOutcome(CompareConfiguration(contenders: contenders, base: "uws", load: load),
                          CorePlan(), samples)
}

@Suite struct CompareTests {
    @Test func comparesMedians() throws {
        let outcome = try outcome([
            sample("hub", 1, cpu: 4, p99: 0.1), sample("uws", 1, cpu: 5, p99: 0.1),
            sample("hub", 2, cpu: 90, p99: 0.2), sample("uws", 2, cpu: 6, p99: 0.1),
            sample("hub", 3, cpu: 6, p99: 0.3), sample("uws", 3, cpu: 4, p99: 0.1),
        ])
        let cell = try #require(outcome.cell("hub", .processorPerMillion))
        #expect(cell.median == 6)
        #expect(cell.lowest == 4)
        #expect(cell.highest == 90)
        #expect(cell.ratio == 1.2)
        #expect(CompareOutcome.median([1, 2]) == 1.5)
        #expect(outcome.text.contains("1.2×"))
    }

    @Test func saysWhatTheHostWithheld() throws {
        var samples = try [sample("hub", 1, cpu: 4, p99: 0.1), sample("uws", 1, cpu: 5, p99: 0.1),
                           sample("hub", 2, cpu: 4, p99: 0.1), sample("uws", 2, cpu: 5, p99: 0.1)]
        samples[0].steal = 0.05
        samples[1].steal = 0.01
        #expect(try outcome(samples).warnings.allSatisfy { !$0.contains("withheld") })
        samples[2].steal = 0.12
        #expect(try outcome(samples).warnings.filter { $0.contains("withheld") } == [
            "hub: the host withheld up to 12 % of the processors' time in round 2: latencies are longer for it",
        ])
    }

    @Test func limitsMayBeRatios() throws {
        let outcome = try outcome([sample("hub", 1, cpu: 4.5, p99: 0.1),
                                   sample("uws", 1, cpu: 5, p99: 0.1)])
        func violated(_ text: String) throws -> Bool {
            !outcome.violations(of: [try CompareLimit(text, among: outcome.names)]).isEmpty
        }
        #expect(try !violated("hub.cpu_per_million>0.9x"))
        #expect(try violated("hub.cpu_per_million>0.89x"))
        #expect(try violated("hub.p99>50ms"))
        #expect(try !violated("hub.p99>0.2s"))
        #expect(throws: BenchError.self) { try CompareLimit("nats.p99>1x", among: outcome.names) }
        #expect(throws: BenchError.self) { try CompareLimit("hub.p98>1x", among: outcome.names) }
    }

    @Test func theHubOfBeforeIsTheBaseOfItsOwn() throws {
        var load = FanoutConfiguration(url: "ws://127.0.0.1:9")
        load.target = .raw
        var configuration = CompareConfiguration(
            contenders: try [Contender(named: "hub"), Contender(named: "hub-ephemeral"), Contender(named: "nats")],
            base: "nats", load: load)
        configuration.add(before: "/bin/true")
        #expect(configuration.contenders.map(\.name)
            == ["hub-before", "hub", "hub-ephemeral-before", "hub-ephemeral", "nats"])
        #expect(configuration.contenders.map { configuration.base(of: $0.name) }
            == ["hub-before", "hub-before", "hub-ephemeral-before", "hub-ephemeral-before", "nats"])
        #expect(throws: BenchError.self, "the other half needs --hub") { try configuration.validate() }
        configuration.hub = "/bin/true"
        try configuration.validate()
        let outcome = try CompareOutcome(configuration, CorePlan(), [
            sample("hub-before", 1, cpu: 4, p99: 0.1), sample("hub", 1, cpu: 5, p99: 0.1),
            sample("hub-before", 2, cpu: 5, p99: 0.1), sample("hub", 2, cpu: 5, p99: 0.1),
            sample("hub-before", 3, cpu: 10, p99: 0.1), sample("hub", 3, cpu: 9, p99: 0.1, isCorrect: false),
            sample("nats", 1, cpu: 1, p99: 0.1),
        ])
        let cell = try #require(outcome.cell("hub", .processorPerMillion))
        #expect(cell.median == 5 && cell.ratio == 1)
        #expect(cell.ratioLowest == 1 && cell.ratioHighest == 1.25, "of the rounds in which both were correct")
        #expect(outcome.cell("hub-before", .processorPerMillion)?.ratio == 1)
        #expect(outcome.text.contains("1× (1–1.25)"))
        #expect(outcome.text.contains("ratio to the same contender before, else to nats"))
    }

    @Test func postsHaveFiguresOfTheirOwn() throws {
        var load = FanoutConfiguration(url: "ws://127.0.0.1:9")
        load.subscribers = 0
        var configuration = CompareConfiguration(contenders: [try Contender(named: "hub")], base: "hub", load: load)
        configuration.hub = "/bin/true"
        configuration.add(before: "/bin/true")
        try configuration.validate()
        var samples = try [sample("hub-before", 1, cpu: nil, p99: 0), sample("hub", 1, cpu: nil, p99: 0)]
        (samples[0].posts, samples[1].posts) = (10_000, 9_000)
        (samples[0].ackP99, samples[1].ackP99) = (0.010, 0.025)
        (samples[0].steal, samples[1].steal) = (0.01, 0.03)
        let outcome = CompareOutcome(configuration, CorePlan(), samples)
        #expect(outcome.cell("hub", .posts)?.ratio == 0.9)
        #expect(outcome.text.contains("posts/s") && !outcome.text.contains("deliveries/s"))
        #expect(outcome.text.contains("3 % (to 3 %)"))
        func violated(_ text: String) throws -> Bool {
            !outcome.violations(of: [try CompareLimit(text, among: outcome.names)]).isEmpty
        }
        #expect(try violated("hub.posts_per_s<0.95x"))
        #expect(try !violated("hub.posts_per_s<0.9x"))
        #expect(try violated("hub.ack.p99>2x"))
        #expect(try !violated("hub-before.ack.p99>10ms"))
    }

    @Test func whatWasNotMeasuredCountsAsCrossed() throws {
        let outcome = try outcome([sample("hub", 1, cpu: nil, p99: 0.1),
                                   sample("uws", 1, cpu: 5, p99: 0.1)])
        let limit = try CompareLimit("hub.cpu_per_million>100x", among: outcome.names)
        #expect(outcome.violations(of: [limit]).count == 1)
    }

    @Test func oneIncorrectRunSpoilsTheComparison() throws {
        let outcome = try outcome([sample("hub", 1, cpu: 4, p99: 0.1),
                                   sample("uws", 1, cpu: 4, p99: 0.1, isCorrect: false)])
        #expect(!outcome.isCorrect)
        #expect(outcome.text.contains("INCORRECT"))
    }

    @Test func incorrectRoundsAreNotInTheMedians() throws {
        let outcome = try outcome([
            sample("hub", 1, cpu: 1, p99: 0.001, isCorrect: false), sample("hub", 2, cpu: 4, p99: 0.1),
            sample("hub", 3, cpu: 6, p99: 0.3), sample("uws", 1, cpu: 5, p99: 0.1, isCorrect: false),
        ])
        let cell = try #require(outcome.cell("hub", .processorPerMillion))
        #expect(cell.median == 5 && cell.lowest == 4)
        #expect(cell.ratio == nil)
        #expect(outcome.cell("uws", .p99) == nil)
        #expect(outcome.text.contains("hub: round 1 was not correct: left out of its medians"))
        #expect(outcome.violations(of: [try CompareLimit("hub.p99>100s", among: outcome.names)]).isEmpty)
        #expect(outcome.violations(of: [try CompareLimit("uws.p99>100s", among: outcome.names)]).count == 1)
    }

    @Test func peersAreDescribed() throws {
        let peer = try Contender(description: "name=x,url=ws://127.0.0.1:1/sub,"
            + "publish-url=ws://127.0.0.1:1/pub,encoding=proto,pid=7,command=./x 1,2 -f")
        guard case .external(let external) = peer.server else {
            Issue.record("not external")
            return
        }
        #expect(external.command == ["./x", "1,2", "-f"])
        #expect(external.publishURL == "ws://127.0.0.1:1/pub")
        #expect(external.process == 7)
        #expect(peer.encoding == .proto)
        for text in ["url=ws://127.0.0.1:1", "name=x", "name=x,url=ftp://x", "name=x,url=ws://x,a=b",
                     "name=x,url=ws://x,pid=0", "name=x,url=ws://x,protocol=hub"] {
            #expect(throws: BenchError.self) { try Contender(description: text) }
        }
    }
}

@Suite struct SpreadRecorderTests {
    @Test func aStarvedSubscriberShows() {
        var recorder = SpreadRecorder(subscribers: 3)
        for value in 1...1_000 {
            recorder.record(0, UInt64(value) * 10_000)
            recorder.record(1, UInt64(value) * 40_000)
        }
        let p99 = Double(recorder.value(of: 0, at: 99) ?? 0)
        #expect(abs(p99 / 9_900_000 - 1) < 0.04)
        #expect(recorder.value(of: 2, at: 99) == nil)
        #expect(abs((recorder.spread ?? 0) / 4 - 1) < 0.05)
    }

    @Test(arguments: [0, 1, 1_023, 1_024, 16_383, 16_384, 1 << 20, 123_456_789, 60_000_000_000])
    func everyValueHasAPlace(_ nanoseconds: UInt64) {
        var recorder = SpreadRecorder(subscribers: 1)
        recorder.record(0, nanoseconds)
        let value = Double(recorder.value(of: 0, at: 100) ?? 0)
        #expect(value >= Double(nanoseconds))
        #expect(value <= Double(nanoseconds) * 1.07 + 1_024)
    }
}

@Suite struct ScenarioBookTests {
    @Test func limitsHoldAgainstTheBook() throws {
        var book = ScenarioBook(IdleRun.kind)
        for value in 1...100 { book.record("ping", UInt64(value) * 1_000_000) }
        book.set("rss_per_connection", 4_000)
        book.fault("drops", 2, "connection 1")
        func violated(_ text: String) throws -> Bool {
            !book.violations(of: [try ScenarioLimit(text, of: IdleRun.kind)]).isEmpty
        }
        #expect(try violated("ping.p99>50ms"))
        #expect(try !violated("ping.max>101ms"))
        #expect(try !violated("rss_per_connection>4KB"))
        #expect(try violated("rss_per_connection>3.9KB"))
        #expect(try violated("drops>0"))
        #expect(try violated("cpu_per_ping<1s"))
        for text in ["pong.p99>1ms", "ping.p101>1ms", "ping.p99", "rss_per_connection>1ms"] {
            #expect(throws: BenchError.self) { try ScenarioLimit(text, of: IdleRun.kind) }
        }
    }

    @Test func aFaultMakesItIncorrect() throws {
        var book = ScenarioBook(EchoRun.kind)
        #expect(book.isCorrect)
        book.fault("wrong", 0)
        #expect(book.isCorrect)
        book.fault("wrong", 1, "connection 3")
        #expect(!book.isCorrect)
        let report = ScenarioReport(book, environment: .current(commit: nil), violations: ["x"],
                                    finishedAt: "now")
        #expect(report.text.contains("INCORRECT"))
        #expect(report.page.contains("connection 3"))
        #expect(String(decoding: try report.json(), as: UTF8.self).contains("\"correct\" : false"))
    }
}
