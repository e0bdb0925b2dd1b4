// Who is removed from the organisation and comes back while another hub hears of it late, of both at
// once, or of what they joined first: nobody goes on as the member they were, and nobody who is one
// again is kept out.

import Live
import Model
import Ports
import Simulation
import Testing

/// Long enough for one resync.
private let resync: Int64 = 13_000
private let quiet = ChannelID(high: 4, low: 3)

/// Alice owns the organisation, and at the second hub she has channels in memory; Bob is in two of them.
private func office() -> (world: World, owner: Client, reader: Client) {
    let world = world(hubs: 2)
    world.store.setRole(alice, .owner, in: acme)
    world.store.makeChannel(quiet, in: acme, members: [alice])
    let owner = Client(world, as: alice, role: .owner)
    let reader = Client(world, as: alice, role: .owner, hub: 1)
    for channel in [general, secret, quiet] { _ = reader.ask(subscribe(channel)) }
    return (world, owner, reader)
}

private func isOfPeople(_ notice: Notice) -> Bool {
    if case .organisationChanged = notice { true } else { false }
}

private func remove(_ account: AccountID, _ owner: Client) {
    #expect(owner.ask(.removePerson(RemovePerson(account: account))) == .done(Done()))
}

/// By an invitation, at the first hub.
private func comeBack(_ account: AccountID, _ world: World) {
    world.store.person(account, in: acme)
    hear(world.store.member(account, in: acme)!, world, at: 0)
}

private func hear(_ member: Member, _ world: World, at hub: Int) {
    _ = world.registries[hub].tell(acme, .personChanged(member), isControl: true)
    world.settle()
}

private func members(_ channel: ChannelID, _ client: Client) -> [AccountID]? {
    guard case .memberList(let list) = client.ask(.listMembers(ListMembers(channel: channel))) else { return nil }
    return list.accounts
}

@Suite struct ReturnTests {
    /// The second hub reads the people before and after both, or is told of the return alone.
    @Test(arguments: [false, true], [false, true])
    func whoCameBackBetweenTwoReadsIsNotTheMemberTheyWere(isTold: Bool, isNewSignIn: Bool) {
        let (world, owner, reader) = office()
        let old = Client(world, as: bob, hub: 1)
        for channel in [general, secret] { _ = old.ask(subscribe(channel)) }
        world.copies = { _ in 0 }
        let before = world.store.member(bob, in: acme)!
        remove(bob, owner)
        comeBack(bob, world)
        if isNewSignIn { world.store.revoked = [] }
        if isTold { hear(world.store.member(bob, in: acme)!, world, at: 1) } else { world.advance(resync) }
        #expect(old.closeCode == (isTold || isNewSignIn ? .roleChanged : .revoked))
        #expect(members(secret, reader) == [alice])
        #expect(members(general, reader) == [alice])
        world.store.revoked = []
        let back = Client(world, as: bob, hub: 1)
        #expect(error(back.ask(subscribe(secret))) == .notFound)
        #expect(error(back.post("x", to: secret)) == .notFound)
        #expect(error(back.post("x")) == .notMember)
        // What was on its way longer than all this says nothing any more.
        hear(before, world, at: 1)
        world.advance(resync)
        #expect(back.closeCode == nil)
        #expect(members(secret, reader) == [alice])
    }

    /// The second hub has heard of the removal, then of what the account joined, and then of its return.
    /// Bob had been a member of these channels before, Eve had not.
    @Test(arguments: [bob, eve])
    func whatWasJoinedBeforeTheReturnIsHeardOfIsReadFromTheStore(account: AccountID) {
        let (world, owner, reader) = office()
        remove(account, owner)
        let others = members(secret, reader)
        world.copies = { isOfPeople($0) ? 0 : 1 }
        comeBack(account, world)
        world.store.revoked = []
        for channel in [general, secret] {
            #expect(owner.ask(.addMember(AddMember(channel: channel, account: account))) == .done(Done()))
        }
        #expect(reader.events.map(\.kind) == [.joined, .joined])
        #expect(members(secret, reader) == others, "not of the organisation, as far as is known")
        let reads = world.store.recordReads.count
        world.registries[1].receive(.organisationChanged(acme))
        world.settle()
        #expect(members(secret, reader)?.contains(account) == true)
        #expect(world.store.recordReads[reads...].sorted() == [general, secret], "no others")
        let back = Client(world, as: account, hub: 1)
        for channel in [general, secret] { #expect(posted(back.post("y", to: channel)) != nil) }
        #expect(world.store.recordReads.count == reads + 2)
    }

    /// Here the `joined` changes nothing when it comes, because the account still counts as a member.
    @Test func whatWasJoinedBeforeTheRemovalIsHeardOfIsKept() {
        let (world, owner, reader) = office()
        world.copies = { isOfPeople($0) ? 0 : 1 }
        remove(bob, owner)
        comeBack(bob, world)
        world.store.revoked = []
        #expect(owner.ask(.addMember(AddMember(channel: secret, account: bob))) == .done(Done()))
        world.registries[1].receive(.organisationChanged(acme))
        world.settle()
        #expect(members(secret, reader) == [alice, bob])
        #expect(members(general, reader) == [alice])
        let back = Client(world, as: bob, hub: 1)
        #expect(subscribed(back.ask(subscribe(secret))) != nil)
    }

    /// This hub knows of the removal and the return before it reads what went before them in the log.
    @Test func whatWasJoinedBeforeTheRemovalIsNotBelievedBehindTheReturn() {
        let (world, owner, reader) = office()
        world.copies = { _ in 0 }
        _ = owner.ask(.addMember(AddMember(channel: secret, account: eve)))
        remove(eve, owner)
        comeBack(eve, world)
        hear(world.store.member(eve, in: acme)!, world, at: 1)
        world.registries[1].receive(.logMoved(acme, secret, Position(epoch: 1, sequence: 1)))
        world.settle()
        #expect(reader.events.map(\.kind) == [.joined])
        #expect(members(secret, reader) == [alice, bob])
        let reads = world.store.recordReads.count
        world.copies = { _ in 1 }
        _ = owner.ask(.addMember(AddMember(channel: secret, account: eve)))
        #expect(members(secret, reader) == [alice, bob, eve])
        #expect(world.store.recordReads.count == reads, "once is enough")
    }

    /// Removed and back once more while the members are read.
    @Test func membersReadBeforeARemovalAreNotTaken() {
        let (world, owner, reader) = office()
        remove(bob, owner)
        world.copies = { _ in 0 }
        comeBack(bob, world)
        _ = owner.ask(.addMember(AddMember(channel: secret, account: bob)))
        world.store.readDelay = 20
        world.store.afterRecordRead[secret] = {
            world.store.logs[acme]![secret]!.record.members.removeAll { $0 == bob }
            for command in [ChannelCommand.accountRemoved(bob), .accountReturned(bob)] {
                _ = world.registries[1].tell(acme, secret, command, isControl: true)
            }
        }
        hear(world.store.member(bob, in: acme)!, world, at: 1)
        #expect(reader.sequences == [1])
        #expect(members(secret, reader) == [alice])
    }

    /// At the hub where all of it happens.
    @Test func whoIsBackIsToldWhereTheyAreAMember() {
        let (world, owner, _) = office()
        _ = owner.ask(subscribe(secret))
        remove(eve, owner)
        comeBack(eve, world)
        world.store.revoked = []
        let back = Client(world, as: eve)
        #expect(owner.ask(.addMember(AddMember(channel: secret, account: eve))) == .done(Done()))
        #expect(back.frames.contains { frame in
            if case .channelAdded(let it) = frame.body { it.channel.id == secret && it.channel.joined } else { false }
        })
        #expect(posted(back.post("x", to: secret)) != nil)
    }

    @Test func commandsOfWhoIsBackWaitForTheReadOfTheMembers() {
        let (world, owner, reader) = office()
        remove(bob, owner)
        world.copies = { isOfPeople($0) ? 0 : 1 }
        comeBack(bob, world)
        _ = owner.ask(.addMember(AddMember(channel: secret, account: bob)))
        let origin = Origin(address: SessionAddress(lane: reader.lane, session: reader.session.id, account: bob),
                            command: 900)
        _ = world.registries[1].tell(acme, secret, .accountReturned(bob), isControl: true)
        _ = world.registries[1].tell(acme, secret, .post(origin, Post(channel: secret, key: "k", text: "x")))
        world.settle()
        #expect(posted(reader.reply(to: 900)) != nil)
    }

    @Test func aReadOfTheMembersThatFailsIsTriedAgain() {
        let (world, owner, reader) = office()
        remove(bob, owner)
        world.copies = { isOfPeople($0) ? 0 : 1 }
        comeBack(bob, world)
        world.store.revoked = []
        _ = owner.ask(.addMember(AddMember(channel: secret, account: bob)))
        // Both channels that Bob had been in are read.
        world.store.readFaults = [.unavailable("x"), .unavailable("x")]
        hear(world.store.member(bob, in: acme)!, world, at: 1)
        #expect(members(secret, reader) == [alice])
        #expect(world.store.readFaults.isEmpty)
        world.advance(resync)
        #expect(members(secret, reader) == [alice, bob])
    }

    /// The log moves on between the read of the members and that of the events up to their head.
    @Test func theMembersAreTakenAtTheirOwnHead() {
        let (world, owner, reader) = office()
        remove(bob, owner)
        world.copies = { _ in 0 }
        comeBack(bob, world)
        world.store.revoked = []
        _ = owner.ask(.addMember(AddMember(channel: secret, account: bob)))
        _ = owner.post("m", to: secret)
        world.store.afterRecordRead[secret] = {
            let left = StoredEvent(sequence: 3, id: EventID(high: 8, low: 8), kind: .left, sender: bob,
                                   subject: bob, at: world.now, key: "", body: nil)
            _ = world.store.apply(acme, secret, Position(epoch: 1, sequence: 2), [left])
        }
        hear(world.store.member(bob, in: acme)!, world, at: 1)
        #expect(reader.sequences == [1, 2])
        #expect(members(secret, reader) == [alice, bob])
        world.advance(resync)
        #expect(reader.sequences == [1, 2, 3])
        #expect(members(secret, reader) == [alice])
    }

    /// Somebody else whose removal is not heard of yet: the read finds it.
    @Test func aReadOfTheMembersIsAFence() {
        let (world, owner, reader) = office()
        _ = owner.ask(.addMember(AddMember(channel: secret, account: eve)))
        let other = Client(world, as: eve, hub: 1)
        _ = other.ask(subscribe(secret))
        remove(bob, owner)
        world.copies = { _ in 0 }
        remove(eve, owner)
        comeBack(bob, world)
        hear(world.store.member(bob, in: acme)!, world, at: 1)
        #expect(members(secret, reader) == [alice])
        _ = reader.post("between us", to: secret)
        #expect(other.events.isEmpty)
        #expect(other.frames.contains { $0.body == .subscriptionEnded(
            SubscriptionEnded(channel: secret, code: .notMember)) })
    }
}
