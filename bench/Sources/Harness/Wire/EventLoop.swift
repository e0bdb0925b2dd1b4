// One epoll instance and the WebSocket connections that wait in it. Everything runs on the thread
// that calls `turn`; a run has exactly one.
//
// Reading goes before decoding: whatever is ready is read first, one socket after the other, and the
// moment of each read is noted; what was read is decoded when nothing is ready. So a message's latency
// ends where a client of its own would have had it, not behind the decoding of a thousand others.
//
// What was tried: nine tenths of a read are the kernel's TCP, and the larger part of those the
// acknowledgement that it sends; so one io_uring call for many reads could save next to nothing, and would
// make their times coarse. To look again and again for 0.1 ms before sleeping gained nothing.

internal import CBench
internal import Glibc

package final class EventLoop {
    /// Decoded between two looks at what is ready: with more, what comes meanwhile is read later by as
    /// many decodings (1 or 2 µs each); with fewer, more looks find nothing.
    private static let decodedAtOnce = 8
    /// Decoded in one turn, so that whoever calls it comes to see what has changed.
    private static let decodedInTurn = 256

    let descriptor: Int32
    let tls: TLSContext?
    /// What is decrypted goes here.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    /// What a command is encoded into before it is framed.
    var frameBuffer: [UInt8] = []
    /// Pings of servers, over all connections.
    var pingsAnswered = 0
    /// When the bytes that are being decoded were read.
    private(set) var readAt: UInt64 = 0
    private let events = UnsafeMutablePointer<bench_event>.allocate(capacity: 256)
    private var connections: [WebSocketConnection?] = []
    private var inbox = ReadInbox()
    private var generator = SystemRandomNumberGenerator()
    private var mask = UInt64.random(in: 0...UInt64.max)

    package init(tls: TLSContext? = nil) throws {
        self.tls = tls
        descriptor = bench_epoll_make()
        guard descriptor >= 0 else {
            throw BenchError.system("cannot make an epoll instance", -descriptor)
        }
        frameBuffer.reserveCapacity(64 << 10)
    }

    deinit {
        close(descriptor)
        readBuffer.deallocate()
        events.deallocate()
    }

    /// A mask protects proxies from scripts (RFC 6455 §10.3), of which there are none here; so it only
    /// has to differ, and a call of the kernel for each frame can be saved.
    func randomMask() -> UInt32 {
        mask = mask &* 0x5851_F42D_4C95_7F2D &+ 0x1405_7B7E_F767_814F
        return UInt32(truncatingIfNeeded: mask >> 32)
    }

    func randomBytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in generator.next() }
    }

    /// Gives a connection its place; a connection keeps it across reconnects.
    func adopt(_ connection: WebSocketConnection) -> Int {
        connections.append(connection)
        inbox.addPlace()
        return connections.count - 1
    }

    /// Watches the socket of a connection that has just begun to connect.
    func watch(_ connection: WebSocketConnection, descriptor target: Int32,
               generation: UInt32) throws {
        let token = UInt64(generation) << 32 | UInt64(connection.slot)
        let failure = bench_epoll_set(descriptor, target, token,
                                      UInt32(BENCH_READABLE | BENCH_WRITABLE), 0)
        guard failure == 0 else { throw BenchError.system("cannot watch a socket", -failure) }
        inbox.opens(connection.slot, descriptor: target, generation: generation)
    }

    func change(_ connection: WebSocketConnection, descriptor target: Int32, generation: UInt32,
                readable: Bool, writable: Bool) {
        let token = UInt64(generation) << 32 | UInt64(connection.slot)
        let wanted = (readable ? UInt32(BENCH_READABLE) : 0) | (writable ? UInt32(BENCH_WRITABLE) : 0)
        _ = bench_epoll_set(descriptor, target, token, wanted, 1)
    }

    /// The connection's socket is gone; what was read from it is not decoded any more.
    func forget(_ connection: WebSocketConnection) { inbox.closes(connection.slot) }

    /// Reads at most so many bytes of one connection, which are decoded in their turn.
    func read(_ connection: WebSocketConnection, upTo count: Int) {
        if !inbox.hasRoom { decodeAll() }
        _ = inbox.read(connection.slot, upTo: count)
    }

    /// Waits at most until `deadline` (of `MonotonicClock`) and serves what is ready. `between` runs
    /// after each read and each decoding, so that a schedule can be kept while many wait.
    package func turn(until deadline: UInt64, between: () -> Void = {}) throws {
        try readAll(until: deadline, between)
        var decoded = 0
        while decoded < Self.decodedInTurn, !inbox.isEmpty {
            for _ in 0..<Self.decodedAtOnce where !inbox.isEmpty {
                decodeFirst()
                decoded += 1
                between()
            }
            try readAll(until: 0, between)
        }
    }

    /// Serves all that has come by now.
    func takeArrived() throws {
        try turn(until: 0)
        decodeAll()
    }

    private func decodeAll() {
        while !inbox.isEmpty { decodeFirst() }
    }

    private func decodeFirst() {
        let read = inbox.takeFirst()
        readAt = read.time
        connections[read.slot]?.received(read.outcome, generation: read.generation)
    }

    /// Reads until nothing is ready or the inbox is full. Waits only while it is empty.
    private func readAll(until deadline: UInt64, _ between: () -> Void) throws {
        while inbox.hasRoom {
            let now = inbox.isEmpty && deadline > 0 ? MonotonicClock.now() : deadline
            let patience = Int64(min(deadline > now ? deadline - now : 0, 1_000_000_000))
            let count = bench_epoll_wait(descriptor, events, 256, patience)
            guard count >= 0 else {
                if -count == EINTR { return }
                throw BenchError.system("epoll failed", -count)
            }
            var hasRead = false
            for index in 0..<Int(count) {
                if serve(events[index]) { hasRead = true }
                between()
            }
            guard hasRead else { return }
        }
    }

    /// Whether something was read.
    @inline(__always)
    private func serve(_ event: bench_event) -> Bool {
        let slot = Int(event.token & 0xFFFF_FFFF)
        let generation = UInt32(truncatingIfNeeded: event.token >> 32)
        guard inbox.isOpen(slot, generation) else { return false }
        if event.events & UInt32(BENCH_WRITABLE) != 0 || inbox.isConnecting(slot) {
            inbox.connected(slot)
            connections[slot]?.becameWritable()
        }
        guard event.events & ~UInt32(BENCH_WRITABLE) != 0, inbox.hasRoom,
              inbox.isOpen(slot, generation)
        else { return false }
        return inbox.read(slot)
    }
}
