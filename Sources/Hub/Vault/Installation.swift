// What an installation is in cryptographic terms: its salt, proof of its master key, and the key
// that signs its tokens. Made on the first start, checked on every other.

package import Crypto
import Model
package import Ports

/// Why the hub cannot start on this database. The description is one line with the remedy.
package enum InstallationError: Error, CustomStringConvertible {
    case wrongMasterKey
    case damaged
    case store(StoreError)

    package var description: String {
        switch self {
        case .wrongMasterKey:
            "the master key does not fit this database; start with the one it was created with"
        case .damaged:
            "the installation record of this database is damaged; restore it from a backup"
        case .store(let error):
            "the installation record cannot be read (\(error)); check the database, and that poolers pass sessions"
        }
    }
}

package struct Installation: Sendable {
    /// What wraps organisation keys.
    package let wrappingKey: UnwrappedKey
    /// What signs access tokens.
    package let signingKey: Ed25519SigningKey
    /// What derives a refresh token's successor.
    package let refreshKey: HMACKey
    /// This was the first start.
    package let isNew: Bool

    private static let signingKeyName = AssociatedData.installation("token-signing-key")

    /// Establishes the installation on the first start; otherwise proves that `master` is its key.
    package static func open(_ store: some KeyStore, master: MasterKey, entropy: some Entropy)
        async throws(InstallationError) -> Installation
    {
        do {
            if let standing = try await store.installation() {
                return try Installation(standing, master, isNew: false)
            }
            let salt = entropy.bytes(16)
            let wrappingKey = master.wrappingKey(salt: salt)
            let record = InstallationRecord(
                salt: salt, masterCheckValue: wrappingKey.checkValue,
                signingKey: wrappingKey.seal(
                    SecretBytes.random(count: 32), signingKeyName, iv: entropy.bytes(12)))
            let standing = try await store.establishInstallation(record)
            return try Installation(standing, master, isNew: standing == record)
        } catch let error as StoreError {
            throw .store(error)
        } catch let error as InstallationError {
            throw error
        } catch {
            throw .damaged
        }
    }

    /// Whether `master` is the key of an installation, without opening anything.
    package static func fits(_ master: MasterKey, _ record: InstallationRecord) -> Bool {
        record.salt.count == 16
            && constantTimeEqual(master.wrappingKey(salt: record.salt).checkValue, record.masterCheckValue)
    }

    private init(_ record: InstallationRecord, _ master: MasterKey, isNew: Bool) throws {
        guard record.salt.count == 16, record.masterCheckValue.count == 32 else {
            throw InstallationError.damaged
        }
        let wrappingKey = master.wrappingKey(salt: record.salt)
        guard constantTimeEqual(wrappingKey.checkValue, record.masterCheckValue) else {
            throw InstallationError.wrongMasterKey
        }
        let seed = try wrappingKey.secret(record.signingKey, Self.signingKeyName)
        guard seed.count == 32 else { throw InstallationError.damaged }
        self.wrappingKey = wrappingKey
        refreshKey = wrappingKey.derived("hub/refresh/v1").withBytes { HMACKey($0) }
        self.isNew = isNew
        signingKey = Ed25519SigningKey(seed: seed)
    }
}
