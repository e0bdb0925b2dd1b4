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
    /// Accounts whose state may differ from what was told, in order of change.
    private var dirty: [AccountID] = []

    package init() {}

    /// Whether `flush` may have something to tell, now or later.
    package var hasPending: Bool { !dirty.isEmpty }

    package mutating func sessionIs(_ state: PresenceState, _ session: SessionID, of account: AccountID) {
        accounts[account, default: Account()].sessions[session] = state
        accounts[account]?.leftAt = nil
        mark(account)
    }

    package mutating func sessionGone(_ session: SessionID, of account: AccountID,
                                      at now: MonotonicNanoseconds) {
        guard accounts[account]?.sessions.removeValue(forKey: session) != nil else { return }
        if accounts[account]?.sessions.isEmpty == true { accounts[account]?.leftAt = now }
        mark(account)
    }

    /// Changes to tell the watchers. What is within its grace stays for a later flush.
    package mutating func flush(at now: MonotonicNanoseconds) -> [Presence] {
        var changes: [Presence] = []
        var later: [AccountID] = []
        for id in dirty {
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
        }
        dirty = later
        return changes
    }

    /// Everybody present as last told, ordered by account.
    package var present: [Presence] {
        accounts.compactMap { id, account in
            account.told == .offline ? nil : Presence(account: id, state: account.told)
        }.sorted { $0.account < $1.account }
    }

    private mutating func mark(_ account: AccountID) {
        guard accounts[account]?.isDirty == false else { return }
        accounts[account]?.isDirty = true
        dirty.append(account)
    }
}
