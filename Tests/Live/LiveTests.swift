// What clients of the actors see: the promises of a channel, a session and an organisation, with the
// store answering late, failing, or leaving the outcome open.

import Live
import Model
import Ports
import Testing

private let acme = OrganisationID(high: 3, low: 1)
private let rival = OrganisationID(high: 3, low: 2)
private let alice = AccountID(high: 1, low: 1)
private let bob = AccountID(high: 1, low: 2)
private let eve = AccountID(high: 1, low: 3)
private let general = ChannelID(high: 4, low: 1)
private let secret = ChannelID(high: 4, low: 2)

/// A connection as a test drives it.
private final class Client {
    let world: World
    let lane: RecordingLane
    let session: Session
    private var nextID: UInt32 = 1
    private var seen = 0

    init(_ world: World, front: Int = 0) {
        self.world = world
        lane = world.front[front]
        session = Session(id: world.registry.surroundings.entropy.id(at: world.now), lane: lane.lane,
                          delivery: lane, registry: world.registry)
        lane.open(session)
    }

    convenience init(_ world: World, as account: AccountID, of organisation: OrganisationID = acme,
                     role: Role = .member, front: Int = 0) {
        self.init(world, front: front)
        let reply = ask(.hello(Hello(token: PlainVerifier.token(account, organisation, role))))
        guard case .welcome = reply else {
            Issue.record("no welcome: \(String(describing: reply))")
            return
        }
    }

    /// Sends a command without waiting; returns its id.
    @discardableResult
    func send(_ command: Command, id: UInt32? = nil) -> UInt32 {
        let number = id ?? nextID
        nextID = max(nextID, number) + 1
        let frame = ClientFrame(id: number, command: command)
        lane.lane.submit { [session] in session.assumeIsolated { $0.receive(frame) } }
        return number
    }

    func reply(to id: UInt32) -> ServerBody? { frames.first { $0.id == id }?.body }

    @discardableResult
    func ask(_ command: Command) -> ServerBody? {
        let id = send(command)
        world.settle()
        return reply(to: id)
    }

    func post(_ text: String, key: String? = nil, to channel: ChannelID = general) -> ServerBody? {
        ask(.post(Post(channel: channel, key: key ?? text, text: text)))
    }

    var frames: [ServerFrame] { lane.frames[session.id] ?? [] }
    var closeCode: CloseCode? { lane.closed[session.id] }
    /// Every event pushed so far.
    var events: [Event] {
        frames.flatMap { frame -> [Event] in
            if case .events(let push) = frame.body { push.events } else { [] }
        }
    }
    var sequences: [UInt64] { events.map(\.sequence) }
    func drop() {
        lane.drop(session.id)
        world.settle()
    }
}

private func error(_ body: ServerBody?) -> ErrorCode? {
    if case .error(let reply) = body { reply.code } else { nil }
}
private func posted(_ body: ServerBody?) -> Posted? {
    if case .posted(let posted) = body { posted } else { nil }
}
private func subscribed(_ body: ServerBody?) -> Subscribed? {
    if case .subscribed(let subscribed) = body { subscribed } else { nil }
}

private func world(_ configure: (inout LiveConfiguration) -> Void = { _ in }) -> World {
    var configuration = LiveConfiguration()
    configuration.commandsPerSecond = 0
    configure(&configuration)
    let world = World(configuration: configuration)
    for account in [alice, bob, eve] { world.store.person(account, in: acme) }
    world.store.person(eve, in: rival)
    world.store.makeChannel(general, in: acme, members: [alice, bob])
    world.store.makeChannel(secret, in: acme, kind: .closed, members: [alice, bob])
    return world
}

private func subscribe(_ channel: ChannelID = general, after sequence: UInt64? = nil) -> Command {
    .subscribe(Subscribe(channel: channel, after: sequence.map { Position(epoch: 1, sequence: $0) }))
}

@Suite struct PostingTests {
    @Test func whatIsPostedReachesEverySubscriberOnEveryLaneInOrder() {
        let world = world()
        let writer = Client(world, as: alice)
        let readers = [Client(world, as: bob), Client(world, as: bob, front: 1)]
        for reader in readers { #expect(subscribed(reader.ask(subscribe())) != nil) }
        for number in 1...5 {
            #expect(posted(writer.post("m\(number)"))?.position == Position(epoch: 1, sequence: UInt64(number)))
        }
        for reader in readers {
            #expect(reader.sequences == [1, 2, 3, 4, 5])
            #expect(reader.events.map(\.text) == ["m1", "m2", "m3", "m4", "m5"])
        }
    }

    @Test func nothingIsAcknowledgedOrSeenBeforeItIsDurable() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.ask(subscribe())
        world.store.holdsAppends = true
        #expect(writer.post("early") == nil)
        #expect(writer.events.isEmpty)
        world.store.releaseAppends()
        world.settle()
        #expect(writer.events.map(\.text) == ["early"])
    }

    @Test func postsThatWaitShareOneWrite() {
        let world = world()
        let writer = Client(world, as: alice)
        world.store.holdsAppends = true
        _ = writer.post("1")
        for number in 2...50 { _ = writer.post("\(number)") }
        world.store.releaseAppends()
        world.settle()
        #expect(world.store.appends.map(\.count) == [1, 49])
    }

    @Test func aRetryGetsTheSamePosition() {
        let world = world()
        let writer = Client(world, as: alice)
        let first = posted(writer.post("a", key: "k"))
        let again = posted(writer.post("a", key: "k"))
        #expect(first?.position == again?.position)
        #expect(first?.event == again?.event)
        #expect(first?.duplicate == false && again?.duplicate == true)
        #expect(world.store.logs[acme]?[general]?.events.count == 1)
    }

    @Test func aRetryAfterAnUnknownOutcomeGetsThePositionOfTheFirst() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.ask(subscribe())
        world.store.appendFaults = [.failAfter(.uncertain("lost"))]
        #expect(error(writer.post("a", key: "k")) == .unavailable)
        let again = posted(writer.post("a", key: "k"))
        #expect(again?.position.sequence == 1)
        #expect(writer.sequences == [1], "seen once")
        #expect(posted(writer.post("b"))?.position.sequence == 2)
        #expect(writer.sequences == [1, 2])
    }

    @Test(arguments: [
        (StoreError.unavailable("x"), ErrorCode.unavailable), (.storageFull, .unavailable),
        (.overloaded, .overloaded), (.fault("x"), .internalFault),
    ])
    func aFailedWriteIsToldAndLeavesNothing(fault: StoreError, code: ErrorCode) {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.ask(subscribe())
        world.store.appendFaults = [.failBefore(fault)]
        #expect(error(writer.post("a")) == code)
        #expect(writer.events.isEmpty)
        #expect(posted(writer.post("a"))?.position.sequence == 1)
    }

    @Test func whatAnotherNodeWroteComesFirst() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.ask(subscribe())
        _ = writer.post("mine")
        let foreign = StoredEvent(
            sequence: 2, id: EventID(high: 8, low: 8), kind: .message, sender: bob, subject: nil,
            at: world.now, key: "x", body: SealedBody(key: KeyID(high: 8, low: 8), bytes: Array("oy".utf8)))
        _ = world.store.apply(acme, general, Position(epoch: 1, sequence: 1), [foreign])
        #expect(posted(writer.post("later"))?.position.sequence == 3)
        #expect(writer.events.map(\.text) == ["mine", "yo", "later"])
    }

    @Test func onlyMembersPost() {
        let world = world()
        let outsider = Client(world, as: eve)
        #expect(error(outsider.post("a")) == .notMember)
        #expect(error(outsider.post("a", to: secret)) == .notFound, "as if it did not exist")
        #expect(error(outsider.post("a", to: ChannelID(high: 9, low: 9))) == .notFound)
    }

    @Test func anInboxThatIsFullRefusesAndLosesNothing() {
        let world = world { $0.inboxMax = 3 }
        let writer = Client(world, as: alice)
        _ = writer.ask(subscribe())
        let ids = (1...5).map { writer.send(.post(Post(channel: general, key: "\($0)", text: "x"))) }
        world.settle()
        let refused = ids.filter { error(writer.reply(to: $0)) == .overloaded }
        let accepted = ids.filter { posted(writer.reply(to: $0)) != nil }
        #expect(accepted.count + refused.count == 5)
        #expect(refused.count >= 1)
        #expect(writer.sequences == (1...UInt64(accepted.count)).map { $0 })
    }
}

@Suite struct ResumeTests {
    @Test func aSubscriberWithAPositionGetsWhatItMissedOnce() {
        let world = world()
        let writer = Client(world, as: alice)
        let reader = Client(world, as: bob)
        _ = reader.ask(subscribe())
        for number in 1...3 { _ = writer.post("m\(number)") }
        reader.drop()
        for number in 4...6 { _ = writer.post("m\(number)") }
        let back = Client(world, as: bob)
        let reply = subscribed(back.ask(subscribe(after: 3)))
        #expect(reply?.from.sequence == 3 && reply?.head.sequence == 6 && reply?.gap == nil)
        _ = writer.post("m7")
        #expect(back.sequences == [4, 5, 6, 7])
    }

    @Test func replayFromTheStoreRunsIntoLiveEventsWithoutGapOrDuplicate() {
        let world = world()
        let writer = Client(world, as: alice)
        for number in 1...900 { _ = writer.post("m\(number)") }
        let back = Client(world, as: bob)
        let id = back.send(subscribe(after: 10))
        // Posts go on while pages are read.
        for number in 901...950 { writer.send(.post(Post(channel: general, key: "m\(number)", text: "x"))) }
        world.settle()
        #expect(subscribed(back.reply(to: id))?.from.sequence == 10)
        _ = writer.post("last")
        #expect(back.sequences == Array(11...951))
        #expect(world.store.pageReads > 2)
    }

    @Test func moreThanTheWindowIsAnExplicitGap() {
        let world = world { $0.limits.replayEventsMax = 20 }
        let writer = Client(world, as: alice)
        for number in 1...30 { _ = writer.post("m\(number)") }
        let back = Client(world, as: bob)
        #expect(subscribed(back.ask(subscribe(after: 9)))?.gap == Gap(from: 10, to: 30))
        #expect(subscribed(back.ask(subscribe(after: 10)))?.gap == nil)
        #expect(back.sequences == Array(11...30))
    }

    @Test func eventsOlderThanADayAreAGap() {
        let world = world()
        let writer = Client(world, as: alice)
        _ = writer.post("old")
        world.advance(24 * 3_600_000)
        let back = Client(world, as: bob)
        #expect(subscribed(back.ask(subscribe(after: 0)))?.gap == Gap(from: 1, to: 1))
        _ = writer.post("new")
        #expect(back.sequences == [2])
    }

    @Test func aChannelThatWasPassivatedComesBackFromTheStore() {
        let world = world()
        let writer = Client(world, as: alice)
        for number in 1...3 { _ = writer.post("m\(number)") }
        #expect(world.metrics.channels.current == 1)
        world.advance(200_000)
        #expect(world.metrics.channels.current == 0)
        #expect(subscribed(writer.ask(subscribe(after: 1)))?.head.sequence == 3)
        #expect(posted(writer.post("m4"))?.position.sequence == 4)
        #expect(posted(writer.post("m2"))?.position.sequence == 2, "keys outlive the actor")
        #expect(writer.sequences == [2, 3, 4])
    }

    @Test func aSubscribedChannelIsNotPassivated() {
        let world = world()
        let reader = Client(world, as: alice)
        _ = reader.ask(subscribe())
        world.advance(1_000_000)
        #expect(world.metrics.channels.current == 1)
        reader.drop()
        world.advance(200_000)
        #expect(world.metrics.channels.current == 0)
    }

    @Test func historyComesByPages() {
        let world = world()
        let writer = Client(world, as: alice)
        for number in 1...400 { _ = writer.post("m\(number)") }
        func page(_ history: History) -> ([UInt64], Bool)? {
            guard case .historyPage(let page) = writer.ask(.history(history)) else { return nil }
            return (page.events.map(\.sequence), page.more)
        }
        #expect(page(History(channel: general))! == (Array(351...400), true))
        #expect(page(History(channel: general, before: 51, limit: 200))! == (Array(1...50), false))
        #expect(page(History(channel: general, before: 100, limit: 10))! == (Array(90...99), true))
        #expect(page(History(channel: general, after: 395, limit: 3))! == ([396, 397, 398], true))
        #expect(page(History(channel: general, after: 0, limit: 200))! == (Array(1...200), true))
        #expect(page(History(channel: general, after: 400))! == ([], false))
    }

    @Test func aReadThatFailsIsAnsweredWithARetryableError() {
        let world = world()
        let reader = Client(world, as: alice)
        world.store.readFaults = [.unavailable("x")]
        #expect(error(reader.ask(subscribe())) == .unavailable)
        #expect(subscribed(reader.ask(subscribe())) != nil)
    }
}

@Suite struct MembershipTests {
    @Test func joiningAndLeavingAreEventsOfTheLog() {
        let world = world()
        let reader = Client(world, as: alice)
        _ = reader.ask(subscribe())
        let joiner = Client(world, as: eve)
        guard case .channel(let reply) = joiner.ask(.join(Join(channel: general))) else {
            Issue.record("join is answered by the channel")
            return
        }
        #expect(reply.channel.joined && reply.channel.head.sequence == 1)
        #expect(posted(joiner.post("hello"))?.position.sequence == 2)
        #expect(joiner.ask(.leave(Leave(channel: general))) == .done(Done()))
        #expect(error(joiner.post("again")) == .notMember)
        #expect(reader.events.map(\.kind) == [.joined, .message, .left])
        #expect(reader.events.map(\.subject) == [eve, nil, eve])
    }

    @Test func leavingAClosedChannelIsAFence() {
        let world = world()
        let writer = Client(world, as: alice)
        let leaver = Client(world, as: bob)
        _ = leaver.ask(subscribe(secret))
        _ = writer.post("before", to: secret)
        _ = leaver.ask(.leave(Leave(channel: secret)))
        _ = writer.post("after", to: secret)
        #expect(leaver.events.map(\.kind) == [.message, .left])
        #expect(leaver.frames.contains { $0.body == .subscriptionEnded(
            SubscriptionEnded(channel: secret, code: .notMember)) })
        #expect(error(leaver.ask(subscribe(secret))) == .notFound)
        #expect(error(leaver.ask(.history(History(channel: secret)))) == .notFound)
    }

    @Test func membersAddColleaguesAndTheirListsChange() {
        let world = world()
        let member = Client(world, as: alice)
        let added = Client(world, as: eve)
        #expect(error(added.ask(subscribe(secret))) == .notFound)
        #expect(member.ask(.addMember(AddMember(channel: secret, account: eve))) == .done(Done()))
        #expect(added.frames.contains { if case .channelAdded(let it) = $0.body { it.channel.id == secret } else { false } })
        #expect(subscribed(added.ask(subscribe(secret))) != nil)
        let stranger = AccountID(high: 1, low: 99)
        #expect(error(member.ask(.addMember(AddMember(channel: secret, account: stranger)))) == .notFound)
    }

    @Test func aDirectConversationIsOneForTheTwo() {
        let world = world()
        let first = Client(world, as: alice)
        let second = Client(world, as: eve)
        guard case .channel(let a) = first.ask(.openDirect(OpenDirect(account: eve))),
              case .channel(let b) = second.ask(.openDirect(OpenDirect(account: alice)))
        else {
            Issue.record("answered by the channel")
            return
        }
        #expect(a.channel.id == b.channel.id)
        #expect(a.channel.kind == .direct && Set(a.channel.parties) == [alice, eve])
        #expect(second.frames.contains { if case .channelAdded = $0.body { true } else { false } })
        let outsider = Client(world, as: bob)
        #expect(error(outsider.ask(subscribe(a.channel.id))) == .notFound)
        #expect(error(first.ask(.leave(Leave(channel: a.channel.id)))) == .invalidArgument)
    }

    @Test func namesOfChannelsAreUnique() {
        let world = world()
        let member = Client(world, as: alice)
        let other = Client(world, as: bob)
        let wanted = CreateChannel(name: "Plans", kind: .open)
        guard case .channel(let made) = member.ask(.createChannel(wanted)) else {
            Issue.record("answered by the channel")
            return
        }
        #expect(made.channel.joined)
        #expect(other.frames.contains { if case .channelAdded(let it) = $0.body { !it.channel.joined } else { false } })
        #expect(error(other.ask(.createChannel(CreateChannel(name: "PLANS", kind: .closed)))) == .alreadyExists)
    }

    @Test func nothingCrossesOrganisations() {
        let world = world()
        let outside = Client(world, as: eve, of: rival)
        _ = Client(world, as: alice).post("inside")
        let channel = general
        for command in [subscribe(), .post(Post(channel: channel, key: "k", text: "x")),
                        .history(History(channel: channel)), .join(Join(channel: channel)),
                        .listMembers(ListMembers(channel: channel)),
                        .markRead(MarkRead(channel: channel, sequence: 1)),
                        .typing(Typing(channel: channel, active: true)),
                        .addMember(AddMember(channel: channel, account: eve))] {
            #expect(error(outside.ask(command)) == .notFound)
        }
        #expect(error(outside.ask(.openDirect(OpenDirect(account: alice)))) == .notFound)
        #expect(outside.ask(.listChannels(ListChannels())) == .channelList(ChannelList(channels: [])))
        #expect(outside.events.isEmpty)
    }

    @Test func readMarkersMoveForwardAndReachTheOtherSessions() {
        let world = world()
        let phone = Client(world, as: alice)
        let desk = Client(world, as: alice, front: 1)
        for number in 1...3 { _ = phone.post("m\(number)") }
        #expect(phone.ask(.markRead(MarkRead(channel: general, sequence: 2))) == .done(Done()))
        #expect(phone.ask(.markRead(MarkRead(channel: general, sequence: 99))) == .done(Done()))
        #expect(world.store.logs[acme]?[general]?.read[alice] == 3, "not beyond the head")
        #expect(desk.frames.map(\.body).contains(.readMarker(ReadMarker(channel: general, sequence: 2))))
        #expect(!phone.frames.map(\.body).contains(.readMarker(ReadMarker(channel: general, sequence: 2))))
    }
}

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
}
