// Store reads of one actor: so many at once, so many waiting, the rest refused. Reads of different
// commands may finish in any order.

/// Jobs waiting for a place. A value inside an actor, which runs what `next` returns and calls
/// `finished` after each.
struct ReadQueue<Job> {
    private let runningMax: Int
    private let waitingMax: Int
    private var waiting: [Job] = []
    private var next = 0
    private(set) var running = 0

    init(runningMax: Int, waitingMax: Int) {
        self.runningMax = runningMax
        self.waitingMax = waitingMax
    }

    var isIdle: Bool { running == 0 && waiting.count == next }

    /// `false` when too many wait already.
    mutating func add(_ job: Job) -> Bool {
        guard waiting.count - next < waitingMax else { return false }
        waiting.append(job)
        return true
    }

    /// The next job that may start now; it counts as running from here on.
    mutating func start() -> Job? {
        guard running < runningMax, next < waiting.count else { return nil }
        let job = waiting[next]
        next += 1
        if next == waiting.count || next >= 1_024 {
            waiting.removeFirst(next)
            next = 0
        }
        running += 1
        return job
    }

    mutating func finished() {
        precondition(running > 0)
        running -= 1
    }
}
