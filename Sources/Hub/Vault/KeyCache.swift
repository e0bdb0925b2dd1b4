// Unwrapped keys for a short while: at most so many, each for at most so long after it was loaded
// however often it is used, and each loaded once however many ask at the same time. What leaves the
// cache is overwritten as soon as the last call that uses it returns.

import Model
import Ports

/// Which key is asked for. Data keys and organisation keys are asked for apart, so that a stored
/// parent that is no organisation key, or the key itself, ends the search.
enum KeyQuestion: Hashable, Sendable {
    /// The organisation key of that id, whatever its state.
    case organisation(KeyID)
    /// The data key of that id, whatever its state.
    case data(KeyID)
    /// The ACTIVE one of that purpose; `nil` is the organisation key.
    case active(KeyPurpose?)
}

final class KeyCache: Sendable {
    struct Slot: Hashable, Sendable {
        var organisation: OrganisationID
        var question: KeyQuestion
    }
    fileprivate typealias Answer = Result<UnwrappedKey, VaultError>

    fileprivate struct Entry {
        var key: UnwrappedKey
        var lastUse: UInt64
        var expiresAt: MonotonicNanoseconds
    }

    fileprivate struct State {
        var entries: [Slot: Entry] = [:]
        var uses: UInt64 = 0
        /// Those who wait for a load under way.
        var waiting: [Slot: [CheckedContinuation<Answer?, Never>]] = [:]
        /// Counts purges: what was loaded before one does not enter after it.
        var purges: UInt64 = 0
    }

    private enum Lookup {
        case found(UnwrappedKey)
        case load(purges: UInt64)
        case wait
    }

    private let state = Lock(State())
    private let capacity: Int
    private let lifetimeNanoseconds: UInt64
    private let clocks: any Clocks

    init(capacity: Int, lifetimeMilliseconds: UInt64, clocks: any Clocks) {
        precondition(capacity > 0)
        self.capacity = capacity
        lifetimeNanoseconds = lifetimeMilliseconds * 1_000_000
        self.clocks = clocks
    }

    var count: Int { state.withLock { $0.entries.count } }

    /// The key, loaded by `load` unless it is here or on its way. Suspends only in the latter
    /// cases.
    func key(_ slot: Slot, load: () async throws(VaultError) -> UnwrappedKey)
        async throws(VaultError) -> UnwrappedKey
    {
        while true {
            switch lookUp(slot) {
            case .found(let key):
                return key
            case .load(let purges):
                let answer: Answer
                do throws(VaultError) {
                    answer = .success(try await load())
                } catch {
                    answer = .failure(error)
                }
                for waiter in settle(slot, answer, purges: purges) {
                    waiter.resume(returning: answer)
                }
                return try answer.get()
            case .wait:
                let answer = await withCheckedContinuation { waiter in
                    let isQueued = state.withLock { state in
                        state.waiting[slot]?.append(waiter) != nil
                    }
                    // The load ended in between: look again.
                    if !isQueued { waiter.resume(returning: nil) }
                }
                if let answer { return try answer.get() }
            }
        }
    }

    /// Drops what has expired. The cache does so whenever it takes a key in; calling this now and
    /// then lets go of the last ones too.
    func purgeExpired() {
        let now = clocks.monotonic()
        // What is dropped is overwritten after the lock was left.
        let dropped = state.withLock { $0.takeExpired(now) }
        withExtendedLifetime(dropped) {}
    }

    /// Drops every key of the organisation, those under way included.
    func purge(_ organisation: OrganisationID) {
        let dropped = state.withLock { state in
            state.purges += 1
            return state.take { slot, _ in slot.organisation == organisation }
        }
        withExtendedLifetime(dropped) {}
    }

    private func lookUp(_ slot: Slot) -> Lookup {
        let now = clocks.monotonic()
        return state.withLock { state in
            if let entry = state.entries[slot], now < entry.expiresAt {
                state.uses += 1
                state.entries[slot]?.lastUse = state.uses
                return .found(entry.key)
            }
            guard state.waiting[slot] == nil else { return .wait }
            state.waiting[slot] = []
            return .load(purges: state.purges)
        }
    }

    private func settle(_ slot: Slot, _ answer: Answer, purges: UInt64)
        -> [CheckedContinuation<Answer?, Never>]
    {
        let now = clocks.monotonic()
        let (waiters, dropped) = state.withLock { state in
            let waiters = state.waiting.removeValue(forKey: slot) ?? []
            guard case .success(let key) = answer, state.purges == purges else {
                return (waiters, [Entry]())
            }
            var dropped = state.takeExpired(now)
            if state.entries.count >= capacity, let victim = state.leastRecentlyUsed,
                let entry = state.entries.removeValue(forKey: victim)
            {
                dropped.append(entry)
            }
            state.uses += 1
            state.entries[slot] = Entry(
                key: key, lastUse: state.uses,
                expiresAt: MonotonicNanoseconds(now.value + lifetimeNanoseconds))
            return (waiters, dropped)
        }
        withExtendedLifetime(dropped) {}
        return waiters
    }
}

extension KeyCache.State {
    fileprivate mutating func take(_ isTaken: (KeyCache.Slot, KeyCache.Entry) -> Bool)
        -> [KeyCache.Entry]
    {
        let slots = entries.filter { isTaken($0.key, $0.value) }.map(\.key)
        return slots.compactMap { entries.removeValue(forKey: $0) }
    }

    fileprivate mutating func takeExpired(_ now: MonotonicNanoseconds) -> [KeyCache.Entry] {
        take { _, entry in entry.expiresAt <= now }
    }

    /// Looks at every entry; only a full cache asks, beside a store read that costs far more.
    fileprivate var leastRecentlyUsed: KeyCache.Slot? {
        entries.min { $0.value.lastUse < $1.value.lastUse }?.key
    }
}
