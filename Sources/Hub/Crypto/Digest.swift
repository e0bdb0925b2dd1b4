// SHA-256, HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869) over EVP.

import COpenSSL

package enum SHA256 {
    package static let digestBytes = 32

    // SAFETY: written once before use, then only read.
    nonisolated(unsafe) private static let algorithm: OpaquePointer = {
        guard let algorithm = EVP_MD_fetch(nil, "SHA256", nil) else {
            preconditionFailure("libcrypto has no SHA-256")
        }
        return algorithm
    }()

    /// For what does not fit into memory: `update` any number of times, `finish` once.
    package final class Stream {
        private let context: OpaquePointer

        package init() {
            guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, SHA256.algorithm, nil) == 1 else {
                preconditionFailure("out of memory")
            }
            self.context = context
        }

        deinit { EVP_MD_CTX_free(context) }

        package func update(_ bytes: UnsafeRawBufferPointer) {
            precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1)
        }

        package func finish() -> [UInt8] {
            [UInt8](unsafeUninitializedCapacity: digestBytes) { out, count in
                precondition(EVP_DigestFinal_ex(context, out.baseAddress, nil) == 1)
                count = digestBytes
            }
        }
    }

    package static func hash(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { hash($0) } }

    package static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: digestBytes) { out, count in
            precondition(
                EVP_Digest(bytes.baseAddress, bytes.count, out.baseAddress, nil, algorithm, nil)
                    == 1)
            count = digestBytes
        }
    }
}

/// A key ready for HMAC-SHA256. A MAC starts from a copy of the keyed state, which any number of
/// threads may take at the same time (690 ns a MAC; keying anew each time costs 1,310).
package final class HMACKey: @unchecked Sendable {
    // SAFETY: `keyed` is never written after `init`; `EVP_MAC_CTX_dup` only reads it.
    private let keyed: OpaquePointer

    // SAFETY: written once before use, then only read.
    nonisolated(unsafe) private static let algorithm: OpaquePointer = {
        guard let algorithm = EVP_MAC_fetch(nil, "HMAC", nil) else {
            preconditionFailure("libcrypto has no HMAC")
        }
        return algorithm
    }()

    package init(_ key: UnsafeRawBufferPointer) {
        SecretMemory.prepare()
        guard let keyed = EVP_MAC_CTX_new(Self.algorithm), hub_hmac_use_sha256(keyed) == 1 else {
            preconditionFailure("out of memory")
        }
        // A null key would mean "keep the old one": an empty key needs an address.
        let empty: [UInt8] = [0]
        let done = empty.withUnsafeBufferPointer {
            EVP_MAC_init(keyed, key.bytes ?? $0.baseAddress, key.count, nil)
        }
        precondition(done == 1)
        self.keyed = keyed
    }

    // libcrypto overwrites the key when it frees the state.
    deinit { EVP_MAC_CTX_free(keyed) }

    package func authenticate(_ message: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { out, count in
            let mac = UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(out)[..<32])
            message.withUnsafeBytes { authenticate($0, into: mac) }
            count = 32
        }
    }

    /// Writes the 32 bytes of the MAC over both parts, for results that are keys themselves.
    package func authenticate(
        _ first: UnsafeRawBufferPointer, _ second: [UInt8] = [],
        into mac: UnsafeMutableRawBufferPointer
    ) {
        precondition(mac.count == 32)
        guard let context = EVP_MAC_CTX_dup(keyed) else { preconditionFailure("out of memory") }
        defer { EVP_MAC_CTX_free(context) }
        var written = 0
        let done =
            (first.isEmpty || EVP_MAC_update(context, first.bytes, first.count) == 1)
            && (second.isEmpty || EVP_MAC_update(context, second, second.count) == 1)
            && EVP_MAC_final(context, mac.bytes, &written, 32) == 1 && written == 32
        precondition(done, "libcrypto could not authenticate")
    }
}

/// HKDF-SHA256 (RFC 5869), its two steps apart, so that many keys come from one extraction.
package struct HKDF: Sendable {
    private let pseudoRandomKey: HMACKey

    /// Extracts from `secret`. No salt is as good as 32 zero bytes (RFC 5869 §2.2).
    package init(secret: UnsafeRawBufferPointer, salt: [UInt8] = []) {
        let salted = salt.withUnsafeBytes { HMACKey($0) }
        let extracted = SecretBytes(count: 32) { salted.authenticate(secret, into: $0) }
        pseudoRandomKey = extracted.withBytes { HMACKey($0) }
    }

    /// Expands to `count` bytes, 1 to 8,160.
    package func key(info: [UInt8], count: Int = 32) -> SecretBytes {
        precondition((1...255 * 32).contains(count))
        return SecretBytes(count: count) { out in
            var previous = UnsafeRawBufferPointer(start: nil, count: 0)
            var counter: UInt8 = 1
            var at = 0
            while count - at >= 32 {
                let block = UnsafeMutableRawBufferPointer(rebasing: out[at..<at + 32])
                pseudoRandomKey.authenticate(previous, info + [counter], into: block)
                previous = UnsafeRawBufferPointer(block)
                counter &+= 1
                at += 32
            }
            guard at < count else { return }
            let last = SecretBytes(count: 32) {
                pseudoRandomKey.authenticate(previous, info + [counter], into: $0)
            }
            last.withBytes {
                UnsafeMutableRawBufferPointer(rebasing: out[at...]).copyBytes(
                    from: $0[..<(count - at)])
            }
        }
    }
}
