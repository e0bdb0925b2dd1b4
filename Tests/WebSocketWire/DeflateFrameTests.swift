// Compressed messages as frames (RFC 7692 §6): which may carry RSV1, and that they come out whole and as
// they were sent.

import Model
import Testing
import Wire

private func raw(_ firstByte: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
    var bytes: [UInt8] = []
    WebSocketFrame.appendMasked(firstByte: firstByte, payload, key: 0x0102_0304, to: &bytes)
    return bytes
}

private let packed: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]

private func seen(_ bytes: [UInt8], _ limits: WebSocketLimits = WebSocketLimits()) -> [Seen] {
    expectSameAtEverySplit(bytes, limits: limits, allowsDeflated: true)
    return events([bytes], limits: limits, allowsDeflated: true)
}

@Suite struct DeflateFrameTests {
    @Test func comeOutCompressed() {
        #expect(seen(raw(0xC1, packed)) == [.deflated(packed, isText: true)])
        #expect(seen(raw(0xC2, packed)) == [.deflated(packed, isText: false)])
        #expect(seen(raw(0xC1)) == [.deflated([], isText: true)])
        // Whether it is text shows when it is inflated.
        #expect(seen(raw(0xC1, [0xFF, 0xFE])) == [.deflated([0xFF, 0xFE], isText: true)])
    }

    @Test func eachMessageSaysForItself() {
        #expect(seen(raw(0xC1, packed) + frame(.text, "plain") + raw(0xC2, packed) + frame(.binary, [1]))
            == [.deflated(packed, isText: true), .text("plain"), .deflated(packed, isText: false),
                .binary([1])])
        // The state of a compressed message must not let a plain one off its check.
        #expect(seen(raw(0xC1, packed) + frame(.text, [0xFF]))
            == [.deflated(packed, isText: true), .failed(.invalidUTF8)])
    }

    @Test func onlyTheFirstFragmentIsMarked() {
        let fragments = raw(0x41, [0xF2, 0x48]) + frame(.ping, [7]) + frame(.continuation, [], isFinal: false)
            + frame(.continuation, [0xCD, 0xC9, 0xC9], isFinal: false) + frame(.continuation, [0x07, 0x00])
        #expect(seen(fragments) == [.ping([7]), .deflated(packed, isText: true)])
        let begun = raw(0x41, [0xF2])
        #expect(seen(begun + raw(0xC0, [0x48])) == [.failed(.reservedBits)])
        #expect(seen(begun + raw(0x40, [0x48])) == [.failed(.reservedBits)])
        #expect(seen(frame(.text, "a", isFinal: false) + raw(0xC0)) == [.failed(.reservedBits)])
        #expect(seen(begun + raw(0xC1)) == [.failed(.messageInsideMessage)])
    }

    @Test(arguments: [0xC8, 0xC9, 0xCA, 0xC0, 0xC3, 0xCB, 0xA1, 0x91, 0xE1, 0xD1, 0xF2] as [UInt8])
    func theMarkIsRefusedElsewhere(_ first: UInt8) {
        #expect(seen(raw(first)) == [.failed(.reservedBits)])
    }

    @Test(arguments: [0xC1, 0xC2, 0x41] as [UInt8])
    func theMarkIsRefusedUnlessAgreedOn(_ first: UInt8) {
        #expect(events([raw(first, packed)]) == [.failed(.reservedBits)])
    }

    @Test func limitsHoldForWhatIsSent() {
        var limits = WebSocketLimits()
        limits.messageBytesMax = 7
        limits.fragmentsMax = 2
        #expect(seen(raw(0xC1, packed), limits) == [.deflated(packed, isText: true)])
        #expect(seen(raw(0xC1, packed + [0]), limits) == [.failed(.messageTooLarge)])
        #expect(seen(raw(0x41, packed) + frame(.continuation, [0]), limits) == [.failed(.messageTooLarge)])
        let empty = frame(.continuation, [], isFinal: false)
        #expect(seen(raw(0x41) + empty + empty, limits) == [.failed(.tooManyFragments)])
    }

    @Test(arguments: [0, 125, 126, 65_535, 65_536])
    func framesOfOursAreMarked(_ count: Int) {
        let payload = [UInt8](repeating: 9, count: count)
        for isDeflated in [false, true] {
            var bytes: [UInt8] = []
            payload.withUnsafeBytes {
                WebSocketFrame.append(.text, $0, isDeflated: isDeflated, to: &bytes)
            }
            #expect(bytes[0] == (isDeflated ? 0xC1 : 0x81))
            #expect(bytes.withUnsafeBytes { Array(WebSocketFrame.payload(of: $0)) } == payload)
        }
    }
}
