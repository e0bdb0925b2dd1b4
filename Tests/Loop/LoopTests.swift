// The loop as a lane and as an executor: order, wakes, timers, actors that are pinned to it, its end.

import Glibc
@testable import Loop
import Ports
import Testing

/// Runs `body` with a loop of its own, and stops the loop.
private func withLoop<Result>(
    _ name: String = "test", metrics: Metrics = Metrics(), _ body: (Loop) async throws -> Result
) async rethrows -> Result {
    let loop = Loop(name: name, metrics: metrics)
    defer { loop.stop() }
    return try await body(loop)
}

/// Returns when everything submitted before has run.
private func settle(_ loop: Loop) async {
    await withCheckedContinuation { continuation in loop.submit { continuation.resume() } }
}

/// A value of many threads.
private final class Box<Value>: Sendable {
    private let lock: Lock<Value>
    init(_ value: Value) { lock = Lock(value) }
    func with<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&$0) } }
    var value: Value { with { $0 } }
}

/// Holds a loop at a job until it is opened.
private final class Gate: Sendable {
    private let isOpen = Box(false)
    let isReached = Box(false)
    func wait() {
        isReached.with { $0 = true }
        while !isOpen.value { sched_yield() }
    }
    func open() { isOpen.with { $0 = true } }
}

@Suite(.timeLimit(.minutes(10)))
struct LoopLaneTests {
    @Test func runsJobsOfOneThreadInOrder() async {
        await withLoop { loop in
            let seen = Box<[Int]>([])
            for index in 0..<10_000 { loop.submit { seen.with { $0.append(index) } } }
            await settle(loop)
            #expect(seen.value == Array(0..<10_000))
        }
    }

    @Test func runsJobsOfEachOfTwoLoopsInOrder() async {
        await withLoop("a") { first in
            await withLoop("b") { second in
                await withLoop("target") { target in
                    let seen = Box<[(Int, Int)]>([])
                    for (name, source) in [first, second].enumerated() {
                        source.submit {
                            for index in 0..<5_000 {
                                target.submit { seen.with { $0.append((name, index)) } }
                            }
                        }
                    }
                    await settle(first)
                    await settle(second)
                    await settle(target)
                    for name in 0...1 {
                        #expect(seen.value.filter { $0.0 == name }.map(\.1) == Array(0..<5_000))
                    }
                }
            }
        }
    }

    @Test func neverRunsAJobInline() async {
        await withLoop { loop in
            let seen = Box<[String]>([])
            loop.submit {
                loop.submit { seen.with { $0.append("inner") } }
                seen.with { $0.append("outer") }
            }
            await settle(loop)
            await settle(loop)
            #expect(seen.value == ["outer", "inner"])
        }
    }

    @Test func wakesOncePerBurst() async {
        let metrics = Metrics()
        await withLoop(metrics: metrics) { loop in
            let gate = Gate()
            loop.submit { gate.wait() }
            while !gate.isReached.value { sched_yield() }
            for _ in 0..<1_000 { loop.submit {} }
            #expect(loop.metrics.waiting.current == 1_000)
            gate.open()
            await settle(loop)
            #expect(loop.metrics.waiting.current == 0)
            // One burst is the gate, one the thousand; the last job may have come with those or alone.
            let bursts = loop.metrics.wait.current.counts.reduce(0, +)
            #expect((2...3).contains(bursts))
            #expect(loop.metrics.jobs.current == 1_002)
        }
    }

    @Test func namesItsThread() async {
        await withLoop("front-7") { loop in
            let name = Box("")
            loop.submit {
                let file = open("/proc/thread-self/comm", O_RDONLY)
                defer { close(file) }
                var text = [UInt8](repeating: 0, count: 16)
                let count = read(file, &text, text.count)
                name.with { $0 = String(decoding: text.prefix(max(0, count - 1)), as: UTF8.self) }
            }
            await settle(loop)
            #expect(name.value == "front-7")
        }
    }

    @Test func firesTimersInOrderAndNotEarly() async {
        await withLoop { loop in
            let fired = Box<[(order: Int, at: UInt64)]>([])
            let began = now()
            let delays: [UInt32] = [30, 10, 20, 10, 0, 25]
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                for (index, delay) in delays.enumerated() {
                    loop.submit(afterMilliseconds: delay) {
                        let count = fired.with { fired in
                            fired.append((index, now()))
                            return fired.count
                        }
                        if count == delays.count { continuation.resume() }
                    }
                }
            }
            #expect(fired.value.map(\.order) == [4, 1, 3, 2, 5, 0])
            for (order, at) in fired.value {
                #expect(at - began >= UInt64(delays[order]) * 1_000_000)
            }
        }
    }

    @Test func jobsThatMakeJobsDoNotStarveTimers() async {
        await withLoop { loop in
            let isDone = Box(false)
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                loop.submit(afterMilliseconds: 5) {
                    isDone.with { $0 = true }
                    continuation.resume()
                }
                loop.submit { spin(loop, until: isDone) }
            }
            #expect(isDone.value)
        }
    }

    @Test func stopsBehindWaitingJobsAndDropsLaterOnes() async {
        let loop = Loop(name: "stopping", metrics: Metrics())
        let ran = Box(0)
        let gate = Gate()
        loop.submit { gate.wait() }
        for _ in 0..<100 { loop.submit { loop.submit { ran.with { $0 += 1 } } } }
        gate.open()
        loop.stop()
        #expect(ran.value == 100)
        for _ in 0..<1_000 { loop.submit { ran.with { $0 += 1 } } }
        loop.stop()
        #expect(ran.value == 100)
    }
}

private func spin(_ loop: Loop, until isDone: Box<Bool>) {
    if !isDone.value { loop.submit { spin(loop, until: isDone) } }
}

private func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

private actor Pinned {
    private let loop: Loop
    private(set) var count = 0
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    init(_ loop: Loop) { self.loop = loop }
    func bump() -> Bool {
        count += 1
        return loop.isCurrent
    }
    func bounce(_ other: Pinned, _ times: Int) async -> Int {
        var onLoop = 0
        for _ in 0..<times where await other.bump() { onLoop += 1 }
        return onLoop
    }
}

@Suite(.timeLimit(.minutes(10)))
struct LoopExecutorTests {
    @Test func runsItsActorsOnItsThread() async {
        await withLoop { loop in
            let actor = Pinned(loop)
            #expect(await actor.bump())
            #expect(await actor.bounce(Pinned(loop), 1_000) == 1_000)
        }
    }

    @Test func actorsOfTwoLoopsCallEachOther() async {
        await withLoop("a") { first in
            await withLoop("b") { second in
                #expect(await Pinned(first).bounce(Pinned(second), 100) == 100)
            }
        }
    }

    @Test func jobsEnterActorsSynchronously() async {
        await withLoop { loop in
            let actor = Pinned(loop)
            loop.submit { actor.assumeIsolated { _ = $0.bump() } }
            await settle(loop)
            #expect(await actor.count == 1)
        }
    }

    @Test func tasksStayOnTheLoopAcrossContinuations() async {
        await withLoop { loop in
            let places = await Task(executorPreference: loop.tasks) {
                let before = loop.isCurrent
                await withCheckedContinuation { continuation in
                    // Resumed by a foreign thread.
                    Task.detached { continuation.resume() }
                }
                return [before, loop.isCurrent]
            }.value
            #expect(places == [true, true])
        }
    }

    @Test func lendsOneTaskExecutor() async {
        await withLoop { loop in
            #expect(loop.tasks as AnyObject === loop.tasks as AnyObject)
        }
    }
}

struct TimerHeapTests {
    @Test(arguments: [1, 2, 3, 4, 5])
    func givesOutByDueThenByOrder(seed: UInt64) {
        var state = seed
        func random(_ below: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % below
        }
        var heap = TimerHeap()
        let seen = Box<[Int]>([])
        var expected: [(due: UInt64, order: Int)] = []
        for order in 0..<500 {
            let due = random(50)
            let isFirst = expected.allSatisfy { due < $0.due }
            expected.append((due, order))
            #expect(heap.add(due: due) { seen.with { $0.append(order) } } == isFirst)
            #expect(heap.nextDue == expected.map(\.due).min())
        }
        while let job = heap.take(dueBy: 50) { job() }
        expected.sort { ($0.due, $0.order) < ($1.due, $1.order) }
        #expect(seen.value == expected.map(\.order))
        #expect(heap.nextDue == nil)
    }

    @Test func keepsWhatIsNotDue() {
        var heap = TimerHeap()
        _ = heap.add(due: 10) {}
        #expect(heap.take(dueBy: 9) == nil)
        #expect(heap.take(dueBy: 10) != nil)
    }
}
