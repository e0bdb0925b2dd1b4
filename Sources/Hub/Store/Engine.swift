// The databases behind the store: SQLite and PostgreSQL. An engine takes jobs from any thread, into a
// bounded queue, and commits as many writes at once as wait.

import Ports

protocol Engine: Sendable {
    /// Runs one job. Returns when a write is durable.
    func run(_ job: Job) async throws(StoreError) -> JobOutcome
    /// Why no post is taken now, in words; `nil`: they are, as far as is known without asking the database.
    var problem: String? { get }
    /// Takes no more jobs, finishes those it has, and lets go of the database.
    func close() async
}

/// What every engine counts.
struct StoreMetrics: Sendable {
    let commits: Counter
    let jobs: Counter
    let reads: Counter
    let commitTime: DurationHistogram
    let checkpointTime: DurationHistogram
    let logBytes: Gauge
    let queueJobs: Gauge
    let queueBytes: Gauge
    private let unavailable: Counter
    private let uncertain: Counter
    private let overloaded: Counter
    private let storageFull: Counter
    private let fault: Counter

    init(_ metrics: Metrics) {
        commits = metrics.counter("hub_store_commits_total", help: "Transactions committed.")
        jobs = metrics.counter(
            "hub_store_writes_total", help: "Writes committed; by commits: writes per commit.")
        reads = metrics.counter("hub_store_reads_total", help: "Reads answered.")
        commitTime = metrics.histogram(
            "hub_store_commit_seconds", help: "From the start of a transaction until it is durable.")
        checkpointTime = metrics.histogram(
            "hub_store_checkpoint_seconds", help: "Copying from SQLite's write-ahead log into its file.")
        logBytes = metrics.gauge("hub_store_log_bytes", help: "Length of SQLite's write-ahead log.")
        queueJobs = metrics.gauge("hub_store_queue_jobs", help: "Jobs that wait for the database.")
        queueBytes = metrics.gauge("hub_store_queue_bytes", help: "Bytes in jobs that wait.")
        func errors(_ kind: String) -> Counter {
            metrics.counter("hub_store_errors_total", labels: "class=\"\(kind)\"",
                            help: "Jobs that failed, by class.")
        }
        unavailable = errors("unavailable")
        uncertain = errors("uncertain")
        overloaded = errors("overloaded")
        storageFull = errors("storage_full")
        fault = errors("fault")
    }

    func count(_ error: StoreError) {
        switch error {
        case .unavailable: unavailable.add()
        case .uncertain: uncertain.add()
        case .overloaded: overloaded.add()
        case .storageFull: storageFull.add()
        case .fault: fault.add()
        }
    }
}

/// A job and the task that waits for it.
struct Pending: Sendable {
    typealias Answer = Result<JobOutcome, StoreError>
    let job: Job
    /// `nil`: nobody waits; it is a probe of the engine's own.
    let continuation: UnsafeContinuation<Answer, Never>?
}

/// What engines ask a database in order to know how it is.
enum ProbeSQL {
    /// Writes, and changes nothing.
    static let write = SharedStatement("UPDATE hub_migration SET name = name WHERE number = 1")
    static let read = SharedStatement("SELECT 1")
    static let postgresSize = SharedStatement("SELECT pg_database_size(current_database())")
}
