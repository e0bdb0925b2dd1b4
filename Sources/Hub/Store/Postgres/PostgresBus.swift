// Notices between hubs by PostgreSQL's LISTEN and NOTIFY, on a connection of their own. A NOTIFY inside
// the transaction of an append would hold the one lock of the whole server's notices until that commit
// is on disk; here it follows the commit, many notices at a time, and waits for no disk.
//
// libpq documents `PQnotifies`; the server's side stands in PostgreSQL's async.c.

import CPQ
import Loop
import Model
package import Ports

package final class PostgresBus: Bus {
    private struct State {
        var queue = NoticeQueue()
        var isWaking = false
        var isClosed = false
    }
    private let state = Lock(State())
    private let loop: Loop
    private let link: PostgresBusLink
    private let metrics: BusMetrics

    /// Does not connect yet: notices may be published, and wait.
    /// - Parameter url: of the database that the hubs share.
    package init(url: String, metrics all: Metrics, clocks: any Clocks, entropy: any Entropy, log: Log)
        throws(OpenError)
    {
        let target = try PostgresTarget(url: url, statementMilliseconds: PostgresBusLink.answerMilliseconds)
        metrics = BusMetrics(all)
        loop = Loop(name: "bus", metrics: all)
        link = PostgresBusLink(loop: loop, target: target, metrics: metrics, clocks: clocks,
                               entropy: entropy, log: log)
    }

    /// Connects, and connects again whenever the connection is lost.
    /// - Parameters:
    ///   - receive: gets what other hubs publish, on the bus's thread.
    ///   - connected: called each time the bus listens (again): notices may have been missed before.
    package func start(receive: @escaping @Sendable (Notice) -> Void,
                       connected: @escaping @Sendable () -> Void) {
        loop.submit { [link] in
            link.assumeIsolated {
                $0.start(receive: receive, connected: connected,
                         take: { [weak self] in self?.take($0) ?? [] },
                         putBack: { [weak self] in for notice in $0 { self?.publish(notice) } })
            }
        }
    }

    package func publish(_ notice: Notice) {
        let (fits, isFirst) = state.withLock { state in
            guard !state.isClosed, state.queue.add(notice) else { return (false, false) }
            defer { state.isWaking = true }
            return (true, !state.isWaking)
        }
        if !fits { metrics.dropped.add() }
        if isFirst { loop.submit { [link] in link.assumeIsolated { $0.send() } } }
    }

    private func take(_ count: Int) -> [Notice] {
        state.withLock { state in
            let notices = state.queue.take(count)
            state.isWaking = !state.queue.isEmpty
            return notices
        }
    }

    /// Ends it; what waits is dropped.
    package func close() async {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        await link.stop()
        loop.stop()
    }
}

struct BusMetrics: Sendable {
    let published: Counter
    let received: Counter
    let dropped: Counter
    let malformed: Counter
    let connections: Counter
    let silences: Counter

    init(_ metrics: Metrics) {
        published = metrics.counter("hub_bus_published_total", help: "Notices sent to other hubs.")
        received = metrics.counter("hub_bus_received_total", help: "Notices of other hubs.")
        dropped = metrics.counter(
            "hub_bus_dropped_total", help: "Notices not sent, for want of room or a refusal.")
        malformed = metrics.counter(
            "hub_bus_malformed_total", help: "Payloads of other hubs that could not be read.")
        silences = metrics.counter(
            "hub_bus_silences_total", help: "Connections of the bus given up because nothing came back on them.")
        connections = metrics.counter(
            "hub_bus_connections_total", help: "Connections of the bus made; more than one: it was lost.")
    }
}

/// The connection, on the bus's loop.
actor PostgresBusLink: PollOwner {
    private enum State {
        case down
        case connecting(PostgresPollingStatusType)
        /// Asking for the name under which the hubs of this database notify each other.
        case naming
        case listening
        case idle
        /// These are being sent.
        case sending([Notice])
        /// A notice to itself.
        case pulsing
    }

    /// A server that has not answered for so long is given up.
    static let answerMilliseconds: UInt32 = 15_000
    /// Notices of one statement; about as many payloads as there are to a hundred of them.
    private static let noticesMax = 2_000
    /// Between two statements, so that there are more notices to each when there are many.
    private static let pauseMilliseconds: UInt32 = 2
    private static let tickMilliseconds: UInt32 = 250
    /// How often it sends itself a notice, and how long that may take. Without, one that only listens would never
    /// learn that its connection is dead: a firewall may have forgotten it, or the server hangs.
    private static let pulseMilliseconds: UInt64 = 5_000
    private static let pulseAnswerMilliseconds: UInt64 = 5_000

    private let loop: Loop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let target: PostgresTarget
    private let metrics: BusMetrics
    private let clocks: any Clocks
    private let entropy: any Entropy
    private let log: Log

    private var handle: OpaquePointer?
    private var socket: PollHandle?
    private var state = State.down
    private var name = ""
    private var failures = 0
    /// When to connect again, or to give up waiting for an answer.
    private var deadline: MonotonicNanoseconds?
    private var isPausing = false
    /// When the last notice to itself was sent, and until when it has to be back.
    private var pulsedAt = MonotonicNanoseconds(0)
    private var pulseDeadline: MonotonicNanoseconds?

    private var receive: (@Sendable (Notice) -> Void)?
    private var connected: (@Sendable () -> Void)?
    private var take: (@Sendable (Int) -> [Notice])?
    private var putBack: (@Sendable ([Notice]) -> Void)?

    init(loop: Loop, target: PostgresTarget, metrics: BusMetrics, clocks: any Clocks,
         entropy: any Entropy, log: Log)
    {
        self.loop = loop
        self.target = target
        self.metrics = metrics
        self.clocks = clocks
        self.entropy = entropy
        self.log = log
    }

    func start(receive: @escaping @Sendable (Notice) -> Void, connected: @escaping @Sendable () -> Void,
               take: @escaping @Sendable (Int) -> [Notice],
               putBack: @escaping @Sendable ([Notice]) -> Void) {
        self.receive = receive
        self.connected = connected
        self.take = take
        self.putBack = putBack
        connect()
        tick()
    }

    func stop() {
        disconnect()
        deadline = nil
        (receive, connected, take, putBack) = (nil, nil, nil, nil)
    }

    // MARK: Connecting

    private func connect() {
        deadline = after(milliseconds: UInt64(Self.answerMilliseconds))
        // Looking up a host's name may block: this is why the bus has a loop of its own.
        handle = target.withParameters { PQconnectStartParams($0, $1, 1) }
        guard let handle, PQstatus(handle) != CONNECTION_BAD else { return lose("cannot connect") }
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        state = .connecting(PGRES_POLLING_WRITING)
        watch()
    }

    private func continueConnecting() {
        // libpq may close and reopen its socket.
        unwatch()
        let status = PQconnectPoll(handle)
        switch status {
        case PGRES_POLLING_FAILED: return lose("cannot connect")
        case PGRES_POLLING_OK:
            guard PQsetnonblocking(handle, 1) == 0 else { return lose("cannot set up the session") }
            state = .naming
            query(Dialect.postgresBusSession(target.statementMilliseconds))
        default:
            state = .connecting(status)
            watch()
        }
    }

    private func lose(_ what: String) {
        let detail = handle.map { target.redact(String(cString: PQerrorMessage($0))) } ?? ""
        if failures == 0, receive != nil {
            log.warning("bus of the hubs lost", .word("reason", detail.isEmpty ? what : detail))
        }
        if case .sending(let notices) = state { putBack?(notices) }
        disconnect()
        failures += 1
        // 100 ms, doubled each time up to 3.2 s, and up to half of it more.
        let delay = UInt64(100 << min(failures - 1, 5))
        deadline = after(milliseconds: delay + entropy.words().0 % (delay / 2))
    }

    private func disconnect() {
        unwatch()
        if let handle { PQfinish(handle) }
        handle = nil
        pulseDeadline = nil
        state = .down
    }

    // MARK: The socket

    private func watch() {
        guard let handle, case let descriptor = PQsocket(handle), descriptor >= 0 else { return }
        let socket = socket ?? PollHandle(loop: loop, descriptor: descriptor, owner: self)
        self.socket = socket
        if case .connecting(let status) = state {
            socket.watch(status == PGRES_POLLING_WRITING ? .writable : .readable)
            return
        }
        switch PQflush(handle) {
        case 0: socket.watch(.readable)
        case 1: socket.watch([.readable, .writable])
        default: lose("cannot send")
        }
    }

    private func unwatch() {
        socket?.close()
        socket = nil
    }

    /// A broken descriptor is ready too: libpq finds out what is wrong with it.
    nonisolated func pollReady(_ events: PollEvents, tag: Int, error: Int32?) {
        assumeIsolated { $0.ready() }
    }

    private func ready() {
        if case .connecting = state { return continueConnecting() }
        guard PQconsumeInput(handle) == 1 else { return lose("the connection broke") }
        while handle != nil, PQisBusy(handle) == 0 {
            guard let result = PQgetResult(handle) else { break }
            defer { PQclear(result) }
            accept(result)
        }
        guard handle != nil else { return }
        takeNotifications()
        if PQisBusy(handle) == 0 { answered() }
        if handle != nil { watch() }
    }

    // MARK: Statements

    private func query(_ text: String) {
        deadline = after(milliseconds: UInt64(Self.answerMilliseconds))
        guard PQsendQuery(handle, text) == 1 else { return lose("cannot send") }
        watch()
    }

    private func accept(_ result: OpaquePointer) {
        let isGood = [PGRES_TUPLES_OK, PGRES_COMMAND_OK].contains(PQresultStatus(result))
        switch state {
        case .naming where isGood:
            name = PostgresRows.decodeText(result).last ?? ""
        case .sending(let notices):
            if isGood {
                metrics.published.add(UInt64(notices.count))
            } else if PQstatus(handle) == CONNECTION_OK {
                // The server is there and does not want them: its queue is full.
                metrics.dropped.add(UInt64(notices.count))
                log.warning("notices not sent", .word("reason", target.redact(PostgresError.text(result))))
                state = .sending([])
            } else {
                lose(PostgresError.text(result))
            }
        default:
            if !isGood { lose(PostgresError.text(result)) }
        }
    }

    /// A statement has come to its end, if there was one.
    private func answered() {
        switch state {
        case .down, .connecting, .idle: return
        case .naming:
            state = .listening
            query("LISTEN \"\(name)\"; LISTEN \"\(pulseName)\"")
        case .listening:
            deadline = nil
            if failures > 0 { log.info("bus of the hubs is back") }
            failures = 0
            state = .idle
            pulsedAt = clocks.monotonic()
            metrics.connections.add()
            connected?()
            send()
        case .sending:
            deadline = nil
            state = .idle
            pause()
        case .pulsing:
            deadline = nil
            state = .idle
            send()
        }
    }

    /// Only this connection listens to it.
    private var pulseName: String { "\(name)_\(PQbackendPID(handle))" }

    private func pulse(_ now: MonotonicNanoseconds) {
        guard case .idle = state, pulseDeadline == nil,
              pulsedAt.value + Self.pulseMilliseconds * 1_000_000 <= now.value else { return }
        pulsedAt = now
        pulseDeadline = after(milliseconds: Self.pulseAnswerMilliseconds)
        state = .pulsing
        query("NOTIFY \"\(pulseName)\"")
    }

    // MARK: Notices

    /// Sends what waits, if it can.
    func send() {
        guard case .idle = state, !isPausing, let notices = take?(Self.noticesMax), !notices.isEmpty
        else { return }
        state = .sending(notices)
        deadline = after(milliseconds: UInt64(Self.answerMilliseconds))
        // Digits need no quotes in an array.
        let array = "{" + NoticeText.payloads(notices).joined(separator: ",") + "}"
        let sent = name.withCString { name in
            array.withCString { array in
                PQsendQueryParams(handle, Dialect.postgresNotify, 2, nil, [name, array], nil, nil, 0)
            }
        }
        if sent == 1 { watch() } else { lose("cannot send") }
    }

    private func pause() {
        isPausing = true
        loop.submit(afterMilliseconds: Self.pauseMilliseconds) { [weak self] in
            self?.assumeIsolated {
                $0.isPausing = false
                $0.send()
            }
        }
    }

    private func takeNotifications() {
        while let notification = PQnotifies(handle) {
            defer { PQfreemem(notification) }
            if String(cString: notification.pointee.relname) == pulseName {
                pulseDeadline = nil
                continue
            }
            // Our own come back too.
            if notification.pointee.be_pid == PQbackendPID(handle) { continue }
            guard let notices = NoticeText.notices(String(cString: notification.pointee.extra)) else {
                metrics.malformed.add()
                continue
            }
            metrics.received.add(UInt64(notices.count))
            for notice in notices { receive?(notice) }
        }
    }

    // MARK: Time

    private func after(milliseconds: UInt64) -> MonotonicNanoseconds {
        MonotonicNanoseconds(clocks.monotonic().value + milliseconds * 1_000_000)
    }

    private func tick() {
        guard receive != nil else { return }
        let now = clocks.monotonic()
        if let pulseDeadline, pulseDeadline < now {
            metrics.silences.add()
            lose("a notice to itself did not come back")
        } else if let deadline, deadline < now {
            if case .down = state { connect() } else { lose("no answer in time") }
        } else {
            pulse(now)
        }
        loop.submit(afterMilliseconds: Self.tickMilliseconds) { [weak self] in
            self?.assumeIsolated { $0.tick() }
        }
    }
}
