// Sends on many sockets with one system call: a ring of io_uring, used for nothing else. Every send is done
// or refused when `submit` returns, as `Socket.send` would have it; nothing is left to the kernel, so memory
// and descriptors are the caller's again. Where the kernel has no io_uring or does not permit it (containers
// often do not), there is no ring, and the caller sends by `Socket.send`.

import CURing
import Glibc

package struct SendRing: ~Copyable {
    /// Sends of one submission. More: fewer system calls, and the first subscriber waits longer for the last
    /// to be noted; from some hundreds on a call's share is no longer seen.
    package static let sendsMax = 1_024

    private let ring: OpaquePointer
    package private(set) var count = 0

    /// On the thread that uses it. `nil`: not here.
    package init?() {
        guard let ring = hub_ring_make(UInt32(Self.sendsMax)) else { return nil }
        self.ring = ring
    }

    deinit { hub_ring_free(ring) }

    package var isFull: Bool { count == Self.sendsMax }

    /// The memory must stay until `submit`.
    /// - Parameter tag: given back if the socket does not take all.
    @inline(__always)
    package mutating func add(_ descriptor: Int32, _ start: UnsafeRawPointer, _ size: Int, tag: Int) {
        precondition(hub_ring_add_send(ring, descriptor, start, size, UInt64(tag)) == 1, "the ring is full")
        count += 1
    }

    /// Carries out what was added and forgets it.
    /// - Parameter incomplete: is told the tag of each send that did not go out whole, and how many bytes of it
    ///   did: negative when the connection is gone.
    package mutating func submit(_ incomplete: (_ tag: Int, _ sent: Int) -> Void) {
        var left = count
        count = 0
        while left > 0 {
            let submitted = hub_ring_submit(ring)
            // What the kernel does not take now (EAGAIN, EBUSY: no memory for requests) it takes when what has
            // completed is out of the way.
            precondition(submitted >= 0 || [-EAGAIN, -EBUSY, -EINTR].contains(submitted),
                         "io_uring_enter failed")
            left -= Int(max(0, submitted))
            var tag: UInt64 = 0
            var result: Int32 = 0
            while hub_ring_take(ring, &tag, &result) != 0 {
                switch result {
                case -EAGAIN, -ENOBUFS, -EINTR: incomplete(Int(tag), 0)
                default: incomplete(Int(tag), Int(result))
                }
            }
        }
    }
}
