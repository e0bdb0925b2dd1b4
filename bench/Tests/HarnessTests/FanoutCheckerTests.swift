// Good and bent streams: every fault that a run may have must be found, and nothing else.

import Testing

@testable import Harness

/// Two publishers send twice each to two subscribers; tests then bend what arrives.
private struct Stream {
    var checker = FanoutChecker(run: 7, subscribers: 2, publishers: 2, payloadBytes: 64,
                                hasPositions: true)

    init(hasPositions: Bool = true) {
        checker = FanoutChecker(run: 7, subscribers: 2, publishers: 2, payloadBytes: 64,
                                hasPositions: hasPositions)
        checker.subscribed(0, after: 10)
        checker.subscribed(1, after: 10)
        for index in 0..<4 { checker.sent(by: index % 2, dueNanoseconds: UInt64(1_000 + index)) }
    }

    func payload(_ index: Int, run: UInt32 = 7, bytes: Int = 64) -> [UInt8] {
        var out: [UInt8] = []
        Payload(run: run, publisher: index % 2, counter: UInt64(index / 2),
                dueNanoseconds: UInt64(1_000 + index)).write(bytes: bytes, to: &out)
        return out
    }

    mutating func acknowledgeAll() {
        for index in 0..<4 {
            checker.acknowledged(index, at: 2_000, sequence: UInt64(11 + index))
        }
    }

    /// Message `index` stands at sequence 11 + index unless said otherwise.
    mutating func deliver(_ index: Int, to subscriber: Int, sequence: UInt64? = nil,
                          _ bytes: [UInt8]? = nil) {
        let bytes = bytes ?? payload(index)
        let place = checker.hasPositions ? sequence ?? UInt64(11 + index) : 0
        bytes.withUnsafeBytes {
            _ = checker.delivered(to: subscriber, sequence: place, text: $0, at: 3_000)
        }
    }

    mutating func deliverAll(to subscriber: Int, _ order: [Int] = [0, 1, 2, 3]) {
        for index in order { deliver(index, to: subscriber) }
    }

    mutating func finish() -> FanoutChecker.Faults {
        checker.finish()
        return checker.faults
    }
}

@Suite struct FanoutCheckerTests {
    @Test(arguments: [true, false])
    func aGoodRunIsClean(_ hasPositions: Bool) {
        var stream = Stream(hasPositions: hasPositions)
        stream.acknowledgeAll()
        #expect(!stream.checker.isComplete)
        stream.deliverAll(to: 0)
        stream.deliverAll(to: 1)
        #expect(stream.checker.isComplete)
        let faults = stream.finish()
        #expect(faults.isClean)
        #expect(stream.checker.reach == 1)
    }

    @Test(arguments: [true, false])
    func findsLoss(_ hasPositions: Bool) {
        var stream = Stream(hasPositions: hasPositions)
        stream.acknowledgeAll()
        stream.deliverAll(to: 0)
        stream.deliverAll(to: 1, [0, 2, 3])
        let faults = stream.finish()
        #expect(faults.lost == 1)
        #expect(faults.sequenceGaps == (hasPositions ? 1 : 0))
        #expect(stream.checker.reach == 7.0 / 8)
    }

    @Test func findsLossAtTheEnd() {
        var stream = Stream()
        stream.acknowledgeAll()
        stream.deliverAll(to: 0)
        stream.deliverAll(to: 1, [0, 1, 2])
        let faults = stream.finish()
        #expect(faults.lost == 1)
        #expect(faults.sequenceGaps == 1)
    }

    @Test(arguments: [true, false])
    func findsDuplicates(_ hasPositions: Bool) {
        var stream = Stream(hasPositions: hasPositions)
        stream.acknowledgeAll()
        stream.deliverAll(to: 0, [0, 1, 1, 2, 3])
        stream.deliverAll(to: 1)
        let faults = stream.finish()
        #expect(faults.duplicates == 1)
        #expect(faults.reordered == 0)
        #expect(stream.checker.deliveries == 8)
    }

    @Test func findsAMessageThatStandsTwiceInTheLog() {
        var stream = Stream()
        stream.acknowledgeAll()
        for subscriber in 0..<2 {
            stream.deliverAll(to: subscriber)
            stream.deliver(3, to: subscriber, sequence: 15)
        }
        #expect(stream.finish().duplicates == 2)
    }

    @Test func findsReorderingByPosition() {
        var stream = Stream()
        stream.acknowledgeAll()
        stream.deliverAll(to: 0, [0, 2, 1, 3])
        stream.deliverAll(to: 1)
        let faults = stream.finish()
        #expect(faults.reordered == 1)
        #expect(faults.lost == 0)
        #expect(faults.sequenceGaps == 0)
    }

    @Test(arguments: [true, false])
    func findsReorderingOfOnePublisher(_ hasPositions: Bool) {
        var stream = Stream(hasPositions: hasPositions)
        // Positions rise, but publisher 0's second message stands before its first.
        for (place, index) in [2, 1, 0, 3].enumerated() {
            stream.checker.acknowledged(index, at: 2_000, sequence: UInt64(11 + place))
            for subscriber in 0..<2 {
                stream.deliver(index, to: subscriber, sequence: UInt64(11 + place))
            }
        }
        let faults = stream.finish()
        #expect(faults.reordered == 2)
        #expect(faults.lost == 0)
    }

    @Test func findsDamage() {
        var stream = Stream()
        stream.acknowledgeAll()
        stream.deliverAll(to: 0)
        var damaged = stream.payload(1)
        damaged[60] ^= 1
        stream.deliver(0, to: 1)
        stream.deliver(1, to: 1, damaged)
        stream.deliver(2, to: 1, stream.payload(2, bytes: 65))
        stream.deliver(3, to: 1)
        let faults = stream.finish()
        #expect(faults.damaged == 2)
        #expect(faults.lost == 2)
    }

    @Test func countsOtherPeoplesMessagesApart() {
        var stream = Stream()
        stream.acknowledgeAll()
        stream.deliver(0, to: 0)
        stream.deliver(0, to: 0, sequence: 12, stream.payload(0, run: 8))
        stream.deliver(0, to: 0, sequence: 13, Array("good morning".utf8))
        #expect(stream.checker.foreign == 2)
        #expect(stream.checker.faults.damaged == 0)
        #expect(stream.checker.deliveries == 1)
    }

    @Test func findsDifferentPositionsOfOneMessage() {
        var stream = Stream()
        stream.checker.acknowledged(0, at: 2_000, sequence: 12)
        stream.deliver(0, to: 0)
        #expect(stream.checker.faults.misplaced == 1)
    }

    @Test func countsUnansweredAndRefusedPosts() {
        var stream = Stream()
        stream.checker.acknowledged(0, at: 2_000, sequence: 11)
        stream.checker.refused(1)
        stream.deliver(0, to: 0)
        stream.deliver(0, to: 1)
        let faults = stream.finish()
        #expect(faults.refused == 1)
        #expect(faults.unacknowledged == 2)
        #expect(faults.lost == 0)
        #expect(!faults.isClean)
        #expect(stream.checker.reach == 0.25)
    }

    @Test func ignoresEventsThatAreNoMessages() {
        var stream = Stream()
        let none = stream.checker.delivered(to: 0, sequence: 11, text: nil, at: 1)
        #expect(none == nil)
        #expect(stream.checker.faults.isClean)
    }
}

@Suite struct OrderTrackerTests {
    @Test func speaksOfEveryNumberOnce() {
        var tracker = OrderTracker(next: 5)
        #expect(tracker.observe(5) == .inOrder)
        #expect(tracker.observe(9) == .ahead(missing: 3))
        #expect(tracker.observe(7) == .late)
        #expect(tracker.observe(7) == .duplicate)
        #expect(tracker.observe(5) == .duplicate)
        #expect(tracker.observe(4) == .duplicate)
        #expect(tracker.missing(before: 10) == 2)
        #expect(tracker.observe(6) == .late)
        #expect(tracker.observe(8) == .late)
        #expect(tracker.missing(before: 10) == 0)
        #expect(tracker.missing(before: 12) == 2)
    }
}

@Suite struct PayloadTests {
    @Test(arguments: [47, 48, 63, 64, 128, 1_000])
    func comesBackAsWritten(_ count: Int) {
        let payload = Payload(run: 0xDEAD_BEEF, publisher: 65_535, counter: 0xFFFF_FFFF,
                              dueNanoseconds: .max)
        var bytes: [UInt8] = []
        payload.write(bytes: count, to: &bytes)
        #expect(bytes.count == count)
        #expect(bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C })
        #expect(bytes.withUnsafeBytes { Payload.read($0) } == .payload(payload))
    }

    @Test func everyDamagedByteIsFound() {
        var bytes: [UInt8] = []
        Payload(run: 1, publisher: 2, counter: 3, dueNanoseconds: 4).write(bytes: 100, to: &bytes)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1
            let reading = damaged.withUnsafeBytes { Payload.read($0) }
            #expect(reading == (index < 3 ? .foreign : .damaged), "byte \(index)")
        }
    }

    @Test(arguments: ["", "hb1", "hb1 and so on and so on, and so on and so on and so on"])
    func otherTextsAreNotTaken(_ text: String) {
        let reading = Array(text.utf8).withUnsafeBytes { Payload.read($0) }
        #expect(reading == (text.utf8.count < Payload.bytesMin ? .foreign : .damaged))
    }
}
