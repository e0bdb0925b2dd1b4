// Sign-ins and rotating refresh tokens: one successor, theft ends the family.

import Model
import Ports
import Store
import Testing

@Suite struct LoginTests {
    private static let grace: Int64 = 10_000
    private static let lifetime: Int64 = 3_600_000

    private func hash(_ number: Int) -> TokenHash {
        TokenHash([UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
            + [UInt8](repeating: 9, count: 30))
    }

    private func login(_ office: Office) -> LoginRecord {
        LoginRecord(id: fresh(), account: office.owner.id, organisation: office.id, createdAt: start,
                    lastUsedAt: start, refreshLifetimeMilliseconds: Self.lifetime,
                    address: "192.0.2.7", userAgent: "Test/1", revokedAt: nil)
    }

    private func after(_ milliseconds: Int64) -> UnixMilliseconds { start.adding(milliseconds: milliseconds) }

    @Test(arguments: Database.allCases)
    func aChainOfRotations(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            var login = login(office)
            try await store.createLogin(office.id, login, refresh: hash(0))
            #expect(try await store.login(office.id, login.id) == login)
            // Far beyond the first token's life: each rotation starts a new one.
            for step in 1...10 {
                let at = after(Int64(step) * (Self.lifetime - 1))
                let outcome = try await store.rotateRefresh(
                    old: hash(step - 1), new: hash(step), at: at, graceMilliseconds: Self.grace)
                login.lastUsedAt = at
                #expect(outcome == .rotated(login))
                // Asked again after a lost answer, however much later, it is the same rotation.
                let again = try await store.rotateRefresh(
                    old: hash(step - 1), new: hash(step), at: at.adding(milliseconds: 1),
                    graceMilliseconds: Self.grace)
                #expect(again == .repeated(login))
            }
            #expect(try await store.logins(of: office.owner.id) == [login])
        }
    }

    @Test(arguments: Database.allCases)
    func ofManyRotationsAtOnceOneGetsASuccessor(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let login = login(office)
            try await store.createLogin(office.id, login, refresh: hash(0))
            let outcomes = try await withThrowingTaskGroup(of: RefreshOutcome.self) { group in
                for number in 1...50 {
                    group.addTask {
                        try await store.rotateRefresh(old: hash(0), new: hash(number), at: after(5),
                                                      graceMilliseconds: Self.grace)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            var expected = login
            expected.lastUsedAt = after(5)
            #expect(outcomes.filter { $0 == .rotated(expected) }.count == 1)
            #expect(outcomes.filter { $0 == .raced(expected) }.count == 49)
        }
    }

    @Test(arguments: Database.allCases)
    func ofManyThatAskForTheSameSuccessorAllGetIt(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let login = login(office)
            try await store.createLogin(office.id, login, refresh: hash(0))
            let outcomes = try await withThrowingTaskGroup(of: RefreshOutcome.self) { group in
                for number in 1...50 {
                    group.addTask {
                        try await store.rotateRefresh(old: hash(0), new: hash(1), at: after(Int64(number)),
                                                      graceMilliseconds: 0)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            var (rotated, repeated) = (0, 0)
            for outcome in outcomes {
                if case .rotated = outcome { rotated += 1 }
                if case .repeated = outcome { repeated += 1 }
            }
            #expect((rotated, repeated) == (1, 49))
            #expect(try await store.login(unusedRefresh: hash(1), at: after(60)) != nil)
            #expect(try await store.login(unusedRefresh: hash(0), at: after(60)) == nil, "it is spent")
        }
    }

    /// A token whose successor was used does not give it again, whoever asks, and does not bring it back.
    @Test(arguments: Database.allCases)
    func aUsedSuccessorIsNotGivenAgain(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let login = login(office)
            try await store.createLogin(office.id, login, refresh: hash(0))
            func rotate(_ old: Int, at: Int64) async throws -> RefreshOutcome {
                try await store.rotateRefresh(old: hash(old), new: hash(old + 1), at: after(at),
                                              graceMilliseconds: Self.grace)
            }
            _ = try await rotate(0, at: 0)
            // Long after the grace: nobody has used it.
            guard case .repeated = try await rotate(0, at: Self.grace * 2) else { throw Fault("not repeated") }
            _ = try await rotate(1, at: Self.grace * 2 + 1)
            #expect(try await store.login(unusedRefresh: hash(1), at: after(Self.grace * 2 + 2)) == nil)
            // Spent long ago: theft, though the successor was used just now.
            guard case .reused = try await rotate(0, at: Self.grace * 2 + 2) else { throw Fault("no theft") }
            #expect(try await rotate(2, at: Self.grace * 2 + 3) == .refused)
            #expect(try await store.login(unusedRefresh: hash(2), at: after(Self.grace * 2 + 3)) == nil)
        }
    }

    @Test(arguments: Database.allCases)
    func reuseAfterTheGraceRevokesTheFamily(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let login = login(office)
            try await store.createLogin(office.id, login, refresh: hash(0))
            _ = try await store.rotateRefresh(old: hash(0), new: hash(1), at: after(0),
                                              graceMilliseconds: Self.grace)
            // At the edge it is a race, one millisecond later theft.
            let edge = try await store.rotateRefresh(old: hash(0), new: hash(2), at: after(Self.grace),
                                                     graceMilliseconds: Self.grace)
            #expect(edge == .raced(login))
            let at = after(Self.grace + 1)
            var revoked = login
            revoked.revokedAt = at
            let theft = try await store.rotateRefresh(old: hash(0), new: hash(3), at: at,
                                                      graceMilliseconds: Self.grace)
            #expect(theft == .reused(revoked))
            #expect(try await store.login(office.id, login.id) == revoked)
            #expect(try await store.logins(of: office.owner.id).isEmpty)
            // Its live token is dead too, and nobody got one from the failed attempts.
            for number in 0...3 {
                let outcome = try await store.rotateRefresh(
                    old: hash(number), new: hash(9), at: at, graceMilliseconds: Self.grace)
                #expect(outcome == .refused)
            }
        }
    }

    @Test(arguments: Database.allCases)
    func unknownExpiredAndRevokedAreRefused(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let office = try await Office(store)
            let login = login(office)
            try await store.createLogin(office.id, login, refresh: hash(0))
            func rotate(_ old: Int, at: Int64) async throws -> RefreshOutcome {
                try await store.rotateRefresh(old: hash(old), new: hash(99), at: after(at),
                                              graceMilliseconds: Self.grace)
            }
            #expect(try await rotate(77, at: 1) == .refused)
            #expect(try await rotate(0, at: Self.lifetime) == .refused)

            #expect(try await store.revokeLogin(office.members[0], login.id, at: start) == false)
            #expect(try await store.revokeLogin(office.owner.id, login.id, at: start))
            #expect(try await store.revokeLogin(office.owner.id, login.id, at: start) == false)
            #expect(try await rotate(0, at: 1) == .refused)
        }
    }
}
