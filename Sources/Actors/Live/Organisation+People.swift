// Who is in the organisation, and as what: changing roles and removing people. The store is changed first
// and decides once more; then sessions and channels follow, here and wherever else the change is heard of.

import Model
import Ports
import Rules

extension Organisation {
    // MARK: Commands

    func mayChangeRole(_ origin: Origin, _ it: ChangeRole) -> Bool {
        let subject = people![it.account]?.role ?? .member
        guard MemberRule.mayChange(subject, to: it.role, as: people![origin.account]!.role) else {
            refuse(origin)
            return false
        }
        return true
    }

    func mayRemovePerson(_ origin: Origin, _ account: AccountID) -> Bool {
        let subject = people![account]?.role ?? .member
        guard account == origin.account
            || MemberRule.mayRemove(subject, as: people![origin.account]!.role)
        else {
            refuse(origin)
            return false
        }
        return true
    }

    func changeRole(_ origin: Origin, _ it: ChangeRole) async throws(StoreError) {
        let outcome = try await surroundings.people.changeRole(
            id, it.account, to: it.role, by: origin.account, at: surroundings.clocks.now())
        switch outcome {
        case .done(let member):
            surroundings.security.note(
                .roleChanged, .id("organisation", id), .id("by", origin.account), .id("account", it.account),
                .word("role", it.role.name))
            origin.answer(.done(Done()))
            if let member { personChanged(member) }
            surroundings.bus.publish(.organisationChanged(id))
        case .refused(_, nil):
            origin.refuse(.notFound, "There is no such person in the organisation.")
        case .refused(let actor?, let subject?)
        where MemberRule.mayChange(subject, to: it.role, as: actor):
            refuseLastOwner(origin)
        case .refused: refuse(origin)
        }
    }

    func removePerson(_ origin: Origin, _ account: AccountID) async throws(StoreError) {
        let before = (since: people![account]?.since, signIns: signIns(of: account))
        let outcome = try await surroundings.people.removePerson(
            id, account, by: origin.account, at: surroundings.clocks.now())
        switch outcome {
        case .done:
            surroundings.security.note(
                .personRemoved, .id("organisation", id), .id("by", origin.account), .id("account", account))
            origin.answer(.done(Done()))
            removed(account, before.since, before.signIns)
            surroundings.bus.publish(.organisationChanged(id))
        case .refused(_, nil):
            origin.answer(.done(Done()))
            // An outcome that was lost, or another node's doing; channels do not hear of strangers.
            if people![account] != nil { removed(account, before.since, before.signIns) }
        case .refused(let actor?, let subject?)
        where account == origin.account || MemberRule.mayRemove(subject, as: actor):
            refuseLastOwner(origin)
        case .refused: refuse(origin)
        }
    }

    /// The answer may have come late, when they had come back already: the store knows.
    /// Sessions of sign-ins that came meanwhile may be of a membership that is not known here yet.
    private func removed(_ account: AccountID, _ since: UnixMilliseconds?, _ signIns: Set<LoginID>) {
        guard people![account]?.since == since else { return refresh() }
        personRemoved(account) { signIns.contains($0) ? .revoked : .roleChanged }
    }

    private func signIns(of account: AccountID) -> Set<LoginID> {
        let principals = Array(sessions.values) + opening.values.map(\.principal)
        return Set(principals.filter { $0.account == account }.map(\.login))
    }

    private func refuse(_ origin: Origin) {
        origin.refuse(.forbidden, "The role does not allow it.")
    }

    private func refuseLastOwner(_ origin: Origin) {
        origin.refuse(.conflict, "An organisation keeps at least one owner.")
    }

    // MARK: What has changed

    /// Somebody joined, or their name or role changed. Sessions with another role have to come again.
    func personChanged(_ member: Member) {
        let person = member.person
        if let known = people![person.account], known.since != member.since {
            // Told late.
            guard known.since < member.since else { return }
            // They were removed and came back, both elsewhere, and what they were in has ended. A
            // session may be of after that; its sign-in stands, and it comes again.
            personRemoved(person.account) { _ in .roleChanged }
        }
        people![person.account] = member
        hubs.changesHere += 1
        roster.broadcast(.organisation(id), Broadcast(.personChanged(PersonChanged(person: person))))
        closeSessions(.roleChanged) { $0.account == person.account && $0.role != person.role }
        registry.tellChannels(of: id, .accountReturned(person.account))
    }

    /// Somebody is not a member any more: nothing reaches their sessions after this.
    /// - Parameter code: with which a session of this sign-in is closed.
    func personRemoved(_ account: AccountID, closing code: (LoginID) -> CloseCode = { _ in .revoked }) {
        hubs.changesHere += 1
        if people!.removeValue(forKey: account) != nil {
            let push = PersonRemoved(account: account)
            roster.broadcast(.organisation(id), Broadcast(.personRemoved(push)))
        }
        for each in [CloseCode.revoked, .roleChanged] {
            closeSessions(each) { $0.account == account && code($0.login) == each }
        }
        registry.tellChannels(of: id, .accountRemoved(account))
    }
}
