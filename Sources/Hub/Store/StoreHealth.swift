// How the database is, as all of the store sees it: the circuit breaker, and whether there is room for content. Engines
// tell what happens; every job asks here first. What changes is logged once, and shown in metrics and by `/readyz`.

import Model
import Ports
import Synchronization

final class StoreHealth: Sendable {
    private struct State {
        var breaker = CircuitBreaker()
        var openedAt = MonotonicNanoseconds(0)
        var refused: UInt64 = 0
        /// Why it is open.
        var reason = ""
        /// Why there is no room for content, and whether it is refused for that without a try.
        var noRoom: String?
        var refusesContent = false
        var isTroubled: Bool { !breaker.isCalm || noRoom != nil }
    }
    private let state = Lock(State())
    /// Whether there is anything in the state that matters. Nearly always there is not.
    private let isTroubled = Atomic(false)
    private let isLogLong = Atomic(false)
    /// Twice what it is cut to.
    private static let logBytesMax = 256 << 20
    private let metrics: HealthMetrics
    private let clocks: any Clocks
    private let log: Log

    init(_ metrics: Metrics, clocks: any Clocks, log: Log) {
        self.metrics = HealthMetrics(metrics)
        self.clocks = clocks
        self.log = log
        self.metrics.up.set(1)
    }

    // MARK: Who asks

    /// Why the job is refused without asking the database.
    func refusal(_ job: Job) -> StoreError? {
        guard isTroubled.load(ordering: .relaxed) else { return nil }
        return state.withLock { state in
            if state.breaker.isOpen {
                state.refused += 1
                return .unavailable(state.reason)
            }
            if job.isContent, state.refusesContent { return .storageFull }
            return nil
        }
    }

    var isOpen: Bool { isTroubled.load(ordering: .relaxed) && state.withLock { $0.breaker.isOpen } }
    var hasNoRoom: Bool { isTroubled.load(ordering: .relaxed) && state.withLock { $0.noRoom != nil } }

    /// Why no post is taken now, for operators; `nil`: they are.
    var problem: String? {
        state.withLock { state in
            state.breaker.isOpen ? "the database does not work" : state.noRoom
        }
    }

    // MARK: What happens

    /// - Returns: `true` when nobody is to wait for the database any more: those who do are to be sent away.
    func failed(_ reason: String) -> Bool {
        let now = clocks.monotonic()
        let hasOpened = state.withLock { state in
            let hasOpened = state.breaker.failed(at: now)
            isTroubled.store(true, ordering: .relaxed)
            guard hasOpened else { return false }
            state.openedAt = now
            state.reason = reason
            state.refused = 0
            return true
        }
        guard hasOpened else { return false }
        metrics.up.set(0)
        metrics.openings.add()
        log.error("the database does not work and is not asked any more", .word("reason", reason))
        return true
    }

    /// A write is durable, or was refused by a database that works.
    /// - Returns: `true` when the database is back.
    @discardableResult
    func succeeded(isDurable: Bool = true) -> Bool {
        if isDurable { metrics.lastCommit.set(clocks.now().value / 1_000) }
        guard isTroubled.load(ordering: .relaxed) else { return false }
        let now = clocks.monotonic()
        let (hasClosed, seconds, refused) = state.withLock { state in
            let hasClosed = state.breaker.succeeded()
            isTroubled.store(state.isTroubled, ordering: .relaxed)
            return (hasClosed, (now.value - state.openedAt.value) / 1_000_000_000, state.refused)
        }
        guard hasClosed else { return false }
        metrics.up.set(1)
        log.info("the database works again", .number("seconds", seconds), .number("refused", refused))
        return true
    }

    /// Warned of once, until it is short again: somebody reads from the file for long, and the disk fills.
    func logLength(_ bytes: Int) {
        let isLong = bytes >= Self.logBytesMax
        guard isLong != isLogLong.load(ordering: .relaxed) else { return }
        isLogLong.store(isLong, ordering: .relaxed)
        if isLong {
            log.warning("SQLite's write-ahead log has grown long: a program reads from the database for long",
                        .number("bytes", bytes))
        } else {
            log.info("SQLite's write-ahead log is short again")
        }
    }

    func beginsProbe() -> Bool {
        guard isTroubled.load(ordering: .relaxed) else { return false }
        let now = clocks.monotonic()
        return state.withLock { $0.breaker.beginsProbe(at: now) }
    }

    /// - Parameters:
    ///   - reason: why there is no room for content; `nil`: there is.
    ///   - isFinal: content is refused from now on, so that what room is left serves the rest; else each job tries.
    func setNoRoom(_ reason: String?, isFinal: Bool = true) {
        let old = state.withLock { state in
            defer {
                state.noRoom = reason
                state.refusesContent = reason != nil && isFinal
                isTroubled.store(state.isTroubled, ordering: .relaxed)
            }
            return state.noRoom
        }
        guard (old == nil) != (reason == nil) else { return }
        metrics.contentRefused.set(reason == nil ? 0 : 1)
        if let reason {
            log.error("there is no room for posts", .word("reason", reason))
        } else {
            log.info("there is room for posts again")
        }
    }
}

struct HealthMetrics: Sendable {
    let up: Gauge
    let openings: Counter
    let contentRefused: Gauge
    let lastCommit: Gauge

    init(_ metrics: Metrics) {
        up = metrics.gauge("hub_store_up", help: "1: the database is asked; 0: the circuit breaker is open.")
        openings = metrics.counter(
            "hub_store_breaker_opened_total", help: "How often the circuit breaker of the database has opened.")
        contentRefused = metrics.gauge(
            "hub_store_content_refused", help: "1: posts, edits and new channels are refused for want of room.")
        lastCommit = metrics.gauge(
            "hub_store_last_commit_timestamp_seconds", help: "When the last write became durable, Unix time.")
    }
}
