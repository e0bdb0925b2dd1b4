// Accounts, first set-up and invitations: what must happen once happens once.

import Model
import Ports
import Store
import Testing

@Suite struct PeopleTests {
    @Test(arguments: Database.allCases)
    func theFirstOrganisationIsSetUpOnce(_ database: Database) async throws {
        try await database.withStore { store, _ in
            #expect(try await store.isEmpty())
            let wins = try await withThrowingTaskGroup(of: (Int, Bool).self) { group in
                for number in 0..<8 {
                    group.addTask {
                        let organisation = OrganisationRecord(id: fresh(), name: "o\(number)")
                        let owner = account("o\(number)@example.org")
                        let first = try await store.setUp(organisation, owner: owner, at: start)
                        // Whoever asks again with the same ids hears the same.
                        let again = try await store.setUp(organisation, owner: owner, at: start)
                        #expect(first == again)
                        return (number, first)
                    }
                }
                return try await group.reduce(into: [Int]()) { if $1.1 { $0.append($1.0) } }
            }
            #expect(wins.count == 1)
            #expect(try await store.isEmpty() == false)
            for number in 0..<8 {
                let found = try await store.account(email: EmailAddress("o\(number)@example.org"))
                #expect((found != nil) == (wins == [number]))
            }
        }
    }

    @Test(arguments: Database.allCases)
    func accountsAreFoundByAddressInAnyCase(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            for spelling in ["owner@example.org", "Owner@Example.ORG"] {
                let found = try await store.account(email: EmailAddress(spelling))
                #expect(found == office.owner)
            }
            #expect(try await store.account(office.owner.id) == office.owner)
            #expect(try await store.account(fresh()) == nil)
            #expect(try await store.account(email: EmailAddress("nobody@example.org")) == nil)

            try await store.setPasswordHash(office.owner.id, Private("$argon2id$new"))
            #expect(try await store.account(office.owner.id)?.passwordHash.reveal == "$argon2id$new")
        }
    }

    @Test(arguments: Database.allCases)
    func peopleAreThoseOfTheOrganisation(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let people = try await store.people(office.id)
            #expect(Set(people.map(\.account)) == Set(office.everybody))
            #expect(people.first { $0.account == office.owner.id }?.role == .owner)
            let one = try await store.person(office.id, office.members[0])
            #expect(one == Person(account: office.members[0], firstName: "Zoë", lastName: "O’Neill",
                                  role: .member))
            #expect(try await store.memberships(of: office.members[0])
                == [Membership(organisation: office.organisation, role: .member, since: start)])
            #expect(try await store.memberships(of: fresh()).isEmpty)
        }
    }

    @Test(arguments: Database.allCases)
    func anInvitationIsUsedNoMoreOftenThanItSays(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store, members: 0)
            let token = TokenHash([UInt8](repeating: 5, count: 32))
            let made = invitation(office.organisation, by: office.owner.id, uses: 5)
            try await store.createInvitation(office.id, made, token: token, at: start)
            #expect(try await store.invitation(token: token, at: start) == made)

            let accepted = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        let new = account("guest\(number)@example.org")
                        let answer = try await store.acceptInvitation(
                            token: token, account: new.id, newAccount: new, at: start)
                        let exists = try await store.account(new.id) != nil
                        let person = try await store.person(office.id, new.id)
                        // The account and the membership come together or not at all.
                        #expect(exists == (answer != nil) && (person != nil) == exists)
                        return answer != nil
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(accepted == 5)
            #expect(try await store.people(office.id).count == 6)
            #expect(try await store.invitation(token: token, at: start)?.usesLeft == 0)
            #expect(try await store.invitations(office.id, at: start) == [])
        }
    }

    @Test(arguments: Database.allCases)
    func invitationsEnd(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store, members: 0)
            let token = TokenHash([UInt8](repeating: 5, count: 32))
            let made = invitation(office.organisation, by: office.owner.id, uses: 5)
            try await store.createInvitation(office.id, made, token: token, at: start)
            let last = made.expiresAt.adding(milliseconds: -1)
            #expect(try await store.invitation(token: token, at: last) == made)
            #expect(try await store.invitation(token: token, at: made.expiresAt) == nil)
            let late = account("late@example.org")
            let answer = try await store.acceptInvitation(token: token, account: late.id,
                                                          newAccount: late, at: made.expiresAt)
            #expect(answer == nil)
            #expect(try await store.account(late.id) == nil)
            let unknown = TokenHash([1, 2, 3])
            #expect(try await store.acceptInvitation(token: unknown, account: late.id, newAccount: late,
                                                     at: start) == nil)
        }
    }

    @Test(arguments: Database.allCases)
    func aMemberKeepsTheRoleAndUsesNothingUp(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let token = TokenHash([UInt8](repeating: 5, count: 32))
            let made = invitation(office.organisation, by: office.owner.id, uses: 1)
            try await store.createInvitation(office.id, made, token: token, at: start)
            let answer = try await store.acceptInvitation(
                token: token, account: office.owner.id, newAccount: nil, at: start)
            #expect(answer?.usesLeft == 1)
            #expect(try await store.person(office.id, office.owner.id)?.role == .owner)

            // The same acceptance twice, as after a lost answer, uses it once and succeeds twice.
            let new = account("new@example.org")
            for _ in 0..<2 {
                let answer = try await store.acceptInvitation(token: token, account: new.id,
                                                              newAccount: new, at: start)
                #expect(answer?.usesLeft == 0)
            }
        }
    }

    @Test(arguments: Database.allCases)
    func anAddressThatWasTakenMeanwhileChangesNothing(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let token = TokenHash([UInt8](repeating: 5, count: 32))
            let made = invitation(office.organisation, by: office.owner.id, uses: 1)
            try await store.createInvitation(office.id, made, token: token, at: start)
            let twin = account("OWNER@example.org")
            await #expect(throws: StoreError.self) {
                try await store.acceptInvitation(token: token, account: twin.id, newAccount: twin,
                                                 at: start)
            }
            #expect(try await store.invitation(token: token, at: start) == made)
            #expect(try await store.account(twin.id) == nil)
        }
    }

    @Test(arguments: Database.allCases)
    func textThatPostgresCannotHoldIsRefusedByBoth(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let organisation = OrganisationRecord(id: fresh(), name: "a\u{0}b")
            await #expect(throws: StoreError.self) {
                try await store.setUp(organisation, owner: account("o@example.org"), at: start)
            }
            let isEmpty = try await store.isEmpty()
            #expect(isEmpty)
        }
    }
}
