// Invitations: a link that lets somebody become a member, a number of times, for a while.

import Model
import Ports

extension Accounts {
    static let invitationUses = 1...1_000
    static let invitationHours = 1...720

    /// A new invitation. Admins and owners invite; only owners make owners.
    func invite(_ principal: Principal, role: Role, uses: Int, hours: Int) async throws
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
        return (invitation, token, "\(settings.publicOrigin)/#invite=\(token.reveal)")
    }

    func lookUp(invitation token: OneTimeToken) async throws -> InvitationRecord {
        guard let invitation = try await store.invitation(token: hash(token), at: clocks.now())
        else {
            throw Self.invalidInvitation
        }
        return invitation
    }

    /// Makes a new account a member, or one that exists and proves its password.
    func accept(
        invitation token: OneTimeToken, _ person: NewPerson, _ delivery: RefreshDelivery,
        from origin: Origin
    ) async throws -> SignedIn {
        let offer = try await lookUp(invitation: token)
        let email = try Admission.email(person.email)
        let account: AccountRecord
        let isNew = try await store.account(email: email) == nil
        if isNew {
            account = try await newAccount(person, organisation: offer.organisation.name)
        } else {
            account = try await proven(email, person.password, from: origin)
        }
        let wasMember = try await store.person(offer.organisation.id, account.id) != nil
        guard
            let used = try await store.acceptInvitation(
                token: hash(token), account: account.id, newAccount: isNew ? account : nil,
                at: clocks.now())
        else { throw Self.invalidInvitation }
        let memberships = try await store.memberships(of: account.id)
        let membership = try Self.choose(used.organisation.id, memberships)
        if !wasMember {
            let person = Person(
                account: account.id, firstName: account.firstName, lastName: account.lastName,
                role: membership.role)
            hooks.onPersonJoined(used.organisation.id, Member(person: person, since: membership.since))
        }
        return try await signIn(account, membership, memberships, delivery, from: origin)
    }

    private static let invalidInvitation = Denial(
        .linkInvalid, "the invitation is used up, too old or unknown")
}
