// Who may come in, and how fast: a rate for all connections together, and for each address a rate and a
// number of connections that are open at once. One for all loops. Its memory is bounded: what is known of an
// address is forgotten when it is as good as nothing.

import Model
import Wire

package struct AcceptLimits: Sendable, Hashable {
    /// Per second and at once, of all addresses; 0: no limit. Connections above wait in the kernel.
    package var perSecond: UInt32 = 0
    package var burst: UInt32 = 1
    /// Of one address (IPv6: one /64); 0: no limit.
    package var addressOpenMax = 0
    package var addressPerSecond: UInt32 = 0
    package var addressBurst: UInt32 = 1
    /// Addresses remembered for their rate alone.
    package var addressesMax = 65_536
    package init() {}
}

struct AcceptGate: Sendable {
    enum Refusal: Hashable, Sendable {
        case tooManyOpen
        case tooFast
    }

    private struct Entry {
        var open = 0
        var bucket: TokenBucket
        /// What its connections without a session have caused, as `WorkRate` counts it.
        var workDue: UInt64 = 0
    }

    private let limits: AcceptLimits
    private var all: TokenBucket
    private var addresses: [NetworkAddress: Entry] = [:]
    /// Entries with an open connection: as many as there may be connections, and never evicted.
    private var openAddresses = 0

    init(limits: AcceptLimits, now: MonotonicNanoseconds) {
        self.limits = limits
        all = TokenBucket(rate: limits.perSecond, burst: limits.burst, now: now)
    }

    var addressCount: Int { addresses.count }

    /// Whether the next connection may be accepted; else it is left waiting in the kernel.
    func accepts(at now: MonotonicNanoseconds) -> Bool { all.wait(at: now) == nil }
    mutating func accepted(at now: MonotonicNanoseconds) { _ = all.take(at: now) }

    /// A connection of this network; to be followed by `leave` unless it is refused.
    mutating func enter(_ network: NetworkAddress, at now: MonotonicNanoseconds) -> Refusal? {
        if limits.addressOpenMax == 0, limits.addressPerSecond == 0 { return nil }
        if addresses[network] == nil { makeRoom(now) }
        var entry = addresses[network] ?? Entry(bucket: TokenBucket(
            rate: limits.addressPerSecond, burst: limits.addressBurst, now: now))
        if limits.addressOpenMax > 0, entry.open >= limits.addressOpenMax { return .tooManyOpen }
        let isInTime = entry.bucket.take(at: now) == nil
        if isInTime {
            if entry.open == 0 { openAddresses += 1 }
            entry.open += 1
        }
        addresses[network] = entry
        return isInTime ? nil : .tooFast
    }

    /// Work of a connection that was entered. Otherwise than on a connection it is remembered when the address
    /// comes back.
    /// - Returns: milliseconds until the address may cause more; `nil`: now.
    mutating func charge(_ network: NetworkAddress, _ work: Int, _ rate: WorkRate, at now: MonotonicNanoseconds)
        -> UInt32?
    {
        guard let entry = addresses[network] else { return nil }
        let due = rate.due(after: entry.workDue, charging: work, at: now)
        addresses[network]?.workDue = due
        return rate.wait(until: due, at: now)
    }

    mutating func leave(_ network: NetworkAddress) {
        guard var entry = addresses[network], entry.open > 0 else { return }
        entry.open -= 1
        if entry.open == 0 { openAddresses -= 1 }
        addresses[network] = entry.open == 0 && limits.addressPerSecond == 0 ? nil : entry
    }

    /// Forgets addresses without connections: those whose bucket is full again, and if these are few, the
    /// ones that are nearest to it, so that who floods the table does not wash out who is being held back.
    private mutating func makeRoom(_ now: MonotonicNanoseconds) {
        guard addresses.count - openAddresses >= limits.addressesMax else { return }
        let idle = addresses.filter { $0.value.open == 0 }
            .map { (network: $0.key, fill: $0.value.bucket.fill(at: now)) }
            .sorted { $0.fill > $1.fill }
        let fullCount = idle.prefix { $0.fill >= 1 }.count
        for (network, _) in idle.prefix(max(fullCount, limits.addressesMax / 4, 1)) { addresses[network] = nil }
    }
}
