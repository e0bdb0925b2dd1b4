// Several hubs over one store: what a client at one hub sees of what happens at the other, with notices
// that arrive, get lost, come twice or in another order.

import Live
import Model
import Ports
import Simulation
import Testing

/// Long enough for one resync.
private let resync: Int64 = 13_000

@Suite struct OtherHubTests {
    @Test func whatIsPostedAtOneHubIsSeenAtTheOtherInOrder() {
        let world = world(hubs: 2)
        let here = Client(world, as: alice)
        let there = Client(world, as: bob, hub: 1)
        _ = here.ask(subscribe())
        _ = there.ask(subscribe())
        for number in 1...3 {
            #expect(posted(here.post("a\(number)")) != nil)
            #expect(posted(there.post("b\(number)")) != nil)
        }
        #expect(here.events.map(\.text) == ["a1", "b1", "a2", "b2", "a3", "b3"])
        #expect(there.events == here.events)
        #expect(there.sequences == Array(1...6))
    }

    @Test func hubsThatWriteAtTheSameTimeAgreeOnOneOrder() {
        let world = world(hubs: 2)
        let clients = [Client(world, as: alice), Client(world, as: bob, hub: 1)]
        for client in clients { _ = client.ask(subscribe()) }
        world.store.holdsAppends = true
        for number in 1...40 {
            for (hub, client) in clients.enumerated() {
                client.send(.post(Post(channel: general, key: "\(hub)-\(number)", text: "\(hub)-\(number)")))
            }
        }
        world.settle()
        world.store.releaseAppends()
        world.settle()
        #expect(clients[0].sequences == Array(1...80))
        #expect(clients[1].events == clients[0].events)
        let answers = clients.flatMap(\.frames).compactMap { posted($0.body)?.position.sequence }
        #expect(answers.sorted() == Array(1...80))
    }

    @Test(arguments: [0, 2, 3])
    func noticesThatComeTwiceOrNotAtAllChangeNothingInTheEnd(copies: Int) {
        let world = world(hubs: 2)
        world.copies = { _ in copies }
        let here = Client(world, as: alice)
        let there = Client(world, as: bob, hub: 1)
        _ = there.ask(subscribe())
        for number in 1...5 { _ = here.post("m\(number)") }
        #expect(there.sequences == (copies == 0 ? [] : Array(1...5)))
        world.advance(resync)
        #expect(there.sequences == Array(1...5))
    }

    @Test func noticesInAnotherOrderChangeNothing() {
        let world = world(hubs: 2)
        let here = Client(world, as: alice)
        let there = Client(world, as: bob, hub: 1)
        _ = there.ask(subscribe())
        world.holdsNotices = true
        for number in 1...5 { _ = here.post("m\(number)") }
        world.notices.reverse()
        world.notices.append(contentsOf: world.notices.shuffled())
        world.deliver()
        #expect(there.sequences == Array(1...5))
    }

    /// 700 events are two pages; what is at hand afterwards is bounded as ever.
    @Test func aLongWayIsCaughtUpPageByPage() {
        let world = world(hubs: 2)
        world.copies = { _ in 0 }
        let here = Client(world, as: alice)
        let there = Client(world, as: bob, hub: 1)
        _ = there.ask(subscribe())
        for number in 1...700 { _ = here.post("m\(number)") }
        #expect(there.events.isEmpty)
        for registry in world.registries { registry.resync() }
        world.settle()
        #expect(there.sequences == Array(1...700))
    }

    @Test func aNoticeDuringAWriteIsLookedAtBehindIt() {
        let world = world(hubs: 2)
        let here = Client(world, as: alice)
        let there = Client(world, as: bob, hub: 1)
        _ = here.ask(subscribe())
        _ = there.ask(subscribe())
        world.store.holdsAppends = true
        let waiting = there.send(.post(Post(channel: general, key: "slow", text: "slow")))
        world.settle()
        let foreign = StoredEvent(
            sequence: 1, id: EventID(high: 8, low: 8), kind: .message, sender: alice, subject: nil,
            at: world.now, key: "x", body: SealedBody(key: KeyID(high: 8, low: 8), bytes: Array("yo".utf8)))
        _ = world.store.apply(acme, general, Position(epoch: 1, sequence: 0), [foreign])
        world.registries[1].receive(.logMoved(acme, general, Position(epoch: 1, sequence: 1)))
        world.settle()
        #expect(there.events.isEmpty)
        world.store.releaseAppends()
        world.settle()
        #expect(posted(there.reply(to: waiting))?.position.sequence == 2)
        #expect(there.events.map(\.text) == ["oy", "slow"])
        #expect(here.events == there.events)
    }

    @Test func aReadThatFailsIsMadeUpForByTheResync() {
        let world = world(hubs: 2)
        let here = Client(world, as: alice)
        let there = Client(world, as: bob, hub: 1)
        _ = there.ask(subscribe())
        world.holdsNotices = true
        _ = here.post("m1")
        world.store.readFaults = [.unavailable("x")]
        world.deliver()
        #expect(there.events.isEmpty && there.closeCode == nil)
        // Who waits for that read may come again.
        world.store.readFaults = [.unavailable("x")]
        #expect(error(Client(world, as: alice, hub: 1).ask(subscribe(after: 1))) == .unavailable)
        world.advance(resync)
        #expect(there.sequences == [1])
    }

    /// No notice has arrived, but the client has been further at the other hub.
    @Test func aSubscriberThatIsAheadOfThisHubMissesNothing() {
        let world = world(hubs: 2)
        world.copies = { _ in 0 }
        let here = Client(world, as: alice)
        _ = Client(world, as: bob, hub: 1).ask(subscribe())
        for number in 1...3 { _ = here.post("m\(number)") }
        let moved = Client(world, as: alice, hub: 1)
        let reply = subscribed(moved.ask(subscribe(after: 2)))
        #expect(reply?.from.sequence == 2 && reply?.head.sequence == 3 && reply?.gap == nil)
        #expect(moved.sequences == [3])
        _ = Client(world, as: alice).post("m4")
        _ = moved.ask(.markRead(MarkRead(channel: general, sequence: 4)))
        #expect(world.store.logs[acme]?[general]?.read[alice] == 4)
        #expect(moved.sequences == [3, 4])
        // One that claims too much is asked for once, and then told.
        #expect(subscribed(moved.ask(subscribe(after: 99)))?.gap == Gap(from: 1, to: 4))
    }

    @Test func commandsBehindASubscriptionThatWaitsKeepTheirOrder() {
        let world = world(hubs: 2)
        world.copies = { _ in 0 }
        let reader = Client(world, as: bob, hub: 1)
        _ = reader.ask(subscribe())
        _ = Client(world, as: alice).post("m1")
        let moved = Client(world, as: alice, hub: 1)
        let gone = Client(world, as: alice, hub: 1)
        let ids = [subscribe(after: 1), .unsubscribe(Unsubscribe(channel: general))].map { moved.send($0) }
        gone.send(subscribe(after: 1))
        gone.lane.drop(gone.session.id)
        world.settle()
        #expect(subscribed(moved.reply(to: ids[0])) != nil)
        #expect(moved.reply(to: ids[1]) == .done(Done()))
        #expect(world.front[2].attachments(.channel(general)) == [reader.session.id])
        reader.drop()
        world.advance(200_000)
        #expect(world.metrics.channels.current == 0, "nobody is left")
    }

    @Test func aHintMakesNoActorAndKeepsNoneInMemory() {
        let world = world(hubs: 2)
        let here = Client(world, as: alice)
        _ = here.ask(subscribe())
        _ = here.post("m1")
        #expect(world.metrics.channels.current == 1)
        #expect(world.metrics.organisations.current == 1)
        let there = Client(world, as: bob, hub: 1)
        _ = there.ask(subscribe())
        there.drop()
        for number in 0..<20 {
            _ = here.post("n\(number)")
            world.advance(10_000)
        }
        #expect(world.metrics.channels.current == 1)
        #expect(world.metrics.organisations.current == 1)
    }

    @Test(arguments: [true, false])
    func aLogThatIsGoneSendsItsReadersAway(isReplaced: Bool) {
        let world = world(hubs: 2)
        let reader = Client(world, as: bob, hub: 1)
        _ = reader.ask(subscribe())
        // A notice of another epoch is checked, and found to be wrong.
        world.registries[1].receive(.logMoved(acme, general, Position(epoch: 7, sequence: 9)))
        world.settle()
        #expect(!reader.frames.contains { if case .subscriptionEnded = $0.body { true } else { false } })
        if isReplaced {
            world.store.logs[acme]?[general]?.record.head.epoch = 2
        } else {
            world.store.logs[acme]?[general] = nil
        }
        world.advance(resync)
        #expect(reader.frames.contains { $0.body == .subscriptionEnded(
            SubscriptionEnded(channel: general, code: .unavailable)) })
        let again = reader.ask(subscribe())
        #expect(isReplaced ? subscribed(again)?.head.epoch == 2 : error(again) == .notFound)
    }

    @Test func headsAreComparedInBatches() {
        let world = world(hubs: 2)
        for number in 0..<3 {
            let reader = Client(world, as: alice, hub: 1)
            for index in 0..<400 {
                let channel = ChannelID(high: 5, low: UInt64(number * 400 + index))
                world.store.makeChannel(channel, in: acme, members: [alice])
                reader.send(subscribe(channel))
                if index % 100 == 99 { world.settle() }
            }
        }
        world.advance(resync)
        #expect(world.store.headReads == [1_000, 200])
    }
}

@Suite struct OtherHubMembershipTests {
    /// With all notices, and with none at all.
    @Test(arguments: [1, 0])
    func whoJoinsAtOneHubMayWriteAtTheOther(copies: Int) {
        let world = world(hubs: 2)
        world.copies = { _ in copies }
        let reader = Client(world, as: bob, hub: 1)
        _ = reader.ask(subscribe())
        _ = Client(world, as: eve).ask(.join(Join(channel: general)))
        let there = Client(world, as: eve, hub: 1)
        if copies == 0 {
            #expect(error(there.post("x")) == .notMember)
            world.advance(resync)
        }
        #expect(posted(there.post("y")) != nil)
        #expect(reader.events.map(\.kind) == [.joined, .message])
    }

    @Test func aCommandOfANewMemberWaitsForTheLogThatSaysSo() {
        let world = world(hubs: 2)
        _ = Client(world, as: bob, hub: 1).ask(subscribe(secret))
        let added = Client(world, as: eve, hub: 1)
        world.holdsNotices = true
        _ = Client(world, as: alice).ask(.addMember(AddMember(channel: secret, account: eve)))
        // The notice and the command come in one burst.
        for (_, notice) in world.notices { world.registries[1].receive(notice) }
        let id = added.send(subscribe(secret))
        world.settle()
        #expect(subscribed(added.reply(to: id)) != nil)
        #expect(added.frames.contains { frame in
            if case .channelAdded(let it) = frame.body { it.channel.id == secret && it.channel.joined } else { false }
        })
    }

    @Test(arguments: [1, 0])
    func leavingAClosedChannelIsAFenceAtEveryHub(copies: Int) {
        let world = world(hubs: 2)
        world.copies = { _ in copies }
        let leaver = Client(world, as: bob)
        let other = Client(world, as: bob, hub: 1)
        _ = other.ask(subscribe(secret))
        _ = leaver.ask(.leave(Leave(channel: secret)))
        _ = Client(world, as: alice).post("after", to: secret)
        world.advance(resync)
        #expect(other.events.map(\.kind) == [.left])
        #expect(error(other.ask(subscribe(secret))) == .notFound)
    }

    @Test func newChannelsAppearAtEveryHub() {
        let world = world(hubs: 2)
        let maker = Client(world, as: alice)
        let phone = Client(world, as: alice, hub: 1)
        let other = Client(world, as: bob, hub: 1)
        func added(_ client: Client) -> [ChannelSummary] {
            client.frames.compactMap { frame in
                if case .channelAdded(let it) = frame.body { it.channel } else { nil }
            }
        }
        _ = maker.ask(.createChannel(CreateChannel(name: "Plans", kind: .open)))
        #expect(added(other).map(\.joined) == [false])
        #expect(added(phone).last?.joined == true)
        _ = maker.ask(.createChannel(CreateChannel(name: "Closed", kind: .closed)))
        #expect(added(phone).last?.name == "Closed")
        #expect(added(other).count == 1)
        _ = maker.ask(.openDirect(OpenDirect(account: bob)))
        #expect(added(other).last?.kind == .direct)
        _ = other.ask(.leave(Leave(channel: secret)))
        #expect(added(phone).last?.kind == .direct, "who stays hears nothing")
    }

    /// The store's answer may be older than what this hub tells its own meanwhile.
    @Test(arguments: 0..<40)
    func anAnswerThatIsOvertakenIsReadAgain(steps: Int) {
        let world = world()
        world.store.hops = 20
        let there = Client(world, as: eve)
        _ = Client(world, as: alice).ask(subscribe())
        there.send(.join(Join(channel: general)))
        for _ in 0..<steps { _ = world.step() }
        world.registry.receive(.channelListChanged(acme, general, eve))
        world.settle()
        let last = there.frames.compactMap { frame in
            if case .channelAdded(let it) = frame.body { it.channel } else { nil }
        }.last
        #expect(last?.joined == true)
    }

    @Test func readMarkersAndTypingCross() {
        let world = world(hubs: 2)
        let here = Client(world, as: alice)
        let phone = Client(world, as: alice, hub: 1)
        let other = Client(world, as: bob, hub: 1)
        _ = other.ask(subscribe())
        _ = here.post("m1")
        _ = here.ask(.markRead(MarkRead(channel: general, sequence: 1)))
        #expect(phone.frames.contains {
            $0.body == .readMarker(ReadMarker(channel: general, sequence: 1))
        })
        _ = here.ask(.typing(Typing(channel: general, active: true)))
        let shown = { other.frames.filter { if case .typing = $0.body { true } else { false } }.count }
        #expect(shown() == 1)
        // By somebody who is not in the channel.
        world.registries[1].receive(.typing(acme, general, eve, active: true))
        world.settle()
        #expect(shown() == 1)
    }

    @Test func broadcastsCross() {
        let world = world(hubs: 2)
        let here = Client(world, as: alice)
        let there = Client(world, as: bob, hub: 1)
        _ = there.ask(subscribe())
        for text in ["a", "a", "b"] {
            #expect(here.ask(.broadcast(SendBroadcast(channel: general, text: text))) == .done(Done()))
        }
        #expect(there.broadcasts.map(\.text) == ["a", "a", "b"])
        #expect(there.broadcasts.allSatisfy { $0.account == alice && $0.channel == general })
        // By somebody who is not in the channel.
        world.registries[1].receive(.broadcast(acme, general, eve, "c"))
        world.settle()
        #expect(there.broadcasts.count == 3)
    }
}

@Suite struct OtherHubPeopleTests {
    @Test(arguments: [1, 0])
    func aRevokedSignInIsClosedAtEveryHub(copies: Int) {
        let world = world(hubs: 2)
        let victim = Client(world, as: bob, hub: 1)
        let other = Client(world, as: alice, hub: 1)
        world.store.revoked.insert(LoginID(high: 7, low: bob.low))
        if copies > 0 { world.registries[1].receive(.organisationChanged(acme)) }
        world.settle()
        #expect(victim.closeCode == (copies > 0 ? .revoked : nil))
        world.advance(resync)
        #expect(victim.closeCode == .revoked)
        #expect(other.closeCode == nil)
    }

    /// At whatever moment between the first command and the welcome, or behind it.
    @Test(arguments: 0..<25)
    func aSignInRevokedWhileItsSessionOpensIsNotLetIn(steps: Int) {
        let world = world()
        _ = Client(world, as: alice)
        let victim = Client(world)
        let hello = victim.send(.hello(Hello(token: PlainVerifier.token(bob, acme))))
        for _ in 0..<steps { _ = world.step() }
        let login = LoginID(high: 7, low: bob.low)
        world.store.revoked.insert(login)
        _ = world.registry.tell(acme, .loginRevoked(login), isControl: true)
        world.settle()
        #expect(victim.reply(to: hello) != nil)
        #expect(victim.closeCode == .revoked)
    }

    @Test(arguments: [1, 0])
    func peopleAreTheSameAtEveryHub(copies: Int) {
        let world = world(hubs: 2)
        let here = Client(world, as: alice, hub: 1)
        let leaver = Client(world, as: eve, hub: 1)
        let dave = AccountID(high: 1, low: 4)
        world.store.person(dave, in: acme)
        // As a removal does in one transaction.
        world.store.members[acme]!.removeAll { $0.account == eve }
        world.store.revoked.insert(PlainVerifier.login(eve, acme))
        world.store.members[acme]![1].role = .admin
        if copies > 0 { world.registries[1].receive(.organisationChanged(acme)) }
        world.advance(copies > 0 ? 0 : resync)
        guard case .peopleList(let list) = here.ask(.listPeople(ListPeople())) else {
            Issue.record("answered by the list")
            return
        }
        #expect(list.people.map(\.account) == [alice, bob, dave])
        #expect(list.people[1].role == .admin)
        #expect(leaver.closeCode == .revoked)
        #expect(Client(world, as: dave, hub: 1).closeCode == nil)
        let old = Client(world, hub: 1)
        #expect(error(old.ask(.hello(Hello(token: PlainVerifier.token(bob, acme))))) == .tokenExpired)
        #expect(old.closeCode == .roleChanged)
    }

    /// A join at this hub overtakes the answer of a store that does not have it yet.
    @Test func whoJoinsHereDuringTheReadIsNotTakenForGone() {
        let world = world()
        _ = Client(world, as: alice)
        let dave = AccountID(high: 1, low: 4)
        let before = world.store.model.people(acme)
        world.store.members[acme]! += []
        world.store.peopleAnswer = {
            world.store.person(dave, in: acme)
            _ = world.registry.tell(acme, .personChanged(world.store.member(dave, in: acme)!), isControl: true)
            return before
        }
        world.registry.receive(.organisationChanged(acme))
        world.settle()
        #expect(world.store.peopleAnswer == nil)
        let client = Client(world, as: dave)
        world.advance(resync)
        #expect(client.closeCode == nil)
    }
}
