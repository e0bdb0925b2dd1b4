// The bench's own codec against the samples of every message in both encodings that the hub's codec
// is checked with, and against bytes that no hub should send.

import Foundation
import Testing

@testable import Harness

private struct Sample {
    var name: String
    var proto: [UInt8]
    var json: [UInt8]
    var object: NSDictionary

    static func read(_ file: String) throws -> [String: Sample] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let path = folder.appending(path: "../../../Tests/Protocol/Golden/\(file).ndjson")
        var samples: [String: Sample] = [:]
        for line in try String(contentsOf: path, encoding: .utf8).split(separator: "\n") {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard let object, let name = object["name"] as? String,
                  let hex = object["proto"] as? String, let json = object["json"] as? NSDictionary
            else { throw BenchError("a sample of \(file) is not as expected") }
            let digits = Array(hex)
            let bytes = stride(from: 0, to: digits.count, by: 2).map {
                UInt8(String(digits[$0...$0 + 1]), radix: 16)!
            }
            samples[name] = Sample(
                name: name, proto: bytes,
                json: try [UInt8](JSONSerialization.data(withJSONObject: json)), object: json)
        }
        return samples
    }
}

private func decode(_ bytes: [UInt8],
                    _ encoding: Harness.Encoding) throws -> [ControlClient.Reply] {
    var frame = Inbound()
    var replies: [ControlClient.Reply] = []
    try bytes.withUnsafeBytes { message in
        try Decoder.decode(message, encoding, into: &frame) {
            replies.append(ControlClient.Reply(frame: $0, bytes: bytes))
        }
    }
    return replies
}

@Suite struct GoldenTests {
    private static let channel = "0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2b3"

    @Test func commandsAreThoseOfTheSamples() throws {
        let samples = try Sample.read("client")
        for name in ["refresh", "subscribe", "subscribe-start", "subscribe-live", "post",
                     "history-after", "list_channels", "join"] {
            let sample = try #require(samples[name])
            let id = try #require((sample.object["id"] as? NSNumber)?.uint32Value)
            let command = try #require(self.command(name, sample.object))
            var json: [UInt8] = []
            command.append(id: id, .json, to: &json)
            let written = try JSONSerialization.jsonObject(with: Data(json)) as? NSDictionary
            #expect(written.map(withoutDefaults) == withoutDefaults(sample.object), "\(name)")
            var proto: [UInt8] = []
            command.append(id: id, .proto, to: &proto)
            #expect(proto == sample.proto, "\(name)")
        }
    }

    /// The samples leave fields out that have their default; the bench may write them.
    private func withoutDefaults(_ object: NSDictionary) -> NSDictionary {
        var out: [String: Any] = [:]
        for (key, value) in object {
            guard let key = key as? String else { continue }
            if let inner = value as? NSDictionary {
                out[key] = withoutDefaults(inner)
            } else if "\(value)" != "0", "\(value)" != "" {
                out[key] = value
            }
        }
        return out as NSDictionary
    }

    private func command(_ name: String, _ object: NSDictionary) -> Command? {
        func text(_ path: String...) -> String {
            var value: Any? = object
            for key in path { value = (value as? NSDictionary)?[key] }
            return value as? String ?? (value as? NSNumber)?.stringValue ?? ""
        }
        return switch name {
        case "refresh": .refresh(token: text("refresh", "token"))
        case "subscribe", "subscribe-start", "subscribe-live":
            .subscribe(channel: text("subscribe", "channel"),
                       after: name == "subscribe-live" ? nil : Position(
                           epoch: UInt64(text("subscribe", "after", "epoch")) ?? 0,
                           sequence: UInt64(text("subscribe", "after", "sequence")) ?? 0))
        case "post": .post(channel: text("post", "channel"), key: text("post", "key"),
                           text: Array(text("post", "text").utf8))
        case "history-after":
            .history(channel: text("history", "channel"),
                     after: UInt64(text("history", "after")) ?? 0,
                     limit: UInt32(text("history", "limit")) ?? 0)
        case "list_channels": .listChannels
        case "join": .join(channel: text("join", "channel"))
        default: nil
        }
    }

    @Test func bothEncodingsOfEverySampleSayTheSame() throws {
        for sample in try Sample.read("server").values {
            let json = try #require(try decode(sample.json, .json).first)
            let proto = try #require(try decode(sample.proto, .proto).first)
            let id = (sample.object["id"] as? NSNumber)?.uint32Value ?? 0
            for reply in [json, proto] { #expect(reply.frame.id == id, "\(sample.name)") }
            #expect(json.frame.kind == proto.frame.kind, "\(sample.name)")
            #expect(json.facts == proto.facts, "\(sample.name)")
        }
    }

    @Test(arguments: Harness.Encoding.allCases)
    func readsTheSamples(_ encoding: Harness.Encoding) throws {
        let samples = try Sample.read("server")
        func reply(_ name: String) throws -> ControlClient.Reply {
            let sample = try #require(samples[name])
            return try #require(
                try decode(encoding == .json ? sample.json : sample.proto, encoding).first)
        }
        let welcome = try reply("welcome")
        #expect(welcome.frame.kind == .welcome)
        #expect(welcome.frame.textBytesMax == 16_384)
        #expect(welcome.frame.commandsInFlightMax == 128)
        #expect(welcome.frame.historyEventsMax == 200)
        let error = try reply("error")
        #expect(error.frame.kind == .error)
        #expect(error.frame.code == 401)
        #expect(error.string(error.frame.slug) == "rate_limited")
        #expect(error.frame.isRetryable)
        #expect(error.frame.retryAfterMilliseconds == 1_500)
        let gap = try reply("subscribed-gap")
        #expect(gap.frame.kind == .subscribed)
        #expect(gap.frame.gapTo >= gap.frame.gapFrom)
        #expect(gap.frame.gapTo > 0)
        let again = try reply("posted-again")
        #expect(again.frame.kind == .posted)
        #expect(again.frame.isDuplicate)
        #expect(again.frame.position.sequence > 0)
        let events = try reply("events")
        #expect(events.frame.kind == .events)
        #expect(!events.frame.events.isEmpty)
        let list = try reply("channel_list")
        #expect(list.frame.channels.count >= 1)
    }
}

extension ControlClient.Reply {
    /// Everything the bench reads of a frame, as text.
    fileprivate var facts: [String] {
        var out = [string(frame.channel), "\(frame.position)", "\(frame.head)",
                   "\(frame.gapFrom)-\(frame.gapTo)", string(frame.eventID), "\(frame.isDuplicate)",
                   "\(frame.code)", string(frame.slug), string(frame.message),
                   "\(frame.isRetryable)", "\(frame.retryAfterMilliseconds)", "\(frame.epoch)",
                   "\(frame.hasMore)", "\(frame.tokenExpiresAtMilliseconds)",
                   "\(frame.textBytesMax)", "\(frame.historyEventsMax)"]
        for event in frame.events {
            out += ["\(event.sequence)", string(event.id), "\(event.kind)", string(event.key),
                    string(event.text)]
        }
        for channel in frame.channels {
            out += [string(channel.id), string(channel.name), "\(channel.head)",
                    "\(channel.isJoined)"]
        }
        return out
    }
}

@Suite struct DecoderTests {
    @Test func readsSeveralFramesOfOneMessage() throws {
        let json = Array("""
            {"events":{"channel":"c","epoch":"1","events":[{"sequence":"5","kind":"MESSAGE"}]}}

            {"id":3,"posted":{"channel":"c","position":{"epoch":"1","sequence":"5"},"event":"e"}}
            """.utf8)
        let replies = try decode(json, .json)
        #expect(replies.map(\.frame.kind) == [.events, .posted])
        #expect(replies[0].frame.events.map(\.sequence) == [5])
        #expect(replies[1].frame.position == Position(epoch: 1, sequence: 5))
        let proto: [UInt8] = [4, 0x08, 3, 0x2A, 0, 4, 0x08, 4, 0x32, 0]
        #expect(try decode(proto, .proto).map(\.frame.kind) == [.pong, .done])
    }

    @Test func ignoresWhatItDoesNotKnow() throws {
        let json = Array("""
            {"later":[1,-2.5e3,{"x":null}],"id":9,"done":{"new":true,"old":[]},"more":"\\u00e4\\n"}
            """.utf8)
        let reply = try #require(try decode(json, .json).first)
        #expect(reply.frame.id == 9)
        #expect(reply.frame.kind == .done)
        // Field 99 as varint, 64 bits, bytes and 32 bits before `done`.
        let proto: [UInt8] = [0x98, 6, 1, 0x99, 6, 1, 2, 3, 4, 5, 6, 7, 8, 0x9A, 6, 1, 65,
                              0x9D, 6, 1, 2, 3, 4, 0x32, 0]
        let other = try #require(try decode([UInt8(proto.count)] + proto, .proto).first)
        #expect(other.frame.kind == .done)
    }

    @Test func undoesEscapes() throws {
        let json = Array(
            #"{"error":{"message":"a\"\\\/\b\f\n\r\tä\u00e4\ud83d\ude00"},"id":1}"#.utf8)
        let reply = try #require(try decode(json, .json).first)
        #expect(reply.string(reply.frame.message) == "a\"\\/\u{8}\u{c}\n\r\tää😀")
    }

    /// Strings are looked through eight bytes at a time.
    @Test(arguments: 0..<34)
    func findsTheEndOfStringsOfEveryLength(_ length: Int) throws {
        // Bytes that differ from those looked for in one bit, and bytes above ASCII.
        let plain = (0..<length).map { ["!", "#", "]", "\u{7F}", "ä", "¢", " "][$0 % 7] }.joined()
        func text(_ inner: String) throws -> String {
            let json = Array(#"{"error":{"message":"\#(inner)"}}"#.utf8)
            let reply = try #require(try decode(json, .json).first)
            return reply.string(reply.frame.message)
        }
        #expect(try text(plain) == plain)
        for place in plain.indices {
            let (head, tail) = (plain[..<place], plain[place...])
            #expect(try text("\(head)\\\"\(tail)") == "\(head)\"\(tail)")
            #expect(throws: DecodingError.self) { try text("\(head)\u{1F}\(tail)") }
        }
    }

    @Test func writesWhatNeedsEscaping() throws {
        var out: [UInt8] = []
        Command.post(channel: "c", key: "k", text: Array("\"\\\n\u{1}ä".utf8))
            .append(id: 1, .json, to: &out)
        let object = try JSONSerialization.jsonObject(with: Data(out)) as? [String: Any]
        let post = object?["post"] as? [String: Any]
        #expect(post?["text"] as? String == "\"\\\n\u{1}ä")
    }

    @Test(arguments: [
        "{", "[]", "{\"id\":}", "{\"id\":1", "{\"id\":\"1}", "{\"id\":-1}", "{\"id\":1x}",
        "{\"id\":99999999999999999999}", "{\"done\":{}", "{\"done\":tru}", "{\"x\":\"\\",
        "{\"error\":{\"slug\":\"\\q\"}}", "{\"error\":{\"slug\":\"\\ud800\"}}",
        "{\"error\":{\"slug\":\"\\u12\"}}", "{\"error\":{\"slug\":\"\u{1}\"}}",
        String(repeating: "{\"a\":", count: 100),
    ])
    func refusesBadJSON(_ text: String) {
        #expect(throws: DecodingError.self) { try decode(Array(text.utf8), .json) }
    }

    @Test(arguments: [
        [5, 8], [2, 0x32, 5], [1, 0x08], [2, 0x07, 0], [2, 0x33, 0], [0x80],
        [11, 0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255], [3, 0x99, 6, 1],
    ] as [[UInt8]])
    func refusesBadProtobuf(_ bytes: [UInt8]) {
        #expect(throws: DecodingError.self) { try decode(bytes, .proto) }
    }
}
