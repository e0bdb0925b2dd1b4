// What clients of the actors see: the promises of a channel and an organisation, with the store
// answering late, failing, or leaving the outcome open.

import Live
import Model
import Ports
import Simulation
import Testing

@Suite struct PostingTests {
    @Test func whatIsPostedReachesEverySubscriberOnEveryLaneInOrder() {
        let world = world()
        let writer = Client(world, as: alice)
        let readers = [Client(world, as: bob), Client(world, as: bob, front: 1)]
        for reader in readers { #expect(subscribed(reader.ask(subscribe())) != nil) }
        for number in 1...5 {
            #expect(posted(writer.post("m\(number)"))?.position == Position(epoch: 1, sequence: UInt64(number)))
        }
        for reader in readers {
            #expect(reader.sequences == [1, 2, 3, 4, 5])
            #expect(reader.events.map(\.text) == ["m1", "m2", "m3", "m4", "m5"])
        }
    }

    @Test func nothingIsAcknowledgedOrSeenBeforeItIsDurable() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.ask(subscribe())
        world.store.holdsAppends = true
        #expect(writer.post("early") == nil)
        #expect(writer.events.isEmpty)
        world.store.releaseAppends()
        world.settle()
        #expect(writer.events.map(\.text) == ["early"])
    }

    @Test func postsThatWaitShareOneWrite() {
        let world = world()
        let writer = Client(world, as: alice)
        world.store.holdsAppends = true
        _ = writer.post("1")
        for number in 2...50 { _ = writer.post("\(number)") }
        world.store.releaseAppends()
        world.settle()
        #expect(world.store.appends.map(\.count) == [1, 49])
    }

    @Test func aRetryGetsTheSamePosition() {
        let world = world()
        let writer = Client(world, as: alice)
        let first = posted(writer.post("a", key: "k"))
        let again = posted(writer.post("a", key: "k"))
        #expect(first?.position == again?.position)
        #expect(first?.event == again?.event)
        #expect(first?.duplicate == false && again?.duplicate == true)
        #expect(world.store.logs[acme]?[general]?.events.count == 1)
    }

    @Test func aRetryAfterAnUnknownOutcomeGetsThePositionOfTheFirst() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.ask(subscribe())
        world.store.appendFaults = [.failAfter(.uncertain("lost"))]
        #expect(error(writer.post("a", key: "k")) == .unavailable)
        let again = posted(writer.post("a", key: "k"))
        #expect(again?.position.sequence == 1)
        #expect(writer.sequences == [1], "seen once")
        #expect(posted(writer.post("b"))?.position.sequence == 2)
        #expect(writer.sequences == [1, 2])
    }

    @Test(arguments: [
        (StoreError.unavailable("x"), ErrorCode.unavailable), (.storageFull, .unavailable),
        (.overloaded, .overloaded), (.fault("x"), .internalFault),
    ])
    func aFailedWriteIsToldAndLeavesNothing(fault: StoreError, code: ErrorCode) {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.ask(subscribe())
        world.store.appendFaults = [.failBefore(fault)]
        #expect(error(writer.post("a")) == code)
        #expect(writer.events.isEmpty)
        #expect(posted(writer.post("a"))?.position.sequence == 1)
    }

    @Test func whatAnotherNodeWroteComesFirst() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.ask(subscribe())
        _ = writer.post("mine")
        let foreign = StoredEvent(
            sequence: 2, id: EventID(high: 8, low: 8), kind: .message, sender: bob, subject: nil,
            at: world.now, key: "x", body: SealedBody(key: KeyID(high: 8, low: 8), bytes: Array("oy".utf8)))
        _ = world.store.apply(acme, general, Position(epoch: 1, sequence: 1), [foreign])
        #expect(posted(writer.post("later"))?.position.sequence == 3)
        #expect(writer.events.map(\.text) == ["mine", "yo", "later"])
    }

    @Test func onlyMembersPost() {
        let world = world()
        let outsider = Client(world, as: eve)
        #expect(error(outsider.post("a")) == .notMember)
        #expect(error(outsider.post("a", to: secret)) == .notFound, "as if it did not exist")
        #expect(error(outsider.post("a", to: ChannelID(high: 9, low: 9))) == .notFound)
    }

    @Test func anInboxThatIsFullRefusesAndLosesNothing() {
        let world = world { $0.inboxMax = 3 }
        let writer = Client(world, as: alice)
        _ = writer.ask(subscribe())
        let ids = (1...5).map { writer.send(.post(Post(channel: general, key: "\($0)", text: "x"))) }
        world.settle()
        let refused = ids.filter { error(writer.reply(to: $0)) == .overloaded }
        let accepted = ids.filter { posted(writer.reply(to: $0)) != nil }
        #expect(accepted.count + refused.count == 5)
        #expect(refused.count >= 1)
        #expect(writer.sequences == (1...UInt64(accepted.count)).map { $0 })
    }
}

@Suite struct ResumeTests {
    @Test func aSubscriberWithAPositionGetsWhatItMissedOnce() {
        let world = world()
        let writer = Client(world, as: alice)
        let reader = Client(world, as: bob)
        _ = reader.ask(subscribe())
        for number in 1...3 { _ = writer.post("m\(number)") }
        reader.drop()
        for number in 4...6 { _ = writer.post("m\(number)") }
        let back = Client(world, as: bob)
        let reply = subscribed(back.ask(subscribe(after: 3)))
        #expect(reply?.from.sequence == 3 && reply?.head.sequence == 6 && reply?.gap == nil)
        _ = writer.post("m7")
        #expect(back.sequences == [4, 5, 6, 7])
    }

    @Test func replayFromTheStoreRunsIntoLiveEventsWithoutGapOrDuplicate() {
        let world = world()
        let writer = Client(world, as: alice)
        for number in 1...900 { _ = writer.post("m\(number)") }
        let back = Client(world, as: bob)
        let id = back.send(subscribe(after: 10))
        // Posts go on while pages are read.
        for number in 901...950 { writer.send(.post(Post(channel: general, key: "m\(number)", text: "x"))) }
        world.settle()
        #expect(subscribed(back.reply(to: id))?.from.sequence == 10)
        _ = writer.post("last")
        #expect(back.sequences == Array(11...951))
        #expect(world.store.pageReads > 2)
    }

    @Test func moreThanTheWindowIsAnExplicitGap() {
        let world = world { $0.limits.replayEventsMax = 20 }
        let writer = Client(world, as: alice)
        for number in 1...30 { _ = writer.post("m\(number)") }
        let back = Client(world, as: bob)
        #expect(subscribed(back.ask(subscribe(after: 9)))?.gap == Gap(from: 10, to: 30))
        #expect(subscribed(back.ask(subscribe(after: 10)))?.gap == nil)
        #expect(back.sequences == Array(11...30))
    }

    @Test func eventsOlderThanADayAreAGap() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.post("old")
        world.advance(24 * 3_600_000)
        let back = Client(world, as: bob)
        #expect(subscribed(back.ask(subscribe(after: 0)))?.gap == Gap(from: 1, to: 1))
        _ = writer.post("new")
        #expect(back.sequences == [2])
    }

    @Test func aChannelThatWasPassivatedComesBackFromTheStore() {
        let world = world()
        let writer = Client(world, as: alice)
        for number in 1...3 { _ = writer.post("m\(number)") }
        #expect(world.metrics.channels.current == 1)
        world.advance(200_000)
        #expect(world.metrics.channels.current == 0)
        #expect(subscribed(writer.ask(subscribe(after: 1)))?.head.sequence == 3)
        #expect(posted(writer.post("m4"))?.position.sequence == 4)
        #expect(posted(writer.post("m2"))?.position.sequence == 2, "keys outlive the actor")
        #expect(writer.sequences == [2, 3, 4])
    }

    @Test func aSubscribedChannelIsNotPassivated() {
        let world = world()
        let reader = Client(world, as: alice)
        _ = reader.ask(subscribe())
        world.advance(1_000_000)
        #expect(world.metrics.channels.current == 1)
        reader.drop()
        world.advance(200_000)
        #expect(world.metrics.channels.current == 0)
    }

    @Test func historyComesByPages() {
        let world = world()
        let writer = Client(world, as: alice)
        for number in 1...400 { _ = writer.post("m\(number)") }
        func page(_ history: History) -> ([UInt64], Bool)? {
            guard case .historyPage(let page) = writer.ask(.history(history)) else { return nil }
            return (page.events.map(\.sequence), page.more)
        }
        #expect(page(History(channel: general))! == (Array(351...400), true))
        #expect(page(History(channel: general, before: 51, limit: 200))! == (Array(1...50), false))
        #expect(page(History(channel: general, before: 100, limit: 10))! == (Array(90...99), true))
        #expect(page(History(channel: general, after: 395, limit: 3))! == ([396, 397, 398], true))
        #expect(page(History(channel: general, after: 0, limit: 200))! == (Array(1...200), true))
        #expect(page(History(channel: general, after: 400))! == ([], false))
    }

    /// One read under way and three waiting: the fifth is refused.
    @Test func readsThatWaitAreBounded() {
        let world = world {
            $0.readsMax = 1
            $0.readsWaitingMax = 3
        }
        // Room for all of them, so that what one connection may have under way is not the bound.
        for lane in world.front { lane.room = (bytes: 1 << 20, pageBytes: 1 << 14) }
        let writer = Client(world, as: alice)
        for number in 1...400 { _ = writer.post("m\(number)") }
        let pages = (0..<5).map { writer.send(.history(History(channel: general, before: 20 + $0, limit: 5))) }
        let lists = (0..<5).map { _ in writer.send(.listChannels(ListChannels())) }
        world.settle()
        #expect(pages.map { error(writer.reply(to: $0)) } == [nil, nil, nil, nil, .overloaded])
        #expect(lists.map { error(writer.reply(to: $0)) } == [nil, nil, nil, nil, .overloaded])
        #expect(error(writer.ask(.history(History(channel: general, before: 20, limit: 5)))) == nil)
    }

    @Test func aReadThatFailsIsAnsweredWithARetryableError() {
        let world = world()
        let reader = Client(world, as: alice)
        world.store.readFaults = [.unavailable("x")]
        #expect(error(reader.ask(subscribe())) == .unavailable)
        #expect(subscribed(reader.ask(subscribe())) != nil)
    }
}

@Suite struct MembershipTests {
    @Test func joiningAndLeavingAreEventsOfTheLog() {
        let world = world()
        let reader = Client(world, as: alice)
        _ = reader.ask(subscribe())
        let joiner = Client(world, as: eve)
        guard case .channel(let reply) = joiner.ask(.join(Join(channel: general))) else {
            Issue.record("join is answered by the channel")
            return
        }
        #expect(reply.channel.joined && reply.channel.head.sequence == 1)
        #expect(posted(joiner.post("hello"))?.position.sequence == 2)
        #expect(joiner.ask(.leave(Leave(channel: general))) == .done(Done()))
        #expect(error(joiner.post("again")) == .notMember)
        #expect(reader.events.map(\.kind) == [.joined, .message, .left])
        #expect(reader.events.map(\.subject) == [eve, nil, eve])
    }

    @Test func leavingAClosedChannelIsAFence() {
        let world = world()
        let writer = Client(world, as: alice)
        let leaver = Client(world, as: bob)
        _ = leaver.ask(subscribe(secret))
        _ = writer.post("before", to: secret)
        _ = leaver.ask(.leave(Leave(channel: secret)))
        _ = writer.post("after", to: secret)
        #expect(leaver.events.map(\.kind) == [.message, .left])
        #expect(leaver.frames.contains { $0.body == .subscriptionEnded(
            SubscriptionEnded(channel: secret, code: .notMember)) })
        #expect(error(leaver.ask(subscribe(secret))) == .notFound)
        #expect(error(leaver.ask(.history(History(channel: secret)))) == .notFound)
    }

    @Test func membersAddColleaguesAndTheirListsChange() {
        let world = world()
        let member = Client(world, as: alice)
        let added = Client(world, as: eve)
        #expect(error(added.ask(subscribe(secret))) == .notFound)
        #expect(member.ask(.addMember(AddMember(channel: secret, account: eve))) == .done(Done()))
        #expect(added.frames.contains { frame in
            if case .channelAdded(let it) = frame.body {
                it.channel.id == secret && it.channel.read + 1 == it.channel.head.sequence
            } else {
                false
            }
        }, "being added is something to read")
        #expect(subscribed(added.ask(subscribe(secret))) != nil)
        let stranger = AccountID(high: 1, low: 99)
        #expect(error(member.ask(.addMember(AddMember(channel: secret, account: stranger)))) == .notFound)
    }

    @Test func aDirectConversationIsOneForTheTwo() {
        let world = world()
        let first = Client(world, as: alice)
        let second = Client(world, as: eve)
        guard case .channel(let a) = first.ask(.openDirect(OpenDirect(account: eve))),
              case .channel(let b) = second.ask(.openDirect(OpenDirect(account: alice)))
        else {
            Issue.record("answered by the channel")
            return
        }
        #expect(a.channel.id == b.channel.id)
        #expect(a.channel.kind == .direct && Set(a.channel.parties) == [alice, eve])
        #expect(second.frames.contains { if case .channelAdded = $0.body { true } else { false } })
        let outsider = Client(world, as: bob)
        #expect(error(outsider.ask(subscribe(a.channel.id))) == .notFound)
        #expect(error(first.ask(.leave(Leave(channel: a.channel.id)))) == .invalidArgument)
    }

    @Test func namesOfChannelsAreUnique() {
        let world = world()
        let member = Client(world, as: alice)
        let other = Client(world, as: bob)
        let wanted = CreateChannel(name: "Plans", kind: .open)
        guard case .channel(let made) = member.ask(.createChannel(wanted)) else {
            Issue.record("answered by the channel")
            return
        }
        #expect(made.channel.joined)
        #expect(other.frames.contains { frame in
            if case .channelAdded(let it) = frame.body { !it.channel.joined } else { false }
        })
        #expect(error(other.ask(.createChannel(CreateChannel(name: "PLANS", kind: .closed)))) == .alreadyExists)
    }

    @Test func nothingCrossesOrganisations() {
        let world = world()
        let outside = Client(world, as: eve, of: rival)
        _ = Client(world, as: alice).post("inside")
        let channel = general
        for command in [subscribe(), .post(Post(channel: channel, key: "k", text: "x")),
                        .history(History(channel: channel)), .join(Join(channel: channel)),
                        .listMembers(ListMembers(channel: channel)),
                        .markRead(MarkRead(channel: channel, sequence: 1)),
                        .typing(Typing(channel: channel, active: true)),
                        .addMember(AddMember(channel: channel, account: eve)),
                        .edit(Edit(channel: channel, key: "k", target: 1, text: "x"))] {
            #expect(error(outside.ask(command)) == .notFound)
        }
        #expect(error(outside.ask(.openDirect(OpenDirect(account: alice)))) == .notFound)
        #expect(outside.ask(.listChannels(ListChannels())) == .channelList(ChannelList(channels: [])))
        #expect(outside.events.isEmpty)
    }

    @Test func readMarkersMoveForwardAndReachTheOtherSessions() {
        let world = world()
        let phone = Client(world, as: alice)
        let desk = Client(world, as: alice, front: 1)
        for number in 1...3 { _ = phone.post("m\(number)") }
        #expect(phone.ask(.markRead(MarkRead(channel: general, sequence: 2))) == .done(Done()))
        #expect(phone.ask(.markRead(MarkRead(channel: general, sequence: 99))) == .done(Done()))
        #expect(world.store.logs[acme]?[general]?.read[alice] == 3, "not beyond the head")
        #expect(desk.frames.map(\.body).contains(.readMarker(ReadMarker(channel: general, sequence: 2))))
        #expect(!phone.frames.map(\.body).contains(.readMarker(ReadMarker(channel: general, sequence: 2))))
    }
}
