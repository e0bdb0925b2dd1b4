// Frames that we send, as bytes (RFC 6455 §5.7).

import Model
import Testing
import Wire

@Suite struct WebSocketFrameTests {
    @Test(arguments: [
        (0, [0x82, 0]), (125, [0x82, 125]), (126, [0x82, 126, 0, 126]), (127, [0x82, 126, 0, 127]),
        (128, [0x82, 126, 0, 128]), (65_535, [0x82, 126, 0xFF, 0xFF]),
        (65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        (0x1_2345_6789, [0x82, 127, 0, 0, 0, 1, 0x23, 0x45, 0x67, 0x89]),
    ] as [(Int, [UInt8])])
    func header(_ payloadBytes: Int, _ expected: [UInt8]) {
        var bytes: [UInt8] = []
        WebSocketFrame.appendHeader(.binary, payloadBytes: payloadBytes, to: &bytes)
        #expect(bytes == expected)
        #expect(WebSocketFrame.headerBytes(payloadBytes: payloadBytes) == expected.count)
    }

    @Test func wholeFrames() {
        func bytes(_ text: String, _ make: (UnsafeRawBufferPointer) -> [UInt8]) -> [UInt8] {
            Array(text.utf8).withUnsafeBytes(make)
        }
        #expect(bytes("Hello") { payload in
            var bytes: [UInt8] = [9]
            WebSocketFrame.append(.text, payload, to: &bytes)
            return bytes
        } == [9, 0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
        #expect(bytes("Hello", WebSocketFrame.ping) == [0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
        #expect(bytes("", WebSocketFrame.pong) == [0x8A, 0])
    }

    @Test func fragmentHeader() {
        var bytes: [UInt8] = []
        WebSocketFrame.appendHeader(.text, payloadBytes: 3, isFinal: false, to: &bytes)
        WebSocketFrame.appendHeader(.continuation, payloadBytes: 2, to: &bytes)
        #expect(bytes == [0x01, 3, 0x80, 2])
    }

    /// The masked example of RFC 6455 §5.7.
    @Test func masked() {
        #expect(frame(.text, "Hello") == [
            0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
        ])
    }

    @Test(arguments: CloseCode.allCases) func everyCloseCodeMayBeSent(_ code: CloseCode) {
        #expect(WebSocketFrame.isCodeOnWire(code.rawValue))
        let raw = code.rawValue
        #expect(WebSocketFrame.close(code) == [0x88, 2, UInt8(raw >> 8), UInt8(raw & 0xFF)])
    }

    @Test func closeReasonIsCutAtAWholeCharacter() {
        #expect(WebSocketFrame.close(.normal, reason: "ok") == [0x88, 4, 3, 0xE8, 0x6F, 0x6B])
        let longest = WebSocketFrame.close(.normal, reason: String(repeating: "a", count: 124))
        #expect(longest.count == 2 + 125)
        // 122 bytes of ASCII leave one byte: no room for a character of two.
        let cut = WebSocketFrame.close(.normal, reason: String(repeating: "a", count: 122) + "é!")
        #expect(cut.count == 2 + 124 && cut[1] == 124)
    }

    @Test func echoWithoutCode() {
        #expect(WebSocketFrame.closeEcho(nil) == [0x88, 0])
    }
}
