// Cooked books of clients that go and come back: each broken promise is found by its name.

import Testing

@testable import Harness

/// Three posts at 11 to 13, two followers that stand at 10.
private struct Books {
    var ledger = FollowLedger(run: 7, followers: 2, payloadBytes: 64)

    init(answered: Int = 3) {
        for post in 0..<3 {
            _ = ledger.posted()
            if post < answered { ledger.acknowledged(post, at: UInt64(11 + post)) }
        }
        for follower in 0..<2 {
            ledger.subscribed(follower, from: Position(epoch: 1, sequence: 10), hasGap: false)
        }
    }

    mutating func see(_ post: Int, by follower: Int, at sequence: UInt64? = nil, run: UInt32 = 7) {
        var text: [UInt8] = []
        Payload(run: run, publisher: 0, counter: UInt64(post), dueNanoseconds: 0)
            .write(bytes: 64, to: &text)
        text.withUnsafeBytes {
            ledger.seen(by: follower, sequence: sequence ?? UInt64(11 + post), text: $0)
        }
    }

    mutating func seeAll(by follower: Int) { for post in 0..<3 { see(post, by: follower) } }

    mutating func names() -> [String] {
        ledger.finish()
        return ledger.faults.map(\.name)
    }
}

@Suite struct FollowLedgerTests {
    @Test func goodBooksAreClean() {
        var books = Books()
        books.seeAll(by: 0)
        books.see(0, by: 1)
        #expect(books.ledger.position(of: 1) == Position(epoch: 1, sequence: 11))
        books.ledger.subscribed(1, from: Position(epoch: 1, sequence: 11), hasGap: false)
        books.see(1, by: 1)
        books.see(2, by: 1)
        #expect(books.ledger.has(1, upTo: 13))
        #expect(books.names().isEmpty)
    }

    @Test func findsWhatWasLost() {
        var behind = Books()
        behind.seeAll(by: 0)
        behind.see(0, by: 1)
        #expect(behind.names() == ["lost"])
        var nowhere = Books()
        for follower in 0..<2 {
            nowhere.see(0, by: follower)
            nowhere.see(2, by: follower, at: 12)
            nowhere.ledger.seen(by: follower, sequence: 13, text: nil)
        }
        #expect(nowhere.names().sorted() == ["lost", "moved"])
    }

    @Test func findsRepeatsSkipsAndGaps() {
        var repeated = Books()
        repeated.seeAll(by: 0)
        repeated.seeAll(by: 1)
        repeated.see(2, by: 1)
        #expect(repeated.names() == ["repeated"])
        var skipped = Books()
        skipped.seeAll(by: 0)
        skipped.see(0, by: 1)
        skipped.see(2, by: 1)
        #expect(skipped.names() == ["skipped"])
        var elsewhere = Books()
        elsewhere.seeAll(by: 0)
        elsewhere.seeAll(by: 1)
        elsewhere.ledger.subscribed(1, from: Position(epoch: 2, sequence: 13), hasGap: false)
        elsewhere.ledger.subscribed(0, from: Position(epoch: 1, sequence: 13), hasGap: true)
        #expect(elsewhere.names() == ["skipped", "gaps"])
    }

    @Test func findsDoublesDifferencesAndDamage() {
        var doubled = Books()
        for follower in 0..<2 {
            doubled.seeAll(by: follower)
            doubled.see(1, by: follower, at: 14)
        }
        #expect(doubled.names() == ["duplicated", "moved"])
        var divergent = Books()
        divergent.seeAll(by: 0)
        divergent.see(0, by: 1)
        divergent.see(2, by: 1, at: 12)
        divergent.see(1, by: 1, at: 13)
        #expect(divergent.names() == ["divergent", "divergent"])
        var foreign = Books()
        foreign.seeAll(by: 0)
        foreign.seeAll(by: 1)
        foreign.see(0, by: 1, at: 14, run: 8)
        #expect(foreign.names() == ["damaged"])
    }

    @Test func findsPostsWithoutAnswerAndAnswersThatDiffer() {
        var silent = Books(answered: 2)
        silent.seeAll(by: 0)
        silent.seeAll(by: 1)
        #expect(silent.names() == ["unanswered"])
        var moved = Books()
        moved.seeAll(by: 0)
        moved.seeAll(by: 1)
        moved.ledger.acknowledged(0, at: 99)
        #expect(moved.names() == ["moved"])
    }
}
