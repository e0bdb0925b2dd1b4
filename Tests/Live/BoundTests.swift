// Bounds that hold for an account over all its connections, and what a hub with too much to do refuses.

import Model
import Ports
import Testing

@testable import Live

private let hello = Command.hello(Hello(token: PlainVerifier.token(alice, acme)))

private func isPong(_ body: ServerBody?) -> Bool {
    if case .pong = body { true } else { false }
}
private func refusalIn(_ body: ServerBody?) -> ErrorReply? {
    if case .error(let reply) = body { reply } else { nil }
}

@Suite struct AccountBoundTests {
    @Test func sessionsOfAnAccount() {
        let world = world { $0.accountSessionsMax = 2 }
        let first = Client(world, as: alice)
        let second = Client(world, as: alice, front: 1)
        let third = Client(world)
        #expect(error(third.ask(hello)) == .sessionLimit)
        #expect(third.closeCode == .sessionLimit)
        #expect(Client(world, as: bob).closeCode == nil)
        #expect(first.closeCode == nil && second.closeCode == nil)
        first.drop()
        #expect(Client(world, as: alice).closeCode == nil)
        #expect(world.metrics.sessions.current == 3)
    }

    @Test func sessionsThatOpenAtOnce() {
        let world = world { $0.accountSessionsMax = 2 }
        let clients = (0..<5).map { Client(world, front: $0 % 2) }
        for client in clients { client.send(hello) }
        world.settle()
        #expect(clients.count { $0.closeCode == nil } == 2)
        #expect(clients.count { $0.closeCode == .sessionLimit } == 3)
    }

    @Test func commandsOfAnAccountOverItsConnections() throws {
        let world = world { $0.accountCommandsPerSecond = 10; $0.accountCommandsBurst = 6 }
        let one = Client(world, as: alice)
        let other = Client(world, as: alice, front: 1)
        for client in [one, other, one, other, one, other] {
            #expect(isPong(client.ask(.ping(Ping()))))
        }
        for client in [one, other] {
            let refusal = try #require(refusalIn(client.ask(.ping(Ping()))))
            #expect(refusal.code == .rateLimited)
            #expect((1...101).contains(refusal.retryAfterMilliseconds))
        }
        #expect(isPong(Client(world, as: bob).ask(.ping(Ping()))))
        // Whoever comes back finds the bucket as it was left.
        other.drop()
        one.drop()
        let again = Client(world, as: alice)
        #expect(error(again.ask(.ping(Ping()))) == .rateLimited)
        world.advance(100)
        #expect(isPong(again.ask(.ping(Ping()))))
        #expect(error(again.ask(.ping(Ping()))) == .rateLimited)
    }

    @Test func whoDoesNotHeedRefusalsIsSentAway() {
        let world = world { $0.commandsPerSecond = 1; $0.commandsBurst = 5 }
        let client = Client(world, as: alice)
        var refused = 0
        while client.closeCode == nil, refused < 100_000 {
            if error(client.ask(.ping(Ping()))) == .rateLimited { refused += 1 }
        }
        #expect(client.closeCode == .rateLimited)
        let limits = LiveConfiguration().limits
        #expect(refused == Int(Session.patienceFactor * (5 + limits.commandsInFlightMax)) + 1)
    }

    @Test func anOverloadedLoopRefusesNewWorkOnly() throws {
        let world = world()
        let client = Client(world, as: alice)
        func ask(_ command: Command, _ id: UInt32) -> ServerBody? {
            let frame = ClientFrame(id: id, command: command)
            client.receive(frame, isOverloaded: true)
            world.settle()
            return client.reply(to: id)
        }
        let refusal = try #require(refusalIn(ask(.post(Post(channel: general, key: "k", text: "x")), 50)))
        #expect(refusal.code == .overloaded && refusal.code.isRetryable && refusal.retryAfterMilliseconds > 0)
        #expect(error(ask(subscribe(), 51)) == .overloaded)
        #expect(isPong(ask(.ping(Ping()), 52)))
        // The same post, when there is room again.
        #expect(posted(client.post("x", key: "k"))?.duplicate == false)
    }
}

@Suite struct AccountRateTests {
    private func at(_ milliseconds: UInt64) -> MonotonicNanoseconds {
        MonotonicNanoseconds(milliseconds * 1_000_000)
    }

    @Test func takesABurstAndThenTheRate() {
        let rate = AccountRate(perSecond: 10, burst: 3)
        for _ in 0..<3 { #expect(rate.take(at: at(1_000)) == nil) }
        #expect(rate.take(at: at(1_000)) == 101)
        #expect(rate.take(at: at(1_099)) == 2)
        #expect(rate.take(at: at(1_100)) == nil)
        #expect(rate.take(at: at(1_100)) != nil)
        for _ in 0..<3 { #expect(rate.take(at: at(60_000)) == nil) }
        #expect(rate.take(at: at(60_000)) != nil)
    }

    @Test func forgetsAccountsWhoseBucketsAreFull() {
        let rates = AccountRates(perSecond: 10, burst: 10)
        for number in 0..<10_000 as Range<UInt64> {
            let account = AccountID(high: 1, low: number)
            let now = at(number)
            #expect(rates.enter(account)?.take(at: now) == nil)
            rates.leave(account, at: now)
        }
        #expect(rates.count <= 1_025)
        let account = AccountID(high: 2, low: 1)
        _ = rates.enter(account)
        rates.leave(account, at: at(100_000))
        #expect(rates.count <= 1_025)
        #expect(AccountRates(perSecond: 0, burst: 1).enter(account) == nil)
    }
}
