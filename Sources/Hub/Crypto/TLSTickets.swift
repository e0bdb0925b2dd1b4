// The keys of session tickets (RFC 5077 §4, RFC 8446 §4.6.1): a client that comes back shows its ticket
// and spares both sides the certificate. Tickets are all the state there is, so any loop resumes what any
// other began, and a new configuration what the old one began. Keys are made anew every 12 h and live in
// memory only: whoever finds one later opens no older conversation with it.

import COpenSSL
import Ports

package final class TLSTickets: Sendable {
    /// How long a key seals tickets, and how long a ticket is good. Longer: more clients resume after a
    /// pause; shorter: less is at stake with one key.
    package static let lifetimeSeconds = 12 * 3_600

    private struct Keys {
        var current: TicketKey
        /// Opens the tickets that it sealed before; they are sealed anew under the current one.
        var previous: TicketKey?
        /// Milliseconds of a clock that only goes forward.
        var madeAt: UInt64
    }
    private let keys: Lock<Keys>

    package init(nowMilliseconds now: UInt64) {
        keys = Lock(Keys(current: TicketKey(), previous: nil, madeAt: now))
    }

    /// To be called now and then: makes a new key when it is time.
    func rotate(nowMilliseconds now: UInt64) {
        keys.withLock { keys in
            guard now >= keys.madeAt + UInt64(Self.lifetimeSeconds) * 1_000 else { return }
            keys = Keys(current: TicketKey(), previous: keys.current, madeAt: now)
        }
    }

    /// For `SSL_CTX_set_tlsext_ticket_key_evp_cb`. 16 bytes at `name` and `vector`.
    /// - Returns: 1: go on; 2: go on, and seal a new ticket; 0: unknown key, no resumption; -1: fault.
    func prepare(name: UnsafeMutablePointer<UInt8>, vector: UnsafeMutablePointer<UInt8>,
                 _ cipher: OpaquePointer, _ mac: OpaquePointer, isSealing: Bool) -> Int32 {
        let (current, previous) = keys.withLock { ($0.current, $0.previous) }
        if isSealing {
            guard RAND_bytes(vector, 16) == 1 else { return -1 }
            current.writeName(to: name)
            return current.use(cipher, mac, vector, isSealing: true) ? 1 : -1
        }
        if current.hasName(name) { return current.use(cipher, mac, vector, isSealing: false) ? 1 : -1 }
        guard let previous, previous.hasName(name) else { return 0 }
        return previous.use(cipher, mac, vector, isSealing: false) ? 2 : -1
    }
}

/// A name of 16 bytes, a key for AES-256-CBC and one for HMAC-SHA256.
private final class TicketKey: Sendable {
    private static let nameBytes = 16
    private static let keyBytes = 32
    private let bytes = SecretBytes.random(count: nameBytes + 2 * keyBytes)

    func writeName(to name: UnsafeMutablePointer<UInt8>) {
        bytes.withBytes { name.update(from: $0.bytes!, count: Self.nameBytes) }
    }
    func hasName(_ name: UnsafePointer<UInt8>) -> Bool {
        bytes.withBytes { CRYPTO_memcmp($0.baseAddress, name, Self.nameBytes) == 0 }
    }
    func use(_ cipher: OpaquePointer, _ mac: OpaquePointer, _ vector: UnsafePointer<UInt8>,
             isSealing: Bool) -> Bool {
        bytes.withBytes { bytes in
            let key = bytes.bytes! + Self.nameBytes
            let macKey = UnsafeMutableRawPointer(mutating: bytes.baseAddress! + Self.nameBytes + Self.keyBytes)
            return EVP_CipherInit_ex2(cipher, Self.algorithm, key, vector, isSealing ? 1 : 0, nil) == 1
                && hub_ticket_mac(mac, macKey, Self.keyBytes) == 1
        }
    }

    // SAFETY: written once before use, then only read.
    nonisolated(unsafe) private static let algorithm: OpaquePointer = {
        guard let algorithm = EVP_CIPHER_fetch(nil, "AES-256-CBC", nil) else {
            preconditionFailure("libcrypto has no AES-256-CBC")
        }
        return algorithm
    }()
}
