// Keys: made once, cached for a while, loaded once, dark when destroyed, refused when tampered with.

import Model
import Ports
import Testing
import Vault

@Suite struct KeyLifeTests {
    @Test func keysAreMadeOnceAndWrappedInTiers() async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("text")
        let keys = world.store.keys
        #expect(keys.count == 2)
        let organisationKey = try #require(keys.first { $0.purpose == nil })
        let dataKey = try #require(keys.first { $0.purpose == .messages })
        #expect(organisationKey.parent == nil)
        #expect(dataKey.parent == organisationKey.id)
        #expect(dataKey.id == sealed.key)
        for key in keys {
            #expect(key.state == .active)
            #expect(key.wrapped.count == 61)
            #expect(key.checkValue.count == 32)
        }
        _ = try await world.restarted().seal("text")
        #expect(world.store.keys.count == 2)
    }

    @Test func aCachedKeyAnswersWithoutSuspending() async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("text")
        _ = try await world.vault.open(sealed)
        let reads = world.store.reads
        // An immediate task runs in place up to its first suspension.
        let isDone = Lock(false)
        let task = Task.immediate {
            let again = try await world.vault.seal("more")
            _ = try await world.vault.open(again)
            isDone.withLock { $0 = true }
        }
        #expect(isDone.withLock { $0 })
        try await task.value
        #expect(world.store.reads == reads)
    }

    @Test func theCacheForgetsAfterFiveMinutesHoweverMuchItIsUsed() async throws {
        let world = try await World()
        _ = try await world.vault.seal("text")
        let reads = world.store.reads
        for _ in 0..<299 {
            world.clock.advance(milliseconds: 1_000)
            _ = try await world.vault.seal("text")
        }
        world.clock.advance(milliseconds: 999)
        _ = try await world.vault.seal("text")
        #expect(world.store.reads == reads)
        world.clock.advance(milliseconds: 1)
        _ = try await world.vault.seal("text")
        #expect(world.store.reads > reads)
    }

    @Test func theCacheIsBoundedAndDropsTheLeastRecentlyUsed() async throws {
        let world = try await World(keysMax: 8)
        for organisation in 0..<100 as Range<UInt64> {
            _ = try await world.vault.seal("text", name(organisation: organisation))
            #expect(world.vault.keysHeld <= 8)
        }
        let reads = world.store.reads
        _ = try await world.vault.seal("text", name(organisation: 99))
        #expect(world.store.reads == reads, "the newest is there")
        _ = try await world.vault.seal("text", name(organisation: 0))
        #expect(world.store.reads > reads, "the oldest is not")
    }

    @Test func purgingOneOrganisationLeavesTheOthers() async throws {
        let world = try await World()
        _ = try await world.vault.seal("text", name(organisation: 1))
        _ = try await world.vault.seal("text", name(organisation: 2))
        world.vault.purge(ID(high: 0, low: 1))
        let reads = world.store.reads
        _ = try await world.vault.seal("text", name(organisation: 2))
        #expect(world.store.reads == reads)
        _ = try await world.vault.seal("text", name(organisation: 1))
        #expect(world.store.reads > reads)
    }

    @Test func aPurgeAlsoMeetsALoadUnderWay() async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("text")
        let vault = world.restarted()
        world.store.hold()
        let opening = Task { try await vault.open(sealed) }
        await until { world.store.heldCount == 1 }
        vault.purge(ID(high: 0, low: 1))
        world.store.release()
        #expect(try await opening.value == "text")
        // The keys that were on their way may serve that call; the data key did not enter the cache.
        let reads = world.store.reads
        #expect(try await vault.open(sealed) == "text")
        #expect(world.store.reads == reads + 1)
    }

    @Test func manyAskForAKeyAndOneLoadsIt() async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("text")
        let vault = world.restarted()
        let before = world.store.reads
        world.store.hold()
        let results = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<200 { group.addTask { try await vault.open(sealed) ?? "" } }
            await until { world.store.heldCount == 1 }
            world.store.release()
            return try await group.reduce(into: [String]()) { $0.append($1) }
        }
        #expect(results == Array(repeating: "text", count: 200))
        #expect(world.store.reads == before + 2, "the data key and the organisation key, once each")
    }

    @Test func firstUseByManyMakesOneKey() async throws {
        let world = try await World()
        let other = world.restarted()
        let sealed = try await withThrowingTaskGroup(of: SealedBody.self) { group in
            for index in 0..<100 {
                let vault = index % 2 == 0 ? world.vault : other
                group.addTask { try await vault.seal("text") }
            }
            return try await group.reduce(into: [SealedBody]()) { $0.append($1) }
        }
        #expect(Set(sealed.map(\.key)).count == 1)
        #expect(world.store.keys.count == 2)
        for body in sealed { #expect(try await world.restarted().open(body) == "text") }
    }

    @Test func aFailedLoadIsNotRemembered() async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("text")
        let vault = world.restarted()
        for error: StoreError in [.unavailable("away"), .uncertain("away"), .overloaded, .storageFull, .fault("x")] {
            world.store.fail(error)
            #expect(await refusal(vault, sealed)?.isUnavailable == true)
        }
        world.store.fail(nil)
        #expect(try await vault.open(sealed) == "text")
    }

    @Test func rotatedKeysOpenAndDoNotSeal() async throws {
        let world = try await World()
        let old = try await world.vault.seal("old")
        world.store.change { _, key in key.state = .rotated }
        let vault = world.restarted()
        #expect(try await vault.open(old) == "old")
        let new = try await vault.seal("new")
        #expect(new.key != old.key)
        #expect(try await vault.open([(name(), old), (name(), new)]) == ["old", "new"])
        #expect(world.store.keys.count { $0.state == .active } == 2)
    }

    @Test(arguments: [true, false]) func destroyedKeysAreGone(_ isOrganisationKey: Bool) async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("text")
        world.store.change { _, key in
            if (key.purpose == nil) == isOrganisationKey { key.state = .destroyed }
        }
        #expect(await refusal(world.restarted(), sealed)?.isGone == true)
        // Within its five minutes the cache still has the key, unless it is told.
        #expect(try await world.vault.open(sealed) == "text")
        world.vault.purge(ID(high: 0, low: 1))
        #expect(await refusal(world.vault, sealed)?.isGone == true)
    }

    @Test func everyAlteredByteOfAStoredKeyIsNoticed() async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("text")
        let original = world.store.state.withLock { $0.keys }
        for (place, key) in original {
            for index in 0..<key.wrapped.count + key.checkValue.count {
                var altered = key
                if index < key.wrapped.count {
                    altered.wrapped[index] ^= 0x41
                } else {
                    altered.checkValue[index - key.wrapped.count] ^= 0x41
                }
                world.store.state.withLock { $0.keys[place] = altered }
                #expect(await refusal(world.restarted(), sealed)?.isDamaged == true, "byte \(index)")
            }
            for wrapped in [[], Array(key.wrapped.dropLast()), key.wrapped + [0]] {
                var altered = key
                altered.wrapped = wrapped
                world.store.state.withLock { $0.keys[place] = altered }
                #expect(await refusal(world.restarted(), sealed)?.isDamaged == true)
            }
            world.store.state.withLock { $0.keys = original }
        }
        #expect(try await world.restarted().open(sealed) == "text")
    }

    @Test func keysCannotTradePlaces() async throws {
        let world = try await World()
        let sealed = try await world.vault.seal("text")
        _ = try await world.vault.seal("text", name(purpose: .files))
        _ = try await world.vault.seal("text", name(organisation: 9))
        let original = world.store.state.withLock { $0.keys }
        let place = try #require(original.first { $0.value.id == sealed.key }).key
        let dataKey = try #require(original[place])
        for (_, donor) in original where donor.id != dataKey.id {
            var swapped = dataKey
            swapped.wrapped = donor.wrapped
            swapped.checkValue = donor.checkValue
            world.store.state.withLock { $0.keys[place] = swapped }
            #expect(await refusal(world.restarted(), sealed)?.isDamaged == true)
        }
        for edit in [
            { $0.parent = nil }, { $0.parent = $0.id }, { $0.purpose = nil }, { $0.purpose = .files },
            {
                $0.parent = nil; $0.purpose = nil
            }, { $0.id = ID(high: 5, low: 5) },
        ] as [(inout WrappedKey) -> Void] {
            var edited = dataKey
            edit(&edited)
            world.store.state.withLock { $0.keys[place] = edited }
            #expect(await refusal(world.restarted(), sealed) != nil)
        }
    }
}

/// Lets other tasks run until `condition` holds.
func until(_ condition: () -> Bool) async {
    while !condition() { await Task.yield() }
}
