// The two encodings of client protocol 1 (docs/hub.v1.proto) and the commands the bench sends in
// them. Only what the bench uses; what it receives is in Inbound.swift.

/// How frames are written on a connection.
package enum Encoding: String, Sendable, CaseIterable, Codable {
    case json
    case proto

    package var subprotocol: String { "hub.v1.\(rawValue)" }
    package var messageKind: MessageKind { self == .json ? .text : .binary }
}

/// A place in a channel's log.
package struct Position: Hashable, Sendable, Codable {
    package var epoch: UInt64
    package var sequence: UInt64

    package init(epoch: UInt64 = 0, sequence: UInt64 = 0) {
        self.epoch = epoch
        self.sequence = sequence
    }
}

package enum Command: Sendable {
    case hello(token: String, agent: String)
    case refresh(token: String)
    case subscribe(channel: String, after: Position?)
    case post(channel: String, key: String, text: [UInt8])
    case history(channel: String, after: UInt64, limit: UInt32)
    case listChannels
    case createChannel(name: String, topic: String)
    case join(channel: String)
    case ping
    /// To whoever is subscribed now; not stored.
    case broadcast(channel: String, text: [UInt8])

    /// Appends one WebSocket message that holds this command alone.
    package func append(id: UInt32, _ encoding: Encoding, to out: inout [UInt8]) {
        switch encoding {
        case .json: appendJSON(id: id, to: &out)
        case .proto: appendProto(id: id, to: &out)
        }
    }

    // MARK: JSON

    private func appendJSON(id: UInt32, to out: inout [UInt8]) {
        out.append(contentsOf: "{\"id\":\(id),".utf8)
        switch self {
        case .hello(let token, let agent):
            JSONWriter.object("hello", [("token", token), ("agent", agent)], to: &out)
        case .refresh(let token):
            JSONWriter.object("refresh", [("token", token)], to: &out)
        case .subscribe(let channel, nil):
            JSONWriter.object("subscribe", [("channel", channel)], to: &out)
        case .subscribe(let channel, let after?):
            out.append(contentsOf: "\"subscribe\":{\"channel\":".utf8)
            JSONWriter.string(channel.utf8, to: &out)
            out.append(contentsOf: (",\"after\":{\"epoch\":\"\(after.epoch)\","
                + "\"sequence\":\"\(after.sequence)\"}}").utf8)
        case .post(let channel, let key, let text):
            out.append(contentsOf: "\"post\":{\"channel\":".utf8)
            JSONWriter.string(channel.utf8, to: &out)
            out.append(contentsOf: ",\"key\":".utf8)
            JSONWriter.string(key.utf8, to: &out)
            out.append(contentsOf: ",\"text\":".utf8)
            JSONWriter.string(text, to: &out)
            out.append(UInt8(ascii: "}"))
        case .history(let channel, let after, let limit):
            out.append(contentsOf: "\"history\":{\"channel\":".utf8)
            JSONWriter.string(channel.utf8, to: &out)
            out.append(contentsOf: ",\"after\":\"\(after)\",\"limit\":\(limit)}".utf8)
        case .listChannels:
            out.append(contentsOf: "\"list_channels\":{}".utf8)
        case .createChannel(let name, let topic):
            out.append(contentsOf: "\"create_channel\":{\"kind\":\"OPEN\",\"name\":".utf8)
            JSONWriter.string(name.utf8, to: &out)
            out.append(contentsOf: ",\"topic\":".utf8)
            JSONWriter.string(topic.utf8, to: &out)
            out.append(UInt8(ascii: "}"))
        case .join(let channel):
            JSONWriter.object("join", [("channel", channel)], to: &out)
        case .ping:
            out.append(contentsOf: "\"ping\":{}".utf8)
        case .broadcast(let channel, let text):
            out.append(contentsOf: "\"broadcast\":{\"channel\":".utf8)
            JSONWriter.string(channel.utf8, to: &out)
            out.append(contentsOf: ",\"text\":".utf8)
            JSONWriter.string(text, to: &out)
            out.append(UInt8(ascii: "}"))
        }
        out.append(UInt8(ascii: "}"))
    }

    // MARK: Protobuf

    private func appendProto(id: UInt32, to out: inout [UInt8]) {
        var body: [UInt8] = []
        let field: UInt32
        switch self {
        case .hello(let token, let agent):
            field = 2
            ProtoWriter.bytes(1, token.utf8, to: &body)
            ProtoWriter.bytes(3, agent.utf8, to: &body)
        case .refresh(let token):
            field = 3
            ProtoWriter.bytes(1, token.utf8, to: &body)
        case .subscribe(let channel, let after):
            field = 5
            ProtoWriter.bytes(1, channel.utf8, to: &body)
            if let after {
                var position: [UInt8] = []
                ProtoWriter.number(1, after.epoch, to: &position)
                ProtoWriter.number(2, after.sequence, to: &position)
                ProtoWriter.bytes(2, position, isMessage: true, to: &body)
            }
        case .post(let channel, let key, let text):
            field = 7
            ProtoWriter.bytes(1, channel.utf8, to: &body)
            ProtoWriter.bytes(2, key.utf8, to: &body)
            ProtoWriter.bytes(3, text, to: &body)
        case .history(let channel, let after, let limit):
            field = 8
            ProtoWriter.bytes(1, channel.utf8, to: &body)
            ProtoWriter.number(3, after, isOptional: true, to: &body)
            ProtoWriter.number(4, UInt64(limit), to: &body)
        case .listChannels:
            field = 12
        case .createChannel(let name, let topic):
            field = 13
            ProtoWriter.bytes(1, name.utf8, to: &body)
            ProtoWriter.bytes(2, topic.utf8, to: &body)
            ProtoWriter.number(3, 1, to: &body)
        case .join(let channel):
            field = 15
            ProtoWriter.bytes(1, channel.utf8, to: &body)
        case .ping:
            field = 4
        case .broadcast(let channel, let text):
            field = 25
            ProtoWriter.bytes(1, channel.utf8, to: &body)
            ProtoWriter.bytes(2, text, to: &body)
        }
        var frame: [UInt8] = []
        ProtoWriter.number(1, UInt64(id), to: &frame)
        ProtoWriter.bytes(field, body, isMessage: true, to: &frame)
        ProtoWriter.varint(UInt64(frame.count), to: &out)
        out.append(contentsOf: frame)
    }
}

enum JSONWriter {
    static func object(_ name: String, _ fields: [(String, String)], to out: inout [UInt8]) {
        out.append(contentsOf: "\"\(name)\":{".utf8)
        for (index, (key, value)) in fields.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            out.append(contentsOf: "\"\(key)\":".utf8)
            string(value.utf8, to: &out)
        }
        out.append(UInt8(ascii: "}"))
    }

    /// A JSON string (RFC 8259 §7) of bytes that are UTF-8.
    static func string(_ bytes: some Collection<UInt8>, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        let isPlain = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C }
        if isPlain {
            out.append(contentsOf: bytes)
        } else {
            for byte in bytes { escaped(byte, to: &out) }
        }
        out.append(UInt8(ascii: "\""))
    }

    private static func escaped(_ byte: UInt8, to out: inout [UInt8]) {
        switch byte {
        case 0x22, 0x5C:
            out.append(0x5C)
            out.append(byte)
        case ..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            out.append(contentsOf: "\\u00".utf8)
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        default:
            out.append(byte)
        }
    }
}

enum ProtoWriter {
    static func varint(_ value: UInt64, to out: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        out.append(UInt8(rest))
    }

    /// A number field; 0 is left out unless the field is `optional`.
    static func number(_ field: UInt32, _ value: UInt64, isOptional: Bool = false,
                       to out: inout [UInt8]) {
        guard value != 0 || isOptional else { return }
        varint(UInt64(field) << 3, to: &out)
        varint(value, to: &out)
    }

    /// A string, bytes or message field; an empty string is left out, an empty message is not.
    static func bytes(_ field: UInt32, _ value: some Collection<UInt8>, isMessage: Bool = false,
                      to out: inout [UInt8]) {
        guard !value.isEmpty || isMessage else { return }
        varint(UInt64(field) << 3 | 2, to: &out)
        varint(UInt64(value.count), to: &out)
        out.append(contentsOf: value)
    }
}
