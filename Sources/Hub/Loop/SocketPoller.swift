// Watches many sockets of one owner for a loop: an epoll instance of its own, which the loop watches as one
// descriptor. A connection costs one epoll_ctl in its life and no memory besides its own; a uv_poll_t each
// would cost four of them, an allocation, and 200 bytes. It belongs to the loop's thread.

import CUV
import Glibc

package final class SocketPoller: PollOwner {
    private let descriptor: Int32
    private var handle: PollHandle!
    private unowned let owner: any PollOwner
    private var isClosed = false
    private let ready: UnsafeMutablePointer<epoll_event>

    /// Events taken at once; with more the loop comes back after its other work.
    private static let eventsMax = 1_024

    /// - Parameter owner: is told what is ready, with the tag of the socket. It may get an event of a socket
    ///   that it has ceased to watch in the same turn.
    package init(loop: Loop, owner: any PollOwner) {
        self.owner = owner
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        precondition(descriptor >= 0, "no descriptor for epoll")
        ready = .allocate(capacity: Self.eventsMax)
        handle = PollHandle(loop: loop, descriptor: descriptor, owner: self)
        handle.watch(.readable)
    }

    deinit { ready.deallocate() }

    /// Nothing is told from here on. Before the loop is stopped.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        handle.close()
        Glibc.close(descriptor)
    }

    package func pollReady(_ events: PollEvents, tag: Int, error: Int32?) {
        let count = Int(epoll_wait(descriptor, ready, Int32(Self.eventsMax), 0))
        for index in 0..<max(0, count) {
            let event = ready[index]
            // What it is watched for stands in the two lowest bits, the tag above them.
            let watched = PollEvents(rawValue: Int32(truncatingIfNeeded: event.data.u64 & 3))
            var told: PollEvents = []
            if event.events & EPOLLIN.rawValue != 0 { told.insert(.readable) }
            if event.events & EPOLLOUT.rawValue != 0 { told.insert(.writable) }
            if event.events & EPOLLRDHUP.rawValue != 0 { told.insert(.ended) }
            // Reading or writing says what is wrong.
            if event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { told.formUnion(watched) }
            owner.pollReady(told, tag: Int(Int64(bitPattern: event.data.u64) >> 2), error: nil)
        }
    }

    fileprivate func change(_ socket: Int32, from old: PollEvents, to new: PollEvents, tag: Int) {
        guard old != new else { return }
        var event = epoll_event()
        if new.contains(.readable) { event.events |= EPOLLIN.rawValue | EPOLLRDHUP.rawValue }
        if new.contains(.writable) { event.events |= EPOLLOUT.rawValue }
        event.data.u64 = UInt64(bitPattern: Int64(tag) << 2) | UInt64(new.rawValue & 3)
        // A socket that is watched for nothing would still report its end, again and again: it is taken out.
        let operation = old.isEmpty ? EPOLL_CTL_ADD : new.isEmpty ? EPOLL_CTL_DEL : EPOLL_CTL_MOD
        precondition(epoll_ctl(descriptor, operation, socket, &event) == 0, "a socket cannot be watched")
    }
}

/// One socket of a `SocketPoller`.
package struct PolledSocket {
    private unowned let poller: SocketPoller
    private let descriptor: Int32
    private let tag: Int
    package private(set) var watched: PollEvents = []

    /// - Parameters:
    ///   - descriptor: open and non-blocking. Closing it ends its being watched.
    ///   - tag: given back with every event; 62 bits of it.
    package init(_ poller: SocketPoller, descriptor: Int32, tag: Int) {
        self.poller = poller
        self.descriptor = descriptor
        self.tag = tag
    }

    /// Replaces what is watched for (readable, writable); nothing: stops.
    package mutating func watch(_ events: PollEvents) {
        poller.change(descriptor, from: watched, to: events, tag: tag)
        watched = events
    }
}
