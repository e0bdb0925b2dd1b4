// Changing and resetting passwords, and changing names. A password that changes ends the account's other
// sign-ins: whoever changes it may do so because somebody else knows the old one.

import Crypto
package import Model
package import Ports

extension Accounts {
    static let lookedUpMax = 50

    // MARK: One's own

    /// A new name, in all organisations of the account.
    func rename(_ principal: Principal, first: String, last: String) async throws -> AccountRecord {
        let first = try Admission.name(first, field: "first_name")
        let last = try Admission.lastName(last)
        try await store.rename(principal.account, first: first, last: last)
        guard let account = try await store.account(principal.account) else {
            throw Denial(.notFound, "there is no such account")
        }
        for membership in try await store.memberships(of: account.id) {
            let person = Person(
                account: account.id, firstName: account.firstName, lastName: account.lastName,
                role: membership.role)
            hooks.onPersonChanged(
                membership.organisation.id, Member(person: person, since: membership.since))
        }
        return account
    }

    /// A new password for who knows the old one. Other sign-ins of the account end; wrong ones count as when
    /// signing in.
    func changePassword(
        _ principal: Principal, from old: Password, to new: Password, origin: Origin
    ) async throws {
        guard let email = try await store.account(principal.account)?.email else {
            throw Denial(.notFound, "there is no such account")
        }
        let account: AccountRecord
        do {
            account = try await proven(email, old, from: origin)
        } catch let denial as Denial where denial.reply.code == .badCredentials {
            throw Denial.field("password", "is wrong")
        }
        let hash = try await admitted(new, of: account, field: "new_password")
        let ended = try await store.setPassword(account.id, hash, sparing: principal.login, at: clocks.now())
        security.note(.passwordChanged, from: origin.address, .id("account", account.id))
        tellRevoked(ended)
    }

    // MARK: Resets

    /// A link by which `account` gets a new password, once. Admins and owners make them for those whom they
    /// could remove. An account that is in other organisations too belongs to those as well: only the
    /// operator resets its password.
    func makeReset(of account: AccountID, by principal: Principal, linkOrigin: String) async throws
        -> (token: OneTimeToken, link: String, expiresAt: UnixMilliseconds)
    {
        guard let subject = try await store.person(principal.organisation, account) else {
            throw Denial(.notFound, "there is no such person")
        }
        guard Self.mayReset(principal.role, of: subject.role) else {
            throw Denial(.forbidden, "only owners and admins reset passwords, and only owners those of owners")
        }
        guard try await store.memberships(of: account).count == 1 else {
            throw Denial(
                .forbidden, "the account is in other organisations too; only the operator can reset its password")
        }
        return try await makeReset(
            of: account, by: (principal.organisation, principal.account), linkOrigin: linkOrigin)
    }

    /// The same for the operator, by address; `nil` when there is no such account.
    package func makeReset(of email: EmailAddress) async throws(StoreError) -> String? {
        guard let account = try await store.account(email: email) else { return nil }
        return try await makeReset(of: account.id, by: nil, linkOrigin: settings.publicOrigin).link
    }

    private func makeReset(
        of account: AccountID, by maker: (OrganisationID, AccountID)?, linkOrigin: String
    ) async throws(StoreError) -> (token: OneTimeToken, link: String, expiresAt: UnixMilliseconds) {
        let now = clocks.now()
        let token: OneTimeToken = newToken()
        let expiresAt = now.adding(milliseconds: settings.resetLifetimeMilliseconds)
        let reset = PasswordReset(
            account: account, organisation: maker?.0, createdBy: maker?.1, expiresAt: expiresAt)
        try await store.createPasswordReset(reset, token: hash(token), at: now)
        if let maker {
            security.note(.resetMade, .id("account", account), .id("organisation", maker.0), .id("by", maker.1))
        } else {
            security.note(.resetMade, .id("account", account))
        }
        return (token, "\(linkOrigin)/#reset=\(token.reveal)", expiresAt)
    }

    /// Whose password the link is for.
    func lookUp(reset token: OneTimeToken, from origin: Origin) async throws
        -> (AccountRecord, UnixMilliseconds)
    {
        guard let reset = try await store.passwordReset(token: hash(token), at: clocks.now()),
            try await isStanding(reset), let account = try await store.account(reset.account)
        else {
            security.note(.resetRefused, from: origin.address)
            throw Self.invalidReset
        }
        return (account, reset.expiresAt)
    }

    /// Sets the password, ends all sign-ins of the account, and signs in.
    func resetPassword(
        _ token: OneTimeToken, to password: Password, _ delivery: RefreshDelivery, from origin: Origin
    ) async throws -> SignedIn {
        let (account, _) = try await lookUp(reset: token, from: origin)
        let hash = try await admitted(password, of: account, field: "password")
        guard let ended = try await store.usePasswordReset(token: self.hash(token), hash, at: clocks.now())
        else { throw Self.invalidReset }
        security.note(.resetUsed, from: origin.address, .id("account", account.id))
        tellRevoked(ended)
        let memberships = try await store.memberships(of: account.id)
        let membership = try Self.choose(nil, memberships)
        return try await signIn(account, membership, memberships, delivery, from: origin)
    }

    /// A reset ends with the right to make it, as invitations do.
    private func isStanding(_ reset: PasswordReset) async throws(StoreError) -> Bool {
        guard let organisation = reset.organisation, let maker = reset.createdBy else { return true }
        guard let maker = try await store.person(organisation, maker),
            let subject = try await store.person(organisation, reset.account)
        else { return false }
        guard Self.mayReset(maker.role, of: subject.role) else { return false }
        return try await store.memberships(of: reset.account).count == 1
    }

    private static func mayReset(_ maker: Role, of subject: Role) -> Bool {
        maker >= .admin && (subject < .owner || maker == .owner)
    }

    private static let invalidReset = Denial(
        .linkInvalid, "the link is used, too old, not the newest or unknown")

    // MARK: People

    /// Those of the accounts that are or were in the organisation.
    func people(_ accounts: [AccountID], of principal: Principal) async throws(StoreError) -> [Colleague] {
        try await store.people(principal.organisation, among: accounts)
    }

    // MARK: Parts

    private func admitted(_ password: Password, of account: AccountRecord, field: String) async throws
        -> Private<PasswordTag>
    {
        try Admission.password(
            password, email: account.email, beside: [account.firstName, account.lastName], field: field)
        return try await hasher.hash(password)
    }

    private func tellRevoked(_ logins: [LoginRecord]) {
        for login in logins { hooks.onLoginRevoked(login.id, login.account, login.organisation) }
    }
}
