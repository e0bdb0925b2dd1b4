// AES-256-GCM (NIST SP 800-38D) over EVP. The cipher is fetched once; a context lives for one call,
// because making and freeing one costs 30 ns of some 650 and leaves no key schedule behind.

import COpenSSL

package enum AES256GCM {
    package static let keyBytes = 32
    /// Always 96 bits: other lengths are hashed down and only lower the security.
    package static let ivBytes = 12
    package static let tagBytes = 16

    // SAFETY: written once before use, then only read; libcrypto counts references atomically.
    nonisolated(unsafe) private static let cipher: OpaquePointer = {
        guard let cipher = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil) else {
            preconditionFailure("libcrypto has no AES-256-GCM")
        }
        return cipher
    }()

    /// Encrypts. `ciphertext` takes as many bytes as `plaintext` has, `tag` takes 16. A key and an
    /// `iv` must never meet twice.
    package static func seal(
        _ plaintext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, iv: UnsafeRawBufferPointer,
        associatedData: UnsafeRawBufferPointer, ciphertext: UnsafeMutableRawBufferPointer,
        tag: UnsafeMutableRawBufferPointer
    ) {
        precondition(key.count == keyBytes && iv.count == ivBytes && tag.count == tagBytes)
        precondition(ciphertext.count == plaintext.count && plaintext.count <= Int(Int32.max))
        let context = newContext()
        defer { EVP_CIPHER_CTX_free(context) }
        var written: Int32 = 0
        var done = EVP_EncryptInit_ex2(context, cipher, key.bytes, iv.bytes, nil) == 1
        if associatedData.count > 0 {
            done = done && EVP_EncryptUpdate(
                context, nil, &written, associatedData.bytes, Int32(associatedData.count)) == 1
        }
        if plaintext.count > 0 {
            done = done && EVP_EncryptUpdate(
                context, ciphertext.bytes, &written, plaintext.bytes, Int32(plaintext.count)) == 1
        }
        var none: UInt8 = 0
        done = done && EVP_EncryptFinal_ex(context, &none, &written) == 1
            && hub_gcm_get_tag(context, tag.baseAddress) == 1
        precondition(done, "libcrypto could not encrypt")
    }

    /// Decrypts. `false`, and nothing left in `plaintext`, when anything was altered.
    package static func open(
        _ ciphertext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, iv: UnsafeRawBufferPointer,
        associatedData: UnsafeRawBufferPointer, tag: UnsafeRawBufferPointer,
        plaintext: UnsafeMutableRawBufferPointer
    ) -> Bool {
        precondition(key.count == keyBytes && iv.count == ivBytes && tag.count == tagBytes)
        precondition(ciphertext.count == plaintext.count && ciphertext.count <= Int(Int32.max))
        let context = newContext()
        defer { EVP_CIPHER_CTX_free(context) }
        var written: Int32 = 0
        var done = EVP_DecryptInit_ex2(context, cipher, key.bytes, iv.bytes, nil) == 1
        if associatedData.count > 0 {
            done = done && EVP_DecryptUpdate(
                context, nil, &written, associatedData.bytes, Int32(associatedData.count)) == 1
        }
        if ciphertext.count > 0 {
            done = done && EVP_DecryptUpdate(
                context, plaintext.bytes, &written, ciphertext.bytes, Int32(ciphertext.count)) == 1
        }
        precondition(done && hub_gcm_set_tag(context, tag.baseAddress) == 1,
                     "libcrypto could not decrypt")
        var none: UInt8 = 0
        if EVP_DecryptFinal_ex(context, &none, &written) == 1 { return true }
        SecretMemory.wipe(plaintext)
        ERR_clear_error()
        return false
    }

    private static func newContext() -> OpaquePointer {
        guard let context = EVP_CIPHER_CTX_new() else { preconditionFailure("out of memory") }
        return context
    }
}

extension UnsafeRawBufferPointer {
    var bytes: UnsafePointer<UInt8>? { baseAddress?.assumingMemoryBound(to: UInt8.self) }
}

extension UnsafeMutableRawBufferPointer {
    var bytes: UnsafeMutablePointer<UInt8>? { baseAddress?.assumingMemoryBound(to: UInt8.self) }
}
