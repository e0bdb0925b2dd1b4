// PostgreSQL behind the store: a loop of its own with a pool of connections, and the bounded way in.

import Loop
import Model
import Ports

final class PostgresEngine: Engine {
    private let loop: Loop
    private let pool: PostgresPool
    private let metrics: StoreMetrics
    private let health: StoreHealth
    private let isClosed = Lock(false)

    /// How long one migration may take, or the hub that is faster.
    private static let migrationMilliseconds: UInt32 = 3_600_000

    /// Connects, brings the tables up to date, and starts serving.
    init(url: String, migrator: Migrator, options: StoreOptions, metrics all: Metrics,
         clocks: any Clocks, entropy: any Entropy, draw: GenerationDraw, notice: GenerationNotice,
         log: Log) async throws(OpenError)
    {
        let loop = Loop(name: "store", metrics: all)
        let metrics = StoreMetrics(all)
        let health = StoreHealth(all, clocks: clocks, log: log)
        func pool(_ options: StoreOptions, _ health: StoreHealth,
                  _ known: PostgresPool.Known? = nil) async throws(OpenError) -> PostgresPool {
            let target = try PostgresTarget(
                url: url, statementMilliseconds: options.postgresAnswerMilliseconds)
            let pool = PostgresPool(loop: loop, target: target, options: options, metrics: metrics, health: health,
                                    clocks: clocks, entropy: entropy, known: known, notice: notice, log: log)
            if let reason = await pool.open() {
                await pool.close()
                throw .postgres(reason)
            }
            return pool
        }
        do throws(OpenError) {
            // One session that takes as long as it needs: the lock of the migrations belongs to it.
            var patient = options
            patient.postgresConnections = 1
            patient.postgresAnswerMilliseconds = Self.migrationMilliseconds
            patient.postgresPulseMilliseconds = 0
            let first = try await pool(patient, StoreHealth(Metrics(), clocks: clocks, log: .silent))
            var known: PostgresPool.Known?
            do throws(MigrationError) {
                try await migrator.run(on: PostgresMigration(pool: first)) { connection throws(Failure) in
                    guard let identity = await first.identity else { throw .unavailable("the connection broke") }
                    let number = try await PostgresGeneration.settle(on: connection, identity, draw, notice)
                    known = PostgresPool.Known(identity: identity, generation: number)
                }
            } catch {
                await first.close()
                throw .migration(error) { .postgres("\($0)") }
            }
            await first.close()
            self.pool = try await pool(options, health, known)
        } catch {
            loop.stop()
            throw error
        }
        self.loop = loop
        self.metrics = metrics
        self.health = health
    }

    var problem: String? {
        health.problem ?? (pool.intake.isConnected ? nil : "there is no connection to PostgreSQL")
    }

    func run(_ job: Job) async throws(StoreError) -> JobOutcome {
        let answer = await pool.intake.run(job)
        if case .failure(let error) = answer { metrics.count(error) }
        return try answer.get()
    }

    func close() async {
        let isFirst = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return !isClosed
        }
        guard isFirst else { return }
        await pool.close()
        loop.stop()
    }
}

/// The migrator's view of a pool with one connection.
struct PostgresMigration: MigrationConnection {
    let pool: PostgresPool
    func transact(_ statements: [Bound]) async throws(Failure) -> [Rows] {
        switch await pool.intake.run(Job(.write, statements)) {
        case .success(.done(let rows)), .success(.refused(let rows)): return rows
        case .failure(.unavailable(let text)): throw .unavailable(text)
        case .failure(.uncertain(let text)): throw .uncertain(text)
        case .failure(.overloaded): throw .unavailable("overloaded")
        case .failure(.storageFull): throw .storageFull
        case .failure(.fault(let text)): throw .fault(text)
        }
    }
}

/// The door of the pool: any thread puts jobs in, up to a limit, and wakes the loop once per burst.
final class PostgresIntake: Sendable {
    private struct State {
        var inbox: [Pending] = []
        var isWaking = false
        var isClosed = false
        var isConnected = false
        var jobs = 0
        var bytes = 0
        weak var pool: PostgresPool?
    }
    private let state = Lock(State())
    private let loop: Loop
    private let options: StoreOptions
    private let metrics: StoreMetrics
    private let health: StoreHealth

    init(loop: Loop, options: StoreOptions, metrics: StoreMetrics, health: StoreHealth) {
        self.loop = loop
        self.options = options
        self.metrics = metrics
        self.health = health
    }

    func attach(_ pool: PostgresPool) { state.withLock { $0.pool = pool } }

    var isConnected: Bool { state.withLock { $0.isConnected } }
    func setConnected(_ isConnected: Bool) { state.withLock { $0.isConnected = isConnected } }

    func run(_ job: Job) async -> Pending.Answer {
        if let refusal = health.refusal(job) { return .failure(refusal) }
        return await withUnsafeContinuation { continuation in
            let refusal: StoreError? = state.withLock { state in
                if state.isClosed { return .unavailable("the store is closed") }
                if state.jobs >= options.queueJobsMax
                    || state.jobs > 0 && state.bytes + job.bytes > options.queueBytesMax
                {
                    return .overloaded
                }
                state.jobs += 1
                state.bytes += job.bytes
                state.inbox.append(Pending(job: job, continuation: continuation))
                return nil
            }
            if let refusal {
                continuation.resume(returning: .failure(refusal))
                return
            }
            metrics.queueJobs.add(1)
            metrics.queueBytes.add(Int64(job.bytes))
            wake()
        }
    }

    private func wake() {
        let pool: PostgresPool? = state.withLock { state in
            if state.isWaking { return nil }
            state.isWaking = true
            return state.pool
        }
        guard let pool else { return }
        loop.submit { pool.assumeIsolated { $0.admit() } }
    }

    func take() -> [Pending] {
        state.withLock { state in
            state.isWaking = false
            defer { state.inbox = [] }
            return state.inbox
        }
    }

    /// Jobs that wait no more.
    func left(jobs: Int, bytes: Int) {
        state.withLock { state in
            state.jobs -= jobs
            state.bytes -= bytes
        }
        metrics.queueJobs.add(Int64(-jobs))
        metrics.queueBytes.add(Int64(-bytes))
    }

    func close() { state.withLock { $0.isClosed = true } }
}
