// Slows guessing down. Every try of a password takes a token from the account's bucket and from the
// address's; a right password gives both back. Kept in memory, in bounded tables.

import Model
import Ports
import Wire

struct AttemptLimits: Sendable {
    /// Wrong tries an account or an address may make at once.
    var burst: Double
    /// How many it gets back in an hour.
    var perHour: Double

    /// At most 15 wrong tries in any hour. Higher helps who guesses; lower locks out who mistypes.
    static let account = AttemptLimits(burst: 5, perHour: 10)
    /// Many people may share an address.
    static let address = AttemptLimits(burst: 30, perHour: 120)
}

/// Tokens by key.
private struct Buckets {
    struct Bucket {
        var tokens: Double
        var at: MonotonicNanoseconds
    }
    let limits: AttemptLimits
    let capacity: Int
    var buckets: [ExactText: Bucket] = [:]

    /// The tokens of a bucket by now.
    func tokens(_ key: ExactText, _ now: MonotonicNanoseconds) -> Double {
        guard let bucket = buckets[key] else { return limits.burst }
        let hours = Double(now.value - min(bucket.at.value, now.value)) / 3.6e12
        return min(limits.burst, bucket.tokens + hours * limits.perHour)
    }

    /// 0 when there is a token, else how long until there is.
    func waitMilliseconds(_ key: ExactText, _ now: MonotonicNanoseconds) -> UInt32 {
        let missing = 1 - tokens(key, now)
        return missing <= 0 ? 0 : UInt32((missing / limits.perHour * 3.6e6).rounded(.up))
    }

    mutating func add(_ count: Double, _ key: ExactText, _ now: MonotonicNanoseconds) {
        let tokens = min(limits.burst, tokens(key, now) + count)
        // A full bucket is as good as none.
        guard tokens < limits.burst else {
            buckets[key] = nil
            return
        }
        if buckets[key] == nil, buckets.count >= capacity { makeRoom(now) }
        buckets[key] = Bucket(tokens: tokens, at: now)
    }

    /// Forgets the quarter that is nearest to full: who floods the table with new names does not
    /// wash out the ones that are being guessed at. A quarter, so that it happens seldom.
    private mutating func makeRoom(_ now: MonotonicNanoseconds) {
        let byTokens = buckets.keys.map { (key: $0, tokens: tokens($0, now)) }.sorted {
            $0.tokens > $1.tokens
        }
        for (key, _) in byTokens.prefix(max(1, capacity / 4)) { buckets[key] = nil }
    }
}

final class AttemptLimiter: Sendable {
    private struct State {
        var accounts: Buckets
        var addresses: Buckets
    }
    private let state: Lock<State>
    private let clocks: any Clocks

    /// `capacity` entries of some 100 bytes each, for accounts and for addresses.
    init(clocks: any Clocks, capacity: Int = 50_000) {
        self.clocks = clocks
        state = Lock(
            State(
                accounts: Buckets(limits: .account, capacity: capacity),
                addresses: Buckets(limits: .address, capacity: capacity)))
    }

    /// Entries in the tables, for tests of their bound.
    var tableSizes: (accounts: Int, addresses: Int) {
        state.withLock { ($0.accounts.buckets.count, $0.addresses.buckets.count) }
    }

    /// One try taken from both buckets; give it back when the password was right.
    struct Attempt: Sendable {
        fileprivate let account: ExactText
        fileprivate let address: ExactText
    }

    enum Outcome: Sendable {
        case allowed(Attempt)
        case tooMany(retryAfterMilliseconds: UInt32)
    }

    /// For an e-mail address, whether or not it has an account, and the address of the peer.
    func begin(_ email: EmailAddress, from peer: String) -> Outcome {
        let now = clocks.monotonic()
        let attempt = Attempt(account: ExactText(email.reveal), address: ExactText(Self.network(peer)))
        return state.withLock { state in
            let wait = max(
                state.accounts.waitMilliseconds(attempt.account, now),
                state.addresses.waitMilliseconds(attempt.address, now))
            guard wait == 0 else { return .tooMany(retryAfterMilliseconds: wait) }
            state.accounts.add(-1, attempt.account, now)
            state.addresses.add(-1, attempt.address, now)
            return .allowed(attempt)
        }
    }

    /// It was right, or was never tried.
    func giveBack(_ attempt: Attempt) {
        let now = clocks.monotonic()
        state.withLock { state in
            state.accounts.add(1, attempt.account, now)
            state.addresses.add(1, attempt.address, now)
        }
    }

    /// Who counts as one; what is no address counts as it is.
    static func network(_ address: String) -> String {
        NetworkAddress(address).map { "\($0.network)" } ?? address
    }
}
