// Wrapped keys as they are stored, and what the actors ask of the vault that unwraps them.

package import Model

/// What a data key protects. The raw value is stored and is part of the associated data.
package enum KeyPurpose: UInt8, Sendable, CaseIterable {
    case messages = 1
    case files = 2
    case recordings = 3
    case transcripts = 4
    /// Secrets of the hub itself that belong to no organisation: the token signing key.
    case installation = 5
}

/// ACTIVE seals and opens, ROTATED opens, DESTROYED is a tombstone.
package enum KeyState: UInt8, Sendable, CaseIterable {
    case active = 1
    case rotated = 2
    case destroyed = 3
}

/// A key wrapped under its parent, as stored.
package struct WrappedKey: Hashable, Sendable {
    package var id: KeyID
    /// The organisation key that wraps a data key; `nil` for an organisation key, which the master
    /// key wraps.
    package var parent: KeyID?
    /// `nil` for an organisation key.
    package var purpose: KeyPurpose?
    package var state: KeyState
    /// `[version:1B][iv:12B][authTag:16B][ciphertext:32B]`
    package var wrapped: [UInt8]
    /// HMAC-SHA256(key, "hub/kcv/v1"), 32 bytes: proof of which key came out.
    package var checkValue: [UInt8]
    package var createdAt: UnixMilliseconds
    package init(id: KeyID, parent: KeyID?, purpose: KeyPurpose?, state: KeyState, wrapped: [UInt8],
                 checkValue: [UInt8], createdAt: UnixMilliseconds) {
        self.id = id
        self.parent = parent
        self.purpose = purpose
        self.state = state
        self.wrapped = wrapped
        self.checkValue = checkValue
        self.createdAt = createdAt
    }
}

/// What identifies the installation and its master key.
package struct InstallationRecord: Hashable, Sendable {
    /// 16 random bytes, salt of every derivation from the master key.
    package var salt: [UInt8]
    /// Check value of the master key.
    package var masterCheckValue: [UInt8]
    /// The token signing key (Ed25519 seed), sealed under the master key.
    package var signingKey: [UInt8]
    package init(salt: [UInt8], masterCheckValue: [UInt8], signingKey: [UInt8]) {
        self.salt = salt
        self.masterCheckValue = masterCheckValue
        self.signingKey = signingKey
    }
}

package protocol KeyStore: Sendable {
    /// `nil` before the first start.
    func installation() async throws(StoreError) -> InstallationRecord?
    /// Stores it unless there is one; returns the one that stands.
    func establishInstallation(_ record: InstallationRecord) async throws(StoreError)
        -> InstallationRecord
    /// The organisation's key or data key of that id.
    func key(_ organisation: OrganisationID, _ key: KeyID) async throws(StoreError) -> WrappedKey?
    /// The ACTIVE organisation key (`purpose` nil) or data key.
    func activeKey(_ organisation: OrganisationID, _ purpose: KeyPurpose?) async throws(StoreError)
        -> WrappedKey?
    /// Stores a new ACTIVE key unless one of that purpose stands; returns the one that stands.
    func establishKey(_ organisation: OrganisationID, _ key: WrappedKey) async throws(StoreError)
        -> WrappedKey
}

/// Why something could not be sealed or opened.
package enum VaultError: Error, Sendable {
    /// The key was destroyed or revoked: what it sealed is gone.
    case keyGone
    /// The store of the keys, or the customer's key service, does not answer now.
    case unavailable(String)
    /// The bytes are not what was sealed for this record under this key.
    case damaged
}

/// Which record a sealed body belongs to: part of the associated data, so that a body moved to
/// another organisation, channel or event does not open.
package struct RecordName: Hashable, Sendable {
    package var organisation: OrganisationID
    package var purpose: KeyPurpose
    package var channel: ChannelID
    package var event: EventID
    package init(organisation: OrganisationID, purpose: KeyPurpose, channel: ChannelID,
                 event: EventID) {
        self.organisation = organisation
        self.purpose = purpose
        self.channel = channel
        self.event = event
    }
}

/// Seals and opens message bodies. `async` only for the first use of a key; a cached one answers at once.
package protocol BodyVault: Sendable {
    func seal(_ plaintext: [(RecordName, String)]) async throws(VaultError) -> [SealedBody]
    /// Opens each. `nil`: this one is damaged, or its key is. The whole call fails when a key is gone or cannot
    /// be had now.
    func open(_ sealed: [(RecordName, SealedBody)]) async throws(VaultError) -> [String?]
}
