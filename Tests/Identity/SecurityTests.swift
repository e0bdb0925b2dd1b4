// What operators see of security, what links and answers give away, and who is locked out by whom.

import Crypto
import Identity
import Model
import Ports
import Store
import Testing
import Wire

@Suite struct SecurityLogTests {
    private func count(_ hub: Hub, _ name: String, _ labels: String) -> UInt64? {
        hub.metrics.entries.compactMap { entry in
            if case .counter(let counter) = entry, counter.name == name, counter.labels == labels { counter.current }
            else { nil }
        }.first
    }

    private func lines(_ hub: Hub, _ text: String) -> [Line] {
        hub.witness.lines.withLock { $0.filter { $0.text == text } }
    }

    @Test func eachEventIsCountedAndSaid() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let account = try #require(owner.text("account", "id"))
        #expect(lines(hub, "organisation set up").first?["account"] == account)
        #expect(lines(hub, "signed in").first?["peer"] == "192.0.2.1")

        for _ in 0..<6 { _ = await hub.signIn("ada@example.org", "wrong phrase", from: "198.51.100.7") }
        #expect(lines(hub, "sign-in refused").count == 5)
        #expect(lines(hub, "sign-in refused").first?["peer"] == "198.51.100.7")
        #expect(lines(hub, "sign-in refused").first?["account"] == account)
        #expect(lines(hub, "sign-in locked out").count == 1)
        #expect(count(hub, "hub_sign_ins_total", #"result="bad_credentials""#) == 5)
        #expect(count(hub, "hub_sign_ins_total", #"result="locked_out""#) == 1)

        let link = try await hub.invite(owner.access)
        _ = await hub.accept(link)
        _ = await hub.post("invitations/look-up", ["token": "nonsense"])
        #expect(lines(hub, "invitation made").count == 1)
        #expect(lines(hub, "invitation used").count == 1)
        #expect(lines(hub, "invitation refused").count == 1)

        _ = await hub.get("logins", bearer: "forged")
        #expect(lines(hub, "access token refused").count == 1)
        #expect(count(hub, "hub_tokens_refused_total", #"reason="forged""#) == 1)
        _ = await hub.post("sign-in", [:], origin: "https://evil.example")
        #expect(lines(hub, "origin refused").count == 1)

        let successor = await hub.post("refresh", ["refresh_token": owner.refresh]).refresh
        _ = await hub.post("refresh", ["refresh_token": owner.refresh])
        _ = await hub.post("refresh", ["refresh_token": successor])
        _ = await hub.post("refresh", ["refresh_token": owner.refresh])
        hub.clock.advance(milliseconds: 10_001)
        _ = await hub.post("refresh", ["refresh_token": owner.refresh])
        for result in ["repeated", "late", "reused"] {
            #expect(count(hub, "hub_refreshes_total", "result=\"\(result)\"") == 1, "\(result)")
        }
        #expect(lines(hub, "refresh token reused, sign-in ended").first?["account"] == account)

        let again = await hub.signIn(from: "203.0.113.1")
        _ = await hub.post("sign-out", ["refresh_token": again.refresh])
        #expect(lines(hub, "signed out").count == 1)
        await hub.close()
    }

    /// Nothing that a person could be known by but ids and, where allowed, addresses of the network.
    @Test func linesHoldNothingPrivate() async throws {
        let (hub, owner) = try await Hub.withOwner()
        _ = await hub.signIn("ada@example.org", "wrong phrase", from: "\"}{evil")
        _ = await hub.accept(try await hub.invite(owner.access))
        let all = hub.witness.lines.withLock { "\($0)" }
        for secret in ["example.org", "phrase", "Ada", "Lovelace", "Bob", owner.refresh, owner.access, "evil"] {
            #expect(!all.contains(secret), "\(secret)")
        }
        await hub.close()
    }

    /// Who tries without end fills counters and no disk, and hides no other kind of line.
    @Test func linesOfOneKindAreBounded() {
        let clock = HandClock()
        let (lines, metrics) = (Lock<[Line]>([]), Metrics())
        let log = SecurityLog(
            Log(threshold: .debug) { _, text, fields in
                lines.withLock { $0.append(Line(text: "\(text)", fields: fields)) }
            }, metrics, clocks: clock, showsAddresses: false)
        for _ in 0..<10_000 { log.note(.badCredentials, from: "192.0.2.1") }
        #expect(lines.withLock { $0.count } == 50)
        #expect(lines.withLock { $0[0]["peer"] } == nil, "the configuration forbids it")
        log.note(.refreshReused)
        #expect(lines.withLock { $0.count } == 51)
        clock.step(milliseconds: 86_400_000)
        log.note(.badCredentials)
        #expect(lines.withLock { $0.count } == 51, "a clock that is set gives no lines")
        clock.advance(milliseconds: 1_000)
        for _ in 0..<100 { log.note(.badCredentials) }
        #expect(lines.withLock { $0.count } == 56, "five a second")
        #expect(lines.withLock { $0[51]["lines_left_out"] } == "9951")
    }
}

@Suite struct LockOutTests {
    /// An attacker at other addresses, or behind the same one, does not keep out whom it is about.
    @Test func theVictimGetsIn() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let browser = await hub.post(
            "sign-in", ["email": "ada@example.org", "password": "ada long phrase", "cookie": true], from: "192.0.2.1")
        #expect(browser.cookies.count == 2)
        let device = try #require(browser.cookies.first { $0.contains("hub_device=") })
        let program = try #require(owner.text("device"))
        // A hundred networks guess until none of them may any more.
        for network in 0..<100 { _ = await hub.signIn("ada@example.org", "wrong", from: "198.51.\(network).7") }
        #expect(await hub.signIn(from: "203.0.113.5").status == 429, "a stranger waits")
        #expect(await hub.signIn(from: "192.0.2.99").status == 429)
        #expect(await hub.signIn(from: "192.0.2.1").status == 200, "the network that the account is signed in from")
        let form: Form = ["email": "ada@example.org", "password": "ada long phrase"]
        #expect(await hub.post("sign-in", form, cookie: device, from: "203.0.113.5").status == 200, "a known device")
        #expect(await hub.signIn(more: ["device": program], from: "203.0.113.6").status == 200)
        // It is of this account alone, and made by this installation alone.
        let other: Form = ["email": "bob@example.org", "password": "x"]
        var statuses: [Int] = []
        for _ in 0..<12 {
            statuses.append(await hub.post("sign-in", other, cookie: device, from: "203.0.113.7").status)
        }
        #expect(statuses.count { $0 == 401 } == 5)
        #expect(await hub.post("sign-in", form, cookie: device + "A", from: "203.0.113.9").status == 429)
        await hub.close()
    }

    /// Thirty tries for invented addresses behind an address that many share.
    @Test func aSharedAddressIsNotLocked() async throws {
        let (hub, _) = try await Hub.withOwner()
        for number in 0..<40 { _ = await hub.signIn("user\(number)@example.org", "wrong phrase") }
        #expect(await hub.signIn("user99@example.org", "wrong phrase").status == 429)
        #expect(await hub.signIn().status == 200, "it is signed in from there")
        await hub.close()
    }

    @Test func aDeviceThatGuessesIsLimitedToo() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let device = try #require(owner.text("device"))
        let statuses = await withTaskGroup(of: Int.self) { group in
            for number in 0..<20 {
                group.addTask {
                    await hub.signIn(
                        "ada@example.org", "guess \(number)", more: ["device": device],
                        from: "198.51.100.\(number)"
                    ).status
                }
            }
            return await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.count { $0 == 401 } == 5)
        await hub.close()
    }
}

@Suite struct InvitationOracleTests {
    /// The same form for an address with an account and for one without gets the same answers, try by try.
    @Test(arguments: [
        ["password": "x"], ["password": "password123"], ["password": "a wrong long phrase", "first_name": ""],
        ["password": "a wrong long phrase", "last_name": "\u{0}"],
    ] as [[String: String]])
    func answersDoNotTellWhoHasAnAccount(_ fields: [String: String]) async throws {
        let more = fields.mapValues { $0 as any FormValue }
        let (hub, owner) = try await Hub.withOwner()
        let link = try await hub.invite(owner.access, ["role": "MEMBER", "uses": 100])
        var answers: [[String]] = []
        for email in ["ada@example.org", "nobody@example.org"] {
            var seen: [String] = []
            for _ in 0..<8 {
                let answer = await hub.accept(link, email, more: more, from: "198.51.100.7")
                seen.append("\(answer.status) \(answer.json["error"]?["message"]?.text ?? "")")
            }
            answers.append(seen)
        }
        #expect(answers[0] == answers[1])
        await hub.close()
    }

    @Test func oneIsListedAndWithdrawn() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let link = try await hub.invite(owner.access, ["role": "MEMBER", "uses": 2])
        let admin = await hub.accept(
            try await hub.invite(owner.access, ["role": "ADMIN"]), "admin@example.org", "admin long phrase")
        let owners = try await hub.invite(owner.access, ["role": "OWNER"])
        let member = await hub.accept(link)
        #expect(await hub.get("invitations", bearer: member.access).status == 403)
        let list = try #require(await hub.get("invitations", bearer: admin.access).json["invitations"]?.list)
        #expect(Set(list.map { $0["role"]?.text }) == ["OWNER", "MEMBER"])
        #expect(list.allSatisfy { $0["token"] == nil && $0["uses_left"]?.int == 1 })
        let ids = Dictionary(uniqueKeysWithValues: list.map { ($0["role"]?.text ?? "", $0["id"]?.text ?? "") })
        func withdraw(_ role: String, _ bearer: String) async -> Int {
            await hub.get("invitations/\(ids[role] ?? "")", method: .delete, bearer: bearer).status
        }
        #expect(await withdraw("MEMBER", member.access) == 403)
        #expect(await withdraw("OWNER", admin.access) == 403, "an admin could not have made it")
        #expect(await withdraw("MEMBER", admin.access) == 204)
        #expect(await withdraw("MEMBER", admin.access) == 404)
        #expect(await withdraw("OWNER", owner.access) == 204)
        for token in [link, owners] {
            #expect(await hub.post("invitations/look-up", ["token": token]).status == 410)
            #expect(await hub.accept(token, "eve@example.org", "eve long phrase").status == 410)
        }
        #expect(await hub.get("invitations", bearer: owner.access).json["invitations"]?.list?.isEmpty ?? true)
        await hub.close()
    }
}

@Suite struct OldSignInTests {
    @Test func whatIsOverForAWeekIsForgotten() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let first = try hub.tokens.verify(AccessToken(owner.access), at: hub.clock.now())
        func stands() async throws -> Bool { try await hub.store.login(first.organisation, first.login) != nil }
        _ = await hub.post("sign-out", ["refresh_token": owner.refresh])
        hub.clock.advance(milliseconds: 7 * 86_400_000)
        let second = await hub.signIn()
        #expect(try await stands(), "a week to the millisecond")
        hub.clock.advance(milliseconds: 1)
        let third = await hub.signIn()
        #expect(try await !stands())
        // Those that can still be refreshed stay, whatever their age.
        for token in [second.refresh, third.refresh] {
            #expect(await hub.post("refresh", ["refresh_token": token]).status == 200)
        }
        await hub.close()
    }
}
