// A key in the clear: the master's wrapping key, an organisation key or a data key. It lives only
// in the cache and in the calls that use it; when the last of them lets go, its bytes are
// overwritten.

import Crypto
import Model
import Ports

/// 32 key bytes with what they are for.
package final class UnwrappedKey: Sendable {
    /// `nil` for the master's.
    let id: KeyID?
    private let bytes: SecretBytes
    /// The extraction of version 2 is the same for all records, so it is made once.
    private let expansion: HKDF

    init(id: KeyID?, _ bytes: consuming SecretBytes) {
        precondition(bytes.count == AES256GCM.keyBytes)
        self.id = id
        expansion = bytes.withBytes { HKDF(secret: $0) }
        self.bytes = bytes
    }

    /// HMAC-SHA256(key, "hub/kcv/v1"): tells which key this is without telling the key. GCM opens
    /// some blobs under more than one key, so each unwrapping compares this.
    var checkValue: [UInt8] {
        bytes.withBytes { HMACKey($0) }.authenticate(Array("hub/kcv/v1".utf8))
    }

    /// A key for another use than encryption; `use` is none of the names in docs/keys.md's table of blobs.
    func derived(_ use: String) -> SecretBytes { expansion.key(info: Array(use.utf8)) }

    /// Lends the key under which a record is encrypted.
    func withRecordKey<Result>(
        _ version: EnvelopeVersion, _ associatedData: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        switch version {
        case .direct: bytes.withBytes(body)
        case .derived:
            expansion.key(info: Array("hub/v2".utf8) + SHA256.hash(associatedData)).withBytes(body)
        }
    }

    /// Wraps `child` for the store.
    func wrap(
        _ child: UnwrappedKey, _ id: KeyID, purpose: KeyPurpose?, in organisation: OrganisationID,
        iv: [UInt8], at now: UnixMilliseconds
    ) -> WrappedKey {
        let name = AssociatedData.key(id, parent: self.id, purpose: purpose, organisation)
        let wrapped = child.bytes.withBytes {
            Envelope.seal($0, for: name, under: self, iv: iv[...])
        }
        return WrappedKey(
            id: id, parent: self.id, purpose: purpose, state: .active, wrapped: wrapped,
            checkValue: child.checkValue, createdAt: now)
    }

    /// Unwraps a key that names this one as its parent.
    func unwrap(_ child: WrappedKey, in organisation: OrganisationID) throws(VaultError)
        -> UnwrappedKey
    {
        let name = AssociatedData.key(
            child.id, parent: child.parent, purpose: child.purpose, organisation)
        guard child.parent == id, Envelope.plaintextBytes(child.wrapped) == AES256GCM.keyBytes
        else {
            throw .damaged
        }
        let key = try UnwrappedKey(id: child.id, secret(child.wrapped, name))
        guard constantTimeEqual(key.checkValue, child.checkValue) else { throw .damaged }
        return key
    }

    /// Opens a blob that holds secret bytes.
    func secret(_ blob: [UInt8], _ name: AssociatedData) throws(VaultError) -> SecretBytes {
        guard let count = Envelope.plaintextBytes(blob), count > 0 else { throw .damaged }
        return try SecretBytes(count: count) { (out) throws(VaultError) in
            guard Envelope.open(blob, for: name, under: self, into: out) else { throw .damaged }
        }
    }

    /// Seals bytes of a secret.
    func seal(_ secret: borrowing SecretBytes, _ name: AssociatedData, iv: [UInt8]) -> [UInt8] {
        secret.withBytes { Envelope.seal($0, for: name, under: self, iv: iv[...]) }
    }
}
