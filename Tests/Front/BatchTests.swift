// What goes out together at the end of a tick, with io_uring and without: every reader gets everything once and
// in order, whatever becomes of its neighbours in the batch.

import Front
import Model
import Ports
import Testing
import Wire

private let topic = Topic.channel(ChannelID(high: 1, low: 3))

@Suite(.timeLimit(.minutes(10)))
struct BatchTests {
    /// A reader of the same broadcasts: its bytes, how many events it has seen, and the last.
    private struct Reader {
        let peer: Peer
        let encoding: Encoding
        var last = 0

        /// Reads on until event number `last`; they come one after the other.
        mutating func follow(to end: Int) async throws {
            while last < end {
                for frame in serverFrames(try await peer.frame().payload, encoding) {
                    guard case .events(let events) = frame.body else { continue }
                    for event in events.events {
                        #expect(event.sequence == UInt64(last) + 1)
                        last += 1
                    }
                }
            }
        }
    }

    @Test(arguments: [true, false])
    func aNeighbourThatStallsOrBreaksHarmsNobody(usesRing: Bool) async throws {
        try await withWorld({
            $0.usesRing = usesRing
            $0.outboxBytesMax = 64 << 20
        }) { world in
            var prompt: [Reader] = []
            var stalled: [Reader] = []
            var broken: [Peer] = []
            var lane: (any DeliveryLane)!
            for index in 0..<60 {
                let encoding: Encoding = index % 2 == 0 ? .json : .proto
                let isStalled = index % 10 == 3
                let (peer, session) = try await world.webSocket(encoding.subprotocol,
                                                                receiveBytes: isStalled ? 4_096 : nil)
                lane = session.lane
                session.welcome()
                session.attach(topic)
                if isStalled {
                    stalled.append(Reader(peer: peer, encoding: encoding))
                } else if index % 10 == 7 {
                    broken.append(peer)
                } else {
                    prompt.append(Reader(peer: peer, encoding: encoding))
                }
            }
            // Bursts of one to seven events share a tick, so that frames are joined; every tenth is large.
            var sent = 0
            for burst in 1...120 {
                for number in 0...burst % 7 {
                    sent += 1
                    let bytes = number == 0 && burst % 10 == 0 ? 200_000 : 3_000
                    lane.hand(.broadcast(topic, news(sent, bytes: bytes), except: nil))
                }
                if burst == 30 { for peer in broken { peer.resetAtEnd() } }
                if burst == 40 { broken = [] }
                for index in prompt.indices { try await prompt[index].follow(to: sent) }
            }
            #expect(world.gauge("hub_outbox_bytes") > 0)
            for index in stalled.indices { try await stalled[index].follow(to: sent) }
            await eventually { world.gauge("hub_websockets") == 54 && world.gauge("hub_outbox_bytes") == 0 }
            #expect((world.counter("hub_send_batches_total") > 0) == usesRing)
        }
    }

    @Test(arguments: [true, false])
    func moreThanCanBeJoinedArrivesInOrder(usesRing: Bool) async throws {
        try await withWorld({
            $0.usesRing = usesRing
            $0.outboxBytesMax = 64 << 20
        }) { world in
            var readers: [Reader] = []
            var lane: (any DeliveryLane)!
            for _ in 0..<8 {
                let (peer, session) = try await world.webSocket()
                lane = session.lane
                session.welcome()
                session.attach(topic)
                readers.append(Reader(peer: peer, encoding: .json))
            }
            // 100 frames of 30 kB in one tick: three times the memory for joining, and more than one gather.
            for number in 1...100 { lane.hand(.broadcast(topic, news(number, bytes: 30_000), except: nil)) }
            for index in readers.indices { try await readers[index].follow(to: 100) }
        }
    }
}
