// The log machine and presence beside models that are too simple to be wrong: whatever way something takes out of
// a queue, the queue is afterwards as if it had never been there, and everybody who waits hears once.

import Model
import Rules
import Testing

/// Numbers that are the same in every run of a seed.
private struct Numbers {
    private var state: UInt64
    init(_ seed: Int) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func below(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(bound))
    }
}

/// What waits and what is being written, as plain lists.
private struct QueueModel {
    struct Entry {
        let number: UInt64
        let key: IdempotencyKey
        let bytes: Int
        let subject: AccountID?
        var origins: [Int]
    }
    var pending: [Entry] = []
    var writing: [Entry] = []
    var settled: Set<IdempotencyKey> = []
    let limits: LogLimits

    func hasRoom(for bytes: Int) -> Bool {
        pending.count < limits.pendingMax && pending.map(\.bytes).reduce(0, +) + bytes <= limits.pendingBytesMax
    }

    mutating func join(_ key: IdempotencyKey, _ origin: Int) {
        if let index = writing.firstIndex(where: { $0.key == key }) { writing[index].origins.append(origin) }
        if let index = pending.firstIndex(where: { $0.key == key }) { pending[index].origins.append(origin) }
    }

    mutating func take() {
        var bytes = 0
        while let next = pending.first, writing.count < limits.batchMax,
              writing.isEmpty || bytes + next.bytes <= limits.batchBytesMax {
            bytes += next.bytes
            writing.append(pending.removeFirst())
        }
    }
}

/// A log machine and the model beside it, and how often each who waits was answered.
private struct QueueRun {
    let seed: Int
    var numbers: Numbers
    var log: LogMachine
    var model: QueueModel
    var answers: [Int: Int] = [:]

    init(seed: Int, limits: LogLimits) {
        self.seed = seed
        numbers = Numbers(seed)
        log = LogMachine(head: Position(epoch: 1, sequence: 0), recent: [], limits: limits)
        model = QueueModel(limits: limits)
    }

    mutating func answered(_ origins: [Int]) {
        for origin in origins { answers[origin, default: 9] += 1 }
    }

    /// A new entry, or a retry of something that waits: a third of them.
    mutating func offer(_ step: Int) {
        let waiting = model.writing + model.pending
        let isRetry = !waiting.isEmpty && numbers.below(3) == 0
        let key = isRetry ? waiting[numbers.below(waiting.count)].key : "k\(step)"
        let text = String(repeating: "é", count: numbers.below(18))
        let isChange = !isRetry && numbers.below(4) == 0
        let admission = log.admit(
            id: eventID(UInt64(step)), kind: isChange ? .joined : .message, sender: alice,
            subject: isChange ? AccountID(high: 1, low: UInt64(numbers.below(3))) : nil,
            at: start, key: key, text: text, origin: step)
        switch admission {
        case .queued where isRetry:
            answers[step] = 0
            model.join(key, step)
        case .queued:
            #expect(model.hasRoom(for: text.utf8.count), "seed \(seed), step \(step): there is no room")
            answers[step] = 0
            model.pending.append(QueueModel.Entry(
                number: UInt64(step), key: key, bytes: text.utf8.count,
                subject: isChange ? AccountID(high: 0, low: 0) : nil, origins: [step]))
        case .overloaded:
            #expect(!isRetry && !model.hasRoom(for: text.utf8.count), "seed \(seed), step \(step): there is room")
        case .duplicate:
            Issue.record("seed \(seed), step \(step): nothing of that key is settled")
        }
    }

    mutating func takeBatch() {
        let batch = log.takeBatch()
        if model.writing.isEmpty { model.take() } else { #expect(batch == nil) }
        if let batch { #expect(batch.map(\.id) == model.writing.map { eventID($0.number) }, "seed \(seed)") }
        #expect(log.isWriting == !model.writing.isEmpty)
    }

    mutating func commit() {
        answered(log.batchCommitted().answers.map(\.origin))
        model.writing = []
    }

    /// One of the batch was there already, or another hub wrote an event of its own.
    mutating func displace(_ step: Int) {
        if numbers.below(2) == 0 {
            let found = numbers.below(model.writing.count)
            let settled = log.batchHadDuplicates([(index: found, sequence: 1, id: eventID(1), at: start)])
            answered(settled.answers.map(\.origin))
            #expect(settled.answers.map(\.origin).sorted() == model.writing[found].origins.sorted())
            model.writing.remove(at: found)
        } else {
            let next = log.head.sequence + 1
            let foreign = Event(sequence: next, id: eventID(10_000 + UInt64(step)), kind: .message, sender: alice,
                                subject: nil, at: start, key: "f\(step)", text: "x", target: nil)
            #expect(log.logMoved([foreign]).events.map(\.sequence) == [next])
            log.batchDisplaced()
        }
        model.pending = model.writing + model.pending
        model.writing = []
    }

    mutating func fail(_ step: Int) {
        let isAll = numbers.below(8) == 0
        if isAll {
            model.writing += model.pending
            model.pending = []
        }
        let failed = isAll ? log.failAll() : log.batchFailed()
        #expect(failed.sorted() == model.writing.flatMap(\.origins).sorted(), "seed \(seed), step \(step)")
        answered(failed)
        model.writing = []
    }

    func check(_ step: Int) {
        let limits = model.limits
        #expect(log.pendingCount == model.pending.count + model.writing.count, "seed \(seed), step \(step)")
        let changes = (0..<3).map { log.unsettledMembership(of: AccountID(high: 1, low: UInt64($0))).count }
        #expect(changes.reduce(0, +) == (model.pending + model.writing).count { $0.subject != nil })
        #expect(log.recent.count <= limits.recentMax + limits.recentMax / 4)
        #expect(log.recent.map(\.text.utf8.count).reduce(0, +) <= limits.recentBytesMax * 5 / 4)
        #expect(log.recent.isEmpty || log.recent.last?.sequence == log.head.sequence)
    }
}

private let alice = AccountID(high: 1, low: 1)
private let start = UnixMilliseconds(1_000)
private func eventID(_ number: UInt64) -> EventID { EventID(high: 9, low: number) }

@Suite struct QueueModelTests {
    /// Commits, duplicates, displaced batches, failures, other hubs' events and the end of all, in any order.
    @Test(arguments: 1...60)
    func everyWayOutOfTheQueueGivesItsRoomBack(_ seed: Int) {
        var limits = LogLimits()
        limits.pendingMax = 6
        limits.pendingBytesMax = 60
        limits.batchMax = 3
        limits.batchBytesMax = 40
        limits.recentMax = 8
        limits.recentBytesMax = 120
        var run = QueueRun(seed: seed, limits: limits)
        for step in 1...400 {
            let isWriting = !run.model.writing.isEmpty
            switch run.numbers.below(10) {
            case 0..<5: run.offer(step)
            case 5, 6: run.takeBatch()
            case 7 where isWriting: run.commit()
            case 8 where isWriting: run.displace(step)
            case 9 where isWriting: run.fail(step)
            default: break
            }
            run.check(step)
        }
        // Everything that is left is written.
        while run.log.isWriting || run.log.takeBatch() != nil {
            run.answered(run.log.batchCommitted().answers.map(\.origin))
        }
        #expect(run.log.isIdle && run.answers.values.allSatisfy { $0 == 1 }, "seed \(seed): each hears once")
        // The queue is as empty as a new one.
        for number in 0..<UInt64(limits.pendingMax) {
            let admission = run.log.admit(id: eventID(20_000 + number), kind: .message, sender: alice, at: start,
                                          key: "", text: String(repeating: "x", count: 10), origin: -1)
            guard case .queued = admission else {
                Issue.record("seed \(seed): entry \(number) of an empty queue is \(admission)")
                return
            }
        }
    }

    /// Events at hand are as many as may be, however many long ones went before.
    @Test func longEventsDoNotShortenWhatIsRememberedLater() {
        var limits = LogLimits()
        limits.recentMax = 8
        limits.recentBytesMax = 100
        var log = LogMachine(head: Position(epoch: 1, sequence: 0), recent: [], limits: limits)
        func post(_ number: UInt64, _ bytes: Int) {
            _ = log.admit(id: EventID(high: 9, low: number), kind: .message, sender: alice, at: start,
                          key: "k\(number)", text: String(repeating: "x", count: bytes), origin: 0)
            _ = log.takeBatch()
            _ = log.batchCommitted()
        }
        for number in 1...40 { post(UInt64(number), 60) }
        for number in 41...80 { post(UInt64(number), 1) }
        #expect(log.recent.count >= limits.recentMax)
        #expect(log.recentEvents(after: 80 - UInt64(limits.recentMax))?.map(\.sequence) == Array(73...80))
        #expect(log.recentEvents(before: 81, limit: 3)?.map(\.sequence) == [78, 79, 80])
        #expect(log.recentEvents(before: 80, limit: 1)?.map(\.sequence) == [79])
    }

    /// Sessions that come, change, go and come back at any time: what is told is what a look at the sessions says.
    @Test(arguments: 1...60)
    func presenceIsThatOfTheSessionsWithTheirTimes(_ seed: Int) {
        var numbers = Numbers(seed)
        var machine = PresenceMachine()
        var now: Int64 = 1_000_000
        var sessions: [Int: [Int: PresenceState]] = [:]
        var leftAt: [Int: Int64] = [:]
        var told: [Int: PresenceState] = [:]
        func account(_ number: Int) -> AccountID { AccountID(high: 1, low: UInt64(number)) }
        func session(_ number: Int) -> SessionID { SessionID(high: 2, low: UInt64(number)) }
        func moment(_ milliseconds: Int64) -> MonotonicNanoseconds {
            MonotonicNanoseconds(UInt64(milliseconds) * 1_000_000)
        }
        for step in 1...300 {
            let (who, which) = (numbers.below(4), numbers.below(3))
            now += Int64([0, 1, 700, 2_500, 4_999, 5_000, 5_001][numbers.below(7)])
            switch numbers.below(4) {
            case 0:
                let state: PresenceState = numbers.below(2) == 0 ? .online : .away
                sessions[who, default: [:]][which] = state
                leftAt[who] = nil
                machine.sessionIs(state, session(which), of: account(who))
            case 1:
                if sessions[who]?.removeValue(forKey: which) != nil, sessions[who]?.isEmpty == true {
                    leftAt[who] = now
                }
                machine.sessionGone(session(which), of: account(who), at: moment(now))
            default:
                var expected: [AccountID: PresenceState] = [:]
                for number in 0..<4 {
                    let before = told[number] ?? .offline
                    let best = sessions[number]?.values.max { $0.rawValue < $1.rawValue } ?? .offline
                    if best == .offline, let left = leftAt[number], now - left < 5_000 { continue }
                    if best != before { expected[account(number)] = best }
                    told[number] = best
                }
                let changes = machine.flush(at: moment(now))
                #expect(Dictionary(uniqueKeysWithValues: changes.map { ($0.account, $0.state) }) == expected,
                        "seed \(seed), step \(step)")
            }
        }
        // A minute later nothing is left to tell.
        for number in 0..<4 {
            for which in 0..<3 { machine.sessionGone(session(which), of: account(number), at: moment(now)) }
        }
        _ = machine.flush(at: moment(now + 60_000))
        #expect(machine.page(after: nil, limit: 100, bytesMax: .max).page.isEmpty && !machine.hasPending)
    }
}
