// Who is present in an organisation. An account is as present as the best of its sessions; changes are
// coalesced, and leaving is told only after a grace, so that a reconnect is not seen by anybody.

package import Model

package struct PresenceMachine {
    /// How long an account without sessions still counts as it was.
    package static let offlineGraceMilliseconds: Int64 = 5_000

    private struct Account {
        var sessions: [SessionID: PresenceState] = [:]
        /// What the watchers were last told.
        var told: PresenceState = .offline
        /// When the last session went; `nil` while there is one.
        var leftAt: MonotonicNanoseconds?
        var isDirty = false
        var best: PresenceState { sessions.values.max { $0.rawValue < $1.rawValue } ?? .offline }
    }

    private var accounts: [AccountID: Account] = [:]
    /// Their ids, in order.
    private var ids: [AccountID] = []
    /// Accounts whose state may differ from what was told, in order of change.
    private var dirty: [AccountID] = []

    package init() {}

    /// Whether `flush` may have something to tell, now or later.
    package var hasPending: Bool { !dirty.isEmpty }

    package mutating func sessionIs(_ state: PresenceState, _ session: SessionID, of account: AccountID) {
        if accounts[account] == nil {
            accounts[account] = Account()
            ids.insert(account, at: ids.firstIndex(above: account))
        }
        accounts[account]?.sessions[session] = state
        accounts[account]?.leftAt = nil
        mark(account)
    }

    package mutating func sessionGone(_ session: SessionID, of account: AccountID,
                                      at now: MonotonicNanoseconds) {
        guard accounts[account]?.sessions.removeValue(forKey: session) != nil else { return }
        if accounts[account]?.sessions.isEmpty == true { accounts[account]?.leftAt = now }
        mark(account)
    }

    /// Changes to tell the watchers, the first `max` of them. What is within its grace stays for a later flush,
    /// and so does the rest.
    package mutating func flush(at now: MonotonicNanoseconds, max: Int = .max) -> [Presence] {
        var changes: [Presence] = []
        var later: [AccountID] = []
        for (index, id) in dirty.enumerated() {
            if changes.count == max {
                later += dirty[index...]
                break
            }
            guard var account = accounts[id] else { continue }
            if let leftAt = account.leftAt,
               now.milliseconds(since: leftAt) < Self.offlineGraceMilliseconds, account.told != .offline {
                later.append(id)
                continue
            }
            let state = account.best
            if state != account.told {
                account.told = state
                changes.append(Presence(account: id, state: state))
            }
            account.isDirty = false
            accounts[id] = account.sessions.isEmpty ? nil : account
            if account.sessions.isEmpty { ids.remove(at: ids.firstIndex(above: id) - 1) }
        }
        dirty = later
        return changes
    }

    /// Those present as last told, by account: a page of them behind `account`.
    package func page(after account: AccountID?, limit: UInt32, bytesMax: Int) -> (page: [Presence], next: String) {
        let rest = ids[ids.firstIndex(above: account)...].lazy.compactMap { id in
            accounts[id].flatMap { $0.told == .offline ? nil : Presence(account: id, state: $0.told) }
        }
        return PageRule.list(rest, limit: limit, bytesMax: bytesMax, account: \.account, bytes: PageRule.bytes)
    }

    private mutating func mark(_ account: AccountID) {
        guard accounts[account]?.isDirty == false else { return }
        accounts[account]?.isDirty = true
        dirty.append(account)
    }
}
