// Bodies: what goes in comes out, and nothing else does.

import Crypto
import Model
import Ports
import Testing
import Vault

@Suite struct BodyTests {
    @Test(arguments: [
        "", "a", "Grüße, 世界 👋", "a\u{0}b", String(repeating: "x", count: 16_384),
    ]) func roundTrip(_ text: String) async throws {
        let world = try await World()
        let sealed = try await world.vault.seal(text)
        #expect(sealed.bytes[0] == 2)
        #expect(sealed.bytes.count == 29 + text.utf8.count)
        #expect(try await world.vault.open(sealed) == text)
        #expect(try await world.restarted().open(sealed) == text)
    }

    @Test func batchesOfSeveralOrganisations() async throws {
        let world = try await World()
        let texts = (0..<30).map { (name(organisation: UInt64($0 % 3), event: UInt64($0)), "text \($0)") }
        let sealed = try await world.vault.seal(texts)
        #expect(Set(sealed.map(\.key)).count == 3)
        #expect(Set(sealed.map { Array($0.bytes[1..<13]) }).count == 30, "an IV for each")
        let opened = try await world.vault.open(zip(texts, sealed).map { ($0.0, $1) })
        #expect(opened == texts.map(\.1))
        #expect(try await world.vault.seal([]).isEmpty)
        #expect(try await world.vault.open([]).isEmpty)
        // Three organisation keys and three data keys, whatever number of calls.
        #expect(world.store.keys.count == 6)
    }

    @Test func equalTextsLookDifferent() async throws {
        let world = try await World()
        let a = try await world.vault.seal("same")
        let b = try await world.vault.seal("same")
        #expect(a.key == b.key)
        #expect(Array(a.bytes[29...]) != Array(b.bytes[29...]))
    }

    @Test func everyAlteredByteIsNoticed() async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("nobody changes this")
        for index in sealed.bytes.indices {
            for mask: UInt8 in [0x01, 0x03, 0x80, 0xFF] {
                var altered = sealed
                altered.bytes[index] ^= mask
                #expect(await refusal(world.vault, altered)?.isDamaged == true, "byte \(index)")
            }
        }
        for count in 0..<sealed.bytes.count {
            let short = SealedBody(key: sealed.key, bytes: Array(sealed.bytes[..<count]))
            #expect(await refusal(world.vault, short)?.isDamaged == true, "\(count) bytes")
        }
        let long = SealedBody(key: sealed.key, bytes: sealed.bytes + [0])
        #expect(await refusal(world.vault, long)?.isDamaged == true)
    }

    @Test func unknownVersionsAreRefused() async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("text")
        for version in UInt8.min...UInt8.max where version != 2 {
            var altered = sealed
            altered.bytes[0] = version
            #expect(await refusal(world.vault, altered)?.isDamaged == true, "version \(version)")
        }
    }

    @Test(arguments: [
        name(organisation: 9), name(channel: 9), name(event: 9), name(purpose: .files),
        name(channel: 3, event: 2),
    ]) func aBodyOpensOnlyInItsPlace(_ other: RecordName) async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("text")
        _ = try await world.vault.seal("text", name(organisation: 9))
        #expect(await refusal(world.vault, sealed, other)?.isDamaged == true)
    }

    @Test func aBodyOpensOnlyUnderItsKey() async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("text")
        let other = try await world.vault.seal("text", name(purpose: .files))
        #expect(await refusal(world.vault, SealedBody(key: other.key, bytes: sealed.bytes))?.isDamaged == true)
        let unknown = SealedBody(key: ID(high: 1, low: 1), bytes: sealed.bytes)
        #expect(await refusal(world.vault, unknown)?.isDamaged == true)
        // An organisation key protects keys, never bodies.
        let organisationKey = try #require(world.store.keys.first { $0.parent == nil })
        let wrong = SealedBody(key: organisationKey.id, bytes: sealed.bytes)
        #expect(await refusal(world.vault, wrong)?.isDamaged == true)
    }

    @Test func aDamagedBodyIsDamagedAlone() async throws {
        let world = try await World()
        let good = try await world.vault.seal("text")
        var bad = good
        bad.bytes[20] ^= 1
        let foreign = SealedBody(key: ID(high: 1, low: 1), bytes: good.bytes)
        let opened = try await world.vault.open(
            [(name(), good), (name(), bad), (name(), foreign), (name(), foreign), (name(), good)])
        #expect(opened == ["text", nil, nil, nil, "text"])
    }

    /// Made by a program written from docs/keys.md alone (Python, `cryptography` 50), not by this code:
    /// master key 00…1f, salt a0…af, organisation 1, organisation key 16, data key 17, channel 2, event 3.
    @Test func opensWhatAnotherImplementationSealed() async throws {
        let store = MemoryKeyStore()
        let record = InstallationRecord(
            salt: (0xA0...0xAF).map { $0 }, masterCheckValue: bytes(Sample.masterCheckValue),
            signingKey: bytes(Sample.signingKey))
        store.state.withLock { state in
            state.installation = record
            for (id, parent, purpose, wrapped, check) in [
                (16, nil, nil, Sample.organisationKey, Sample.organisationCheckValue),
                (17, ID(high: 0, low: 16), .messages, Sample.dataKey, Sample.dataCheckValue),
            ] as [(UInt64, KeyID?, KeyPurpose?, String, String)] {
                state.keys[.init(organisation: ID(high: 0, low: 1), key: ID(high: 0, low: id))] = WrappedKey(
                    id: ID(high: 0, low: id), parent: parent, purpose: purpose, state: .active,
                    wrapped: bytes(wrapped), checkValue: bytes(check), createdAt: UnixMilliseconds(0))
            }
        }
        let installation = try await Installation.open(
            store, master: sampleMasterKey(), entropy: SeededEntropy(1))
        #expect(installation.signingKey.publicKey.bytes == bytes(Sample.publicKey))
        let vault = OrganisationVault(
            installation, store: store, clocks: HandClock(), entropy: SeededEntropy(2))
        for (version, blob) in [(1, Sample.direct), (2, Sample.derived)] {
            let body = SealedBody(key: ID(high: 0, low: 17), bytes: bytes(blob))
            #expect(body.bytes[0] == version)
            #expect(try await vault.open(body) == "Grüße aus dem Tresor")
        }
    }
}
