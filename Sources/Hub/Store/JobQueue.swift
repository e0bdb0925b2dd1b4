// A bounded queue between tasks that ask and threads that block: where back-pressure on SQLite is
// decided. Full means refused, never waited for.

import Glibc
import Ports

final class JobQueue: @unchecked Sendable {
    // SAFETY: everything below `mutex` is touched only while it is held; the pointers are stable.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let filled = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var waiting: [Pending] = []
    private var taken = 0
    private var bytes = 0
    private var isClosed = false

    private let jobsMax: Int
    private let bytesMax: Int
    private let metrics: StoreMetrics

    init(jobsMax: Int, bytesMax: Int, metrics: StoreMetrics) {
        self.jobsMax = jobsMax
        self.bytesMax = bytesMax
        self.metrics = metrics
        mutex.initialize(to: pthread_mutex_t())
        filled.initialize(to: pthread_cond_t())
        precondition(pthread_mutex_init(mutex, nil) == 0 && pthread_cond_init(filled, nil) == 0)
    }

    deinit {
        pthread_cond_destroy(filled)
        pthread_mutex_destroy(mutex)
        filled.deallocate()
        mutex.deallocate()
    }

    enum Admission {
        case accepted, full, closed
    }

    func push(_ pending: Pending) -> Admission {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if isClosed { return .closed }
        let count = waiting.count - taken
        // A job larger than the limit may pass alone: it could never run otherwise.
        if count >= jobsMax || count > 0 && bytes + pending.job.bytes > bytesMax { return .full }
        waiting.append(pending)
        account(jobs: 1, bytes: pending.job.bytes)
        pthread_cond_signal(filled)
        return .accepted
    }

    /// Waits for jobs and takes as many as the limits allow, at least one; empty when the queue is
    /// closed and drained.
    func take(jobs: Int, bytes limit: Int) -> [Pending] {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while waiting.count == taken, !isClosed { pthread_cond_wait(filled, mutex) }
        var batch: [Pending] = []
        var size = 0
        while taken < waiting.count, batch.count < jobs {
            let next = waiting[taken]
            if !batch.isEmpty, size + next.job.bytes > limit { break }
            size += next.job.bytes
            batch.append(next)
            taken += 1
        }
        account(jobs: -batch.count, bytes: -size)
        // Amortised: each element is moved at most once for each time it was appended.
        if taken * 2 >= waiting.count {
            waiting.removeFirst(taken)
            taken = 0
        }
        return batch
    }

    /// All that wait, without a wait.
    func takeAll() -> [Pending] {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let rest = Array(waiting[taken...])
        account(jobs: -rest.count, bytes: -rest.reduce(0) { $0 + $1.job.bytes })
        waiting = []
        taken = 0
        return rest
    }

    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_cond_broadcast(filled)
        pthread_mutex_unlock(mutex)
    }

    private func account(jobs: Int, bytes change: Int) {
        bytes += change
        metrics.queueJobs.add(Int64(jobs))
        metrics.queueBytes.add(Int64(change))
    }
}

/// A thread of its own for calls that block.
struct WorkerThread: Sendable {
    private let thread: pthread_t

    init(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { raw in
                Unmanaged<Box>.fromOpaque(raw!).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        precondition(code == 0, "no thread for the store")
        self.thread = thread
    }

    /// Waits for its end; once.
    func join() { pthread_join(thread, nil) }
}
