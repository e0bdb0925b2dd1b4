// What the front decides by: when it is overloaded and when no more, and who may come in.

import Model
import Ports
import Testing
import Wire

@testable import Front

@Suite struct LoadRuleTests {
    private func settled(_ rule: inout LoadRule, late: UInt64, memory: Double = 0) -> LoadLevel {
        for _ in 0..<60 { rule.observe(late: late, memory: memory) }
        return rule.level
    }

    @Test func oneLateTurnIsNothing() {
        var rule = LoadRule(lagMilliseconds: 500)
        rule.observe(late: 490, memory: 0)
        #expect(rule.level == .normal)
        #expect(settled(&rule, late: 0) == .normal)
    }

    @Test(arguments: [
        (120, 0.69, LoadLevel.normal), (126, 0, .shedding), (0, 0.7, .shedding), (490, 1.0, .shedding),
        (502, 0, .refusing), (0, 1.1, .refusing), (1_990, 1.4, .refusing), (2_002, 0, .full), (0, 1.5, .full),
    ] as [(UInt64, Double, LoadLevel)])
    func rises(_ late: UInt64, _ memory: Double, _ level: LoadLevel) {
        var rule = LoadRule(lagMilliseconds: 500)
        #expect(settled(&rule, late: late, memory: memory) == level)
    }

    @Test func fallsOnlyWhenItIsWellBelow() {
        var rule = LoadRule(lagMilliseconds: 500)
        let steps: [(UInt64, LoadLevel)] = [
            (2_100, .full), (1_250, .full), (1_150, .refusing), (350, .refusing), (290, .shedding), (80, .shedding),
            (70, .normal), (120, .normal),
        ]
        for (late, level) in steps { #expect(settled(&rule, late: late) == level, "\(late) ms") }
    }

    @Test func memoryFallsLikewise() {
        var rule = LoadRule(lagMilliseconds: 500)
        for (memory, level) in [(1.2, LoadLevel.refusing), (0.7, .refusing), (0.6, .shedding), (0.4, .normal)] {
            #expect(settled(&rule, late: 0, memory: memory) == level, "\(memory)")
        }
    }
}

@Suite struct AcceptGateTests {
    private let second: UInt64 = 1_000_000_000
    private func at(_ milliseconds: UInt64) -> MonotonicNanoseconds {
        MonotonicNanoseconds(milliseconds * 1_000_000)
    }
    private func address(_ number: Int) -> NetworkAddress {
        NetworkAddress("10.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)")!
    }

    @Test func boundsOneAddress() {
        var limits = AcceptLimits()
        limits.addressOpenMax = 2
        var gate = AcceptGate(limits: limits, now: at(0))
        #expect(gate.enter(address(1), at: at(0)) == nil)
        #expect(gate.enter(address(1), at: at(0)) == nil)
        #expect(gate.enter(address(1), at: at(0)) == .tooManyOpen)
        #expect(gate.enter(address(2), at: at(0)) == nil)
        gate.leave(address(1))
        #expect(gate.enter(address(1), at: at(0)) == nil)
        for _ in 0..<5 { gate.leave(address(1)) }
        gate.leave(address(2))
        #expect(gate.addressCount == 0)
    }

    @Test func boundsTheRateOfOneAddress() {
        var limits = AcceptLimits()
        limits.addressPerSecond = 2
        limits.addressBurst = 3
        var gate = AcceptGate(limits: limits, now: at(0))
        func tryOne(_ time: UInt64) -> AcceptGate.Refusal? {
            defer { gate.leave(address(1)) }
            return gate.enter(address(1), at: at(time))
        }
        for _ in 0..<3 { #expect(tryOne(0) == nil) }
        #expect(tryOne(499) == .tooFast)
        #expect(tryOne(500) == nil)
        #expect(tryOne(999) == .tooFast)
        #expect(tryOne(1_000) == nil)
    }

    @Test func boundsTheRateOfAll() {
        var limits = AcceptLimits()
        limits.perSecond = 10
        limits.burst = 2
        var gate = AcceptGate(limits: limits, now: at(0))
        for _ in 0..<2 {
            #expect(gate.accepts(at: at(0)))
            gate.accepted(at: at(0))
        }
        #expect(!gate.accepts(at: at(99)))
        #expect(gate.accepts(at: at(100)))
    }

    @Test func aFloodOfAddressesIsBoundedAndWashesNobodyOut() {
        var limits = AcceptLimits()
        limits.addressOpenMax = 5
        limits.addressPerSecond = 1
        limits.addressBurst = 4
        limits.addressesMax = 100
        var gate = AcceptGate(limits: limits, now: at(0))
        let busy = address(0)
        for _ in 0..<4 { #expect(gate.enter(busy, at: at(0)) == nil) }
        for _ in 0..<4 { gate.leave(busy) }
        let held = address(1)
        #expect(gate.enter(held, at: at(0)) == nil)
        for number in 2..<20_000 {
            #expect(gate.enter(address(number), at: at(0)) == nil)
            gate.leave(address(number))
            #expect(gate.enter(busy, at: at(0)) == .tooFast)
        }
        #expect(gate.addressCount <= 101)
        // The open one was not forgotten.
        gate.leave(held)
        for _ in 0..<3 { #expect(gate.enter(held, at: at(0)) == nil) }
        #expect(gate.enter(held, at: at(0)) == .tooFast)
    }
}

@Suite struct FanOutPaceTests {
    private let millisecond: UInt64 = 1_000_000

    /// A flush of 7 ms to 1,000 connections, `every` so often, with so many messages each time; how long what comes
    /// right behind it waits.
    private func settled(_ pace: inout FanOutPace, every period: UInt64, messages: Int) -> UInt64 {
        var end: UInt64 = 0
        for number in 1...5 {
            end = UInt64(number) * period * millisecond
            pace.flushed(from: end - 7 * millisecond, to: end, messages: messages * 1_000, sends: 1_000)
        }
        return pace.wait(at: end)
    }

    @Test func nothingWaitsAsLongAsEachMessageCouldBeSentByItself() {
        var pace = FanOutPace()
        #expect(pace.wait(at: 0) == 0)
        #expect(settled(&pace, every: 50, messages: 1) == 0)
        #expect(settled(&pace, every: 8, messages: 1) == 0)
        #expect(settled(&pace, every: 50, messages: 7) == 0)
    }

    @Test func whenMessagesComeFasterTheyWaitForTwoFlushes() {
        var pace = FanOutPace()
        #expect(settled(&pace, every: 7, messages: 1) == 14 * millisecond)
        #expect(settled(&pace, every: 21, messages: 3) == 14 * millisecond)
        #expect(settled(&pace, every: 21, messages: 2) == 0)
    }

    @Test func theWaitEnds() {
        var pace = FanOutPace()
        _ = settled(&pace, every: 7, messages: 1)
        #expect(pace.wait(at: 48 * millisecond) == millisecond)
        #expect(pace.wait(at: 49 * millisecond) == 0)
        pace.flushed(from: 90 * millisecond, to: 97 * millisecond, messages: 3_000, sends: 1_000)
        #expect(pace.wait(at: 97 * millisecond) == 0)
    }

    /// Many channels whose members differ are no reason to wait: nothing would share a send.
    @Test func deliveriesToDifferentConnectionsAreNoReason() {
        var pace = FanOutPace()
        for number in 1...5 {
            let end = UInt64(number) * 10 * millisecond
            pace.flushed(from: end - 8 * millisecond, to: end, messages: 1_000, sends: 1_000)
        }
        #expect(pace.wait(at: 50 * millisecond) == 0)
    }

    @Test func aShortFlushIsFollowedAtOnceAndNothingWaitsLongerThanTheLimit() {
        var pace = FanOutPace()
        pace.flushed(from: 0, to: millisecond - 1, messages: 9_000, sends: 10)
        #expect(pace.wait(at: millisecond) == 0)
        pace.flushed(from: millisecond, to: 301 * millisecond, messages: 9_000, sends: 1_000)
        #expect(pace.wait(at: 301 * millisecond) == FanOutPace.longestNanoseconds)
        // A clock that stands.
        pace.flushed(from: 400 * millisecond, to: 400 * millisecond, messages: 9_000, sends: 1_000)
        #expect(pace.wait(at: 400 * millisecond) == 0)
    }
}
