// Round trips: the hub's ping command, or a text that a relay sends back. Each answer must be that of
// the oldest question of its connection.

package final class EchoRun: WebSocketDelegate {
    package static let kind = ScenarioKind(
        "echo",
        stages: ["echo": "due until answered"],
        readings: ["echoes_per_s": "round trips/s", "cpu_per_echo": "server CPU per round trip"],
        faults: [
            "wrong": "answers to another question", "unanswered": "questions unanswered",
            "drops": "connections lost",
        ])

    package struct Plan: Sendable {
        package var connections = 100
        /// Per second over all connections; `nil`: `inFlight` of each always under way.
        package var rate: Double?
        package var inFlight = 1
        package var seconds = 10.0
        package var payloadBytes = 128
        package init() {}
    }

    private static let firstID = 16
    private let world: ScenarioWorld
    private let plan: Plan
    private var connections: [WebSocketConnection] = []
    /// Of each connection: when its questions were due, from `answered` on.
    private var due: [[UInt64]] = []
    private var answered: [Int] = []
    private var readyCount = 0
    private var asked = 0
    private var answeredCount = 0
    private var text: [UInt8] = []
    private var isLoading = false
    private var isOver = false

    package init(_ settings: ScenarioSettings, access: FanoutAccess, _ plan: Plan) throws {
        guard (1...60_000).contains(plan.connections), (1...128).contains(plan.inFlight),
              (0.1...86_400).contains(plan.seconds), (plan.rate ?? 1) > 0,
              (Payload.bytesMin...65_536).contains(plan.payloadBytes)
        else {
            throw BenchError("--connections is 1 to 60000, --in-flight 1 to 128, --size "
                + "\(Payload.bytesMin) to 65536, --rate above 0")
        }
        world = try ScenarioWorld(settings, Self.kind, access: access,
                                  connections: plan.connections)
        self.plan = plan
        due = Array(repeating: [], count: plan.connections)
        answered = Array(repeating: 0, count: plan.connections)
        let pace = plan.rate.map { "\(Figure.count($0)) a second" } ?? "\(plan.inFlight) under way each"
        world.book.title = "Round trips of \(plan.connections) connections, \(pace)"
    }

    package func measure() throws -> ScenarioBook {
        connections = (0..<plan.connections).map { _ in
            WebSocketConnection(on: world.loop, delegate: self)
        }
        try world.connect(connections) { readyCount }
        world.begin()
        isLoading = true
        let start = MonotonicClock.now()
        let end = start + UInt64(plan.seconds * 1e9)
        if plan.rate == nil {
            for _ in 0..<plan.inFlight {
                for slot in connections.indices { ask(slot, MonotonicClock.now()) }
            }
        }
        while true {
            let now = MonotonicClock.now()
            guard now < end else { break }
            guard let rate = plan.rate else {
                try world.turn(until: end)
                continue
            }
            while true {
                let next = start + UInt64(Double(asked) * 1e9 / rate)
                guard next <= now else { break }
                ask(asked % connections.count, next)
            }
            try world.turn(until: min(end, start + UInt64(Double(asked) * 1e9 / rate)))
        }
        isLoading = false
        let done = Double(answeredCount)
        let (seconds, server) = world.end()
        world.book.set("echoes_per_s", done / seconds)
        if let server, done > 0 { world.book.set("cpu_per_echo", server / done) }
        try world.turn(seconds: 10) { answeredCount >= asked }
        world.book.fault("unanswered", asked - answeredCount)
        isOver = true
        for connection in connections { connection.leave() }
        return world.book
    }

    private func ask(_ slot: Int, _ dueAt: UInt64) {
        let number = answered[slot] + due[slot].count
        due[slot].append(dueAt)
        asked += 1
        if world.settings.isRelay {
            Payload(run: 1, publisher: slot, counter: UInt64(number), dueNanoseconds: dueAt)
                .write(bytes: plan.payloadBytes, to: &text)
            text.withUnsafeBytes { connections[slot].send(.text, $0) }
        } else {
            world.send(.ping, id: UInt32(Self.firstID + number), on: connections[slot])
        }
    }

    private func answered(_ slot: Int, _ number: Int) {
        guard !due[slot].isEmpty, number == answered[slot] else {
            return world.book.fault("wrong", 1, "connection \(slot): answer to \(number), "
                + "expected \(answered[slot])")
        }
        // A handful at most: those under way.
        world.book.record("echo", connections[slot].readAt &- due[slot].removeFirst())
        answered[slot] += 1
        answeredCount += 1
        if isLoading, plan.rate == nil { ask(slot, MonotonicClock.now()) }
    }

    package func connectionOpened(_ connection: WebSocketConnection) {
        if world.settings.isRelay { readyCount += 1 } else { world.hello(on: connection) }
    }

    package func connection(_ connection: WebSocketConnection, received kind: MessageKind,
                            _ bytes: UnsafeRawBufferPointer) {
        let slot = connection.slot
        guard !world.settings.isRelay else {
            guard case .payload(let payload) = Payload.read(bytes), payload.publisher == slot,
                  bytes.count == plan.payloadBytes
            else { return world.book.fault("wrong", 1, "connection \(slot): not what was sent") }
            return answered(slot, Int(payload.counter))
        }
        world.decode(bytes) { frame in
            switch frame.kind {
            case .welcome: readyCount += 1
            case .pong: answered(slot, Int(frame.id) - Self.firstID)
            case .error:
                world.fail("the hub answered \(frame.string(frame.slug, in: bytes)): "
                    + frame.string(frame.message, in: bytes))
            default: break
            }
        }
    }

    package func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd) {
        guard !isOver else { return }
        if readyCount < plan.connections {
            return world.fail("connection \(connection.slot): \(end.text)")
        }
        world.book.fault("drops", 1, end.text)
    }
}
