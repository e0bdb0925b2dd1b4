// Frames cut at every place, and frames that break RFC 6455.

import Testing

@testable import Harness

/// A server's frame: not masked.
private func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
    var out: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
    if payload.count < 126 {
        out.append(UInt8(payload.count))
    } else if payload.count < 65_536 {
        out += [126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    } else {
        out += [127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
    }
    return out + payload
}

private struct Message: Equatable {
    var kind: MessageKind
    var bytes: [UInt8]
}

private func scan(_ pieces: [[UInt8]]) throws -> (messages: [Message], held: Int) {
    var scanner = FrameScanner()
    var messages: [Message] = []
    for piece in pieces {
        try piece.withUnsafeBytes { bytes in
            try scanner.scan(bytes) { messages.append(Message(kind: $0, bytes: Array($1))) }
        }
    }
    return (messages, scanner.bytesHeld)
}

@Suite struct FrameScannerTests {
    private let medium = [UInt8](repeating: 7, count: 126)
    private let long = [UInt8](repeating: 9, count: 70_000)

    private var stream: [UInt8] {
        frame(1, Array("a".utf8)) + frame(2, medium) + frame(1, Array("fir".utf8), isFinal: false)
            + frame(9, Array("ping".utf8)) + frame(0, Array("st".utf8)) + frame(2, [])
            + frame(2, long) + frame(8, [0x0F, 0xA1])
    }

    private var expected: [Message] {
        [Message(kind: .text, bytes: Array("a".utf8)), Message(kind: .binary, bytes: medium),
         Message(kind: .ping, bytes: Array("ping".utf8)),
         Message(kind: .text, bytes: Array("first".utf8)), Message(kind: .binary, bytes: []),
         Message(kind: .binary, bytes: long), Message(kind: .close, bytes: [0x0F, 0xA1])]
    }

    @Test(arguments: [1, 2, 3, 7, 125, 127, 1_000, 65_536, 1 << 20])
    func findsMessagesHoweverTheyAreCut(_ size: Int) throws {
        let pieces = stride(from: 0, to: stream.count, by: size).map {
            Array(stream[$0..<min($0 + size, stream.count)])
        }
        let found = try scan(pieces)
        #expect(found.messages == expected)
        #expect(found.held == 0)
    }

    @Test func keepsWhatIsIncomplete() throws {
        let found = try scan([Array(stream.dropLast(1))])
        #expect(found.messages == Array(expected.dropLast(1)))
        #expect(found.held == 3)
    }

    @Test(arguments: [
        ([0x81, 0x81, 0, 0, 0, 0, 0x61], FrameError.maskedByServer),
        ([0xC1, 0x00], .reservedBits),
        ([0x83, 0x00], .unknownOpcode(3)),
        ([0x09, 0x00], .badControlFrame),
        ([0x89, 0x7E, 0, 126], .badControlFrame),
        ([0x80, 0x00], .unexpectedContinuation),
        ([0x01, 0x00, 0x81, 0x00], .interruptedMessage),
        ([0x82, 0x7F, 0xFF, 0, 0, 0, 0, 0, 0, 0], .tooLarge(0xFF << 56)),
    ] as [([UInt8], FrameError)])
    func refuses(_ bytes: [UInt8], _ error: FrameError) {
        #expect(throws: error) { try scan([bytes]) }
    }

    @Test(arguments: [0, 1, 125, 126, 65_535, 65_536])
    func writesWhatAServerUnmasks(_ count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        var out: [UInt8] = []
        payload.withUnsafeBytes { FrameWriter.append(.binary, $0, mask: 0xA1B2_C3D4, to: &out) }
        #expect(out[0] == 0x82)
        #expect(out[1] & 0x80 != 0)
        let size = count < 126 ? 2 : count < 65_536 ? 4 : 10
        #expect(out.count == size + 4 + count)
        let mask: [UInt8] = [0xA1, 0xB2, 0xC3, 0xD4]
        #expect(Array(out[size..<size + 4]) == mask)
        let plain = out[(size + 4)...].enumerated().map { $1 ^ mask[$0 & 3] }
        #expect(plain == payload)
    }
}
