// Invitations: a link that lets somebody become a member, a number of times, for a while.

import Model
import Ports

extension Accounts {
    static let invitationUses = 1...1_000
    static let invitationHours = 1...720

    /// A new invitation. Admins and owners invite; only owners make owners.
    func invite(_ principal: Principal, role: Role, uses: Int, hours: Int, linkOrigin: String) async throws
        -> (invitation: InvitationRecord, token: OneTimeToken, link: String)
    {
        guard principal.role >= .admin else {
            throw Denial(.forbidden, "only admins and owners invite")
        }
        guard role < .owner || principal.role == .owner else {
            throw Denial(.forbidden, "only an owner invites owners")
        }
        guard Self.invitationUses.contains(uses) else {
            throw Denial.field("uses", "must be 1 to 1000")
        }
        guard Self.invitationHours.contains(hours) else {
            throw Denial.field("expires_in_hours", "must be 1 to 720")
        }
        let memberships = try await store.memberships(of: principal.account)
        let organisation = try Self.choose(principal.organisation, memberships).organisation
        let now = clocks.now()
        let token: OneTimeToken = newToken()
        let invitation = InvitationRecord(
            id: entropy.id(at: now), organisation: organisation, role: role,
            createdBy: principal.account,
            expiresAt: now.adding(milliseconds: Int64(hours) * 3_600_000), usesLeft: uses)
        try await store.createInvitation(organisation.id, invitation, token: hash(token), at: now)
        security.note(
            .invitationMade, .id("organisation", organisation.id), .id("invitation", invitation.id),
            .id("by", principal.account), .word("role", role.name))
        return (invitation, token, "\(linkOrigin)/#invite=\(token.reveal)")
    }

    func lookUp(invitation token: OneTimeToken, from origin: Origin) async throws -> InvitationRecord {
        guard let invitation = try await store.invitation(token: hash(token), at: clocks.now()),
            invitation.usesLeft > 0
        else {
            security.note(.invitationRefused, from: origin.address)
            throw Self.invalidInvitation
        }
        return invitation
    }

    /// Makes a new account a member, or one that exists and proves its password. A member may accept what is used up:
    /// maybe by themselves, with an answer that was lost.
    func accept(
        invitation token: OneTimeToken, _ person: NewPerson, _ delivery: RefreshDelivery,
        from origin: Origin
    ) async throws -> SignedIn {
        guard let offer = try await store.invitation(token: hash(token), at: clocks.now()) else {
            security.note(.invitationRefused, from: origin.address)
            throw Self.invalidInvitation
        }
        let (account, isNew) = try await holder(person, offer, from: origin)
        let wasMember = try await store.person(offer.organisation.id, account.id) != nil
        guard
            offer.usesLeft > 0 || wasMember,
            let used = try await store.acceptInvitation(
                token: hash(token), account: account.id, newAccount: isNew ? account : nil,
                at: clocks.now())
        else { throw Self.invalidInvitation }
        security.note(
            .invitationUsed, from: origin.address, .id("organisation", used.organisation.id),
            .id("invitation", used.id), .id("account", account.id))
        let memberships = try await store.memberships(of: account.id)
        let membership = try Self.choose(used.organisation.id, memberships)
        if !wasMember {
            let person = Person(
                account: account.id, firstName: account.firstName, lastName: account.lastName,
                role: membership.role)
            hooks.onPersonChanged(used.organisation.id, Member(person: person, since: membership.since))
        }
        return try await signIn(account, membership, memberships, delivery, from: origin)
    }

    /// Who accepts: an account that proves its password, or a new one. Up to the point where the two have to differ,
    /// they are one path with one limit, so that a link is no way to ask which addresses have accounts.
    private func holder(_ person: NewPerson, _ offer: InvitationRecord, from origin: Origin) async throws
        -> (account: AccountRecord, isNew: Bool)
    {
        let email = try Admission.email(person.email)
        try checkPassword(person, email, offer.organisation.name)
        let attempt = try await begin(email, origin)
        switch try await check(email, person.password, attempt) {
        case .right(let account): return (account, false)
        case .wrong(let standing):
            guard offer.usesLeft > 0 else {
                security.note(.invitationRefused, from: origin.address)
                throw Self.invalidInvitation
            }
            _ = try Admission.name(person.firstName, field: "first_name")
            _ = try Admission.lastName(person.lastName)
            guard standing == nil else {
                refused(standing, origin)
                throw Self.badCredentials
            }
            let account = try await newAccount(person, organisation: offer.organisation.name)
            limiter.giveBack(attempt)
            return (account, true)
        }
    }

    // MARK: Looking after them

    /// Those that can still be used, newest first.
    func invitations(_ principal: Principal) async throws -> [InvitationRecord] {
        guard principal.role >= .admin else {
            throw Denial(.forbidden, "only admins and owners see the invitations")
        }
        return try await store.invitations(principal.organisation, at: clocks.now())
    }

    /// Ends one: nobody joins by it any more. Who could not have made it cannot end it.
    func withdraw(_ invitation: InvitationID, _ principal: Principal) async throws {
        let standing = try await invitations(principal).first { $0.id == invitation }
        guard let standing else { throw Denial(.notFound, "there is no such invitation") }
        guard standing.role < .owner || principal.role == .owner else {
            throw Denial(.forbidden, "only an owner withdraws an owner's invitation")
        }
        try await store.withdrawInvitation(principal.organisation, invitation, at: clocks.now())
        security.note(
            .invitationWithdrawn, .id("organisation", principal.organisation), .id("invitation", invitation),
            .id("by", principal.account))
    }

    private static let invalidInvitation = Denial(
        .linkInvalid, "the invitation is used up, too old or unknown")
}
