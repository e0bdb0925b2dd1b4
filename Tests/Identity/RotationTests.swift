// What every outcome of a rotation means for every caller, and requests whose answer was lost: the same again
// gives the same answer.

import Identity
import Model
import Ports
import Store
import Testing

/// The states a refresh token can be in.
enum TokenState: CaseIterable {
    /// Never used.
    case fresh
    /// Used; the answer got lost, and nobody used the successor.
    case unanswered
    /// The same, days ago: the device was asleep.
    case unansweredForDays
    /// Used within the grace, and so was its successor: a request that came late.
    case late
    /// Used longer ago, and its successor was used.
    case copied
    case expired
    case ended
    case unknown
}

enum RotationCaller: CaseIterable {
    case refresh, signOut, switchOver
}

/// What the caller is answered, and what becomes of the sign-in.
private struct Expected {
    var status: Int
    var slug: String?
    /// `true`: the successor; `false`: none, though it worked.
    var successor: Bool?
    /// Its sessions are told to close, and its access token is worth nothing: what the socket sees.
    var isOver: Bool
}

private func expected(_ state: TokenState, _ caller: RotationCaller) -> Expected {
    let refused = Expected(status: 401, slug: "unauthenticated", isOver: false)
    switch (state, caller) {
    case (.fresh, .refresh), (.unanswered, .refresh), (.unansweredForDays, .refresh):
        return Expected(status: 200, successor: true, isOver: false)
    case (.late, .refresh): return Expected(status: 200, successor: false, isOver: false)
    case (.copied, .refresh): return Expected(status: 401, slug: "unauthenticated", isOver: true)

    case (.fresh, .switchOver), (.unanswered, .switchOver), (.unansweredForDays, .switchOver):
        return Expected(status: 200, successor: true, isOver: true)
    case (.late, .switchOver): return Expected(status: 409, slug: "conflict", isOver: false)
    case (.copied, .switchOver): return Expected(status: 401, slug: "unauthenticated", isOver: true)

    case (.fresh, .signOut), (.unanswered, .signOut), (.unansweredForDays, .signOut), (.late, .signOut),
        (.copied, .signOut):
        return Expected(status: 204, isOver: true)

    case (.expired, .signOut), (.unknown, .signOut): return Expected(status: 204, isOver: false)
    case (.ended, .signOut): return Expected(status: 204, isOver: true)
    case (.ended, _): return Expected(status: 401, slug: "unauthenticated", isOver: true)
    case (.expired, _), (.unknown, _): return refused
    }
}

@Suite struct RotationTests {
    @Test(arguments: TokenState.allCases, RotationCaller.allCases)
    func eachOutcomeForEachCaller(_ state: TokenState, _ caller: RotationCaller) async throws {
        let (hub, owner) = try await Hub.withOwner()
        let home = try #require(owner.text("organisation", "id"))
        var token = owner.refresh
        var successor: String?
        func use(_ token: String) async -> Answer { await hub.post("refresh", ["refresh_token": token]) }
        switch state {
        case .fresh: break
        case .unanswered, .unansweredForDays:
            successor = await use(token).refresh
            hub.clock.advance(milliseconds: state == .unanswered ? 3_000 : 5 * 86_400_000)
        case .late, .copied:
            _ = await use(await use(token).refresh)
            hub.clock.advance(milliseconds: state == .late ? 10_000 : 10_001)
        case .expired: hub.clock.advance(milliseconds: 7 * 86_400_000)
        case .ended: _ = await hub.post("sign-out", ["refresh_token": token])
        case .unknown: token = String(repeating: "A", count: 43)
        }
        let expected = expected(state, caller)
        let before = hub.witness.revoked.withLock { $0.count }
        let answer = switch caller {
        case .refresh: await use(token)
        case .signOut: await hub.post("sign-out", ["refresh_token": token])
        case .switchOver: await hub.post("switch", ["refresh_token": token, "organisation": home])
        }
        #expect(answer.status == expected.status)
        #expect(answer.slug == expected.slug)
        if let hasSuccessor = expected.successor { #expect(answer.refresh.isEmpty != hasSuccessor) }
        if caller == .refresh, let successor { #expect(answer.refresh == successor, "the same again") }
        let told = hub.witness.revoked.withLock { $0.count }
        if state != .ended { #expect(told - before == (expected.isOver ? 1 : 0), "sessions are told once") }

        // The socket: does the sign-in stand, for one who has a token of it?
        let principal = try hub.tokens.verify(AccessToken(owner.access), at: UnixMilliseconds(1_800_000_000_000))
        let login = try #require(try await hub.store.login(principal.organisation, principal.login))
        #expect((login.revokedAt != nil) == expected.isOver)
        await hub.close()
    }

    /// The answer to each of these was lost, and the client asks again, later than any grace.
    @Test func theSameRefreshAgainIsTheSameRefresh() async throws {
        let (hub, owner) = try await Hub.withOwner()
        var token = owner.refresh
        for step in 0..<5 {
            let lost = await hub.post("refresh", ["refresh_token": token])
            hub.clock.advance(milliseconds: [0, 3_000, 12_000, 3_600_000, 86_400_000][step])
            let again = await hub.post("refresh", ["refresh_token": token])
            #expect(again.status == 200)
            #expect(again.refresh == lost.refresh)
            #expect(!again.access.isEmpty)
            token = again.refresh
        }
        #expect(hub.witness.revoked.withLock { $0.isEmpty })
        await hub.close()
    }

    /// It was in time; its answer was lost, and it ended before the client asked again.
    @Test func theSameRefreshAgainAfterTheTokensEnd() async throws {
        let (hub, owner) = try await Hub.withOwner()
        hub.clock.advance(milliseconds: 7 * 86_400_000 - 1)
        let lost = await hub.post("refresh", ["refresh_token": owner.refresh])
        hub.clock.advance(milliseconds: 86_400_000)
        #expect(await hub.post("refresh", ["refresh_token": owner.refresh]).refresh == lost.refresh)
        #expect(await hub.post("refresh", ["refresh_token": lost.refresh]).status == 200)
        #expect(await hub.post("refresh", ["refresh_token": owner.refresh]).status == 401, "used now")
        await hub.close()
    }

    @Test func theSameSwitchAgainIsTheSameSwitch() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let home = try #require(owner.text("organisation", "id"))
        let form: Form = ["refresh_token": owner.refresh, "organisation": home]
        let lost = await hub.post("switch", form)
        hub.clock.advance(milliseconds: 60_000)
        let again = await hub.post("switch", form)
        #expect(again.status == 200)
        #expect(again.refresh == lost.refresh)
        let logins = await hub.get("logins", bearer: again.access)
        #expect(logins.json["logins"]?.list?.count == 1, "one sign-in, not two")
        #expect(await hub.post("refresh", ["refresh_token": again.refresh]).status == 200)
        // Now it is used, and the old token is worth nothing.
        #expect(await hub.post("switch", form).status == 401)
        await hub.close()
    }

    /// A link of one use, of which the use was answered and the answer lost.
    @Test func theSameAcceptanceAgainSignsIn() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let link = try await hub.invite(owner.access)
        let lost = await hub.accept(link)
        hub.clock.advance(milliseconds: 60_000)
        let again = await hub.accept(link)
        #expect(again.status == 201)
        #expect(again.text("account", "id") == lost.text("account", "id"))
        #expect(hub.witness.joined.withLock { $0.count } == 1)
        // Nobody else gets in by it, with an account or without, and neither does a wrong password.
        #expect(await hub.accept(link, "bob@example.org", "another long phrase").status == 410)
        #expect(await hub.accept(link, "eve@example.org", "eve long phrase").status == 410)
        #expect(await hub.post("invitations/look-up", ["token": link]).status == 410)
        await hub.close()
    }

    @Test func theSameSetUpAgainSignsIn() async throws {
        let hub = try await Hub()
        let token = try #require(try await hub.accounts.issueSetUpToken())
        func setUp(_ password: String) async -> Answer {
            await hub.post(
                "setup",
                [
                    "token": token.reveal, "organisation": "Acme", "email": "ada@example.org",
                    "password": password, "first_name": "Ada", "last_name": "Lovelace",
                ])
        }
        let lost = await setUp("ada long phrase")
        let again = await setUp("ada long phrase")
        #expect(again.status == 201)
        #expect(again.text("account", "id") == lost.text("account", "id"))
        #expect(await setUp("another long phrase").status == 410)
        await hub.close()
    }

    @Test func theSameSignOutAgainIsDone() async throws {
        let (hub, owner) = try await Hub.withOwner()
        for _ in 0..<3 { #expect(await hub.post("sign-out", ["refresh_token": owner.refresh]).status == 204) }
        await hub.close()
    }

    /// The hub that gave the successor stopped; another, with its clock two minutes behind and a shorter lifetime
    /// of tokens, is asked again.
    @Test func anotherHubGivesTheSameSuccessor() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let other = try await Hub(beside: hub, accessLifetimeMilliseconds: 300_000)
        other.clock.step(milliseconds: -120_000)
        let lost = await hub.post("refresh", ["refresh_token": owner.refresh])
        let again = await other.post("refresh", ["refresh_token": owner.refresh])
        #expect(again.status == 200)
        #expect(again.refresh == lost.refresh)
        // Both hubs take both hubs' tokens, or say that a newer one is needed.
        #expect(await hub.get("logins", bearer: again.access).status == 200)
        let refused = await other.get("logins", bearer: lost.access)
        #expect(refused.slug == "token_expired", "it lives longer than tokens may here: \(refused.json)")
        await hub.close()
    }

    @Test func ofManyOverTwoHubsThereIsOneSuccessor() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let other = try await Hub(beside: hub)
        let tokens = await withTaskGroup(of: String.self) { group in
            for number in 0..<200 {
                group.addTask {
                    await (number.isMultiple(of: 2) ? hub : other)
                        .post("refresh", ["refresh_token": owner.refresh]).refresh
                }
            }
            return await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(tokens.count == 1)
        #expect(!tokens.contains(""))
        await hub.close()
    }

    /// An hour forth, an hour back: nobody is signed out by it.
    @Test(arguments: [3_600_000, -3_600_000] as [Int64])
    func aClockThatIsSetSignsNobodyOut(_ step: Int64) async throws {
        let (hub, owner) = try await Hub.withOwner()
        let before = await hub.post("refresh", ["refresh_token": owner.refresh])
        hub.clock.step(milliseconds: step)
        let refused = await hub.get("logins", bearer: before.access)
        #expect(refused.slug == "token_expired", "never a forgery")
        let after = await hub.post("refresh", ["refresh_token": owner.refresh])
        #expect(after.refresh == before.refresh)
        let next = await hub.post("refresh", ["refresh_token": after.refresh])
        #expect(await hub.get("logins", bearer: next.access).status == 200)
        await hub.close()
    }

    /// The set-up link is good for a day, not until a moment of a clock that may be set.
    @Test(arguments: [86_400_000, -86_400_000] as [Int64])
    func theSetUpLinkOutlivesAClockThatIsSet(_ step: Int64) async throws {
        let hub = try await Hub()
        let token = try #require(try await hub.accounts.issueSetUpToken())
        hub.clock.step(milliseconds: step)
        let answer = await hub.post(
            "setup",
            [
                "token": token.reveal, "organisation": "Acme", "email": "ada@example.org",
                "password": "ada long phrase", "first_name": "Ada", "last_name": "Lovelace",
            ])
        #expect(answer.status == 201)
        await hub.close()
    }

    /// `sign_in_max_age`: use does not prolong it, and neither does a switch.
    @Test func aSignInEndsAtItsGreatestAge() async throws {
        let (hub, owner) = try await Hub.withOwner { $0.signInMaxAgeMilliseconds = 86_400_000 }
        let home = try #require(owner.text("organisation", "id"))
        hub.clock.advance(milliseconds: 43_200_000)
        let moved = await hub.post("switch", ["refresh_token": owner.refresh, "organisation": home])
        hub.clock.advance(milliseconds: 43_199_999)
        let last = await hub.post("refresh", ["refresh_token": moved.refresh])
        #expect(last.status == 200)
        hub.clock.advance(milliseconds: 1)
        #expect(await hub.post("refresh", ["refresh_token": last.refresh]).status == 401)
        #expect(hub.witness.revoked.withLock { $0.count } == 2, "its sessions are told")
        await hub.close()
    }
}
