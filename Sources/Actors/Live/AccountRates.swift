// How many commands an account gives in all, and how much work its input causes, over whatever connections:
// buckets that its sessions share, from any lane, without a lock.
//
// A bucket is one number, the time at which the account would be where it should be if each command took
// its share of a second (the generic cell rate algorithm, ITU-T I.371 Annex A): a command is refused when
// that lies further ahead than the burst allows.

package import Model
import Ports
import Synchronization

package final class AccountRate: Sendable {
    private let nanosecondsEach: UInt64
    private let aheadMax: UInt64
    private let dueAt = Atomic<UInt64>(0)
    private let input: WorkRate
    private let inputDueAt = Atomic<UInt64>(0)

    /// - Parameter perSecond: more than 0.
    package init(perSecond: UInt32, burst: UInt32, input: WorkRate = WorkRate(perSecond: 0, burst: 0)) {
        nanosecondsEach = 1_000_000_000 / UInt64(perSecond)
        aheadMax = nanosecondsEach * UInt64(burst)
        self.input = input
    }

    /// Work that input of the account has caused. The milliseconds until it may cause more, `nil`: now.
    package func charge(_ work: Int, at now: MonotonicNanoseconds) -> UInt32? {
        guard input.perSecond > 0 else { return nil }
        var due = inputDueAt.load(ordering: .relaxed)
        while true {
            let next = input.due(after: due, charging: work, at: now)
            let (isDone, current) = inputDueAt.compareExchange(expected: due, desired: next, ordering: .relaxed)
            if isDone { return input.wait(until: next, at: now) }
            due = current
        }
    }

    /// Takes one command. Otherwise the milliseconds until there is one.
    package func take(at now: MonotonicNanoseconds) -> UInt32? {
        var due = dueAt.load(ordering: .relaxed)
        while true {
            let next = max(due, now.value) + nanosecondsEach
            let ahead = next - now.value
            if ahead > aheadMax { return UInt32(clamping: (ahead - aheadMax) / 1_000_000 + 1) }
            let (isDone, current) = dueAt.compareExchange(expected: due, desired: next, ordering: .relaxed)
            if isDone { return nil }
            due = current
        }
    }

    /// As good as a new one.
    func isFull(at now: MonotonicNanoseconds) -> Bool {
        dueAt.load(ordering: .relaxed) <= now.value && inputDueAt.load(ordering: .relaxed) <= now.value
    }
}

/// The buckets of the accounts that have sessions, and of those that had some lately.
final class AccountRates: Sendable {
    private struct Entry {
        let rate: AccountRate
        var sessions: Int
    }
    private struct State {
        var entries: [AccountID: Entry] = [:]
        var sweepAbove = 1_024
    }
    private let perSecond: UInt32
    private let burst: UInt32
    private let input: WorkRate
    private let state = Lock(State())

    init(perSecond: UInt32, burst: UInt32, input: WorkRate = WorkRate(perSecond: 0, burst: 0)) {
        self.perSecond = perSecond
        self.burst = burst
        self.input = input
    }

    /// For a session that opens, to be followed by one `leave`; `nil`: there is no limit, of input neither.
    func enter(_ account: AccountID) -> AccountRate? {
        guard perSecond > 0 else { return nil }
        return state.withLock { state in
            let rate = state.entries[account]?.rate 
                ?? AccountRate(perSecond: perSecond, burst: burst, input: input)
            state.entries[account, default: Entry(rate: rate, sessions: 0)].sessions += 1
            return rate
        }
    }

    /// Who comes back finds the bucket as it was left. It is forgotten when it would be full by then, which
    /// takes no longer than a burst takes to come back.
    func leave(_ account: AccountID, at now: MonotonicNanoseconds) {
        guard perSecond > 0 else { return }
        state.withLock { state in
            guard var entry = state.entries[account] else { return }
            entry.sessions -= 1
            state.entries[account] = entry.sessions > 0 || !entry.rate.isFull(at: now) ? entry : nil
            guard state.entries.count > state.sweepAbove else { return }
            state.entries = state.entries.filter { $0.value.sessions > 0 || !$0.value.rate.isFull(at: now) }
            state.sweepAbove = max(1_024, state.entries.count * 2)
        }
    }

    var count: Int { state.withLock { $0.entries.count } }
}
