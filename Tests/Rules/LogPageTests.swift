// Pages of a log: which sequences they have, and what stands where the store has lost something.

import Model
import Rules
import Testing

@Suite struct LogPageTests {
    private static func event(_ sequence: UInt64) -> Event {
        Event(sequence: sequence, id: EventID(high: 9, low: sequence), kind: .message,
              sender: AccountID(high: 1, low: 1), at: UnixMilliseconds(1), key: "k", text: "\(sequence)")
    }

    @Test func aPageBelowEndsAtTheHead() {
        #expect(LogPage.before(0, limit: 3, head: 10) == 8...10)
        #expect(LogPage.before(5, limit: 3, head: 10) == 2...4)
        #expect(LogPage.before(3, limit: 3, head: 10) == 1...2)
        #expect(LogPage.before(99, limit: 3, head: 10) == 8...10)
        #expect(LogPage.before(.max, limit: .max, head: 10) == 1...10)
        #expect(LogPage.before(1, limit: 3, head: 10) == nil)
        #expect(LogPage.before(0, limit: 3, head: 0) == nil)
        #expect(LogPage.before(0, limit: 0, head: 10) == nil)
    }

    @Test func aPageAboveEndsAtTheHead() {
        #expect(LogPage.after(0, limit: 3, head: 10) == 1...3)
        #expect(LogPage.after(8, limit: 3, head: 10) == 9...10)
        #expect(LogPage.after(10, limit: 3, head: 10) == nil)
        #expect(LogPage.after(11, limit: 3, head: 10) == nil)
        #expect(LogPage.after(.max, limit: 3, head: 10) == nil)
        #expect(LogPage.after(0, limit: .max, head: .max)?.upperBound == UInt64(Int.max))
        #expect(LogPage.after(0, limit: 0, head: 10) == nil)
    }

    @Test(arguments: [
        [], [3], [7], [5], [3, 7], [4, 6], [3, 4, 5], [5, 6, 7], [3, 4, 5, 6, 7], [1, 2, 5, 8, 9],
        // In disorder, or twice, as a broken index may have them.
        [5, 4], [4, 4, 6],
    ] as [[UInt64]])
    func whatIsMissingIsDamaged(_ found: [UInt64]) {
        let page = LogPage.complete(found.map(Self.event), 3...7)
        #expect(page.map(\.sequence) == [3, 4, 5, 6, 7])
        for event in page where event.kind == .damaged {
            #expect(event.text.isEmpty && event.id == EventID(high: 0, low: 0))
        }
        let whole = page.filter { $0.kind == .message }.map(\.sequence)
        #expect(Set(whole).isSubset(of: found))
        if found == found.sorted() { #expect(whole == Array(Set(found).intersection(3...7)).sorted()) }
    }

    @Test func aMachineKeepsOnlyWhatIsWithoutGaps() {
        let machine = LogMachine(head: Position(epoch: 1, sequence: 7), recent: [3, 5, 6, 7].map(Self.event))
        #expect(machine.recent.map(\.sequence) == [5, 6, 7])
        #expect(machine.recentEvent(3) == nil && machine.recentEvent(4) == nil)
        #expect(machine.recentEvent(5)?.text == "5" && machine.recentEvent(7)?.text == "7")
        let other = LogMachine(head: Position(epoch: 1, sequence: 9), recent: [6, 7].map(Self.event))
        #expect(other.recent.isEmpty && other.recentEvent(7) == nil && other.recentEvent(9) == nil)
    }
}
