// Watches a descriptor for a loop. It belongs to the loop's thread; the descriptor stays its owner's,
// who closes it after the handle.

import CUV
import Glibc

/// What a descriptor is ready for.
package struct PollEvents: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    package static let readable = PollEvents(rawValue: 1)
    package static let writable = PollEvents(rawValue: 2)
    /// The peer has closed its side: behind what can be read nothing comes. Told by a `SocketPoller` together
    /// with `readable`, and not watched for by itself.
    package static let ended = PollEvents(rawValue: 4)
}

/// Told on the loop's thread.
package protocol PollOwner: AnyObject {
    /// `error` is a negative libuv code when the descriptor cannot be watched any more.
    func pollReady(_ events: PollEvents, tag: Int, error: Int32?)
}

package final class PollHandle {
    private let handle: UnsafeMutablePointer<uv_poll_t>
    private unowned let owner: any PollOwner
    private let tag: Int
    private var isClosed = false

    /// - Parameters:
    ///   - descriptor: open and non-blocking.
    ///   - tag: given back with every event.
    package init(loop: Loop, descriptor: Int32, owner: any PollOwner, tag: Int = 0) {
        precondition(loop.isCurrent)
        self.owner = owner
        self.tag = tag
        handle = .allocate(capacity: 1)
        precondition(uv_poll_init(loop.uv, handle, descriptor) == 0, "descriptor cannot be polled")
        handle.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit { precondition(isClosed, "a poll handle must be closed") }

    /// Replaces what is watched for; nothing: stops.
    package func watch(_ events: PollEvents) {
        precondition(!isClosed)
        let code = events.isEmpty ? uv_poll_stop(handle) : uv_poll_start(handle, events.rawValue, pollFired)
        precondition(code == 0)
    }

    /// Nothing is told from here on. Once; the descriptor may be closed right after.
    package func close() {
        precondition(!isClosed)
        isClosed = true
        uv_poll_stop(handle)
        let raw = UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)
        uv_close(raw) { raw in
            UnsafeMutableRawPointer(raw!).assumingMemoryBound(to: uv_poll_t.self).deallocate()
        }
    }

    fileprivate func fired(_ status: Int32, _ events: Int32) {
        owner.pollReady(PollEvents(rawValue: events), tag: tag, error: status < 0 ? status : nil)
    }
}

private func pollFired(_ handle: UnsafeMutablePointer<uv_poll_t>?, status: Int32, events: Int32) {
    Unmanaged<PollHandle>.fromOpaque(handle!.pointee.data).takeUnretainedValue().fired(status, events)
}
