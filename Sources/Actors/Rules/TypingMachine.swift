// Who is typing in a channel. Receivers let a typist go after six seconds by themselves, so the hub
// keeps no timers: it passes on a start, a stop, and a repetition no more often than every two seconds.

package import Model

package struct TypingMachine {
    package static let shownMilliseconds: Int64 = 6_000
    package static let repeatMilliseconds: Int64 = 2_000
    /// Typists remembered per channel; above, starts are not passed on.
    package static let typistsMax = 64

    private var typists: [(account: AccountID, toldAt: MonotonicNanoseconds)] = []

    package init() {}

    /// Whether the others are to be told.
    package mutating func typing(_ account: AccountID, active: Bool, at now: MonotonicNanoseconds) -> Bool {
        typists.removeAll { now.milliseconds(since: $0.toldAt) >= Self.shownMilliseconds }
        let index = typists.firstIndex { $0.account == account }
        guard active else {
            guard let index else { return false }
            typists.remove(at: index)
            return true
        }
        if let index {
            guard now.milliseconds(since: typists[index].toldAt) >= Self.repeatMilliseconds else { return false }
            typists[index].toldAt = now
            return true
        }
        guard typists.count < Self.typistsMax else { return false }
        typists.append((account, now))
        return true
    }
}
