// Passwords, their resets and names, on both databases: what happens once, and what ends with it.

import Model
import Ports
import Store
import Testing

@Suite struct PasswordTests {
    private func after(_ milliseconds: Int64) -> UnixMilliseconds { start.adding(milliseconds: milliseconds) }
    private func hash(_ text: String) -> TokenHash { TokenHash(Array(text.utf8)) }

    /// So many sign-ins of the account.
    private func signIns(_ office: Office, _ account: AccountID, _ count: Int) async throws -> [LoginID] {
        var made: [LoginID] = []
        for number in 0..<count {
            let login = LoginRecord(
                id: fresh(), account: account, organisation: office.id, createdAt: start, lastUsedAt: start,
                refreshLifetimeMilliseconds: 60_000, address: "", userAgent: "", revokedAt: nil)
            let token = hash("\(account) \(number) \(login.id)")
            try await office.store.createLogin(office.id, login, refresh: token)
            made.append(login.id)
        }
        return made
    }

    @Test(arguments: Database.allCases)
    func aChangeSparesOneSignIn(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let logins = try await signIns(office, office.owner.id, 3)
            let others = try await signIns(office, office.members[0], 2)
            let revision = try await store.revision(office.id)
            let ended = try await store.setPassword(
                office.owner.id, Private("new"), sparing: logins[1], at: after(1))
            #expect(Set(ended.map(\.id)) == [logins[0], logins[2]])
            #expect(try await store.logins(of: office.owner.id).map(\.id) == [logins[1]])
            #expect(try await store.logins(of: office.members[0]).count == others.count)
            #expect(try await store.account(office.owner.id)?.passwordHash.reveal == "new")
            #expect(try await store.revision(office.id) > revision, "other hubs look again")
            let again = try await store.setPassword(
                office.owner.id, Private("newer"), sparing: logins[1], at: after(2))
            #expect(again.isEmpty)
        }
    }

    @Test(arguments: Database.allCases)
    func aResetIsUsedOnce(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let subject = office.members[0]
            let logins = try await signIns(office, subject, 2)
            let own = try await signIns(office, office.owner.id, 1)
            let reset = PasswordReset(account: subject, organisation: office.id, createdBy: office.owner.id,
                                      expiresAt: after(100))
            try await store.createPasswordReset(reset, token: hash("a"), at: start)
            #expect(try await store.passwordReset(token: hash("a"), at: after(99)) == reset)
            #expect(try await store.passwordReset(token: hash("a"), at: after(100)) == nil)
            #expect(try await store.passwordReset(token: hash("b"), at: start) == nil)
            #expect(try await store.usePasswordReset(token: hash("a"), Private("late"), at: after(100)) == nil)
            let uses = try await withThrowingTaskGroup(of: [LoginRecord]?.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        try await store.usePasswordReset(
                            token: TokenHash(Array("a".utf8)), Private("new \(number)"),
                            at: start.adding(milliseconds: 50))
                    }
                }
                return try await group.reduce(into: [[LoginRecord]?]()) { $0.append($1) }
            }
            let won = uses.compactMap { $0 }
            #expect(won.count == 1)
            #expect(Set(won[0].map(\.id)) == Set(logins))
            #expect(try await store.account(subject)?.passwordHash.reveal.hasPrefix("new ") == true)
            #expect(try await store.logins(of: subject).isEmpty)
            #expect(try await store.logins(of: office.owner.id).map(\.id) == own)
            #expect(try await store.passwordReset(token: hash("a"), at: start) == nil)
        }
    }

    @Test(arguments: Database.allCases)
    func aNewerResetOrAnOwnChangeTakesItAway(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let subject = office.members[0]
            let reset = PasswordReset(account: subject, organisation: nil, createdBy: nil, expiresAt: after(100))
            try await store.createPasswordReset(reset, token: hash("a"), at: start)
            try await store.createPasswordReset(reset, token: hash("b"), at: start)
            #expect(try await store.passwordReset(token: hash("a"), at: start) == nil)
            #expect(try await store.passwordReset(token: hash("b"), at: start) == reset)
            _ = try await store.setPassword(subject, Private("own"), sparing: fresh(), at: after(1))
            #expect(try await store.usePasswordReset(token: hash("b"), Private("stolen"), at: after(2)) == nil)
            #expect(try await store.account(subject)?.passwordHash.reveal == "own")
        }
    }

    @Test(arguments: Database.allCases)
    func namesOfThoseWhoLeftAreKept(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store, members: 70)
            try await store.rename(office.members[1], first: "Ånna", last: "")
            _ = try await store.removePerson(office.id, office.members[1], by: office.owner.id, at: after(1))
            let strangers: [AccountID] = [fresh(), fresh()]
            let found = try await store.people(office.id, among: office.everybody + strangers)
            #expect(Set(found.map(\.account)) == Set(office.everybody))
            let gone = found.filter(\.isFormer)
            #expect(gone.map(\.account) == [office.members[1]])
            #expect(gone.map(\.firstName) == ["Ånna"])
            #expect(gone.map(\.lastName) == [""])
            #expect(try await store.people(fresh(), among: office.everybody).isEmpty, "of another organisation")
            #expect(try await store.people(office.id, among: []).isEmpty)
        }
    }
}
