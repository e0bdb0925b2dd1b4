// Copies what the write-ahead log holds into the database file, on a thread and a connection of its own. The writer
// commits meanwhile: done by its own commits, as SQLite does it unasked, a copy stops every post for as long as it
// takes to write some hundred pages here and there and to sync them, several times a second under load.
//
// The log begins anew when all of it is copied and nobody reads from it. A writer that never rests is always a few
// pages ahead of the copy, so when the log has become long the writer copies that rest itself.

import Glibc
import Model
import Ports

final class Checkpointer: @unchecked Sendable {
    // SAFETY: `wanted` is a semaphore, and stable; `state` is a Lock. All other variables are
    // touched on the writer's thread only.

    /// Pages of 4 KiB that make a copy worth while. Higher: pages that change often are copied less often,
    /// and recovery after a crash reads a longer log.
    private static let worthPages = 2_000
    /// From here on the writer sees to it that the log begins anew, which keeps it below `journal_size_limit`.
    static let logPagesMax = 24_000
    /// Where a reader kept the log from beginning anew, the writer tries again after so many more.
    private static let retryPages = 500

    private struct State {
        var isBusy = false
        var isClosed = false
        /// Pages of the log that the last copy found copied.
        var copied = 0
    }
    private let state = Lock(State())
    private let wanted = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    private let witness: Witness
    private let metrics: StoreMetrics
    private let clocks: any Clocks
    private var thread: WorkerThread?
    private var lastPages = 0
    /// Length of the log when a copy was last asked for, and when the writer last copied.
    private var askedAt = 0
    private var triedAt = 0

    /// - Parameter connection: for this only.
    init(connection: sending SQLiteConnection, witness: Witness, metrics: StoreMetrics, clocks: any Clocks) {
        self.witness = witness
        self.metrics = metrics
        self.clocks = clocks
        precondition(sem_init(wanted, 0, 0) == 0)
        // SAFETY: used by this one thread from here on.
        nonisolated(unsafe) let own = connection
        thread = WorkerThread { [unowned self] in run(own) }
    }

    deinit {
        sem_destroy(wanted)
        wanted.deallocate()
    }

    /// The writer has committed. On its thread.
    /// - Parameter pages: of the log.
    func committed(pages: Int, writer: SQLiteConnection) {
        let hasBegunAnew = pages < lastPages
        lastPages = pages
        if hasBegunAnew { askedAt = 0 }
        let (isBusy, copied) = state.withLock { state in
            if hasBegunAnew { state.copied = 0 }
            return (state.isBusy, state.copied)
        }
        guard !isBusy else { return }
        let isLong = pages >= Self.logPagesMax
        if isLong, askedAt >= Self.logPagesMax {
            // All but the last commits is copied.
            guard pages >= triedAt + Self.retryPages else { return }
            triedAt = pages
            copy(writer)
        } else if isLong || pages - copied >= Self.worthPages {
            askedAt = pages
            triedAt = 0
            state.withLock { $0.isBusy = true }
            sem_post(wanted)
        }
    }

    /// Ends the thread, behind a copy that is under way. On the writer's thread.
    func close() {
        state.withLock { $0.isClosed = true }
        sem_post(wanted)
        thread?.join()
        thread = nil
    }

    private func run(_ connection: SQLiteConnection) {
        while true {
            while sem_wait(wanted) != 0 {}
            if state.withLock({ $0.isClosed }) { return }
            copy(connection)
            state.withLock { $0.isBusy = false }
        }
    }

    /// Waits for nobody. What fails, as on a full disk, stays in the log and is tried again later.
    private func copy(_ connection: SQLiteConnection) {
        let start = clocks.monotonic()
        witness.fileWillChange()
        defer { witness.fileChanged() }
        guard let copied = connection.checkpoint() else { return }
        state.withLock { $0.copied = copied }
        metrics.checkpointTime.record(nanoseconds: clocks.monotonic().value - start.value)
    }
}
