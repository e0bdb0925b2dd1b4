// Key bytes that leave no copy behind: in memory that is locked against swapping where the system
// allows it, overwritten when the owner goes. What this cannot do is hide from somebody who reads
// the memory of the living process.

import COpenSSL
import Glibc

/// The owner of the bytes of one key. It cannot be copied, printed or compared by accident.
package struct SecretBytes: ~Copyable, @unchecked Sendable {
    // SAFETY: the bytes are written only in `init`, before anybody else knows the address.
    private let address: UnsafeMutableRawPointer
    package let count: Int

    /// `count` bytes, at least one, zero until `fill` writes them.
    package init<Failure: Error>(
        count: Int, filling fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(count > 0)
        SecretMemory.prepare()
        // A full locked heap is no reason to stop: the bytes are still overwritten at the end.
        guard let address = hub_secure_zalloc(count) ?? hub_zalloc(count) else {
            preconditionFailure("out of memory")
        }
        do {
            try fill(UnsafeMutableRawBufferPointer(start: address, count: count))
        } catch {
            hub_clear_free(address, count)
            throw error
        }
        self.address = address
        self.count = count
    }

    /// A copy of `bytes`; the caller wipes the original.
    package init(copying bytes: UnsafeRawBufferPointer) {
        self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
    }

    package init(copying bytes: [UInt8]) {
        self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    /// A new random key.
    package static func random(count: Int) -> SecretBytes {
        SecretBytes(count: count) { SystemEntropy.fill($0) }
    }

    deinit { hub_clear_free(address, count) }

    /// Lends the bytes; they must not outlive the call.
    package borrowing func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: address, count: count))
    }

    /// Whether both hold the same bytes; takes the same time wherever they differ.
    package borrowing func isEqual(to other: borrowing SecretBytes) -> Bool {
        count == other.count && CRYPTO_memcmp(address, other.address, count) == 0
    }
}

/// The process's locked heap for secrets; libcrypto keeps private keys in it too.
package enum SecretMemory {
    /// 1 MiB of slots of at least 32 bytes: some 20,000 keys, within the usual `RLIMIT_MEMLOCK` of
    /// 8 MiB.
    private static let outcome: Int32 = CRYPTO_secure_malloc_init(1 << 20, 32)

    /// Sets the heap up, once. Worth calling early, so that libcrypto's own keys are in it.
    package static func prepare() { _ = outcome }

    /// Whether the heap exists and is locked; if not, keys may reach swap, which start-up logs.
    package static var isLocked: Bool { outcome == 1 }

    /// From here on a crash writes no core with keys in it, and no other process of the same user can
    /// attach to this one to read them. Debuggers and crash reporters cannot either. `false`: the
    /// system refused.
    package static func forbidDumps() -> Bool {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        return setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0
            && hub_forbid_dumps() == 0
    }

    /// Bytes in use, for a gauge and for tests that nothing is left behind.
    package static var bytesInUse: Int { Int(CRYPTO_secure_used()) }

    /// Overwrites bytes in a way the compiler does not remove.
    package static func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
        if let address = bytes.baseAddress { OPENSSL_cleanse(address, bytes.count) }
    }

    /// Overwrites an array that held secret bytes. Only useful while nobody shares its storage.
    package static func wipe(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { wipe($0) }
    }
}

/// Whether two byte strings are equal, in time that depends on their lengths alone.
package func constantTimeEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
}
