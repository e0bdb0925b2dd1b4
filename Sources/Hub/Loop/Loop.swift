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
    // SAFETY: `queue` is a Lock. The handles are made before the thread starts; from then on they, and
    // `local`, `timers` and `hooks`, are touched on the loop's thread only.

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
    private struct Queue {
        var jobs: [Job] = []
        /// A wake is on its way, or the loop is about to look anyway.
        var isWoken = false
        var isStopping = false
    }
    private let queue = Lock(Queue())
    private var local: [Job] = []
    private var timers = TimerHeap()
    private var hooks: [() -> Void] = []
    private var openHandles = 0
    private let thread = Lock<pthread_t?>(nil)
    package let metrics: LoopMetrics

    /// Rounds of jobs before the sockets are polled again: jobs that make jobs do not starve them.
    private static let roundsMax = 32

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
        guard isCurrent else {
            submit { [self] in submit(afterMilliseconds: delay, job) }
            return
        }
        let due = uv_hrtime() &+ UInt64(delay) * 1_000_000
        if timers.add(due: due, job) { armTimer() }
    }

    package var tasks: any TaskExecutor { LoopTasks(loop: self) }

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
        let wakes = queue.withLock { queue in
            queue.jobs.append(job)
            defer { queue.isWoken = true }
            return !queue.isWoken
        }
        if wakes { uv_async_send(wake) }
    }

    fileprivate func tick() {
        let began = uv_hrtime()
        var rounds = 0
        var ran = 0
        repeat {
            let (foreign, isStopping) = queue.withLock { queue in
                let jobs = queue.jobs
                queue.jobs = []
                queue.isWoken = false
                return (jobs, queue.isStopping)
            }
            ran += run(foreign)
            let mine = local
            local = []
            ran += run(mine)
            rounds += 1
            if isStopping, local.isEmpty {
                closeHandles()
                return
            }
        } while !local.isEmpty && rounds < Self.roundsMax
        for hook in hooks { hook() }
        // What is left must not wait for a socket.
        if local.isEmpty { uv_idle_stop(idle) } else { uv_idle_start(idle, loopIdled) }
        if ran > 0 { metrics.tick.record(nanoseconds: uv_hrtime() - began) }
    }

    private func run(_ jobs: [Job]) -> Int {
        for job in jobs {
            switch job {
            case .actor(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            case .task(let job): job.runSynchronously(on: LoopTasks(loop: self).asUnownedTaskExecutor())
            case .closure(let body): body()
            }
        }
        if !jobs.isEmpty { metrics.jobs.add(UInt64(jobs.count)) }
        return jobs.count
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
    /// closed before; timers that have not fired are dropped. Not from the loop's own thread.
    package func stop() {
        precondition(!isCurrent)
        queue.withLock { $0.isStopping = true }
        uv_async_send(wake)
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
    private let loop: Loop
    init(loop: Loop) { self.loop = loop }
    package func enqueue(_ job: UnownedJob) { loop.enqueueTask(job) }
}

/// What a loop does, for the operator.
package struct LoopMetrics: Sendable {
    package let jobs: Counter
    package let tick: DurationHistogram
    init(_ metrics: Metrics, name: String) {
        let labels = "loop=\"\(name)\""
        jobs = metrics.counter("hub_loop_jobs_total", labels: labels, help: "Jobs run by a loop.")
        tick = metrics.histogram("hub_loop_tick_seconds", labels: labels,
                                 help: "Time a loop spends on its jobs before it polls again.")
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
