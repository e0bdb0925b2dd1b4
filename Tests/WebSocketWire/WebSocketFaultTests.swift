// What a client must not send: the cases 3, 4, 5 and 7 of the Autobahn test suite as tables, and the
// limits at their edge, whole and cut anywhere.

import Model
import Testing
import Wire

private func raw(_ firstByte: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
    var bytes: [UInt8] = []
    WebSocketFrame.appendMasked(firstByte: firstByte, payload, key: 0x0102_0304, to: &bytes)
    return bytes
}

private let key: [UInt8] = [1, 2, 3, 4]

private let refused: [(String, [UInt8], WebSocketFault)] = [
    ("RSV1", raw(0xC1), .reservedBits),
    ("RSV2", raw(0xA1), .reservedBits),
    ("RSV3", raw(0x91), .reservedBits),
    ("all RSV on a ping", raw(0xF9), .reservedBits),
    ("RSV on a close", raw(0xC8), .reservedBits),
    ("unmasked text", [0x81, 0x01, 0x61], .unmasked),
    ("unmasked empty ping", [0x89, 0x00], .unmasked),
    ("ping in fragments", raw(0x09), .controlFragmented),
    ("pong in fragments", raw(0x0A), .controlFragmented),
    ("close in fragments", raw(0x08), .controlFragmented),
    ("ping of 126", raw(0x89, [UInt8](repeating: 1, count: 126)), .controlTooLong),
    ("close of 126", raw(0x88, [UInt8](repeating: 1, count: 126)), .controlTooLong),
    ("ping with a 64-bit length", [0x89, 0xFF], .controlTooLong),
    ("16 bits for 125", [0x82, 0xFE, 0, 125] + key, .malformedLength),
    ("16 bits for 0", [0x82, 0xFE, 0, 0] + key, .malformedLength),
    ("64 bits for 65535", [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] + key, .malformedLength),
    ("64 bits for 0", [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0] + key, .malformedLength),
    ("64 bits, top bit", [0x82, 0xFF, 0x80, 0, 0, 0, 0, 1, 0, 0] + key, .malformedLength),
    ("64 bits, all bits", [0x82] + [UInt8](repeating: 0xFF, count: 9) + key, .malformedLength),
    ("64 bits, all but the top bit",
     [0x82, 0xFF, 0x7F] + [UInt8](repeating: 0xFF, count: 7) + key, .messageTooLarge),
    ("continuation of nothing", raw(0x80), .continuationWithoutMessage),
    ("unfinished continuation of nothing", raw(0x00), .continuationWithoutMessage),
    ("continuation of a finished message", raw(0x00), .continuationWithoutMessage),
    ("text inside text", frame(.text, "a", isFinal: false) + frame(.text, "b"), .messageInsideMessage),
    ("binary inside text", frame(.text, "a", isFinal: false) + frame(.binary, [1]),
     .messageInsideMessage),
    ("text inside an empty beginning", frame(.text, "", isFinal: false) + frame(.text, ""),
     .messageInsideMessage),
    ("close with one byte", frame(.close, [3]), .malformedClose),
    ("close reason not UTF-8", closeFrame(1000, [0xCE, 0xBA, 0xED, 0xA0, 0x80]), .invalidUTF8),
    ("close reason cut", closeFrame(1000, [0xE2, 0x82]), .invalidUTF8),
]

@Suite struct WebSocketFaultTests {
    @Test(arguments: refused)
    func refuses(_ name: String, _ bytes: [UInt8], _ fault: WebSocketFault) {
        let late = frame(.text, "late")
        #expect(events([bytes]) == [.failed(fault)])
        #expect(events([bytes + late]) == [.failed(fault)], "nothing is read after a fault")
        #expect(events([late + bytes]) == [.text("late"), .failed(fault)])
        expectSameAtEverySplit(bytes + late)
    }

    @Test(arguments: [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] as [UInt8])
    func reservedOpcode(_ opcode: UInt8) {
        for firstByte in [opcode, 0x80 | opcode] {
            #expect(events([raw(firstByte)]) == [.failed(.reservedOpcode)])
            #expect(events([frame(.text, "a") + raw(firstByte, [1, 2]) + frame(.ping, "")])
                == [.text("a"), .failed(.reservedOpcode)])
        }
    }

    /// Fail-fast: told by the first byte that is wrong, before the rest has come.
    @Test func heardAtTheFirstWrongByte() {
        #expect(events([[0xC1]] as [[UInt8]]) == [.failed(.reservedBits)])
        #expect(events([[0x83]] as [[UInt8]]) == [.failed(.reservedOpcode)])
        #expect(events([[0x09]] as [[UInt8]]) == [.failed(.controlFragmented)])
        #expect(events([[0x81, 0x05]] as [[UInt8]]) == [.failed(.unmasked)])
        #expect(events([[0x82, 0xFE, 0, 125]] as [[UInt8]]) == [.failed(.malformedLength)])
        #expect(events([frame(.text, [0x61, 0xFF] + [UInt8](repeating: 0x61, count: 50)).prefix(8)])
            == [.failed(.invalidUTF8)])
    }

    // MARK: Closing (Autobahn 7)

    @Test(arguments: [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000,
                      3999, 4000, 4999] as [UInt16])
    func closeCode(_ code: UInt16) {
        #expect(events([closeFrame(code)]) == [.close(code, "")])
        #expect(events([closeFrame(code, Array("tschüß".utf8))]) == [.close(code, "tschüß")])
        #expect(WebSocketFrame.closeEcho(code) == [0x88, 2, UInt8(code >> 8), UInt8(code & 0xFF)])
        expectSameAtEverySplit(closeFrame(code, Array("tschüß".utf8)))
    }

    @Test(arguments: [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
        as [UInt16])
    func closeCodeNotForTheWire(_ code: UInt16) {
        #expect(!WebSocketFrame.isCodeOnWire(code))
        #expect(events([closeFrame(code)]) == [.failed(.malformedClose)])
    }

    @Test func closeWithoutCodeAndWithTheLongestReason() {
        #expect(events([frame(.close, [])]) == [.close(nil, "")])
        let reason = String(repeating: "r", count: 123)
        #expect(events([closeFrame(1000, Array(reason.utf8))]) == [.close(1000, reason)])
    }

    @Test func everyFaultHasItsCloseCode() {
        #expect(WebSocketFault.allCases.map(\.closeCode) == [
            .protocolError, .protocolError, .protocolError, .protocolError, .protocolError,
            .protocolError, .protocolError, .protocolError, .protocolError, .invalidPayload,
            .messageTooBig, .messageTooBig,
        ])
    }

    // MARK: Limits

    private func limits(bytes: Int = 64 * 1024, fragments: Int = 1024) -> WebSocketLimits {
        var limits = WebSocketLimits()
        limits.messageBytesMax = bytes
        limits.fragmentsMax = fragments
        return limits
    }

    @Test func defaults() {
        #expect(WebSocketLimits().messageBytesMax == 65_536)
        #expect(WebSocketLimits().fragmentsMax == 1024)
    }

    @Test(arguments: [9, 10, 11]) func messageBytes(_ count: Int) {
        let payload = [UInt8](repeating: 0x61, count: count)
        let expected: Seen = count <= 10
            ? .text(String(decoding: payload, as: UTF8.self)) : .failed(.messageTooLarge)
        let whole = frame(.text, payload)
        let parts = frame(.text, payload[..<4], isFinal: false)
            + frame(.continuation, payload[4..<7], isFinal: false)
            + frame(.continuation, payload[7...])
        for bytes in [whole, parts] {
            #expect(events([bytes], limits: limits(bytes: 10)) == [expected])
            expectSameAtEverySplit(bytes, limits: limits(bytes: 10))
        }
    }

    @Test func tooLargeIsHeardFromTheHeader() {
        let bytes = frame(.binary, [UInt8](repeating: 0, count: 65_537))
        #expect(events([bytes.prefix(14)]) == [.failed(.messageTooLarge)])
    }

    @Test func limitIsRaisedWhileRunning() {
        var parser = WebSocketParser()
        #expect(parser.feed(frame(.text, "hello")) == [.text("hello")])
        parser.limits.messageBytesMax = 1 << 20
        let large = [UInt8](repeating: 7, count: 1 << 20)
        #expect(parser.feed(frame(.binary, large)) == [.binary(large)])
        #expect(parser.feed(frame(.binary, large + [7])) == [.failed(.messageTooLarge)])
    }

    @Test func limitIsLoweredInsideAMessage() {
        var parser = WebSocketParser()
        #expect(parser.feed(frame(.binary, [1, 2, 3], isFinal: false)).isEmpty)
        parser.limits.messageBytesMax = 2
        #expect(parser.feed(frame(.continuation, [])) == [.failed(.messageTooLarge)])
    }

    @Test(arguments: [1023, 1024, 1025]) func fragments(_ count: Int) {
        var bytes = frame(.binary, [1], isFinal: false)
        for _ in 0..<(count - 2) { bytes += frame(.continuation, [], isFinal: false) }
        bytes += frame(.continuation, [2])
        // Pings between do not count.
        bytes = frame(.ping, "") + bytes + frame(.ping, "")
        let seen = events([bytes])
        #expect(seen == (count <= 1024
            ? [.ping([]), .binary([1, 2]), .ping([])] : [.ping([]), .failed(.tooManyFragments)]))
    }
}
