// Base64, hexadecimal, randomness, and memory that holds secrets.

import Crypto
import Glibc
import Testing

@Suite struct Base64Tests {
    /// RFC 4648 §10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ]) func rfc4648(_ plain: String, _ encoded: String) {
        #expect(Base64.encode(Array(plain.utf8), .standard) == encoded)
        #expect(Base64.decode(encoded, .standard) == Array(plain.utf8))
        let unpadded = encoded.filter { $0 != "=" }
        #expect(Base64.encode(Array(plain.utf8), .url) == unpadded)
        #expect(Base64.decode(unpadded, .url) == Array(plain.utf8))
    }

    @Test func everyByteSurvives() {
        for count in 0...70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 250) }
            for form in [Base64.Form.standard, .url] {
                #expect(Base64.decode(Base64.encode(bytes, form), form) == bytes)
            }
        }
        #expect(Base64.encode([0xFB, 0xFF], .standard) == "+/8=")
        #expect(Base64.encode([0xFB, 0xFF], .url) == "-_8")
    }

    @Test(arguments: ["Zg==", "Zg=", "Zh", "Zm9", "A", "Zm9vY", "Zm8+", "Zm8/", "Zm 8", "Zm8\n", "Zm8é", "Zm8%3D"])
    func urlRefuses(_ text: String) {
        #expect(Base64.decode(text, .url) == nil)
    }

    @Test(arguments: ["Zg", "Zg=", "Zh==", "Zm9=", "=", "====", "Zg===", "Z=g=", "Zm8-", "Zm8_", "Zm9v\n"])
    func standardRefuses(_ text: String) {
        #expect(Base64.decode(text, .standard) == nil)
    }

    @Test func hexadecimal() {
        #expect(Hex.decode("00fFa9") == [0, 255, 0xA9])
        #expect(Hex.decode("") == [])
        for text in ["0", "0g", " 00", "0x00", "é"] { #expect(Hex.decode(text) == nil) }
    }
}

@Suite struct MemoryTests {
    @Test func comparesWholeStrings() {
        #expect(constantTimeEqual([], []))
        #expect(constantTimeEqual([1, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEqual([1, 2, 3], [1, 2, 4]))
        #expect(!constantTimeEqual([1, 2, 3], [0, 2, 3]))
        #expect(!constantTimeEqual([1, 2, 3], [1, 2, 3, 0]))
        let key = secret([1, 2])
        for (other, isEqual) in [([1, 2], true), ([1, 3], false), ([1, 2, 0], false)] as [([UInt8], Bool)] {
            let equal = key.isEqual(to: secret(other))
            #expect(equal == isEqual)
        }
    }

    /// The locked heap stays mapped for the life of the process, so what was freed can be looked at. Its
    /// free list uses the first 16 bytes of a free slot.
    @Test func bytesAreOverwrittenAtTheEnd() throws {
        var freed: UnsafeRawPointer?
        do {
            let key = secret([UInt8](repeating: 0x5C, count: 64))
            freed = key.withBytes { $0.baseAddress }
        }
        let address = try #require(freed)
        let remains = (16..<64).map { address.load(fromByteOffset: $0, as: UInt8.self) }
        #expect(!remains.contains(0x5C))
    }

    @Test func aFailedFillIsFreed() {
        struct Refused: Error {}
        #expect(throws: Refused.self) {
            let key = try SecretBytes(count: 32) { (_) throws(Refused) in throw Refused() }
            _ = key.count
        }
    }

    /// In a process of its own, since there is no way back.
    @Test func dumpsCanBeForbidden() async {
        await #expect(processExitsWith: .success) {
            precondition(SecretMemory.forbidDumps())
            var limit = rlimit()
            precondition(getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0)
            precondition(limit.rlim_cur == 0 && limit.rlim_max == 0)
            exit(0)
        }
    }

    @Test func randomBytesDiffer() {
        let entropy = SystemEntropy()
        let strings = Set((0..<1_000).map { _ in entropy.bytes(16) })
        #expect(strings.count == 1_000)
        #expect(entropy.bytes(0).isEmpty)
        let words = (0..<1_000).map { _ in entropy.words() }
        #expect(Set(words.map(\.0)).count == 1_000)
        #expect(Set(words.map(\.1)).count == 1_000)
        // Each bit of 1,000 words is set about half the time; 300 is 12 standard deviations away.
        for bit in 0..<64 {
            let set = words.count { $0.0 >> UInt64(bit) & 1 == 1 }
            #expect((300...700).contains(set))
        }
    }
}
