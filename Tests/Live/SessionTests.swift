// What one connection may do, and what becomes of it: tokens, bounds, presence.

import Live
import Model
import Ports
import Testing

@Suite struct SessionTests {
    @Test func theFirstCommandIsHello() {
        let world = world()
        let client = Client(world)
        #expect(error(client.ask(.ping(Ping()))) == .unauthenticated)
        #expect(error(client.ask(.hello(Hello(token: AccessToken("nonsense"))))) == .unauthenticated)
        #expect(client.closeCode == .badAuthentication)
    }

    @Test func anExpiredTokenIsSentToRefresh() {
        let world = world()
        let client = Client(world)
        let old = PlainVerifier.token(alice, acme, expires: UnixMilliseconds(5))
        #expect(error(client.ask(.hello(Hello(token: old)))) == .tokenExpired)
        #expect(client.closeCode == .tokenExpired)
    }

    @Test func commandsBehindHelloWaitForTheWelcome() {
        let world = world()
        let client = Client(world)
        client.send(.hello(Hello(token: PlainVerifier.token(alice, acme))))
        let list = client.send(.listPeople(ListPeople()))
        world.settle()
        guard case .peopleList(let people) = client.reply(to: list) else {
            Issue.record("the held command was carried out")
            return
        }
        #expect(people.people.count == 3)
        guard case .welcome = client.frames.first?.body else {
            Issue.record("the welcome comes first")
            return
        }
    }

    @Test func whoSaysNoHelloIsSentAwaySoon() {
        let world = world()
        let client = Client(world)
        var refused = 0
        while client.closeCode == nil, refused < 1_000 {
            #expect(error(client.ask(.ping(Ping()))) == .unauthenticated)
            refused += 1
        }
        #expect(client.closeCode == .rateLimited)
        #expect(refused == Session.refusalsBeforeHelloMax + 1)
    }

    /// An id that is in use costs rate and patience like every refusal.
    @Test(arguments: [false, true])
    func whoRepeatsAnIDIsSentAway(_ isOnceTooOften: Bool) {
        let world = world { $0.commandsPerSecond = 1; $0.commandsBurst = 5 }
        let client = Client(world, as: alice)
        let patience = Int(Session.patienceFactor * (5 + LiveConfiguration().limits.commandsInFlightMax))
        // All arrive before the organisation has its turn.
        let frame = ClientFrame(id: 1_000, command: .listPeople(ListPeople()))
        for _ in 0..<(1 + patience + (isOnceTooOften ? 1 : 0)) { client.receive(frame) }
        world.settle()
        let refused = client.frames.filter { error($0.body) == .duplicateID }
        #expect(refused.count >= patience)
        #expect(client.closeCode == (isOnceTooOften ? .rateLimited : nil))
        // The rate is used up too.
        if !isOnceTooOften { #expect(error(client.ask(.ping(Ping()))) == .rateLimited) }
    }

    /// One look at the token's end is planned, however often the token is renewed, and never too late.
    @Test func refreshesLeaveOneTimer() {
        let world = world()
        let end = world.now.value + 60_000
        let client = Client(world)
        client.ask(.hello(Hello(token: PlainVerifier.token(alice, acme, expires: UnixMilliseconds(end)))))
        let before = world.timerCount
        for more in 1...300 as ClosedRange<Int64> {
            world.advance(10)
            let token = PlainVerifier.token(alice, acme, expires: UnixMilliseconds(end + more * 100))
            guard case .refreshed = client.ask(.refresh(Refresh(token: token))) else {
                Issue.record("refreshed")
                return
            }
        }
        #expect(world.timerCount <= before)
        world.advance(end + 30_000 + Session.expiryLeewayMilliseconds - 1 - world.now.value)
        #expect(client.closeCode == nil)
        world.advance(2)
        #expect(client.closeCode == .tokenExpired)
    }

    @Test(arguments: [
        (AccountID(high: 1, low: 77), Role.member, CloseCode.revoked), (alice, .owner, .roleChanged),
    ])
    func membershipIsCheckedAsItIsNow(account: AccountID, role: Role, code: CloseCode) {
        let world = world()
        let client = Client(world)
        client.ask(.hello(Hello(token: PlainVerifier.token(account, acme, role))))
        #expect(client.closeCode == code)
    }

    @Test func aRevokedSignInCannotOpenASession() {
        let world = world()
        world.store.revoked = [LoginID(high: 7, low: alice.low)]
        let client = Client(world)
        client.ask(.hello(Hello(token: PlainVerifier.token(alice, acme))))
        #expect(client.closeCode == .revoked)
        #expect(world.metrics.sessions.current == 0)
    }

    @Test func revokingASignInClosesItsSessionsAndNoOthers() {
        let world = world()
        let mine = Client(world, as: alice)
        let other = Client(world, as: bob)
        _ = world.registry.tell(acme, .loginRevoked(LoginID(high: 7, low: alice.low)), isControl: true)
        world.settle()
        #expect(mine.closeCode == .revoked)
        #expect(other.closeCode == nil)
        #expect(world.metrics.sessions.current == 1)
    }

    @Test func aTokenThatRunsOutEndsTheSessionUnlessItIsRefreshed() {
        let world = world()
        func open() -> Client {
            let client = Client(world)
            let end = world.now.adding(milliseconds: 60_000)
            client.ask(.hello(Hello(token: PlainVerifier.token(alice, acme, expires: end))))
            return client
        }
        let lazy = open()
        let busy = open()
        world.advance(50_000)
        let newer = PlainVerifier.token(alice, acme, expires: world.now.adding(milliseconds: 60_000))
        guard case .refreshed = busy.ask(.refresh(Refresh(token: newer))) else {
            Issue.record("refreshed in band")
            return
        }
        #expect(error(busy.ask(.refresh(Refresh(token: PlainVerifier.token(bob, acme))))) == .unauthenticated)
        #expect(error(busy.ask(.refresh(Refresh(token: PlainVerifier.token(eve, rival))))) == .unauthenticated)
        world.advance(20_000)
        #expect(lazy.closeCode == .tokenExpired)
        #expect(busy.closeCode == nil)
        world.advance(60_000)
        #expect(busy.closeCode == .tokenExpired)
    }

    /// Sessions, presence and typing go by time that passes, not by a clock that is set.
    @Test(arguments: [3_600_000, -3_600_000] as [Int64]) func aClockThatIsSetChangesNothing(_ step: Int64) {
        let world = world()
        func presences(_ client: Client) -> [PresenceState] {
            client.frames.flatMap { frame -> [PresenceState] in
                if case .presence(let it) = frame.body { it.changes.map(\.state) } else { [] }
            }
        }
        func typings(_ client: Client) -> Int {
            client.frames.filter { if case .typing = $0.body { true } else { false } }.count
        }
        let reader = Client(world, as: bob)
        _ = reader.ask(.watchPresence(WatchPresence(active: true)))
        _ = reader.ask(subscribe())
        let typist = Client(world)
        let end = world.now.adding(milliseconds: 60_000)
        typist.ask(.hello(Hello(token: PlainVerifier.token(alice, acme, expires: end))))
        _ = typist.ask(subscribe())
        world.advance(1_000)
        _ = typist.ask(.typing(Typing(channel: general, active: true)))
        #expect(typings(reader) == 1)
        world.steppedMilliseconds = step
        // Not before the two seconds are over, and as soon as they are.
        _ = typist.ask(.typing(Typing(channel: general, active: true)))
        #expect(typings(reader) == 1)
        world.advance(2_000)
        _ = typist.ask(.typing(Typing(channel: general, active: true)))
        #expect(typings(reader) == 2)
        // The token lasts as long as it was to last when it was checked.
        world.advance(55_000)
        #expect(typist.closeCode == nil)
        world.advance(7_500)
        #expect(typist.closeCode == .tokenExpired)
        typist.drop()
        world.settle()
        world.advance(3_000)
        #expect(!presences(reader).contains(.offline), "within the grace")
        world.advance(4_000)
        #expect(presences(reader).last == .offline)
    }

    /// A newer token that ends earlier than the present one counts from when it came.
    @Test func aNewerTokenMayEndEarlier() {
        let world = world()
        let client = Client(world)
        func token(_ seconds: Int64) -> AccessToken {
            PlainVerifier.token(alice, acme, expires: world.now.adding(milliseconds: seconds * 1_000))
        }
        client.ask(.hello(Hello(token: token(600))))
        for seconds in [60, 300, 60] as [Int64] { client.ask(.refresh(Refresh(token: token(seconds)))) }
        world.advance(64_000)
        #expect(client.closeCode == nil)
        world.advance(1_000)
        #expect(client.closeCode == .tokenExpired)
    }

    @Test func anInBandTokenOfAnotherTimeIsNoForgery() {
        let world = world()
        let client = Client(world, as: alice)
        let old = PlainVerifier.token(alice, acme, expires: UnixMilliseconds(5))
        #expect(error(client.ask(.refresh(Refresh(token: old)))) == .tokenExpired)
        #expect(error(client.ask(.refresh(Refresh(token: AccessToken("nonsense"))))) == .unauthenticated)
        #expect(client.closeCode == nil, "the present token still lasts")
    }

    /// A token that was signed with the id of somebody else's sign-in.
    @Test func aSignInOfAnotherAccountOpensNothing() {
        let world = world()
        world.store.own(PlainVerifier.login(alice, acme), bob, of: acme)
        let client = Client(world)
        client.ask(.hello(Hello(token: PlainVerifier.token(alice, acme))))
        #expect(client.closeCode == .revoked)
    }

    /// Whether there is such a channel is not told to who is not subscribed.
    @Test func unsubscribingTellsNothingOfAChannel() {
        let world = world()
        let client = Client(world, as: eve)
        for channel in [secret, ChannelID(high: 9, low: 9)] {
            #expect(error(client.ask(.unsubscribe(Unsubscribe(channel: channel)))) == .notSubscribed)
        }
    }

    @Test func unansweredCommandsAreBoundedAndIDsUnique() {
        let world = world { $0.limits.commandsInFlightMax = 3 }
        let client = Client(world, as: alice)
        world.store.holdsAppends = true
        for number in 1...3 {
            client.send(.post(Post(channel: general, key: "\(number)", text: "x")), id: 100 + UInt32(number))
        }
        client.send(.ping(Ping()), id: 101)
        let over = client.send(.ping(Ping()), id: 200)
        world.settle()
        #expect(error(client.reply(to: over)) == .tooManyInFlight)
        #expect(client.frames.contains { $0.id == 0 && error($0.body) == .duplicateID })
        world.store.releaseAppends()
        world.settle()
        #expect(posted(client.reply(to: 101)) != nil)
        #expect(client.ask(.ping(Ping())) != nil)
    }

    @Test func subscriptionsAreBounded() {
        let world = world { $0.limits.subscriptionsMax = 1 }
        let client = Client(world, as: alice)
        #expect(error(client.ask(subscribe(ChannelID(high: 9, low: 9)))) == .notFound)
        #expect(subscribed(client.ask(subscribe())) != nil, "a refused one does not count")
        #expect(subscribed(client.ask(subscribe())) != nil, "the same again is no second")
        #expect(error(client.ask(subscribe(secret))) == .subscriptionLimit)
        #expect(client.ask(.unsubscribe(Unsubscribe(channel: general))) == .done(Done()))
        #expect(subscribed(client.ask(subscribe(secret))) != nil)
    }

    @Test func aConnectionThatGoesLeavesNothingBehind() {
        let world = world()
        let client = Client(world, as: alice)
        _ = client.ask(subscribe())
        _ = client.ask(.watchPresence(WatchPresence(active: true)))
        client.drop()
        let broadcasts = world.front[0].broadcasts
        _ = Client(world, as: bob).post("x")
        #expect(world.front[0].broadcasts == broadcasts, "nobody is left to be told")
        #expect(world.metrics.sessions.current == 1)
    }

    @Test func aConnectionThatGoesBeforeItsWelcomeLeavesNothingBehind() {
        let world = world()
        let client = Client(world)
        client.send(.hello(Hello(token: PlainVerifier.token(alice, acme))))
        client.lane.drop(client.session.id)
        world.settle()
        #expect(world.metrics.sessions.current == 0)
    }

    @Test func presenceIsToldToWatchersOnly() {
        let world = world()
        let watcher = Client(world, as: alice)
        let idle = Client(world, as: bob)
        world.advance(1_000)
        guard case .presenceList(let list) = watcher.ask(.watchPresence(WatchPresence(active: true))) else {
            Issue.record("answered by the list")
            return
        }
        #expect(Set(list.present.map(\.account)) == [alice, bob])
        let third = Client(world, as: eve)
        world.advance(1_000)
        _ = third.ask(.presence(SetPresence(state: .away)))
        world.advance(1_000)
        third.drop()
        world.advance(10_000)
        let told = watcher.frames.flatMap { frame -> [Presence] in
            if case .presence(let it) = frame.body { it.changes } else { [] }
        }
        #expect(told.map(\.state) == [.online, .away, .offline])
        #expect(!idle.frames.contains { if case .presence = $0.body { true } else { false } })
    }

    @Test func typingReachesTheOthersAndNotOneself() {
        let world = world()
        let typist = Client(world, as: alice)
        let reader = Client(world, as: bob, front: 1)
        for client in [typist, reader] { _ = client.ask(subscribe()) }
        _ = typist.ask(.typing(Typing(channel: general, active: true)))
        func typings(_ client: Client) -> Int {
            client.frames.filter { if case .typing = $0.body { true } else { false } }.count
        }
        #expect(typings(reader) == 1)
        #expect(typings(typist) == 0)
    }

    @Test func aBroadcastReachesSubscribersAndNobodyElse() {
        let world = world()
        let sender = Client(world, as: alice)
        let tablet = Client(world, as: alice)
        let reader = Client(world, as: bob, front: 1)
        let member = Client(world, as: bob)
        for client in [sender, tablet, reader] { _ = client.ask(subscribe()) }
        let sent = SendBroadcast(channel: general, text: #"{"x":1}"#)
        #expect(sender.ask(.broadcast(sent)) == .done(Done()))
        let expected = BroadcastSent(channel: general, account: alice, text: sent.text)
        #expect(reader.broadcasts == [expected])
        #expect(tablet.broadcasts == [expected], "another session of the account")
        #expect(sender.broadcasts == [])
        #expect(member.broadcasts == [], "not subscribed")
        // Who listens later hears nothing of it, and the log has none of it.
        #expect(subscribed(member.ask(subscribe(after: 0)))?.head.sequence == 0)
        #expect(member.broadcasts == [])
    }

    @Test func onlyMembersBroadcast() {
        let world = world()
        let reader = Client(world, as: bob)
        for channel in [general, secret] { _ = reader.ask(subscribe(channel)) }
        let outsider = Client(world, as: eve)
        func broadcast(_ channel: ChannelID) -> Command { .broadcast(SendBroadcast(channel: channel, text: "x")) }
        #expect(error(outsider.ask(broadcast(general))) == .notMember)
        #expect(error(outsider.ask(broadcast(secret))) == .notFound)
        // Behind a leaving that is not written yet, as with posts.
        let leaver = Client(world, as: alice)
        leaver.send(.leave(Leave(channel: secret)))
        #expect(error(leaver.ask(broadcast(secret))) == .notMember)
        #expect(reader.broadcasts == [])
    }
}
