// The HTTP API as docs/http-api.md describes it, on a real database.

import Crypto
import Identity
import Model
import Ports
import Store
import Testing
import Wire

@Suite struct SetUpTests {
    @Test func theFirstOwnerSetsUpOnce() async throws {
        let (hub, owner) = try await Hub.withOwner()
        #expect(owner.text("organisation", "name") == "Acme")
        #expect(owner.text("role") == "OWNER")
        #expect(owner.text("account", "email") == "ada@example.org")
        #expect(owner.text("account", "first_name") == "Ada")
        #expect(owner.text("expires_at_ms") == "1800000900000")
        #expect(owner.refresh.utf8.count == 43)
        let organisations = try #require(owner.json["organisations"]?.list)
        #expect(organisations.map { $0["role"]?.text } == ["OWNER"])
        #expect(owner.header("Cache-Control") == "no-store")
        #expect(owner.header("Set-Cookie") == nil)
        #expect(try await hub.accounts.issueSetUpToken() == nil)
        await hub.close()
    }

    private func form(_ token: String, _ more: Form = [:]) -> Form {
        [
            "token": token, "organisation": "Acme", "email": "ada@example.org", "password": "ada long phrase",
            "first_name": "Ada", "last_name": "L",
        ].merging(more) { $1 }
    }

    @Test func theLinkIsOfOneUseAndOneDay() async throws {
        let hub = try await Hub()
        let old = try #require(try await hub.accounts.issueSetUpToken())
        #expect(hub.accounts.setUpLink(old) == "https://hub.example.org/#setup=\(old.reveal)")
        let token = try #require(try await hub.accounts.issueSetUpToken()).reveal
        #expect(await hub.post("setup", form("")).slug == "link_invalid")
        #expect(await hub.post("setup", form(old.reveal)).status == 410, "only the newest counts")
        hub.clock.advance(milliseconds: 86_400_000)
        #expect(await hub.post("setup", form(token)).status == 410)
        let fresh = try #require(try await hub.accounts.issueSetUpToken()).reveal
        // A mistake in the form does not use the link up.
        #expect(await hub.post("setup", form(fresh, ["password": "12345678"])).slug == "invalid_argument")
        #expect(await hub.post("setup", form(fresh, ["organisation": " "])).slug == "invalid_argument")
        #expect(await hub.post("setup", form(fresh)).status == 201)
        #expect(await hub.post("setup", form(fresh, ["email": "eve@example.org"])).status == 410)
        await hub.close()
    }

    @Test func twoAtOnceMakeOneOrganisation() async throws {
        let hub = try await Hub()
        let token = try #require(try await hub.accounts.issueSetUpToken()).reveal
        let statuses = await withTaskGroup(of: Int.self) { group in
            for number in 0..<20 {
                group.addTask { await hub.post("setup", form(token, ["email": "a\(number)@example.org"])).status }
            }
            return await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.count { $0 == 201 } == 1)
        #expect(statuses.count { $0 == 410 } == 19)
        await hub.close()
    }
}

@Suite struct SignInTests {
    @Test func theRightPasswordSignsIn() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let answer = await hub.signIn("ADA@Example.ORG")
        #expect(answer.status == 200)
        #expect(answer.text("account", "id") == owner.text("account", "id"))
        let principal = try hub.tokens.verify(AccessToken(answer.access), at: hub.clock.now())
        #expect(principal.role == .owner)
        #expect(principal.organisation.description == owner.text("organisation", "id"))
        let chosen = await hub.signIn(more: ["organisation": principal.organisation.description])
        #expect(chosen.status == 200)
        await hub.close()
    }

    @Test func whatIsWrongIsNotTold() async throws {
        let (hub, _) = try await Hub.withOwner()
        var bodies: Set<[UInt8]> = []
        for (email, password) in [
            ("ada@example.org", "wrong phrase"), ("nobody@example.org", "ada long phrase"), ("ada", "ada long phrase"),
            ("", ""), ("ada@example.org", ""), ("ada@example.org", String(repeating: "x", count: 2_000)),
        ] {
            let answer = await hub.signIn(email, password)
            #expect(answer.status == 401)
            #expect(answer.slug == "bad_credentials")
            #expect(answer.header("WWW-Authenticate") == "Bearer")
            bodies.insert(answer.response.body)
        }
        #expect(bodies.count == 1)
        await hub.close()
    }

    @Test func guessingIsSlowedDownForKnownAndUnknownAlike() async throws {
        let (hub, _) = try await Hub.withOwner()
        for email in ["ada@example.org", "nobody@example.org"] {
            for _ in 0..<5 { #expect(await hub.signIn(email, "wrong phrase").status == 401) }
            let answer = await hub.signIn(email, "wrong phrase")
            #expect(answer.status == 429)
            #expect(answer.slug == "rate_limited")
            #expect(answer.header("Retry-After") == "360")
            let error = try #require(answer.json["error"])
            #expect(error["retry_after_ms"]?.int == 360_000)
            #expect(error["retryable"]?.bool == true)
        }
        #expect(await hub.signIn().status == 429, "the right password waits too")
        #expect(await hub.signIn(from: "198.51.100.7").status == 200, "but not from elsewhere")
        hub.clock.advance(milliseconds: 360_000)
        #expect(await hub.signIn().status == 200)
        #expect(await hub.signIn().status == 200, "and then costs nothing")
        await hub.close()
    }

    @Test func anotherOrganisationIsForbiddenWhetherItExistsOrNot() async throws {
        let (hub, _) = try await Hub.withOwner()
        let answer = await hub.signIn(more: ["organisation": "01900000-0000-7000-8000-000000000000"])
        #expect(answer.slug == "forbidden")
        #expect(await hub.signIn(more: ["organisation": "*"]).slug == "invalid_argument")
        await hub.close()
    }

    @Test func anOldHashIsRenewed() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let id = try #require(AccountID(owner.text("account", "id") ?? ""))
        let old = try await PasswordHasher(parameters: .init(memoryKibibytes: 32, passes: 1, lanes: 1))
            .hash(Password("ada long phrase"))
        try await hub.store.setPasswordHash(id, old)
        #expect(await hub.signIn().status == 200)
        let renewed = try #require(try await hub.store.account(id)).passwordHash
        #expect(renewed != old)
        #expect(await hub.signIn().status == 200)
        #expect(try await hub.store.account(id)?.passwordHash == renewed, "once")
        await hub.close()
    }
}

@Suite struct RefreshTests {
    @Test func eachUseGivesTheSuccessor() async throws {
        let (hub, owner) = try await Hub.withOwner()
        var token = owner.refresh
        var seen: Set<String> = [token]
        for _ in 0..<20 {
            hub.clock.advance(milliseconds: 60_000)
            let answer = await hub.post("refresh", ["refresh_token": token])
            #expect(answer.status == 200)
            #expect(answer.text("expires_at_ms") == String(hub.clock.now().value / 1_000 * 1_000 + 900_000))
            token = answer.refresh
            #expect(seen.insert(token).inserted)
            #expect((try? hub.tokens.verify(AccessToken(answer.access), at: hub.clock.now())) != nil)
        }
        await hub.close()
    }

    @Test func aLateRequestIsForgivenAndTheftIsNot() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let successor = await hub.post("refresh", ["refresh_token": owner.refresh]).refresh
        let next = await hub.post("refresh", ["refresh_token": successor]).refresh
        hub.clock.advance(milliseconds: 10_000)
        let late = await hub.post("refresh", ["refresh_token": owner.refresh])
        #expect(late.status == 200)
        #expect(!late.access.isEmpty)
        #expect(late.refresh.isEmpty, "its successor has gone its way")
        #expect(hub.witness.revoked.withLock { $0.isEmpty })
        hub.clock.advance(milliseconds: 1)
        let thief = await hub.post("refresh", ["refresh_token": owner.refresh])
        #expect(thief.status == 401)
        #expect(thief.slug == "unauthenticated")
        #expect(hub.witness.revoked.withLock { $0.count } == 1, "live sessions are told")
        #expect(await hub.post("refresh", ["refresh_token": next]).status == 401, "the whole family")
        #expect(await hub.get("logins", bearer: owner.access).status == 401, "and its access tokens here")
        await hub.close()
    }

    @Test func ofAThousandAtOnceAllGetTheOneSuccessor() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let answers = await withTaskGroup(of: (Int, String).self) { group in
            for _ in 0..<1_000 {
                group.addTask {
                    let answer = await hub.post("refresh", ["refresh_token": owner.refresh])
                    return (answer.status, answer.refresh)
                }
            }
            return await group.reduce(into: [(Int, String)]()) { $0.append($1) }
        }
        #expect(answers.allSatisfy { $0.0 == 200 && !$0.1.isEmpty })
        #expect(Set(answers.map(\.1)).count == 1)
        await hub.close()
    }

    @Test func itEndsAfterItsLifetime() async throws {
        let (hub, owner) = try await Hub.withOwner()
        hub.clock.advance(milliseconds: 7 * 86_400_000 - 1)
        let next = await hub.post("refresh", ["refresh_token": owner.refresh])
        #expect(next.status == 200)
        hub.clock.advance(milliseconds: 7 * 86_400_000)
        #expect(await hub.post("refresh", ["refresh_token": next.refresh]).status == 401)
        await hub.close()
    }

    @Test(arguments: ["", "x", String(repeating: "A", count: 43), String(repeating: "A", count: 44), "' OR 1=1 --"])
    func whatIsNoTokenIsRefused(_ token: String) async throws {
        let (hub, _) = try await Hub.withOwner()
        #expect(await hub.post("refresh", ["refresh_token": token]).slug == "unauthenticated")
        await hub.close()
    }

    @Test func signingOutEndsTheFamily() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let answer = await hub.post("sign-out", ["refresh_token": owner.refresh])
        #expect(answer.status == 204)
        #expect(answer.response.body.isEmpty)
        #expect(hub.witness.revoked.withLock { $0.count } == 1)
        #expect(await hub.post("refresh", ["refresh_token": owner.refresh]).status == 401)
        #expect(await hub.post("sign-out", ["refresh_token": owner.refresh]).status == 204)
        #expect(await hub.signIn().status == 200)
        await hub.close()
    }
}

@Suite struct CookieTests {
    @Test(arguments: [
        (false, 86_400), (true, 2_592_000),
    ]) func browsersGetACookie(_ isRemembered: Bool, _ seconds: Int) async throws {
        let (hub, _) = try await Hub.withOwner()
        let answer = await hub.signIn(more: ["cookie": true, "remember": isRemembered])
        #expect(answer.refresh.isEmpty)
        let cookie = try #require(answer.header("Set-Cookie"))
        #expect(cookie.hasPrefix("__Host-hub_refresh="))
        #expect(cookie.hasSuffix("; Max-Age=\(seconds); Path=/; HttpOnly; SameSite=Strict; Secure"))
        let next = await hub.post("refresh", [:], cookie: answer.cookie, origin: ownOrigin)
        #expect(next.status == 200)
        #expect(next.refresh.isEmpty)
        #expect(next.cookie != answer.cookie)
        #expect(next.header("Set-Cookie")?.contains("Max-Age=\(seconds);") == true)
        let out = await hub.post("sign-out", [:], cookie: next.cookie, origin: ownOrigin)
        #expect(out.status == 204)
        #expect(out.header("Set-Cookie") == "__Host-hub_refresh=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict; Secure")
        await hub.close()
    }

    @Test func plainHTTPHasAnotherName() async throws {
        let (hub, _) = try await Hub.withOwner(origin: "http://127.0.0.1:8080")
        let cookie = try #require(await hub.signIn(more: ["cookie": true]).header("Set-Cookie"))
        #expect(cookie.hasPrefix("hub_refresh="))
        #expect(!cookie.contains("Secure"))
        await hub.close()
    }

    @Test(arguments: [
        nil, "null", "", "https://evil.example", "http://hub.example.org", "https://hub.example.org:8443",
        "https://hub.example.org.evil.example", "https://evil-hub.example.org", "https://hub.example.org/",
        "HTTPS://hub.example.org", "https://hub.example.org https://evil.example", "file://",
    ]) func otherOriginsGetNothing(_ origin: String?) async throws {
        let (hub, _) = try await Hub.withOwner()
        let cookie = try #require(await hub.signIn(more: ["cookie": true]).cookie)
        for path in ["refresh", "sign-out", "switch"] {
            let answer = await hub.post(path, ["organisation": "x"], cookie: cookie, origin: origin)
            #expect(answer.status == 403, "\(path)")
            #expect(answer.header("Set-Cookie") == nil)
        }
        if let origin { #expect(await hub.post("sign-in", [:], origin: origin).status == 403) }
        #expect(await hub.post("refresh", [:], cookie: cookie, origin: ownOrigin).status == 200)
        await hub.close()
    }

    @Test func oddCookieHeaders() async throws {
        let (hub, _) = try await Hub.withOwner()
        let cookie = try #require(await hub.signIn(more: ["cookie": true]).cookie)
        for odd in [
            "", ";", "=", "__Host-hub_refresh", "__Host-hub_refresh=", "hub_refresh=\(cookie.dropFirst(19))",
            "\(cookie); \(cookie)", "x\(cookie)", "__Host-hub_refresh=planted; \(cookie)",
        ] {
            #expect(await hub.post("refresh", [:], cookie: odd, origin: ownOrigin).status == 401, "\(odd.prefix(24))")
        }
        #expect(await hub.post("refresh", [:], cookie: "a=b;\(cookie) ; c=d", origin: ownOrigin).status == 401)
        #expect(await hub.post("refresh", [:], cookie: "a=b; \(cookie); c=d", origin: ownOrigin).status == 200)
        await hub.close()
    }
}

@Suite struct InvitationTests {
    @Test func somebodyNewJoins() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let made = await hub.post("invitations", ["role": "ADMIN"], bearer: owner.access)
        #expect(made.status == 201)
        let token = try #require(made.text("token"))
        #expect(made.text("link") == "https://hub.example.org/#invite=\(token)")
        #expect(made.text("expires_at_ms") == String(1_800_000_000_000 + 168 * 3_600_000))
        let offer = await hub.post("invitations/look-up", ["token": token])
        #expect(offer.status == 200)
        #expect(offer.text("organisation", "name") == "Acme")
        #expect(offer.text("role") == "ADMIN")
        let joined = await hub.accept(token)
        #expect(joined.status == 201)
        #expect(joined.text("role") == "ADMIN")
        #expect(joined.text("account", "last_name") == "Babbage")
        #expect(hub.witness.joined.withLock { $0.map(\.firstName) } == ["Bob"])
        #expect(await hub.accept(token, "eve@example.org").status == 410, "used up")
        #expect(await hub.post("invitations/look-up", ["token": token]).slug == "link_invalid")
        #expect(await hub.signIn("bob@example.org", "bob long phrase").status == 200)
        await hub.close()
    }

    @Test func usesAndHours() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let token = try await hub.invite(owner.access, ["role": "MEMBER", "uses": 3, "expires_in_hours": 1])
        for number in 0..<4 {
            let answer = await hub.accept(token, "n\(number)@example.org", "a long phrase \(number)")
            #expect(answer.status == (number < 3 ? 201 : 410))
        }
        let short = try await hub.invite(owner.access, ["role": "MEMBER", "uses": 1_000, "expires_in_hours": 1])
        hub.clock.advance(milliseconds: 3_600_000 - 1)
        #expect(await hub.post("invitations/look-up", ["token": short]).status == 200)
        hub.clock.advance(milliseconds: 1)
        #expect(await hub.post("invitations/look-up", ["token": short]).status == 410)
        #expect(await hub.accept(short, "late@example.org").status == 410)
        await hub.close()
    }

    @Test(
        arguments: [
            ["role": "MEMBER", "uses": 0], ["role": "MEMBER", "uses": 1_001], ["role": "MEMBER", "uses": -1],
            ["role": "MEMBER", "expires_in_hours": 0], ["role": "MEMBER", "expires_in_hours": 721],
            ["role": "MEMBER", "uses": 1.5], ["role": "ROOT"], ["role": ""], ["role": "member"], [:],
        ] as [Form]) func boundsAreKept(_ form: Form) async throws
    {
        let (hub, owner) = try await Hub.withOwner()
        #expect(await hub.post("invitations", form, bearer: owner.access).slug == "invalid_argument")
        await hub.close()
    }

    @Test(arguments: [
        ("MEMBER", "MEMBER", false), ("MEMBER", "ADMIN", false), ("ADMIN", "MEMBER", true), ("ADMIN", "ADMIN", true),
        ("ADMIN", "OWNER", false), ("OWNER", "OWNER", true),
    ]) func whoMayInviteWhom(_ role: String, _ invited: String, _ isAllowed: Bool) async throws {
        let (hub, owner) = try await Hub.withOwner()
        let bob = await hub.accept(try await hub.invite(owner.access, ["role": role]))
        let answer = await hub.post("invitations", ["role": invited], bearer: bob.access)
        #expect(answer.status == (isAllowed ? 201 : 403))
        await hub.close()
    }

    @Test func anAccountThatExistsProvesItsPassword() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let bob = await hub.accept(try await hub.invite(owner.access))
        let token = try await hub.invite(owner.access, ["role": "OWNER"])
        #expect(await hub.accept(token, "bob@example.org", "not bob's phrase").slug == "bad_credentials")
        // A membership keeps its role, and uses nothing up.
        let again = await hub.accept(token, "BOB@example.org")
        #expect(again.status == 201)
        #expect(again.text("role") == "MEMBER")
        #expect(again.text("account", "id") == bob.text("account", "id"))
        #expect(hub.witness.joined.withLock { $0.count } == 1)
        #expect(await hub.post("invitations/look-up", ["token": token]).status == 200)
        await hub.close()
    }

    @Test func anInvitationDoesNotLetGuess() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let token = try await hub.invite(owner.access, ["role": "MEMBER", "uses": 1_000])
        let statuses = await withTaskGroup(of: Int.self) { group in
            for number in 0..<50 {
                group.addTask { await hub.accept(token, "ada@example.org", "guess number \(number)").status }
            }
            return await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.count { $0 == 401 } == 5)
        #expect(statuses.count { $0 == 429 } == 45)
        await hub.close()
    }

    @Test func manyAcceptTheLastUseAtOnce() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let token = try await hub.invite(owner.access, ["role": "MEMBER", "uses": 3])
        let statuses = await withTaskGroup(of: Int.self) { group in
            for number in 0..<30 {
                group.addTask { await hub.accept(token, "p\(number)@example.org", "phrase number \(number)").status }
            }
            return await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.count { $0 == 201 } == 3)
        #expect(statuses.count { $0 == 410 } == 27)
        await hub.close()
    }
}

@Suite struct LoginTests {
    @Test func signInsAreListedAndEnded() async throws {
        let (hub, owner) = try await Hub.withOwner()
        hub.clock.advance(milliseconds: 1_000)
        let second = await hub.signIn(from: "2001:db8::7")
        let list = await hub.get("logins", bearer: second.access)
        #expect(list.status == 200)
        let logins = try #require(list.json["logins"]?.list)
        #expect(logins.count == 2)
        let current = try #require(logins.first { $0["current"]?.bool == true })
        #expect(current["address"]?.text == "2001:db8::7")
        #expect(current["user_agent"]?.text == "Test/1")
        #expect(current["created_at_ms"]?.text == "1800000001000")
        let other = try #require(logins.first { $0["current"]?.bool != true }?["id"]?.text)
        #expect(await hub.get("logins/\(other)", method: .delete, bearer: second.access).status == 204)
        #expect(hub.witness.revoked.withLock { $0.map(\.description) } == [other])
        #expect(await hub.get("logins/\(other)", method: .delete, bearer: second.access).status == 404)
        #expect(await hub.post("refresh", ["refresh_token": owner.refresh]).status == 401)
        #expect(await hub.get("logins", bearer: owner.access).status == 401)
        await hub.close()
    }

    @Test func anothersSignInIsNotThere() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let bob = await hub.accept(try await hub.invite(owner.access))
        let list = try #require(await hub.get("logins", bearer: owner.access).json["logins"]?.list)
        let id = try #require(list.first?["id"]?.text)
        for foreign in [id, "01900000-0000-7000-8000-000000000000", "x", ""] {
            let answer = await hub.get("logins/\(foreign)", method: .delete, bearer: bob.access)
            #expect(answer.slug == "not_found")
        }
        #expect(await hub.post("refresh", ["refresh_token": owner.refresh]).status == 200)
        await hub.close()
    }

    @Test(arguments: ["", "Basic YTpi", "Bearer", "Bearer ", "Bearer  x", "Bearer x y", "bearer x", "x"])
    func bearersNeedAToken(_ header: String) async throws {
        let (hub, _) = try await Hub.withOwner()
        let answer = await hub.send(
            HTTPRequest(
                method: .get, path: "/api/v1/logins", headers: [HTTPHeader("authorization", header)]))
        #expect(answer.slug == "unauthenticated")
        #expect(answer.header("WWW-Authenticate") == "Bearer")
        await hub.close()
    }

    @Test func anExpiredTokenSaysSo() async throws {
        let (hub, owner) = try await Hub.withOwner()
        hub.clock.advance(milliseconds: 900_000)
        #expect(await hub.get("logins", bearer: owner.access).slug == "token_expired")
        await hub.close()
    }
}

@Suite struct SwitchTests {
    @Test func withoutMembershipTheSessionSurvives() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let answer = await hub.post(
            "switch",
            [
                "refresh_token": owner.refresh, "organisation": "01900000-0000-7000-8000-000000000000",
            ])
        #expect(answer.slug == "forbidden")
        #expect(!answer.refresh.isEmpty, "the token was used: here is its successor")
        #expect(await hub.post("refresh", ["refresh_token": answer.refresh]).status == 200)
        let cookie = try #require(await hub.signIn(more: ["cookie": true]).cookie)
        let browser = await hub.post(
            "switch", ["organisation": "01900000-0000-7000-8000-000000000000"], cookie: cookie, origin: ownOrigin)
        #expect(browser.slug == "forbidden")
        #expect(browser.refresh.isEmpty)
        #expect(await hub.post("refresh", [:], cookie: browser.cookie, origin: ownOrigin).status == 200)
        await hub.close()
    }

    @Test func theOldSignInEndsAndANewOneBegins() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let home = try #require(owner.text("organisation", "id"))
        let answer = await hub.post("switch", ["refresh_token": owner.refresh, "organisation": home])
        #expect(answer.status == 200)
        #expect(answer.text("organisation", "id") == home)
        #expect(hub.witness.revoked.withLock { $0.count } == 1)
        #expect(await hub.get("logins", bearer: owner.access).status == 401)
        #expect(await hub.post("refresh", ["refresh_token": answer.refresh]).status == 200)
        await hub.close()
    }

    @Test func aSpentTokenDoesNotSwitch() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let home = try #require(owner.text("organisation", "id"))
        let successor = await hub.post("refresh", ["refresh_token": owner.refresh])
        _ = await hub.post("refresh", ["refresh_token": successor.refresh])
        #expect(await hub.post("switch", ["refresh_token": owner.refresh, "organisation": home]).slug == "conflict")
        await hub.close()
    }
}
