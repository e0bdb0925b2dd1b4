// Published vectors for every primitive. The texts are those of the named documents.

import Crypto
import Testing

func hex(_ text: String) -> [UInt8] {
    guard let bytes = Hex.decode(text) else { preconditionFailure("no hexadecimal") }
    return bytes
}

func secret(_ bytes: [UInt8]) -> SecretBytes { SecretBytes(copying: bytes) }

extension SecretBytes {
    borrowing func copied() -> [UInt8] { withBytes { Array($0) } }
}

/// AES-256-GCM on arrays.
func gcmSeal(_ plaintext: [UInt8], key: [UInt8], iv: [UInt8], aad: [UInt8])
    -> (ciphertext: [UInt8], tag: [UInt8])
{
    var ciphertext = [UInt8](repeating: 0, count: plaintext.count)
    var tag = [UInt8](repeating: 0, count: 16)
    ciphertext.withUnsafeMutableBytes { out in
        tag.withUnsafeMutableBytes { tag in
            key.withUnsafeBytes { key in
                iv.withUnsafeBytes { iv in
                    aad.withUnsafeBytes { aad in
                        plaintext.withUnsafeBytes {
                            AES256GCM.seal($0, key: key, iv: iv, associatedData: aad, ciphertext: out, tag: tag)
                        }
                    }
                }
            }
        }
    }
    return (ciphertext, tag)
}

func gcmOpen(_ ciphertext: [UInt8], tag: [UInt8], key: [UInt8], iv: [UInt8], aad: [UInt8])
    -> [UInt8]?
{
    var plaintext = [UInt8](repeating: 0xAA, count: ciphertext.count)
    let opened = plaintext.withUnsafeMutableBytes { out in
        tag.withUnsafeBytes { tag in
            key.withUnsafeBytes { key in
                iv.withUnsafeBytes { iv in
                    aad.withUnsafeBytes { aad in
                        ciphertext.withUnsafeBytes {
                            AES256GCM.open($0, key: key, iv: iv, associatedData: aad, tag: tag, plaintext: out)
                        }
                    }
                }
            }
        }
    }
    if !opened { #expect(plaintext.allSatisfy { $0 == 0 }, "nothing is left of a forgery") }
    return opened ? plaintext : nil
}

struct GCMVector: Sendable, CustomTestStringConvertible {
    var name: String
    var key, iv, aad, plaintext, ciphertext, tag: String
    var testDescription: String { name }
}

/// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13 to 16.
private let gcmVectors = [
    GCMVector(
        name: "case 13", key: String(repeating: "00", count: 32), iv: String(repeating: "00", count: 12),
        aad: "", plaintext: "", ciphertext: "", tag: "530f8afbc74536b9a963b4f1c4cb738b"),
    GCMVector(
        name: "case 14", key: String(repeating: "00", count: 32), iv: String(repeating: "00", count: 12),
        aad: "", plaintext: String(repeating: "00", count: 16),
        ciphertext: "cea7403d4d606b6e074ec5d3baf39d18", tag: "d0d1c8a799996bf0265b98b5d48ab919"),
    GCMVector(
        name: "case 15", key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        iv: "cafebabefacedbaddecaf888", aad: "",
        plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
        ciphertext: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
        tag: "b094dac5d93471bdec1a502270e3cc6c"),
    GCMVector(
        name: "case 16", key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        iv: "cafebabefacedbaddecaf888", aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        ciphertext: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        tag: "76fc6ece0f4e1768cddf8853bb2d551b"),
]

@Suite struct AES256GCMTests {
    @Test(arguments: gcmVectors) func sealsAndOpens(_ vector: GCMVector) {
        let sealed = gcmSeal(
            hex(vector.plaintext), key: hex(vector.key), iv: hex(vector.iv), aad: hex(vector.aad))
        #expect(sealed.ciphertext == hex(vector.ciphertext))
        #expect(sealed.tag == hex(vector.tag))
        let opened = gcmOpen(
            hex(vector.ciphertext), tag: hex(vector.tag), key: hex(vector.key), iv: hex(vector.iv),
            aad: hex(vector.aad))
        #expect(opened == hex(vector.plaintext))
    }

    @Test(arguments: gcmVectors) func refusesEveryAlteredBit(_ vector: GCMVector) {
        let inputs = [vector.ciphertext, vector.tag, vector.key, vector.iv, vector.aad].map(hex)
        for field in inputs.indices {
            for bit in 0..<inputs[field].count * 8 {
                var altered = inputs
                altered[field][bit / 8] ^= 1 << UInt8(bit % 8)
                let opened = gcmOpen(
                    altered[0], tag: altered[1], key: altered[2], iv: altered[3], aad: altered[4])
                #expect(opened == nil, "field \(field), bit \(bit)")
            }
        }
    }
}

@Suite struct DigestTests {
    /// FIPS 180-4 examples: "", "abc" and the 56-byte message.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ]) func sha256(_ message: String, _ digest: String) {
        #expect(SHA256.hash(Array(message.utf8)) == hex(digest))
    }

    /// RFC 4231 §4.2, §4.3 and §4.7.
    @Test(arguments: [
        (
            String(repeating: "0b", count: 20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            "4a656665", "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            String(repeating: "aa", count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
    ]) func hmac(_ key: String, _ message: String, _ mac: String) {
        let key = hex(key).withUnsafeBytes { HMACKey($0) }
        #expect(key.authenticate(Array(message.utf8)) == hex(mac))
        #expect(key.authenticate(Array(message.utf8)) == hex(mac), "a key is used more than once")
    }

    /// RFC 5869 appendix A.1 to A.3.
    @Test(arguments: [
        (
            String(repeating: "0b", count: 22), "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        ),
        (
            range(0x00, 80), range(0x60, 80), range(0xb0, 80),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
                + "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
        (
            String(repeating: "0b", count: 22), "", "",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        ),
    ]) func hkdf(_ secret: String, _ salt: String, _ info: String, _ key: String) {
        let hkdf = hex(secret).withUnsafeBytes { HKDF(secret: $0, salt: hex(salt)) }
        let expected = hex(key)
        let whole = hkdf.key(info: hex(info), count: expected.count).copied()
        #expect(whole == expected)
        // Shorter outputs are prefixes, block boundaries included.
        for count in [1, 31, 32, 33] {
            let prefix = hkdf.key(info: hex(info), count: count).copied()
            #expect(prefix == Array(expected[..<count]))
        }
    }

    @Test func hkdfGivesUpTo255Blocks() {
        let hkdf = [UInt8](repeating: 1, count: 32).withUnsafeBytes { HKDF(secret: $0) }
        let long = hkdf.key(info: [], count: 255 * 32).copied()
        var blocks: Set<ArraySlice<UInt8>> = []
        for start in stride(from: 0, to: long.count, by: 32) { blocks.insert(long[start..<start + 32]) }
        #expect(blocks.count == 255)
    }
}

private func range(_ first: UInt8, _ count: Int) -> String {
    (0..<count).map { index in
        let byte = String(first + UInt8(index), radix: 16)
        return byte.count == 1 ? "0" + byte : byte
    }.joined()
}

@Suite struct Ed25519Tests {
    /// RFC 8032 §7.1, tests 1 to 3: seed, public key, message, signature.
    static let vectors = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
                + "b46bd25bf5f0595bbe24655141438e7a100b"
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
                + "1d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
                + "c6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ]

    @Test(arguments: vectors)
    func signsAndVerifies(_ seed: String, _ publicKey: String, _ message: String, _ signature: String)
        throws
    {
        let key = Ed25519SigningKey(seed: secret(hex(seed)))
        #expect(key.publicKey.bytes == hex(publicKey))
        #expect(key.sign(hex(message)) == hex(signature))
        let verifier = try #require(Ed25519PublicKey(hex(publicKey)))
        #expect(verifier.isValid(hex(signature), for: hex(message)))
        for bit in 0..<512 {
            var forged = hex(signature)
            forged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!verifier.isValid(forged, for: hex(message)), "bit \(bit)")
        }
        #expect(!verifier.isValid(hex(signature), for: hex(message) + [0]))
        #expect(!verifier.isValid(Array(hex(signature).dropLast()), for: hex(message)))
        #expect(!verifier.isValid(hex(signature) + [0], for: hex(message)))
        #expect(!verifier.isValid([], for: hex(message)))
    }

    @Test func refusesKeysOfOtherLengths() {
        for count in [0, 31, 33, 64] {
            #expect(Ed25519PublicKey([UInt8](repeating: 7, count: count)) == nil)
        }
    }

    /// The order of the group added to S gives a second signature of the same message in lax verifiers
    /// (RFC 8032 §5.1.7 demands S < L).
    @Test func refusesMalleableSignatures() throws {
        let (seed, _, message, signature) = Self.vectors[1]
        let key = Ed25519SigningKey(seed: secret(hex(seed)))
        let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        var forged = hex(signature)
        var carry: UInt16 = 0
        for index in 0..<32 {
            let sum = UInt16(forged[32 + index]) + UInt16(order[index]) + carry
            forged[32 + index] = UInt8(truncatingIfNeeded: sum)
            carry = sum >> 8
        }
        #expect(carry == 0)
        #expect(!key.publicKey.isValid(forged, for: hex(message)))
    }
}
