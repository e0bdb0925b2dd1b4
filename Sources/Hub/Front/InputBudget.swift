// How much of what clients send is looked at, and when: work is counted in bytes that were received, bytes that
// came out of compressed messages, and a price for every message that is refused, so that nobody gains by small
// messages that expand or repeat. Nobody is sent away for it: a connection that has had its share is not read
// for a while, so that its peer's sends wait (TCP pushes back), and everybody else is served meanwhile.
//
// This file decides; FrontLoop+Input.swift carries out.

package import Model

/// Limits of the work that input causes. Not keys of the configuration, except for an account's.
package struct InputLimits: Sendable, Hashable {
    /// A WebSocket or stream that has not signed in. Enough for the largest hello at once.
    package var unwelcomed = WorkRate(perSecond: 32 << 10, burst: 64 << 10)
    /// A connection that speaks HTTP, unless it is a trusted proxy's, which speaks for many.
    package var http = WorkRate(perSecond: 256 << 10, burst: 1 << 20)
    /// All that have not signed in and have used up their start: of one address, and of one loop.
    package var address = WorkRate(perSecond: 256 << 10, burst: 1 << 20)
    package var everyone = WorkRate(perSecond: 2 << 20, burst: 2 << 20)
    /// What a connection may cause before it is counted for its address and its loop. An upgrade and a hello are
    /// a tenth of it: when all come back after a restart, nobody waits.
    package var startBytes = 16 << 10
    /// A compressed message before the sign-in may become no larger.
    package var inflatedBytesMax = 16 << 10
    /// One connection's share of a turn of the loop. Higher: fewer turns for large messages; others wait longer.
    package var sliceBytes = 256 << 10
    package var unwelcomedSliceBytes = 32 << 10
    /// What all without a session may have of one turn; the rest of them are first in the next one.
    package var turnBytes = 256 << 10
    package var turnMilliseconds: UInt64 = 4
    package init() {}
}

/// The work of one thing besides its bytes.
enum InputPrice {
    /// A message that was refused: it is decoded and answered, and nothing comes of it.
    static let refusal = 2 << 10
    /// A request is taken apart and answered.
    static let request = 1 << 10
}

/// What one connection has caused, and whether it may go on.
struct InputAccount {
    /// Whose share the connection's work comes from.
    enum Standing {
        /// Speaks HTTP, for itself or for a trusted proxy's clients.
        case http(isProxy: Bool)
        /// Speaks the protocol and has not signed in.
        case unwelcomed
        /// Signed in: its account has a share (`AccountRate`), the connection has none of its own.
        case welcomed
    }

    /// Since its turn began.
    private(set) var work = 0
    /// While it had no session.
    private(set) var unwelcomedWork = 0
    private var due: UInt64 = 0

    mutating func beginTurn() { work = 0 }
    mutating func add(_ more: Int) { work += more }

    /// Whether the connection has had its share of this turn.
    func isSliceOver(_ standing: Standing, _ limits: InputLimits) -> Bool {
        switch standing {
        case .http, .welcomed: work >= limits.sliceBytes
        case .unwelcomed: work >= limits.unwelcomedSliceBytes
        }
    }

    /// The turn's work is charged to the connection.
    /// - Returns: how long it has to wait, and what of the work counts for its address and for all.
    mutating func settle(_ standing: Standing, _ limits: InputLimits, at now: MonotonicNanoseconds)
        -> (wait: UInt32?, shared: Int)
    {
        switch standing {
        case .welcomed, .http(isProxy: true): return (nil, 0)
        case .http(isProxy: false):
            due = limits.http.due(after: due, charging: work, at: now)
            return (limits.http.wait(until: due, at: now), 0)
        case .unwelcomed:
            let before = unwelcomedWork
            unwelcomedWork += work
            due = limits.unwelcomed.due(after: due, charging: work, at: now)
            let shared = max(0, unwelcomedWork - max(before, limits.startBytes))
            return (limits.unwelcomed.wait(until: due, at: now), shared)
        }
    }
}

/// What a loop gives in one turn to those without a session.
struct InputTurn {
    private var work = 0
    /// Milliseconds of the loop's clock; `nil` until the first of them has its turn, for a loop may sleep first.
    private var beganAt: UInt64?

    mutating func begin() { self = InputTurn() }
    mutating func add(_ more: Int) { work += more }

    mutating func isOver(at now: UInt64, _ limits: InputLimits) -> Bool {
        let began = beganAt ?? now
        beganAt = began
        return work >= limits.turnBytes || now >= began + limits.turnMilliseconds
    }
}
