// Removing somebody from a channel is a fence in its log: what comes behind it does not reach them, on
// whatever path they read, and every command they had going gets exactly one reply.

import Live
import Model
import Ports
import Simulation
import Testing

/// Alice is an admin and in the secret channel with Bob.
private func secretWorld(_ configure: (inout LiveConfiguration) -> Void = { _ in }) -> World {
    let world = world(configure)
    world.store.setRole(alice, .admin, in: acme)
    return world
}

private func admin(_ world: World, front: Int = 0) -> Client {
    Client(world, as: alice, role: .admin, front: front)
}

private func remove(_ account: AccountID, from channel: ChannelID = secret) -> Command {
    .removeMember(RemoveMember(channel: channel, account: account))
}

private func ended(_ client: Client, _ code: ErrorCode = .notMember) -> Int {
    client.frames.filter { $0.body == .subscriptionEnded(SubscriptionEnded(channel: secret, code: code)) }.count
}

/// More than a channel keeps at hand, so that a subscriber from the beginning reads the store.
private func fill(_ writer: Client, _ count: Int = 600) {
    for number in 1...count { _ = writer.post("m\(number)", to: secret) }
}

@Suite struct FenceTests {
    @Test func whoIsRemovedSeesTheRemovalLast() {
        let world = secretWorld()
        let remover = admin(world)
        let removed = Client(world, as: bob, front: 1)
        _ = removed.ask(subscribe(secret))
        _ = remover.ask(subscribe(secret))
        _ = remover.post("before", to: secret)
        #expect(remover.ask(remove(bob)) == .done(Done()))
        _ = remover.post("after", to: secret)
        #expect(removed.events.map(\.kind) == [.message, .left])
        #expect(removed.events.last?.sender == alice && removed.events.last?.subject == bob)
        #expect(ended(removed) == 1)
        #expect(removed.frames.map(\.body).contains(.channelRemoved(ChannelRemoved(channel: secret))))
        #expect(remover.events.map(\.kind) == [.message, .left, .message])
        for command in [subscribe(secret), .history(History(channel: secret))] {
            #expect(error(removed.ask(command)) == .notFound)
        }
        #expect(error(removed.post("x", to: secret)) == .notFound)
        #expect(remover.ask(.listMembers(ListMembers(channel: secret)))
            == .memberList(MemberList(channel: secret, accounts: [alice])))
    }

    /// One write holds events before and behind the removal: the fan-out stops at the fence.
    @Test(arguments: [0, 1]) func aBatchIsSplitAtTheFence(front: Int) {
        let world = secretWorld()
        let remover = admin(world)
        let removed = Client(world, as: bob, front: front)
        let reader = Client(world, as: alice, role: .admin, front: 1)
        for client in [removed, reader] { _ = client.ask(subscribe(secret)) }
        world.store.holdsAppends = true
        _ = remover.post("first", to: secret)
        _ = remover.post("before", to: secret)
        _ = remover.ask(remove(bob))
        _ = remover.post("after", to: secret)
        world.store.releaseAppends()
        world.settle()
        #expect(world.store.appends.map(\.count) == [1, 3])
        #expect(removed.events.map(\.text) == ["first", "before", ""])
        #expect(reader.events.map(\.text) == ["first", "before", "", "after"])
    }

    /// The same when another node wrote it, and this one catches up.
    @Test func whatAnotherNodeWroteBehindTheFenceStaysBehindIt() {
        let world = secretWorld()
        let writer = admin(world)
        let removed = Client(world, as: bob)
        for client in [writer, removed] { _ = client.ask(subscribe(secret)) }
        let at = world.now
        func foreign(_ sequence: UInt64, _ kind: EventKind, _ subject: AccountID?) -> StoredEvent {
            let id = EventID(high: 8, low: sequence)
            return StoredEvent(
                sequence: sequence, id: id, kind: kind, sender: alice, subject: subject, at: at, key: "",
                body: kind == .message ? SealedBody(key: KeyID(high: 8, low: sequence), bytes: [120]) : nil)
        }
        _ = world.store.apply(acme, secret, Position(epoch: 1, sequence: 0), [
            foreign(1, .message, nil), foreign(2, .left, bob), foreign(3, .message, nil),
        ])
        _ = writer.post("own", to: secret)
        #expect(writer.sequences == [1, 2, 3, 4])
        #expect(removed.sequences == [1, 2])
    }

    /// The store knows of the removal and of what follows before the channel does.
    @Test func aPageReadMeanwhileEndsAtWhatTheChannelKnows() {
        let world = secretWorld()
        let remover = admin(world)
        fill(remover)
        let removed = Client(world, as: bob)
        world.store.holdsReads = true
        let page = removed.send(.history(History(channel: secret, after: 300, limit: 200)))
        let newest = removed.send(.history(History(channel: secret, before: 320, limit: 10)))
        world.settle()
        _ = remover.ask(remove(bob))
        _ = remover.post("after", to: secret)
        world.store.releaseReads()
        world.settle()
        #expect(error(removed.reply(to: page)) == .notFound)
        #expect(error(removed.reply(to: newest)) == .notFound)
    }

    /// The pages are in the store, and the channel has not heard that its write succeeded.
    @Test func aPageHoldsNothingThatIsNotSettled() {
        let world = secretWorld()
        let writer = admin(world)
        // Long texts: few events are at hand, so that pages near the head come from the store.
        let text = String(repeating: "x", count: 16_000)
        for lane in world.front { lane.room = (bytes: 1 << 24, pageBytes: 1 << 22) }
        for number in 1...60 { _ = writer.ask(.post(Post(channel: secret, key: "\(number)", text: text))) }
        let removed = Client(world, as: bob)
        _ = world.store.apply(acme, secret, Position(epoch: 1, sequence: 60), [
            StoredEvent(sequence: 61, id: EventID(high: 8, low: 1), kind: .left, sender: alice, subject: bob,
                        at: world.now, key: "", body: nil),
            StoredEvent(sequence: 62, id: EventID(high: 8, low: 2), kind: .joined, sender: alice, subject: eve,
                        at: world.now, key: "", body: nil),
        ])
        let before = world.store.pageReads
        let pages = [History(channel: secret, after: 5, limit: 200), History(channel: secret, limit: 200),
                     History(channel: secret, before: 1_000, limit: 200)]
        for page in pages {
            guard case .historyPage(let answer) = removed.ask(.history(page)) else {
                Issue.record("answered by a page")
                continue
            }
            #expect(answer.events.last?.sequence == 60)
        }
        #expect(world.store.pageReads == before + pages.count)
    }

    @Test func aReplayUnderWayEndsAtTheFenceAndIsAnswered() {
        let world = secretWorld()
        let remover = admin(world)
        fill(remover)
        let removed = Client(world, as: bob)
        world.store.holdsReads = true
        let command = removed.send(subscribe(secret, after: 0))
        world.settle()
        #expect(removed.reply(to: command) == nil)
        _ = remover.ask(remove(bob))
        _ = remover.post("after", to: secret)
        #expect(error(removed.reply(to: command)) == .notMember)
        world.store.releaseReads()
        world.settle()
        #expect(removed.frames.filter { $0.id == command }.count == 1)
        #expect(removed.events.isEmpty && ended(removed) == 0)
        #expect(world.front[0].attachments(.channel(secret)).isEmpty)
    }

    @Test func aReplayThatHasBegunEndsWithThePush() {
        let world = secretWorld()
        let remover = admin(world)
        fill(remover, 800)
        let removed = Client(world, as: bob)
        let command = removed.send(subscribe(secret, after: 0))
        world.settle(until: { removed.reply(to: command) != nil })
        world.store.holdsReads = true
        world.settle()
        #expect(removed.sequences.count < 800, "pages are still to come")
        let seen = removed.sequences.count
        _ = remover.ask(remove(bob))
        world.store.releaseReads()
        _ = remover.post("after", to: secret)
        #expect(removed.sequences.count == seen)
        #expect(removed.frames.filter { $0.id == command }.count == 1)
        #expect(ended(removed) == 1)
    }

    @Test func whatIsSentBehindOnesRemovalIsRefused() {
        let world = secretWorld()
        let remover = admin(world)
        let removed = Client(world, as: bob)
        _ = removed.post("early", to: secret)
        world.store.holdsAppends = true
        _ = remover.post("first", to: secret)
        remover.send(remove(bob))
        world.settle()
        let late = [Command.post(Post(channel: secret, key: "late", text: "late")),
                    .edit(Edit(channel: secret, key: "later", target: 1, text: "late")),
                    .addMember(AddMember(channel: secret, account: eve))].map { removed.send($0) }
        world.settle()
        world.store.releaseAppends()
        world.settle()
        #expect(late.allSatisfy { error(removed.reply(to: $0)) == .notMember })
        #expect(world.store.logs[acme]?[secret]?.events.map(\.kind) == [.message, .message, .left])
    }

    @Test func removalAndReturnInOneBatchTakeEffectInOrder() {
        let world = secretWorld()
        let remover = admin(world)
        let other = Client(world, as: bob)
        _ = other.ask(subscribe(secret))
        world.store.holdsAppends = true
        _ = remover.post("first", to: secret)
        let commands = [remover.send(remove(bob)),
                        remover.send(.addMember(AddMember(channel: secret, account: bob)))]
        world.settle()
        world.store.releaseAppends()
        world.settle()
        #expect(commands.map { remover.reply(to: $0) } == [.done(Done()), .done(Done())])
        #expect(ended(other) == 1)
        #expect(subscribed(other.ask(subscribe(secret))) != nil, "a member again")
        #expect(world.store.logs[acme]?[secret]?.record.members.contains(bob) == true)
    }

    @Test func onlyAdminsRemoveOthersAndNobodyFromADirectConversation() {
        let world = secretWorld()
        let remover = admin(world)
        let member = Client(world, as: bob)
        let outsider = Client(world, as: eve)
        #expect(error(member.ask(remove(alice))) == .forbidden)
        #expect(error(outsider.ask(remove(eve))) == .notFound, "as if it did not exist")
        #expect(remover.ask(remove(eve)) == .done(Done()), "no member")
        world.store.setRole(eve, .owner, in: acme)
        guard case .channel(let direct) = remover.ask(.openDirect(OpenDirect(account: bob))) else {
            Issue.record("answered by the channel")
            return
        }
        #expect(error(remover.ask(remove(bob, from: direct.channel.id))) == .invalidArgument)
        #expect(member.ask(remove(bob, from: general)) == .done(Done()), "oneself, as by leave")
        #expect(error(member.post("x")) == .notMember)
        #expect(world.store.logs[acme]?[secret]?.events.isEmpty == true)
    }

    /// An admin who is not in an open channel may, in a closed one not.
    @Test func anAdminRemovesFromOpenChannelsWithoutBeingThere() {
        let world = world()
        world.store.setRole(eve, .admin, in: acme)
        let remover = Client(world, as: eve, role: .admin)
        let removed = Client(world, as: bob)
        _ = removed.ask(subscribe())
        #expect(error(remover.ask(remove(bob))) == .notFound)
        #expect(remover.ask(remove(bob, from: general)) == .done(Done()))
        _ = Client(world, as: alice).post("after")
        #expect(removed.events.map(\.kind) == [.left, .message], "an open channel stays readable")
    }

    // MARK: Exactly one reply

    @Test func aNewerSubscribeReplacesTheOneThatIsBeingRead() {
        let world = secretWorld()
        let writer = admin(world)
        fill(writer)
        let reader = Client(world, as: bob)
        world.store.holdsReads = true
        let first = reader.send(subscribe(secret, after: 0))
        world.settle()
        let second = reader.send(subscribe(secret, after: 100))
        world.settle()
        #expect(error(reader.reply(to: first)) == .conflict)
        world.store.releaseReads()
        world.settle()
        #expect(subscribed(reader.reply(to: second))?.from.sequence == 100)
        #expect(reader.frames.filter { $0.id == first }.count == 1)
        _ = writer.post("live", to: secret)
        #expect(reader.sequences == Array(101...601))
        reader.drop()
        #expect(world.front[0].attachments(.channel(secret)).isEmpty)
        let broadcasts = world.front[0].broadcasts
        _ = writer.post("nobody listens", to: secret)
        #expect(world.front[0].broadcasts == broadcasts, "the channel was told that the session is gone")
    }

    @Test func anUnsubscribeEndsTheOneThatIsBeingRead() {
        let world = secretWorld()
        let writer = admin(world)
        fill(writer)
        let reader = Client(world, as: bob)
        world.store.holdsReads = true
        let asked = reader.send(subscribe(secret, after: 0))
        world.settle()
        let withdrawn = reader.send(.unsubscribe(Unsubscribe(channel: secret)))
        world.settle()
        world.store.releaseReads()
        world.settle()
        #expect(error(reader.reply(to: asked)) == .conflict)
        #expect(reader.reply(to: withdrawn) == .done(Done()))
        #expect(reader.events.isEmpty)
        #expect(error(reader.ask(.unsubscribe(Unsubscribe(channel: secret)))) == .notSubscribed)
    }

    /// Once `subscribed` is out the older command is done with; its id may come again.
    @Test(arguments: [true, false]) func whatReplacesARunningReplayDoesNotAnswerItAgain(isSubscribe: Bool) {
        let world = secretWorld()
        let writer = admin(world)
        fill(writer, 900)
        let reader = Client(world, as: bob)
        let id = reader.send(subscribe(secret, after: 0))
        world.settle(until: { reader.reply(to: id) != nil })
        let before = reader.frames.count
        reader.send(isSubscribe ? subscribe(secret, after: 890) : .unsubscribe(Unsubscribe(channel: secret)),
                    id: id)
        world.settle()
        let replies = reader.frames.filter { $0.id == id }.map(\.body)
        #expect(replies.count == 2)
        if isSubscribe {
            #expect(subscribed(replies.last)?.from.sequence == 890)
            #expect(reader.sequences.suffix(10) == Array(891...900)[...], "one stream, not two")
        } else {
            #expect(replies.last == .done(Done()))
            #expect(reader.frames.last?.id == id, "nothing comes behind the reply")
        }
        #expect(reader.frames.count > before)
    }

    @Test func aReplacedSubscribeThatFailsTakesNothingWithIt() {
        let world = secretWorld { $0.inboxMax = 4 }
        let reader = Client(world, as: bob)
        #expect(subscribed(reader.ask(subscribe(secret))) != nil)
        // The inbox is full before the fifth gets there: it is refused and the subscription stands.
        let ids = (0..<6).map { _ in reader.send(subscribe(secret)) }
        world.settle()
        #expect(ids.allSatisfy { id in reader.frames.filter { $0.id == id }.count == 1 })
        #expect(ids.contains { error(reader.reply(to: $0)) == .overloaded })
        reader.drop()
        let broadcasts = world.front[0].broadcasts
        _ = admin(world).post("x", to: secret)
        #expect(world.front[0].broadcasts == broadcasts)
    }
}
