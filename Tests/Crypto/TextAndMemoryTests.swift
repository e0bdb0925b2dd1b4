// Base64, hexadecimal, randomness, and memory that holds secrets.

import Crypto
import Glibc
import Testing

@Suite(.serialized) struct SeedInMemoryTests {
    /// Regions of this process that can be written, but for the locked heap, are searched for the bytes at an address.
    private func copies(of secret: UnsafeRawBufferPointer) -> Int {
        var text: [UInt8] = []
        let maps = open("/proc/self/maps", O_RDONLY)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(maps, &buffer, buffer.count), count > 0 { text += buffer[..<count] }
        close(maps)
        var found = 0
        for line in text.split(separator: 10) {
            let parts = String(decoding: line, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: true)
            guard parts.count >= 5, parts[1].hasPrefix("rw") else { continue }
            let ends = parts[0].split(separator: "-").compactMap { UInt(String($0), radix: 16) }
            guard ends.count == 2 else { continue }
            found += Self.count(secret, from: ends[0], to: ends[1])
        }
        return found
    }

    /// By way of /proc/self/mem, so that a region that went away meanwhile is an error and no fault.
    private static func count(_ secret: UnsafeRawBufferPointer, from: UInt, to: UInt) -> Int {
        let file = open("/proc/self/mem", O_RDONLY)
        defer { close(file) }
        let own = UInt(bitPattern: secret.baseAddress)
        let size = 1 << 20
        let page = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        defer {
            memset(page, 0, size)
            page.deallocate()
        }
        var (found, at) = (0, from)
        while at < to {
            let wanted = min(size, Int(to - at))
            let read = pread(file, page, wanted, off_t(at))
            guard read > 0 else { break }
            var rest = 0
            while rest + secret.count <= read,
                let hit = memchr(page + rest, Int32(secret[0]), read - rest - secret.count + 1)
            {
                let offset = page.distance(to: hit)
                let address = at + UInt(offset)
                let isBuffer = address >= UInt(bitPattern: page) && address < UInt(bitPattern: page) + UInt(size)
                let isHit = memcmp(hit, secret.baseAddress!, secret.count) == 0
                if isHit, address != own, !isBuffer { found += 1 }
                rest = offset + 1
            }
            if read < wanted { break }
            at += UInt(read)
        }
        return found
    }

    /// The seed is in the locked heap twice, the caller's and the key's, and nowhere else: also after signatures.
    @Test func aSigningSeedIsInLockedMemoryOnly() {
        let seed = SecretBytes.random(count: 32)
        let key = Ed25519SigningKey(seed: seed)
        for _ in 0..<100 { _ = key.sign([1, 2, 3]) }
        let others = seed.withBytes { (bytes: UnsafeRawBufferPointer) -> Int in copies(of: bytes) }
        #expect(others == 1, "the key's own")
        #expect(!key.sign([4]).isEmpty)
    }
}

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
