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

    /// 10,000 guesses in an hour, from one address and from 200: at most 15 and 60 of one account are computed.
    @Test(arguments: [(1, 15, 10), (200, 60, 30)])
    func anHourOfGuessing(_ addresses: Int, _ first: Int, _ hourly: Int) {
        let clock = HandClock()
        let limiter = AttemptLimiter(clocks: clock)
        var allowed = 0
        for guess in 0..<10_000 {
            if isAllowed(limiter, "ada@example.org", "192.0.2.\(guess % addresses)") { allowed += 1 }
            clock.advance(milliseconds: 360)
        }
        #expect((hourly...first).contains(allowed), "\(allowed)")
        // And in the hours after that, as many each as come back.
        var later = 0
        for guess in 0..<100_000 {
            if isAllowed(limiter, "ada@example.org", "192.0.2.\(guess % addresses)") { later += 1 }
            clock.advance(milliseconds: 360)
        }
        #expect(later <= 10 * hourly + 1, "\(later)")
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

    /// A right password costs none of the tries, and one of 60 sign-ins at once; a clock that is set gives none back.
    @Test func rightPasswordsAreCountedToo() {
        let clock = HandClock()
        let limiter = AttemptLimiter(clocks: clock)
        func signIn() -> UInt32? {
            switch limiter.begin(EmailAddress("ada@example.org"), from: "192.0.2.1") {
            case .allowed(let attempt):
                limiter.succeeded(attempt)
                return 0
            case .tooManySignIns(let wait): return wait
            case .tooMany: return nil
            }
        }
        for _ in 0..<60 { #expect(signIn() == 0) }
        clock.step(milliseconds: 86_400_000)
        #expect((10_000...10_001).contains(signIn() ?? 0))
        #expect(isAllowed(limiter, "bob@example.org", "192.0.2.1"), "nobody else has to wait")
        clock.advance(milliseconds: 10_001)
        #expect(signIn() == 0)
        #expect(signIn() != 0)
    }

    /// Who is known has tries of their own, whatever strangers have used up.
    @Test func whoIsKnownHasTriesOfTheirOwn() {
        let limiter = AttemptLimiter(clocks: HandClock())
        func tries(_ standing: AttemptStanding, from peer: String) -> Int {
            (0..<100).prefix { _ in
                if case .allowed = limiter.begin(EmailAddress("ada@example.org"), from: peer, as: standing) { true }
                else { false }
            }.count
        }
        for network in 0..<100 { _ = tries(.stranger, from: "198.51.\(network).7") }
        #expect(tries(.stranger, from: "192.0.2.1") == 0, "the account's are used up")
        #expect(tries(.knownNetwork, from: "192.0.2.1") == 5)
        #expect(tries(.knownNetwork, from: "192.0.2.1") == 0)
        #expect(tries(.knownDevice("a"), from: "192.0.2.1") == 5)
        #expect(tries(.knownDevice("a"), from: "203.0.113.9") == 0, "wherever it is")
        #expect(tries(.knownDevice("b"), from: "192.0.2.1") == 5)
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
            #expect(!isAllowed(limiter, "victim@example.org", "192.0.2.1"))
        }
        #expect(limiter.tableSizes.allSatisfy { $0 <= 100 })
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

    /// One keyboard sends é as one scalar, another as two; U+212A is a K that some input methods have.
    @Test(arguments: [("un café noir", "un cafe\u{301} noir"), ("12 Kelvin warm", "12 \u{212A}elvin warm")])
    func equalTextIsOnePassword(_ one: String, _ other: String) async throws {
        let hasher = PasswordHasher(parameters: quick)
        for (set, given) in [(one, other), (other, one), (other, other)] {
            let hash = try await hasher.hash(Password(set))
            #expect(try await hasher.verify(Password(given), hash))
            #expect(try await !hasher.verify(Password(given + " "), hash))
        }
        // A hash of before passwords were normalised.
        let old = try #require(quick.hash(other, salt: [UInt8](repeating: 7, count: Argon2id.saltBytes)))
        #expect(try await hasher.verify(Password(other), Private(old)))
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
