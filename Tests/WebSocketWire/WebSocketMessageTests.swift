// Messages, control frames and fragments: the cases 1, 2, 5, 9 and 10 of the Autobahn test suite as
// tables, whole and cut anywhere.

import Testing
import Wire

private let sizes = [0, 1, 7, 8, 9, 125, 126, 127, 128, 1000, 65_535, 65_536]

private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) } }

private struct Sample: CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let seen: [Seen]
    var testDescription: String { name }
    init(_ name: String, _ frames: [[UInt8]], _ seen: [Seen]) {
        (self.name, bytes, self.seen) = (name, Array(frames.joined()), seen)
    }
}

private let samples: [Sample] = [
    Sample("two messages", [frame(.text, "Hello"), frame(.binary, [0, 255])],
           [.text("Hello"), .binary([0, 255])]),
    Sample("empty messages", [frame(.text, ""), frame(.binary, [])], [.text(""), .binary([])]),
    Sample("pings and pongs, also unasked for",
           [frame(.ping, ""), frame(.pong, "x"), frame(.ping, pattern(125))],
           [.ping([]), .pong([120]), .ping(pattern(125))]),
    Sample("two fragments",
           [frame(.text, "frag", isFinal: false), frame(.continuation, "ment")], [.text("fragment")]),
    Sample("a ping inside",
           [frame(.text, "frag", isFinal: false), frame(.ping, "p"), frame(.continuation, "ment")],
           [.ping([112]), .text("fragment")]),
    Sample("pings between many fragments",
           [frame(.binary, [1], isFinal: false), frame(.continuation, [2], isFinal: false),
            frame(.ping, "a"), frame(.continuation, [3], isFinal: false), frame(.pong, "b"),
            frame(.continuation, [4, 5]), frame(.ping, "c"), frame(.text, "next")],
           [.ping([97]), .pong([98]), .binary([1, 2, 3, 4, 5]), .ping([99]), .text("next")]),
    Sample("empty fragments",
           [frame(.text, "", isFinal: false), frame(.continuation, "", isFinal: false),
            frame(.continuation, "")], [.text("")]),
    Sample("empty fragments around",
           [frame(.text, "", isFinal: false), frame(.continuation, "é", isFinal: false),
            frame(.continuation, "")], [.text("é")]),
    Sample("first fragment empty, the rest in the last",
           [frame(.text, "", isFinal: false), frame(.continuation, "é")], [.text("é")]),
    Sample("a character across fragments and pings",
           [frame(.text, [0xF0], isFinal: false), frame(.ping, ""),
            frame(.continuation, [0x9F, 0x98], isFinal: false), frame(.continuation, [0x80, 0x21])],
           [.ping([]), .text("😀!")]),
    Sample("a fragmented message after another",
           [frame(.text, "a", isFinal: false), frame(.continuation, "b"),
            frame(.binary, [1], isFinal: false), frame(.continuation, [2])],
           [.text("ab"), .binary([1, 2])]),
    Sample("a close inside a message",
           [frame(.text, "a", isFinal: false), closeFrame(1000), frame(.continuation, "b")],
           [.close(1000, "")]),
    Sample("nothing after a close",
           [closeFrame(1000, Array("bye".utf8)), frame(.text, "late"), [0xFF, 0xFF]],
           [.close(1000, "bye")]),
    Sample("long and short forms in a row",
           [frame(.binary, pattern(126)), frame(.ping, "p"), frame(.binary, pattern(300)),
            frame(.text, "end")],
           [.binary(pattern(126)), .ping([112]), .binary(pattern(300)), .text("end")]),
]

@Suite struct WebSocketMessageTests {
    @Test(arguments: samples) private func whole(_ sample: Sample) {
        #expect(events([sample.bytes]) == sample.seen)
    }

    @Test(arguments: samples) private func split(_ sample: Sample) {
        expectSameAtEverySplit(sample.bytes)
    }

    /// Three parts: a frame that begins in one chunk, goes on in the next and ends in the third.
    @Test(arguments: samples) private func splitInThree(_ sample: Sample) {
        let bytes = sample.bytes
        guard bytes.count < 120 else { return }
        for first in bytes.indices {
            for second in first..<bytes.count {
                let parts = [bytes[..<first], bytes[first..<second], bytes[second...]]
                #expect(events(parts) == sample.seen, "cut at \(first) and \(second)")
            }
        }
    }

    @Test(arguments: sizes, [WebSocketOpcode.text, .binary])
    func size(_ count: Int, _ opcode: WebSocketOpcode) {
        let payload = opcode == .text ? pattern(count).map { $0 & 0x7F } : pattern(count)
        let bytes = frame(opcode, payload)
        let expected: Seen = opcode == .text
            ? .text(String(decoding: payload, as: UTF8.self)) : .binary(payload)
        #expect(events([bytes]) == [expected])
        for chunkBytes in [1, 3, 8, 997, 1 << 12] {
            let chunks = stride(from: 0, to: bytes.count, by: chunkBytes).map {
                bytes[$0..<min($0 + chunkBytes, bytes.count)]
            }
            #expect(events(chunks) == [expected], "in chunks of \(chunkBytes)")
        }
    }

    /// Autobahn 9.3/9.4 and 10.1: a large message in fragments of every size.
    @Test(arguments: [64, 256, 1300, 4096, 65_536])
    func fragmentsOf(_ fragmentBytes: Int) {
        let payload = pattern(65_536)
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: payload.count, by: fragmentBytes) {
            let end = min(start + fragmentBytes, payload.count)
            bytes += frame(start == 0 ? .binary : .continuation, payload[start..<end],
                           isFinal: end == payload.count)
        }
        #expect(events([bytes]) == [.binary(payload)])
    }

    @Test(arguments: [0, 0xFFFF_FFFF, 0x0000_0001, 0x8000_0000, 0x0102_0304] as [UInt32])
    func everyKeyAndAlignment(_ key: UInt32) {
        for count in 0..<40 {
            let bytes = frame(.binary, pattern(count), key: key)
            for offset in 0..<9 {
                // The same frame at another place in memory, behind a ping.
                let chunk = frame(.ping, pattern(offset), key: key) + bytes
                #expect(events([chunk]) == [.ping(pattern(offset)), .binary(pattern(count))])
            }
        }
    }

    @Test func aWholeMessageIsLentWhereItWasRead() {
        let bytes = frame(.text, "Hello")
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { memory.deallocate() }
        memory.copyBytes(from: bytes)
        var parser = WebSocketParser()
        var input = memory
        guard case .text(let lent) = parser.next(&input) else {
            Issue.record("no message")
            return
        }
        #expect(lent.baseAddress == UnsafeRawPointer(memory.baseAddress! + 6))
        #expect(Array(lent) == Array("Hello".utf8))
    }

    @Test func idleOnlyBetweenMessages() {
        var parser = WebSocketParser()
        // The parser cannot be copied, and `#expect` copies what it looks at.
        func isIdle(after bytes: some Collection<UInt8>) -> Bool {
            _ = parser.feed(bytes)
            return parser.isIdle
        }
        #expect(isIdle(after: []))
        #expect(!isIdle(after: frame(.text, "a", isFinal: false)))
        #expect(!isIdle(after: frame(.ping, "")))
        #expect(isIdle(after: frame(.continuation, "b")))
        for byte in frame(.ping, "x").dropLast() { #expect(!isIdle(after: [byte])) }
    }
}
