// Resume, presence, typing, the command gate, argument bounds, and who may change members.

import Model
import Rules
import Testing

private let alice = AccountID(high: 1, low: 1)
private let bob = AccountID(high: 1, low: 2)
private func session(_ number: UInt64) -> SessionID { SessionID(high: 2, low: number) }
private func moment(_ milliseconds: Int64) -> MonotonicNanoseconds {
    MonotonicNanoseconds(7_000_000_000).adding(milliseconds: milliseconds)
}
private func at(_ milliseconds: Int64) -> UnixMilliseconds { UnixMilliseconds(milliseconds) }

@Suite struct ResumeRuleTests {
    static let head = Position(epoch: 2, sequence: 1_500)

    @Test(arguments: [
        (Position?.none, ResumeRule.Decision.live),
        (Position(epoch: 2, sequence: 1_500), .live),
        (Position(epoch: 2, sequence: 1_499), .replay(after: 1_499)),
        (Position(epoch: 2, sequence: 500), .replay(after: 500)),
        (Position(epoch: 2, sequence: 499), .gap(Gap(from: 500, to: 1_500))),
        (Position(epoch: 2, sequence: 0), .gap(Gap(from: 1, to: 1_500))),
        (Position(epoch: 2, sequence: 1_501), .gap(Gap(from: 1, to: 1_500))),
        (Position(epoch: 1, sequence: 1_500), .gap(Gap(from: 1, to: 1_500))),
    ])
    func decides(after: Position?, expected: ResumeRule.Decision) {
        #expect(ResumeRule.decide(after: after, head: Self.head, replayMax: 1_000) == expected)
    }

    @Test func anotherEpochOfAnEmptyLogMissesNothing() {
        let head = Position(epoch: 2, sequence: 0)
        let old = Position(epoch: 1, sequence: 9)
        #expect(ResumeRule.decide(after: old, head: head, replayMax: 10) == .live)
    }

    @Test(arguments: [(1, true), (0, false), (-1, false)])
    func theWindowIsADay(offset: Int64, inside: Bool) {
        let now = at(1_000_000_000)
        let oldest = at(now.value - ResumeRule.windowMilliseconds + offset)
        #expect(ResumeRule.isWithinWindow(oldest, now: now) == inside)
    }
}

@Suite struct PresenceMachineTests {
    @Test func theBestSessionCounts() {
        var presence = PresenceMachine()
        presence.sessionIs(.online, session(1), of: alice)
        presence.sessionIs(.away, session(2), of: alice)
        #expect(presence.flush(at: moment(0)) == [Presence(account: alice, state: .online)])
        presence.sessionIs(.away, session(1), of: alice)
        #expect(presence.flush(at: moment(1)) == [Presence(account: alice, state: .away)])
        #expect(!presence.hasPending)
    }

    @Test func changesThatCancelOutAreNotTold() {
        var presence = PresenceMachine()
        presence.sessionIs(.online, session(1), of: alice)
        _ = presence.flush(at: moment(0))
        presence.sessionIs(.away, session(1), of: alice)
        presence.sessionIs(.online, session(1), of: alice)
        #expect(presence.flush(at: moment(1)) == [])
    }

    @Test func aReconnectWithinTheGraceIsNotSeen() {
        var presence = PresenceMachine()
        presence.sessionIs(.online, session(1), of: alice)
        _ = presence.flush(at: moment(0))
        presence.sessionGone(session(1), of: alice, at: moment(100))
        #expect(presence.flush(at: moment(5_099)) == [])
        #expect(presence.hasPending)
        presence.sessionIs(.online, session(2), of: alice)
        #expect(presence.flush(at: moment(9_000)) == [])
        #expect(presence.page(after: nil, limit: 0, bytesMax: .max).page == [Presence(account: alice, state: .online)])
    }

    @Test func afterTheGraceTheAccountIsOfflineAndForgotten() {
        var presence = PresenceMachine()
        presence.sessionIs(.online, session(1), of: alice)
        presence.sessionIs(.online, session(2), of: bob)
        _ = presence.flush(at: moment(0))
        presence.sessionGone(session(1), of: alice, at: moment(100))
        #expect(presence.flush(at: moment(5_100)) == [Presence(account: alice, state: .offline)])
        #expect(presence.page(after: nil, limit: 0, bytesMax: .max).page == [Presence(account: bob, state: .online)])
        #expect(!presence.hasPending)
    }
}

@Suite struct TypingMachineTests {
    @Test func startsStopsAndRepetitions() {
        var typing = TypingMachine()
        #expect(typing.typing(alice, active: true, at: moment(0)) == true)
        #expect(typing.typing(alice, active: true, at: moment(1_999)) == false)
        #expect(typing.typing(alice, active: true, at: moment(2_000)) == true)
        #expect(typing.typing(alice, active: false, at: moment(2_100)) == true)
        #expect(typing.typing(alice, active: false, at: moment(2_200)) == false, "not typing any more")
    }

    @Test func theNumberOfTypistsIsBounded() {
        var typing = TypingMachine()
        let accounts = (1...UInt64(TypingMachine.typistsMax + 1)).map { AccountID(high: 5, low: $0) }
        let told = accounts.map { typing.typing($0, active: true, at: moment(0)) }
        #expect(told.filter { $0 }.count == TypingMachine.typistsMax)
        #expect(told.last == false)
        #expect(typing.typing(accounts.last!, active: true, at: moment(6_000)) == true, "the others have expired")
    }
}

@Suite struct CommandGateTests {
    private func gate(inFlight: UInt32 = 2, rate: UInt32 = 0, burst: UInt32 = 0) -> CommandGate {
        CommandGate(inFlightMax: inFlight,
                    bucket: TokenBucket(rate: rate, burst: burst, now: MonotonicNanoseconds(0)))
    }

    @Test func boundsWhatIsUnanswered() {
        var gate = gate()
        let now = MonotonicNanoseconds(0)
        #expect(gate.admit(1, at: now) == .pass)
        #expect(gate.admit(1, at: now) == .refuse(.duplicateID, retryAfterMilliseconds: 0))
        #expect(gate.admit(2, at: now) == .pass)
        #expect(gate.admit(3, at: now) == .refuse(.tooManyInFlight, retryAfterMilliseconds: 50))
        gate.answered(1)
        #expect(gate.admit(1, at: now) == .pass, "an answered id may be used again")
    }

    @Test func boundsTheRateAndSaysWhenToComeBack() {
        var gate = gate(inFlight: 100, rate: 10, burst: 2)
        let start = MonotonicNanoseconds(0)
        #expect(gate.admit(1, at: start) == .pass)
        #expect(gate.admit(2, at: start) == .pass)
        #expect(gate.admit(3, at: start) == .refuse(.rateLimited, retryAfterMilliseconds: 101))
        #expect(gate.admit(3, at: MonotonicNanoseconds(100_000_000)) == .pass)
        #expect(gate.admit(4, at: MonotonicNanoseconds(100_000_000))
            == .refuse(.rateLimited, retryAfterMilliseconds: 101))
        let muchLater = MonotonicNanoseconds(UInt64.max / 2)
        #expect(gate.admit(5, at: muchLater) == .pass)
        #expect(gate.admit(6, at: muchLater) == .pass)
        #expect(gate.admit(7, at: muchLater) != .pass, "no more than the burst is saved up")
    }

    /// 100 commands at once at 10 per second, burst 2: each comes back when it was told to, and gets in then.
    @Test func whoComesBackAsToldGetsIn() {
        var gate = gate(inFlight: 1_000, rate: 10, burst: 2)
        var waiting: [(id: UInt32, at: UInt64)] = (1...100).map { ($0, 0) }
        var refusals = 0
        while let next = waiting.indices.min(by: { waiting[$0].at < waiting[$1].at }) {
            let (id, at) = waiting.remove(at: next)
            if case .refuse(.rateLimited, let wait) = gate.admit(id, at: MonotonicNanoseconds(at * 1_000_000)) {
                refusals += 1
                waiting.append((id, at + UInt64(wait)))
            }
        }
        #expect(refusals <= 98 + 2, "one each, and some for fractions of a millisecond")
    }

    @Test func nobodyIsToldToWaitForEver() {
        var gate = gate(inFlight: 1_000, rate: 1, burst: 1)
        #expect(gate.admit(1, at: MonotonicNanoseconds(0)) == .pass)
        for id in 2...100 as ClosedRange<UInt32> {
            let wait = min(CommandGate.waitMillisecondsMax, (id - 1) * 1_000 + 1)
            #expect(gate.admit(id, at: MonotonicNanoseconds(0)) == .refuse(.rateLimited, retryAfterMilliseconds: wait))
        }
        // When they have not come, the next is told the next token.
        #expect(gate.admit(101, at: MonotonicNanoseconds(90_000_000_000)) == .pass)
        #expect(gate.admit(102, at: MonotonicNanoseconds(90_000_000_000)) != .pass)
    }
}

@Suite struct ArgumentRuleTests {
    static let channel = ChannelID(high: 1, low: 1)
    static func long(_ count: Int) -> String { String(repeating: "é", count: count) }
    /// Four bytes each.
    static func faces(_ count: Int) -> String { String(repeating: "\u{1F600}", count: count) }
    /// One character with so many marks of two bytes.
    static func marked(_ count: Int) -> String { "0" + String(repeating: "\u{301}", count: count) }

    @Test(arguments: [
        Command.post(Post(channel: channel, key: "k", text: "x")),
        .hello(Hello(token: AccessToken("t"), agent: String(repeating: "a", count: 64))),
        .post(Post(channel: channel, key: IdempotencyKey(String(repeating: "k", count: 64)), text: "x")),
        .post(Post(channel: channel, key: "k", text: long(8_192))),
        .edit(Edit(channel: channel, key: "k", target: 1, text: long(8_192))),
        .createChannel(CreateChannel(name: long(80), topic: long(250), kind: .closed)),
        // 320 and 1,000 bytes; 319 and 999 in one character each.
        .createChannel(CreateChannel(name: faces(80), topic: faces(250), kind: .open)),
        .createChannel(CreateChannel(name: marked(159), topic: marked(499), kind: .open)),
        .createChannel(CreateChannel(name: "👩‍🚀 \u{633}\u{200C}\u{633}", topic: " \u{3164} ", kind: .open)),
        .hello(Hello(token: AccessToken("t"), capabilities: [faces(16)], agent: faces(16))),
        .history(History(channel: channel, limit: 200)),
        .presence(SetPresence(state: .away)),
        .broadcast(SendBroadcast(channel: channel, text: long(2_048))),
    ])
    func accepts(_ command: Command) {
        #expect(ArgumentRule.check(command, Limits()) == nil)
    }

    @Test(arguments: [
        (Command.post(Post(channel: channel, key: "", text: "x")), ErrorCode.invalidArgument, "key"),
        (.post(Post(channel: channel, key: IdempotencyKey(String(repeating: "k", count: 65)), text: "x")),
         .invalidArgument, "key"),
        (.post(Post(channel: channel, key: "a\0b", text: "x")), .invalidArgument, "key"),
        (.hello(Hello(token: AccessToken("t"), agent: String(repeating: "a", count: 65))),
         .invalidArgument, "agent"),
        (.post(Post(channel: channel, key: "k", text: "")), .invalidArgument, "text"),
        (.post(Post(channel: channel, key: "k", text: long(8_193))), .tooLarge, "text"),
        (.createChannel(CreateChannel(name: "", kind: .open)), .invalidArgument, "name"),
        (.createChannel(CreateChannel(name: " a", kind: .open)), .invalidArgument, "name"),
        (.createChannel(CreateChannel(name: "a\nb", kind: .open)), .invalidArgument, "name"),
        (.createChannel(CreateChannel(name: long(81), kind: .open)), .invalidArgument, "name"),
        (.createChannel(CreateChannel(name: "a", topic: long(251), kind: .open)), .invalidArgument, "topic"),
        (.createChannel(CreateChannel(name: marked(160), kind: .open)), .invalidArgument, "name"),
        (.createChannel(CreateChannel(name: marked(450_000), kind: .open)), .invalidArgument, "name"),
        (.createChannel(CreateChannel(name: faces(81), kind: .open)), .invalidArgument, "name"),
        (.createChannel(CreateChannel(name: "a", topic: marked(500), kind: .open)), .invalidArgument, "topic"),
        (.createChannel(CreateChannel(name: "a", topic: faces(251), kind: .open)), .invalidArgument, "topic"),
        (.hello(Hello(token: AccessToken("t"), agent: marked(32))), .invalidArgument, "agent"),
        (.hello(Hello(token: AccessToken("t"), capabilities: ["a", marked(32)])), .invalidArgument, "capabilities"),
        (.post(Post(channel: channel, key: IdempotencyKey(marked(32)), text: "x")), .invalidArgument, "key"),
        (.createChannel(CreateChannel(name: "a", kind: .direct)), .invalidArgument, "kind"),
        (.history(History(channel: channel, limit: 201)), .invalidArgument, "limit"),
        (.history(History(channel: channel, before: 3, after: 1)), .invalidArgument, "after"),
        (.presence(SetPresence(state: .offline)), .invalidArgument, "state"),
        (.edit(Edit(channel: channel, key: "", target: 1, text: "x")), .invalidArgument, "key"),
        (.edit(Edit(channel: channel, key: "k", target: 0, text: "x")), .invalidArgument, "target"),
        (.edit(Edit(channel: channel, key: "k", target: 1, text: "")), .invalidArgument, "text"),
        (.edit(Edit(channel: channel, key: "k", target: 1, text: long(8_193))), .tooLarge, "text"),
        (.broadcast(SendBroadcast(channel: channel, text: "")), .invalidArgument, "text"),
        (.broadcast(SendBroadcast(channel: channel, text: "a" + long(2_048))), .tooLarge, "text"),
    ])
    func refuses(_ command: Command, code: ErrorCode, field: String) {
        let error = ArgumentRule.check(command, Limits())
        #expect(error?.code == code)
        #expect(error?.details.contains { $0.value == field } == true)
    }
}

@Suite struct DisplayLineTests {
    @Test(arguments: [
        "", " ", "\u{3000}", "\u{200B}", "\u{3164}", "\u{1160}", "\u{115F}\u{FFA0}", "\u{2800}", "\u{301}",
                      "\u{200D}\u{200C}",
        "\u{3164}\u{20DD}", "\u{AD}", "\u{34F}\u{180E}",
    ])
    func refusesWhatCannotBeSeen(_ name: String) { #expect(DisplayLine.fault(inName: name) == .invisible) }

    @Test(arguments: ["a\u{85}", "\u{202E}a", "a\u{2066}", "a\u{2028}b", "\u{FEFF}a", "\u{E000}", "\u{378}", "a\tb"])
    func refusesControls(_ text: String) {
        #expect(DisplayLine.fault(inName: text) == .control && DisplayLine.fault(inTopic: text) == .control)
    }

    @Test(arguments: ["a\u{A0}", "\u{3000}a", " \u{301}a", "a\u{2003}"])
    func refusesSpacesAtTheEnds(_ name: String) { #expect(DisplayLine.fault(inName: name) == .padded) }

    @Test(arguments: ["a", "李", "👩‍🚀", "☃", "a\u{301}", "\u{2801}", "\u{915}\u{94D}\u{937}",
                      "\u{633}\u{200C}\u{633}", "-", "№ 1"])
    func takesNames(_ name: String) { #expect(DisplayLine.fault(inName: name) == nil) }
}

@Suite struct MemberRuleTests {
    /// Rows: who acts; columns: whom, a member, an admin, an owner.
    @Test(arguments: [
        (Role.owner, [[true, true, true], [true, true, true], [true, true, true]], [true, true, true]),
        (.admin, [[true, true, false], [true, true, false], [false, false, false]], [true, true, false]),
        (.member, [[false, false, false], [false, false, false], [false, false, false]], [false, false, false]),
    ])
    func whoMayWhat(actor: Role, changes: [[Bool]], removals: [Bool]) {
        let roles = Role.allCases
        #expect(roles.map { subject in roles.map { MemberRule.mayChange(subject, to: $0, as: actor) } } == changes)
        #expect(roles.map { MemberRule.mayRemove($0, as: actor) } == removals)
    }
}
