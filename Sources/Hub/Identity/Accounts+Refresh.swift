// Refresh tokens and the sign-ins they belong to. A token is exchanged for one successor, and for the same one
// again as long as nobody has used that: the answer may have been lost. A use after that means that somebody
// copied the token, and ends the sign-in (RFC 9700 §4.14.2). docs/decisions/0001-refresh-retries.md says why.

import Model
import Ports

/// The refresh token was spent and its successor stands, but the rest failed.
struct FailedAfterRotation: Error {
    let cause: any Error
    let refreshToken: RefreshToken
    let refreshLifetimeMilliseconds: Int64
}

extension Accounts {
    /// A new access token and the successor of the refresh token. The role is the one of this
    /// moment.
    func refresh(_ token: RefreshToken, from origin: Origin) async throws -> SignedIn {
        let successor = derived.successor(of: token)
        switch try await rotate(token, to: successor, origin) {
        case .rotated(let login), .repeated(let login):
            return try await keeping(successor, of: login) { try await continued(login, successor) }
        case .raced(let login): return try await continued(login, nil)
        case .reused, .refused: throw Self.signInAgain
        }
    }

    private func continued(_ login: LoginRecord, _ refresh: RefreshToken?) async throws -> SignedIn
    {
        let (account, memberships) = try await holder(of: login)
        guard isYoung(login) else {
            try await revoke(login)
            throw Self.signInAgain
        }
        guard
            let membership = memberships.first(where: { $0.organisation.id == login.organisation })
        else {
            // No longer a member: the sign-in is worth nothing.
            try await revoke(login)
            throw Self.signInAgain
        }
        return signedIn(login, refresh, account, membership, memberships)
    }

    /// Changes over to another organisation: the sign-in ends, one in the other organisation
    /// begins.
    func switchOrganisation(
        _ token: RefreshToken, to organisation: OrganisationID, from origin: Origin
    )
        async throws -> SignedIn
    {
        let successor = derived.successor(of: token)
        let moved = derived.moved(token, to: organisation)
        let login: LoginRecord
        switch try await rotate(token, to: successor, origin) {
        case .rotated(let standing), .repeated(let standing): login = standing
        case .raced: throw Denial(.conflict, "the refresh token was just used; use its successor")
        case .refused:
            // The same switch again, after an answer that was lost: the sign-in that it began stands.
            let begun = try await store.login(unusedRefresh: hash(moved.token), at: clocks.now())
            guard let begun else { throw Self.signInAgain }
            return try await continued(begun, moved.token)
        case .reused: throw Self.signInAgain
        }
        return try await keeping(successor, of: login) {
            let (account, memberships) = try await holder(of: login)
            let membership = try Self.choose(organisation, memberships)
            guard isYoung(login) else {
                try await revoke(login)
                throw Self.signInAgain
            }
            // The person signed in when they did; a switch makes a sign-in no younger.
            let next = LoginRecord(
                id: LoginID(now: login.createdAt, random: moved.idWords), account: account.id,
                organisation: organisation, createdAt: login.createdAt, lastUsedAt: clocks.now(),
                refreshLifetimeMilliseconds: login.refreshLifetimeMilliseconds,
                address: origin.address, userAgent: origin.userAgent, revokedAt: nil)
            try await store.createLogin(organisation, next, refresh: hash(moved.token))
            try await revoke(login)
            security.note(
                .switched, from: origin.address, .id("organisation", organisation), .id("account", account.id),
                .id("sign_in", next.id))
            return signedIn(next, moved.token, account, membership, memberships)
        }
    }

    /// Whether the sign-in may go on, however recently it was used.
    private func isYoung(_ login: LoginRecord) -> Bool {
        settings.signInMaxAgeMilliseconds == 0
            || clocks.now().value - login.createdAt.value < settings.signInMaxAgeMilliseconds
    }

    /// When something fails after the old token was spent, the client still has to get the
    /// successor, or its next refresh would look like theft.
    private func keeping(
        _ successor: RefreshToken, of login: LoginRecord,
        _ work: () async throws -> SignedIn
    ) async throws -> SignedIn {
        do {
            return try await work()
        } catch {
            throw FailedAfterRotation(
                cause: error, refreshToken: successor,
                refreshLifetimeMilliseconds: login.refreshLifetimeMilliseconds)
        }
    }

    /// Ends the sign-in the token belongs to. A token that is no longer worth anything is no error.
    func signOut(_ token: RefreshToken, from origin: Origin) async throws {
        switch try await rotate(token, to: derived.successor(of: token), origin) {
        case .rotated(let login), .repeated(let login), .raced(let login):
            try await revoke(login)
            security.note(.signedOut, from: origin.address, .id("account", login.account), .id("sign_in", login.id))
        case .reused, .refused: break
        }
    }

    // MARK: Bearers of access tokens

    /// Who asks, with the role of this moment: a token may be up to 15 minutes behind.
    func bearer(_ token: AccessToken, from origin: Origin) async throws -> Principal {
        var principal: Principal
        do throws(TokenError) {
            principal = try tokens.verify(token, at: clocks.now())
        } catch {
            switch error {
            case .expired:
                security.note(.tokenExpired)
                throw Denial(.tokenExpired, "the access token is not for this time; refresh it")
            case .invalid:
                security.note(.tokenForged, from: origin.address)
                throw Denial(.unauthenticated, "not an access token of this hub")
            }
        }
        let (organisation, account) = (principal.organisation, principal.account)
        guard let login = try await store.login(organisation, principal.login),
            login.revokedAt == nil,
            login.account == account, let person = try await store.person(organisation, account)
        else { throw Self.signInAgain }
        principal.role = person.role
        return principal
    }

    func logins(of principal: Principal) async throws(StoreError) -> [LoginRecord] {
        try await store.logins(of: principal.account)
    }

    /// Ends one of the account's own sign-ins.
    func revoke(_ login: LoginID, of principal: Principal) async throws {
        let mine = try await store.logins(of: principal.account)
        guard let record = mine.first(where: { $0.id == login }) else {
            throw Denial(.notFound, "no such sign-in")
        }
        try await revoke(record)
        security.note(.signInEnded, .id("account", record.account), .id("sign_in", record.id))
    }

    // MARK: Parts

    private static let signInAgain = Denial(.unauthenticated, "the sign-in is over; sign in again")

    private func rotate(_ token: RefreshToken, to successor: RefreshToken, _ origin: Origin) async throws
        -> RefreshOutcome
    {
        // Ours have 43 characters; nothing else is worth a question to the store.
        guard token.reveal.utf8.count == 43 else { return .refused }
        let outcome = try await store.rotateRefresh(
            old: hash(token), new: hash(successor), at: clocks.now(),
            graceMilliseconds: settings.graceMilliseconds)
        switch outcome {
        case .rotated: security.note(.refreshed)
        case .repeated(let login): note(.refreshRepeated, login, origin)
        case .raced(let login): note(.refreshLate, login, origin)
        case .reused(let login):
            note(.refreshReused, login, origin)
            tellRevoked(login)
        case .refused: security.note(.refreshRefused)
        }
        return outcome
    }

    private func note(_ event: SecurityEvent, _ login: LoginRecord, _ origin: Origin) {
        security.note(
            event, from: origin.address, .id("organisation", login.organisation), .id("account", login.account),
            .id("sign_in", login.id))
    }

    private func holder(of login: LoginRecord) async throws -> (AccountRecord, [Membership]) {
        guard let account = try await store.account(login.account) else { throw Self.signInAgain }
        return (account, try await store.memberships(of: login.account))
    }

    private func revoke(_ login: LoginRecord) async throws(StoreError) {
        // Its connections end also when that cannot be written now; who asked is told that it is not durable.
        defer { tellRevoked(login) }
        _ = try await store.revokeLogin(login.account, login.id, at: clocks.now())
    }

    private func tellRevoked(_ login: LoginRecord) {
        hooks.onLoginRevoked(login.id, login.account, login.organisation)
    }
}
