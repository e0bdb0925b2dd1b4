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

    private static let firstPostID: UInt64 = 16

    let configuration: FanoutConfiguration
    private let loop: EventLoop
    private let subscribeAt: (endpoint: Endpoint, address: SocketAddress)
    private let publishAt: (endpoint: Endpoint, address: SocketAddress)
    private var connections: [WebSocketConnection] = []
    private var isReady: [Bool] = []
    private var readyCount = 0
    private var begunCount = 0
    private var phase = Phase.connecting
    private var fault: BenchError?
    private let isHub: Bool
    private let channel: String
    private let run: UInt32
    private var token: String
    private let keeper: TokenKeeper?
    private var toRefresh: [Int] = []
    private var refusals: [String: UInt64] = [:]

    private var frame = Inbound()
    private var checker: FanoutChecker
    private var text: [UInt8] = []
    private var encoded: [UInt8] = []
    private var meter: ProcessMeter?

    private var dueInterval = 0.0
    private var loadStart: UInt64 = 0
    private var measureStart: UInt64 = 0
    private var loadEnd: UInt64 = 0
    private var scheduled = 0
    private var underWay: [Int] = []
    private var recorder = FanoutRecorder()
    private let progress: (FanoutRecorder.Second) -> Void

    /// Signs in and prepares the channel; connects nobody yet.
    package init(_ configuration: FanoutConfiguration, access: FanoutAccess,
                 progress: @escaping (FanoutRecorder.Second) -> Void) throws {
        try configuration.validate()
        self.configuration = configuration
        self.progress = progress
        isHub = configuration.target == .hub
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
        if isHub {
            guard let credentials = access.credentials else {
                throw BenchError("a hub needs --token, --email and --password, or --setup-link")
            }
            let signedIn = try SignIn(endpoint, tls: tls).signIn(credentials)
            token = signedIn.accessToken
            keeper = TokenKeeper(signedIn, endpoint: endpoint,
                                 verifiesPeer: configuration.verifiesPeer,
                                 authorities: configuration.authorities)
            let control = try ControlClient(endpoint, tls: tls, encoding: configuration.encoding,
                                            token: token)
            channel = try control.openChannel(named: configuration.channel,
                                              topic: "Load of hub-bench").id
            let limit = control.welcome?.frame.textBytesMax ?? 0
            guard limit == 0 || UInt64(configuration.payloadBytes) <= limit else {
                throw BenchError("--size is above this hub's limit of \(limit) bytes for a text")
            }
        } else {
            token = ""
            keeper = nil
            channel = ""
        }
        let seconds = configuration.warmupSeconds + configuration.durationSeconds
        var expected = 1 << 16
        if case .rate(let rate) = configuration.load {
            dueInterval = 1e9 / rate
            expected = Int(rate * seconds) + 1
        }
        checker = FanoutChecker(
            run: run, subscribers: configuration.subscribers, publishers: configuration.publishers,
            payloadBytes: configuration.payloadBytes, hasPositions: isHub,
            messagesExpected: expected)
        underWay = Array(repeating: 0, count: configuration.publishers)
    }

    /// Runs it all; throws when no measurement came about.
    package func measure() throws -> FanoutOutcome {
        let before = memorySample()
        recorder.idleBefore = before.resident
        let connectStart = MonotonicClock.now()
        try connectAll()
        let connectEnd = MonotonicClock.now()
        meter?.refreshFamily()
        let after = memorySample()
        let opened = connections.count
        recorder.connected(opened, nanoseconds: connectEnd - connectStart,
                           resident: after.resident, kernelBefore: before.kernel,
                           kernelAfter: after.kernel)
        try load()
        try drain()
        phase = .over
        for connection in connections { connection.leave() }
        checker.finish()
        recorder.finish(checker, measuredFrom: measureStart, to: loadEnd)
        var warnings: [String] = []
        if let failure = keeper?.failure {
            warnings.append("the token was not renewed: \(failure)")
        }
        for (slug, count) in refusals.sorted(by: { $0.key < $1.key }) {
            warnings.append("\(count) posts were refused: \(slug)" + Self.remedy(slug))
        }
        return FanoutOutcome(configuration: configuration, checker: checker, recorder: recorder,
                             measuredNanoseconds: loadEnd - measureStart, warnings: warnings)
    }

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

    private func connectAll() throws {
        let inflater = configuration.deflates ? MessageInflater() : nil
        for _ in 0..<total {
            connections.append(WebSocketConnection(on: loop, delegate: self, inflater: inflater))
        }
        isReady = Array(repeating: false, count: total)
        var lastReady = 0
        var deadline = MonotonicClock.now() + 30_000_000_000
        while readyCount < total {
            while begunCount < total, begunCount - readyCount < configuration.connecting {
                let target = begunCount < configuration.subscribers ? subscribeAt : publishAt
                try connections[begunCount].open(
                    target.endpoint, at: target.address,
                    subprotocol: isHub ? configuration.encoding.subprotocol : nil)
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

    private func ready(_ slot: Int) {
        guard !isReady[slot] else { return }
        isReady[slot] = true
        readyCount += 1
    }

    package func connectionOpened(_ connection: WebSocketConnection) {
        guard isHub else { return ready(connection.slot) }
        send(.hello(token: token, agent: "hub-bench"), id: 1, on: connection)
    }

    package func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd) {
        guard phase != .over else { return }
        let isSubscriber = connection.slot < configuration.subscribers
        let name = isSubscriber ? "subscriber \(connection.slot)"
            : "publisher \(connection.slot - configuration.subscribers)"
        if phase == .connecting {
            fault = BenchError("\(name) could not connect: \(end.text)")
            return
        }
        checker.disconnected()
        recorder.note("\(name) lost its connection: \(end.text)")
    }

    private func send(_ command: Command, id: UInt32, on connection: WebSocketConnection) {
        encoded.removeAll(keepingCapacity: true)
        command.append(id: id, configuration.encoding, to: &encoded)
        encoded.withUnsafeBytes { connection.send(configuration.encoding.messageKind, $0) }
    }

    // MARK: Load

    private func load() throws {
        let seconds = configuration.warmupSeconds + configuration.durationSeconds
        loadStart = MonotonicClock.now() + 100_000_000
        measureStart = loadStart + UInt64(configuration.warmupSeconds * 1e9)
        loadEnd = loadStart + UInt64(seconds * 1e9)
        phase = .loading
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
                publish(dueAt: intended)
            }
        case .inFlight(let limit):
            guard now < loadEnd else { return }
            // Publishers take turns; whose turn it is waits while too much of theirs is under way.
            while underWay[scheduled % configuration.publishers] < limit {
                publish(dueAt: MonotonicClock.now())
            }
        }
    }

    private func publish(dueAt intended: UInt64) {
        let publisher = scheduled % configuration.publishers
        let counter = UInt64(scheduled / configuration.publishers)
        scheduled += 1
        underWay[publisher] += 1
        checker.sent(dueNanoseconds: intended)
        Payload(run: run, publisher: publisher, counter: counter, dueNanoseconds: intended)
            .write(bytes: configuration.payloadBytes, to: &text)
        let connection = connections[configuration.subscribers + publisher]
        recorder.sent(lag: MonotonicClock.now() &- intended, isMeasured: intended >= measureStart)
        if isHub {
            let key = "\(String(run, radix: 16))-\(publisher)-\(counter)"
            send(.post(channel: channel, key: key, text: text),
                 id: UInt32(Self.firstPostID + counter), on: connection)
        } else {
            text.withUnsafeBytes { connection.send(configuration.encoding.messageKind, $0) }
        }
    }

    private func everySecond(_ now: UInt64) {
        let second = recorder.closeSecond(at: now, server: meter?.sample(), checker,
                                          underWay: underWay.reduce(0, +))
        progress(second)
        if let renewed = keeper?.takeRenewed() {
            token = renewed
            toRefresh = Array(0..<total)
        }
        for slot in toRefresh.suffix(500) {
            send(.refresh(token: token), id: 3, on: connections[slot])
        }
        toRefresh.removeLast(min(500, toRefresh.count))
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
        let now = MonotonicClock.now()
        let slot = connection.slot
        guard isHub else {
            if slot < configuration.subscribers {
                delivered(to: slot, sequence: 0, text: bytes, now)
            }
            return
        }
        do {
            try Decoder.decode(bytes, configuration.encoding, into: &frame) { frame in
                take(&frame, bytes, slot, now, connection)
            }
        } catch {
            fault = BenchError("the hub sent what cannot be read: \(error)")
        }
    }

    private func take(_ frame: inout Inbound, _ bytes: UnsafeRawBufferPointer, _ slot: Int,
                      _ now: UInt64, _ connection: WebSocketConnection) {
        switch frame.kind {
        case .events:
            guard slot < configuration.subscribers else { return }
            for event in frame.events {
                frame.withBytes(of: event.text, in: bytes) { text in
                    delivered(to: slot, sequence: event.sequence,
                              text: event.kind == .message ? text : nil, now)
                }
            }
        case .posted:
            if let index = postIndex(frame.id, slot) { acknowledged(index, frame.position, now) }
        case .error: failed(frame, bytes, slot)
        case .welcome:
            if slot < configuration.subscribers {
                send(.subscribe(channel: channel, after: nil), id: 2, on: connection)
            } else {
                ready(slot)
            }
        case .subscribed:
            checker.subscribed(slot, after: frame.position.sequence)
            ready(slot)
        case .subscriptionEnded:
            fault = BenchError("the hub ended a subscription: "
                + frame.string(frame.slug, in: bytes))
        default: break
        }
    }

    private func postIndex(_ id: UInt32, _ slot: Int) -> Int? {
        let publisher = slot - configuration.subscribers
        guard publisher >= 0, UInt64(id) >= Self.firstPostID else { return nil }
        let index = Int(UInt64(id) - Self.firstPostID) * configuration.publishers + publisher
        return index < checker.messages.count ? index : nil
    }

    private func failed(_ frame: Inbound, _ bytes: UnsafeRawBufferPointer, _ slot: Int) {
        let slug = frame.string(frame.slug, in: bytes)
        if let index = postIndex(frame.id, slot) {
            checker.refused(index)
            refusals[slug, default: 0] += 1
            release(index)
            return
        }
        let message = frame.string(frame.message, in: bytes)
        if phase == .connecting {
            fault = BenchError("the hub refused connection \(slot): \(slug): \(message)")
        } else {
            recorder.note("connection \(slot): \(slug): \(message)")
        }
    }

    private func acknowledged(_ index: Int, _ position: Position, _ now: UInt64) {
        checker.acknowledged(index, at: now, sequence: position.sequence)
        let intended = checker.messages[index].dueNanoseconds
        recorder.acknowledged(now &- intended, isMeasured: intended >= measureStart)
        if checker.messages[index].received >= UInt32(configuration.subscribers) { release(index) }
    }

    private func delivered(to slot: Int, sequence: UInt64, text: UnsafeRawBufferPointer?,
                           _ now: UInt64) {
        guard let index = checker.delivered(to: slot, sequence: sequence, text: text, at: now)
        else { return }
        let message = checker.messages[index]
        recorder.delivered(now &- message.dueNanoseconds,
                           isMeasured: message.dueNanoseconds >= measureStart)
        let isEverywhere = message.received >= UInt32(configuration.subscribers)
        if isEverywhere, !isHub || message.acknowledgedAt > 0 { release(index) }
    }

    private func release(_ index: Int) {
        underWay[index % configuration.publishers] -= 1
    }
}

/// A run needs a descriptor for every connection.
enum DescriptorLimit {
    static func raise(for connections: Int) throws {
        let needed = UInt64(connections + 64)
        let allowed = bench_raise_descriptors(needed)
        guard allowed >= needed else {
            throw BenchError("\(connections) connections need \(needed) file descriptors, "
                + "\(allowed) are allowed: raise the limit with 'ulimit -n'")
        }
    }
}
