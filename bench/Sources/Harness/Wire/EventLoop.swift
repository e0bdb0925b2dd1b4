// One epoll instance and the WebSocket connections that wait in it. Everything runs on the thread
// that calls `turn`; a run has exactly one.

internal import CBench
internal import Glibc

package final class EventLoop {
    let descriptor: Int32
    let tls: TLSContext?
    /// What a read fills; a message that fits needs no other memory.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    let cipherBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)
    /// What a command is encoded into before it is framed.
    var frameBuffer: [UInt8] = []
    /// Pings of servers, over all connections.
    var pingsAnswered = 0
    private let events = UnsafeMutablePointer<bench_event>.allocate(capacity: 256)
    private var connections: [WebSocketConnection?] = []
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
        cipherBuffer.deallocate()
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
        return connections.count - 1
    }

    /// Watches the socket of a connection that has just begun to connect.
    func watch(_ connection: WebSocketConnection, descriptor target: Int32,
               generation: UInt32) throws {
        let token = UInt64(generation) << 32 | UInt64(connection.slot)
        let failure = bench_epoll_set(descriptor, target, token,
                                      UInt32(BENCH_READABLE | BENCH_WRITABLE), 0)
        guard failure == 0 else { throw BenchError.system("cannot watch a socket", -failure) }
    }

    func change(_ connection: WebSocketConnection, descriptor target: Int32, generation: UInt32,
                readable: Bool, writable: Bool) {
        let token = UInt64(generation) << 32 | UInt64(connection.slot)
        let wanted = (readable ? UInt32(BENCH_READABLE) : 0) | (writable ? UInt32(BENCH_WRITABLE) : 0)
        _ = bench_epoll_set(descriptor, target, token, wanted, 1)
    }

    /// Waits at most until `deadline` (of `MonotonicClock`) and serves what is ready.
    /// `between` runs after each connection served, so that a schedule can be kept while many wait.
    package func turn(until deadline: UInt64, between: () -> Void = {}) throws {
        let now = MonotonicClock.now()
        let timeout = deadline > now ? Int64(min(deadline - now, 1_000_000_000)) : 0
        let count = bench_epoll_wait(descriptor, events, 256, timeout)
        guard count >= 0 else {
            if -count == EINTR { return }
            throw BenchError.system("epoll failed", -count)
        }
        for index in 0..<Int(count) {
            let event = events[index]
            let slot = Int(event.token & 0xFFFF_FFFF)
            if let connection = connections[slot] {
                connection.ready(generation: UInt32(event.token >> 32), events: event.events)
            }
            between()
        }
    }
}
