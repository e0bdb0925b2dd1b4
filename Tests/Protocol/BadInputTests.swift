// What is not a frame, and what the peer is told about it: the kind of error, the field, the id that
// the reply carries, and whether the connection can go on. Tables of our own making, after RFC 8259,
// RFC 3629 and protobuf.dev "Encoding".

import Model
import Testing
import Wire

struct Bad: Sendable, CustomTestStringConvertible {
    var input: [UInt8]
    var reason: DecodeError.Reason
    var field: String
    var id: UInt32?
    var isFatal: Bool
    var testDescription: String {
        "\(String(decoding: input.prefix(60), as: UTF8.self).debugDescription) is \(reason)"
    }

    init(_ input: String, _ reason: DecodeError.Reason, _ field: String = "", id: UInt32? = nil,
         isFatal: Bool = false) {
        self.init(Array(input.utf8), reason, field, id: id, isFatal: isFatal)
    }
    init(_ input: [UInt8], _ reason: DecodeError.Reason, _ field: String = "", id: UInt32? = nil,
         isFatal: Bool = false) {
        self.input = input
        self.reason = reason
        self.field = field
        self.id = id
        self.isFatal = isFatal
    }
    static func fatal(_ input: String, _ reason: DecodeError.Reason = .syntax) -> Bad {
        Bad(input, reason, isFatal: true)
    }
    var error: DecodeError { DecodeError(reason, field: field, id: id, isFatal: isFatal) }
}

private let c = "0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2b3"

@Suite struct BadInputTests {
    static let notJSON: [Bad] = [
        Bad("", .emptyMessage, isFatal: true),
        .fatal("\n \r\n\t\n", .emptyMessage),
        .fatal("hello"),
        .fatal("{"),
        .fatal("{\"id\":1"),
        .fatal("{\"id\":1,}"),
        .fatal("{\"id\":1 \"ping\":{}}"),
        .fatal("{,\"id\":1}"),
        .fatal("{\"id\"1}"),
        .fatal("{id:1}"),
        .fatal("{'id':1}"),
        .fatal("{\"id\":1,\"ping\":{}}}"),
        .fatal("{\"id\":1,\"ping\":{}} {}"),
        .fatal("{\"id\":1,\"ping\":{}]"),
        .fatal("{\"id\":01,\"ping\":{}}"),
        .fatal("{\"id\":+1,\"ping\":{}}"),
        .fatal("{\"id\":1.,\"ping\":{}}"),
        .fatal("{\"id\":1,\"x\":.5}"),
        .fatal("{\"id\":1,\"x\":1e}"),
        .fatal("{\"id\":1,\"x\":-}"),
        .fatal("{\"id\":1,\"x\":0x10}"),
        .fatal("{\"id\":1,\"x\":NaN}"),
        .fatal("{\"id\":1,\"x\":True}"),
        .fatal("{\"id\":1,\"x\":nul}"),
        .fatal("{\"id\":1,\"x\":[1,]}"),
        .fatal("{\"id\":1,\"x\":[1 2]}"),
        .fatal("{\"id\":1,\"x\":[1,2}"),
        .fatal("{\"id\":1,\"x\":\"open"),
        .fatal("{\"id\":1,\"x\":\"tab\there\"}"),
        .fatal("{\"id\":1,\"x\":\"\\x41\"}"),
        .fatal("{\"id\":1,\"x\":\"\\u12g4\"}"),
        .fatal("{\"id\":1,\"x\":\"\\u12\"}"),
        .fatal("{\"id\":1,\"x\":\"\\"),
        .fatal("{\"id\":1,\"x\":\"\\ud800\"}", .invalidUTF8),
        .fatal("{\"id\":1,\"x\":\"\\ud800\\u0041\"}", .invalidUTF8),
        .fatal("{\"id\":1,\"x\":\"\\udc00\"}", .invalidUTF8),
        .fatal("{\"id\":1,\"post\":{\"text\":\"\\ud83d\\ud83d\"}}", .invalidUTF8),
        .fatal("{\"id\":1,/* no */\"ping\":{}}"),
        .fatal("\u{FEFF}{\"id\":1,\"ping\":{}}"),
        // A mistake that could be replied to does not hide that the line is no JSON.
        .fatal("{\"id\":1,\"post\":{\"channel\":\"nonsense\"},}"),
        .fatal(#"{"id":1,"x":"# + String(repeating: "[", count: 31) + String(repeating: "]", count: 31) + ",}"),
        .fatal(#"{"id":1,"x":"# + String(repeating: "[", count: 32) + String(repeating: "]", count: 32) + "}",
               .tooDeep),
        .fatal(#"{"id":1,"x":"# + String(repeating: #"{"a":"#, count: 100_000), .tooDeep),
        // Overlong, surrogate, beyond U+10FFFF, cut short, and a lone continuation.
        Bad(text([0xC0, 0x80]), .invalidUTF8, isFatal: true),
        Bad(text([0xED, 0xA0, 0x80]), .invalidUTF8, isFatal: true),
        Bad(text([0xF4, 0x90, 0x80, 0x80]), .invalidUTF8, isFatal: true),
        Bad(text([0xE2, 0x82]), .invalidUTF8, isFatal: true),
        Bad(text([0x80]), .invalidUTF8, isFatal: true),
        Bad(Array("{\"\u{0}\":1}".utf8), .syntax, isFatal: true),
        Bad(Array("{\"id\":1,\"".utf8) + [0xFF] + Array("\":1}".utf8), .invalidUTF8, isFatal: true),
        Bad(Array("{\"id\":1}".utf8) + [0], .syntax, isFatal: true),
    ]

    static let badJSONFrames: [Bad] = [
        Bad("[]", .notAnObject),
        Bad("42", .notAnObject),
        Bad("\"text\"", .notAnObject),
        Bad("null", .notAnObject),
        Bad("{}", .badFrameID, "id"),
        Bad(#"{"ping":{}}"#, .badFrameID, "id"),
        Bad(#"{"id":0,"ping":{}}"#, .badFrameID, "id"),
        Bad(#"{"id":null,"ping":{}}"#, .badFrameID, "id"),
        Bad(#"{"id":2147483648,"ping":{}}"#, .badFrameID, "id"),
        Bad(#"{"id":4294967296,"ping":{}}"#, .outOfRange, "id"),
        Bad(#"{"id":-1,"ping":{}}"#, .outOfRange, "id"),
        Bad(#"{"id":1.5,"ping":{}}"#, .outOfRange, "id"),
        Bad(#"{"id":1e3,"ping":{}}"#, .outOfRange, "id"),
        Bad(#"{"id":"","ping":{}}"#, .outOfRange, "id"),
        Bad(#"{"id":"0x1","ping":{}}"#, .outOfRange, "id"),
        Bad(#"{"id":"01","ping":{}}"#, .outOfRange, "id"),
        Bad(#"{"id":true,"ping":{}}"#, .wrongType, "id"),
        Bad(#"{"id":{},"ping":{}}"#, .wrongType, "id"),
        Bad(#"{"id":1,"id":2,"ping":{}}"#, .duplicateField, "id"),
        Bad(#"{"id":7}"#, .noCommand, id: 7),
        Bad(#"{"id":7,"dance":{}}"#, .noCommand, id: 7),
        Bad(#"{"id":7,"ping":null}"#, .noCommand, id: 7),
        Bad(#"{"id":7,"ping":{},"list_people":{}}"#, .severalCommands, "list_people", id: 7),
        Bad(#"{"ping":{},"ping":{},"id":7}"#, .duplicateField, "ping", id: 7),
        // Members that belong to no field, too, on every level and however their names are written.
        Bad(#"{"id":7,"ping":{},"x":1,"x":2}"#, .duplicateField, id: 7),
        Bad(#"{"id":7,"ping":{},"x":1,"y":2,"\u0078":2}"#, .duplicateField, id: 7),
        Bad(#"{"id":7,"ping":{"x":1,"x":2}}"#, .duplicateField, "ping", id: 7),
        Bad(#"{"id":7,"ping":{},"x":{"a":1,"b":{},"a":2}}"#, .duplicateField, id: 7),
        Bad(#"{"id":7,"ping":{},"x":[1,{"a":{"é":1,"\u00e9":2}}]}"#, .duplicateField, id: 7),
        Bad(#"{"id":7,"ping":{},\#((0...64).map { "\"x\($0)\":0" }.joined(separator: ","))}"#, .tooManyEntries, id: 7),
        Bad(#"{"id":7,"ping":[]}"#, .wrongType, "ping", id: 7),
        Bad(#"{"id":7,"ping":true}"#, .wrongType, "ping", id: 7),
        Bad(#"{"id":7,"post":{"key":"k","text":"t"}}"#, .missing, "channel", id: 7),
        Bad(#"{"id":7,"post":{"channel":null}}"#, .missing, "channel", id: 7),
        Bad(#"{"id":7,"post":{"channel":""}}"#, .badID, "channel", id: 7),
        Bad(#"{"id":7,"post":{"channel":7}}"#, .wrongType, "channel", id: 7),
        Bad(#"{"post":{"channel":"general"},"id":7}"#, .badID, "channel", id: 7),
        Bad(#"{"id":7,"edit":{"key":"k","target":"1","text":"t"}}"#, .missing, "channel", id: 7),
        Bad(#"{"id":7,"edit":{"channel":"\#(c)","target":"-1"}}"#, .outOfRange, "target", id: 7),
        Bad(#"{"id":7,"edit":{"channel":"\#(c)","target":18446744073709551616}}"#, .outOfRange, "target", id: 7),
        Bad(#"{"id":7,"edit":{"channel":"\#(c)","target":[1]}}"#, .wrongType, "target", id: 7),
        Bad(#"{"id":7,"edit":{"channel":"\#(c)","text":1}}"#, .wrongType, "text", id: 7),
        Bad(#"{"id":7,"join":{"channel":"0192f0c12d3e7a4b8c5d6e7f8091a2b3"}}"#, .badID, "channel", id: 7),
        Bad(#"{"id":7,"join":{"channel":"0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2bg"}}"#, .badID, "channel", id: 7),
        Bad(#"{"id":7,"join":{"channel":"0192f0c1-2d3e-7a4b+8c5d-6e7f8091a2b3"}}"#, .badID, "channel", id: 7),
        Bad(#"{"id":7,"post":{"channel":"\#(c)","channel":"\#(c)"}}"#, .duplicateField, "channel", id: 7),
        Bad(#"{"id":7,"post":{"channel":"\#(c)","\u0063hannel":"\#(c)"}}"#, .duplicateField, "channel", id: 7),
        Bad(#"{"id":7,"post":{"channel":"\#(c)","text":5}}"#, .wrongType, "text", id: 7),
        Bad(#"{"id":7,"typing":{"channel":"\#(c)","active":"true"}}"#, .wrongType, "active", id: 7),
        Bad(#"{"id":7,"typing":{"channel":"\#(c)","active":1}}"#, .wrongType, "active", id: 7),
        Bad(#"{"id":7,"subscribe":{"channel":"\#(c)","after":41}}"#, .wrongType, "after", id: 7),
        Bad(#"{"id":7,"subscribe":{"channel":"\#(c)","after":{"epoch":"18446744073709551616"}}}"#,
            .outOfRange, "epoch", id: 7),
        Bad(#"{"id":7,"mark_read":{"channel":"\#(c)","sequence":9007199254740993}}"#,
            .outOfRange, "sequence", id: 7),
        Bad(#"{"id":7,"history":{"channel":"\#(c)","limit":4294967296}}"#, .outOfRange, "limit", id: 7),
        Bad(#"{"id":7,"presence":{}}"#, .missing, "state", id: 7),
        Bad(#"{"id":7,"presence":{"state":"BUSY"}}"#, .unknownName, "state", id: 7),
        Bad(#"{"id":7,"presence":{"state":"online"}}"#, .unknownName, "state", id: 7),
        Bad(#"{"id":7,"presence":{"state":0}}"#, .unknownName, "state", id: 7),
        Bad(#"{"id":7,"presence":{"state":259}}"#, .unknownName, "state", id: 7),
        Bad(#"{"id":7,"create_channel":{"name":"n"}}"#, .missing, "kind", id: 7),
        Bad(#"{"id":7,"hello":{"token":"t","capabilities":"threads"}}"#, .wrongType, "capabilities", id: 7),
        Bad(#"{"id":7,"hello":{"token":"t","capabilities":["a",null]}}"#, .wrongType, "capabilities", id: 7),
        Bad(#"{"id":7,"hello":{"token":"t","capabilities":[\#(list(65))]}}"#,
            .tooManyEntries, "capabilities", id: 7),
    ]

    static let badProto: [Bad] = [
        Bad([UInt8](), .emptyMessage, isFatal: true),
        // The length in front: cut short, beyond the message, of more than 64 bits, without an end.
        Bad([0x80], .truncated, isFatal: true),
        Bad([0x03, 0x08, 0x07], .truncated, isFatal: true),
        Bad([UInt8](repeating: 0xFF, count: 10), .badVarint, isFatal: true),
        Bad([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], .truncated, isFatal: true),
        Bad([0x00], .badFrameID, "id"),
        Bad(delimited([0x22, 0x00]), .badFrameID, "id"),
        Bad(delimited([0x08, 0x07]), .noCommand, id: 7),
        Bad(delimited([0x08, 0x07, 0xFA, 0x07, 0x00]), .noCommand, id: 7),
        Bad(delimited([0x08, 0x80, 0x80, 0x80, 0x80, 0x08, 0x22, 0x00]), .badFrameID, "id"),
        Bad(delimited([0x08, 0x80, 0x80, 0x80, 0x80, 0x10, 0x22, 0x00]), .outOfRange, "id"),
        Bad(delimited([0x0A, 0x00, 0x22, 0x00]), .wrongType, "id"),
        Bad(delimited([0x08, 0x07, 0x20, 0x00]), .wrongType, "ping", id: 7),
        Bad(delimited([0x08, 0x07, 0x22, 0x00, 0x22, 0x00]), .severalCommands, "ping", id: 7),
        Bad(delimited([0x22, 0x00, 0xA2, 0x01, 0x00, 0x08, 0x07]), .severalCommands, "list_people", id: 7),
        Bad(delimited([0x08, 0x07, 0x22, 0x05]), .truncated, "ping", id: 7),
        Bad(delimited([0x08, 0x07, 0x00]), .badTag, id: 7),
        Bad(delimited([0x08, 0x07, 0x07]), .badTag, id: 7),
        Bad(delimited([0x08, 0x07, 0x26]), .badTag, id: 7),
        Bad(delimited([0x08, 0x07, 0x80, 0x80, 0x80, 0x80, 0x10]), .badTag, id: 7),
        Bad(delimited([0x08]), .truncated, "id"),
        Bad(delimited([0x08, 0x07, 0xFD, 0x07, 0x01, 0x02, 0x03]), .truncated, id: 7),
        Bad(delimited([0x08, 0x07, 0xF9, 0x07, 0x01, 0x02, 0x03]), .truncated, id: 7),
        // Groups: without an end, ended by another number, an end without a beginning, too deep.
        Bad(delimited([0x08, 0x07, 0xFB, 0x07]), .truncated, id: 7),
        Bad(delimited([0x08, 0x07, 0xFB, 0x07, 0xF4, 0x07]), .badTag, id: 7),
        Bad(delimited([0x08, 0x07, 0xFC, 0x07]), .badTag, id: 7),
        Bad(delimited([0x08, 0x07] + [[UInt8]](repeating: [0xFB, 0x07], count: 33).joined()),
            .tooDeep, id: 7),
        Bad(delimited([0x08, 0x07, 0x3A, 0x00]), .missing, "channel", id: 7),
        Bad(delimited([0x08, 0x07, 0x3A, 0x02, 0x0A, 0x00]), .badID, "channel", id: 7),
        Bad(delimited([0x08, 0x07, 0x3A, 0x02, 0x08, 0x00]), .wrongType, "channel", id: 7),
        Bad(delimited([0x08, 0x07, 0x3A, 0x02, 0x0A, 0x24]), .truncated, "channel", id: 7),
        Bad(delimited([0x08, 0x07, 0x3A, 0x04, 0x12, 0x02, 0xC3, 0x28]), .invalidUTF8, "key", id: 7),
        Bad(delimited([0x08, 0x07, 0x52, 0x00]), .missing, "state", id: 7),
        Bad(delimited([0x08, 0x07, 0x52, 0x02, 0x08, 0x00]), .unknownName, "state", id: 7),
        Bad(delimited([0x08, 0x07, 0x52, 0x02, 0x08, 0x04]), .unknownName, "state", id: 7),
        Bad(delimited([0x08, 0x07, 0x12] + delimited([UInt8]([[UInt8]](
            repeating: [0x12, 0x00], count: 65).joined()))), .tooManyEntries, "capabilities", id: 7),
    ]

    @Test(arguments: notJSON + badJSONFrames)
    func json(_ bad: Bad) { #expect(clientFrames(bad.input, .json) == [.failure(bad.error)]) }

    @Test(arguments: badProto)
    func proto(_ bad: Bad) { #expect(clientFrames(bad.input, .proto) == [.failure(bad.error)]) }

    /// An error that is not fatal costs one frame; a fatal one costs the rest of the message.
    @Test func framesAroundABadOne() {
        let good = ClientFrame(id: 1, command: .ping(Ping()))
        let ping = #"{"id":1,"ping":{}}"#
        #expect(clientFrames(Array("\(ping)\n{\"id\":2}\n\(ping)\n".utf8), .json) == [
            .success(good), .failure(DecodeError(.noCommand, id: 2)), .success(good),
        ])
        #expect(clientFrames(Array("\(ping)\n{\n\(ping)".utf8), .json) == [
            .success(good), .failure(DecodeError(.syntax, isFatal: true)),
        ])
        let frame = delimited([0x08, 0x01, 0x22, 0x00])
        #expect(clientFrames(frame + delimited([0x08, 0x02]) + frame, .proto) == [
            .success(good), .failure(DecodeError(.noCommand, id: 2)), .success(good),
        ])
        #expect(clientFrames(frame + [0x7F, 0x08], .proto) == [
            .success(good), .failure(DecodeError(.truncated, isFatal: true)),
        ])
    }

    @Test(arguments: Encoding.allCases)
    func atMostSixtyFourFrames(_ encoding: Encoding) {
        var bytes: [UInt8] = []
        for id in 1...64 {
            ProtocolCodec.append(ClientFrame(id: UInt32(id), command: .ping(Ping())), encoding,
                                 to: &bytes, isFirst: id == 1)
        }
        #expect(clientFrames(bytes, encoding).count == 64)
        #expect(clientFrames(bytes, encoding).allSatisfy { (try? $0.get()) != nil })
        ProtocolCodec.append(ClientFrame(id: 65, command: .ping(Ping())), encoding, to: &bytes,
                             isFirst: false)
        #expect(clientFrames(bytes, encoding).last == .failure(DecodeError(.tooManyFrames, isFatal: true)))
        #expect(clientFrames(bytes, encoding).count == 65)
    }

    @Test func repliesSayWhatAndWhere() {
        let error = DecodeError(.badID, field: "channel", id: 7)
        #expect(error.kind == .invalidArgument)
        #expect(error.reply == ErrorReply(.invalidArgument, "channel: must be a UUID",
                                          details: [Detail("field", "channel")]))
        #expect(DecodeError(.noCommand, id: 7).reply.code == .unknownCommand)
        #expect(DecodeError(.syntax, isFatal: true).closeCode == .protocolViolation)
        #expect(DecodeError(.tooManyFrames, isFatal: true).closeCode == .messageTooBig)
    }

    /// Time must not grow faster than the input: 16 times as much would take 256 times as long if it
    /// were quadratic. The shapes are those that trip readers: runs of escapes, no ASCII at all, and a
    /// mistake at the very end.
    @Test(arguments: [
        { String(repeating: "\\u0041\\n", count: $0) }, { String(repeating: "é", count: $0) },
        { String(repeating: "a", count: $0) + "\\u" },
    ] as [@Sendable (Int) -> String])
    func timeIsLinear(_ make: @Sendable (Int) -> String) {
        func cost(_ count: Int) -> Duration {
            let line = Array(#"{"id":1,"post":{"text":"\#(make(count))","x":"\#(make(count))"}}"#.utf8)
            return (0..<5).map { _ in ContinuousClock().measure { _ = clientFrames(line, .json) } }.min()!
        }
        #expect(cost(80_000) < cost(5_000) * 96)
    }
}

@Suite struct IDTextTests {
    private let text = Array("0123abcd-ef45-6789-ABCD-EF0123456789".utf8)
    private let places = (0..<36).filter { ![8, 13, 18, 23].contains($0) }

    private func channel(_ text: [UInt8]) -> ChannelID? {
        let line = Array(#"{"id":7,"join":{"channel":""#.utf8) + text + Array(#""}}"#.utf8)
        guard case .success(let frame)? = clientFrames(line, .json).first,
              case .join(let join) = frame.command else { return nil }
        return join.channel
    }

    @Test func digitsOfBothCasesAreRead() {
        #expect(channel(text) == ChannelID(high: 0x0123_ABCD_EF45_6789, low: 0xABCD_EF01_2345_6789))
    }

    /// At every place, every byte but the 22 digits.
    @Test func nothingElseIsADigit() {
        let digits = Set("0123456789abcdefABCDEF".utf8)
        for place in places {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[place] = byte
                #expect((channel(changed) != nil) == digits.contains(byte), "\(byte) at \(place)")
            }
        }
    }

    @Test func everyDigitAtEveryPlaceComesBack() {
        for place in places {
            for digit in "0123456789abcdef".utf8 {
                var changed = Array("00000000-0000-0000-0000-000000000000".utf8)
                changed[place] = digit
                let id = channel(changed)
                #expect(id?.description == String(decoding: changed, as: UTF8.self))
                var written: [UInt8] = []
                ProtocolCodec.append(ClientFrame(id: 7, command: .join(Join(channel: id!))), .json, to: &written)
                #expect(written == Array(#"{"id":7,"join":{"channel":""#.utf8) + changed + Array(#""}}"#.utf8))
            }
        }
    }
}

private func text(_ bytes: [UInt8]) -> [UInt8] {
    Array(#"{"id":1,"post":{"channel":"\#(c)","key":"k","text":""#.utf8) + bytes + Array("\"}}".utf8)
}

private func list(_ count: Int) -> String {
    [String](repeating: "\"x\"", count: count).joined(separator: ",")
}

/// With its length, below 2¹⁴, in front.
func delimited(_ bytes: [UInt8]) -> [UInt8] {
    (bytes.count < 0x80 ? [UInt8(bytes.count)] : [UInt8(bytes.count & 0x7F) | 0x80, UInt8(bytes.count >> 7)])
        + bytes
}
