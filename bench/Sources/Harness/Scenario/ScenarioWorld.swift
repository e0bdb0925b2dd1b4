// What every scenario has: one server, one event loop, an account, a way to say something to the hub,
// the meters, and the book.

package struct ScenarioSettings: Sendable {
    package var url: String
    package var encoding = Encoding.json
    /// A server that is no hub: nothing is said after the handshake.
    package var isRelay = false
    package var verifiesPeer = true
    package var authorities: String?
    package var serverProcess: Int32?
    /// Source addresses of loopback; `nil`: as many as the connections need.
    package var sources: Int?
    /// Connections that may be opening at the same time.
    package var connecting = 64

    package init(url: String) { self.url = url }

    package func validate() throws {
        let endpoint = try Endpoint(url)
        guard serverProcess == nil || endpoint.isLoopback else {
            throw BenchError("--server-pid measures a process of this machine, but "
                + "\(endpoint.host) is another one")
        }
        guard (1...60_000).contains(connecting) else {
            throw BenchError("--connecting is 1 to 60000")
        }
        guard (0...250).contains(sources ?? 0) else { throw BenchError("--sources is 0 to 250") }
    }
}

package final class ScenarioWorld {
    /// Ports of one source address that may be expected to be free.
    private static let portsPerSource = 20_000

    package let settings: ScenarioSettings
    let endpoint: Endpoint
    let address: SocketAddress
    let tls: TLSContext?
    package let loop: EventLoop
    package var book: ScenarioBook
    private(set) var token = ""
    private let keeper: TokenKeeper?
    private let sources: Int
    private(set) var meter: ProcessMeter?
    private var encoded: [UInt8] = []
    private var frame = Inbound()
    private var startTime: UInt64 = 0
    private var startGenerator: UInt64 = 0
    private var startServer: UInt64?
    var fault: BenchError?

    /// - Parameter connections: how many the run opens in all.
    package init(_ settings: ScenarioSettings, _ kind: ScenarioKind, access: FanoutAccess,
                 connections: Int, atOnce: Int? = nil) throws {
        try settings.validate()
        try DescriptorLimit.raise(for: atOnce ?? connections)
        self.settings = settings
        book = ScenarioBook(kind)
        var endpoint = try Endpoint(settings.url)
        if !settings.isRelay, endpoint.path == "/" { endpoint = endpoint.with(path: "/ws") }
        self.endpoint = endpoint
        address = try endpoint.resolve()
        tls = try endpoint.isSecure
            ? TLSContext(verifiesPeer: settings.verifiesPeer, authorities: settings.authorities)
            : nil
        loop = try EventLoop(tls: tls)
        let needed = endpoint.isLoopback ? (connections - 1) / Self.portsPerSource : 0
        sources = settings.sources ?? (needed == 0 ? 0 : min(needed + 1, 250))
        if settings.isRelay {
            keeper = nil
        } else {
            guard let credentials = access.credentials else {
                throw BenchError("a hub needs --token, --email and --password, or --setup-link")
            }
            let signedIn = try SignIn(endpoint, tls: tls).signIn(credentials)
            token = signedIn.accessToken
            keeper = TokenKeeper(signedIn, endpoint: endpoint, verifiesPeer: settings.verifiesPeer,
                                 authorities: settings.authorities)
        }
        meter = try settings.serverProcess.map { try ProcessMeter(process: $0) }
        book.settings = [
            ("server", settings.isRelay ? "raw" : "hub, \(settings.encoding.rawValue)"),
            ("transport", endpoint.isSecure ? "wss" : "ws"),
        ]
    }

    // MARK: Talking

    func open(_ connection: WebSocketConnection) throws {
        try connection.open(
            endpoint, at: address,
            subprotocol: settings.isRelay ? nil : settings.encoding.subprotocol,
            from: SourceAddress.loopback(connection.slot, of: sources))
    }

    func send(_ command: Command, id: UInt32, on connection: WebSocketConnection) {
        encoded.removeAll(keepingCapacity: true)
        command.append(id: id, settings.encoding, to: &encoded)
        encoded.withUnsafeBytes { connection.send(settings.encoding.messageKind, $0) }
    }

    func hello(on connection: WebSocketConnection) {
        send(.hello(token: token, agent: "hub-bench"), id: 1, on: connection)
    }

    /// Calls `each` for every frame of a message from the hub.
    func decode(_ bytes: UnsafeRawBufferPointer, _ each: (inout Inbound) -> Void) {
        do {
            try Decoder.decode(bytes, settings.encoding, into: &frame, each)
        } catch {
            fail("the hub sent what cannot be read: \(error)")
        }
    }

    /// Ends the run: nothing can be measured.
    func fail(_ text: String) { fault = fault ?? BenchError(text) }

    func control() throws -> ControlClient {
        try ControlClient(endpoint, tls: tls, encoding: settings.encoding, token: token)
    }

    /// Call about once a second; a new token is for the next connections and for `refresh`.
    func renewedToken() -> String? {
        guard let renewed = keeper?.takeRenewed() else { return nil }
        token = renewed
        return renewed
    }

    // MARK: Turning

    /// Opens all, so many at a time, until each is ready.
    func connect(_ connections: [WebSocketConnection], ready: () -> Int) throws {
        var begun = 0
        var last = 0
        var deadline = MonotonicClock.now() + 30_000_000_000
        while ready() < connections.count {
            while begun < connections.count, begun - ready() < settings.connecting {
                try open(connections[begun])
                begun += 1
            }
            try turn(until: deadline)
            if ready() > last {
                last = ready()
                deadline = MonotonicClock.now() + 30_000_000_000
            }
            guard MonotonicClock.now() < deadline else {
                throw BenchError("\(ready()) of \(connections.count) connections became ready, "
                    + "then none for 30 s")
            }
        }
    }

    func turn(until deadline: UInt64, between: () -> Void = {}) throws {
        try loop.turn(until: deadline, between: between)
        if let fault { throw fault }
    }

    /// Turns until `condition` holds; returns whether it did within `seconds`.
    @discardableResult
    func turn(seconds: Double, until condition: () -> Bool) throws -> Bool {
        let deadline = MonotonicClock.now() + UInt64(seconds * 1e9)
        while !condition() {
            let now = MonotonicClock.now()
            guard now < deadline else { return false }
            try turn(until: min(deadline, now + 20_000_000))
        }
        return true
    }

    // MARK: Measuring

    func memory() -> (resident: UInt64?, kernel: UInt64?) {
        meter?.refreshFamily()
        return (meter?.sample()?.residentBytes, ProcessMeter.kernelSocketBytes())
    }

    func serverProcessor() -> UInt64? { meter?.sample()?.processorNanoseconds }

    func begin() {
        meter?.refreshFamily()
        startTime = MonotonicClock.now()
        startGenerator = MonotonicClock.threadProcessorTime()
        startServer = serverProcessor()
    }

    /// Sets what all scenarios report. Returns wall time and the server's processor time, in seconds.
    @discardableResult
    func end() -> (seconds: Double, server: Double?) {
        let seconds = Double(max(MonotonicClock.now() - startTime, 1)) / 1e9
        let generator = Double(MonotonicClock.threadProcessorTime() - startGenerator) / 1e9
        book.set("generator_cpu", generator / seconds)
        if generator / seconds > FanoutOutcome.generatorShareMax {
            book.warn("the generator was saturated (\(Figure.percent(generator / seconds)) of a "
                + "core): times and rates are its own, not the server's")
        }
        guard let first = startServer, let last = serverProcessor() else { return (seconds, nil) }
        let server = Double(last - first) / 1e9
        book.set("server_cpu", server / seconds)
        return (seconds, server)
    }
}
