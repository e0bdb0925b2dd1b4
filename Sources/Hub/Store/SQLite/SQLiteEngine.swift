// The embedded database: one writer thread that gives one commit (one fsync) to all that waits, and a few reader
// threads. In WAL mode readers, the writer and the Checkpointer do not wait for each other. One hub per file: a
// lock file is held for as long as the process lives.

import Model
import Ports

final class SQLiteEngine: Engine {
    private let writes: JobQueue
    private let reads: JobQueue
    private let threads: Lock<[WorkerThread]>
    private let health: StoreHealth
    private let watch: WriterWatch
    private let metrics: StoreMetrics
    private let fileLock: FileLock

    /// Opens or creates the file, brings its tables up to date, and starts the threads.
    init(path: String, migrator: Migrator, options: StoreOptions, metrics all: Metrics,
         clocks: any Clocks, draw: GenerationDraw, notice: GenerationNotice, log: Log) async throws(OpenError)
    {
        let metrics = StoreMetrics(all)
        let fileLock = try FileLock(database: path)
        let witness: Witness
        let writer: SQLiteConnection
        let copier: SQLiteConnection
        var readers: [SQLiteConnection] = []
        do throws(OpenError) {
            witness = try Witness(database: fileLock.path)
            try await Self.migrate(path, migrator, witness, draw, notice)
            do throws(Failure) {
                writer = try SQLiteConnection(path: path, readOnly: false)
                copier = try SQLiteConnection(path: path, readOnly: false)
                for _ in 0..<options.sqliteReaders {
                    readers.append(try SQLiteConnection(path: path, readOnly: true))
                }
            } catch {
                throw .sqlite(error, path: path)
            }
        } catch {
            fileLock.release()
            throw error
        }

        witness.fileChanged()
        self.metrics = metrics
        self.fileLock = fileLock
        let health = StoreHealth(all, clocks: clocks, log: log)
        let writes = JobQueue(jobsMax: options.queueJobsMax, bytesMax: options.queueBytesMax,
                              metrics: metrics)
        let reads = JobQueue(jobsMax: options.queueJobsMax, bytesMax: options.queueBytesMax,
                             metrics: metrics)
        let watch = WriterWatch(database: path, queue: writes, health: health, options: options, clocks: clocks)
        self.health = health
        self.watch = watch
        self.writes = writes
        self.reads = reads

        // SAFETY: each connection is used by its one thread from here on, and by nobody else.
        nonisolated(unsafe) let own = writer
        let checkpointer = Checkpointer(connection: copier, witness: witness, metrics: metrics, clocks: clocks)
        var threads = [
            WorkerThread {
                SQLiteWriter(connection: own, checkpointer: checkpointer, witness: witness, metrics: metrics,
                             clocks: clocks, watch: watch, health: health)
                    .run(writes, jobsMax: options.commitJobsMax, bytesMax: options.commitBytesMax)
            }
        ]
        for reader in readers {
            // SAFETY: as above.
            nonisolated(unsafe) let own = reader
            threads.append(WorkerThread { Self.read(reads, own, metrics) })
        }
        self.threads = Lock(threads)
    }

    /// On a connection of its own, whose statements nobody needs again.
    private static func migrate(_ path: String, _ migrator: Migrator, _ witness: Witness, _ draw: GenerationDraw,
                                _ notice: GenerationNotice) async throws(OpenError) {
        let connection: SQLiteConnection
        do throws(Failure) {
            connection = try SQLiteConnection(path: path, readOnly: false)
        } catch {
            throw .sqlite(error, path: path)
        }
        do throws(MigrationError) {
            try await migrator.run(on: connection) { connection throws(Failure) in
                try await begin(connection, witness, draw, notice)
            }
        } catch {
            throw .migration(error) { .sqlite($0, path: path) }
        }
    }

    /// Begins a run of this database, and a new generation if it was set back since the last one.
    private static func begin(_ connection: SQLiteConnection, _ witness: Witness, _ draw: GenerationDraw,
                              _ notice: GenerationNotice) async throws(Failure) {
        _ = try connection.run(GenerationSQL.establish())
        let row = try connection.run(GenerationSQL.find()).first
        guard let row, let number = try? row.count(0), let last = try? row.integer(1), let beat = try? row.integer(2)
        else { throw .fault("the row of the generation is damaged") }
        let run = Int64(bitPattern: draw.epoch << 10 ^ draw.step) & .max
        witness.willBegin(run)
        let isSetBack = witness.isSetBack(run: last, beat: beat)
        _ = try await connection.transact((isSetBack ? draw.statements : []) + [GenerationSQL.beginRun(.integer(run))])
        try connection.execute("PRAGMA user_version = \(Witness.token(run))")
        // So that the file itself has all of this, and its log begins as one of this run.
        try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        witness.didBegin(run)
        if isSetBack {
            notice.drew(max(draw.epoch, number + draw.step), why: "it is not what its witness says it was last")
        }
    }

    var problem: String? { health.problem }

    func run(_ job: Job) async throws(StoreError) -> JobOutcome {
        let queue = job.isRead ? reads : writes
        // Reads do without the writer.
        if !job.isRead, let refusal = health.refusal(job) {
            metrics.count(refusal)
            throw refusal
        }
        let answer: Pending.Answer = await withUnsafeContinuation { continuation in
            switch queue.push(Pending(job: job, continuation: continuation)) {
            case .accepted: break
            case .full: continuation.resume(returning: .failure(.overloaded))
            case .closed:
                continuation.resume(returning: .failure(.unavailable("the store is closed")))
            }
        }
        if case .failure(let error) = answer { metrics.count(error) }
        return try answer.get()
    }

    func close() async {
        writes.close()
        reads.close()
        let running = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        if !running.isEmpty { watch.close() }
        // It ends with the process.
        if watch.isStuck { return }
        // Blocks the caller for at most what is queued; there is nothing to serve any more.
        for thread in running { thread.join() }
        if !running.isEmpty { fileLock.release() }
    }

    private static func read(_ queue: JobQueue, _ connection: SQLiteConnection,
                             _ metrics: StoreMetrics) {
        while let pending = queue.take(jobs: 1, bytes: 0).first {
            var rows: [Rows] = []
            var answer: Pending.Answer
            do throws(Failure) {
                for statement in pending.job.statements { rows.append(try connection.run(statement)) }
                answer = .success(.done(rows))
                metrics.reads.add()
            } catch {
                answer = .failure(error.storeError)
            }
            pending.continuation?.resume(returning: answer)
        }
    }
}

/// The writer's loop: all that waits, one transaction, a savepoint per job, one commit, the answers.
struct SQLiteWriter {
    let connection: SQLiteConnection
    let checkpointer: Checkpointer
    let witness: Witness
    let metrics: StoreMetrics
    let clocks: any Clocks
    let watch: WriterWatch
    let health: StoreHealth

    func run(_ queue: JobQueue, jobsMax: Int, bytesMax: Int) {
        connection.leaveCheckpoints()
        while true {
            let batch = queue.take(jobs: jobsMax, bytes: bytesMax)
            if batch.isEmpty { break }
            watch.began(batch)
            let answers = answers(batch)
            // Those who were sent away have had theirs.
            if watch.isDone() {
                for (pending, answer) in zip(batch, answers) { pending.continuation?.resume(returning: answer) }
            }
            checkpointer.committed(pages: connection.logPages, writer: connection)
            let bytes = connection.logPages * Dialect.sqlitePageBytes
            metrics.logBytes.set(Int64(bytes))
            health.logLength(bytes)
        }
        checkpointer.close()
        witness.fileWillChange()
        try? connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    private func answers(_ batch: [Pending]) -> [Pending.Answer] {
        let start = clocks.monotonic()
        do throws(Failure) {
            let answers = try commit(batch)
            watch.succeeded()
            metrics.commits.add()
            metrics.jobs.add(UInt64(batch.count))
            metrics.commitTime.record(nanoseconds: clocks.monotonic().value - start.value)
            return answers
        } catch {
            if connection.isInTransaction { try? connection.rollBack() }
            let failed = error.storeError
            guard case .storageFull = error else {
                watch.failed("\(error.text)")
                return batch.map { _ in .failure(failed) }
            }
            // What is no content goes into the room that was kept for it.
            guard watch.ranOutOfRoom(), batch.contains(where: { !$0.job.isContent }) else {
                return batch.map { _ in .failure(failed) }
            }
            var rest = answers(batch.filter { !$0.job.isContent }).makeIterator()
            return batch.map { $0.job.isContent ? .failure(failed) : rest.next() ?? .failure(failed) }
        }
    }

    /// Throws when the transaction as a whole failed.
    private func commit(_ batch: [Pending]) throws(Failure) -> [Pending.Answer] {
        try connection.begin()
        var answers: [Pending.Answer] = []
        answers.reserveCapacity(batch.count)
        for pending in batch { answers.append(try attempt(pending.job)) }
        let hasBeat = witness.wantsBeat(at: clocks.monotonic())
        if hasBeat { _ = try connection.run(GenerationSQL.beat()) }
        try connection.commit()
        if hasBeat { witness.beaten() }
        return answers
    }

    /// Throws what concerns the whole transaction; a job's own failure is its answer.
    private func attempt(_ job: Job) throws(Failure) -> Pending.Answer {
        try connection.setSavepoint()
        do throws(Failure) {
            let rows = try all(job.statements)
            try connection.releaseSavepoint()
            return .success(.done(rows))
        } catch {
            // A full disk or a failed write concerns everybody, and SQLite may have rolled back.
            guard connection.isInTransaction, error.isOfOneJob else { throw error }
            try connection.rollBackToSavepoint()
            guard case .constraint = error, let explain = job.explain else {
                return .failure(error.storeError)
            }
            return .success(.refused(try all(explain())))
        }
    }

    private func all(_ statements: [Bound]) throws(Failure) -> [Rows] {
        var rows: [Rows] = []
        rows.reserveCapacity(statements.count)
        for statement in statements { rows.append(try connection.run(statement)) }
        return rows
    }
}

extension Failure {
    fileprivate var isOfOneJob: Bool {
        switch self {
        case .constraint, .fault: true
        case .contention, .storageFull, .unavailable, .uncertain: false
        }
    }
}
