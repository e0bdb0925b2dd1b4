// One connection to PostgreSQL as a state machine: libpq without blocking, in pipeline mode. The pool
// calls `advance` when the socket is ready and does what the returned step says; nothing calls up.
//
// A flight is a list of units, each a transaction: its statements are sent in one go and closed by a
// Sync, which commits them together or, after an error, not at all (PostgreSQL documentation, 34.5 and
// 55.2.3). There is no BEGIN and no round trip inside. What Sync has not confirmed when the connection
// breaks may or may not have happened.

import CPQ
import Loop
import Model
import Ports

/// A job on its way through a connection.
struct Ticket {
    let pending: Pending
    let arrived: MonotonicNanoseconds
    var statements: [Bound]
    /// The statements are those that tell why the job's own were refused.
    var isExplaining = false
    var attempts = 0

    init(_ pending: Pending, arrived: MonotonicNanoseconds) {
        self.pending = pending
        self.arrived = arrived
        statements = pending.job.statements
    }
}

/// How a unit came down: the rows of each statement of each of its tickets, or nothing was changed.
struct Landing {
    let tickets: [Ticket]
    let result: Result<[[Rows]], Failure>
}

/// Belongs to the pool's loop; not Sendable.
final class PostgresConnection {
    enum Step {
        /// Nothing to do until the socket is ready again.
        case wait
        /// Connected and set up, or all units have landed: it can take a flight.
        case ready([Landing])
        /// It is of no more use, with the tickets whose end is not known; to be disconnected.
        case lost(reason: String, [Landing], unknown: [Ticket])
    }

    private enum State {
        case down
        case connecting(PostgresPollingStatusType)
        case settingUp
        case idle
        case flying
    }

    /// What the next results are for, in the order they were sent.
    private enum Expected {
        case prepared(SQL, UInt32)
        case rows
        case sync
    }

    let number: Int
    /// What this session is one with, once it is set up.
    private(set) var identity: PostgresIdentity?
    private let target: PostgresTarget
    private var handle: OpaquePointer?
    private var state = State.down
    private var expected: [Expected] = []
    private var next = 0
    private var prepared: [ObjectIdentifier: (number: UInt32, sql: SQL)] = [:]
    private var preparedCount: UInt32 = 0

    private var units: [[Ticket]] = []
    private var landed = 0
    private var rows: [Rows] = []
    private var failure: Failure?
    private var landings: [Landing] = []
    /// There are bytes that the socket did not take yet.
    private var hasUnsent = false

    init(number: Int, target: PostgresTarget) {
        self.number = number
        self.target = target
    }

    deinit { disconnect() }

    // MARK: What the pool sees

    var isIdle: Bool {
        if case .idle = state { true } else { false }
    }
    var isDown: Bool {
        if case .down = state { true } else { false }
    }
    var isServing: Bool {
        switch state {
        case .idle, .flying: true
        case .down, .connecting, .settingUp: false
        }
    }
    var isFlying: Bool {
        if case .flying = state { true } else { false }
    }

    /// The socket and what to wait for; it may change with every step while connecting.
    var interest: (descriptor: Int32, events: PollEvents)? {
        guard let handle, case let descriptor = PQsocket(handle), descriptor >= 0 else { return nil }
        switch state {
        case .down: return nil
        case .connecting(let status):
            return (descriptor, status == PGRES_POLLING_WRITING ? .writable : .readable)
        case .settingUp, .idle, .flying:
            return (descriptor, hasUnsent ? [.readable, .writable] : .readable)
        }
    }

    /// Starts to connect. Looking up a host's name may block; an address does not.
    func connect() -> Step {
        precondition(handle == nil)
        handle = target.withParameters { PQconnectStartParams($0, $1, 1) }
        guard let handle, PQstatus(handle) != CONNECTION_BAD else { return lost("cannot connect") }
        // Notices would go to stderr.
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        state = .connecting(PGRES_POLLING_WRITING)
        return .wait
    }

    /// The socket is ready, for reading or writing or both.
    func advance() -> Step {
        switch state {
        case .down:
            return .wait
        case .connecting:
            let status = PQconnectPoll(handle)
            switch status {
            case PGRES_POLLING_FAILED: return lost("cannot connect")
            case PGRES_POLLING_OK: return setUp()
            default:
                state = .connecting(status)
                return .wait
            }
        case .settingUp:
            return receiveSetUp()
        case .idle, .flying:
            return receive()
        }
    }

    /// Sends one transaction for each unit.
    func fly(_ units: [[Ticket]]) -> Step {
        precondition(isIdle && !units.isEmpty)
        self.units = units
        landed = 0
        landings = []
        failure = nil
        rows = []
        expected.removeAll(keepingCapacity: true)
        next = 0
        state = .flying
        guard sendPreparations(), units.allSatisfy({ sendUnit($0) }) else { return lost("cannot send") }
        return flush() ? .wait : lost("cannot send")
    }

    /// Gives it up; `unknown` is what it was doing.
    func abandon(_ reason: String) -> Step { lost(reason) }

    // MARK: Setting up

    private func setUp() -> Step {
        guard PQsetnonblocking(handle, 1) == 0,
            PQsendQuery(handle, Dialect.postgresSession(target.statementMilliseconds)) == 1, flush()
        else { return lost("cannot set up the session") }
        state = .settingUp
        return .wait
    }

    private func receiveSetUp() -> Step {
        guard PQconsumeInput(handle) == 1, flush() else { return lost("lost while setting up") }
        while PQisBusy(handle) == 0 {
            guard let result = PQgetResult(handle) else {
                // The last result was read: on to work.
                guard PQenterPipelineMode(handle) == 1 else { return lost("no pipeline mode") }
                state = .idle
                return .ready([])
            }
            defer { PQclear(result) }
            guard PQresultStatus(result) == PGRES_TUPLES_OK else {
                return lost(PostgresError.text(result))
            }
            let facts = PostgresRows.decodeText(result)
            if let problem = Dialect.postgresProblem(facts) { return lost(problem) }
            identity = Dialect.postgresIdentity(facts)
        }
        return .wait
    }

    // MARK: Sending

    /// Statements new to this session are prepared in a transaction of their own, so that a failing
    /// unit does not take them along.
    private func sendPreparations() -> Bool {
        var fresh: Set<ObjectIdentifier> = []
        for unit in units {
            for ticket in unit {
                for bound in ticket.statements {
                    let key = ObjectIdentifier(bound.sql)
                    if prepared[key] != nil || !fresh.insert(key).inserted { continue }
                    preparedCount += 1
                    let types = bound.values.map { PostgresValue.type($0.kind) }
                    let text = Dialect.postgres.render(bound.sql.text)
                    guard PQsendPrepare(handle, "s\(preparedCount)", text, Int32(types.count), types) == 1
                    else { return false }
                    expected.append(.prepared(bound.sql, preparedCount))
                    prepared[key] = (preparedCount, bound.sql)
                }
            }
        }
        return fresh.isEmpty || sendSync()
    }

    private func sendUnit(_ unit: [Ticket]) -> Bool {
        for ticket in unit {
            for bound in ticket.statements {
                guard let entry = prepared[ObjectIdentifier(bound.sql)] else { return false }
                let sent = PostgresValue.withParameters(bound.values) { count, values, lengths, formats in
                    PQsendQueryPrepared(handle, "s\(entry.number)", count, values, lengths, formats, 1)
                }
                guard sent == 1 else { return false }
                expected.append(.rows)
            }
        }
        return sendSync()
    }

    private func sendSync() -> Bool {
        expected.append(.sync)
        return PQpipelineSync(handle) == 1
    }

    private func flush() -> Bool {
        let code = PQflush(handle)
        hasUnsent = code == 1
        return code >= 0
    }

    // MARK: Receiving

    private func receive() -> Step {
        guard PQconsumeInput(handle) == 1, flush() else { return lost("the connection broke") }
        var nulls = 0
        while next < expected.count, PQisBusy(handle) == 0 {
            // Between the results of two statements there is a null; more make no sense.
            guard let result = PQgetResult(handle) else {
                nulls += 1
                guard nulls < 3, PQstatus(handle) == CONNECTION_OK else {
                    return lost("the connection broke")
                }
                continue
            }
            nulls = 0
            defer { PQclear(result) }
            let status = PQresultStatus(result)
            if status == PGRES_FATAL_ERROR, PQstatus(handle) == CONNECTION_BAD {
                return lost(PostgresError.text(result))
            }
            accept(result, status)
        }
        if case .flying = state, next == expected.count {
            state = .idle
            units = []
            defer { landings = [] }
            return .ready(landings)
        }
        return .wait
    }

    private func accept(_ result: OpaquePointer, _ status: ExecStatusType) {
        let what = expected[next]
        next += 1
        switch (what, status) {
        case (.sync, PGRES_PIPELINE_SYNC):
            closeUnit()
        case (.prepared, PGRES_COMMAND_OK):
            break
        case (.prepared(let sql, _), _):
            prepared[ObjectIdentifier(sql)] = nil
            failure = failure ?? PostgresError.failure(result)
        case (.rows, PGRES_TUPLES_OK), (.rows, PGRES_COMMAND_OK):
            rows.append(PostgresRows.decode(result))
        case (.rows, PGRES_PIPELINE_ABORTED):
            failure = failure ?? .fault("a statement was skipped")
        case (.rows, _):
            failure = failure ?? PostgresError.failure(result)
        case (.sync, _):
            // The commit itself failed; its Sync is still to come.
            failure = failure ?? PostgresError.failure(result)
            next -= 1
        }
    }

    /// A Sync was confirmed: what was before it is durable, or undone.
    private func closeUnit() {
        defer {
            rows = []
            failure = nil
        }
        // The one before the first unit belongs to the preparations.
        let syncs = expected[next...].count { if case .sync = $0 { true } else { false } }
        guard syncs < units.count else { return }
        let unit = units[landed]
        landed += 1
        if let failure {
            landings.append(Landing(tickets: unit, result: .failure(failure)))
            return
        }
        var parts: [[Rows]] = []
        var start = 0
        for ticket in unit {
            parts.append(Array(rows[start..<start + ticket.statements.count]))
            start += ticket.statements.count
        }
        landings.append(Landing(tickets: unit, result: .success(parts)))
    }

    /// The socket stays open until `disconnect`: somebody may still be watching it.
    private func lost(_ what: String) -> Step {
        let detail = handle.map { target.redact(String(cString: PQerrorMessage($0))) } ?? ""
        let unknown = units.dropFirst(landed).flatMap { $0 }
        state = .down
        return .lost(reason: detail.isEmpty ? what : detail, landings, unknown: unknown)
    }

    /// Closes the socket and forgets the session.
    func disconnect() {
        if let handle { PQfinish(handle) }
        handle = nil
        state = .down
        identity = nil
        prepared = [:]
        preparedCount = 0
        expected = []
        next = 0
        units = []
        landed = 0
        landings = []
        rows = []
        failure = nil
        hasUnsent = false
    }
}
