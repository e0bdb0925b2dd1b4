// Somebody who was removed from an organisation gets nothing for it any more, by whatever way, until an
// invitation brings them back.

@testable import Identity
import Model
import Ports
import Store
import Testing

@Suite struct RemovalTests {
    @Test func whoWasRemovedStaysOutUntilInvited() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let home = try #require(owner.text("organisation", "id"))
        let organisation = try #require(OrganisationID(home))
        let joined = await hub.accept(try await hub.invite(owner.access, ["role": "ADMIN"]))
        let reusable = try await hub.invite(owner.access, ["role": "MEMBER", "uses": 5])
        let own = try await hub.invite(joined.access)
        let bob = try #require(joined.text("account", "id").flatMap { AccountID($0) })
        let ada = try #require(owner.text("account", "id").flatMap { AccountID($0) })
        let outcome = try await hub.store.removePerson(organisation, bob, by: ada, at: hub.clock.now())
        #expect(outcome == .done(nil))

        #expect(await hub.post("refresh", ["refresh_token": joined.refresh]).slug == "unauthenticated")
        #expect(await hub.get("logins", bearer: joined.access).slug == "unauthenticated")
        #expect(await hub.post("invitations", ["role": "MEMBER"], bearer: joined.access).slug == "unauthenticated")
        #expect(await hub.signIn("bob@example.org", "bob long phrase").slug == "forbidden")
        let more: Form = ["organisation": home]
        #expect(await hub.signIn("bob@example.org", "bob long phrase", more: more).slug == "forbidden")
        #expect(await hub.accept(own).slug == "link_invalid", "its own invitations ended")

        let back = await hub.accept(reusable)
        #expect(back.status == 201)
        #expect(back.text("role") == "MEMBER")
        #expect(back.text("account", "id") == bob.description)
        #expect(hub.witness.joined.withLock { $0.map(\.role) } == [.admin, .member])
        #expect(await hub.post("refresh", ["refresh_token": joined.refresh]).slug == "unauthenticated")
        #expect(await hub.post("refresh", ["refresh_token": back.refresh]).status == 200)
        await hub.close()
    }

    /// A sign-in that came into being while its account was removed is worth nothing.
    @Test func aSignInThatMetTheRemovalIsNone() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let organisation = try #require(owner.text("organisation", "id").flatMap { OrganisationID($0) })
        let joined = await hub.accept(try await hub.invite(owner.access))
        let bob = try #require(joined.text("account", "id").flatMap { AccountID($0) })
        let account = try #require(try await hub.store.account(bob))
        let membership = try #require(try await hub.store.memberships(of: bob).first)
        _ = try await hub.store.removePerson(organisation, bob, by: bob, at: hub.clock.now())
        let late = try await hub.accounts.signIn(
            account, membership, [membership], .body, from: Origin(address: "", userAgent: ""))
        let refresh = try #require(late.refreshToken).reveal
        #expect(await hub.get("logins", bearer: late.accessToken.reveal).slug == "unauthenticated")
        #expect(await hub.post("refresh", ["refresh_token": refresh]).slug == "unauthenticated")
        await hub.close()
    }
}
