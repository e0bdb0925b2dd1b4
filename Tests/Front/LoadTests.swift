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

    @Test func aShortFlushIsFollowedAtOnce() {
        var pace = FanOutPace()
        #expect(pace.wait(at: 0) == 0)
        pace.flushed(from: 5 * millisecond, to: 6 * millisecond - 1)
        #expect(pace.wait(at: 6 * millisecond) == 0)
    }

    @Test func behindALongOneFanOutsWaitAsLongAgain() {
        var pace = FanOutPace()
        pace.flushed(from: 10 * millisecond, to: 17 * millisecond)
        #expect(pace.wait(at: 17 * millisecond) == 7 * millisecond)
        #expect(pace.wait(at: 23 * millisecond) == millisecond)
        #expect(pace.wait(at: 24 * millisecond) == 0)
    }

    @Test func twiceAsLongWhenSomethingCameMeanwhileAndOnlyThen() {
        var pace = FanOutPace()
        pace.flushed(from: 0, to: 7 * millisecond)
        #expect(pace.wait(at: 8 * millisecond) > 0)
        pace.flushed(from: 14 * millisecond, to: 21 * millisecond)
        #expect(pace.wait(at: 35 * millisecond) == 0)
        #expect(pace.wait(at: 35 * millisecond - 1) == 1)
        pace.flushed(from: 35 * millisecond, to: 42 * millisecond)
        #expect(pace.wait(at: 55 * millisecond) == millisecond)
        // The last flush before had made somebody wait, this one nobody.
        pace.flushed(from: 60 * millisecond, to: 67 * millisecond)
        pace.flushed(from: 100 * millisecond, to: 107 * millisecond)
        #expect(pace.wait(at: 107 * millisecond) == 7 * millisecond)
    }

    @Test func nothingWaitsLongerThanItsLimit() {
        var pace = FanOutPace()
        pace.flushed(from: 0, to: 300 * millisecond)
        #expect(pace.wait(at: 300 * millisecond) == FanOutPace.longestNanoseconds)
        pace.flushed(from: 400 * millisecond, to: 700 * millisecond)
        #expect(pace.wait(at: 700 * millisecond) == FanOutPace.longestNanoseconds)
    }

    @Test func aClockThatStandsIsNoWait() {
        var pace = FanOutPace()
        pace.flushed(from: 9 * millisecond, to: 9 * millisecond)
        #expect(pace.wait(at: 9 * millisecond) == 0)
    }
}
