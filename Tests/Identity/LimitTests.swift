// What bounds guessing: buckets of tries, and a queue of hashes.

import Crypto
import Model
import Ports
import Testing
@testable import Identity

@Suite struct AttemptLimiterTests {
    private func isAllowed(_ limiter: AttemptLimiter, _ email: String, _ peer: String) -> Bool {
        if case .allowed = limiter.begin(EmailAddress(email), from: peer) { true } else { false }
    }

    /// 10,000 guesses in an hour from 200 addresses: at most 15 of one account are computed.
    @Test func anHourOfGuessing() {
        let clock = HandClock()
        let limiter = AttemptLimiter(clocks: clock)
        var allowed = 0
        for guess in 0..<10_000 {
            if isAllowed(limiter, "ada@example.org", "192.0.2.\(guess % 200)") { allowed += 1 }
            clock.advance(milliseconds: 360)
        }
        #expect((10...15).contains(allowed), "\(allowed)")
        // And in the hours after that, 10 each.
        var later = 0
        for guess in 0..<100_000 {
            if isAllowed(limiter, "ada@example.org", "192.0.2.\(guess % 200)") { later += 1 }
            clock.advance(milliseconds: 360)
        }
        #expect(later <= 101, "\(later)")
    }

    /// Who writes an account's address with other bytes takes none of its tries, and frees none.
    @Test func bucketsGoByBytes() {
        let limiter = AttemptLimiter(clocks: HandClock())
        for _ in 0..<5 { #expect(isAllowed(limiter, "zo\u{EB}@example.org", "192.0.2.1")) }
        #expect(!isAllowed(limiter, "zo\u{EB}@example.org", "192.0.2.1"))
        #expect(isAllowed(limiter, "zoe\u{308}@example.org", "192.0.2.1"))
    }

    /// One address that tries many accounts.
    @Test func sprayingFromOneAddress() {
        let clock = HandClock()
        let limiter = AttemptLimiter(clocks: clock)
        let allowed = (0..<1_000).count { isAllowed(limiter, "user\($0)@example.org", "2001:db8::\($0 % 100)") }
        #expect(allowed == 30)
        #expect(isAllowed(limiter, "user1@example.org", "2001:db8:0:1::1"))
    }

    @Test func rightPasswordsCostNothing() {
        let limiter = AttemptLimiter(clocks: HandClock())
        for _ in 0..<1_000 {
            guard case .allowed(let attempt) = limiter.begin(EmailAddress("ada@example.org"), from: "192.0.2.1")
            else {
                Issue.record("refused")
                return
            }
            limiter.giveBack(attempt)
        }
    }

    @Test func saysHowLongToWait() {
        let clock = HandClock()
        let limiter = AttemptLimiter(clocks: clock)
        for _ in 0..<5 { #expect(isAllowed(limiter, "ada@example.org", "192.0.2.1")) }
        guard case .tooMany(let wait) = limiter.begin(EmailAddress("ada@example.org"), from: "192.0.2.1") else {
            Issue.record("allowed")
            return
        }
        #expect(wait == 360_000)
        clock.advance(milliseconds: Int64(wait) - 1)
        #expect(!isAllowed(limiter, "ada@example.org", "192.0.2.1"))
        clock.advance(milliseconds: 2)
        #expect(isAllowed(limiter, "ada@example.org", "192.0.2.1"))
        #expect(!isAllowed(limiter, "ada@example.org", "192.0.2.1"))
    }

    @Test func aFloodOfNamesDoesNotWashOutTheVictim() {
        let clock = HandClock()
        let limiter = AttemptLimiter(clocks: clock, capacity: 100)
        for _ in 0..<5 { #expect(isAllowed(limiter, "victim@example.org", "192.0.2.1")) }
        for number in 0..<10_000 {
            clock.advance(milliseconds: 1)
            _ = isAllowed(limiter, "user\(number)@example.org", "10.\(number >> 8).\(number & 255).1")
            #expect(!isAllowed(limiter, "victim@example.org", "192.0.2.9"))
        }
        #expect(limiter.tableSizes.accounts <= 100)
        #expect(limiter.tableSizes.addresses <= 100)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::"),
        ("2001:db8::ffff:1:2:3", "2001:db8::"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("1::2:3:4:5:6:7", "1:0:2:3::"), ("", ""), ("unix", "unix"),
    ]) func networks(_ address: String, _ network: String) {
        #expect(AttemptLimiter.network(address) == network)
    }
}

@Suite struct PasswordHasherTests {
    @Test func hashesAndVerifies() async throws {
        let hasher = PasswordHasher(parameters: quick)
        let hash = try await hasher.hash(Password("a long phrase"))
        #expect(hash.reveal.hasPrefix("$argon2id$v=19$m=64,t=1,p=1$"))
        #expect(try await hasher.verify(Password("a long phrase"), hash))
        #expect(try await !hasher.verify(Password("a long phrasE"), hash))
        #expect(try await hasher.hash(Password("a long phrase")) != hash, "a salt of its own")
        #expect(!hasher.needsRehash(hash))
        #expect(PasswordHasher().needsRehash(hash))
    }

    @Test(arguments: ["", "a long phrase"]) func withoutAnAccountNoPasswordIsRight(_ password: String) async throws {
        #expect(try await !PasswordHasher(parameters: quick).verify(Password(password), nil))
    }

    @Test func aFullQueueRefusesAtOnce() async throws {
        // Slow enough that the queue fills before it empties: 40 hashes of 64 MiB for 4 places.
        let hasher = PasswordHasher(
            parameters: Argon2id(memoryKibibytes: 64 * 1024, passes: 1, lanes: 1), threads: 1, queueMax: 4)
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<40 {
                group.addTask { (try? await hasher.hash(Password("a long phrase"))) != nil }
            }
            return await group.reduce(into: [Bool]()) { $0.append($1) }
        }
        let done = outcomes.count { $0 }
        #expect(done >= 4 && done < 40, "\(done)")
        #expect(try await !hasher.verify(Password("x"), nil), "and works again")
    }

    @Test func aHasherThatGoesFinishesWhatItTook() async throws {
        var hasher: PasswordHasher? = PasswordHasher(parameters: quick, threads: 2)
        let running = (0..<20).map { [hasher] _ in
            Task { try await hasher!.hash(Password("a long phrase")) }
        }
        hasher = nil
        for task in running { #expect(try await !task.value.isEmpty) }
    }
}
