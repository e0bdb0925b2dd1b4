// A broker of MQTT 3.1.1 over WebSocket (OASIS Standard, 29 October 2014; §6 for WebSocket), as far as
// a fan-out needs it: CONNECT, SUBSCRIBE and PUBLISH with QoS 0, one topic.

enum MQTTPacket: Equatable {
    case connectionAcknowledged(code: UInt8)
    case subscriptionAcknowledged(code: UInt8)
    /// Where the payload is in the bytes given.
    case publish(payload: Range<Int>)
    case other(UInt8)
}

enum MQTTCodec {
    static func connect(client: String) -> [UInt8] {
        // Protocol level 4, clean session, no keep-alive.
        packet(0x10, string("MQTT") + [4, 2, 0, 0] + string(client))
    }

    static func subscribe(_ topic: String) -> [UInt8] {
        packet(0x82, [0, 1] + string(topic) + [0])
    }

    static func publish(_ topic: String, _ payload: [UInt8], to out: inout [UInt8]) {
        out.append(0x30)
        length(2 + topic.utf8.count + payload.count, to: &out)
        out.append(UInt8(topic.utf8.count >> 8))
        out.append(UInt8(topic.utf8.count & 0xFF))
        out.append(contentsOf: topic.utf8)
        out.append(contentsOf: payload)
    }

    private static func packet(_ first: UInt8, _ body: [UInt8]) -> [UInt8] {
        var out = [first]
        length(body.count, to: &out)
        return out + body
    }

    private static func string(_ text: String) -> [UInt8] {
        [UInt8(text.utf8.count >> 8), UInt8(text.utf8.count & 0xFF)] + Array(text.utf8)
    }

    /// §2.2.3: seven bits a byte, the lowest first.
    private static func length(_ count: Int, to out: inout [UInt8]) {
        var rest = count
        while rest >= 128 {
            out.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        out.append(UInt8(rest))
    }

    /// Calls `each` for every whole packet; returns how many bytes those took.
    static func parse(_ bytes: UnsafeRawBufferPointer,
                      _ each: (MQTTPacket) -> Void) throws -> Int {
        var start = 0
        while let header = try header(bytes, at: start) {
            let end = header.body + header.length
            guard end <= bytes.count else { break }
            each(try packet(bytes, bytes[start], header.body..<end))
            start = end
        }
        return start
    }

    private static func header(_ bytes: UnsafeRawBufferPointer,
                               at start: Int) throws -> (body: Int, length: Int)? {
        var length = 0
        for index in 0..<4 {
            guard start + 1 + index < bytes.count else { return nil }
            let byte = bytes[start + 1 + index]
            length |= Int(byte & 0x7F) << (7 * index)
            if byte < 0x80 { return (start + 2 + index, length) }
        }
        throw DecodingError("MQTT: bad length", at: start)
    }

    private static func packet(_ bytes: UnsafeRawBufferPointer, _ first: UInt8,
                               _ body: Range<Int>) throws -> MQTTPacket {
        switch first & 0xF0 {
        case 0x20 where body.count == 2:
            return .connectionAcknowledged(code: bytes[body.lowerBound + 1])
        case 0x90 where body.count == 3:
            return .subscriptionAcknowledged(code: bytes[body.lowerBound + 2])
        case 0x30 where first & 0x06 == 0 && body.count >= 2:
            let topic = Int(bytes[body.lowerBound]) << 8 | Int(bytes[body.lowerBound + 1])
            guard 2 + topic <= body.count else { break }
            return .publish(payload: body.lowerBound + 2 + topic..<body.upperBound)
        case 0xD0: return .other(first)
        default: break
        }
        throw DecodingError("MQTT: unexpected packet \(first)", at: body.lowerBound)
    }
}

final class MQTTTarget: FanoutTarget {
    let subprotocol: String? = "mqtt"
    let hasPositions = false
    let isAcknowledging = false
    private let topic: String
    private var carries: [StreamCarry]
    private var encoded: [UInt8] = []

    init(_ configuration: FanoutConfiguration) {
        topic = configuration.channel
        carries = Array(repeating: StreamCarry(),
                        count: configuration.subscribers + configuration.publishers)
    }

    func opened(_ connection: WebSocketConnection, _ run: FanoutRun) {
        let name = "bench-\(String(run.run, radix: 16))-\(connection.slot)"
        MQTTCodec.connect(client: name).withUnsafeBytes { connection.send(.binary, $0) }
    }

    func publish(_ text: [UInt8], publisher: Int, counter: UInt64,
                 on connection: WebSocketConnection, _ run: FanoutRun) {
        encoded.removeAll(keepingCapacity: true)
        MQTTCodec.publish(topic, text, to: &encoded)
        encoded.withUnsafeBytes { connection.send(.binary, $0) }
    }

    func received(_ bytes: UnsafeRawBufferPointer, on connection: WebSocketConnection,
                  at now: UInt64, _ run: FanoutRun) {
        let slot = connection.slot
        do {
            try carries[slot].take(bytes) { bytes in
                try MQTTCodec.parse(bytes) { packet in
                    switch packet {
                    case .publish(let payload):
                        run.delivered(to: slot, sequence: 0,
                                      text: UnsafeRawBufferPointer(rebasing: bytes[payload]), now)
                    case .connectionAcknowledged(code: 0):
                        if run.isSubscriber(slot) {
                            MQTTCodec.subscribe(topic).withUnsafeBytes {
                                connection.send(.binary, $0)
                            }
                        } else {
                            run.ready(slot)
                        }
                    case .subscriptionAcknowledged(code: 0): run.ready(slot)
                    case .connectionAcknowledged(let code), .subscriptionAcknowledged(let code):
                        run.complained(slot, "the broker refused with code \(code)")
                    case .other: break
                    }
                }
            }
        } catch {
            run.fail(BenchError("the broker sent what cannot be read: \(error)"))
        }
    }
}
