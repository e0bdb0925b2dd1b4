// The cache lets go of what it drops: nobody else holds the key, so its bytes are overwritten.

import Crypto
import Model
import Ports
import Testing
@testable import Vault

@Suite struct KeyCacheTests {
    private func slot(_ number: UInt64) -> KeyCache.Slot {
        KeyCache.Slot(organisation: ID(high: 0, low: number), question: .active(.messages))
    }

    private func fill(_ cache: KeyCache, _ number: UInt64) async throws -> () -> Bool {
        var key: UnwrappedKey? = UnwrappedKey(id: ID(high: 0, low: number), .random(count: 32))
        let first = key!
        _ = try await cache.key(slot(number)) { () async throws(VaultError) in first }
        weak let remains = key
        key = nil
        return { remains != nil }
    }

    @Test func dropsByTimePurgeAndCapacity() async throws {
        let clock = HandClock()
        let cache = KeyCache(capacity: 2, lifetimeMilliseconds: 1_000, clocks: clock)
        let one = try await fill(cache, 1)
        let two = try await fill(cache, 2)
        #expect(one() && two())
        let three = try await fill(cache, 3)
        #expect(!one() && two() && three(), "the least recently used made room")
        cache.purge(ID(high: 0, low: 2))
        #expect(!two() && three())
        clock.advance(milliseconds: 999)
        cache.purgeExpired()
        #expect(three())
        clock.advance(milliseconds: 1)
        cache.purgeExpired()
        #expect(!three())
        #expect(cache.count == 0)
    }

    @Test func usedRecentlyMeansAskedForRecently() async throws {
        let cache = KeyCache(capacity: 2, lifetimeMilliseconds: 1_000, clocks: HandClock())
        let one = try await fill(cache, 1)
        let two = try await fill(cache, 2)
        _ = try await cache.key(slot(1)) { () async throws(VaultError) in throw .keyGone }
        let three = try await fill(cache, 3)
        #expect(one() && !two() && three())
    }

    @Test func versionOneIsStillOpened() throws {
        let key = UnwrappedKey(id: ID(high: 0, low: 17), .random(count: 32))
        let place = AssociatedData.installation("x")
        for version in EnvelopeVersion.allCases {
            let blob = [UInt8]("text".utf8).withUnsafeBytes {
                Envelope.seal($0, for: place, under: key, iv: [UInt8](0..<12)[...], version: version)
            }
            #expect(blob[0] == version.rawValue)
            var out = [UInt8](repeating: 0, count: 4)
            #expect(out.withUnsafeMutableBytes { Envelope.open(blob, for: place, under: key, into: $0) })
            #expect(out == Array("text".utf8))
            var altered = blob
            altered[0] = 3 - altered[0]
            #expect(!out.withUnsafeMutableBytes { Envelope.open(altered, for: place, under: key, into: $0) })
        }
    }

    @Test func noTwoPlacesHaveTheSameBytes() {
        let ids = (0..<4 as Range<UInt64>).map { KeyID(high: 0, low: $0) }
        var seen: Set<[UInt8]> = []
        var count = 0
        func see(_ place: AssociatedData) {
            for version in EnvelopeVersion.allCases {
                seen.insert(place.bytes(version))
                count += 1
            }
        }
        for organisation in 0..<2 as Range<UInt64> {
            for id in ids {
                for purpose in KeyPurpose.allCases {
                    see(.record(name(organisation: organisation, purpose: purpose), key: id))
                    see(.key(id, parent: ids[1], purpose: purpose, ID(high: 0, low: organisation)))
                }
                see(.key(id, parent: nil, purpose: nil, ID(high: 0, low: organisation)))
            }
        }
        see(.installation("a"))
        see(.installation("b"))
        #expect(seen.count == count)
    }
}
