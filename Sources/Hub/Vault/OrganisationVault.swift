// The vault of all organisations: seals and opens message bodies under data keys, which
// organisation keys wrap, which the master key wraps. It runs where its caller runs, and suspends
// only to load a key. Rotating keys and keys that customers bring will enter here; states are
// respected already.

package import Model
package import Ports
import Crypto

package final class OrganisationVault: BodyVault {
    package struct Limits: Sendable {
        /// Unwrapped keys kept at most. An organisation in use needs two to four.
        package var keysMax: Int
        /// How long an unwrapped key is kept, used or not. Longer saves store reads; shorter makes
        /// a key that was destroyed elsewhere go dark sooner.
        package var keyLifetimeMilliseconds: UInt64
        package init(keysMax: Int = 4096, keyLifetimeMilliseconds: UInt64 = 300_000) {
            self.keysMax = keysMax
            self.keyLifetimeMilliseconds = keyLifetimeMilliseconds
        }
    }

    private let wrappingKey: UnwrappedKey
    private let store: any KeyStore
    private let entropy: any Entropy
    private let clocks: any Clocks
    private let cache: KeyCache

    package init(
        _ installation: Installation, store: any KeyStore, clocks: any Clocks,
        entropy: any Entropy, limits: Limits = Limits()
    ) {
        wrappingKey = installation.wrappingKey
        self.store = store
        self.clocks = clocks
        self.entropy = entropy
        cache = KeyCache(
            capacity: limits.keysMax,
            lifetimeMilliseconds: limits.keyLifetimeMilliseconds, clocks: clocks)
    }

    /// Unwrapped keys in memory now, for a gauge.
    package var keysHeld: Int { cache.count }

    /// Overwrites keys whose time is up. Call it every few seconds.
    package func purgeExpired() { cache.purgeExpired() }

    /// Overwrites every key of the organisation: the next use asks the store.
    package func purge(_ organisation: OrganisationID) { cache.purge(organisation) }

    // MARK: Bodies

    package func seal(_ plaintext: [(RecordName, String)]) async throws(VaultError) -> [SealedBody]
    {
        guard !plaintext.isEmpty else { return [] }
        let ivs = entropy.bytes(plaintext.count * AES256GCM.ivBytes)
        var keys = KeysOfCall()
        var sealed: [SealedBody] = []
        sealed.reserveCapacity(plaintext.count)
        for (index, (name, text)) in plaintext.enumerated() {
            let slot = KeyCache.Slot(
                organisation: name.organisation, question: .active(name.purpose))
            let key = try await keys.key(slot, self)
            guard let id = key.id else { throw .damaged }
            let iv = ivs[index * AES256GCM.ivBytes..<(index + 1) * AES256GCM.ivBytes]
            var text = text
            let bytes = text.withUTF8 {
                Envelope.seal(
                    UnsafeRawBufferPointer($0), for: .record(name, key: id), under: key, iv: iv)
            }
            sealed.append(SealedBody(key: id, bytes: bytes))
        }
        return sealed
    }

    package func open(_ sealed: [(RecordName, SealedBody)]) async throws(VaultError) -> [String?] {
        var keys = KeysOfCall()
        // Of many bodies under a damaged key only the first asks the store for it.
        var damagedKey: KeyCache.Slot?
        var opened: [String?] = []
        opened.reserveCapacity(sealed.count)
        for (name, body) in sealed {
            let slot = KeyCache.Slot(organisation: name.organisation, question: .data(body.key))
            guard slot != damagedKey else {
                opened.append(nil)
                continue
            }
            do throws(VaultError) {
                opened.append(Self.text(name, body, try await keys.key(slot, self)))
            } catch .damaged {
                damagedKey = slot
                opened.append(nil)
            }
        }
        return opened
    }

    /// What the body says; `nil` when it is not what was sealed.
    private static func text(_ name: RecordName, _ body: SealedBody, _ key: UnwrappedKey) -> String? {
        guard let count = Envelope.plaintextBytes(body.bytes) else { return nil }
        var isWhole = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { out, written in
            let plaintext = UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(out)[..<count])
            isWhole = Envelope.open(
                body.bytes, for: .record(name, key: body.key), under: key, into: plaintext)
            written = isWhole ? count : 0
        }
        return isWhole ? String(validating: bytes, as: UTF8.self) : nil
    }

    /// The keys one call has used: a batch is nearly always of one channel, so the last is enough.
    private struct KeysOfCall {
        private var last: (slot: KeyCache.Slot, key: UnwrappedKey)?

        mutating func key(_ slot: KeyCache.Slot, _ vault: OrganisationVault)
            async throws(VaultError) -> UnwrappedKey
        {
            if let last, last.slot == slot { return last.key }
            let key = try await vault.key(slot)
            last = (slot, key)
            return key
        }
    }

    // MARK: Keys

    private func key(_ slot: KeyCache.Slot) async throws(VaultError) -> UnwrappedKey {
        try await cache.key(slot) { () async throws(VaultError) in
            let organisation = slot.organisation
            switch slot.question {
            case .organisation(let id):
                let key = try await self.stored(id, organisation)
                guard key.parent == nil, key.purpose == nil else { throw .damaged }
                return try self.wrappingKey.unwrap(key, in: organisation)
            case .data(let id):
                let key = try await self.stored(id, organisation)
                guard let parent = key.parent, key.purpose != nil else { throw .damaged }
                return try await self.key(
                    .init(organisation: organisation, question: .organisation(parent))
                )
                .unwrap(key, in: organisation)
            case .active(let purpose):
                let id = try await self.active(purpose, organisation).id
                return try await self.key(
                    .init(
                        organisation: organisation,
                        question: purpose == nil ? .organisation(id) : .data(id)))
            }
        }
    }

    /// A stored key that may still be used.
    private func stored(_ id: KeyID, _ organisation: OrganisationID) async throws(VaultError)
        -> WrappedKey
    {
        // A destroyed key leaves a tombstone; one that was never there is a damaged reference.
        guard
            let key = try await asking({ () async throws(StoreError) in
                try await self.store.key(organisation, id)
            }), key.id == id
        else { throw .damaged }
        guard key.state != .destroyed else { throw .keyGone }
        return key
    }

    /// The ACTIVE key, made if there is none yet.
    private func active(_ purpose: KeyPurpose?, _ organisation: OrganisationID)
        async throws(VaultError) -> WrappedKey
    {
        if let standing = try await asking({ () async throws(StoreError) in
            try await self.store.activeKey(organisation, purpose)
        }) {
            guard standing.state == .active, standing.purpose == purpose else { throw .damaged }
            return standing
        }
        let parent =
            purpose == nil
            ? wrappingKey
            : try await key(KeyCache.Slot(organisation: organisation, question: .active(nil)))
        let now = clocks.now()
        let id: KeyID = entropy.id(at: now)
        let fresh = parent.wrap(
            UnwrappedKey(id: id, SecretBytes.random(count: AES256GCM.keyBytes)), id,
            purpose: purpose, in: organisation, iv: entropy.bytes(AES256GCM.ivBytes), at: now)
        // Somebody else may have been first; what stands is what counts.
        return try await asking { () async throws(StoreError) in
            try await self.store.establishKey(organisation, fresh)
        }
    }

    private func asking<Value>(_ question: () async throws(StoreError) -> Value)
        async throws(VaultError) -> Value
    {
        do throws(StoreError) {
            return try await question()
        } catch {
            switch error {
            case .unavailable(let why), .uncertain(let why), .fault(let why):
                throw .unavailable(why)
            case .overloaded: throw .unavailable("overloaded")
            case .storageFull: throw .unavailable("storage full")
            }
        }
    }
}
