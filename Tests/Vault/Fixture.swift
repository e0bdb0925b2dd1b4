// A key store in memory that can be counted, held up and tampered with, a clock that moves by hand,
// and a vault over both.

import Crypto
import Glibc
import Model
import Ports
import Vault

final class HandClock: Clocks {
    private let milliseconds = Lock<UInt64>(1_000)
    func now() -> UnixMilliseconds {
        UnixMilliseconds(1_800_000_000_000 + Int64(milliseconds.withLock { $0 }))
    }
    func monotonic() -> MonotonicNanoseconds {
        MonotonicNanoseconds(milliseconds.withLock { $0 } * 1_000_000)
    }
    func advance(milliseconds count: UInt64) { milliseconds.withLock { $0 += count } }
}

/// Bytes that look random and are the same in every run.
final class SeededEntropy: Entropy {
    private let state: Lock<UInt64>
    init(_ seed: UInt64) { state = Lock(seed) }
    private func next() -> UInt64 {
        state.withLock { state in
            // SplitMix64.
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }
    }
    func words() -> (UInt64, UInt64) { (next(), next()) }
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

final class MemoryKeyStore: KeyStore {
    struct Place: Hashable {
        var organisation: OrganisationID
        var key: KeyID
    }
    struct State {
        var installation: InstallationRecord?
        var keys: [Place: WrappedKey] = [:]
        var reads = 0
        var failure: StoreError?
        /// While true, `key` and `activeKey` wait.
        var isHeld = false
        var held: [CheckedContinuation<Void, Never>] = []
    }
    let state = Lock(State())

    var reads: Int { state.withLock { $0.reads } }
    var keys: [WrappedKey] { state.withLock { Array($0.keys.values) } }
    var heldCount: Int { state.withLock { $0.held.count } }

    func fail(_ error: StoreError?) { state.withLock { $0.failure = error } }
    func hold() { state.withLock { $0.isHeld = true } }
    func release() {
        let held = state.withLock { state in
            state.isHeld = false
            defer { state.held = [] }
            return state.held
        }
        for waiter in held { waiter.resume() }
    }
    /// Changes stored keys as an operator or an attacker would.
    func change(_ edit: (Place, inout WrappedKey) -> Void) {
        state.withLock { state in
            for place in state.keys.keys { edit(place, &state.keys[place]!) }
        }
    }

    private func enter() async throws(StoreError) {
        await withCheckedContinuation { waiter in
            let goesOn = state.withLock { state in
                state.reads += 1
                if state.isHeld { state.held.append(waiter) }
                return !state.isHeld
            }
            if goesOn { waiter.resume() }
        }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    func installation() async throws(StoreError) -> InstallationRecord? {
        try await enter()
        return state.withLock { $0.installation }
    }

    func establishInstallation(_ record: InstallationRecord) async throws(StoreError)
        -> InstallationRecord
    {
        try await enter()
        return state.withLock { state in
            if let standing = state.installation { return standing }
            state.installation = record
            return record
        }
    }

    func key(_ organisation: OrganisationID, _ key: KeyID) async throws(StoreError) -> WrappedKey? {
        try await enter()
        return state.withLock { $0.keys[Place(organisation: organisation, key: key)] }
    }

    func activeKey(_ organisation: OrganisationID, _ purpose: KeyPurpose?) async throws(StoreError)
        -> WrappedKey?
    {
        try await enter()
        return state.withLock { $0.active(organisation, purpose) }
    }

    func establishKey(_ organisation: OrganisationID, _ key: WrappedKey) async throws(StoreError)
        -> WrappedKey
    {
        try await enter()
        return state.withLock { state in
            if let standing = state.active(organisation, key.purpose) { return standing }
            state.keys[Place(organisation: organisation, key: key.id)] = key
            return key
        }
    }
}

extension MemoryKeyStore.State {
    func active(_ organisation: OrganisationID, _ purpose: KeyPurpose?) -> WrappedKey? {
        keys.first {
            $0.key.organisation == organisation && $0.value.purpose == purpose
                && $0.value.state == .active
        }?.value
    }
}

/// A master key as a variable has it. Not out of the environment of this process: other tests start programs with
/// that at the same moment.
func masterKey(_ text: String) throws(MasterKeyError) -> MasterKey {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
    defer { memory.deallocate() }
    memory.copyBytes(from: text.utf8)
    return try MasterKey.read(memory, named: "HUB_TEST_MASTER_KEY")
}

func masterKey(_ byte: UInt8 = 0) throws -> MasterKey {
    try masterKey(Base64.encode((0..<32).map { $0 &* 7 &+ byte }, .standard))
}

struct World {
    let store = MemoryKeyStore()
    let clock = HandClock()
    let entropy = SeededEntropy(42)
    let installation: Installation
    let vault: OrganisationVault

    init(keysMax: Int = 4096) async throws {
        installation = try await Installation.open(store, master: masterKey(), entropy: entropy)
        vault = OrganisationVault(
            installation, store: store, clocks: clock, entropy: entropy,
            limits: OrganisationVault.Limits(keysMax: keysMax))
    }

    /// Another vault on the same store and installation, its cache empty.
    func restarted() -> OrganisationVault {
        OrganisationVault(installation, store: store, clocks: clock, entropy: entropy)
    }
}

func name(
    organisation: UInt64 = 1, channel: UInt64 = 2, event: UInt64 = 3,
    purpose: KeyPurpose = .messages
) -> RecordName {
    RecordName(
        organisation: ID(high: 0, low: organisation), purpose: purpose, channel: ID(high: 0, low: channel),
        event: ID(high: 0, low: event))
}

extension OrganisationVault {
    func seal(_ text: String, _ name: RecordName = name()) async throws -> SealedBody {
        try await seal([(name, text)])[0]
    }
    func open(_ body: SealedBody, _ name: RecordName = name()) async throws -> String? {
        try await open([(name, body)])[0]
    }
}

/// The error of opening, `nil` when it opened.
func refusal(_ vault: OrganisationVault, _ body: SealedBody, _ place: RecordName = name()) async
    -> VaultError?
{
    do throws(VaultError) {
        return try await vault.open([(place, body)])[0] == nil ? .damaged : nil
    } catch {
        return error
    }
}

extension VaultError {
    var isDamaged: Bool { if case .damaged = self { true } else { false } }
    var isGone: Bool { if case .keyGone = self { true } else { false } }
    var isUnavailable: Bool { if case .unavailable = self { true } else { false } }
}
