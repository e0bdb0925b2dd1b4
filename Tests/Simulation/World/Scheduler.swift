// One thread, many lanes: every actor has a lane of its own, and which lane runs next is decided by the
// seed. Time is virtual: it moves a little with each job, and jumps when nothing can run.

import Model
import Ports

package final class Scheduler: @unchecked Sendable {
    // SAFETY: a world lives on one thread; lanes are entered only from `step`, on that thread.

    fileprivate struct Timer {
        let due: Int64
        /// Timers that are due together fire in the order they were set.
        let order: UInt64
        let lane: SimLane?
        let body: () -> Void
    }

    /// When every world begins, in microseconds since 1970.
    static let epoch: Int64 = 1_700_000_000_000_000
    /// Microseconds since 1970.
    package private(set) var now = Scheduler.epoch
    fileprivate(set) var current: SimLane?
    private var random: SeededRandom
    /// Lanes that have jobs.
    private var runnable: [SimLane] = []
    private var timers = TimerHeap()
    private var timersSet: UInt64 = 0
    package private(set) var steps = 0
    let trace: Trace

    init(random: SeededRandom, trace: Trace) {
        self.random = random
        self.trace = trace
    }

    /// Runs one job. `false` when nothing is left that could ever happen.
    func step() -> Bool {
        while let timer = timers.first, timer.due <= now || runnable.isEmpty {
            timers.removeFirst()
            now = max(now, timer.due)
            guard let lane = timer.lane else {
                steps += 1
                timer.body()
                return true
            }
            lane.add(.plain(timer.body))
        }
        guard !runnable.isEmpty else { return false }
        var index = random.below(runnable.count)
        if runnable[index].isLaggard, random.chance(90) { index = random.below(runnable.count) }
        let lane = runnable[index]
        now += random.between(1, 30)
        steps += 1
        trace.note(.job, lane.number)
        lane.runOne()
        if !lane.hasJobs {
            runnable.swapAt(index, runnable.count - 1)
            runnable.removeLast()
            lane.isListed = false
        }
        return true
    }

    /// Runs what a killed hub still has in its lanes, now and apart from everything else: its ports have
    /// no effect any more, so this only lets its tasks come to an end.
    func unwind(_ lanes: [SimLane]) {
        var isBusy = true
        while isBusy {
            isBusy = false
            for lane in lanes {
                while lane.hasJobs {
                    lane.runOne()
                    isBusy = true
                }
            }
        }
        runnable.removeAll { lane in
            guard !lane.hasJobs else { return false }
            lane.isListed = false
            return true
        }
    }

    fileprivate func list(_ lane: SimLane) {
        guard !lane.isListed else { return }
        lane.isListed = true
        runnable.append(lane)
    }

    /// Something of the world outside the hubs: a packet arrives, a client acts.
    func after(microseconds delay: Int64, _ body: @escaping () -> Void) {
        set(delay, nil, body)
    }

    fileprivate func set(_ delay: Int64, _ lane: SimLane?, _ body: @escaping () -> Void) {
        timersSet += 1
        timers.insert(Timer(due: now + max(0, delay), order: timersSet, lane: lane, body: body))
    }

    var time: UnixMilliseconds { UnixMilliseconds(now / 1_000) }
}

/// A lane of a simulated hub.
final class SimLane: Lane, @unchecked Sendable {
    // SAFETY: see Scheduler.

    fileprivate enum Job {
        case plain(() -> Void)
        case actor(UnownedJob)
        case task(UnownedJob)
    }

    private unowned let scheduler: Scheduler
    let number: Int
    /// Seldom gets its turn: a thread that the machine has no time for.
    let isLaggard: Bool
    /// Its hub was killed: timers are not set any more.
    var isDead = false
    fileprivate var isListed = false
    private var jobs: [Job] = []
    private var next = 0
    private lazy var executor = SimTasks(self)

    init(_ scheduler: Scheduler, number: Int, isLaggard: Bool) {
        self.scheduler = scheduler
        self.number = number
        self.isLaggard = isLaggard
    }

    var hasJobs: Bool { next < jobs.count }

    fileprivate func add(_ job: Job) {
        jobs.append(job)
        scheduler.list(self)
    }

    fileprivate func runOne() {
        let job = jobs[next]
        next += 1
        if next == jobs.count {
            jobs.removeAll(keepingCapacity: true)
            next = 0
        }
        let before = scheduler.current
        scheduler.current = self
        switch job {
        case .plain(let body): body()
        case .actor(let job): job.runSynchronously(on: asUnownedSerialExecutor())
        case .task(let job): job.runSynchronously(on: executor.asUnownedTaskExecutor())
        }
        scheduler.current = before
    }

    func submit(_ job: @escaping @Sendable () -> Void) { add(.plain(job)) }
    func submit(afterMilliseconds delay: UInt32, _ job: @escaping @Sendable () -> Void) {
        if isDead { return }
        scheduler.set(Int64(delay) * 1_000, self) { [unowned self] in if !isDead { job() } }
    }
    func enqueue(_ job: UnownedJob) { add(.actor(job)) }
    fileprivate func enqueueTask(_ job: UnownedJob) { add(.task(job)) }
    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    var tasks: any TaskExecutor { executor }
    func isIsolatingCurrentContext() -> Bool? { scheduler.current === self }
    func checkIsolated() { precondition(scheduler.current === self) }
}

private final class SimTasks: TaskExecutor {
    private unowned let lane: SimLane
    init(_ lane: SimLane) { self.lane = lane }
    func enqueue(_ job: UnownedJob) { lane.enqueueTask(job) }
}

/// A binary heap by due time.
private struct TimerHeap {
    private var timers: [Scheduler.Timer] = []
    var first: Scheduler.Timer? { timers.first }

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        let (a, b) = (timers[a], timers[b])
        return a.due != b.due ? a.due < b.due : a.order < b.order
    }

    mutating func insert(_ timer: Scheduler.Timer) {
        timers.append(timer)
        var child = timers.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            timers.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() {
        timers.swapAt(0, timers.count - 1)
        timers.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < timers.count {
                if isBefore(child, least) { least = child }
            }
            if least == parent { return }
            timers.swapAt(parent, least)
            parent = least
        }
    }
}
