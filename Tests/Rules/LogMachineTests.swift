// The log machine as transcripts: what goes in, what it decides.

import Model
import Rules
import Testing

private typealias Machine = LogMachine

private let alice = AccountID(high: 1, low: 1)
private let bob = AccountID(high: 1, low: 2)
private let start = UnixMilliseconds(1_000)

private func event(_ number: UInt64) -> EventID { EventID(high: 9, low: number) }

extension LogMachine {
    fileprivate mutating func post(_ number: UInt64, from sender: AccountID = alice, key: IdempotencyKey? = nil,
                                   text: String = "hi", origin: Int? = nil) -> Admission {
        admit(id: event(number), kind: .message, sender: sender, at: start, key: key ?? "k\(number)",
              text: text, origin: origin ?? Int(number))
    }
}

private func isQueued(_ admission: Machine.Admission) -> Bool {
    if case .queued = admission { true } else { false }
}
private func isOverloaded(_ admission: Machine.Admission) -> Bool {
    if case .overloaded = admission { true } else { false }
}

/// Remembers little.
private let small: LogLimits = {
    var limits = LogLimits()
    limits.recentMax = 8
    return limits
}()

private func machine(_ limits: LogLimits = .init()) -> Machine {
    Machine(head: Position(epoch: 1, sequence: 0), recent: [], limits: limits)
}

@Suite struct LogMachineTests {
    @Test func postsQueueWhileAWriteIsInFlight() {
        var log = machine()
        #expect(isQueued(log.post(1)))
        #expect(log.takeBatch()?.map(\.id) == [event(1)])
        #expect(isQueued(log.post(2)))
        #expect(isQueued(log.post(3)))
        #expect(log.takeBatch() == nil, "one write at a time")
        let first = log.batchCommitted()
        #expect(first.events.map(\.sequence) == [1])
        #expect(first.answers.map(\.origin) == [1])
        #expect(log.takeBatch()?.map(\.id) == [event(2), event(3)])
        let second = log.batchCommitted()
        #expect(second.events.map(\.sequence) == [2, 3])
        #expect(log.head == Position(epoch: 1, sequence: 3))
        #expect(log.isIdle)
    }

    /// Equal as text, other bytes: two messages. While the first waits, while it is written, and afterwards.
    @Test func keysAreTheSameByTheirBytesOnly() {
        var log = machine()
        #expect(isQueued(log.post(1, key: "k\u{E9}y")))
        #expect(isQueued(log.post(2, key: "ke\u{301}y")))
        #expect(log.takeBatch()?.map(\.id) == [event(1), event(2)])
        #expect(isQueued(log.post(3, key: "K")))
        #expect(log.batchCommitted().answers.map(\.origin) == [1, 2])
        #expect(isQueued(log.post(4, key: "\u{212A}")))
        guard case .duplicate(let first) = log.post(5, key: "ke\u{301}y") else {
            Issue.record("a retry is a duplicate")
            return
        }
        #expect(first.id == event(2))
        #expect(log.takeBatch()?.map(\.id) == [event(3), event(4)])
    }

    @Test func aRetryBehindItsOwnPostIsAnsweredWithIt() {
        var log = machine()
        _ = log.post(1, key: "a", origin: 10)
        _ = log.takeBatch()
        #expect(isQueued(log.post(2, key: "a", origin: 11)), "while it is written")
        let settled = log.batchCommitted()
        #expect(settled.events.count == 1)
        #expect(settled.answers.map(\.origin) == [10, 11])
        #expect(settled.answers.map(\.isDuplicate) == [false, true])
        guard case .duplicate(let event) = log.post(3, key: "a", origin: 12) else {
            Issue.record("a retry after the commit is a duplicate")
            return
        }
        #expect(event.sequence == 1)
        #expect(log.takeBatch() == nil)
    }

    @Test func theSameKeyOfAnotherSenderIsAnotherPost() {
        var log = machine()
        _ = log.post(1, from: alice, key: "a")
        _ = log.post(2, from: bob, key: "a")
        #expect(log.takeBatch()?.count == 2)
        #expect(log.batchCommitted().events.map(\.sender) == [alice, bob])
    }

    @Test func duplicatesInTheStoreAreAnsweredAndTheRestWrittenAgain() {
        var log = machine()
        for number in 1...3 { _ = log.post(UInt64(number)) }
        _ = log.takeBatch()
        _ = log.post(4)
        let settled = log.batchHadDuplicates([(index: 1, sequence: 77, id: event(70), at: start)])
        #expect(settled.events.isEmpty)
        #expect(settled.answers.map(\.origin) == [2])
        #expect(settled.answers[0].event.sequence == 77)
        #expect(settled.answers[0].event.id == event(70))
        #expect(settled.answers[0].isDuplicate)
        #expect(log.takeBatch()?.map(\.id) == [event(1), event(3), event(4)], "order is kept")
    }

    @Test func anUnknownOutcomeIsSettledByWhatTheLogHolds() {
        var log = machine()
        _ = log.post(1)
        _ = log.post(2)
        let batch = log.takeBatch()!
        // The commit had happened, and another node wrote behind it.
        let found = [
            Event(sequence: 1, id: batch[0].id, kind: .message, sender: alice, at: start, key: "k1", text: "hi"),
            Event(sequence: 2, id: batch[1].id, kind: .message, sender: alice, at: start, key: "k2", text: "hi"),
            Event(sequence: 3, id: event(50), kind: .message, sender: bob, at: start, key: "x", text: "yo"),
        ]
        // In two pages.
        let settled = [log.logMoved(Array(found[..<1])), log.logMoved(Array(found[1...]))]
        log.batchDisplaced()
        #expect(settled.flatMap(\.events).map(\.sequence) == [1, 2, 3])
        #expect(settled.flatMap(\.answers).map(\.origin) == [1, 2])
        #expect(log.takeBatch() == nil)
        #expect(log.head.sequence == 3)
    }

    @Test func entriesThatAreNotInTheMovedLogGoBackInOrder() {
        var log = machine()
        _ = log.post(1)
        _ = log.takeBatch()
        _ = log.post(2)
        let other = Event(sequence: 1, id: event(50), kind: .message, sender: bob, at: start, key: "x", text: "yo")
        let settled = log.logMoved([other])
        log.batchDisplaced()
        #expect(settled.events == [other])
        #expect(settled.answers.isEmpty)
        #expect(log.takeBatch()?.map(\.id) == [event(1), event(2)])
        #expect(log.batchCommitted().events.map(\.sequence) == [2, 3])
    }

    @Test func aKeyThatAnotherHubWroteMeanwhileStaysThatOfTheWaitingEntry() {
        var log = machine(small)
        _ = log.post(1, key: "a", origin: 10)
        _ = log.takeBatch()
        // The log has the key already, and moves on until that event is not at hand any more.
        let found = (1...20).map { number in
            Event(sequence: number, id: event(50 + number), kind: .message, sender: alice, at: start,
                  key: number == 1 ? "a" : "x\(number)", text: "yo")
        }
        _ = log.logMoved(found)
        log.batchDisplaced()
        #expect(log.recentEvent(1) == nil)
        #expect(isQueued(log.post(2, key: "a", origin: 11)), "joins the entry that waits")
        #expect(log.pendingCount == 1)
        _ = log.takeBatch()
        let answers = log.batchHadDuplicates([(index: 0, sequence: 1, id: event(51), at: start)]).answers
        #expect(answers.map(\.origin) == [10, 11])
        #expect(answers.allSatisfy { $0.isDuplicate && $0.event.sequence == 1 })
    }

    @Test func oldKeysAreForgottenAndThoseAtHandAreNot() {
        var log = machine(small)
        for number in 1...1_000 as ClosedRange<UInt64> {
            _ = log.post(number)
            _ = log.takeBatch()
            _ = log.batchCommitted()
        }
        #expect(log.keysKnown <= 3 * small.recentMax + small.recentMax / 2)
        for event in log.recent {
            guard case .duplicate(let known) = log.post(event.sequence) else {
                Issue.record("the key of event \(event.sequence) is not known")
                continue
            }
            #expect(known == event)
        }
        #expect(isQueued(log.post(1)))
    }

    @Test func aFailedBatchIsForgottenAndItsKeysAreFree() {
        var log = machine()
        _ = log.post(1, key: "a", origin: 10)
        _ = log.takeBatch()
        _ = log.post(2, key: "a", origin: 11)
        #expect(log.batchFailed() == [10, 11])
        #expect(log.isIdle)
        #expect(isQueued(log.post(3, key: "a", origin: 12)))
        #expect(log.takeBatch()?.count == 1)
    }

    @Test(arguments: [(3, 3, true), (3, 4, false)])
    func pendingEntriesAreBounded(limit: Int, posts: Int, fits: Bool) {
        var limits = LogLimits()
        limits.pendingMax = limit
        var log = machine(limits)
        let last = (1...posts).map { log.post(UInt64($0)) }.last!
        #expect(isOverloaded(last) == !fits)
        #expect(log.pendingCount == min(limit, posts))
    }

    @Test(arguments: [(100, false), (101, true)])
    func pendingBytesAreBounded(bytes: Int, refused: Bool) {
        var limits = LogLimits()
        limits.pendingBytesMax = 100
        var log = machine(limits)
        #expect(isOverloaded(log.post(1, text: String(repeating: "x", count: bytes))) == refused)
    }

    @Test func batchesAreBoundedInEntriesAndBytes() {
        var limits = LogLimits()
        limits.batchMax = 3
        limits.batchBytesMax = 10
        var log = machine(limits)
        for number in 1...4 { _ = log.post(UInt64(number), text: "x") }
        #expect(log.takeBatch()?.count == 3)
        _ = log.batchCommitted()
        _ = log.post(5, text: "123456789")
        _ = log.post(6, text: "x")
        #expect(log.takeBatch()?.map(\.id) == [event(4), event(5)], "1 + 9 bytes")
        _ = log.batchCommitted()
        _ = log.post(7, text: "longer than a whole batch")
        #expect(log.takeBatch()?.map(\.id) == [event(6)])
        _ = log.batchCommitted()
        #expect(log.takeBatch()?.map(\.id) == [event(7)], "one entry always fits")
    }

    @Test func recentEventsAreTheTailOfTheLog() {
        var limits = LogLimits()
        limits.recentMax = 8
        var log = machine(limits)
        for number in 1...20 {
            _ = log.post(UInt64(number))
            _ = log.takeBatch()
            _ = log.batchCommitted()
        }
        #expect(log.recent.last?.sequence == 20)
        #expect(log.recent.count >= 8 && log.recent.count <= 10)
        #expect(log.recentEvents(after: 20)?.isEmpty == true)
        #expect(log.recentEvents(after: 15)?.map(\.sequence) == [16, 17, 18, 19, 20])
        #expect(log.recentEvents(after: 2) == nil, "not at hand")
        #expect(log.recentEvents(before: 0, limit: 3)?.map(\.sequence) == [18, 19, 20])
        #expect(log.recentEvents(before: 19, limit: 2)?.map(\.sequence) == [17, 18])
        #expect(log.recentEvents(before: 5, limit: 2) == nil)
        #expect(log.recentEvents(before: 1, limit: 2)?.isEmpty == true)
    }

    @Test func aKeyThatLeftTheRecentEventsIsLeftToTheStore() {
        var limits = LogLimits()
        limits.recentMax = 4
        var log = machine(limits)
        for number in 1...10 {
            _ = log.post(UInt64(number))
            _ = log.takeBatch()
            _ = log.batchCommitted()
        }
        #expect(isQueued(log.post(11, key: "k1")), "the store finds the duplicate")
        guard case .duplicate = log.post(12, key: "k10") else {
            Issue.record("a recent key is known")
            return
        }
    }

    @Test func anEditCarriesItsTargetAndSharesTheKeysOfPosts() {
        var log = machine()
        func edit(_ number: UInt64, key: IdempotencyKey, target: UInt64) -> Machine.Admission {
            log.admit(id: event(number), kind: .edited, sender: alice, at: start, key: key, text: "ho",
                      target: target, origin: Int(number))
        }
        _ = log.post(1)
        _ = log.takeBatch()
        _ = log.batchCommitted()
        #expect(isQueued(edit(2, key: "e", target: 1)))
        #expect(log.takeBatch()?.map(\.target) == [1])
        let settled = log.batchCommitted()
        #expect(settled.events.map(\.kind) == [.edited])
        #expect(settled.events.map(\.target) == [1])
        #expect(log.recentEvent(1)?.text == "hi", "the log keeps what was said")
        #expect(log.recentEvent(2)?.text == "ho")
        #expect(log.recentEvent(0) == nil && log.recentEvent(3) == nil)
        for admission in [edit(3, key: "e", target: 1), log.post(4, key: "e")] {
            guard case .duplicate(let standing) = admission else {
                Issue.record("the key stands for the edit")
                return
            }
            #expect(standing.sequence == 2 && standing.target == 1)
        }
        guard case .duplicate(let standing) = edit(5, key: "k1", target: 1) else {
            Issue.record("the key stands for the message")
            return
        }
        #expect(standing.sequence == 1 && standing.target == nil)
        #expect(log.takeBatch() == nil)
    }

    @Test func anEditOfUnknownOutcomeIsSettledByWhatTheLogHolds() {
        var log = machine()
        for number: UInt64 in [1, 2] {
            _ = log.admit(id: event(number), kind: .edited, sender: alice, at: start, key: "e\(number)",
                          text: "ho", target: 7, origin: Int(number))
        }
        _ = log.takeBatch()
        let standing = Event(sequence: 1, id: event(1), kind: .edited, sender: alice, at: start, key: "e1",
                             text: "ho", target: 7)
        #expect(log.logMoved([standing]).events == [standing])
        log.batchDisplaced()
        #expect(log.takeBatch()?.map(\.target) == [7])
        let found = log.batchHadDuplicates([(index: 0, sequence: 9, id: event(90), at: start)])
        #expect(found.answers.map(\.event.target) == [7])
    }

    @Test func failAllEmptiesTheMachine() {
        var log = machine()
        _ = log.post(1)
        _ = log.takeBatch()
        _ = log.post(2)
        #expect(log.failAll() == [1, 2])
        #expect(log.isIdle)
        #expect(isQueued(log.post(3, key: "k1")))
    }

    @Test func membershipsThatWaitAreKnownInOrderUntilSettled() {
        var log = machine()
        let subject = AccountID(high: 1, low: 9)
        func change(_ kind: EventKind, _ origin: Int) {
            _ = log.admit(id: EventID(high: 0, low: UInt64(100 + origin)), kind: kind, sender: subject,
                          subject: subject, at: UnixMilliseconds(0), key: "", text: "", origin: origin)
        }
        change(.left, 1)
        _ = log.takeBatch()
        change(.joined, 2)
        #expect(log.unsettledMembership(of: subject) == [.left, .joined])
        log.batchDisplaced()
        #expect(log.unsettledMembership(of: subject) == [.left, .joined], "both wait again")
        _ = log.takeBatch()
        change(.left, 3)
        _ = log.batchCommitted()
        #expect(log.unsettledMembership(of: subject) == [.left])
        _ = log.takeBatch()
        _ = log.batchFailed()
        #expect(log.unsettledMembership(of: subject).isEmpty)
        change(.left, 4)
        _ = log.failAll()
        #expect(log.unsettledMembership(of: subject).isEmpty)
    }
}
