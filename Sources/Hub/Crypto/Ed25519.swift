// Ed25519 signatures (RFC 8032) over EVP.

import COpenSSL

/// A private key and its public half. Signing takes about 100 µs, half of it for setting the key up anew: libcrypto
/// keeps the private keys it imports in ordinary memory, where a dump of the process would show them for as long as it
/// lives. Here the seed is in locked memory, and libcrypto has it for the length of one signature, then wipes it.
package final class Ed25519SigningKey: Sendable {
    private let seed: SecretBytes
    package let publicKey: Ed25519PublicKey

    /// From the 32-byte seed (RFC 8032 §5.1.5), which is copied.
    package init(seed: borrowing SecretBytes) {
        precondition(seed.count == 32)
        self.seed = seed.withBytes { SecretBytes(copying: $0) }
        let bytes = Self.withKey(seed) { key -> [UInt8] in
            var count = 32
            return [UInt8](unsafeUninitializedCapacity: 32) { out, written in
                precondition(
                    EVP_PKEY_get_raw_public_key(key, out.baseAddress, &count) == 1 && count == 32)
                written = 32
            }
        }
        guard let publicKey = Ed25519PublicKey(bytes) else { preconditionFailure("no public key") }
        self.publicKey = publicKey
    }

    private static func withKey<Result>(_ seed: borrowing SecretBytes, _ body: (OpaquePointer) -> Result) -> Result {
        guard
            let key = seed.withBytes({
                EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, $0.bytes, $0.count)
            })
        else { preconditionFailure("libcrypto has no Ed25519") }
        defer { EVP_PKEY_free(key) }
        return body(key)
    }

    /// The 64-byte signature.
    package func sign(_ message: [UInt8]) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("out of memory") }
        defer { EVP_MD_CTX_free(context) }
        return Self.withKey(seed) { key -> [UInt8] in
            [UInt8](unsafeUninitializedCapacity: 64) { out, written in
                var count = 64
                precondition(
                    EVP_DigestSignInit(context, nil, nil, nil, key) == 1
                        && EVP_DigestSign(context, out.baseAddress, &count, message, message.count) == 1
                        && count == 64)
                written = 64
            }
        }
    }
}

/// Verifying takes about 100 µs; from any thread.
package final class Ed25519PublicKey: @unchecked Sendable {
    // SAFETY: an EVP_PKEY is never written after it was made, and verifying only reads it.
    private let key: OpaquePointer
    package let bytes: [UInt8]

    /// `nil` unless 32 bytes. Whether they are a point of the curve shows when a signature is
    /// checked.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == 32,
            let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, 32)
        else { return nil }
        self.key = key
        self.bytes = bytes
    }

    deinit { EVP_PKEY_free(key) }

    package func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        guard signature.count == 64, let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
        if EVP_DigestVerify(context, signature, 64, message, message.count) == 1 { return true }
        ERR_clear_error()
        return false
    }
}
