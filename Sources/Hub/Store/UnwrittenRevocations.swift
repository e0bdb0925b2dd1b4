// Sign-ins that were ended while the database could not write. Here they are ended from that moment on: whoever asks
// the store for one is told so. They are written as soon as that works; a restart before then forgets them, which is
// why the one who ended it is told that it is not durable.

import Model
import Ports

final class UnwrittenRevocations: Sendable {
    /// Ends that wait; for more, only the open connections are closed.
    static let limit = 4_096

    struct End: Sendable {
        let login: LoginID
        let account: AccountID
        let at: UnixMilliseconds
    }
    private struct State {
        var ends: [LoginID: End] = [:]
        var isWriting = false
        var isClosed = false
    }
    private let state = Lock(State())

    /// `true`: nobody writes yet, and the caller is to begin.
    func add(_ end: End) -> Bool {
        state.withLock { state in
            guard !state.isClosed, state.ends.count < Self.limit || state.ends[end.login] != nil else { return false }
            if state.ends[end.login] == nil { state.ends[end.login] = end }
            defer { state.isWriting = true }
            return !state.isWriting
        }
    }

    /// When the sign-in was ended, if that is not written.
    func end(of login: LoginID) -> UnixMilliseconds? {
        state.withLock { $0.ends.isEmpty ? nil : $0.ends[login]?.at }
    }

    /// What is to be written next; `nil`: nothing any more, and the next to add has to begin again.
    func next() -> End? {
        state.withLock { state in
            let next = state.isClosed ? nil : state.ends.values.min { $0.login < $1.login }
            if next == nil { state.isWriting = false }
            return next
        }
    }

    func written(_ login: LoginID) { state.withLock { $0.ends[login] = nil } }
    func close() { state.withLock { $0.isClosed = true } }
}
