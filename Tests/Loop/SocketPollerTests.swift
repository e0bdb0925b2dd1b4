// Many sockets watched through one descriptor of the loop, and sends that go out together.

import Glibc
import Loop
import Ports
import Testing

/// Non-blocking connected sockets: near and far ends.
private func makePairs(_ count: Int) -> [(near: Int32, far: Int32)] {
    (0..<count).map { _ in
        var ends: [Int32] = [0, 0]
        precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
        return (ends[0], ends[1])
    }
}

private func closeAll(_ pairs: [(near: Int32, far: Int32)]) {
    for pair in pairs {
        close(pair.near)
        close(pair.far)
    }
}

/// Lives on the loop; reads what comes and notes for which tag.
private final class Reader: PollOwner, @unchecked Sendable {
    // SAFETY: made and used on the loop's thread; `told` is a Lock.
    private(set) var poller: SocketPoller!
    var sockets: [PolledSocket] = []
    let told = Lock<[(tag: Int, events: PollEvents)]>([])
    private let near: [Int32]

    init(_ loop: Loop, _ near: [Int32]) {
        self.near = near
        poller = SocketPoller(loop: loop, owner: self)
        for (index, descriptor) in near.enumerated() {
            sockets.append(PolledSocket(poller, descriptor: descriptor, tag: index))
            sockets[index].watch(.readable)
        }
    }

    func pollReady(_ events: PollEvents, tag: Int, error: Int32?) {
        told.withLock { $0.append((tag, events)) }
        var byte: UInt8 = 0
        if recv(near[tag], &byte, 1, 0) == 0 { sockets[tag].watch([]) }
    }
}

@Suite(.timeLimit(.minutes(10)))
struct SocketPollerTests {
    private func onLoop<Value: Sendable>(_ loop: Loop, _ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in loop.submit { continuation.resume(returning: body()) } }
    }

    /// Asks the loop until it holds.
    private func eventually(_ loop: Loop, _ condition: @escaping @Sendable () -> Bool) async -> Bool {
        for _ in 0..<5_000 {
            if await onLoop(loop, condition) { return true }
            poll(nil, 0, 1)
        }
        return false
    }

    @Test func tellsEachSocketOfMoreThanOneTurn() async {
        let loop = Loop(name: "poller", metrics: Metrics())
        let pairs = makePairs(1_500)
        let reader = await onLoop(loop) { Reader(loop, pairs.map(\.near)) }
        for pair in pairs { send(pair.far, "x", 1, 0) }
        #expect(await eventually(loop) { reader.told.withLock { $0.count } == 1_500 })
        #expect(reader.told.withLock { $0.map(\.tag).sorted() } == Array(0..<1_500))
        await onLoop(loop) { reader.poller.close() }
        loop.stop()
        closeAll(pairs)
    }

    @Test func aPeerThatIsGoneIsReadableUntilNoLongerWatched() async {
        let loop = Loop(name: "poller", metrics: Metrics())
        let pairs = makePairs(2)
        let reader = await onLoop(loop) { Reader(loop, pairs.map(\.near)) }
        shutdown(pairs[1].far, Int32(SHUT_RDWR))
        #expect(await eventually(loop) { reader.sockets[1].watched.isEmpty })
        // The first is still told of, the second is not.
        send(pairs[0].far, "x", 1, 0)
        #expect(await eventually(loop) { reader.told.withLock { $0.last?.tag } == 0 })
        #expect(reader.told.withLock { $0.map(\.tag) } == [1, 0])
        // Watched again, it is told again.
        await onLoop(loop) { reader.sockets[1].watch(.readable) }
        #expect(await eventually(loop) { reader.told.withLock { $0.map(\.tag) } == [1, 0, 1] })
        await onLoop(loop) { reader.poller.close() }
        loop.stop()
        closeAll(pairs)
    }

    @Test func writableIsToldOnlyWhenAskedFor() async {
        let loop = Loop(name: "poller", metrics: Metrics())
        let pairs = makePairs(1)
        let reader = await onLoop(loop) { Reader(loop, pairs.map(\.near)) }
        send(pairs[0].far, "x", 1, 0)
        #expect(await eventually(loop) { reader.told.withLock { $0.count } == 1 })
        #expect(reader.told.withLock { $0[0].events } == .readable)
        await onLoop(loop) { reader.sockets[0].watch(.writable) }
        #expect(await eventually(loop) { reader.told.withLock { $0.last?.events } == .writable })
        await onLoop(loop) { reader.poller.close() }
        loop.stop()
        closeAll(pairs)
    }
}

extension SocketPollerTests {
    @Test func saysThatThePeerHasClosedItsSideTogetherWithWhatItSentLast() async {
        let loop = Loop(name: "poller", metrics: Metrics())
        let pairs = makePairs(2)
        for pair in pairs { send(pair.far, "x", 1, 0) }
        shutdown(pairs[1].far, Int32(SHUT_WR))
        let reader = await onLoop(loop) { Reader(loop, pairs.map(\.near)) }
        #expect(await eventually(loop) { reader.sockets[1].watched.isEmpty })
        let told = reader.told.withLock { $0 }
        #expect(told.filter { $0.tag == 0 }.map(\.events) == [.readable])
        // With its byte, and when there is nothing more to read.
        #expect(told.filter { $0.tag == 1 }.map(\.events) == [[.readable, .ended], [.readable, .ended]])
        await onLoop(loop) { reader.poller.close() }
        loop.stop()
        closeAll(pairs)
    }
}

@Suite(.timeLimit(.minutes(10)))
struct SendRingTests {
    /// What each tag was told, in order.
    private func submit(_ ring: inout SendRing) -> [Int: [Int]] {
        var told: [Int: [Int]] = [:]
        ring.submit { tag, sent in told[tag, default: []].append(sent) }
        return told
    }

    @Test func saysWhatWasNotTakenAndOnlyThat() throws {
        guard var ring = SendRing() else {
            // Containers often forbid io_uring; then sends are calls of their own.
            print("skipped: no io_uring here")
            return
        }
        let pairs = makePairs(4)
        let payload = [UInt8](repeating: 7, count: 4 << 20)
        // The second takes a part of 4 MiB, the third nothing more, the fourth is gone.
        while send(pairs[2].near, payload, 65_536, 0) > 0 {}
        close(pairs[3].far)
        let sizes = [1_000, payload.count, 1_000, 1_000]
        let told = payload.withUnsafeBytes { bytes in
            for index in 0..<4 { ring.add(pairs[index].near, bytes.baseAddress!, sizes[index], tag: index) }
            let added = ring.count
            #expect(added == 4)
            return submit(&ring)
        }
        let left = ring.count
        #expect(left == 0)
        #expect(told[0] == nil)
        let part = try #require(told[1]?.first)
        #expect(told[1]?.count == 1 && part > 0 && part < payload.count)
        #expect(told[2] == [0])
        #expect(told[3]?.count == 1 && told[3]![0] < 0)
        var received = [UInt8](repeating: 0, count: payload.count)
        #expect(recv(pairs[0].far, &received, received.count, 0) == 1_000)
        var total = 0
        while case let count = recv(pairs[1].far, &received, received.count, 0), count > 0 { total += count }
        #expect(total == part)
        for pair in pairs[..<3] { close(pair.far) }
        for pair in pairs { close(pair.near) }
    }

    @Test func takesAsManyAsItSays() {
        guard var ring = SendRing() else {
            print("skipped: no io_uring here")
            return
        }
        // A local socket takes some hundreds of small sends: eight share them.
        let pairs = makePairs(8)
        let bytes: [UInt8] = Array(0...255)
        let each = SendRing.sendsMax / pairs.count
        bytes.withUnsafeBytes { bytes in
            for _ in 0..<3 {
                let wasFull = ring.isFull
                #expect(!wasFull)
                for index in 0..<SendRing.sendsMax {
                    ring.add(pairs[index / each].near, bytes.baseAddress! + index % each, 1, tag: index)
                }
                let isFull = ring.isFull
                #expect(isFull)
                let refused = submit(&ring).count
                #expect(refused == 0)
                for pair in pairs {
                    var received = [UInt8](repeating: 0, count: 4_096)
                    #expect(recv(pair.far, &received, received.count, 0) == each)
                    #expect(received[..<each].elementsEqual(bytes[..<each]))
                }
            }
        }
        closeAll(pairs)
    }
}
