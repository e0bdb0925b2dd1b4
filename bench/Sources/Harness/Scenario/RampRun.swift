// Connections made at a rate or as fast as possible: what each costs the server, and how long it takes
// until it is of use.

package final class RampRun: WebSocketDelegate {
    package static let kind = ScenarioKind(
        "ramp",
        stages: [
            "connect": "due until TCP connected", "open": "due until the WebSocket is open (with TLS)",
            "welcome": "due until signed in",
        ],
        readings: [
            "connections": "connections made", "connects_per_s": "connections/s",
            "connects_per_cpu_s": "connections per CPU second of the server",
            "cpu_per_connection": "server CPU per connection",
            "rss_per_connection": "server memory per connection",
        ],
        faults: ["failed": "connections that failed", "drops": "connections lost"])

    package struct Plan: Sendable {
        package var connections = 1_000
        /// Per second; 0: as fast as possible.
        package var rate = 0.0
        /// Whether a connection signs in, or only shakes hands.
        package var signsIn = true
        /// Each leaves as soon as it is ready, and its place is taken by the next.
        package var isChurning = false
        package init() {}
    }

    private let world: ScenarioWorld
    private let plan: Plan
    private var connections: [WebSocketConnection] = []
    private var dueAt: [UInt64] = []
    private var free: [Int] = []
    private var begun = 0
    private var ready = 0
    private var failed = 0
    private var isOver = false

    package init(_ settings: ScenarioSettings, access: FanoutAccess, _ plan: Plan) throws {
        guard (1...1_000_000).contains(plan.connections),
              plan.isChurning || plan.connections <= 60_000,
              (0...1_000_000).contains(plan.rate)
        else {
            throw BenchError("--connections is 1 to 60000 (1000000 with --churn), --rate 0 to 1000000")
        }
        let places = plan.isChurning ? min(settings.connecting * 2, plan.connections)
            : plan.connections
        world = try ScenarioWorld(settings, Self.kind, access: access,
                                  connections: plan.connections, atOnce: places)
        self.plan = plan
        dueAt = Array(repeating: 0, count: places)
        free = Array((0..<places).reversed())
        connections = (0..<places).map { _ in WebSocketConnection(on: world.loop, delegate: self) }
        let pace = plan.rate > 0 ? "\(Figure.count(plan.rate)) a second"
            : "as fast as possible, \(settings.connecting) at a time"
        world.book.title = "\(Figure.count(Double(plan.connections))) connections, \(pace)"
        world.book.settings += [
            ("until", plan.signsIn && !settings.isRelay ? "welcome" : "open"),
            ("connections", plan.isChurning ? "closed when ready" : "kept"),
        ]
    }

    package func measure() throws -> ScenarioBook {
        let before = world.memory()
        world.begin()
        let start = MonotonicClock.now()
        let step = plan.rate > 0 ? 1e9 / plan.rate : 0
        var progress = (count: 0, deadline: start + 30_000_000_000)
        while ready + failed < plan.connections {
            let now = MonotonicClock.now()
            while begun < plan.connections, begun - ready - failed < world.settings.connecting,
                  let slot = free.last {
                let due = step > 0 ? start + UInt64(Double(begun) * step) : now
                guard due <= now else { break }
                free.removeLast()
                dueAt[slot] = due
                begun += 1
                try world.open(connections[slot])
            }
            let next = step > 0 ? start + UInt64(Double(begun) * step) : now + 20_000_000
            try world.turn(until: max(next, now + 100_000))
            if ready > progress.count { progress = (ready, now + 30_000_000_000) }
            guard now < progress.deadline else {
                throw BenchError("\(ready) of \(plan.connections) connections became ready, then "
                    + "none for 30 s")
            }
        }
        let (seconds, server) = world.end()
        let made = Double(ready)
        world.book.set("connections", made)
        world.book.set("connects_per_s", made / seconds)
        if let server, server > 0, ready > 0 {
            world.book.set("connects_per_cpu_s", made / server)
            world.book.set("cpu_per_connection", server / made)
        }
        if !plan.isChurning, let first = before.resident, let last = world.memory().resident {
            world.book.set("rss_per_connection", (Double(last) - Double(first)) / max(made, 1))
        }
        isOver = true
        for connection in connections where connection.isOpen { connection.leave() }
        return world.book
    }

    package func connectionConnected(_ connection: WebSocketConnection) {
        world.book.record("connect", MonotonicClock.now() &- dueAt[connection.slot])
    }

    package func connectionOpened(_ connection: WebSocketConnection) {
        world.book.record("open", connection.readAt &- dueAt[connection.slot])
        if plan.signsIn, !world.settings.isRelay { world.hello(on: connection) } else {
            becameReady(connection)
        }
    }

    private func becameReady(_ connection: WebSocketConnection) {
        ready += 1
        guard plan.isChurning else { return }
        connection.leave()
        free.append(connection.slot)
    }

    package func connection(_ connection: WebSocketConnection, received kind: MessageKind,
                            _ bytes: UnsafeRawBufferPointer) {
        guard plan.signsIn, !world.settings.isRelay else { return }
        world.decode(bytes) { frame in
            switch frame.kind {
            case .welcome:
                world.book.record("welcome", connection.readAt &- dueAt[connection.slot])
                becameReady(connection)
            case .error: world.fail("the hub answered \(frame.string(frame.slug, in: bytes))")
            default: break
            }
        }
    }

    package func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd) {
        guard !isOver else { return }
        if connection.wasOpen, !plan.signsIn || world.settings.isRelay {
            return world.book.fault("drops", 1, end.text)
        }
        failed += 1
        world.book.fault("failed", 1, end.text)
        if plan.isChurning { free.append(connection.slot) }
    }
}
