// Changing one's password and name, resets by a link, and what each of them ends.

@testable import Identity
import Model
import Ports
import Store
import Testing
import Wire

@Suite struct PasswordTests {
    private func change(_ hub: Hub, _ bearer: String, _ old: String, _ new: String) async -> Answer {
        await hub.post("account/password", ["password": old, "new_password": new], bearer: bearer)
    }

    @Test func aNewPasswordEndsTheOtherSignIns() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let other = await hub.signIn()
        #expect(await change(hub, owner.access, "ada long phrase", "another long phrase").status == 204)
        #expect(await hub.signIn().slug == "bad_credentials")
        #expect(await hub.signIn("ada@example.org", "another long phrase").status == 200)
        #expect(await hub.post("refresh", ["refresh_token": other.refresh]).slug == "unauthenticated")
        #expect(await hub.get("logins", bearer: other.access).slug == "unauthenticated")
        #expect(await hub.post("refresh", ["refresh_token": owner.refresh]).status == 200, "one's own stays")
        let ended = try hub.tokens.verify(AccessToken(other.access), at: hub.clock.now()).login
        #expect(hub.witness.revoked.withLock { $0 } == [ended])
        await hub.close()
    }

    @Test(arguments: [
        ("not the password", "another long phrase", "password"), ("ada long phrase", "short", "new_password"),
        ("ada long phrase", "12345678", "new_password"), ("ada long phrase", "ada@example.org", "new_password"),
        ("", "another long phrase", "password"), ("ada long phrase", "", "new_password"),
    ]) func whatIsWrongNamesItsField(_ old: String, _ new: String, _ field: String) async throws {
        let (hub, owner) = try await Hub.withOwner()
        let answer = await change(hub, owner.access, old, new)
        #expect(answer.status == 400)
        #expect(answer.json["error"]?["details"]?.list?.first?["value"]?.text == field)
        #expect(await hub.signIn().status == 200)
        await hub.close()
    }

    @Test func guessesCountAsWhenSigningIn() async throws {
        let (hub, owner) = try await Hub.withOwner()
        for _ in 0..<5 { _ = await change(hub, owner.access, "wrong phrase", "another long phrase") }
        #expect(await change(hub, owner.access, "ada long phrase", "another long phrase").slug == "rate_limited")
        #expect(await hub.post("account/password", ["password": "x"]).slug == "unauthenticated")
        await hub.close()
    }

    @Test func aNewNameReachesEverybody() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let renamed = await hub.post(
            "account/name", ["first_name": " Ada ", "last_name": "King"], bearer: owner.access)
        #expect(renamed.status == 200)
        #expect(renamed.text("first_name") == "Ada")
        #expect(renamed.text("last_name") == "King")
        #expect(hub.witness.joined.withLock { $0.map(\.lastName) } == ["King"])
        #expect(await hub.signIn().text("account", "last_name") == "King")
        // People have one name or two.
        let single = await hub.post("account/name", ["first_name": "Madonna"], bearer: owner.access)
        #expect(single.status == 200)
        #expect(single.text("last_name") ?? "" == "")
        for bad in ["", "  ", "a\u{7}b", String(repeating: "x", count: 81)] {
            let answer = await hub.post("account/name", ["first_name": bad], bearer: owner.access)
            #expect(answer.slug == "invalid_argument")
        }
        #expect(await hub.post("account/name", ["first_name": "Eve"]).slug == "unauthenticated")
        await hub.close()
    }

    @Test func somebodyWithOneNameJoins() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let token = try await hub.invite(owner.access)
        let joined = await hub.post("invitations/accept", [
            "token": token, "email": "suharto@example.org", "password": "one quiet otter", "first_name": "Suharto",
        ])
        #expect(joined.status == 201)
        #expect(joined.text("account", "first_name") == "Suharto")
        await hub.close()
    }

    @Test func aSetUpLinkIsLookedAtBeforeItsFormIsFilledIn() async throws {
        let hub = try await Hub()
        let token = try #require(try await hub.accounts.issueSetUpToken()).reveal
        #expect(await hub.post("setup/look-up", ["token": token]).status == 204)
        #expect(await hub.post("setup/look-up", ["token": "x"]).slug == "link_invalid")
        #expect(await hub.post("setup/look-up", ["token": token]).status == 204, "looking uses nothing up")
        await hub.close()
    }
}

@Suite struct PasswordResetTests {
    /// A hub with Ada, who owns it, and Bob.
    private func office(_ role: String = "MEMBER") async throws -> (hub: Hub, ada: Answer, bob: Answer) {
        let (hub, ada) = try await Hub.withOwner()
        return (hub, ada, await hub.accept(try await hub.invite(ada.access, ["role": role])))
    }

    private func make(_ hub: Hub, _ bearer: String, _ account: String?) async -> Answer {
        await hub.post("password-resets", ["account": account ?? ""], bearer: bearer)
    }

    @Test func aLinkGivesANewPasswordOnce() async throws {
        let (hub, ada, bob) = try await office()
        let made = await make(hub, ada.access, bob.text("account", "id"))
        #expect(made.status == 201)
        let token = try #require(made.text("token"))
        #expect(made.text("link") == "https://hub.example.org/#reset=\(token)")
        #expect(made.text("expires_at_ms") == String(1_800_000_000_000 + 86_400_000))
        let facts = await hub.post("password-resets/look-up", ["token": token])
        #expect(facts.text("account", "email") == "bob@example.org")
        // A password that may not be uses nothing up.
        let bad = await hub.post("password-resets/use", ["token": token, "password": "bob@example.org"])
        #expect(bad.slug == "invalid_argument")
        let used = await hub.post("password-resets/use", ["token": token, "password": "fresh long phrase"])
        #expect(used.status == 200)
        #expect(used.text("account", "email") == "bob@example.org")
        #expect(await hub.signIn("bob@example.org", "bob long phrase").slug == "bad_credentials")
        #expect(await hub.signIn("bob@example.org", "fresh long phrase").status == 200)
        #expect(await hub.post("refresh", ["refresh_token": bob.refresh]).slug == "unauthenticated")
        #expect(await hub.post("refresh", ["refresh_token": used.refresh]).status == 200)
        #expect(await hub.post("refresh", ["refresh_token": ada.refresh]).status == 200)
        for path in ["look-up", "use"] {
            let again = await hub.post(
                "password-resets/\(path)", ["token": token, "password": "third long phrase"])
            #expect(again.slug == "link_invalid")
        }
        await hub.close()
    }

    @Test func ofManyAtOnceOneIsUsed() async throws {
        let (hub, ada, bob) = try await office()
        let token = try #require(await make(hub, ada.access, bob.text("account", "id")).text("token"))
        let statuses = await withTaskGroup(of: Int.self) { group in
            for number in 0..<12 {
                group.addTask {
                    await hub.post("password-resets/use", [
                        "token": token, "password": "a long phrase \(number)",
                    ]).status
                }
            }
            return await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.count { $0 == 200 } == 1)
        #expect(statuses.count { $0 == 410 } == 11)
        await hub.close()
    }

    @Test func onlyTheNewestCountsAndForADay() async throws {
        let (hub, ada, bob) = try await office()
        let bobs = bob.text("account", "id")
        let old = try #require(await make(hub, ada.access, bobs).text("token"))
        let new = try #require(await make(hub, ada.access, bobs).text("token"))
        #expect(await hub.post("password-resets/look-up", ["token": old]).slug == "link_invalid")
        hub.clock.advance(milliseconds: 86_399_999)
        #expect(await hub.post("password-resets/look-up", ["token": new]).status == 200)
        hub.clock.advance(milliseconds: 1)
        #expect(await hub.post("password-resets/look-up", ["token": new]).slug == "link_invalid")
        #expect(await hub.post("password-resets/use", [
            "token": new, "password": "fresh long phrase",
        ]).slug == "link_invalid")
        await hub.close()
    }

    /// A password that its owner changes takes a link away that was made for it.
    @Test func anOwnChangeEndsTheLink() async throws {
        let (hub, ada, bob) = try await office()
        let token = try #require(await make(hub, ada.access, bob.text("account", "id")).text("token"))
        #expect(await hub.post("account/password", [
            "password": "bob long phrase", "new_password": "fresh long phrase",
        ], bearer: bob.access).status == 204)
        #expect(await hub.post("password-resets/look-up", ["token": token]).slug == "link_invalid")
        await hub.close()
    }

    @Test func whoMayMakeOne() async throws {
        let (hub, ada, bob) = try await office("ADMIN")
        let carl = await hub.accept(try await hub.invite(ada.access), "carl@example.org", "carl long phrase")
        let ids = [ada, bob, carl].map { $0.text("account", "id") }
        let expected: [(Answer, [Int])] = [(ada, [201, 201, 201]), (bob, [403, 201, 201]), (carl, [403, 403, 403])]
        for (maker, statuses) in expected {
            for (account, status) in zip(ids, statuses) {
                #expect(await make(hub, maker.access, account).status == status)
            }
        }
        #expect(await make(hub, ada.access, "01900000-0000-7000-8000-000000000000").slug == "not_found")
        #expect(await make(hub, ada.access, "x").slug == "invalid_argument")
        #expect(await make(hub, "", ids[2]).slug == "unauthenticated")
        await hub.close()
    }

    /// Links end with the right to make them.
    @Test(arguments: [true, false]) func aLinkEndsWithItsMaker(_ isRemoved: Bool) async throws {
        let (hub, ada, bob) = try await office("ADMIN")
        let carl = await hub.accept(try await hub.invite(ada.access), "carl@example.org", "carl long phrase")
        let token = try #require(await make(hub, bob.access, carl.text("account", "id")).text("token"))
        let organisation = try #require(ada.text("organisation", "id").flatMap { OrganisationID($0) })
        let maker = try #require(bob.text("account", "id").flatMap { AccountID($0) })
        let owner = try #require(ada.text("account", "id").flatMap { AccountID($0) })
        if isRemoved {
            _ = try await hub.store.removePerson(organisation, maker, by: owner, at: hub.clock.now())
        } else {
            _ = try await hub.store.changeRole(organisation, maker, to: .member, by: owner, at: hub.clock.now())
        }
        #expect(await hub.post("password-resets/use", [
            "token": token, "password": "fresh long phrase",
        ]).slug == "link_invalid")
        #expect(await hub.signIn("carl@example.org", "carl long phrase").status == 200)
        await hub.close()
    }

    @Test func theOperatorsLinkNeedsNoMaker() async throws {
        let (hub, _) = try await Hub.withOwner()
        #expect(try await hub.accounts.makeReset(of: EmailAddress("nobody@example.org")) == nil)
        let link = try #require(try await hub.accounts.makeReset(of: EmailAddress("ada@example.org")))
        let token = try #require(link.split(separator: "=").last.map(String.init))
        #expect(await hub.post("password-resets/use", [
            "token": token, "password": "fresh long phrase",
        ]).status == 200)
        #expect(await hub.signIn("ada@example.org", "fresh long phrase").status == 200)
        await hub.close()
    }
}

@Suite struct PeopleLookUpTests {
    @Test func whoLeftKeepsTheirName() async throws {
        let (hub, ada) = try await Hub.withOwner()
        let bob = await hub.accept(try await hub.invite(ada.access))
        let organisation = try #require(ada.text("organisation", "id").flatMap { OrganisationID($0) })
        let ids = try [ada, bob].map { try #require($0.text("account", "id")) }
        let accounts = try ids.map { try #require(AccountID($0)) }
        _ = try await hub.store.removePerson(organisation, accounts[1], by: accounts[0], at: hub.clock.now())
        let stranger = JSON.text("01900000-0000-7000-8000-000000000000")
        let answer = await hub.post(
            "people/look-up", ["accounts": JSON.list(ids.map(JSON.text) + [stranger])], bearer: ada.access)
        #expect(answer.status == 200)
        let people = try #require(answer.json["people"]?.list)
        let named = Dictionary(uniqueKeysWithValues: people.map { ($0["account"]?.text ?? "", $0) })
        #expect(Set(named.keys) == Set(ids))
        #expect(named[ids[1]]?["last_name"]?.text == "Babbage")
        #expect(named[ids[1]]?["former"]?.bool == true)
        #expect(named[ids[0]]?["former"]?.bool != true)
        let gone = await hub.post("people/look-up", ["accounts": JSON.list([])], bearer: bob.access)
        #expect(gone.slug == "unauthenticated")
        await hub.close()
    }

    @Test func atMostFifty() async throws {
        let (hub, ada) = try await Hub.withOwner()
        let id = JSON.text(try #require(ada.text("account", "id")))
        for (count, status) in [(0, 200), (50, 200), (51, 400)] {
            let ids = JSON.list(Array(repeating: id, count: count))
            #expect(await hub.post("people/look-up", ["accounts": ids], bearer: ada.access).status == status)
        }
        let odd = await hub.post("people/look-up", ["accounts": JSON.list([.text("x")])], bearer: ada.access)
        #expect(odd.status == 400)
        await hub.close()
    }
}

@Suite struct OwnAddressTests {
    private func signIn(_ hub: Hub, _ headers: [HTTPHeader], isSecure: Bool = false) async -> Answer {
        let json: Form = ["email": "ada@example.org", "password": "ada long phrase", "cookie": true]
        var request = HTTPRequest(
            method: .post, path: "/api/v1/sign-in",
            headers: [HTTPHeader("content-type", "application/json")] + headers,
            body: Array(JSON.object(json.mapValues(\.json)).written.utf8), peerAddress: "192.0.2.1")
        request.isSecure = isSecure
        return await hub.send(request)
    }

    /// The hub is opened by another name than the one that it knows of itself.
    @Test(arguments: [
        ("http://machine:8080", "machine:8080", false, 200), ("http://10.0.0.7:8080", "10.0.0.7:8080", false, 200),
        ("https://machine", "machine", true, 200), ("http://evil.example", "machine:8080", false, 403),
        ("https://machine", "machine", false, 403), ("http://machine", "machine:8080", false, 403),
        ("http://127.0.0.1:8080", "machine:8080", false, 200),
    ]) func itsOwnAddressMaySignIn(_ origin: String, _ host: String, _ isSecure: Bool, _ status: Int) async throws {
        let (hub, _) = try await Hub.withOwner(origin: "http://127.0.0.1:8080")
        let answer = await signIn(
            hub, [HTTPHeader("origin", origin), HTTPHeader("host", host)], isSecure: isSecure)
        #expect(answer.status == status)
        let refused = hub.witness.lines.withLock { $0.count { $0.text.contains("origin refused") } }
        #expect(refused == (status == 403 ? 1 : 0))
        if status == 403 {
            #expect(answer.text("error", "message")?.contains("http://127.0.0.1:8080") == true)
            let detail = answer.json["error"]?["details"]?.list?.first
            #expect(detail?["name"]?.text == "public_url")
            #expect(detail?["value"]?.text == "http://127.0.0.1:8080")
        }
        await hub.close()
    }

    /// Where the public address has https, a page that came without would lose its cookie.
    @Test func aPublicAddressWithTLSIsNotReachedWithout() async throws {
        let (hub, _) = try await Hub.withOwner()
        let headers = [HTTPHeader("origin", "http://machine"), HTTPHeader("host", "machine")]
        #expect(await signIn(hub, headers).status == 403)
        let secure = [HTTPHeader("origin", "https://machine"), HTTPHeader("host", "machine")]
        #expect(await signIn(hub, secure, isSecure: true).status == 200)
        await hub.close()
    }

    /// Nobody configured an address: cookies and links are made for the way that people came.
    @Test(arguments: [false, true]) func aDerivedAddressFollowsTheRequest(_ isSecure: Bool) async throws {
        let (hub, owner) = try await Hub.withOwner(origin: "https://127.0.0.1:8443") { $0.isOriginDerived = true }
        let origin = isSecure ? "https://machine" : "http://machine"
        let headers = [HTTPHeader("origin", origin), HTTPHeader("host", "machine")]
        let answer = await signIn(hub, headers, isSecure: isSecure)
        #expect(answer.status == 200)
        #expect(answer.cookie?.hasPrefix(isSecure ? "__Host-hub_refresh=" : "hub_refresh=") == true)
        var request = HTTPRequest(
            method: .post, path: "/api/v1/invitations",
            headers: headers + [HTTPHeader("content-type", "application/json"),
                                HTTPHeader("authorization", "Bearer \(owner.access)")],
            body: Array(#"{"role":"MEMBER"}"#.utf8))
        request.isSecure = isSecure
        let made = await hub.send(request)
        #expect(made.text("link")?.hasPrefix("\(origin)/#invite=") == true)
        request.headers.removeAll { $0.name == "origin" }
        #expect(await hub.send(request).text("link")?.hasPrefix("https://127.0.0.1:8443/#invite=") == true)
        await hub.close()
    }
}
