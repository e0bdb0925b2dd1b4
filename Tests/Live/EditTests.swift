// Edits as clients of the actors see them: in the log's order, only of one's own messages, answered once
// whether the message is at hand or has to be read.

import Live
import Model
import Ports
import Simulation
import Testing

@Suite struct EditTests {
    private static func edit(_ target: UInt64, _ text: String = "new", key: IdempotencyKey = "e",
                             in channel: ChannelID = general) -> Command {
        .edit(Edit(channel: channel, key: key, target: target, text: text))
    }

    /// A channel with so many messages of alice's that the first are no longer at hand.
    private static func filled(_ configure: (inout LiveConfiguration) -> Void = { _ in }) -> (World, Client) {
        let world = world(configure)
        let writer = Client(world, as: alice)
        for number in 1...400 { _ = writer.post("m\(number)") }
        return (world, writer)
    }

    @Test func anEditIsAnEventForEverybodyByPushReplayAndHistory() {
        let world = world()
        let writer = Client(world, as: alice)
        let reader = Client(world, as: bob, front: 1)
        _ = reader.ask(subscribe())
        _ = writer.post("old")
        let reply = posted(writer.ask(Self.edit(1)))
        #expect(reply?.position == Position(epoch: 1, sequence: 2) && reply?.duplicate == false)
        _ = writer.post("later")
        let late = Client(world, as: bob)
        _ = late.ask(subscribe(after: 0))
        guard case .historyPage(let page) = late.ask(.history(History(channel: general))) else {
            Issue.record("answered by a page")
            return
        }
        for events in [reader.events, late.events, page.events] {
            #expect(events.map(\.kind) == [.message, .edited, .message])
            #expect(events.map(\.text) == ["old", "new", "later"])
            #expect(events.map(\.target) == [nil, 1, nil])
        }
        #expect(world.store.logs[acme]?[general]?.events.map { $0.body == nil } == [false, false, false])
    }

    @Test func anEditSurvivesTheActor() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.post("old")
        _ = writer.ask(Self.edit(1))
        world.advance(200_000)
        #expect(world.metrics.channels.current == 0)
        _ = writer.ask(subscribe(after: 0))
        #expect(writer.events.map(\.text) == ["old", "new"])
        #expect(writer.events.map(\.target) == [nil, 1])
    }

    @Test func aRetryGetsTheSamePositionWhateverCameWithTheKeyFirst() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.post("old", key: "m")
        let first = posted(writer.ask(Self.edit(1)))
        for again in [Self.edit(1), .post(Post(channel: general, key: "e", text: "x"))] {
            let reply = posted(writer.ask(again))
            #expect(reply?.position == first?.position && reply?.duplicate == true)
        }
        let clash = posted(writer.ask(Self.edit(1, key: "m")))
        #expect(clash?.position.sequence == 1 && clash?.duplicate == true)
        #expect(world.store.logs[acme]?[general]?.events.count == 2)
    }

    @Test func onlyOnesOwnMessagesCanBeEdited() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.post("mine")
        _ = writer.ask(Self.edit(1))
        #expect(error(writer.ask(Self.edit(2, key: "a"))) == .notFound, "an edit is no message")
        #expect(error(writer.ask(Self.edit(9, key: "b"))) == .notFound)
        #expect(error(writer.ask(Self.edit(.max, key: "c"))) == .notFound)
        #expect(error(writer.ask(Self.edit(0, key: "d"))) == .invalidArgument)
        #expect(error(Client(world, as: bob).ask(Self.edit(1))) == .forbidden)
        let outsider = Client(world, as: eve)
        #expect(error(outsider.ask(Self.edit(1))) == .notMember)
        #expect(error(outsider.ask(Self.edit(1, in: secret))) == .notFound, "as if it did not exist")
        _ = outsider.ask(.join(Join(channel: general)))
        #expect(error(outsider.ask(Self.edit(3))) == .notFound, "joining is no message")
        _ = writer.ask(.leave(Leave(channel: general)))
        #expect(error(writer.ask(Self.edit(1, key: "f"))) == .notMember)
        #expect(world.store.logs[acme]?[general]?.events.map(\.kind) == [.message, .edited, .joined, .left])
    }

    @Test func aMessageThatIsNotAtHandIsRead() {
        let (world, writer) = Self.filled()
        let reads = world.store.pageReads
        let reply = posted(writer.ask(Self.edit(3)))
        #expect(reply?.position.sequence == 401)
        #expect(world.store.pageReads == reads + 1)
        #expect(world.store.logs[acme]?[general]?.events.last?.target == 3)
        #expect(posted(writer.ask(Self.edit(3)))?.duplicate == true)
        #expect(error(Client(world, as: bob).ask(Self.edit(3))) == .forbidden)
    }

    @Test func aMessageThatAnotherNodeWroteIsFoundAheadOfTheHead() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.post("here")
        let foreign = StoredEvent(
            sequence: 2, id: EventID(high: 8, low: 8), kind: .message, sender: alice, subject: nil,
            at: world.now, key: "x", body: SealedBody(key: KeyID(high: 8, low: 8), bytes: Array("ereht".utf8)))
        _ = world.store.apply(acme, general, Position(epoch: 1, sequence: 1), [foreign])
        #expect(posted(writer.ask(Self.edit(2)))?.position.sequence == 3)
        _ = writer.ask(subscribe(after: 0))
        #expect(writer.events.map(\.text) == ["here", "there", "new"])
    }

    @Test func whoLeftWhileTheMessageWasReadIsRefused() {
        let (world, writer) = Self.filled()
        let edit = writer.send(Self.edit(3))
        let leave = writer.send(.leave(Leave(channel: general)))
        world.store.readDelay = 20
        world.settle()
        #expect(writer.reply(to: leave) == .done(Done()))
        #expect(error(writer.reply(to: edit)) == .notMember)
        #expect(world.store.logs[acme]?[general]?.events.last?.kind == .left)
        #expect(writer.frames.filter { $0.id == edit }.count == 1)
    }

    @Test func aReadThatFailsOrFindsNoRoomIsAnsweredOnce() {
        let (world, writer) = Self.filled {
            $0.readsMax = 1
            $0.readsWaitingMax = 2
        }
        world.store.readFaults = [.unavailable("x")]
        let ids = (0..<4).map { writer.send(Self.edit(UInt64($0 + 3), key: "e\($0)")) }
        world.settle()
        #expect(ids.map { error(writer.reply(to: $0)) } == [.unavailable, nil, nil, .overloaded])
        #expect(ids.map { id in writer.frames.filter { $0.id == id }.count } == [1, 1, 1, 1])
        #expect(posted(writer.ask(Self.edit(3, key: "e0")))?.position.sequence == 403)
    }

    @Test func aFailedWriteIsToldAndLeavesNothing() {
        let (world, writer) = Self.filled()
        world.store.appendFaults = [.failBefore(.unavailable("x"))]
        #expect(error(writer.ask(Self.edit(3))) == .unavailable)
        #expect(posted(writer.ask(Self.edit(3)))?.position.sequence == 401)
    }

    /// The log was set back under the actor while it read.
    @Test func aLogThatIsReplacedMeanwhileIsNoAnswer() {
        let (world, writer) = Self.filled()
        world.store.logs[acme]?[general]?.record.head = Position(epoch: 2, sequence: 0)
        let edit = writer.send(Self.edit(3))
        let post = writer.send(.post(Post(channel: general, key: "p", text: "x")))
        world.store.readDelay = 20
        world.settle()
        #expect(error(writer.reply(to: post)) == .unavailable)
        #expect(error(writer.reply(to: edit)) == .unavailable)
    }

    /// A refused read says nothing about a replay of the same session that is under way.
    @Test func aReplayGoesOnWhenAnotherReadIsRefused() {
        let (world, writer) = Self.filled {
            $0.readsMax = 1
            $0.readsWaitingMax = 1
        }
        let replay = writer.send(subscribe(after: 10))
        let edits = (0..<3).map { writer.send(Self.edit(UInt64($0 + 3), key: "e\($0)")) }
        world.settle()
        #expect(edits.contains { error(writer.reply(to: $0)) == .overloaded })
        #expect(subscribed(writer.reply(to: replay))?.from.sequence == 10)
        #expect(writer.sequences.first == 11)
    }
}
