// A client as a good SDK behaves: it keeps a position per channel, comes back with it, fills gaps by pages,
// and repeats posts with their keys until they are settled. What it must never see, it reports.

import Live
import Model
import Ports
import Wire

final class SimClient: @unchecked Sendable {
    // SAFETY: see Scheduler.

    /// Of one channel: what the client knows, and how its subscription stands.
    final class View {
        enum State: Equatable {
            case none
            case asked(UInt32)
            case live
        }
        let channel: ChannelID
        var state = State.none
        var isWanted = true
        /// Everything up to here is known, from `base` on.
        fileprivate(set) var position: Position?
        fileprivate(set) var base: UInt64 = 0
        fileprivate(set) var log: [UInt64: Event] = [:]
        /// The sequence of the next push.
        fileprivate var nextPush: UInt64 = 0
        fileprivate var isPaging = false
        /// The hub has said that nothing more comes.
        fileprivate var isOver = false
        init(_ channel: ChannelID) { self.channel = channel }
        var isLive: Bool { state == .live }
    }

    /// A post, or an edit of one.
    struct PendingPost {
        let channel: ChannelID
        let key: IdempotencyKey
        let text: String
        /// What is edited.
        var target: UInt64?
        var position: Position?
        var event: EventID?

        var command: Command {
            if let target { return .edit(Edit(channel: channel, key: key, target: target, text: text)) }
            return .post(Post(channel: channel, key: key, text: text))
        }
    }

    /// What a command waits for.
    enum Asked {
        case hello, refresh(Principal), pong, done, post(IdempotencyKey), postAgain(PendingPost), refusal
        case subscribe(View, after: Position?), unsubscribe(View), join(ChannelID)
        case history(View, History), list(Listing), channelReply
    }

    enum State: Equatable {
        case offline, connecting, greeting, open
        /// The sign-in was ended: it does not come back.
        case ended
    }

    let number: Int
    let account: AccountID
    let organisation: OrganisationID
    private(set) var login: LoginID
    unowned let world: Simulation
    var random: SeededRandom
    private(set) var state = State.offline
    private(set) var connection: SimConnection?
    private var principal: Principal
    /// How fast it takes what comes.
    let readBytesPerMillisecond: Int64
    private var nextID: UInt32 = 1
    private var pending: [UInt32: (asked: Asked, sentAt: Int64)] = [:]
    private(set) var views: [View] = []
    var posts: [PendingPost] = []
    /// Acknowledged posts.
    private(set) var settled: [PendingPost] = []
    /// Their places in `settled`, by key.
    private var settledKeys: [IdempotencyKey: Int] = [:]
    var postsMade = 0
    private var heardAt: Int64 = 0

    init(_ world: Simulation, number: Int, principal: Principal, channels: [ChannelID], random: SeededRandom) {
        self.world = world
        self.number = number
        self.principal = principal
        self.random = random
        readBytesPerMillisecond = self.random.chance(world.plan.slowLinks) ? self.random.between(50, 500) : 1_000_000
        account = principal.account
        organisation = principal.organisation
        login = principal.login
        views = channels.map { View($0) }
    }

    // MARK: Connections

    func start() {
        world.scheduler.after(microseconds: random.between(0, 500_000)) { [self] in connect() }
        scheduleAct()
        scheduleCare()
    }

    private func connect() {
        guard state == .offline else { return }
        guard let front = world.someFront(&random) else {
            comeBack(after: 200_000)
            return
        }
        state = .connecting
        let connection = world.connect(self, to: front, random.chance(50) ? .json : .proto)
        self.connection = connection
        heardAt = world.scheduler.now
    }

    func connected(_ connection: SimConnection) {
        guard connection === self.connection, state == .connecting else { return }
        state = .greeting
        nextID = 1
        if principal.expiresAt.value <= world.scheduler.time.value + 1_000 { renewToken() }
        if state == .ended { return }
        send(.hello(Hello(token: SimVerifier.token(principal), agent: "sim")), .hello)
    }

    private func renewToken() {
        guard let newer = world.principal(of: account, in: organisation, login: login) else {
            end(.revoked)
            return
        }
        principal = newer
    }

    /// There is no way back.
    private func end(_ code: CloseCode) {
        world.observe(.sentAway(self, code))
        connection?.closeByClient()
        state = .ended
        leave()
    }

    func disconnected(_ connection: SimConnection) {
        guard connection === self.connection else { return }
        leave()
        comeBack(after: random.between(10_000, 2_000_000))
    }

    private func leave() {
        connection = nil
        if state != .ended { state = .offline }
        pending = [:]
        for view in views {
            view.state = .none
            view.isPaging = false
        }
    }

    private func comeBack(after microseconds: Int64) {
        world.scheduler.after(microseconds: microseconds) { [self] in connect() }
    }

    func hangUp() {
        guard let connection else { return }
        connection.closeByClient()
        leave()
        comeBack(after: random.between(1_000, 3_000_000))
    }

    /// At the end of a world: nobody comes back.
    func goAway() {
        connection?.closeByClient()
        leave()
        state = .ended
    }

    // MARK: Sending

    func send(_ command: Command, _ asked: Asked) {
        guard let connection, state == .open || state == .greeting else { return }
        let frame = ClientFrame(id: nextID, command: command)
        nextID += 1
        pending[frame.id] = (asked, world.scheduler.now)
        if case .subscribe(let view, _) = asked { view.state = .asked(frame.id) }
        var bytes: [UInt8] = []
        ProtocolCodec.append(frame, connection.encoding, to: &bytes)
        world.trace.note(.sent, connection.number, Int64(frame.id), "client",
                         "\(number) on \(connection.number): \(frame.summary)")
        connection.send(bytes)
    }

    func send(_ entry: PendingPost) {
        send(entry.command, .post(entry.key))
    }

    func subscribe(_ view: View) { subscribe(view, after: view.position) }

    /// - Parameter position: where it was, or an older one, or one of another log.
    func subscribe(_ view: View, after position: Position?) {
        view.isWanted = true
        send(.subscribe(Subscribe(channel: view.channel, after: position)), .subscribe(view, after: position))
    }

    func readHistory(_ view: View) {
        var page = History(channel: view.channel, limit: UInt32(1 + random.below(60)))
        if random.chance(50) { page.after = UInt64(random.below(1 + Int(view.position?.sequence ?? 0))) }
        send(.history(page), .history(view, page))
    }

    func refreshInBand() {
        guard let newer = world.principal(of: account, in: organisation, login: login) else { return }
        send(.refresh(Refresh(token: SimVerifier.token(newer))), .refresh(newer))
    }

    // MARK: Time

    private func scheduleAct() {
        world.scheduler.after(microseconds: random.between(1, 2 * world.plan.thinkMilliseconds * 1_000)) {
            [self] in
            if state == .ended || world.isHealed { return }
            if state == .open, let act = world.someAct(&random) { perform(act) }
            scheduleAct()
        }
    }

    /// What the SDK does by itself: tokens in time, a ping when it is quiet, what was left undone.
    private func scheduleCare() {
        world.scheduler.after(microseconds: random.between(1_000_000, 2_000_000)) { [self] in
            if state == .ended { return }
            care()
            scheduleCare()
        }
    }

    private func care() {
        let silence = world.scheduler.now - heardAt
        if connection != nil, silence > 15_000_000 {
            hangUp()
            return
        }
        guard state == .open else { return }
        if silence > 4_000_000 { send(.ping(Ping()), .pong) }
        if principal.expiresAt.value < world.scheduler.time.value + 5_000 { refreshInBand() }
        for view in views where view.isWanted && view.state == .none { subscribe(view) }
        for view in views where view.state == .live { fillHole(view) }
        sendPosts()
    }

    /// Posts that are not under way, as many as the hub takes at once.
    private func sendPosts() {
        guard state == .open, !posts.isEmpty else { return }
        let room = Int(world.plan.live.limits.commandsInFlightMax) - pending.count
        guard room > 0 else { return }
        let asked = Set(pending.values.compactMap { entry -> IdempotencyKey? in
            if case .post(let key) = entry.asked { key } else { nil }
        })
        for entry in posts.lazy.filter({ !asked.contains($0.key) }).prefix(room) { send(entry) }
    }

    /// Commands that have waited longer than this for their reply.
    func unanswered(for microseconds: Int64) -> Int {
        pending.values.filter { world.scheduler.now - $0.sentAt > microseconds }.count
    }

    // MARK: Receiving

    func received(_ bytes: [UInt8], expected: ServerFrame, on connection: SimConnection) {
        guard connection === self.connection, state != .ended else { return }
        heardAt = world.scheduler.now
        var isRead = false
        ProtocolCodec.decodeServerFrames(from: bytes, connection.encoding) { result in
            guard case .success(let frame) = result, frame == expected else {
                world.fail("codec", "what client \(number) decoded is not what the hub encoded")
                return
            }
            isRead = true
            world.trace.note(.received, connection.number, Int64(frame.id), "client",
                             "\(number) on \(connection.number): \(frame.summary)")
            world.observe(.received(self, connection, frame))
            if frame.id == 0 { pushed(frame.body) } else { replied(frame.id, frame.body) }
        }
        if !isRead { world.fail("codec", "client \(number) got a message without a frame") }
    }

    private func replied(_ id: UInt32, _ body: ServerBody) {
        guard let (asked, _) = pending.removeValue(forKey: id) else {
            world.fail("one reply", "client \(number) got a reply to command \(id), which is not unanswered")
            return
        }
        if case .error(let error) = body {
            refused(asked, id, error)
            return
        }
        switch (asked, body) {
        case (.hello, .welcome): welcomed()
        case (.refresh(let newer), .refreshed): principal = newer
        case (.pong, .pong), (.done, .done): break
        case (.list(let listing), let page): listed(listing, page)
        case (.post(let key), .posted(let posted)): acknowledged(key, posted)
        case (.postAgain(let old), .posted(let posted)):
            if posted.position != old.position || posted.event != old.event || !posted.duplicate {
                world.fail("exactly once", "client \(number): \(old.key) was at \(text(old.position)) and "
                    + "is now at \(text(posted.position))")
            }
        case (.subscribe(let view, let after), .subscribed(let reply)): subscribed(view, id, after, reply)
        case (.unsubscribe(let view), .done): 
            view.isOver = true
            if view.state == .live { view.state = .none }
        case (.join, .channel(let reply)), (.channelReply, .channel(let reply)): want(reply.channel)
        case (.history(let view, let page), .historyPage(let reply)): paged(view, page, reply)
        default:
            world.fail("one reply", "client \(number): \(body) is no reply to \(asked)")
        }
    }

    private func text(_ position: Position?) -> String {
        position.map { "\($0.epoch):\($0.sequence)" } ?? "nowhere"
    }

    private func welcomed() {
        state = .open
        for view in views where view.isWanted { subscribe(view) }
        sendPosts()
    }

    private func acknowledged(_ key: IdempotencyKey, _ posted: Posted) {
        if let place = settledKeys[key] {
            let old = settled[place]
            if posted.position != old.position || posted.event != old.event {
                world.fail("exactly once", "client \(number): \(key) was acknowledged at "
                    + "\(text(old.position)) and at \(text(posted.position))")
            }
            return
        }
        guard let index = posts.firstIndex(where: { $0.key == key }) else { return }
        var entry = posts.remove(at: index)
        entry.position = posted.position
        entry.event = posted.event
        settledKeys[key] = settled.count
        settled.append(entry)
        world.observe(.acknowledged(self, entry))
        if pending.isEmpty { sendPosts() }
    }

    private func refused(_ asked: Asked, _ id: UInt32, _ error: ErrorReply) {
        switch asked {
        case .post(let key):
            if !error.code.isRetryable, error.code != .internalFault {
                posts.removeAll { $0.key == key }
            }
        case .subscribe(let view, _):
            guard view.state == .asked(id) else { return }
            view.state = .none
            if !error.code.isRetryable, error.code != .internalFault { view.isWanted = false }
        case .history(let view, _): view.isPaging = false
        default: break
        }
    }

    private func pushed(_ body: ServerBody) {
        switch body {
        case .events(let push): events(push)
        case .subscriptionEnded(let ended):
            guard let view = view(ended.channel) else { return }
            view.state = .none
            view.isOver = true
            view.isWanted = ended.code.isRetryable || ended.code == .internalFault
        case .channelAdded(let added): if added.channel.joined { want(added.channel) }
        case .channelRemoved(let removed): view(removed.channel)?.isWanted = false
        case .closing(let closing): closed(closing)
        default: break
        }
    }

    private func closed(_ closing: Closing) {
        switch closing.code.rawValue {
        case 4_200..<4_300: renewToken()
        case 4_500...:
            end(closing.code)
        default: break
        }
    }

    // MARK: Channels

    func view(_ channel: ChannelID) -> View? { views.first { $0.channel == channel } }

    private func want(_ summary: ChannelSummary) {
        let view = view(summary.id) ?? {
            let new = View(summary.id)
            views.append(new)
            return new
        }()
        view.isWanted = true
        if view.state == .none { subscribe(view) }
    }

    private func subscribed(_ view: View, _ id: UInt32, _ after: Position?, _ reply: Subscribed) {
        if let gap = reply.gap {
            let start = after.map { $0.epoch == reply.from.epoch ? $0.sequence : 0 } ?? 0
            if gap.from != start + 1 || gap.to != reply.from.sequence || reply.from != reply.head {
                world.fail("no gap", "client \(number): the gap \(gap) does not fit \(text(after))")
            }
        } else if let after, after != reply.from, after.epoch == reply.from.epoch || reply.head.sequence > 0 {
            world.fail("no gap", "client \(number) asked for events after \(text(after)) and is "
                + "subscribed from \(text(reply.from)) without a gap")
        }
        // A later subscribe has replaced this one; its own reply follows.
        view.nextPush = reply.from.sequence + 1
        view.isOver = false
        if view.state == .asked(id) { view.state = .live }
        if view.position == nil {
            view.position = reply.from
            view.base = reply.from.sequence
        }
        fillHole(view)
    }

    private func events(_ push: Events) {
        guard let view = view(push.channel), view.nextPush > 0 else {
            world.fail("no gap", "client \(number) got events of a channel it has not subscribed to")
            return
        }
        if view.isOver {
            world.fail("fence", "client \(number) got events of a channel whose subscription has ended")
        }
        for event in push.events {
            if event.sequence != view.nextPush {
                world.fail("no gap", "client \(number) got event \(event.sequence) of channel "
                    + "\(world.name(push.channel)) where \(view.nextPush) was next")
                return
            }
            view.nextPush += 1
            learn(event, view)
        }
        advance(view)
    }

    private func learn(_ event: Event, _ view: View) {
        if let known = view.log[event.sequence], known != event {
            // A hub that had it in memory shows what another finds damaged.
            if event.kind == .damaged { return }
            if known.kind == .damaged {
                view.log[event.sequence] = event
                return
            }
            world.fail("one order", "client \(number) got two events at \(event.sequence) of channel "
                + world.name(view.channel))
        }
        view.log[event.sequence] = event
    }

    private func advance(_ view: View) {
        guard var position = view.position else { return }
        while view.log[position.sequence + 1] != nil { position.sequence += 1 }
        view.position = position
    }

    /// Reads the next page of what is missing below the live events.
    private func fillHole(_ view: View) {
        advance(view)
        guard let position = view.position, view.nextPush > position.sequence + 1, !view.isPaging else { return }
        let page = History(channel: view.channel, after: position.sequence, limit: UInt32(1 + random.below(40)))
        view.isPaging = true
        send(.history(page), .history(view, page))
    }

    private func paged(_ view: View, _ page: History, _ reply: HistoryPage) {
        view.isPaging = false
        for (a, b) in zip(reply.events, reply.events.dropFirst()) where b.sequence != a.sequence + 1 {
            world.fail("no gap", "client \(number): a page has a hole behind \(a.sequence)")
        }
        if let after = page.after {
            if let first = reply.events.first, first.sequence != after + 1 {
                world.fail("no gap", "client \(number): a page after \(after) begins at \(first.sequence)")
            }
        }
        if reply.events.count > Int(page.limit) {
            world.fail("no gap", "client \(number): a page of \(page.limit) has \(reply.events.count) events")
        }
        for event in reply.events { learn(event, view) }
        if view.state == .live { fillHole(view) }
    }
}
