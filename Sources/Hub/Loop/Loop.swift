// One libuv loop on a thread of its own: a serial executor for actors and a lane for plain jobs. What
// is pinned to it runs on its thread only, so code entered from a libuv callback may touch it at once.
//
// Jobs come from this thread (an append, no wake) or from others (one uv_async wake per burst). They run
// right before the loop polls its sockets, in bounded rounds, and then the tick hooks, which flush what
// the jobs have written: sockets are polled once, jobs run once, and every connection is written to
// once per tick. Handles are freed in their close callbacks only.

import CUV
import Glibc
package import Ports

package final class Loop: SerialExecutor, Lane, @unchecked Sendable {
    // SAFETY: `queue` is a Lock, and `wake` is used under it. The other handles are made before the
    // thread starts; from then on they, and all other variables, are touched on the loop's thread only.

    package let name: String
    let uv: UnsafeMutablePointer<uv_loop_t>
    private let wake: UnsafeMutablePointer<uv_async_t>
    private let prepare: UnsafeMutablePointer<uv_prepare_t>
    private let idle: UnsafeMutablePointer<uv_idle_t>
    private let timer: UnsafeMutablePointer<uv_timer_t>

    private enum Job {
        case actor(UnownedJob)
        case task(UnownedJob)
        case closure(@Sendable () -> Void)
    }
    /// Jobs of other threads.
    private struct Queue {
        var jobs: [Job] = []
        /// When the first of `jobs` came, in nanoseconds of the loop's clock.
        var oldestAt: UInt64 = 0
        /// A wake is on its way, or the loop is about to look anyway.
        var isWoken = false
        var isStopping = false
        /// The wake handle is gone, and with it the way in.
        var isClosed = false
    }
    private let queue = Lock(Queue())
    /// Jobs of this thread.
    private var local: [Job] = []
    /// Memory of the last round, for the next one.
    private var spare: [Job] = []
    private var timers = TimerHeap()
    private var hooks: [() -> Void] = []
    private let thread = Lock<pthread_t?>(nil)
    /// One object for all tasks: the runtime compares executors to see whether a task is where it wants
    /// to be.
    private var taskExecutor: LoopTasks!
    package let metrics: LoopMetrics

    /// Rounds of jobs before the sockets are polled again: jobs that make jobs do not starve them.
    private static let roundsMax = 32
    /// Memory of a larger burst is given back.
    private static let keptCapacityMax = 4_096

    private static let current = ThreadKey()

    /// Makes the loop and starts its thread. Takes well under a millisecond.
    package init(name: String, metrics: Metrics) {
        self.name = name
        self.metrics = LoopMetrics(metrics, name: name)
        uv = .allocate(capacity: 1)
        wake = .allocate(capacity: 1)
        prepare = .allocate(capacity: 1)
        idle = .allocate(capacity: 1)
        timer = .allocate(capacity: 1)
        precondition(uv_loop_init(uv) == 0)
        taskExecutor = LoopTasks(loop: self)
        let context = Unmanaged.passUnretained(self).toOpaque()
        wake.pointee.data = context
        prepare.pointee.data = context
        timer.pointee.data = context
        precondition(uv_async_init(uv, wake, loopWoken) == 0)
        precondition(uv_prepare_init(uv, prepare) == 0)
        precondition(uv_idle_init(uv, idle) == 0)
        precondition(uv_timer_init(uv, timer) == 0)
        precondition(uv_prepare_start(prepare, loopPrepared) == 0)
        start()
    }

    deinit {
        wake.deallocate()
        prepare.deallocate()
        idle.deallocate()
        timer.deallocate()
        uv.deallocate()
    }

    // MARK: Lane

    package func submit(_ job: @escaping @Sendable () -> Void) { add(.closure(job)) }

    package func submit(afterMilliseconds delay: UInt32, _ job: @escaping @Sendable () -> Void) {
        let due = uv_hrtime() &+ UInt64(delay) * 1_000_000
        if isCurrent {
            addTimer(due: due, job)
        } else {
            submit { [self] in addTimer(due: due, job) }
        }
    }

    package var tasks: any TaskExecutor { taskExecutor }

    /// Runs on every turn of the loop, after the jobs and before the sockets are polled. On its thread.
    package func onTick(_ hook: @escaping () -> Void) {
        precondition(isCurrent)
        hooks.append(hook)
    }

    // MARK: Executor

    package func enqueue(_ job: UnownedJob) { add(.actor(job)) }
    fileprivate func enqueueTask(_ job: UnownedJob) { add(.task(job)) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    package func isIsolatingCurrentContext() -> Bool? { isCurrent }
    package func checkIsolated() { precondition(isCurrent, "not on loop \(name)") }

    /// Whether this is the loop's thread.
    package var isCurrent: Bool {
        Self.current.value == Unmanaged.passUnretained(self).toOpaque()
    }

    // MARK: Jobs

    private func add(_ job: Job) {
        if isCurrent {
            local.append(job)
            return
        }
        queue.withLock { queue in
            guard !queue.isClosed else { return }
            if queue.jobs.isEmpty { queue.oldestAt = uv_hrtime() }
            queue.jobs.append(job)
            metrics.waiting.add(1)
            guard !queue.isWoken else { return }
            queue.isWoken = true
            // Under the lock, so that the handle is not closed meanwhile.
            uv_async_send(wake)
        }
    }

    fileprivate func tick() {
        let began = uv_hrtime()
        var rounds = 0
        var ran = 0
        repeat {
            let isStopping = takeForeign(now: began)
            ran += runSpare()
            swap(&local, &spare)
            ran += runSpare()
            rounds += 1
            if isStopping, local.isEmpty, closeQueue() {
                closeHandles()
                return
            }
        } while !local.isEmpty && rounds < Self.roundsMax
        for hook in hooks { hook() }
        // What is left must not wait for a socket.
        if local.isEmpty { uv_idle_stop(idle) } else { uv_idle_start(idle, loopIdled) }
        if ran > 0 { metrics.tick.record(nanoseconds: uv_hrtime() - began) }
    }

    /// Moves what other threads have added to `spare`; whether the loop is to stop.
    private func takeForeign(now: UInt64) -> Bool {
        let (oldest, isStopping) = queue.withLock { queue in
            swap(&queue.jobs, &spare)
            queue.isWoken = false
            return (queue.oldestAt, queue.isStopping)
        }
        if !spare.isEmpty {
            metrics.waiting.add(Int64(-spare.count))
            metrics.wait.record(nanoseconds: now > oldest ? now - oldest : 0)
        }
        return isStopping
    }

    /// Nobody gets in after this, unless somebody just did.
    private func closeQueue() -> Bool {
        queue.withLock { queue in
            if queue.jobs.isEmpty { queue.isClosed = true }
            return queue.isClosed
        }
    }

    private func runSpare() -> Int {
        let count = spare.count
        guard count > 0 else { return 0 }
        for job in spare {
            switch job {
            case .actor(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            case .task(let job): job.runSynchronously(on: taskExecutor.asUnownedTaskExecutor())
            case .closure(let body): body()
            }
        }
        spare.removeAll(keepingCapacity: count <= Self.keptCapacityMax)
        metrics.jobs.add(UInt64(count))
        return count
    }

    private func addTimer(due: UInt64, _ job: @escaping @Sendable () -> Void) {
        if timers.add(due: due, job) { armTimer() }
    }

    private func armTimer() {
        guard let due = timers.nextDue else { return }
        uv_update_time(uv)
        let now = uv_hrtime()
        let wait = due > now ? (due - now + 999_999) / 1_000_000 : 0
        uv_timer_start(timer, loopTimed, wait, 0)
    }

    fileprivate func timersFired() {
        let now = uv_hrtime()
        while let job = timers.take(dueBy: now) { local.append(.closure(job)) }
        armTimer()
    }

    // MARK: Thread

    private func start() {
        let context = Unmanaged.passRetained(self).toOpaque()
        var handle = pthread_t()
        precondition(pthread_create(&handle, nil, loopThread, context) == 0, "no thread for a loop")
        thread.withLock { $0 = handle }
    }

    fileprivate func runThread() {
        Self.current.value = Unmanaged.passUnretained(self).toOpaque()
        hub_name_thread(name)
        uv_run(uv, UV_RUN_DEFAULT)
        precondition(uv_loop_close(uv) == 0, "a handle of loop \(name) was left open")
        Self.current.value = nil
    }

    /// Ends the loop after the jobs that wait, and waits for its thread. Poll handles must have been
    /// closed before. Timers that have not fired, and jobs that come later, are dropped. Not from the
    /// loop's own thread.
    package func stop() {
        precondition(!isCurrent)
        queue.withLock { queue in
            queue.isStopping = true
            if !queue.isClosed { uv_async_send(wake) }
        }
        guard let handle = thread.withLock({ thread in
            defer { thread = nil }
            return thread
        }) else { return }
        pthread_join(handle, nil)
    }

    private func closeHandles() {
        uv_close(Self.handle(prepare), nil)
        uv_close(Self.handle(idle), nil)
        uv_close(Self.handle(timer), nil)
        uv_close(Self.handle(wake), nil)
        hooks = []
    }

    private static func handle<Kind>(_ pointer: UnsafeMutablePointer<Kind>)
        -> UnsafeMutablePointer<uv_handle_t>
    {
        UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: uv_handle_t.self)
    }
}

/// Runs the parts of tasks that belong to no actor on the loop. A class of its own: an executor that is
/// both makes each call between its actors a new job.
package final class LoopTasks: TaskExecutor {
    // The loop owns this.
    private unowned let loop: Loop
    init(loop: Loop) { self.loop = loop }
    package func enqueue(_ job: UnownedJob) { loop.enqueueTask(job) }
}

/// What a loop does, for the operator.
package struct LoopMetrics: Sendable {
    package let jobs: Counter
    package let tick: DurationHistogram
    package let waiting: Gauge
    package let wait: DurationHistogram
    init(_ metrics: Metrics, name: String) {
        let labels = "loop=\"\(name)\""
        jobs = metrics.counter("hub_loop_jobs_total", labels: labels, help: "Jobs run by a loop.")
        tick = metrics.histogram("hub_loop_tick_seconds", labels: labels,
                                 help: "Time a loop spends on its jobs before it polls again.")
        waiting = metrics.gauge("hub_loop_waiting_jobs", labels: labels,
                                help: "Jobs of other threads that a loop has not begun.")
        wait = metrics.histogram("hub_loop_wait_seconds", labels: labels,
                                 help: "Time the oldest job of a burst waited for its loop.")
    }
}

/// A thread-local pointer.
private struct ThreadKey: Sendable {
    private let key: pthread_key_t
    init() {
        var key = pthread_key_t()
        precondition(pthread_key_create(&key, nil) == 0)
        self.key = key
    }
    var value: UnsafeMutableRawPointer? {
        get { pthread_getspecific(key) }
        nonmutating set { pthread_setspecific(key, newValue) }
    }
}

// Callbacks of libuv: one synchronous call each.

private func loop(_ data: UnsafeMutableRawPointer?) -> Loop {
    Unmanaged<Loop>.fromOpaque(data!).takeUnretainedValue()
}
private func loopWoken(_ handle: UnsafeMutablePointer<uv_async_t>?) {
    // The jobs run in `tick`, before the loop polls again.
}
private func loopIdled(_ handle: UnsafeMutablePointer<uv_idle_t>?) {
    // An active idle handle keeps the loop from waiting in poll.
}
private func loopPrepared(_ handle: UnsafeMutablePointer<uv_prepare_t>?) {
    loop(handle!.pointee.data).tick()
}
private func loopTimed(_ handle: UnsafeMutablePointer<uv_timer_t>?) {
    loop(handle!.pointee.data).timersFired()
}
private func loopThread(_ data: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    Unmanaged<Loop>.fromOpaque(data!).takeRetainedValue().runThread()
    return nil
}
