// The durable side of accounts, organisations, sign-ins and invitations. Accounts belong to no
// organisation, so what concerns only an account takes no organisation; everything else does.

package import Model

package struct AccountRecord: Hashable, Sendable {
    package var id: AccountID
    /// Lower case.
    package var email: EmailAddress
    package var firstName: String
    package var lastName: String
    /// PHC string of argon2id.
    package var passwordHash: Private<PasswordTag>
    package init(id: AccountID, email: EmailAddress, firstName: String, lastName: String,
                 passwordHash: Private<PasswordTag>) {
        self.id = id
        self.email = email
        self.firstName = firstName
        self.lastName = lastName
        self.passwordHash = passwordHash
    }
}

package struct OrganisationRecord: Hashable, Sendable {
    package var id: OrganisationID
    package var name: String
    package init(id: OrganisationID, name: String) {
        self.id = id
        self.name = name
    }
}

/// An organisation an account belongs to.
package struct Membership: Hashable, Sendable {
    package var organisation: OrganisationRecord
    package var role: Role
    /// As of `Member`.
    package var since: UnixMilliseconds
    package init(organisation: OrganisationRecord, role: Role, since: UnixMilliseconds) {
        self.organisation = organisation
        self.role = role
        self.since = since
    }
}

/// Somebody in an organisation.
package struct Member: Hashable, Sendable {
    package var person: Person
    /// When this membership began. Who was removed and has come back has a later one, however soon:
    /// nobody may go on as the member they were.
    package var since: UnixMilliseconds
    package init(person: Person, since: UnixMilliseconds) {
        self.person = person
        self.since = since
    }
    package var account: AccountID { person.account }
    package var role: Role { person.role }
}

/// A sign-in on one device.
package struct LoginRecord: Hashable, Sendable {
    package var id: LoginID
    package var account: AccountID
    package var organisation: OrganisationID
    package var createdAt: UnixMilliseconds
    package var lastUsedAt: UnixMilliseconds
    /// Refresh tokens of this sign-in live this long, counted from each rotation.
    package var refreshLifetimeMilliseconds: Int64
    package var address: String
    package var userAgent: String
    package var revokedAt: UnixMilliseconds?
    package init(id: LoginID, account: AccountID, organisation: OrganisationID,
                 createdAt: UnixMilliseconds, lastUsedAt: UnixMilliseconds,
                 refreshLifetimeMilliseconds: Int64, address: String, userAgent: String,
                 revokedAt: UnixMilliseconds?) {
        self.id = id
        self.account = account
        self.organisation = organisation
        self.createdAt = createdAt
        self.lastUsedAt = lastUsedAt
        self.refreshLifetimeMilliseconds = refreshLifetimeMilliseconds
        self.address = address
        self.userAgent = userAgent
        self.revokedAt = revokedAt
    }
}

/// SHA-256 of a token: what the store knows of it.
package struct TokenHash: Hashable, Sendable {
    package var bytes: [UInt8]
    package init(_ bytes: [UInt8]) { self.bytes = bytes }
}

package struct InvitationRecord: Hashable, Sendable {
    package var id: InvitationID
    package var organisation: OrganisationRecord
    package var role: Role
    package var createdBy: AccountID
    package var expiresAt: UnixMilliseconds
    /// How many more accounts may use it.
    package var usesLeft: Int
    package init(id: InvitationID, organisation: OrganisationRecord, role: Role,
                 createdBy: AccountID, expiresAt: UnixMilliseconds, usesLeft: Int) {
        self.id = id
        self.organisation = organisation
        self.role = role
        self.createdBy = createdBy
        self.expiresAt = expiresAt
        self.usesLeft = usesLeft
    }
}

/// A link that gives an account a new password, once.
package struct PasswordReset: Hashable, Sendable {
    package var account: AccountID
    /// Who made it, and as a member of what; `nil`: the operator.
    package var organisation: OrganisationID?
    package var createdBy: AccountID?
    package var expiresAt: UnixMilliseconds
    package init(account: AccountID, organisation: OrganisationID?, createdBy: AccountID?,
                 expiresAt: UnixMilliseconds) {
        self.account = account
        self.organisation = organisation
        self.createdBy = createdBy
        self.expiresAt = expiresAt
    }
}

/// Somebody who is or was in an organisation: those who left keep their names in what they wrote.
package struct Colleague: Hashable, Sendable {
    package var account: AccountID
    package var firstName: String
    package var lastName: String
    package var isFormer: Bool
    package init(account: AccountID, firstName: String, lastName: String, isFormer: Bool) {
        self.account = account
        self.firstName = firstName
        self.lastName = lastName
        self.isFormer = isFormer
    }
}

package enum RefreshOutcome: Hashable, Sendable {
    /// The old token is spent, the new one stands.
    case rotated(LoginRecord)
    /// It was spent for this very successor, which nobody has used yet: the same call again, after an answer
    /// that was lost.
    case repeated(LoginRecord)
    /// Its successor was used too, but it was spent less than the grace ago: a request that came late. The
    /// login is alive, and no new token was stored.
    case raced(LoginRecord)
    /// Its successor was used, and longer ago than the grace: the whole family is revoked now.
    case reused(LoginRecord)
    /// Unknown, expired, or of a revoked login.
    case refused
}

/// What became of a change of somebody's membership.
package enum MemberOutcome: Hashable, Sendable {
    /// It is durable; the subject as it is now, `nil` after a removal.
    case done(Member?)
    /// Nothing was changed. The roles of who acts and of the subject, `nil` for no member: who acts may
    /// not do this, there is no such member, or the organisation would be left without an owner.
    case refused(actor: Role?, subject: Role?)
}

/// What the actors ask about members. Who was removed is none.
package protocol MemberStore: Sendable {
    func people(_ organisation: OrganisationID) async throws(StoreError) -> [Member]
    func login(_ organisation: OrganisationID, _ login: LoginID) async throws(StoreError) -> LoginRecord?
    /// Grows with every change of the members, their roles and names, and with every sign-in that is
    /// revoked, in the same transaction. 0 for an organisation that does not exist.
    func revision(_ organisation: OrganisationID) async throws(StoreError) -> UInt64
    /// Which of these sign-ins are revoked or unknown.
    func revokedLogins(_ organisation: OrganisationID, _ logins: [LoginID]) async throws(StoreError)
        -> [LoginID]

    /// Gives `account` a role, if `actor` may. Invitations of the account that it could not make with
    /// the new role end.
    func changeRole(_ organisation: OrganisationID, _ account: AccountID, to role: Role,
                    by actor: AccountID, at: UnixMilliseconds) async throws(StoreError) -> MemberOutcome

    /// Removes `account`, if `actor` may (everybody may remove themselves): its memberships of channels
    /// other than direct conversations, its sign-ins to the organisation and the invitations it made
    /// end in the same transaction.
    func removePerson(_ organisation: OrganisationID, _ account: AccountID, by actor: AccountID,
                      at: UnixMilliseconds) async throws(StoreError) -> MemberOutcome
}

package protocol PeopleStore: MemberStore {
    // First start.

    /// Whether any organisation exists yet.
    func isEmpty() async throws(StoreError) -> Bool
    /// The first organisation with its owner, in one transaction, only while there is none.
    func setUp(_ organisation: OrganisationRecord, owner: AccountRecord, at: UnixMilliseconds)
        async throws(StoreError) -> Bool

    // Accounts.

    func account(email: EmailAddress) async throws(StoreError) -> AccountRecord?
    func account(_ account: AccountID) async throws(StoreError) -> AccountRecord?
    /// In which organisations the account is, oldest membership first.
    func memberships(of account: AccountID) async throws(StoreError) -> [Membership]
    /// The same password, hashed anew.
    func setPasswordHash(_ account: AccountID, _ hash: Private<PasswordTag>) async throws(StoreError)
    /// Another password. The account's sign-ins but one end in the same transaction, and so does a reset
    /// that was not used; what ended is returned.
    func setPassword(_ account: AccountID, _ hash: Private<PasswordTag>, sparing: LoginID,
                     at: UnixMilliseconds) async throws(StoreError) -> [LoginRecord]
    func rename(_ account: AccountID, first: String, last: String) async throws(StoreError)

    // Password resets.

    /// Takes the place of an earlier one of the account.
    func createPasswordReset(_ reset: PasswordReset, token: TokenHash, at: UnixMilliseconds)
        async throws(StoreError)
    /// One that is not used and not too old.
    func passwordReset(token: TokenHash, at: UnixMilliseconds) async throws(StoreError) -> PasswordReset?
    /// Sets the password and uses the reset up, in one transaction; all sign-ins of the account end in it and
    /// are returned. `nil` when the reset is not valid (any more).
    func usePasswordReset(token: TokenHash, _ hash: Private<PasswordTag>, at: UnixMilliseconds)
        async throws(StoreError) -> [LoginRecord]?

    // Members.

    func person(_ organisation: OrganisationID, _ account: AccountID) async throws(StoreError) -> Person?
    /// Those of the accounts that are or were in the organisation.
    func people(_ organisation: OrganisationID, among accounts: [AccountID])
        async throws(StoreError) -> [Colleague]

    // Invitations.

    func createInvitation(_ organisation: OrganisationID, _ invitation: InvitationRecord,
                          token: TokenHash, at: UnixMilliseconds) async throws(StoreError)
    /// An invitation that is not too old, also one that is used up.
    func invitation(token: TokenHash, at: UnixMilliseconds) async throws(StoreError)
        -> InvitationRecord?
    /// Those that can still be used, newest first, at most 1,000.
    func invitations(_ organisation: OrganisationID, at: UnixMilliseconds) async throws(StoreError)
        -> [InvitationRecord]
    /// Nobody joins by it any more.
    func withdrawInvitation(_ organisation: OrganisationID, _ invitation: InvitationID, at: UnixMilliseconds)
        async throws(StoreError)
    /// Uses the invitation once: adds `newAccount` if given, and the membership, in one transaction.
    /// `nil` when the invitation is not valid (any more). An existing membership keeps its role and
    /// uses nothing up; who was removed becomes a member again, with the invitation's role.
    func acceptInvitation(token: TokenHash, account: AccountID, newAccount: AccountRecord?,
                          at: UnixMilliseconds) async throws(StoreError) -> InvitationRecord?

    // Sign-ins and refresh tokens.

    /// Also forgets the account's sign-ins that ended more than a week before.
    func createLogin(_ organisation: OrganisationID, _ login: LoginRecord, refresh: TokenHash)
        async throws(StoreError)
    /// Spends `old` and stores `new`, atomically. Who asks again with the same `new` gets `repeated` until it
    /// is used. After that, a token spent at most `graceMilliseconds` ago is a race, one spent earlier is theft.
    func rotateRefresh(old: TokenHash, new: TokenHash, at: UnixMilliseconds, graceMilliseconds: Int64)
        async throws(StoreError) -> RefreshOutcome
    /// The live sign-in of a refresh token that stands and was never used.
    func login(unusedRefresh token: TokenHash, at: UnixMilliseconds) async throws(StoreError)
        -> LoginRecord?
    func logins(of account: AccountID) async throws(StoreError) -> [LoginRecord]
    /// `false` when the account has no such live sign-in.
    func revokeLogin(_ account: AccountID, _ login: LoginID, at: UnixMilliseconds)
        async throws(StoreError) -> Bool
}
