// Slows guessing down without locking out whom it is about. A try of a password takes a token from the bucket of its
// account and network, and a stranger's also from the account's and the network's; a right one gives them back. A
// device that has signed in before has a bucket of its own, and a network from which the account is signed in has the
// pair's alone: so whoever guesses from elsewhere, or for others behind the same address, uses up nothing of theirs.
// Kept in memory, in bounded tables.

import Model
import Ports
import Wire

struct AttemptLimits: Sendable {
    /// Tries that may be made at once.
    var burst: Double
    /// How many come back in an hour.
    var perHour: Double

    /// Wrong ones for one account from one network: at most 15 in any hour. Higher helps who guesses; lower locks out
    /// who mistypes.
    static let pair = AttemptLimits(burst: 5, perHour: 10)
    /// From a device that has signed in to the account before, wherever it is.
    static let device = AttemptLimits(burst: 5, perHour: 10)
    /// For one account from anywhere that it is not known to be. Bounds many networks that guess at one account.
    static let account = AttemptLimits(burst: 30, perHour: 30)
    /// From one network for any accounts. Many people may share it.
    static let network = AttemptLimits(burst: 30, perHour: 120)
    /// Right ones for one account: each costs a hash and a row.
    static let right = AttemptLimits(burst: 60, perHour: 360)
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

/// What speaks for somebody who tries a password.
enum AttemptStanding: Sendable {
    case stranger
    /// The account has a sign-in that lives, from the same network.
    case knownNetwork
    /// It has signed in to the account before, and has proof of that.
    case knownDevice(String)
}

final class AttemptLimiter: Sendable {
    fileprivate enum Table: Int, CaseIterable {
        case pair, device, account, network, right
        var limits: AttemptLimits {
            switch self {
            case .pair: .pair
            case .device: .device
            case .account: .account
            case .network: .network
            case .right: .right
            }
        }
    }
    private let tables: Lock<[Buckets]>
    private let clocks: any Clocks

    /// `capacity` entries of some 100 bytes each, in each of five tables.
    init(clocks: any Clocks, capacity: Int = 50_000) {
        self.clocks = clocks
        tables = Lock(Table.allCases.map { Buckets(limits: $0.limits, capacity: capacity) })
    }

    /// Entries in the tables, for tests of their bound.
    var tableSizes: [Int] { tables.withLock { $0.map(\.buckets.count) } }

    /// One try, taken from its buckets.
    struct Attempt: Sendable {
        fileprivate let taken: [(table: Table, key: ExactText)]
        fileprivate let account: ExactText
    }

    enum Outcome: Sendable {
        case allowed(Attempt)
        case tooMany(retryAfterMilliseconds: UInt32)
        /// The password may have been right each time.
        case tooManySignIns(retryAfterMilliseconds: UInt32)
    }

    /// For an e-mail address, whether or not it has an account, and the address of the peer.
    func begin(_ email: EmailAddress, from peer: String, as standing: AttemptStanding = .stranger) -> Outcome {
        let now = clocks.monotonic()
        let account = ExactText(email.reveal)
        let network = Self.network(peer)
        let pair = (table: Table.pair, key: ExactText("\(network) \(email.reveal)"))
        let wanted: [(table: Table, key: ExactText)] = switch standing {
        case .stranger: [pair, (.account, account), (.network, ExactText(network))]
        case .knownNetwork: [pair]
        case .knownDevice(let device): [(.device, ExactText("\(device) \(email.reveal)"))]
        }
        return tables.withLock { tables in
            let wait = wanted.map { tables[$0.table.rawValue].waitMilliseconds($0.key, now) }.max() ?? 0
            guard wait == 0 else { return .tooMany(retryAfterMilliseconds: wait) }
            let pause = tables[Table.right.rawValue].waitMilliseconds(account, now)
            guard pause == 0 else { return .tooManySignIns(retryAfterMilliseconds: pause) }
            for (table, key) in wanted { tables[table.rawValue].add(-1, key, now) }
            return .allowed(Attempt(taken: wanted, account: account))
        }
    }

    /// It was never tried.
    func giveBack(_ attempt: Attempt) {
        let now = clocks.monotonic()
        tables.withLock { tables in
            for (table, key) in attempt.taken { tables[table.rawValue].add(1, key, now) }
        }
    }

    /// It was right: that costs nothing of the tries, and one of the sign-ins.
    func succeeded(_ attempt: Attempt) {
        giveBack(attempt)
        let now = clocks.monotonic()
        tables.withLock { $0[Table.right.rawValue].add(-1, attempt.account, now) }
    }

    /// Who counts as one; what is no address counts as it is.
    static func network(_ address: String) -> String {
        NetworkAddress(address).map { "\($0.network)" } ?? address
    }
}
