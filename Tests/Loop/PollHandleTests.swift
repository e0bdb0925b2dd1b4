// Descriptors watched by a loop: what is told, to whom, and that nothing is told after close.

import Glibc
import Loop
import Ports
import Testing

/// Two connected non-blocking sockets.
private struct Pair {
    let near: Int32
    let far: Int32
    init() {
        var ends: [Int32] = [0, 0]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        precondition(socketpair(AF_UNIX, type, 0, &ends) == 0)
        near = ends[0]
        far = ends[1]
    }
}

/// Lives on the loop; tells the test what it was told.
private final class Watcher: PollOwner, @unchecked Sendable {
    // SAFETY: made, used and dropped on the loop's thread; `told` is a Lock.
    struct Told: Equatable {
        var events: PollEvents
        var tag: Int
    }
    private(set) var handle: PollHandle!
    let told = Lock<[Told]>([])
    private let answer: (Watcher) -> Void
    /// Nobody else holds it while it watches.
    private var itself: Watcher?

    init(_ loop: Loop, _ descriptor: Int32, tag: Int, answer: @escaping (Watcher) -> Void) {
        self.answer = answer
        handle = PollHandle(loop: loop, descriptor: descriptor, owner: self, tag: tag)
        itself = self
    }

    func end() {
        handle.close()
        itself = nil
    }

    func pollReady(_ events: PollEvents, tag: Int, error: Int32?) {
        told.withLock { $0.append(Told(events: events, tag: tag)) }
        answer(self)
    }
}

/// Runs `body` on the loop and returns what it gives to its argument.
private func on<Value: Sendable>(
    _ loop: Loop, _ body: @escaping @Sendable (CheckedContinuation<Value, Never>) -> Void
) async -> Value {
    await withCheckedContinuation { continuation in loop.submit { body(continuation) } }
}

@Suite(.timeLimit(.minutes(10)))
struct PollHandleTests {
    @Test func tellsReadableWithItsTag() async {
        let loop = Loop(name: "poll", metrics: Metrics())
        defer { loop.stop() }
        let pair = Pair()
        defer { close(pair.far) }
        let told = await on(loop) { (done: CheckedContinuation<[Watcher.Told], Never>) in
            let watcher = Watcher(loop, pair.near, tag: 7) { watcher in
                watcher.end()
                close(pair.near)
                done.resume(returning: watcher.told.withLock { $0 })
            }
            watcher.handle.watch(.readable)
            write(pair.far, "x", 1)
        }
        #expect(told == [Watcher.Told(events: .readable, tag: 7)])
    }

    @Test func tellsWritableOnlyWhenAsked() async {
        let loop = Loop(name: "poll", metrics: Metrics())
        defer { loop.stop() }
        let pair = Pair()
        defer { close(pair.far) }
        let told = await on(loop) { (done: CheckedContinuation<[Watcher.Told], Never>) in
            let watcher = Watcher(loop, pair.near, tag: 0) { watcher in
                let count = watcher.told.withLock { $0.count }
                if count == 1 {
                    watcher.handle.watch([.readable])
                    write(pair.far, "x", 1)
                } else {
                    watcher.end()
                    close(pair.near)
                    done.resume(returning: watcher.told.withLock { $0 })
                }
            }
            watcher.handle.watch([.readable, .writable])
        }
        #expect(told.map(\.events) == [.writable, .readable])
    }

    @Test func tellsThatThePeerIsGone() async {
        let loop = Loop(name: "poll", metrics: Metrics())
        defer { loop.stop() }
        let pair = Pair()
        let told = await on(loop) { (done: CheckedContinuation<[Watcher.Told], Never>) in
            let watcher = Watcher(loop, pair.near, tag: 0) { watcher in
                watcher.end()
                close(pair.near)
                done.resume(returning: watcher.told.withLock { $0 })
            }
            watcher.handle.watch(.readable)
            close(pair.far)
        }
        #expect(told.count == 1)
        #expect(told[0].events.contains(.readable))
    }

    @Test func tellsNothingAfterClose() async {
        let loop = Loop(name: "poll", metrics: Metrics())
        defer { loop.stop() }
        let first = Pair()
        let second = Pair()
        defer { for end in [first.far, second.far] { close(end) } }
        // Both become readable in the same turn; whoever is told first closes the other.
        let count = await on(loop) { (done: CheckedContinuation<Int, Never>) in
            let others = Lock<[Watcher]>([])
            let told = Lock(0)
            for pair in [first, second] {
                let watcher = Watcher(loop, pair.near, tag: 0) { _ in
                    told.withLock { $0 += 1 }
                    for watcher in others.withLock({ $0 }) { watcher.end() }
                    loop.submit(afterMilliseconds: 1) {
                        done.resume(returning: told.withLock { $0 })
                        others.withLock { $0 = [] }
                        for pair in [first, second] { close(pair.near) }
                    }
                }
                others.withLock { $0.append(watcher) }
                watcher.handle.watch(.readable)
                write(pair.far, "x", 1)
            }
        }
        #expect(count == 1)
    }
}
