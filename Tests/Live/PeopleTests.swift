// Changing roles and removing people: who may, what becomes of sessions that are open or opening, and of
// the channels in memory.

import Live
import Model
import Ports
import Simulation
import Testing

/// Alice owns the organisation, Bob is an admin, Eve a member.
private func office() -> World {
    let world = world()
    world.store.setRole(alice, .owner, in: acme)
    world.store.setRole(bob, .admin, in: acme)
    return world
}

private func owner(_ world: World) -> Client { Client(world, as: alice, role: .owner) }

private func give(_ role: Role, to account: AccountID) -> Command {
    .changeRole(ChangeRole(account: account, role: role))
}

private func remove(_ account: AccountID) -> Command { .removePerson(RemovePerson(account: account)) }

private func role(_ world: World, _ account: AccountID) -> Role? {
    world.store.members[acme]?.first { $0.account == account }?.role
}

private func told(_ client: Client, _ body: ServerBody) -> Bool { client.frames.contains { $0.body == body } }

private func gone(_ account: AccountID) -> ServerBody { .personRemoved(PersonRemoved(account: account)) }

@Suite struct SecurityLineTests {
    /// Said once for each change that was made, and not for what was refused.
    @Test func changesOfPeopleAndForgeriesAreSaid() {
        let world = office()
        let changer = owner(world)
        _ = changer.ask(give(.admin, to: eve))
        _ = Client(world, as: bob, role: .admin).ask(give(.owner, to: bob))
        _ = changer.ask(remove(eve))
        _ = changer.ask(remove(alice))
        let stranger = Client(world)
        _ = stranger.ask(.hello(Hello(token: AccessToken("forged"))))
        _ = changer.ask(.refresh(Refresh(token: AccessToken("forged"))))
        #expect(world.securityLines.withLock { $0 } == [
            "role changed", "person removed", "access token refused", "access token refused",
        ])
    }
}

@Suite struct RoleTests {
    @Test func anotherRoleIsToldAndEndsTheSessionsThatHaveTheOld() {
        let world = office()
        let changer = owner(world)
        let changed = [Client(world, as: eve), Client(world, as: eve, front: 1)]
        let elsewhere = Client(world, as: eve, of: rival)
        #expect(changer.ask(give(.admin, to: eve)) == .done(Done()))
        #expect(role(world, eve) == .admin)
        let person = Person(account: eve, firstName: "P", lastName: "3", role: .admin)
        for client in [changer] + changed {
            #expect(told(client, .personChanged(PersonChanged(person: person))))
        }
        #expect(changed.allSatisfy { $0.closeCode == .roleChanged })
        #expect(changer.closeCode == nil && elsewhere.closeCode == nil)
        #expect(world.metrics.sessions.current == 2)
        _ = Client(world, as: eve, role: .admin)
        let old = Client(world)
        old.ask(.hello(Hello(token: PlainVerifier.token(eve, acme, .member))))
        #expect(old.closeCode == .roleChanged)
    }

    @Test(arguments: [
        (bob, Role.admin, eve, Role.admin, nil), (bob, .admin, eve, .owner, ErrorCode.forbidden),
        (bob, .admin, alice, .member, .forbidden), (bob, .admin, bob, .member, nil),
        (eve, .member, eve, .admin, .forbidden), (eve, .member, bob, .member, .forbidden),
        (alice, .owner, bob, .owner, nil), (alice, .owner, alice, .admin, .conflict),
        (alice, .owner, AccountID(high: 1, low: 99), .admin, .notFound),
    ] as [(AccountID, Role, AccountID, Role, ErrorCode?)])
    func whoMayGiveWhatToWhom(actor: AccountID, has: Role, subject: AccountID, gets: Role, code: ErrorCode?) {
        let world = office()
        let before = role(world, subject)
        let reply = Client(world, as: actor, role: has).ask(give(gets, to: subject))
        #expect(error(reply) == code)
        #expect(reply == .done(Done()) || code != nil)
        #expect(role(world, subject) == (code == nil ? gets : before))
    }

    /// Another node took the role away; here it is not known yet.
    @Test func theStoreDecidesOnceMore() {
        let world = office()
        let stale = Client(world, as: bob, role: .admin)
        world.store.setRole(bob, .member, in: acme)
        #expect(error(stale.ask(give(.admin, to: eve))) == .forbidden)
        #expect(error(stale.ask(remove(eve))) == .forbidden)
        #expect(role(world, eve) == .member)
        let last = owner(world)
        world.store.setRole(bob, .owner, in: acme)
        #expect(last.ask(give(.member, to: alice)) == .done(Done()), "there is another owner")
        #expect(last.closeCode == .roleChanged)
    }

    @Test func aSessionThatIsOpeningIsNotWelcomedWithTheOldRole() {
        let world = office()
        let changer = owner(world)
        world.store.holdsReads = true
        let late = Client(world)
        let hello = late.send(.hello(Hello(token: PlainVerifier.token(eve, acme))))
        world.settle()
        _ = changer.ask(give(.admin, to: eve))
        world.store.releaseReads()
        world.settle()
        #expect(error(late.reply(to: hello)) == .tokenExpired)
        #expect(late.frames.filter { $0.id == hello }.count == 1)
        #expect(late.closeCode == .roleChanged)
        #expect(world.metrics.sessions.current == 1)
    }

    @Test func changesOfOneOrganisationAreMadeInTheirOrder() {
        let world = office()
        let changer = owner(world)
        let commands = [Role.admin, .owner, .member].map { changer.send(give($0, to: eve)) }
            + [changer.send(remove(eve))]
        world.settle()
        #expect(commands.allSatisfy { changer.reply(to: $0) == .done(Done()) })
        let pushes = changer.frames.compactMap { frame -> Role?? in
            switch frame.body {
            case .personChanged(let it): .some(it.person.role)
            case .personRemoved: .some(nil)
            default: nil
            }
        }
        #expect(pushes == [.admin, .owner, .member, nil])
    }
}

@Suite struct RemovalTests {
    @Test func whoIsRemovedIsInTheDark() {
        let world = office()
        let remover = owner(world)
        let removed = [Client(world, as: eve), Client(world, as: eve, front: 1)]
        let elsewhere = Client(world, as: eve, of: rival)
        _ = removed[0].ask(.join(Join(channel: general)))
        for client in removed { _ = client.ask(subscribe()) }
        #expect(remover.ask(remove(eve)) == .done(Done()))
        let seen = removed.map(\.frames.count)
        _ = remover.post("after")
        _ = remover.ask(.createChannel(CreateChannel(name: "later", kind: .open)))
        world.advance(10_000)
        #expect(removed.map(\.frames.count) == seen)
        #expect(removed.allSatisfy { $0.closeCode == .revoked })
        for client in removed + [remover] { #expect(told(client, gone(eve))) }
        #expect(elsewhere.closeCode == nil && !told(elsewhere, gone(eve)))
        #expect(remover.ask(.listMembers(ListMembers(channel: general)))
            == .memberList(MemberList(channel: general, accounts: [alice, bob])))
        guard case .peopleList(let list) = remover.ask(.listPeople(ListPeople())) else {
            Issue.record("answered by the list")
            return
        }
        #expect(list.people.map(\.account) == [alice, bob])
        let back = Client(world)
        #expect(error(back.ask(.hello(Hello(token: PlainVerifier.token(eve, acme))))) == .forbidden)
        #expect(back.closeCode == .revoked)
        #expect(error(remover.ask(.openDirect(OpenDirect(account: eve)))) == .notFound)
        #expect(error(remover.ask(.addMember(AddMember(channel: general, account: eve)))) == .notFound)
        #expect(remover.ask(remove(eve)) == .done(Done()), "harmless to repeat")
    }

    @Test(arguments: [
        (alice, Role.owner, bob, nil), (bob, .admin, eve, nil), (bob, .admin, alice, ErrorCode.forbidden),
        (eve, .member, bob, .forbidden), (eve, .member, eve, nil), (bob, .admin, bob, nil),
        (alice, .owner, alice, .conflict), (alice, .owner, AccountID(high: 1, low: 99), nil),
    ] as [(AccountID, Role, AccountID, ErrorCode?)])
    func whoMayRemoveWhom(actor: AccountID, has: Role, subject: AccountID, code: ErrorCode?) {
        let world = office()
        let client = Client(world, as: actor, role: has)
        let reply = client.ask(remove(subject))
        #expect(error(reply) == code)
        #expect(reply == .done(Done()) || code != nil)
        #expect((role(world, subject) == nil) == (code == nil))
        // Whoever leaves gets the answer before the end.
        #expect(client.closeCode == (actor == subject && code == nil ? .revoked : nil))
    }

    @Test func aSessionThatIsOpeningIsNotWelcomed() {
        let world = office()
        let remover = owner(world)
        world.store.holdsReads = true
        let late = Client(world)
        let hello = late.send(.hello(Hello(token: PlainVerifier.token(eve, acme))))
        let held = late.send(.post(Post(channel: general, key: "k", text: "x")))
        world.settle()
        _ = remover.ask(remove(eve))
        world.store.releaseReads()
        world.settle()
        #expect(error(late.reply(to: hello)) == .unauthenticated)
        #expect(late.frames.filter { $0.id == hello }.count == 1)
        #expect(late.reply(to: held) == nil)
        #expect(late.closeCode == .revoked)
        #expect(world.metrics.sessions.current == 1)
    }

    @Test func aSignInRevokedWhileItIsLookedUpOpensNothing() {
        let world = office()
        world.store.holdsReads = true
        let late = Client(world)
        let hello = late.send(.hello(Hello(token: PlainVerifier.token(eve, acme))))
        world.settle()
        _ = world.registry.tell(acme, .loginRevoked(LoginID(high: 7, low: eve.low)), isControl: true)
        world.store.releaseReads()
        world.settle()
        #expect(error(late.reply(to: hello)) == .unauthenticated)
        #expect(late.closeCode == .revoked)
        #expect(world.metrics.sessions.current == 0)
    }

    /// What the session still sent, or had sent, when it was being closed.
    @Test func commandsUnderWayChangeNothingAnyMore() {
        let world = office()
        let remover = owner(world)
        let removed = Client(world, as: bob, role: .admin)
        guard case .channel(let direct) = removed.ask(.openDirect(OpenDirect(account: alice))) else {
            Issue.record("answered by the channel")
            return
        }
        _ = removed.post("to you", to: direct.channel.id)
        world.store.members[acme]!.removeAll { $0.account == bob }
        _ = world.registry.tell(acme, .personRemoved(bob), isControl: true)
        let origin = Origin(address: SessionAddress(lane: removed.lane, session: removed.session.id, account: bob),
                            command: 900)
        world.settle(until: { told(remover, gone(bob)) })
        for channel in [general, secret, direct.channel.id] {
            _ = world.registry.tell(acme, channel, .post(origin, Post(channel: channel, key: "k", text: "x")))
        }
        _ = world.registry.tell(acme, .createChannel(origin, CreateChannel(name: "mine", kind: .open)))
        _ = world.registry.tell(acme, .addMember(origin, AddMember(channel: general, account: eve)))
        world.settle()
        let logs = world.store.logs[acme] ?? [:]
        #expect(logs.count == 3)
        #expect(logs.values.flatMap(\.events).count == 1)
    }

    /// The addition is written while the removal arrives: it must not bring the account back.
    @Test func anAdditionThatWasBeingWrittenBringsNobodyBack() {
        let world = office()
        let remover = owner(world)
        _ = remover.ask(subscribe(secret))
        world.store.holdsAppends = true
        remover.send(.addMember(AddMember(channel: secret, account: eve)))
        world.settle()
        _ = remover.ask(remove(eve))
        world.store.releaseAppends()
        world.settle()
        #expect(remover.ask(.listMembers(ListMembers(channel: secret)))
            == .memberList(MemberList(channel: secret, accounts: [alice, bob])))
    }

    @Test(arguments: [true, false]) func whoComesBackFindsTheirDirectConversations(isInMemory: Bool) {
        let world = office()
        let stays = owner(world)
        let leaves = Client(world, as: eve)
        guard case .channel(let reply) = stays.ask(.openDirect(OpenDirect(account: eve))) else {
            Issue.record("answered by the channel")
            return
        }
        let direct = reply.channel.id
        _ = leaves.post("so long", to: direct)
        _ = leaves.ask(.join(Join(channel: general)))
        if !isInMemory { world.advance(200_000) }
        #expect(leaves.ask(remove(eve)) == .done(Done()))
        #expect(posted(stays.post("bye", to: direct)) != nil)
        world.store.person(eve, in: acme)
        world.store.revoked = []
        _ = world.registry.tell(acme, .personChanged(world.store.member(eve, in: acme)!), isControl: true)
        world.settle()
        let back = Client(world, as: eve)
        #expect(subscribed(back.ask(subscribe(direct, after: 0))) != nil)
        #expect(posted(back.post("hello again", to: direct)) != nil)
        #expect(back.events.map(\.text) == ["so long", "bye", "hello again"])
        #expect(error(back.post("x")) == .notMember, "memberships of channels ended")
    }

    /// The answer of the store is lost: the same command again finds it done.
    @Test func anUnknownOutcomeIsSettledByRepeating() {
        let world = office()
        let remover = owner(world)
        let removed = Client(world, as: eve)
        world.store.memberFaults = [.uncertain("lost")]
        #expect(error(remover.ask(remove(eve))) == .unavailable)
        #expect(removed.closeCode == nil)
        #expect(remover.ask(remove(eve)) == .done(Done()))
        #expect(removed.closeCode == .revoked)
        #expect(told(remover, gone(eve)))
    }
}
