// Randomness of libcrypto's generator: one per thread, seeded and reseeded from the kernel.

import COpenSSL
import Ports

/// Random bytes fit for keys, tokens and ids. About 1 µs a call, so ask for many bytes at once.
package struct SystemEntropy: Entropy {
    package init() {}

    /// Drawn ahead for many calls: every post takes one.
    package func words() -> (UInt64, UInt64) {
        Self.ahead.withLock { ahead in
            if ahead.isEmpty {
                ahead = [Words](unsafeUninitializedCapacity: Self.aheadMax) { words, count in
                    Self.fill(UnsafeMutableRawBufferPointer(words))
                    count = words.count
                }
            }
            return ahead.removeLast()
        }
    }

    private typealias Words = (UInt64, UInt64)
    private static let aheadMax = 200
    private static let ahead = Lock<[Words]>([])

    package func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { out, written in
            Self.fill(
                UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(out)[..<count]))
            written = count
        }
    }

    /// Without randomness nothing here is safe, so its failure ends the process.
    static func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let address = bytes.baseAddress, bytes.count > 0 else { return }
        precondition(
            RAND_bytes(address.assumingMemoryBound(to: UInt8.self), Int32(bytes.count)) == 1,
            "the system gives no random bytes")
    }
}
