// One fan-out measurement: connect everybody, publish on schedule, record, drain, close the books.
// One thread, one event loop. Correctness is FanoutChecker's, text and files are the reports'.

internal import CBench

package final class FanoutRun: WebSocketDelegate {
    private enum Phase {
        case connecting
        case loading
        case draining
        case over
    }

    let configuration: FanoutConfiguration
    let loop: EventLoop
    private let subscribeAt: (endpoint: Endpoint, address: SocketAddress)
    private let publishAt: (endpoint: Endpoint, address: SocketAddress)
    private(set) var connections: [WebSocketConnection] = []
    private var isReady: [Bool] = []
    private var readyCount = 0
    private var begunCount = 0
    /// Connections that are to be opened once more.
    private var again: [Int] = []
    private var phase = Phase.connecting
    private var fault: BenchError?
    let target: any FanoutTarget
    /// Tells this run's messages from those of others.
    let run: UInt32
    var endpoint: Endpoint { subscribeAt.endpoint }
    var address: SocketAddress { subscribeAt.address }
    var tokenFailure: String?
    /// Connections of another kind beside those of the run.
    var companions: SlowReaders?
    private var refusals: [String: UInt64] = [:]

    private(set) var checker: FanoutChecker
    private var text: [UInt8] = []
    private var meter: ProcessMeter?

    private var dueInterval = 0.0
    private var loadStart: UInt64 = 0
    private var measureStart: UInt64 = 0
    private var loadEnd: UInt64 = 0
    private var scheduled = 0
    private var underWay: [Int] = []
    /// Closed loop: publishers that may send one more, as often as they stand here.
    private var free: [Int] = []
    private var turns: [Int] = []
    private var recorder: FanoutRecorder
    private let progress: (FanoutRecorder.Second) -> Void

    /// Signs in and prepares the channel; connects nobody yet.
    package init(_ configuration: FanoutConfiguration, access: FanoutAccess,
                 progress: @escaping (FanoutRecorder.Second) -> Void) throws {
        try configuration.validate()
        self.configuration = configuration
        self.progress = progress
        let isHub = configuration.target == .hub
        try DescriptorLimit.raise(for: configuration.subscribers + configuration.publishers)
        var endpoint = try Endpoint(configuration.url)
        if isHub, endpoint.path == "/" { endpoint = endpoint.with(path: "/ws") }
        let publish = try configuration.publishURL.map { try Endpoint($0) } ?? endpoint
        subscribeAt = (endpoint, try endpoint.resolve())
        publishAt = (publish, try publish.resolve())
        let needsTLS = endpoint.isSecure || publish.isSecure
        let tls = try needsTLS ? TLSContext(verifiesPeer: configuration.verifiesPeer,
                                            authorities: configuration.authorities) : nil
        loop = try EventLoop(tls: tls)
        meter = try configuration.serverProcess.map { try ProcessMeter(process: $0) }
        run = UInt32.random(in: 1...UInt32.max)
        target = switch configuration.target {
        case .hub: try HubTarget(configuration, endpoint, tls: tls, access: access)
        case .raw: RelayTarget(configuration.encoding)
        case .mqtt: MQTTTarget(configuration)
        case .nats: NATSTarget(configuration)
        }
        let seconds = configuration.warmupSeconds + configuration.durationSeconds
        var expected = 1 << 16
        if case .rate(let rate) = configuration.load {
            dueInterval = 1e9 / rate
            expected = Int(rate * seconds) + 1
        }
        checker = FanoutChecker(
            run: run, subscribers: configuration.subscribers, publishers: configuration.publishers,
            payloadBytes: configuration.payloadBytes, hasPositions: target.hasPositions,
            isAcknowledging: target.isAcknowledging, channels: configuration.channels,
            messagesExpected: expected)
        underWay = Array(repeating: 0, count: configuration.publishers)
        recorder = FanoutRecorder(subscribers: configuration.subscribers)
    }

    /// Runs it all; throws when no measurement came about.
    package func measure() throws -> FanoutOutcome {
        let before = memorySample()
        recorder.idleBefore = before.resident
        let connectStart = MonotonicClock.now()
        try connectAll()
        let connectEnd = MonotonicClock.now()
        try companions?.join(self)
        meter?.refreshFamily()
        let after = memorySample()
        let opened = connections.count
        recorder.connected(opened, nanoseconds: connectEnd - connectStart,
                           resident: after.resident, kernelBefore: before.kernel,
                           kernelAfter: after.kernel)
        try load()
        try drain()
        try companions?.finish(self)
        phase = .over
        for connection in connections { connection.leave() }
        closeBooks()
        recorder.finish(checker, measuredFrom: measureStart, to: loadEnd)
        var warnings: [String] = []
        if let failure = tokenFailure {
            warnings.append("the token was not renewed: \(failure)")
        }
        for (slug, count) in refusals.sorted(by: { $0.key < $1.key }) {
            warnings.append("\(count) posts were refused: \(slug)" + Self.remedy(slug))
        }
        return FanoutOutcome(configuration: configuration, checker: checker, recorder: recorder,
                             measuredNanoseconds: loadEnd - measureStart, warnings: warnings)
    }

    func closeBooks() { checker.finish() }

    private static func remedy(_ slug: String) -> String {
        switch slug {
        case "rate_limited", "too_many_in_flight":
            " (a limit of one connection: use more --publishers, or raise the hub's "
                + "commands_per_second or commands_in_flight_max)"
        default: ""
        }
    }

    private func memorySample() -> (resident: UInt64?, kernel: UInt64?) {
        (meter?.sample()?.residentBytes, ProcessMeter.kernelSocketBytes())
    }

    // MARK: Connecting

    private var total: Int { configuration.subscribers + configuration.publishers }

    func makeConnections() {
        let inflater = configuration.deflates ? MessageInflater() : nil
        connections = (0..<total).map { _ in WebSocketConnection(on: loop, delegate: self, inflater: inflater) }
        isReady = Array(repeating: false, count: total)
    }

    private func connectAll() throws {
        makeConnections()
        var lastReady = 0
        var deadline = MonotonicClock.now() + 30_000_000_000
        while readyCount < total {
            while let slot = again.popLast() { try open(slot) }
            while begunCount < total, begunCount - readyCount < configuration.connecting {
                try open(begunCount)
                begunCount += 1
            }
            try loop.turn(until: deadline)
            if let fault { throw fault }
            if readyCount > lastReady {
                lastReady = readyCount
                deadline = MonotonicClock.now() + 30_000_000_000
            }
            guard MonotonicClock.now() < deadline else {
                throw BenchError("\(readyCount) of \(total) connections became ready, "
                    + "then none for 30 s")
            }
        }
    }

    private func open(_ slot: Int) throws {
        let at = slot < configuration.subscribers ? subscribeAt : publishAt
        try connections[slot].open(at.endpoint, at: at.address, subprotocol: target.subprotocol,
                                   from: SourceAddress.loopback(slot, of: configuration.sources))
    }

    func isSubscriber(_ slot: Int) -> Bool { slot < configuration.subscribers }

    func publisher(at slot: Int) -> Int? {
        slot < configuration.subscribers ? nil : slot - configuration.subscribers
    }

    func subscribed(_ slot: Int, after sequence: UInt64) {
        if target.hasPositions { checker.subscribed(slot, after: sequence) }
        ready(slot)
    }

    func ready(_ slot: Int) {
        guard !isReady[slot] else { return }
        isReady[slot] = true
        readyCount += 1
    }

    package func connectionOpened(_ connection: WebSocketConnection) {
        target.opened(connection, self)
    }

    package func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd) {
        guard phase != .over else { return }
        let isSubscriber = connection.slot < configuration.subscribers
        let name = isSubscriber ? "subscriber \(connection.slot)"
            : "publisher \(connection.slot - configuration.subscribers)"
        if phase == .connecting {
            do {
                if try target.comesAgain(connection, after: end) { return again.append(connection.slot) }
                fault = BenchError("\(name) could not connect: \(end.text)")
            } catch {
                fault = BenchError("\(name) could not connect: \(error)")
            }
            return
        }
        checker.disconnected()
        recorder.note("\(name) lost its connection: \(end.text)")
    }

    // MARK: Load

    private func load() throws {
        let seconds = configuration.warmupSeconds + configuration.durationSeconds
        loadStart = MonotonicClock.now() + 100_000_000
        measureStart = loadStart + UInt64(configuration.warmupSeconds * 1e9)
        loadEnd = loadStart + UInt64(seconds * 1e9)
        phase = .loading
        if case .inFlight(let limit) = configuration.load {
            free = (0..<limit * configuration.publishers).map { $0 % configuration.publishers }
        }
        recorder.begin(at: loadStart, server: meter?.sample(), warmup: configuration.warmupSeconds)
        var nextSecond = loadStart + 1_000_000_000
        var isMeasuring = false
        while true {
            let now = MonotonicClock.now()
            if !isMeasuring, now >= measureStart {
                isMeasuring = true
                recorder.measureBegins(at: now, server: meter?.sample(), checker)
            }
            if now >= nextSecond {
                everySecond(now)
                nextSecond += 1_000_000_000
            }
            publishDue()
            companions?.serve(now)
            guard now < loadEnd else { break }
            var wake = min(nextSecond, loadEnd)
            if !isMeasuring { wake = min(wake, measureStart) }
            if case .rate = configuration.load { wake = min(wake, due(scheduled)) }
            try loop.turn(until: wake, between: publishDue)
            if let fault { throw fault }
        }
        recorder.measureEnds(at: MonotonicClock.now(), server: meter?.sample(), checker)
    }

    private func due(_ index: Int) -> UInt64 {
        loadStart + UInt64((Double(index) * dueInterval).rounded())
    }

    private func publishDue() {
        let now = MonotonicClock.now()
        guard phase == .loading, now >= loadStart, now < loadEnd + 50_000_000 else { return }
        switch configuration.load {
        case .rate:
            while true {
                let intended = due(scheduled)
                guard intended <= now, intended < loadEnd else { return }
                publish(dueAt: intended, by: scheduled % configuration.publishers)
            }
        case .inFlight:
            guard now < loadEnd else { return }
            // What is freed meanwhile waits for the next call, so that reading is not starved.
            swap(&free, &turns)
            for publisher in turns { publish(dueAt: MonotonicClock.now(), by: publisher) }
            turns.removeAll(keepingCapacity: true)
        }
    }

    func publish(dueAt intended: UInt64, by publisher: Int) {
        scheduled += 1
        underWay[publisher] += 1
        let counter = checker.sent(by: publisher, dueNanoseconds: intended)
        Payload(run: run, publisher: publisher, counter: counter, dueNanoseconds: intended)
            .write(bytes: configuration.payloadBytes, to: &text)
        let connection = connections[configuration.subscribers + publisher]
        recorder.sent(lag: MonotonicClock.now() &- intended, isMeasured: intended >= measureStart)
        target.publish(text, publisher: publisher, counter: counter, on: connection, self)
    }

    private func everySecond(_ now: UInt64) {
        let second = recorder.closeSecond(at: now, server: meter?.sample(), checker,
                                          underWay: underWay.reduce(0, +))
        progress(second)
        target.everySecond(self)
    }

    private func drain() throws {
        phase = .draining
        let deadline = MonotonicClock.now() + UInt64(configuration.drainSeconds * 1e9)
        while !checker.isComplete, MonotonicClock.now() < deadline {
            try loop.turn(until: deadline)
        }
        // A duplicate comes after the first copy: give it a moment to show.
        let settled = MonotonicClock.now() + 250_000_000
        while MonotonicClock.now() < settled { try loop.turn(until: settled) }
        recorder.closeLast(at: MonotonicClock.now(), server: meter?.sample(), checker)
    }

    // MARK: Receiving

    package func connection(_ connection: WebSocketConnection, received kind: MessageKind,
                            _ bytes: UnsafeRawBufferPointer) {
        target.received(bytes, on: connection, at: connection.readAt, self)
    }

    /// Ends the run: nothing can be measured.
    func fail(_ error: BenchError) { fault = fault ?? error }

    func complained(_ slot: Int, _ text: String) {
        if phase == .connecting {
            fail(BenchError("the server refused connection \(slot): \(text)"))
        } else {
            recorder.note("connection \(slot): \(text)")
        }
    }

    func refused(_ publisher: Int, _ counter: UInt64, _ slug: String) {
        guard let index = checker.index(of: counter, by: publisher) else { return }
        checker.refused(index)
        refusals[slug, default: 0] += 1
        release(publisher)
    }

    func acknowledged(_ publisher: Int, _ counter: UInt64, _ position: Position, _ now: UInt64) {
        guard let index = checker.index(of: counter, by: publisher) else { return }
        checker.acknowledged(index, at: now, sequence: position.sequence)
        let intended = checker.messages[index].dueNanoseconds
        recorder.acknowledged(now &- intended, isMeasured: intended >= measureStart)
        if checker.messages[index].received >= UInt32(configuration.subscribers) {
            release(publisher)
        }
    }

    func delivered(to slot: Int, sequence: UInt64, text: UnsafeRawBufferPointer?, _ now: UInt64) {
        guard let index = checker.delivered(to: slot, sequence: sequence, text: text, at: now)
        else { return }
        let message = checker.messages[index]
        recorder.delivered(now &- message.dueNanoseconds, to: slot,
                           isMeasured: message.dueNanoseconds >= measureStart)
        let isEverywhere = message.received >= UInt32(configuration.subscribers)
        if isEverywhere, !target.isAcknowledging || message.acknowledgedAt > 0 {
            release(Int(message.publisher))
        }
    }

    private func release(_ publisher: Int) {
        underWay[publisher] -= 1
        if case .inFlight = configuration.load { free.append(publisher) }
    }
}
