// Looks after SQLite's writer from a thread beside it: when a commit does not come to its end (the disk hangs,
// another program holds the lock), it opens the circuit breaker and sends away who waits; while writes are refused,
// or there is no room, it puts probes into the queue and makes the reserve again.

import Glibc
import Model
import Ports

final class WriterWatch: @unchecked Sendable {
    // SAFETY: `ended` is a semaphore, and stable; `batch` is a Lock; `thread` is touched by `init` and `close` only,
    // the rest on the watch's thread only.
    private struct Batch {
        var jobs: [Pending]
        let since: MonotonicNanoseconds
    }
    private static let tickNanoseconds: Int = 100_000_000
    /// Between two looks for room.
    private static let roomNanoseconds: UInt64 = 1_000_000_000
    private static let measureNanoseconds: UInt64 = 10_000_000_000

    /// What the writer is at; jobs are taken out by whoever answers them.
    private let batch = Lock<Batch?>(nil)
    private let queue: JobQueue
    private let health: StoreHealth
    private let reserve: Reserve
    private let usesReserve: Bool
    private let options: StoreOptions
    private let clocks: any Clocks
    private let ended = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    private var thread: WorkerThread?
    private var lookedAt = MonotonicNanoseconds(0)
    private var measuredAt = MonotonicNanoseconds(0)
    private let database: String

    init(database: String, queue: JobQueue, health: StoreHealth, options: StoreOptions, clocks: any Clocks) {
        self.database = database
        self.queue = queue
        self.health = health
        self.options = options
        self.clocks = clocks
        reserve = Reserve(database: database, bytes: options.sqliteReserveBytes)
        precondition(sem_init(ended, 0, 0) == 0)
        let isMade = reserve.isWorthwhile && reserve.make()
        // Where there is room and it cannot be made all the same (a limit on the size of files), there is none.
        usesReserve = isMade || reserve.isWorthwhile && !reserve.hasRoom
        if usesReserve, !isMade { health.setNoRoom(Self.full) }
        thread = WorkerThread { [unowned self] in run() }
    }

    deinit {
        sem_destroy(ended)
        ended.deallocate()
    }

    private static let full = "the disk of the database is full or read-only"

    // MARK: On the writer's thread

    func began(_ jobs: [Pending]) {
        let now = clocks.monotonic()
        batch.withLock { $0 = Batch(jobs: jobs, since: now) }
    }

    /// - Returns: `false` when nobody waits for the answers any more.
    func isDone() -> Bool {
        batch.withLock { batch in
            defer { batch = nil }
            return batch?.jobs.isEmpty == false
        }
    }

    /// There is no room. `true`: there is some for what is not content, and will be tried again.
    func ranOutOfRoom() -> Bool {
        let hadReserve = reserve.giveUp()
        // Without a reserve, who tries finds out whether there is room.
        health.setNoRoom(Self.full, isFinal: usesReserve)
        health.succeeded(isDurable: false)
        return hadReserve
    }

    func succeeded() {
        // Without a reserve, this is how it is known that there is room again.
        if health.hasNoRoom, !usesReserve { health.setNoRoom(nil) }
        health.succeeded()
    }

    func failed(_ reason: String) {
        if health.failed(reason) { sendAllAway(reason) }
    }

    // MARK: On the thread of the watch

    /// The writer does not come back from a call: nobody may wait for its thread.
    var isStuck: Bool {
        guard let since = batch.withLock({ $0?.since }) else { return false }
        return health.isOpen && since.value + late < clocks.monotonic().value
    }

    private var late: UInt64 { UInt64(options.answerMilliseconds) * 1_000_000 }

    func close() {
        sem_post(ended)
        thread?.join()
        thread = nil
    }

    private func run() {
        while true {
            var end = timespec()
            clock_gettime(CLOCK_REALTIME, &end)
            end.tv_nsec += Self.tickNanoseconds
            if end.tv_nsec >= 1_000_000_000 {
                end.tv_nsec -= 1_000_000_000
                end.tv_sec += 1
            }
            if sem_timedwait(ended, &end) == 0 { return }
            tick(clocks.monotonic())
        }
    }

    private func tick(_ now: MonotonicNanoseconds) {
        let since = batch.withLock { $0?.since }
        if let since, since.value + late < now.value {
            failed("a write does not come to its end")
            // Nor does a probe.
            return
        }
        if health.beginsProbe() { probe() }
        if health.hasNoRoom, health.problem != Self.tooLarge, lookedAt.value + Self.roomNanoseconds < now.value {
            lookedAt = now
            if usesReserve {
                if reserve.make() {
                    health.setNoRoom(nil)
                    measuredAt = MonotonicNanoseconds(0)
                }
            } else {
                probe()
            }
        }
        if options.databaseBytesMax > 0, measuredAt.value + Self.measureNanoseconds < now.value {
            measuredAt = now
            measure()
        }
    }

    private func probe() {
        _ = queue.push(Pending(job: Job(.write, [ProbeSQL.write()]), continuation: nil))
    }

    private func measure() {
        var status = stat()
        guard stat(database, &status) == 0 else { return }
        if status.st_size >= off_t(options.databaseBytesMax) {
            health.setNoRoom(Self.tooLarge)
        } else if health.problem == Self.tooLarge {
            health.setNoRoom(nil)
        }
    }

    private static let tooLarge = "the database has reached database_bytes_max"

    /// Nobody is to wait for the writer any more. What it is at may yet be written.
    private func sendAllAway(_ reason: String) {
        for pending in queue.takeAll() { pending.continuation?.resume(returning: .failure(.unavailable(reason))) }
        let current = batch.withLock { batch in
            defer { batch?.jobs = [] }
            return batch?.jobs ?? []
        }
        for pending in current { pending.continuation?.resume(returning: .failure(.uncertain(reason))) }
    }
}
