// Streams in the course of time: broadcasts, slow readers, silence, drain, and peers that go.

import Front
import Model
import Ports
import Testing
import Wire

private let topic = Topic.channel(ChannelID(high: 1, low: 2))

@Suite(.timeLimit(.minutes(10)))
struct EventStreamLifeTests {
    @Test func everybodyGetsBroadcastsOnceInOrder() async throws {
        try await withWorld(loops: 2) { world in
            var streams: [EventStreamPeer] = []
            for _ in 0..<20 { streams.append(try await world.stream()) }
            let socket = try await world.webSocket()
            var lanes: [any DeliveryLane] = []
            for session in streams.map(\.session) + [socket.session] {
                session.attach(topic)
                if !lanes.contains(where: { $0 === session.lane }) { lanes.append(session.lane) }
            }
            for number in 1...100 {
                let broadcast = news(number)
                for lane in lanes { lane.hand(.broadcast(topic, broadcast, except: nil)) }
            }
            for number in 1...100 as ClosedRange<UInt64> {
                for stream in streams {
                    guard case .events(let events) = try await stream.peer.streamFrame().body else {
                        Issue.record("not events")
                        return
                    }
                    #expect(events.events.map(\.sequence) == [number])
                }
            }
            #expect(world.counter("hub_deliveries_total") == 21 * 100)
        }
    }

    @Test func closesASlowReaderWithinItsBudget() async throws {
        let budget = 256 << 10
        try await withWorld({ $0.outboxBytesMax = budget }) { world in
            let slow = try await world.stream(receiveBytes: 4_096)
            slow.session.welcome()
            slow.session.attach(topic)
            var sent = 0
            var most: Int64 = 0
            while world.counter("hub_closes_total", "code=\"slow_reader\"") == 0 {
                sent += 1
                try #require(sent < 2_000)
                slow.session.lane.hand(.broadcast(topic, news(sent, bytes: 16_000), except: nil))
                await eventually { world.gauge("hub_loop_waiting_jobs") == 0 }
                most = max(most, world.gauge("hub_outbox_bytes"))
            }
            #expect(most <= Int64(budget) + 17_000)
            #expect(world.gauge("hub_outbox_bytes") < 17_500)
            #expect(try await world.peer().command(slow.key, "").status == 404)
            // Reading on, it gets what had been sent, in order, and is told why it ends.
            var last: UInt64 = 0
            while true {
                let body = try await slow.peer.streamFrame().body
                if case .welcome = body { continue }
                if case .events(let events) = body {
                    #expect(events.events.map(\.sequence) == [last + 1])
                    last += 1
                    continue
                }
                #expect(body == .closing(Closing(code: .slow, retryAfterMilliseconds: 0)))
                break
            }
            #expect(last > 0)
            #expect(try await slow.peer.isClosedByHub())
            await eventually { world.gauge("hub_event_streams") == 0 }
            #expect(world.gauge("hub_outbox_bytes") == 0)
        }
    }

    @Test func aStalledReaderIsDropped() async throws {
        try await withWorld({ $0.stallMilliseconds = 100 }) { world in
            let stream = try await world.stream(receiveBytes: 4_096)
            stream.session.welcome()
            stream.session.attach(topic)
            var sent = 0
            while world.gauge("hub_outbox_bytes") == 0, world.gauge("hub_event_streams") == 1 {
                sent += 1
                stream.session.lane.hand(.broadcast(topic, news(sent, bytes: 16_000), except: nil))
                await eventually { world.gauge("hub_loop_waiting_jobs") == 0 }
                try #require(sent < 2_000)
            }
            await eventually { world.gauge("hub_event_streams") == 0 }
            #expect(world.gauge("hub_outbox_bytes") == 0)
            #expect(world.counter("hub_closes_total", "code=\"slow_reader\"") == 1)
            withExtendedLifetime(stream) {}
        }
    }

    @Test func asksWhoIsSilentForASignOfLife() async throws {
        try await withWorld({
            $0.heartbeatMilliseconds = 50
            $0.pongMilliseconds = 60_000
        }) { world in
            let stream = try await world.stream()
            stream.session.welcome()
            _ = try await stream.peer.streamFrame()
            let peer = try world.peer()
            for _ in 0..<4 {
                #expect(try await stream.peer.streamBlock() == ": ping")
                #expect(try await peer.command(stream.key, "").status == 204)
            }
            #expect(world.gauge("hub_event_streams") == 1)
            #expect(world.counter("hub_messages_received_total") == 0)
        }
    }

    @Test func closesWhoGivesNoSignOfLife() async throws {
        try await withWorld({
            $0.heartbeatMilliseconds = 50
            $0.pongMilliseconds = 50
        }) { world in
            let stream = try await world.stream()
            stream.session.welcome()
            _ = try await stream.peer.streamFrame()
            #expect(try await stream.peer.streamBlock() == ": ping")
            try await stream.peer.endsStream(.heartbeatTimeout)
        }
    }

    @Test func nobodyCommandsAStreamThatBroke() async throws {
        try await withWorld(loops: 2) { world in
            let key: String
            do {
                let stream = try await world.stream()
                stream.session.attach(topic)
                key = stream.key
                stream.peer.resetAtEnd()
            }
            await eventually { world.gauge("hub_event_streams") == 0 }
            for _ in 0..<5 { #expect(try await world.peer().command(key, "").status == 404) }
        }
    }

    @Test func drainsByTellingEverybody() async throws {
        let world = try World(loops: 2, drainsWithin: 10_000)
        var streams: [EventStreamPeer] = []
        for _ in 0..<10 { streams.append(try await world.stream()) }
        async let end: Void = world.end()
        for stream in streams { try await stream.peer.endsStream(.draining) }
        await end
        #expect(world.counter("hub_closes_total", "code=\"draining\"") == 10)
        #expect(world.gauge("hub_connections") == 0)
    }
}
