// Compression and decompression of single messages: the examples of RFC 7692, every size, limits at their
// edge, and data that is none.

import Deflate
import Testing

private func deflated(_ message: [UInt8]) -> [UInt8] {
    var deflater = Deflater()
    return message.withUnsafeBytes { deflater.deflate($0) { Array($0) } }
}

/// What comes out, or why nothing does.
private func inflated(_ message: [UInt8], bytesMax: Int = 1 << 20) -> Result<[UInt8], InflateFailure> {
    var inflater = Inflater()
    return inflated(message, bytesMax, &inflater)
}

private func inflated(_ message: [UInt8], _ bytesMax: Int, _ inflater: inout Inflater)
    -> Result<[UInt8], InflateFailure>
{
    message.withUnsafeBytes { bytes in
        do throws(InflateFailure) {
            let out = Array(try inflater.inflate(bytes, bytesMax: bytesMax))
            inflater.giveBack()
            return .success(out)
        } catch {
            return .failure(error)
        }
    }
}

private let hello = Array("Hello".utf8)

/// Text that repeats itself as chat does, and none of which is the same.
private func text(_ count: Int) -> [UInt8] {
    var state: UInt32 = 7
    return (0..<count).map { index in
        state = state &* 1_664_525 &+ 1_013_904_223
        return index % 11 < 7 ? UInt8(ascii: "a") + UInt8(index % 7) : UInt8(truncatingIfNeeded: state >> 24)
    }
}

@Suite struct DeflateTests {
    @Test(arguments: [
        ("one block", [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
        ("two blocks", [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00]),
        ("not compressed", [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00]),
        ("a final block", [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]),
        ("a final block and nothing behind", [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
    ] as [(String, [UInt8])])
    func opensTheExamplesOfTheRFC(_ name: String, _ message: [UInt8]) {
        #expect(inflated(message) == .success(hello))
    }

    /// RFC 1952: a head without name and time, the data, its CRC-32 and its length. `gzip -d` opens it.
    @Test(arguments: [0, 1, 5, 1_000, 100_000]) func filesAreGzipped(_ count: Int) {
        let content = count == 5 ? hello : text(count)
        let packed = Gzip.compress(content)
        #expect(Array(packed[..<10]) == [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 0xFF])
        #expect(inflated(Array(packed[10..<(packed.count - 8)])) == .success(content))
        let length = packed[(packed.count - 4)...].enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
        #expect(length == count)
        if count == 5 { #expect(Array(packed[(packed.count - 8)..<(packed.count - 4)]) == [0x82, 0x89, 0xD1, 0xF7]) }
        #expect(packed == Gzip.compress(content))
    }

    @Test func writesTheExampleOfTheRFC() {
        #expect(deflated(hello) == [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00])
        #expect(deflated([]) == [0x00])
        #expect(inflated([0x00]) == .success([]))
    }

    /// The second "Hello" of an example points back into the first.
    @Test func remembersNoMessage() {
        var inflater = Inflater()
        #expect(inflated([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], 5, &inflater) == .success(hello))
        #expect(inflated([0xF2, 0x00, 0x11, 0x00, 0x00], 5, &inflater) == .failure(.malformed))
        #expect(inflated([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], 5, &inflater) == .success(hello))
    }

    @Test(arguments: [0, 1, 2, 63, 511, 512, 4_095, 4_096, 4_097, 65_535, 65_536, 300_000])
    func whatGoesInComesOut(_ count: Int) {
        var deflater = Deflater()
        var inflater = Inflater()
        for message in [text(count), [UInt8](repeating: 0, count: count)] {
            for _ in 0..<2 {
                let small = message.withUnsafeBytes { deflater.deflate($0) { Array($0) } }
                #expect(count < 100 || small.count < count)
                #expect(inflated(small, count, &inflater) == .success(message))
            }
        }
    }

    @Test(arguments: [1, 5, 4_096, 65_536, 1 << 20])
    func whatComesOutIsBounded(_ count: Int) {
        let small = deflated([UInt8](repeating: 1, count: count))
        #expect(inflated(small, bytesMax: count) == .success([UInt8](repeating: 1, count: count)))
        #expect(inflated(small, bytesMax: count - 1) == .failure(.tooLarge))
        #expect(inflated(small, bytesMax: 0) == .failure(.tooLarge))
    }

    /// The limit of one message says nothing about the next, whose memory may be there already.
    @Test func aLimitHoldsForItsMessage() {
        var inflater = Inflater()
        let small = deflated([UInt8](repeating: 1, count: 60_000))
        #expect(inflated(small, 60_000, &inflater) == .success([UInt8](repeating: 1, count: 60_000)))
        #expect(inflated(small, 59_999, &inflater) == .failure(.tooLarge))
        #expect(inflated(small, 100, &inflater) == .failure(.tooLarge))
        #expect(inflated(small, 60_000, &inflater) == .success([UInt8](repeating: 1, count: 60_000)))
    }

    @Test func refusesWhatIsCutOff() {
        let whole = deflated(text(1_000))
        var refused = 0
        for count in 1..<whole.count {
            if inflated(Array(whole[..<count])) == .failure(.malformed) { refused += 1 }
        }
        // The bytes that belong behind a message may happen to end a code and a block; mostly they do not.
        #expect(refused > whole.count / 2)
    }

    @Test(arguments: [
        ("a reserved kind of block", [0x07, 0x00]), ("lengths that differ", [0x00, 0x05, 0x00, 0xFA, 0xFE, 0x48]),
        ("text", Array("Hello, this is no DEFLATE data".utf8)),
        ("back to before the beginning", [0xF2, 0x00, 0x11, 0x00, 0x00]),
        ("rubbish behind a final block", [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x07]),
    ] as [(String, [UInt8])])
    func refusesWhatIsNone(_ name: String, _ message: [UInt8]) {
        #expect(inflated(message) == .failure(.malformed))
    }
}
