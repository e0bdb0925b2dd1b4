// Many connections that do nothing but ping: whether all of them stay, and what each costs.

package final class IdleRun: WebSocketDelegate {
    package static let kind = ScenarioKind(
        "idle",
        stages: ["ping": "ping, due until answered"],
        readings: [
            "connections": "connections held", "seconds": "seconds held",
            "rss_per_connection": "server memory per connection, at the end",
            "rss_per_connection_connected": "the same when all had connected",
            "kernel_per_connection": "kernel TCP buffers per connection, both ends",
            "rss_bytes": "server memory at the end",
            "cpu_per_ping": "server CPU per ping", "pings_per_s": "pings/s",
            "pings_received": "pings of the server answered",
        ],
        faults: ["drops": "connections lost", "unanswered": "pings unanswered"])

    private let world: ScenarioWorld
    private let count: Int
    private let seconds: Double
    private let interval: Double
    private let progress: (String) -> Void
    private var connections: [WebSocketConnection] = []
    private var readyCount = 0
    private var answered = 0
    private var isOver = false

    /// - Parameter interval: seconds between two pings of a connection; 0: none, the server's only.
    package init(_ settings: ScenarioSettings, access: FanoutAccess, connections: Int,
                 seconds: Double, interval: Double,
                 progress: @escaping (String) -> Void) throws {
        guard (1...60_000).contains(connections), (0...86_400).contains(seconds),
              (0...3_600).contains(interval)
        else {
            throw BenchError("--connections is 1 to 60000, --duration 0 to 86400, "
                + "--ping-interval 0 to 3600")
        }
        world = try ScenarioWorld(settings, Self.kind, access: access, connections: connections)
        count = connections
        self.seconds = seconds
        self.interval = interval
        self.progress = progress
        world.book.title = "\(Figure.count(Double(connections))) idle connections for "
            + "\(Figure.decimal(seconds)) s"
        world.book.settings.append(("ping interval", "\(Figure.decimal(interval)) s"))
    }

    package func measure() throws -> ScenarioBook {
        let before = world.memory()
        connections = (0..<count).map { _ in WebSocketConnection(on: world.loop, delegate: self) }
        try world.connect(connections) { readyCount }
        let connected = world.memory()
        progress("\(count) connected")
        let pings = try hold()
        let after = world.memory()
        let perConnection = { (first: UInt64?, last: UInt64?) -> Double? in
            guard let first, let last else { return nil }
            return (Double(last) - Double(first)) / Double(self.count)
        }
        world.book.set("connections", Double(count))
        world.book.set("rss_per_connection", perConnection(before.resident, after.resident))
        world.book.set("rss_per_connection_connected",
                       perConnection(before.resident, connected.resident))
        world.book.set("kernel_per_connection", perConnection(before.kernel, after.kernel))
        world.book.set("rss_bytes", after.resident.map { Double($0) })
        world.book.set("pings_received", Double(world.loop.pingsAnswered))
        try world.turn(seconds: 10) { answered >= pings }
        world.book.fault("unanswered", pings - answered)
        isOver = true
        for connection in connections { connection.leave() }
        return world.book
    }

    /// Returns how many pings were sent.
    private func hold() throws -> Int {
        world.begin()
        let start = MonotonicClock.now()
        let end = start + UInt64(seconds * 1e9)
        let step = interval > 0 ? interval * 1e9 / Double(count) : .infinity
        var sent = 0
        var nextSecond = start + 1_000_000_000
        while true {
            let now = MonotonicClock.now()
            guard now < end else { break }
            while Double(sent) * step <= Double(now - start) {
                ping(connections[sent % count], due: start + UInt64(Double(sent) * step))
                sent += 1
            }
            if now >= nextSecond {
                nextSecond += 1_000_000_000
                let elapsed = (now - start) / 1_000_000_000
                if elapsed % 10 == 0 { progress("\(elapsed) s  \(answered) pings answered") }
                if let token = world.renewedToken() {
                    for connection in connections {
                        world.send(.refresh(token: token), id: 3, on: connection)
                    }
                }
            }
            let next = step.isFinite ? start + UInt64(Double(sent) * step) : end
            try world.turn(until: min(end, next, nextSecond))
        }
        let (wall, server) = world.end()
        world.book.set("seconds", wall)
        let served = sent + world.loop.pingsAnswered
        world.book.set("pings_per_s", Double(sent) / wall)
        if let server, served > 0 { world.book.set("cpu_per_ping", server / Double(served)) }
        return sent
    }

    private func ping(_ connection: WebSocketConnection, due: UInt64) {
        withUnsafeBytes(of: due) { connection.send(.ping, $0) }
    }

    package func connectionOpened(_ connection: WebSocketConnection) {
        if world.settings.isRelay { readyCount += 1 } else { world.hello(on: connection) }
    }

    package func connection(_ connection: WebSocketConnection, ponged bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 8 else { return }
        answered += 1
        world.book.record("ping", connection.readAt &- bytes.loadUnaligned(as: UInt64.self))
    }

    package func connection(_ connection: WebSocketConnection, received kind: MessageKind,
                            _ bytes: UnsafeRawBufferPointer) {
        guard !world.settings.isRelay else { return }
        world.decode(bytes) { frame in
            if frame.kind == .welcome { readyCount += 1 }
            if frame.kind == .error {
                world.fail("the hub answered \(frame.string(frame.slug, in: bytes))")
            }
        }
    }

    package func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd) {
        guard !isOver else { return }
        if readyCount < count { return world.fail("connection \(connection.slot): \(end.text)") }
        world.book.fault("drops", 1, "connection \(connection.slot): \(end.text)")
    }
}
