// SHA-1 (FIPS 180-4 §6.1) for the accept key of the WebSocket handshake and nothing else: there it
// only shows that the server speaks the protocol, and its weakness does not matter. Wire imports no
// crypto. Nothing is allocated: every connection begins with one of these.

enum SHA1 {
    static let digestBytes = 20

    /// Writes the digest of `message` to `digest`, which has room for its 20 bytes.
    static func digest(_ message: UnsafeRawBufferPointer, to digest: UnsafeMutableRawBufferPointer) {
        precondition(digest.count >= digestBytes)
        // A whole block is mixed where it lies; the rest, the bit that ends it, and its length fill one
        // or two more.
        let rest = message.count % 64
        let tailBytes = rest < 56 ? 64 : 128
        var state = State()
        withUnsafeTemporaryAllocation(byteCount: 320 + 128, alignment: 16) { room in
            let words = room.baseAddress!.assumingMemoryBound(to: UInt32.self)
            let tail = UnsafeMutableRawBufferPointer(rebasing: room[320..<(320 + tailBytes)])
            tail.initializeMemory(as: UInt8.self, repeating: 0)
            tail.copyMemory(from: UnsafeRawBufferPointer(rebasing: message.suffix(rest)))
            tail[rest] = 0x80
            tail.storeBytes(of: (UInt64(message.count) * 8).bigEndian, toByteOffset: tailBytes - 8, as: UInt64.self)
            for start in stride(from: 0, to: message.count - rest, by: 64) {
                state.mix(message.baseAddress! + start, words)
            }
            for start in stride(from: 0, to: tailBytes, by: 64) {
                state.mix(UnsafeRawPointer(tail.baseAddress!) + start, words)
            }
        }
        let words = (state.a.bigEndian, state.b.bigEndian, state.c.bigEndian, state.d.bigEndian, state.e.bigEndian)
        withUnsafeBytes(of: words) { digest.copyMemory(from: $0) }
    }

    private struct State {
        var a: UInt32 = 0x6745_2301
        var b: UInt32 = 0xEFCD_AB89
        var c: UInt32 = 0x98BA_DCFE
        var d: UInt32 = 0x1032_5476
        var e: UInt32 = 0xC3D2_E1F0

        /// Takes in a block of 64 bytes. `words` is room for 80.
        mutating func mix(_ block: UnsafeRawPointer, _ words: UnsafeMutablePointer<UInt32>) {
            for index in 0..<16 {
                words[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
            }
            for index in 16..<80 {
                words[index] = rotate(
                    words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1)
            }
            let before = self
            for index in 0..<20 { round(b & c | ~b & d, 0x5A82_7999, words[index]) }
            for index in 20..<40 { round(b ^ c ^ d, 0x6ED9_EBA1, words[index]) }
            for index in 40..<60 { round(b & c | b & d | c & d, 0x8F1B_BCDC, words[index]) }
            for index in 60..<80 { round(b ^ c ^ d, 0xCA62_C1D6, words[index]) }
            a &+= before.a
            b &+= before.b
            c &+= before.c
            d &+= before.d
            e &+= before.e
        }

        @inline(__always)
        private mutating func round(_ choice: UInt32, _ constant: UInt32, _ word: UInt32) {
            let next = rotate(a, 5) &+ choice &+ e &+ constant &+ word
            (a, b, c, d, e) = (next, a, rotate(b, 30), c, d)
        }

        @inline(__always)
        private func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
            word &<< count | word &>> (32 - count)
        }
    }
}
