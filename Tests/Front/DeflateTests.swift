// permessage-deflate over real sockets: who gets what compressed, once for all, and what happens to those
// who send what they must not.

import Deflate
import Front
import Model
import Ports
import Testing
import Wire

private let topic = Topic.channel(ChannelID(high: 1, low: 2))
private let offer = "permessage-deflate; client_max_window_bits"

extension World {
    /// A peer that offers permessage-deflate, and what was answered.
    fileprivate func deflating(_ offer: String = offer, _ subprotocol: String = "hub.v1.json")
        async throws -> (peer: Peer, session: Attached, answer: String?)
    {
        let peer = try peer()
        try await peer.write(Peer.upgrade(subprotocol: subprotocol, ["Sec-WebSocket-Extensions: \(offer)"]))
        let answer = try await peer.answer()
        #expect(answer.status == 101)
        return (peer, newestSession(), answer.headers["sec-websocket-extensions"])
    }
}

private func deflated(_ text: String) -> [UInt8] { deflated(Array(text.utf8)) }
private func deflated(_ message: [UInt8]) -> [UInt8] {
    var deflater = Deflater()
    return message.withUnsafeBytes { deflater.deflate($0) { Array($0) } }
}

private func inflated(_ message: [UInt8]) -> [UInt8]? {
    var inflater = Inflater()
    return message.withUnsafeBytes { bytes in (try? inflater.inflate(bytes, bytesMax: 1 << 24)).map { Array($0) } }
}

@Suite(.timeLimit(.minutes(10)))
struct DeflateTests {
    @Test func isAgreedOnWhenItIsOn() async throws {
        let base = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        try await withWorld { world in
            for (offer, expected) in [
                (offer, base), ("permessage-deflate; unknown", nil),
                ("permessage-deflate; server_max_window_bits=9", base + "; server_max_window_bits=9"),
            ] {
                let answer = try await world.deflating(offer).answer
                #expect(answer == expected)
            }
        }
        try await withWorld({ $0.isDeflating = false }) { world in
            let (peer, _, answer) = try await world.deflating()
            #expect(answer == nil)
            try await peer.write(Peer.frame(0xC1, deflated("{}")))
            #expect(try await peer.closeCode() == 1002)
        }
    }

    @Test func aBroadcastIsCompressedOnceForAll() async throws {
        try await withWorld(loops: 2) { world in
            var deflating: [(peer: Peer, encoding: Encoding)] = []
            var plain: [(peer: Peer, encoding: Encoding)] = []
            var lanes: [any DeliveryLane] = []
            for index in 0..<40 {
                let encoding: Encoding = index % 2 == 0 ? .json : .proto
                let (one, first, _) = try await world.deflating(offer, encoding.subprotocol)
                let (other, second) = try await world.webSocket(encoding.subprotocol)
                deflating.append((one, encoding))
                plain.append((other, encoding))
                for session in [first, second] {
                    session.attach(topic)
                    if !lanes.contains(where: { $0 === session.lane }) { lanes.append(session.lane) }
                }
            }
            let broadcast = news(1, bytes: 2_000)
            for lane in lanes { lane.hand(.broadcast(topic, broadcast, except: nil)) }
            var whole: [Encoding: [UInt8]] = [:]
            for (peer, encoding) in plain {
                let (first, payload) = try await peer.markedFrame()
                #expect(first == (encoding == .json ? 0x81 : 0x82))
                whole[encoding] = payload
            }
            for (peer, encoding) in deflating {
                let (first, payload) = try await peer.markedFrame()
                #expect(first == (encoding == .json ? 0xC1 : 0xC2))
                #expect(payload.count < 400)
                #expect(inflated(payload) == whole[encoding])
            }
            #expect(world.counter("hub_deflated_messages_total") == 2)
            #expect(world.counter("hub_deflate_saved_bytes_total") > 3_000)
        }
    }

    /// The frame of a broadcast that is just worth it, and of one that is not.
    @Test func smallBroadcastsGoAsTheyAre() async throws {
        let empty = news(1, bytes: 1)
        for (bytes, first) in [(511, 0x81), (512, 0xC1)] as [(Int, UInt8)] {
            try await withWorld({ $0.deflateBytesMin = 512 }) { world in
                let (peer, session, _) = try await world.deflating()
                session.attach(topic)
                session.lane.hand(.broadcast(topic, empty, except: nil))
                let least = try await peer.markedFrame().payload.count - 1
                // Four bytes of header in front of what is longer than 125.
                session.lane.hand(.broadcast(topic, news(1, bytes: bytes - 4 - least), except: nil))
                #expect(try await peer.markedFrame().first == first)
            }
        }
    }

    @Test func onlyEventsOfAChannelAreCompressed() async throws {
        try await withWorld({ $0.deflateBytesMin = 0 }) { world in
            let (peer, session, _) = try await world.deflating()
            session.welcome()
            session.attach(topic)
            #expect(try await peer.markedFrame().first == 0x81)
            session.lane.hand(.send(session.id, ServerFrame(id: 2, body: news(1, bytes: 5_000).frame.body)))
            #expect(try await peer.markedFrame().first == 0x81)
            session.lane.hand(.broadcast(topic, Broadcast(.personRemoved(PersonRemoved(
                account: AccountID(high: 1, low: 2)))), except: nil))
            #expect(try await peer.markedFrame().first == 0x81)
            session.lane.hand(.broadcast(topic, news(1, bytes: 100), except: nil))
            #expect(try await peer.markedFrame().first == 0xC1)
        }
    }

    @Test(arguments: [(8, 0x81), (11, 0x81), (12, 0xC1), (15, 0xC1)] as [(Int, UInt8)])
    func aSmallerWindowGetsNothingCompressed(_ bits: Int, _ first: UInt8) async throws {
        try await withWorld { world in
            let (peer, session, _) = try await world.deflating(
                "permessage-deflate; server_max_window_bits=\(bits)")
            session.attach(topic)
            session.lane.hand(.broadcast(topic, news(1, bytes: 9_000), except: nil))
            let (mark, payload) = try await peer.markedFrame()
            #expect(mark == first)
            #expect((payload.count < 1_000) == (first == 0xC1))
            // It may send compressed all the same.
            try await peer.write(Peer.frame(0xC1, deflated("[]")))
            #expect(try await peer.error() != nil)
        }
    }

    @Test func compressedCommandsAreUnderstood() async throws {
        try await withWorld { world in
            let (peer, _, _) = try await world.deflating()
            let whole = deflated(#"{"id":7,"ping":{"unknown":"\#(String(repeating: "x", count: 9_000))"}}"#)
            try await peer.write(Peer.frame(0xC1, whole))
            #expect(try await peer.error()?.id == 7)
            try await peer.write(Peer.frame(0x41, Array(whole[..<9])) + Peer.frame(0x89, [1])
                + Peer.frame(0x80, Array(whole[9...])))
            #expect(try await peer.frame().opcode == 10)
            #expect(try await peer.error()?.id == 7)
            try await peer.sendText(#"{"id":8,"ping":{}}"#)
            #expect(try await peer.error()?.id == 8)
            #expect(world.counter("hub_inflated_messages_total") == 2)
        }
    }

    @Test(arguments: [false, true])
    func whatComesOutIsLimited(_ isOpen: Bool) async throws {
        let limit = isOpen ? 1 << 20 : 16 << 10
        for (count, code) in [(limit, nil), (limit + 1, 1009), (64 << 20, 1009)] as [(Int, Int?)] {
            try await withWorld { world in
                let (peer, session, _) = try await world.deflating()
                if isOpen {
                    session.welcome()
                    _ = try await peer.frame()
                }
                let ping = Array(#"{"id":5,"ping":{}}"#.utf8)
                let message = deflated(ping + [UInt8](repeating: 0x20, count: count - ping.count))
                try await peer.write(Peer.frame(0xC1, message) + Peer.frame(0x89, [3]))
                if let code {
                    #expect(try await peer.closeCode() == code)
                } else {
                    // The answer to the command may come before or behind the pong.
                    var opcode: UInt8 = 1
                    while opcode == 1 { opcode = try await peer.frame().opcode }
                    #expect(opcode == 10)
                }
            }
        }
    }

    @Test(arguments: [
        [0xF2, 0x00, 0x11, 0x00, 0x00], [0x07], [0xF2, 0x48, 0xCD], deflated([0xC3, 0x28]), deflated([0xE2, 0x82]),
    ] as [[UInt8]])
    func whatIsNoDataOrNoTextCloses(_ payload: [UInt8]) async throws {
        try await withWorld { world in
            let (peer, _, _) = try await world.deflating()
            try await peer.write(Peer.frame(0xC1, payload))
            #expect(try await peer.closeCode() == 1007)
        }
    }
}
