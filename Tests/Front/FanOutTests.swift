// Broadcasts to many: who gets them, in what order, and what happens to readers that are behind.

import Front
import Model
import Ports
import Testing
import Wire

private let topic = Topic.channel(ChannelID(high: 1, low: 2))

/// Sequences of the events in the next frames, until there are `count`.
func sequences(_ peer: Peer, _ count: Int, _ encoding: Encoding = .json) async throws
    -> [UInt64]
{
    var seen: [UInt64] = []
    while seen.count < count {
        for frame in serverFrames(try await peer.frame().payload, encoding) {
            if case .events(let events) = frame.body { seen += events.events.map(\.sequence) }
        }
    }
    return seen
}

@Suite(.timeLimit(.minutes(10)))
struct FanOutTests {
    @Test func everybodyGetsEverythingOnceInOrder() async throws {
        try await withWorld(loops: 2) { world in
            var readers: [(peer: Peer, session: World.Attached, encoding: Encoding)] = []
            for index in 0..<60 {
                let encoding: Encoding = index % 2 == 0 ? .json : .proto
                let (peer, session) = try await world.webSocket(encoding.subprotocol)
                session.attach(topic)
                readers.append((peer, session, encoding))
            }
            var lanes: [any DeliveryLane] = []
            for reader in readers where !lanes.contains(where: { $0 === reader.session.lane }) {
                lanes.append(reader.session.lane)
            }
            for number in 1...200 {
                let broadcast = news(number)
                for lane in lanes { lane.hand(.broadcast(topic, broadcast, except: nil)) }
            }
            for reader in readers {
                #expect(try await sequences(reader.peer, 200, reader.encoding) == Array(1...200))
            }
            #expect(world.counter("hub_deliveries_total") == 60 * 200)
        }
    }

    @Test func followsAttachmentsInTheOrderOfHandOver() async throws {
        try await withWorld { world in
            let (first, one) = try await world.webSocket()
            let (second, two) = try await world.webSocket()
            let lane = one.lane
            lane.hand(.broadcast(topic, news(1), except: nil))
            one.attach(topic)
            lane.hand(.broadcast(topic, news(2), except: nil))
            two.attach(topic)
            two.attach(topic)
            lane.hand(.broadcast(topic, news(3), except: one.id))
            lane.hand(.send(one.id, ServerFrame(body: news(4).frame.body)))
            lane.hand(.broadcast(.channel(ChannelID(high: 9, low: 9)), news(5), except: nil))
            lane.hand(.detach(one.id, topic))
            lane.hand(.detach(one.id, topic))
            lane.hand(.broadcast(topic, news(6), except: nil))
            one.attach(topic)
            lane.hand(.broadcast(topic, news(7), except: nil))
            #expect(try await sequences(first, 3) == [2, 4, 7])
            #expect(try await sequences(second, 3) == [3, 6, 7])
        }
    }

    /// While fan-outs wait (`FanOutPace`), what is for one connection goes out at once, and what waits for the same
    /// connection in front of it.
    @Test(arguments: [true, false])
    func whatWaitsForThePaceKeepsItsPlace(usesRing: Bool) async throws {
        try await withWorld({ $0.usesRing = usesRing }) { world in
            let readers = try await world.webSockets(10)
            for reader in readers { reader.session.attach(topic) }
            let lane = readers[0].session.lane
            var last: UInt64 = 0
            for _ in 0..<20 {
                lane.hand(.broadcast(topic, news(Int(last) + 1), except: nil))
                #expect(try await sequences(readers[0].peer, 1) == [last + 1])
                world.holdFanOuts(of: readers[0].session)
                lane.hand(.broadcast(topic, news(Int(last) + 2), except: nil))
                lane.hand(.send(readers[0].session.id, ServerFrame(body: news(Int(last) + 3).frame.body)))
                lane.hand(.broadcast(topic, news(Int(last) + 3), except: readers[0].session.id))
                #expect(try await sequences(readers[0].peer, 2) == [last + 2, last + 3])
                last += 3
            }
            #expect(world.counter("hub_fan_out_waits_total") > 0)
            world.holdFanOuts(of: readers[0].session)
            lane.hand(.broadcast(topic, news(Int(last) + 1), except: nil))
            lane.hand(.broadcast(topic, news(Int(last) + 2), except: nil))
            lane.hand(.close(readers[1].session.id, .revoked, retryAfterMilliseconds: 0))
            for (index, reader) in readers.enumerated() where index != 0 {
                #expect(try await sequences(reader.peer, Int(last) + 2) == Array(1...last + 2))
            }
            // Behind all that the notice that the session is closed, and the close frame.
            guard case .closing? = serverFrames(try await readers[1].peer.frame().payload).first?.body else {
                Issue.record("no notice")
                return
            }
            #expect(try await readers[1].peer.closeCode() == Int(CloseCode.revoked.rawValue))
        }
    }

    @Test func whoLeavesMakesRoomForTheOthers() async throws {
        try await withWorld { world in
            var readers = try await world.webSockets(10)
            for reader in readers { reader.session.attach(topic) }
            for index in [0, 8, 4] {
                try await readers[index].peer.write(Peer.frame(0x88, []))
                #expect(try await readers[index].peer.closeCode() == 1005)
            }
            for index in [8, 4, 0] { readers.remove(at: index) }
            readers[0].session.lane.hand(.broadcast(topic, news(1), except: nil))
            for reader in readers { #expect(try await sequences(reader.peer, 1) == [1]) }
        }
    }

    @Test func closesASlowReaderWithinItsBudget() async throws {
        let budget = 256 << 10
        try await withWorld({ $0.outboxBytesMax = budget }) { world in
            let (slow, lagging) = try await world.webSocket(receiveBytes: 4_096)
            let (quick, prompt) = try await world.webSocket()
            for session in [lagging, prompt] {
                session.welcome()
                session.attach(topic)
            }
            #expect(try await quick.frame().opcode == 1)
            var sent = 0
            var most: Int64 = 0
            while world.counter("hub_closes_total", "code=\"slow_reader\"") == 0, sent < 2_000 {
                sent += 1
                lagging.lane.hand(.broadcast(topic, news(sent, bytes: 16_000), except: nil))
                #expect(try await sequences(quick, 1) == [UInt64(sent)])
                most = max(most, world.gauge("hub_outbox_bytes"))
            }
            #expect(sent < 2_000)
            #expect(most <= Int64(budget) + 17_000)
            #expect(world.gauge("hub_outbox_bytes") < 17_500)
            // Reading on, it gets what had been sent, in order, and is told why it ends.
            let last = try await slow.lastEventBeforeItsEndAsSlow()
            #expect(last > 0 && last < UInt64(sent))
            lagging.lane.hand(.broadcast(topic, news(sent + 1), except: nil))
            #expect(try await sequences(quick, 1) == [UInt64(sent) + 1])
            #expect(world.gauge("hub_outbox_bytes") == 0)
        }
    }

    @Test func shedsEphemeralFramesFirst() async throws {
        try await withWorld({
            $0.outboxBytesMax = 512 << 10
            $0.stallMilliseconds = 600_000
        }) { world in
            let (slow, lagging) = try await world.webSocket(receiveBytes: 4_096)
            lagging.welcome()
            lagging.attach(topic)
            // Ephemeral frames alone never close anybody.
            var sent = 0
            while world.counter("hub_ephemeral_dropped_total") < 10 {
                sent += 1
                lagging.lane.hand(.broadcast(topic, news(sent, bytes: 16_000, isEphemeral: true),
                                             except: nil))
                await eventually {
                    world.gauge("hub_loop_waiting_jobs") == 0
                }
                #expect(world.gauge("hub_outbox_bytes") < 300 << 10)
                try #require(sent < 2_000)
            }
            lagging.lane.hand(.broadcast(topic, news(9_999), except: nil))
            #expect(world.counter("hub_closes_total", "code=\"slow_reader\"") == 0)
            // What is not ephemeral arrives.
            var last: UInt64 = 0
            while last != 9_999 { last = try await sequences(slow, 1)[0] }
        }
    }

    @Test func closesTheFullestWhenAllTogetherAreTooLarge() async throws {
        try await withWorld({
            $0.outboxBytesMax = 64 << 20
            $0.outboxTotalBytesMax = 1 << 20
        }) { world in
            let readers = try await world.webSockets(4, receiveBytes: 4_096)
            for (_, session) in readers {
                session.welcome()
                session.attach(topic)
            }
            var sent = 0
            while world.counter("hub_closes_total", "code=\"slow_reader\"") == 0 {
                sent += 1
                readers[0].session.lane.hand(.broadcast(topic, news(sent, bytes: 16_000), except: nil))
                await eventually { world.gauge("hub_loop_waiting_jobs") == 0 }
                #expect(world.gauge("hub_outbox_bytes") < 1 << 20 + 200_000)
                try #require(sent < 4_000)
            }
            withExtendedLifetime(readers) {}
        }
    }

    @Test func aStalledReaderIsDropped() async throws {
        try await withWorld({ $0.stallMilliseconds = 100 }) { world in
            let (peer, session) = try await world.webSocket(receiveBytes: 4_096)
            session.welcome()
            session.attach(topic)
            var sent = 0
            while world.gauge("hub_outbox_bytes") == 0, world.gauge("hub_websockets") == 1 {
                sent += 1
                session.lane.hand(.broadcast(topic, news(sent, bytes: 16_000), except: nil))
                await eventually { world.gauge("hub_loop_waiting_jobs") == 0 }
                try #require(sent < 2_000)
            }
            await eventually { world.gauge("hub_websockets") == 0 }
            #expect(world.gauge("hub_outbox_bytes") == 0)
            withExtendedLifetime(peer) {}
        }
    }

    @Test func drainsByTellingEverybody() async throws {
        var configuration = FrontConfiguration()
        configuration.helloMilliseconds = 120_000
        let world = try World(loops: 2, configuration, drainsWithin: 10_000)
        let readers = try await world.webSockets(20)
        for (_, session) in readers { session.welcome() }
        let idle = try world.peer()
        #expect(try await idle.ask("GET", "/healthz").status == 200)
        async let end: Void = world.end()
        for (peer, _) in readers {
            #expect(try await peer.frame().opcode == 1)
            let told = serverFrames(try await peer.frame().payload).first?.body
            guard case .closing(let closing) = told else {
                Issue.record("\(String(describing: told))")
                continue
            }
            #expect(closing.code == .draining)
            #expect(100...1_000 ~= closing.retryAfterMilliseconds, "a time of its own")
            #expect(try await peer.closeCode() == 4000)
            try await peer.write(Peer.frame(0x88, [0x0F, 0xA0]))
            #expect(try await peer.isClosedByHub())
        }
        #expect(try await idle.isClosedByHub())
        await end
        #expect(throws: PeerClosed.self) { try world.peer() }
        #expect(world.counter("hub_closes_total", "code=\"draining\"") == 20)
    }
}
