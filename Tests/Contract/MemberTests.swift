// Roles and removals: who may, the last owner, what ends with a membership, and what happens when several
// change the same organisation at once.

import Model
import Ports
import Store
import Testing

@Suite struct MemberTests {
    private func role(_ office: Office, _ account: AccountID) async throws -> Role? {
        try await office.store.person(office.id, account)?.role
    }

    private func give(_ office: Office, _ role: Role, to account: AccountID, by actor: AccountID)
        async throws -> MemberOutcome
    {
        try await office.store.changeRole(office.id, account, to: role, by: actor, at: start)
    }

    private func remove(_ office: Office, _ account: AccountID, by actor: AccountID)
        async throws -> MemberOutcome
    {
        try await office.store.removePerson(office.id, account, by: actor, at: start)
    }

    private func invite(_ office: Office, _ token: TokenHash, by account: AccountID, role: Role = .member)
        async throws
    {
        var made = invitation(office.organisation, by: account, uses: 5)
        made.role = role
        try await office.store.createInvitation(office.id, made, token: token, at: start)
    }

    private func isOpen(_ office: Office, _ token: TokenHash) async throws -> Bool {
        try await office.store.invitation(token: token, at: start) != nil
    }

    @Test(arguments: Database.allCases)
    func rolesAreGivenByThoseWhoMay(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let (owner, first, second) = (office.owner.id, office.members[0], office.members[1])
            guard case .done(let member?) = try await give(office, .admin, to: first, by: owner) else {
                Issue.record("an owner gives roles")
                return
            }
            #expect(member.person == Person(account: first, firstName: "Zoë", lastName: "O’Neill", role: .admin))
            #expect(try await role(office, first) == .admin)
            // What is refused says why, and changes nothing.
            let refused: [(Role, AccountID, AccountID, MemberOutcome)] = [
                (.owner, second, first, .refused(actor: .admin, subject: .member)),
                (.member, owner, first, .refused(actor: .admin, subject: .owner)),
                (.admin, second, second, .refused(actor: .member, subject: .member)),
                (.member, owner, owner, .refused(actor: .owner, subject: .owner)),
                (.admin, fresh(), owner, .refused(actor: .owner, subject: nil)),
                (.member, first, fresh(), .refused(actor: nil, subject: .admin)),
            ]
            for (wanted, subject, actor, outcome) in refused {
                let before = try await role(office, subject)
                #expect(try await give(office, wanted, to: subject, by: actor) == outcome)
                #expect(try await role(office, subject) == before)
            }
            guard case .done = try await give(office, .admin, to: second, by: first),
                case .done = try await give(office, .member, to: second, by: first),
                case .done = try await give(office, .owner, to: second, by: owner),
                case .done = try await give(office, .member, to: owner, by: owner)
            else {
                Issue.record("allowed")
                return
            }
            #expect(try await role(office, owner) == .member)
        }
    }

    /// Two organisations share a database; the actor's role in one says nothing in the other.
    @Test(arguments: Database.allCases)
    func anotherOrganisationIsOutOfReach(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let other = OrganisationID(high: 1, low: 1)
            #expect(try await store.changeRole(other, office.members[0], to: .admin, by: office.owner.id, at: start)
                == .refused(actor: nil, subject: nil))
            #expect(try await store.removePerson(other, office.members[0], by: office.owner.id, at: start)
                == .refused(actor: nil, subject: nil))
            #expect(try await role(office, office.members[0]) == .member)
        }
    }

    @Test(arguments: Database.allCases)
    func removalEndsWhatBelongedToTheMembership(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let (owner, gone, stays) = (office.owner.id, office.members[0], office.members[1])
            let open = try await office.channel("open")
            let closed = try await office.channel("closed", .closed)
            let direct = try await store.directChannel(office.id, gone, stays, candidate: fresh(), at: start)
            let login = LoginRecord(
                id: fresh(), account: gone, organisation: office.id, createdAt: start, lastUsedAt: start,
                refreshLifetimeMilliseconds: 3_600_000, address: "", userAgent: "", revokedAt: nil)
            let (old, new) = (TokenHash([UInt8](repeating: 1, count: 32)), TokenHash([UInt8](repeating: 2, count: 32)))
            try await store.createLogin(office.id, login, refresh: old)
            _ = try await give(office, .admin, to: gone, by: owner)
            let (mine, theirs) = (TokenHash([3]), TokenHash([4]))
            try await invite(office, mine, by: gone)
            try await invite(office, theirs, by: owner)

            #expect(try await remove(office, gone, by: owner) == .done(nil))
            #expect(try await remove(office, gone, by: owner) == .refused(actor: .owner, subject: nil))

            #expect(try await store.person(office.id, gone) == nil)
            #expect(try await store.people(office.id).map(\.account) == [owner, stays].sorted())
            #expect(try await store.memberships(of: gone).isEmpty)
            #expect(try await store.account(gone) != nil)
            for channel in [open, closed] {
                #expect(try await store.channel(office.id, channel)?.members.contains(gone) == false)
            }
            let conversation = try #require(try await store.channel(office.id, direct.id))
            #expect(conversation.members == [stays] && conversation.parties == [gone, stays].sorted())
            #expect(try await store.login(office.id, login.id)?.revokedAt == start)
            #expect(try await store.logins(of: gone).isEmpty)
            #expect(try await store.rotateRefresh(old: old, new: new, at: start, graceMilliseconds: 10_000) == .refused)
            #expect(try await isOpen(office, mine) == false)
            #expect(try await isOpen(office, theirs))

            // A `joined` that is written behind the removal adds nobody.
            let added = try await store.append(office.id, closed, expecting: position(0),
                                               [membership(.joined, 1, of: gone, by: owner)])
            #expect(added == .committed)
            #expect(try await store.channel(office.id, closed)?.members.contains(gone) == false)

            // By an invitation the account is back, with its role; of the channels only the direct ones.
            let back = try await store.acceptInvitation(token: theirs, account: gone, newAccount: nil, at: start)
            #expect(back?.usesLeft == 4)
            #expect(try await role(office, gone) == .member)
            #expect(try await store.channel(office.id, direct.id)?.members == [gone, stays].sorted())
            let visible = try await store.channels(office.id, visibleTo: gone, after: nil, limit: 10)
            #expect(Set(visible.filter(\.joined).map(\.id)) == [direct.id])
            #expect(try await store.login(office.id, login.id)?.revokedAt == start)
            // The same use again is none: it was for the time before.
            _ = try await remove(office, gone, by: owner)
            let again = try await store.acceptInvitation(
                token: theirs, account: gone, newAccount: nil, at: start.adding(milliseconds: 1))
            #expect(again == nil)
        }
    }

    /// However soon, and whatever the clock says; any other change leaves the mark alone.
    @Test(arguments: Database.allCases)
    func whoComesBackIsAMemberSinceLater(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let (owner, account) = (office.owner.id, office.members[0])
            func since() async throws -> UnixMilliseconds? {
                let member = try await store.people(office.id).first { $0.account == account }
                let membership = try await store.memberships(of: account).first
                #expect(membership?.since == member?.since)
                return member?.since
            }
            var marks = [try #require(try await since())]
            guard case .done(let member?) = try await give(office, .admin, to: account, by: owner) else {
                Issue.record("an owner gives roles")
                return
            }
            #expect(member.since == marks[0])
            for (use, later) in [0, -60_000, 500].enumerated() {
                let token = TokenHash([UInt8(use)])
                try await invite(office, token, by: owner)
                _ = try await store.acceptInvitation(token: token, account: account, newAccount: nil, at: start)
                #expect(try await since() == marks.last, "they are a member already")
                #expect(try await remove(office, account, by: owner) == .done(nil))
                #expect(try await since() == nil)
                let at = start.adding(milliseconds: Int64(later))
                _ = try await store.acceptInvitation(token: token, account: account, newAccount: nil, at: at)
                marks.append(try #require(try await since()))
            }
            #expect(marks == [0, 1, 2, 500].map { start.adding(milliseconds: $0) })
        }
    }

    @Test(arguments: Database.allCases)
    func removingIsForThoseWhoMay(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store, members: 3)
            let (owner, admin) = (office.owner.id, office.members[0])
            _ = try await give(office, .admin, to: admin, by: owner)
            #expect(try await remove(office, owner, by: admin) == .refused(actor: .admin, subject: .owner))
            #expect(try await remove(office, owner, by: owner) == .refused(actor: .owner, subject: .owner))
            #expect(try await remove(office, admin, by: office.members[1])
                == .refused(actor: .member, subject: .admin))
            #expect(try await remove(office, office.members[1], by: admin) == .done(nil))
            #expect(try await remove(office, admin, by: office.members[1]) == .refused(actor: nil, subject: .admin))
            #expect(try await remove(office, office.members[2], by: office.members[2]) == .done(nil))
            #expect(try await remove(office, admin, by: admin) == .done(nil))
            #expect(try await store.people(office.id).map(\.account) == [owner])
        }
    }

    @Test(arguments: Database.allCases)
    func invitationsEndThatTheRoleDoesNotAllow(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let (owner, second) = (office.owner.id, office.members[0])
            _ = try await give(office, .owner, to: second, by: owner)
            let tokens = [Role.member, .admin, .owner].map { (role: $0, token: TokenHash([7, $0.rawValue])) }
            for (role, token) in tokens { try await invite(office, token, by: second, role: role) }
            func open() async throws -> [Role] {
                var roles: [Role] = []
                for (role, token) in tokens where try await isOpen(office, token) { roles.append(role) }
                return roles
            }
            _ = try await give(office, .admin, to: second, by: owner)
            #expect(try await open() == [.member, .admin])
            _ = try await give(office, .member, to: second, by: owner)
            #expect(try await open() == [])
        }
    }

    /// Two owners demote or remove each other at the same time.
    @Test(arguments: Database.allCases)
    func ofTwoOwnersAtOnceOneIsLeft(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store, members: 20)
            var last = office.owner.id
            for (round, other) in office.members.enumerated() {
                let first = last
                _ = try await give(office, .owner, to: other, by: first)
                async let one = give(office, .member, to: other, by: first)
                async let two = round % 2 == 0
                    ? give(office, .member, to: first, by: other) : remove(office, first, by: other)
                let outcomes = try await [one, two]
                #expect(outcomes.filter { if case .done = $0 { true } else { false } }.count == 1)
                let owners = try await store.people(office.id).filter { $0.role == .owner }
                last = try #require(owners.first?.account, "nobody is left")
                #expect(owners.count == 1)
            }
        }
    }

    /// Additions to a channel and the removal meet: whichever comes first, no membership outlives it.
    @Test(arguments: Database.allCases)
    func anAdditionThatMeetsTheRemovalLeavesNothing(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store, members: 6)
            let owner = office.owner.id
            for (index, gone) in office.members.enumerated() {
                let channel = try await office.channel("c\(index)", .closed, members: [owner])
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        _ = try await store.append(office.id, channel, expecting: position(0),
                                                   [membership(.joined, 1, of: gone, by: owner)])
                    }
                    group.addTask {
                        let outcome = try await remove(office, gone, by: owner)
                        #expect(outcome == .done(nil))
                    }
                    try await group.waitForAll()
                }
                let token = TokenHash(Array("back \(index)".utf8))
                try await invite(office, token, by: owner)
                _ = try await store.acceptInvitation(token: token, account: gone, newAccount: nil, at: start)
                #expect(try await store.channel(office.id, channel)?.members == [owner])
            }
        }
    }
}
