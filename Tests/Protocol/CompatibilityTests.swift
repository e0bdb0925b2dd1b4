// Old and new versions together, and the freedom that both encodings leave a writer.

import Model
import Testing
import Wire

private let c = "0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2b3"

@Suite struct CompatibilityTests {
    static let post = ClientFrame(id: 7, command: .post(Post(
        channel: Samples.channel, key: "k", text: "t")))

    /// All of these are the same command.
    @Test(arguments: [
        #"{"id":7,"post":{"channel":"\#(c)","key":"k","text":"t"}}"#,
        #"{"post":{"text":"t","key":"k","channel":"\#(c)"},"id":7}"#,
        #" { "id" : 7 , "post" : { "channel" : "\#(c)" , "key" : "k" , "text" : "t" } } "#,
        "{\"id\":7,\t\"post\":{\"channel\":\"\(c)\",\"key\":\"k\",\"text\":\"t\"}}\r",
        #"{"id":"7","post":{"channel":"\#(c.uppercased())","key":"k","text":"t"}}"#,
        #"{"\u0069d":7,"p\u006Fst":{"channel":"\u0030\#(c.dropFirst())","key":"\u006b","text":"\u0074"}}"#,
        #"{"id":7,"ping":null,"post":{"channel":"\#(c)","key":"k","text":"t","extra":null}}"#,
        // Fields of a newer version, of every type.
        #"{"v":2,"id":7,"trace":{"a":[1,-2.5e+3,{"b":"\ud83d\ude00"}],"c":false},"post":{"x":[[],{}],"#
            + #""channel":"\#(c)","mentions":["é"],"key":"k","n":0,"text":"t","z":true}}"#,
        // As deep as is allowed.
        #"{"id":7,"x":\#(String(repeating: "[", count: 31) + String(repeating: "]", count: 31)),"post":{"#
            + #""channel":"\#(c)","key":"k","text":"t"}}"#,
    ])
    func jsonVariants(_ line: String) {
        #expect(clientFrames(Array(line.utf8), .json) == [.success(Self.post)])
    }

    @Test func protoVariants() {
        let id: [UInt8] = [0x08, 0x07]
        let channel: [UInt8] = [0x0A, 0x24] + Array(c.utf8)
        let key: [UInt8] = [0x12, 0x01, 0x6B]
        let text: [UInt8] = [0x1A, 0x01, 0x74]
        // A varint, fixed64, fixed32, bytes that are no UTF-8 and nested groups, of fields 126 and 127.
        let unknown: [UInt8] = [
            0xF0, 0x07, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01,
            0xF9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8, 0xFD, 0x07, 1, 2, 3, 4, 0xFA, 0x07, 0x02, 0xFF, 0xFE,
            0xFB, 0x07, 0x08, 0x01, 0xF3, 0x07, 0x12, 0x01, 0x61, 0xF4, 0x07, 0xFC, 0x07,
        ]
        let variants: [[UInt8]] = [
            id + [0x3A] + delimited(channel + key + text),
            [0x3A] + delimited(text + key + channel) + id,
            unknown + id + unknown + [0x3A] + delimited(unknown + channel + unknown + key + text + unknown),
            // The last of a scalar counts; a number may be longer than it must be.
            [0x08, 0x01] + [0x08, 0x87, 0x80, 0x00] + [0x3A]
                + delimited([0x12, 0x01, 0x61] + channel + key + [0x1A, 0x00] + text),
        ]
        for variant in variants {
            #expect(clientFrames(delimited(variant), .proto) == [.success(Self.post)])
        }
    }

    /// A message that is given twice is merged field by field (protobuf.dev, "Last One Wins").
    @Test func protoMessagesMerge() {
        let after: [UInt8] = [0x12, 0x02, 0x08, 0x03] + [0x12, 0x02, 0x10, 0x05]
        let frame = delimited([0x08, 0x07, 0x2A] + delimited([0x0A, 0x24] + Array(c.utf8) + after))
        #expect(clientFrames(frame, .proto) == [.success(ClientFrame(id: 7, command: .subscribe(Subscribe(
            channel: Samples.channel, after: Position(epoch: 3, sequence: 5)))))])
    }

    @Test func numbersAsDigitsOrStrings() {
        let edge: UInt64 = 1 << 53
        for (written, value) in [("0", 0), ("\"0\"", 0), ("\(edge)", edge), ("\"\(edge + 1)\"", edge + 1),
                                 ("\"18446744073709551615\"", UInt64.max)] {
            let line = #"{"id":1,"mark_read":{"channel":"\#(c)","sequence":\#(written)}}"#
            #expect(clientFrames(Array(line.utf8), .json) == [.success(ClientFrame(
                id: 1, command: .markRead(MarkRead(channel: Samples.channel, sequence: value))))])
        }
    }

    @Test func enumerationsByNameOrNumber() {
        for written in ["\"AWAY\"", "2"] {
            let line = #"{"id":9,"presence":{"state":\#(written)}}"#
            #expect(clientFrames(Array(line.utf8), .json) == [.success(ClientFrame(
                id: 9, command: .presence(SetPresence(state: .away))))])
        }
    }

    // MARK: An old client and a newer hub

    @Test func unknownPushesArePassedOver() {
        let known = ServerFrame(id: 5, body: .done(Done()))
        #expect(serverFrames(Array("{\"reaction\":{\"x\":1}}\n{\"id\":5,\"done\":{}}".utf8), .json)
            == [.success(known)])
        #expect(serverFrames(delimited([0x9A, 0x06, 0x02, 0x08, 0x01]) + delimited([0x08, 0x05, 0x32, 0x00]),
                             .proto) == [.success(known)])
    }

    @Test func entriesOfUnknownKindsArePassedOver() {
        let ada = Samples.ada.description
        let json = #"{"presence":{"changes":[{"account":"\#(ada)","state":"IN_A_CALL","since":[1]},"#
            + #"{"account":"\#(ada)","state":"AWAY"}]}}"#
        let expected = ServerFrame(body: .presence(PresenceChanged(changes: [
            Presence(account: Samples.ada, state: .away),
        ])))
        #expect(serverFrames(Array(json.utf8), .json) == [.success(expected)])

        let account: [UInt8] = [0x0A, 0x24] + Array(ada.utf8)
        let changes = [0x0A] + delimited([0x10, 0x09] + account) + [0x0A] + delimited(account + [0x10, 0x02])
        let body: [UInt8] = [0x92, 0x02] + delimited(changes)
        #expect(serverFrames(delimited(body), .proto) == [.success(expected)])
    }

    @Test(arguments: [
        (150, ErrorCode.invalidArgument), (299, .forbidden), (399, .conflict), (499, .overloaded),
        (599, .internalFault), (7, .internalFault), (4_000_000_000, .internalFault),
    ] as [(UInt64, ErrorCode)])
    func unknownErrorCodesAreReadByTheirHundred(_ number: UInt64, _ code: ErrorCode) {
        let line = #"{"id":1,"error":{"code":\#(number),"message":"m"}}"#
        #expect(serverFrames(Array(line.utf8), .json) == [.success(ServerFrame(
            id: 1, body: .error(ErrorReply(code, "m"))))])
    }

    @Test(arguments: [
        (4050, CloseCode.draining), (4199, .overloaded), (4299, .tokenExpired), (4999, .protocolViolation),
        (3000, .goingAway),
    ] as [(UInt64, CloseCode)])
    func unknownCloseCodesAreReadByTheirRange(_ number: UInt64, _ code: CloseCode) {
        let line = #"{"closing":{"code":\#(number)}}"#
        #expect(serverFrames(Array(line.utf8), .json) == [.success(ServerFrame(
            body: .closing(Closing(code: code, retryAfterMilliseconds: 0))))])
    }
}
