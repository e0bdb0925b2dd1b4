// How much of what clients send is looked at: the rule as a transcript, and its effect over real sockets. The bounds
// over sockets are upper ones, made of the time that has gone by, so that they hold on any machine.

import Deflate
@testable import Front
import Glibc
import Model
import Ports
import Testing
import Wire

@Suite struct InputBudgetTests {
    private let limits = InputLimits()
    private func at(_ milliseconds: UInt64) -> MonotonicNanoseconds {
        MonotonicNanoseconds(milliseconds * 1_000_000)
    }

    @Test func aConnectionBeforeItsSignIn() {
        var account = InputAccount()
        func turn(_ work: Int, at now: UInt64) -> (wait: UInt32?, shared: Int) {
            account.beginTurn()
            account.add(work)
            return account.settle(.unwelcomed, limits, at: at(now))
        }
        // An upgrade and a hello are nobody's concern.
        #expect(turn(1_500, at: 1_000) == (nil, 0))
        // The start is used up: the rest counts for the address and the loop, but the connection may go on.
        #expect(turn(20_000, at: 1_000) == (nil, 21_500 - (16 << 10)))
        #expect(turn(30_000, at: 1_000) == (nil, 30_000))
        #expect(turn(14_036, at: 1_000) == (nil, 14_036))
        // One more than the burst waits for one at the rate.
        #expect(turn(1, at: 1_000) == (1, 1))
        #expect(turn(32 << 10, at: 1_001).wait == 1_000)
    }

    @Test func whoIsSignedInIsItsAccountsConcern() {
        var account = InputAccount()
        account.add(10 << 20)
        #expect(account.settle(.welcomed, limits, at: at(1)) == (nil, 0))
        #expect(account.settle(.http(isProxy: true), limits, at: at(1)) == (nil, 0))
        #expect(account.settle(.http(isProxy: false), limits, at: at(1)).wait == 36_001)
    }

    @Test func slicesOfATurn() {
        var account = InputAccount()
        account.add((32 << 10) - 1)
        #expect(!account.isSliceOver(.unwelcomed, limits))
        account.add(1)
        #expect(account.isSliceOver(.unwelcomed, limits) && !account.isSliceOver(.welcomed, limits))
        account.add((256 - 32) << 10)
        #expect(account.isSliceOver(.welcomed, limits))
        account.beginTurn()
        #expect(!account.isSliceOver(.unwelcomed, limits))
    }

    @Test func turnsOfThoseWithoutASession() {
        var turn = InputTurn()
        func isOver(at now: UInt64) -> Bool { turn.isOver(at: now, limits) }
        // It begins when the first of them comes, however long nobody came.
        #expect([10_000, 10_003, 10_004].map(isOver) == [false, false, true])
        turn.begin()
        #expect([10_004].map(isOver) == [false])
        turn.add(256 << 10)
        #expect([10_004].map(isOver) == [true])
    }

    @Test func anAddressPaysForItsConnections() {
        var limits = AcceptLimits()
        limits.addressPerSecond = 100
        limits.addressBurst = 100
        let rate = WorkRate(perSecond: 1_000, burst: 1_000)
        var gate = AcceptGate(limits: limits, now: at(0))
        let (one, other) = (NetworkAddress("192.0.2.1")!, NetworkAddress("192.0.2.2")!)
        for network in [one, one, other] { #expect(gate.enter(network, at: at(0)) == nil) }
        #expect(gate.charge(one, 1_000, rate, at: at(0)) == nil)
        #expect(gate.charge(other, 1_000, rate, at: at(0)) == nil)
        #expect(gate.charge(one, 500, rate, at: at(0)) == 501)
        // Who comes back finds its bill.
        gate.leave(one)
        gate.leave(one)
        #expect(gate.enter(one, at: at(100)) == nil)
        #expect(gate.charge(one, 0, rate, at: at(100)) == 401)
    }
}

private func deflated(_ text: String) -> [UInt8] {
    var deflater = Deflater()
    return Array(text.utf8).withUnsafeBytes { deflater.deflate($0) { Array($0) } }
}

@Suite(.timeLimit(.minutes(10)))
struct InputTests {
    /// 16 KiB of work in a hundred bytes.
    private static let expanding = Peer.frame(
        0xC1, deflated(#"{"id":0,"ping":{},"x":""# + String(repeating: "x", count: 16_000) + "\"}"))

    private func stranger(_ world: World) async throws -> Peer {
        let peer = try world.peer()
        try await peer.write(Peer.upgrade(["Sec-WebSocket-Extensions: permessage-deflate"]))
        #expect(try await peer.answer().status == 101)
        return peer
    }

    @Test func strangersGetNoMoreThanTheirShareHoweverTheyPackIt() async throws {
        // So that faults close nobody before the budget shows.
        try await withWorld({ $0.faultyCommandsMax = 1 << 30 }) { world in
            let began = TestClocks().monotonic().value
            let peers = [try await stranger(world), try await stranger(world), try await stranger(world)]
            // Each sends 16 MiB worth of work at once.
            for peer in peers { try await peer.write((0..<1_000).flatMap { _ in Self.expanding }) }
            await eventually { world.counter("hub_input_pauses_total") >= 6 }
            let looked = Int(world.counter("hub_inflated_messages_total")) * 16_000
            let milliseconds = Int((TestClocks().monotonic().value - began) / 1_000_000) + 1
            let limits = world.configuration.input
            let each = Int(limits.unwelcomed.burst) + Int(limits.unwelcomed.perSecond) * milliseconds / 1_000
                + limits.unwelcomedSliceBytes + (16 << 10)
            #expect(looked <= 3 * each)
            #expect(looked >= 3 * (Int(limits.unwelcomed.burst) - (16 << 10)))
            #expect(world.gauge("hub_inbound_bytes") > 0, "what was read and not looked at is counted")
            // Nobody was sent away, and who comes is served at once.
            #expect(world.gauge("hub_websockets") == 3)
            let (member, session) = try await world.webSocket()
            session.welcome()
            #expect(try await member.frame().opcode == 1)
            withExtendedLifetime(peers) {}
        }
    }

    /// What was held back is looked at later, in order, and nothing of it is lost.
    @Test(arguments: [false, true])
    func whatWaitsIsLookedAtInOrder(_ isOpen: Bool) async throws {
        let change: (inout FrontConfiguration) -> Void = { configuration in
            configuration.faultyCommandsMax = 1 << 30
            configuration.pingsPerSecond = 0
            configuration.input.sliceBytes = 1_000
            configuration.input.unwelcomedSliceBytes = 1_000
            configuration.input.unwelcomed = WorkRate(perSecond: 1 << 20, burst: 4_000)
        }
        try await withWorld(change) { world in
            let (peer, session) = try await world.webSocket()
            if isOpen {
                session.welcome()
                #expect(try await peer.frame().opcode == 1)
            }
            let message = Peer.frame(0x81, Array(#"{"id":0,"ping":{}}"#.utf8))
            var bytes: [UInt8] = []
            for number in 0..<200 as Range<UInt8> { bytes += message + Peer.frame(0x89, [number]) }
            try await peer.write(bytes)
            var pongs: [UInt8] = []
            while pongs.count < 200 {
                let (opcode, payload) = try await peer.frame()
                if opcode == 10 { pongs.append(payload[0]) }
            }
            #expect(pongs == Array(0..<200))
            #expect(world.counter("hub_commands_faulty_total") == 200)
            #expect(world.counter("hub_input_pauses_total") > 0 || isOpen)
            await eventually { world.gauge("hub_inbound_bytes") == 0 }
            try await peer.write(Peer.frame(0x88, [0x03, 0xE8]))
            #expect(try await peer.closeCode() == 1_000)
        }
    }

    /// A turn that is over lets others in between, and goes on with those who were there first.
    @Test func everyRequestIsAnsweredThoughTurnsAreShort() async throws {
        let change: (inout FrontConfiguration) -> Void = { configuration in
            configuration.input.turnBytes = 1
            configuration.input.http = WorkRate(perSecond: 100_000, burst: 2_000)
        }
        try await withWorld(change) { world in
            let peers = try (0..<8).map { _ in try world.peer() }
            let request = "GET /healthz HTTP/1.1\r\nHost: hub.test\r\n\r\n"
            for peer in peers { try await peer.write(String(repeating: request, count: 40)) }
            for peer in peers {
                for _ in 0..<40 { #expect(try await peer.answer().status == 200) }
            }
            #expect(world.counter("hub_input_pauses_total") > 0)
        }
    }

    /// It is the hub that does not read: neither its ping nor its patience with a half message runs out meanwhile.
    @Test func whoIsNotReadIsNotTakenForDead() async throws {
        let change: (inout FrontConfiguration) -> Void = { configuration in
            configuration.input.unwelcomed = WorkRate(perSecond: 1, burst: 2_000)
            configuration.messageMilliseconds = 100
        }
        try await withWorld(change) { world in
            let (peer, _) = try await world.webSocket()
            // A message and the half of another: the first is more than the share.
            let half = Peer.frame(0x81, Array(#"{"id":0,"ping":{}}"#.utf8))
            try await peer.write(half + half.prefix(4))
            #expect(try await peer.error()?.code == .invalidArgument)
            await eventually { world.counter("hub_input_pauses_total") == 1 }
            // Over fifty sweeps.
            let later = try world.peer()
            for _ in 0..<50 {
                #expect(try await later.ask("GET", "/healthz").status == 200)
                poll(nil, 0, 10)
            }
            #expect(world.gauge("hub_websockets") == 1)
        }
    }
}
