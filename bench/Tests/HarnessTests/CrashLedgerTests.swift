// Cooked books: every broken promise that a crash may leave must be found, and nothing else.

import Testing

@testable import Harness

/// One publisher posts to two channels in turn, one subscriber follows both.
private struct Books {
    var ledger = CrashLedger(run: 9, publishers: 1, subscribers: 1, starts: [
        Position(epoch: 1, sequence: 1), Position(epoch: 1, sequence: 1),
    ])
    var logs: [(epoch: UInt64, entries: [LogEntry])] = [(1, []), (1, [])]

    /// Four posts: 0 and 2 to channel 0, 1 and 3 to channel 1, at sequences 2 and 3 of each.
    init() {
        for counter in 0..<4 {
            let channel = counter % 2
            _ = ledger.posted(by: 0, to: channel)
            logs[channel].entries.append(entry(counter, at: UInt64(2 + counter / 2)))
        }
    }

    func entry(_ counter: Int, at sequence: UInt64, id: String? = nil) -> LogEntry {
        var text: [UInt8] = []
        Payload(run: 9, publisher: 0, counter: UInt64(counter), dueNanoseconds: 0)
            .write(bytes: 64, to: &text)
        return LogEntry(sequence: sequence, id: id ?? "event-\(counter)",
                        key: ledger.key(0, counter), text: text)
    }

    mutating func acknowledge(_ counter: Int, at sequence: UInt64? = nil,
                              isDuplicate: Bool = false) {
        let place = Position(epoch: 1, sequence: sequence ?? UInt64(2 + counter / 2))
        ledger.acknowledged(0, counter, at: place, eventID: "event-\(counter)",
                            isDuplicate: isDuplicate)
    }

    mutating func see(_ channel: Int, _ sequence: UInt64, epoch: UInt64 = 1, id: String? = nil) {
        let id = Array((id ?? "event-\((Int(sequence) - 2) * 2 + channel)").utf8)
        id.withUnsafeBytes {
            ledger.seen(by: 0, in: channel, epoch: epoch, sequence: sequence, id: $0)
        }
    }

    mutating func seeAll() {
        for sequence in [2, 3] as [UInt64] {
            see(0, sequence)
            see(1, sequence)
        }
    }

    mutating func audit() -> CrashLedger.Violations {
        ledger.audit(logs)
        return ledger.violations
    }
}

@Suite struct CrashLedgerTests {
    private func books(_ change: (inout Books) -> Void) -> CrashLedger.Violations {
        var books = Books()
        change(&books)
        return books.audit()
    }

    @Test func goodBooksBalance() {
        let violations = books { books in
            for counter in 0..<4 { books.acknowledge(counter) }
            books.acknowledge(3, isDuplicate: true)
            books.seeAll()
        }
        #expect(violations.total == 0)
    }

    @Test func findsAnAcknowledgedPostThatIsGone() {
        let violations = books { books in
            for counter in 0..<4 { books.acknowledge(counter) }
            books.logs[1].entries.removeLast()
            books.see(0, 2)
            books.see(0, 3)
            books.see(1, 2)
        }
        #expect(violations.lost == 1)
        #expect(violations.total == 1)
    }

    @Test func findsAPostThatMoved() {
        let violations = books { books in
            for counter in 0..<4 { books.acknowledge(counter, at: counter == 2 ? 4 : nil) }
            books.seeAll()
        }
        #expect(violations.moved == 1)
        #expect(violations.total == 1)
    }

    @Test func findsARetryThatGotAnotherPosition() {
        let violations = books { books in
            for counter in 0..<4 { books.acknowledge(counter) }
            books.acknowledge(0, at: 5, isDuplicate: true)
            books.seeAll()
        }
        #expect(violations.moved == 1)
    }

    @Test func findsAnotherEventAtTheSamePosition() {
        let violations = books { books in
            for counter in 0..<4 { books.acknowledge(counter) }
            books.logs[0].entries[1] = books.entry(2, at: 3, id: "other")
            books.seeAll()
        }
        #expect(violations.moved == 1)
        #expect(violations.divergent == 1)
    }

    @Test func findsAPostThatStandsTwice() {
        let violations = books { books in
            for counter in 0..<4 { books.acknowledge(counter) }
            books.logs[0].entries.append(books.entry(2, at: 4, id: "again"))
            books.seeAll()
            books.see(0, 4, id: "again")
        }
        #expect(violations.duplicated == 1)
        #expect(violations.total == 1)
    }

    @Test func findsDisorder() {
        let violations = books { books in
            books.acknowledge(0, at: 3)
            books.acknowledge(2, at: 2)
            books.acknowledge(1)
            books.acknowledge(3)
            books.logs[0].entries = [books.entry(2, at: 2), books.entry(0, at: 3)]
            books.see(0, 2, id: "event-2")
            books.see(0, 3, id: "event-0")
            books.see(1, 2)
            books.see(1, 3)
        }
        #expect(violations.disordered == 1)
        #expect(violations.total == 1)
    }

    @Test func findsHolesInTheLog() {
        let violations = books { books in
            for counter in 0..<4 { books.acknowledge(counter, at: counter == 2 ? 4 : nil) }
            books.logs[0].entries[1] = books.entry(2, at: 4)
            books.see(0, 2)
            books.see(0, 4, id: "event-2")
            books.see(1, 2)
            books.see(1, 3)
        }
        #expect(violations.logGaps == 1)
        #expect(violations.skipped == 1)
        #expect(violations.total == 2)
    }

    @Test func findsDamageAndUnansweredPosts() {
        let violations = books { books in
            for counter in 0..<3 { books.acknowledge(counter) }
            books.logs[1].entries[1].text = Array("something else".utf8)
            books.seeAll()
        }
        #expect(violations.damaged == 1)
        #expect(violations.unanswered == 1)
        #expect(violations.total == 2)
    }

    @Test func findsWhatSubscribersMustNotSee() {
        let violations = books { books in
            for counter in 0..<4 { books.acknowledge(counter) }
            books.seeAll()
            books.see(0, 3)
            books.see(1, 9)
            books.see(1, 1, epoch: 2)
            books.ledger.resumed(0, 0, from: Position(epoch: 1, sequence: 1), hasGap: false)
            books.ledger.resumed(0, 0, from: Position(epoch: 1, sequence: 9), hasGap: true)
        }
        #expect(violations.repeated == 1)
        #expect(violations.skipped == 2)
        #expect(violations.epochs == 1)
        #expect(violations.gaps == 1)
        #expect(violations.divergent == 1)
    }

    @Test func findsASubscriberThatFellBehind() {
        let violations = books { books in
            for counter in 0..<4 { books.acknowledge(counter) }
            books.see(0, 2)
            books.see(1, 2)
            books.see(1, 3)
        }
        #expect(violations.divergent == 1)
        #expect(violations.total == 1)
    }

    @Test func aCopyKnowsWhatWasKnownAndFindsForItself() {
        var books = Books()
        books.acknowledge(0)
        books.acknowledge(1)
        books.acknowledge(1, at: 9)
        var copy = books.ledger.withoutFindings()
        #expect(books.ledger.violations.moved == 1)
        #expect(copy.violations.total == 0)
        #expect(copy.acknowledged == 2)
        #expect(copy.unanswered(of: 0) == [2, 3])

        // In the world of the copy, only what it acknowledged must be there.
        books.acknowledge(2)
        copy.audit([(1, [books.entry(0, at: 2)]), (1, [])])
        #expect(copy.violations.lost == 1)
        #expect(copy.violations.unanswered == 2)

        var findings = CrashLedger.Findings()
        findings.add(\.unrecovered, "cut 1: gone")
        findings.add(copy.findings, of: "cut 2")
        #expect(findings.violations.lost == 1)
        #expect(findings.violations.unrecovered == 1)
        #expect(findings.examples.first == "cut 1: gone")
        #expect(findings.examples.dropFirst().allSatisfy { $0.hasPrefix("cut 2: ") })
    }

    @Test func postsOfLaterBooksAreTakenOverWithoutAnswers() {
        var books = Books()
        for counter in 0..<4 { books.acknowledge(counter) }
        books.seeAll()
        var copy = books.ledger.withoutFindings()
        #expect(books.ledger.posted(by: 0, to: 0) == 4)
        books.ledger.delayed(0, 4)
        books.acknowledge(4, at: 4)
        copy.takeOverPosts(of: books.ledger)
        #expect(copy.unanswered(of: 0) == [4])
        #expect(copy.posts[0][4].wasDelayed)

        // What the log has of them is no surprise.
        books.logs[0].entries.append(books.entry(4, at: 4))
        copy.audit(books.logs)
        #expect(copy.violations.damaged == 0)
        #expect(copy.violations.unanswered == 1)
    }

    @Test func whatAnotherWorldFoundIsAddedWhole() throws {
        var findings = CrashLedger.Findings()
        for path in CrashLedger.Violations.all { findings.add(path, "") }
        var sum = findings.violations
        sum += findings.violations
        #expect(sum.named.allSatisfy { $0.count == 2 })
        #expect(sum.total == 2 * CrashLedger.Violations.all.count)
    }

    @Test func faultsAreRefusedWhereTheyMakeNoSense() {
        func isValid(_ fault: CrashFault, _ store: String, lyingDisk: String? = nil) -> Bool {
            var configuration = CrashConfiguration(hub: "hub", dataDirectory: "")
            configuration.fault = fault
            configuration.store = CrashStore(store)
            configuration.lyingDisk = lyingDisk
            return (try? configuration.validate()) != nil
        }
        #expect(isValid(.hub, "sqlite"))
        #expect(isValid(.hub, "postgresql://hub@127.0.0.1/hub"))
        #expect(isValid(.postgres, "postgresql"))
        #expect(isValid(.power, "sqlite", lyingDisk: "lying-disk.so"))
        #expect(!isValid(.postgres, "sqlite"))
        #expect(!isValid(.power, "postgresql://hub@127.0.0.1/hub"))
        #expect(!isValid(.fullDisk, "sqlite", lyingDisk: "lying-disk.so"))
    }

    @Test func aSeedGivesTheSameRun() {
        var first = SeededGenerator(seed: 5), second = SeededGenerator(seed: 5)
        var other = SeededGenerator(seed: 6)
        let numbers = (0..<8).map { _ in first.next() }
        #expect(numbers == (0..<8).map { _ in second.next() })
        #expect(numbers != (0..<8).map { _ in other.next() })
    }
}
