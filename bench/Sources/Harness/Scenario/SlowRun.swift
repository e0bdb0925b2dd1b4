// Readers that never read, or slowly, beside others that do: what they cost the server and the others. The
// same fan-out runs without and with them in turn.

package struct SlowPlan: Sendable {
    package var never = 50
    package var slow = 0
    /// Of each slow reader.
    package var bytesPerSecond = 10_000
    package var rounds = 3
    package init() {}
}

package enum SlowRun {
    package static let kind = ScenarioKind(
        "slow",
        stages: ["without": "delivery to others, without slow readers",
                 "with": "delivery to others, with them"],
        readings: [
            "p99_ratio": "others' p99, with ÷ without (medians of the rounds)",
            "rss_per_slow_reader": "growth of server memory under load for each, over that without",
            "rss_bytes": "most server memory with them",
            "closed_slow": "slow readers closed as slow (4101)",
            "cut": "slow readers whose connection was cut", "stayed": "slow readers that stayed",
            "deliveries_per_s": "deliveries/s to others, with them",
        ],
        faults: [
            "others": "faults in what the others got", "skipped": "events that slow readers skipped",
            "repeated": "events that slow readers got again",
        ])

    package static func measure(
        _ settings: ScenarioSettings, access: FanoutAccess, _ load: FanoutConfiguration,
        _ plan: SlowPlan, progress: (String) -> Void
    ) throws -> ScenarioBook {
        guard (0...10_000).contains(plan.never), (0...10_000).contains(plan.slow),
              plan.never + plan.slow > 0, (1...100).contains(plan.rounds), plan.bytesPerSecond > 0
        else { throw BenchError("--never and --slow are 0 to 10000, --rounds 1 to 100") }
        var load = load
        load.url = settings.url
        load.encoding = settings.encoding
        load.verifiesPeer = settings.verifiesPeer
        load.authorities = settings.authorities
        load.serverProcess = settings.serverProcess
        load.connecting = settings.connecting
        try DescriptorLimit.raise(
            for: load.subscribers + load.publishers + plan.never + plan.slow)
        var book = ScenarioBook(kind)
        book.title = "\(plan.never) readers that never read and \(plan.slow) slow ones beside "
            + "\(load.subscribers) others"
        book.settings = [("rounds", "\(plan.rounds)"), ("size", "\(load.payloadBytes) B"),
                         ("encoding", load.encoding.rawValue)]
        var tally = Tally()
        for round in 1...plan.rounds {
            let without = try FanoutRun(load, access: access) { _ in }.measure()
            let run = try FanoutRun(load, access: access) { _ in }
            let readers = SlowReaders(plan)
            run.companions = readers
            let with = try run.measure()
            tally.add(without, with, readers, to: &book)
            progress("round \(round)  others' p99 \(Figure.time(p99(without))) without, "
                + "\(Figure.time(p99(with))) with; \(readers.closedSlow) closed as slow")
        }
        tally.finish(plan, &book)
        return book
    }

    private static func p99(_ outcome: FanoutOutcome) -> UInt64 {
        outcome.recorder.stages[.delivery]?.value(at: 99) ?? 0
    }

    private struct Tally {
        var without: [Double] = [], with: [Double] = [], memory: [Double] = []
        var resident: [Double] = [], deliveries: [Double] = [], shares: [Double] = []
        var closed = 0, cut = 0, stayed = 0
        var worst = (without: Latency(), with: Latency())

        mutating func add(_ first: FanoutOutcome, _ second: FanoutOutcome, _ readers: SlowReaders,
                          to book: inout ScenarioBook) {
            without.append(Double(p99(first)))
            with.append(Double(p99(second)))
            if with.last == with.max(), let latency = second.recorder.stages[.delivery] {
                worst.with = latency
            }
            if without.last == without.max(), let latency = first.recorder.stages[.delivery] {
                worst.without = latency
            }
            if let low = Self.growth(first), let high = Self.growth(second) {
                memory.append(max(0, high - low))
                resident.append(Double(second.recorder.residentMaximum ?? 0))
            }
            deliveries.append(second.deliveriesPerSecond)
            shares.append(second.generatorShare)
            closed += readers.closedSlow
            cut += readers.cut
            stayed += readers.stayed
            for outcome in [first, second] where !outcome.isCorrect {
                for fault in outcome.faults.named {
                    book.fault("others", Int(fault.count), "\(fault.count) \(fault.name)")
                }
            }
            book.fault("skipped", readers.skipped)
            book.fault("repeated", readers.repeated)
        }

        /// Most memory under load, less that when all had connected.
        private static func growth(_ outcome: FanoutOutcome) -> Double? {
            guard let most = outcome.recorder.residentMaximum,
                  let connected = outcome.recorder.residentConnected else { return nil }
            return Double(most) - Double(connected)
        }

        func finish(_ plan: SlowPlan, _ book: inout ScenarioBook) {
            book.take("without", worst.without)
            book.take("with", worst.with)
            if let first = CompareOutcome.median(without.sorted()), first > 0,
               let second = CompareOutcome.median(with.sorted()) {
                book.set("p99_ratio", second / first)
            }
            if let most = memory.max() {
                book.set("rss_per_slow_reader", most / Double(plan.never + plan.slow))
            }
            book.set("rss_bytes", resident.max())
            book.set("closed_slow", Double(closed))
            book.set("cut", Double(cut))
            book.set("stayed", Double(stayed))
            book.set("deliveries_per_s", CompareOutcome.median(deliveries.sorted()))
            book.set("generator_cpu", shares.max())
            if shares.max() ?? 0 > FanoutOutcome.generatorShareMax {
                book.warn("the generator was saturated: latencies are its own")
            }
        }
    }
}

/// Subscribers of a fan-out run that are not checked for completeness, as they do not read.
final class SlowReaders: WebSocketDelegate {
    private let plan: SlowPlan
    private var connections: [WebSocketConnection] = []
    private var next: [UInt64] = []
    private weak var run: FanoutRun?
    private var target: HubTarget?
    private var encoding = Encoding.json
    private var firstSlot = 0
    private var readyCount = 0
    private var frame = Inbound()
    private var lastServed: UInt64 = 0
    private var lastReceived: UInt64 = 0
    private(set) var closedSlow = 0
    private(set) var cut = 0
    private(set) var skipped = 0
    private(set) var repeated = 0
    private var failure: String?

    init(_ plan: SlowPlan) { self.plan = plan }

    var stayed: Int { connections.count - closedSlow - cut }

    /// Connects and subscribes all, which then stop reading.
    func join(_ run: FanoutRun) throws {
        guard let target = run.target as? HubTarget else { return }
        self.run = run
        self.target = target
        encoding = run.configuration.encoding
        connections = (0..<plan.never + plan.slow).map { _ in
            WebSocketConnection(on: run.loop, delegate: self)
        }
        firstSlot = connections.first?.slot ?? 0
        next = Array(repeating: 0, count: connections.count)
        for connection in connections {
            // A small window, so that what waits, waits in the server.
            connection.receiveBufferBytes = 4_096
            try connection.open(run.endpoint, at: run.address, subprotocol: encoding.subprotocol)
        }
        let deadline = MonotonicClock.now() + 30_000_000_000
        while readyCount < connections.count {
            try run.loop.turn(until: deadline)
            guard failure == nil, MonotonicClock.now() < deadline else {
                throw BenchError("slow readers could not subscribe: \(failure ?? "none for 30 s")")
            }
        }
    }

    /// Lets the slow ones read their share, ten times a second.
    func serve(_ now: UInt64) {
        guard plan.slow > 0, now - lastServed >= 100_000_000 else { return }
        lastServed = now
        for connection in connections.suffix(plan.slow) where connection.isOpen {
            connection.read(upTo: max(1, plan.bytesPerSecond / 10))
        }
    }

    /// Everything that is still on its way is read, until nothing comes for a while; how each connection
    /// ended is noted.
    func finish(_ run: FanoutRun) throws {
        for connection in connections where connection.isOpen {
            connection.resumeReading(receiveBufferBytes: 1 << 20)
        }
        let start = MonotonicClock.now()
        lastReceived = start
        while connections.contains(where: \.isOpen) {
            let now = MonotonicClock.now()
            guard now - lastReceived < 2_000_000_000, now - start < 30_000_000_000 else { break }
            try run.loop.turn(until: now + 100_000_000)
        }
        for connection in connections where connection.isOpen { connection.leave() }
    }

    func connectionOpened(_ connection: WebSocketConnection) {
        guard let target else { return }
        target.send(.hello(token: target.token, agent: "hub-bench"), id: 1, on: connection)
    }

    func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd) {
        guard readyCount == connections.count else { return failure = end.text }
        if end.code == 4_101 { closedSlow += 1 } else { cut += 1 }
    }

    func connection(_ connection: WebSocketConnection, received kind: MessageKind,
                    _ bytes: UnsafeRawBufferPointer) {
        lastReceived = MonotonicClock.now()
        do {
            try Decoder.decode(bytes, encoding, into: &frame) { take(&$0, bytes, connection) }
        } catch {
            failure = "\(error)"
        }
    }

    private func take(_ frame: inout Inbound, _ bytes: UnsafeRawBufferPointer,
                      _ connection: WebSocketConnection) {
        let index = connection.slot - firstSlot
        switch frame.kind {
        case .welcome:
            guard let target else { return }
            target.send(.subscribe(channel: target.channel, after: nil), id: 2, on: connection)
        case .subscribed:
            next[index] = frame.position.sequence + 1
            readyCount += 1
            connection.pauseReading()
        case .events:
            for event in frame.events {
                if event.sequence > next[index] { skipped += 1 }
                if event.sequence < next[index] { repeated += 1 }
                next[index] = event.sequence + 1
            }
        case .error: failure = frame.string(frame.slug, in: bytes)
        default: break
        }
    }
}
