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
        _ plaintext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer,
        iv: UnsafeRawBufferPointer,
        associatedData: UnsafeRawBufferPointer, ciphertext: UnsafeMutableRawBufferPointer,
        tag: UnsafeMutableRawBufferPointer
    ) {
        precondition(key.count == keyBytes && iv.count == ivBytes && tag.count == tagBytes)
        precondition(ciphertext.count == plaintext.count && plaintext.count <= Int(Int32.max))
        let context = newContext()
        defer { EVP_CIPHER_CTX_free(context) }
        var last: UInt8 = 0
        var none: Int32 = 0
        let done =
            EVP_EncryptInit_ex2(context, cipher, key.bytes, iv.bytes, nil) == 1
            && update(EVP_EncryptUpdate, context, associatedData, into: nil)
            && update(EVP_EncryptUpdate, context, plaintext, into: ciphertext.bytes)
            && EVP_EncryptFinal_ex(context, &last, &none) == 1
            && hub_gcm_get_tag(context, tag.baseAddress) == 1
        precondition(done, "libcrypto could not encrypt")
    }

    /// Decrypts. `false`, and nothing left in `plaintext`, when anything was altered.
    package static func open(
        _ ciphertext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer,
        iv: UnsafeRawBufferPointer,
        associatedData: UnsafeRawBufferPointer, tag: UnsafeRawBufferPointer,
        plaintext: UnsafeMutableRawBufferPointer
    ) -> Bool {
        precondition(key.count == keyBytes && iv.count == ivBytes && tag.count == tagBytes)
        precondition(ciphertext.count == plaintext.count && ciphertext.count <= Int(Int32.max))
        let context = newContext()
        defer { EVP_CIPHER_CTX_free(context) }
        let done =
            EVP_DecryptInit_ex2(context, cipher, key.bytes, iv.bytes, nil) == 1
            && update(EVP_DecryptUpdate, context, associatedData, into: nil)
            && update(EVP_DecryptUpdate, context, ciphertext, into: plaintext.bytes)
            && hub_gcm_set_tag(context, tag.baseAddress) == 1
        precondition(done, "libcrypto could not decrypt")
        var last: UInt8 = 0
        var none: Int32 = 0
        if EVP_DecryptFinal_ex(context, &last, &none) == 1 { return true }
        SecretMemory.wipe(plaintext)
        ERR_clear_error()
        return false
    }

    private typealias Update = (
        OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int32>?,
        UnsafePointer<UInt8>?, Int32
    ) -> Int32

    /// Without `out` the bytes are associated data. No bytes, no call: it would mean "the end".
    private static func update(
        _ function: Update, _ context: OpaquePointer, _ bytes: UnsafeRawBufferPointer,
        into out: UnsafeMutablePointer<UInt8>?
    ) -> Bool {
        guard bytes.count > 0 else { return true }
        var written: Int32 = 0
        return function(context, out, &written, bytes.bytes, Int32(bytes.count)) == 1
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
