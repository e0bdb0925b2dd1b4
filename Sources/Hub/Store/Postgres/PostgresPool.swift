// The connections to PostgreSQL and the jobs that wait for them, on one loop. A connection that is idle
// takes what waits: all appends as one transaction, or some other jobs as one transaction each, all
// without waiting for answers in between. It connects again by itself, later each time. What the pool does about a
// server that does not answer stands in `PostgresPool+Pulse`.

import Loop
import Model
import Ports

actor PostgresPool: PollOwner {
    let loop: Loop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    let options: StoreOptions
    private let metrics: StoreMetrics
    let health: StoreHealth
    let clocks: any Clocks
    private let entropy: any Entropy
    private let notice: GenerationNotice
    private let log: Log

    /// The history that the hub goes by; `nil` before it has settled on one.
    private var known: Known?
    /// A connection has found another one. Until a new generation has begun no other job runs.
    private var isAdopting = false

    var links: [Link]
    /// The connection that only asks whether the server is there, behind the others; `nil`: there is none.
    let pulse: Int?
    /// When something was last sent on it, and what the next is to be.
    var pulsedAt = MonotonicNanoseconds(0)
    var measuredAt = MonotonicNanoseconds(0)
    var isMeasuring = false
    /// Why content is refused: a disk that is full, a database that is too large.
    var isDiskFull = false
    var isTooLarge = false
    private var appends = TicketQueue()
    private var others = TicketQueue()
    private var isClosing = false
    private var closed: UnsafeContinuation<Void, Never>?
    private var opening: UnsafeContinuation<String?, Never>?
    private var tickArmed = false

    /// What the engine may see from any thread.
    nonisolated let intake: PostgresIntake

    struct Known: Sendable {
        var identity: PostgresIdentity
        var generation: UInt64
    }

    /// A connection, its place on the loop, and when it is next to do something.
    struct Link {
        let connection: PostgresConnection
        var socket: PollHandle?
        var failures = 0
        /// It has not served since it was made.
        var isNew = true
        /// How far the server's log was known to be when this began to connect: another connection may have asked
        /// later than this one and be heard first.
        var knownPosition: UInt64 = 0
        /// When to connect again, or when to give up waiting for an answer.
        var deadline: MonotonicNanoseconds?
        var started = MonotonicNanoseconds(0)
    }

    /// Jobs other than appends that one connection takes at once.
    private static let othersMax = 16
    private static let attemptsMax = 3
    private static let tickMilliseconds: UInt32 = 100
    private static let connectNanoseconds: UInt64 = 10_000_000_000

    init(loop: Loop, target: PostgresTarget, options: StoreOptions, metrics: StoreMetrics,
         health: StoreHealth, clocks: any Clocks, entropy: any Entropy, known: Known?, notice: GenerationNotice,
         log: Log)
    {
        self.loop = loop
        self.entropy = entropy
        self.known = known
        self.notice = notice
        self.options = options
        self.metrics = metrics
        self.clocks = clocks
        self.log = log
        self.health = health
        intake = PostgresIntake(loop: loop, options: options, metrics: metrics, health: health)
        pulse = options.postgresPulseMilliseconds > 0 ? options.postgresConnections : nil
        links = (0..<options.postgresConnections + (pulse == nil ? 0 : 1)).map {
            Link(connection: PostgresConnection(number: $0, target: target))
        }
    }

    /// Connects. Returns why the first connection could not be made, or `nil` when it stands.
    func open() async -> String? {
        intake.attach(self)
        return await withUnsafeContinuation { continuation in
            opening = continuation
            connect(0)
            tick()
        }
    }

    /// What the first connection is one with.
    var identity: PostgresIdentity? { links[0].connection.identity }

    /// Finishes what waits and what is under way, then disconnects.
    func close() async {
        isClosing = true
        intake.close()
        admit()
        await withUnsafeContinuation { continuation in
            closed = continuation
            finishIfDone()
        }
    }

    // MARK: Jobs in

    /// Takes what came in since the last time; called on the loop.
    func admit() {
        let now = clocks.monotonic()
        for pending in intake.take() {
            let ticket = Ticket(pending, arrived: now)
            // It came while the breaker opened.
            if health.isOpen {
                intake.left(jobs: 1, bytes: pending.job.bytes)
                answer(ticket, .failure(.unavailable("the database does not work")))
                continue
            }
            if case .append = pending.job.access { appends.push(ticket) } else { others.push(ticket) }
        }
        dispatch()
    }

    /// The connections that carry jobs.
    var workers: Range<Int> { 0..<options.postgresConnections }

    private func dispatch() {
        for index in workers where links[index].connection.isIdle && !isAdopting {
            let units = nextUnits()
            if units.isEmpty { return }
            launch(units, on: index)
        }
    }

    /// The older of the two queues goes first, so that neither starves the other.
    private func nextUnits() -> [[Ticket]] {
        guard let append = appends.oldest else { return takeOthers() }
        if let other = others.oldest, other.arrived < append.arrived { return takeOthers() }
        var unit: [Ticket] = []
        var bytes = 0
        while unit.count < options.commitJobsMax, let ticket = appends.oldest,
            unit.isEmpty || bytes + ticket.pending.job.bytes <= options.commitBytesMax
        {
            bytes += ticket.pending.job.bytes
            unit.append(ticket)
            appends.removeOldest()
        }
        intake.left(jobs: unit.count, bytes: bytes)
        unit.sort { $0.order < $1.order }
        return [unit]
    }

    private func takeOthers() -> [[Ticket]] {
        var units: [[Ticket]] = []
        var bytes = 0
        while units.count < Self.othersMax, let ticket = others.oldest {
            bytes += ticket.pending.job.bytes
            units.append([ticket])
            others.removeOldest()
        }
        intake.left(jobs: units.count, bytes: bytes)
        return units
    }

    func launch(_ units: [[Ticket]], on index: Int) {
        links[index].started = clocks.monotonic()
        links[index].deadline = after(UInt64(options.postgresAnswerMilliseconds) * 1_000_000)
        perform(links[index].connection.fly(units), on: index)
    }

    // MARK: Connections

    func connect(_ index: Int) {
        links[index].started = clocks.monotonic()
        links[index].deadline = after(Self.connectNanoseconds)
        links[index].isNew = true
        links[index].knownPosition = known?.identity.position ?? 0
        perform(links[index].connection.connect(), on: index)
    }

    /// A broken descriptor is ready too: the connection finds out what is wrong with it.
    nonisolated func pollReady(_ events: PollEvents, tag: Int, error: Int32?) {
        assumeIsolated { $0.ready(tag) }
    }

    private func ready(_ index: Int) {
        // libpq may close and reopen its socket while connecting.
        if !links[index].connection.isServing { unwatch(index) }
        perform(links[index].connection.advance(), on: index)
    }

    func perform(_ step: PostgresConnection.Step, on index: Int) {
        switch step {
        case .wait:
            watch(index)
        case .ready(let landings):
            links[index].deadline = nil
            watch(index)
            if index == pulse {
                pulseLanded(landings)
                return
            }
            if links[index].failures > 0 { hurry() }
            let isBack = links[index].failures > 0 && !workers.contains { $0 != index && links[$0].failures > 0 }
            links[index].failures = 0
            if isBack { log.info("connections to postgresql are back") }
            updateHealth()
            if links[index].isNew { meet(index) }
            let again = land(landings, on: index)
            if !again.isEmpty {
                launch(again, on: index)
            } else {
                resumeOpening(with: nil)
                dispatch()
                finishIfDone()
            }
        case .lost(let reason, let landings, let unknown):
            unwatch(index)
            links[index].connection.disconnect()
            // An idle one may be closed for many reasons, and is replaced before anybody needs it.
            let wasNeeded = links[index].deadline != nil
            lose(index, reason)
            for unit in land(landings, on: index) {
                for ticket in unit { answer(ticket, .failure(.unavailable(reason))) }
            }
            for ticket in unknown {
                answer(ticket, .failure(ticket.pending.job.isRead || ticket.isExplaining
                    ? .unavailable(reason) : .uncertain(reason)))
            }
            updateHealth()
            resumeOpening(with: reason)
            if wasNeeded { failed(reason) }
            finishIfDone()
        }
    }

    /// A new connection: is it one with the history that the hub knows?
    private func meet(_ index: Int) {
        links[index].isNew = false
        guard let now = links[index].connection.identity, let known else { return }
        let before = PostgresIdentity(server: known.identity.server, position: links[index].knownPosition)
        if isAdopting || before.isSetBack(now) {
            adopt(now, known, on: index)
        } else {
            self.known?.identity.position = max(known.identity.position, now.position)
        }
    }

    /// Has a new generation begin, unless another hub has seen to it, before anything else happens.
    private func adopt(_ now: PostgresIdentity, _ known: Known, on index: Int) {
        isAdopting = true
        let draw = GenerationDraw(clocks: clocks, entropy: entropy)
        let job = PostgresGeneration.job(draw, server: now.server, known: known.generation)
        Task(executorPreference: loop.tasks) { await self.adopt(now, job, on: index) }
    }

    private func adopt(_ now: PostgresIdentity, _ job: Job, on index: Int) async {
        let answer: Pending.Answer = await withUnsafeContinuation { continuation in
            let ticket = Ticket(Pending(job: job, continuation: continuation), arrived: clocks.monotonic())
            if links[index].connection.isIdle {
                launch([[ticket]], on: index)
            } else {
                self.answer(ticket, .failure(.unavailable("the connection broke")))
            }
        }
        // After a failure the next connection tries.
        guard case .success(.done(let rows)) = answer, let number = PostgresGeneration.number(rows) else {
            if links[index].connection.isIdle {
                perform(links[index].connection.abandon("no generation could be drawn"), on: index)
            }
            return
        }
        known = Known(identity: now, generation: number)
        if isAdopting {
            notice.drew(number, why: "another server, timeline or position of the log answers than before")
        }
        isAdopting = false
        dispatch()
    }

    private func lose(_ index: Int, _ reason: String) {
        links[index].failures += 1
        // 100 ms, doubled each time up to 3.2 s, a little apart for each connection. The first does not
        // wait longer than 400 ms, nor does the pulse: it is how the pool learns that the server is back.
        let doublings = min(links[index].failures - 1, index == 0 || index == pulse ? 2 : 5)
        let delay = UInt64(100 << doublings + index * 17) * 1_000_000
        links[index].deadline = after(delay)
        // A line an outage, not a line a connection.
        if index != pulse, links[index].failures == 1, !health.isOpen,
           !workers.contains(where: { $0 != index && links[$0].failures > 0 }) {
            log.warning("connection to postgresql lost", .word("reason", reason))
        }
    }

    /// One is back: the others need not wait any longer to try.
    func hurry() {
        for index in links.indices where links[index].connection.isDown {
            links[index].deadline = clocks.monotonic()
        }
    }

    private func watch(_ index: Int) {
        guard let interest = links[index].connection.interest else { return }
        let socket = links[index].socket
            ?? PollHandle(loop: loop, descriptor: interest.descriptor, owner: self, tag: index)
        links[index].socket = socket
        socket.watch(interest.events)
    }

    private func unwatch(_ index: Int) {
        links[index].socket?.close()
        links[index].socket = nil
    }

    private func updateHealth() {
        intake.setConnected(workers.contains { links[$0].connection.isServing })
    }

    private func resumeOpening(with reason: String?) {
        guard let waiting = opening else { return }
        opening = nil
        if reason == nil { for index in links.indices.dropFirst() { connect(index) } }
        waiting.resume(returning: reason)
    }

    // MARK: Answers out

    /// Answers what landed; returns the units that have to fly again.
    private func land(_ landings: [Landing], on index: Int) -> [[Ticket]] {
        var again: [[Ticket]] = []
        for landing in landings {
            switch landing.result {
            case .success(let parts):
                count(landing.tickets, since: links[index].started)
                if landing.tickets.contains(where: { !$0.pending.job.isRead && !$0.isExplaining }),
                   health.succeeded() { hurry() }
                for (ticket, rows) in zip(landing.tickets, parts) {
                    answer(ticket, .success(ticket.isExplaining ? .refused(rows) : .done(rows)))
                }
            case .failure where landing.tickets.count > 1:
                // Nobody knows whose fault it was: each for itself.
                again += landing.tickets.map { [$0] }
            case .failure(let failure):
                var ticket = landing.tickets[0]
                ticket.attempts += 1
                switch failure {
                case .constraint where !ticket.isExplaining && ticket.pending.job.explain != nil:
                    ticket.statements = ticket.pending.job.explain?() ?? []
                    ticket.isExplaining = true
                    if ticket.statements.isEmpty {
                        answer(ticket, .success(.refused([])))
                    } else {
                        again.append([ticket])
                    }
                case .contention where ticket.attempts < Self.attemptsMax:
                    again.append([ticket])
                default:
                    answer(ticket, .failure(failure.storeError))
                    refused(failure)
                }
            }
        }
        return again
    }

    private func count(_ tickets: [Ticket], since start: MonotonicNanoseconds) {
        if tickets[0].pending.job.isRead || tickets[0].isExplaining {
            metrics.reads.add()
            return
        }
        metrics.commits.add()
        metrics.jobs.add(UInt64(tickets.count))
        metrics.commitTime.record(nanoseconds: clocks.monotonic().value - start.value)
    }

    private func answer(_ ticket: Ticket, _ answer: Pending.Answer) {
        ticket.pending.continuation?.resume(returning: answer)
    }

    private func finishIfDone() {
        guard isClosing, let waiting = closed, appends.isEmpty, others.isEmpty,
            !workers.contains(where: { links[$0].connection.isFlying })
        else { return }
        closed = nil
        for index in links.indices {
            unwatch(index)
            links[index].connection.disconnect()
            links[index].deadline = nil
        }
        updateHealth()
        waiting.resume()
    }

    // MARK: Time

    private func after(_ nanoseconds: UInt64) -> MonotonicNanoseconds {
        MonotonicNanoseconds(clocks.monotonic().value + nanoseconds)
    }

    /// Looks at all deadlines ten times a second: none of them needs to be exact.
    private func tick() {
        if isClosing, closed == nil, appends.isEmpty, others.isEmpty { return }
        let now = clocks.monotonic()
        tickPulse(now)
        for index in workers {
            guard let deadline = links[index].deadline, deadline < now else { continue }
            if links[index].connection.isDown {
                if opening == nil, !health.isOpen { connect(index) }
            } else {
                perform(links[index].connection.abandon("no answer in time"), on: index)
            }
        }
        let patience = UInt64(options.postgresWaitMilliseconds) * 1_000_000
        expire(&appends, now, patience)
        expire(&others, now, patience)
        finishIfDone()
        loop.submit(afterMilliseconds: Self.tickMilliseconds) { [weak self] in
            self?.assumeIsolated { $0.tick() }
        }
    }

    /// Nobody is to wait for the server any more. What it was doing may have happened.
    func sendAllAway(_ reason: String) {
        expire(&appends, reason)
        expire(&others, reason)
        for index in links.indices where links[index].deadline != nil && !links[index].connection.isDown {
            perform(links[index].connection.abandon(reason), on: index)
        }
    }

    private func expire(_ queue: inout TicketQueue, _ reason: String) {
        while let ticket = queue.oldest {
            queue.removeOldest()
            intake.left(jobs: 1, bytes: ticket.pending.job.bytes)
            answer(ticket, .failure(.unavailable(reason)))
        }
    }

    /// Jobs that found no connection for too long.
    private func expire(_ queue: inout TicketQueue, _ now: MonotonicNanoseconds, _ patience: UInt64) {
        while let ticket = queue.oldest, ticket.arrived.value + patience < now.value {
            queue.removeOldest()
            intake.left(jobs: 1, bytes: ticket.pending.job.bytes)
            answer(ticket, .failure(.unavailable("no connection to postgresql")))
        }
    }
}

extension Ticket {
    fileprivate var order: (UInt64, UInt64) {
        if case .append(let order) = pending.job.access { order } else { (0, 0) }
    }
}

/// First in, first out; removing is cheap.
struct TicketQueue {
    private var tickets: [Ticket] = []
    private var start = 0

    var isEmpty: Bool { start == tickets.count }
    var oldest: Ticket? { isEmpty ? nil : tickets[start] }
    mutating func push(_ ticket: Ticket) { tickets.append(ticket) }
    mutating func removeOldest() {
        start += 1
        // Each is moved at most once for each time it was pushed.
        if start * 2 >= tickets.count {
            tickets.removeFirst(start)
            start = 0
        }
    }
}
