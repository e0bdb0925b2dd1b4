// The byte format of everything sealed: `[version:1B][iv:12B][authTag:16B][ciphertext]`, and the
// associated data that ties a blob to the one place it belongs. docs/keys.md describes both for
// others. Which key a blob is under stands beside it, never in it; nothing is ever tried.

import Crypto
import Model
import Ports

/// How a blob was made. The raw value is its first byte.
package enum EnvelopeVersion: UInt8, Sendable, CaseIterable {
    /// AES-256-GCM under the named key itself: opened, no longer written, since random IVs limit a
    /// key to 2³² messages.
    case direct = 1
    /// Under HKDF-SHA256(key, info: "hub/v2" ‖ SHA-256(associated data)): a key for each record,
    /// which takes that limit away and commits to the associated data. Costs about 1 µs more.
    case derived = 2
}

package enum Envelope {
    static let headerBytes = 1 + AES256GCM.ivBytes + AES256GCM.tagBytes

    /// Seals `plaintext` for the place that `name` says. `iv` is 12 random bytes.
    static func seal(
        _ plaintext: UnsafeRawBufferPointer, for name: AssociatedData, under key: UnwrappedKey,
        iv: ArraySlice<UInt8>, version: EnvelopeVersion = .derived
    ) -> [UInt8] {
        precondition(iv.count == AES256GCM.ivBytes)
        let count = headerBytes + plaintext.count
        let associatedData = name.bytes(version)
        return [UInt8](unsafeUninitializedCapacity: count) { out, written in
            let blob = UnsafeMutableRawBufferPointer(out)
            blob[0] = version.rawValue
            let ivField = UnsafeMutableRawBufferPointer(rebasing: blob[1..<13])
            ivField.copyBytes(from: iv)
            associatedData.withUnsafeBytes { associatedData in
                key.withRecordKey(version, associatedData) { recordKey in
                    AES256GCM.seal(
                        plaintext, key: recordKey, iv: UnsafeRawBufferPointer(ivField),
                        associatedData: associatedData,
                        ciphertext: UnsafeMutableRawBufferPointer(
                            rebasing: blob[headerBytes..<count]),
                        tag: UnsafeMutableRawBufferPointer(rebasing: blob[13..<headerBytes]))
                }
            }
            written = count
        }
    }

    /// How many bytes a blob holds; `nil` for one too short or of a version this hub does not know.
    static func plaintextBytes(_ blob: [UInt8]) -> Int? {
        guard blob.count >= headerBytes, EnvelopeVersion(rawValue: blob[0]) != nil else {
            return nil
        }
        return blob.count - headerBytes
    }

    /// Writes the plaintext to `out`, which has `plaintextBytes` bytes. `false` when anything of
    /// blob, place or key is not as it was.
    static func open(
        _ blob: [UInt8], for name: AssociatedData, under key: UnwrappedKey,
        into out: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard blob.count >= headerBytes, let version = EnvelopeVersion(rawValue: blob[0]) else {
            return false
        }
        return blob.withUnsafeBytes { blob in
            name.bytes(version).withUnsafeBytes { associatedData in
                key.withRecordKey(version, associatedData) { recordKey in
                    AES256GCM.open(
                        UnsafeRawBufferPointer(rebasing: blob[headerBytes...]), key: recordKey,
                        iv: UnsafeRawBufferPointer(rebasing: blob[1..<13]),
                        associatedData: associatedData,
                        tag: UnsafeRawBufferPointer(rebasing: blob[13..<headerBytes]),
                        plaintext: out)
                }
            }
        }
    }
}

/// The place a blob belongs to. Each form starts with a label of its own, and every field has a
/// fixed length or is preceded by it, so that no two places have the same bytes.
enum AssociatedData {
    /// A message body, under the data key `key`.
    case record(RecordName, key: KeyID)
    /// A key wrapped under `parent`; `nil` is the master key. `purpose` is `nil` for an
    /// organisation key.
    case key(KeyID, parent: KeyID?, purpose: KeyPurpose?, OrganisationID)
    /// A secret of the installation, under the master key.
    case installation(String)

    func bytes(_ version: EnvelopeVersion) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(112)
        func text(_ text: String) {
            bytes.append(UInt8(text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        // Without an array for each: every message has four.
        func id<Kind>(_ id: ID<Kind>) {
            withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { bytes.append(contentsOf: $0) }
        }
        switch self {
        case .record(let name, let key):
            text("hub/record/v1")
            bytes.append(version.rawValue)
            id(name.organisation)
            id(key)
            bytes.append(name.purpose.rawValue)
            text("event.body")
            id(name.channel)
            id(name.event)
        case .key(let key, let parent, let purpose, let organisation):
            text("hub/key/v1")
            bytes.append(version.rawValue)
            id(organisation)
            id(parent ?? KeyID(high: 0, low: 0))
            id(key)
            bytes.append(purpose?.rawValue ?? 0)
        case .installation(let field):
            text("hub/installation/v1")
            bytes.append(version.rawValue)
            text(field)
        }
        return bytes
    }
}
