// The reading side of a channel: subscriptions with their replay, pages of history, messages to be
// edited, read markers.
//
// A replay gives page after page, each when its session has room for it, from the store or from the recent
// events at hand. When all the rest fits into a page, that rest and the attachment to live events are handed
// to the lane in one go, so that nothing falls between and nothing comes twice, and no live event ever waits in
// memory for a reader that is catching up.

import Model
import Ports
import Rules

extension Channel {
    enum ReadJob: Sendable {
        /// The next page of the session's replay of this number, if that is still wanted.
        case replay(SessionAddress, UInt64, PageGrant)
        case page(Origin, LogRange, limit: Int, PageGrant)
        case target(Origin, Edit)

        /// Nobody waits for it any more. (An edit is carried out, whoever waits.)
        var isAbandoned: Bool {
            switch self {
            case .replay(let address, _, _): address.isGone
            case .page(let origin, _, _, _): origin.address.isGone
            case .target: false
            }
        }
    }

    struct Replay {
        let number: UInt64
        let origin: Origin
        /// What the subscriber has, or will have when the pages so far are sent.
        var from: Position
        /// The command has got its reply.
        var isAnswered = false
    }

    private static let replayPageMax = 200

    // MARK: Subscriptions

    /// - Parameter page: absent when nothing was asked for that could be replayed.
    func subscribe(_ origin: Origin, after: Position?, _ page: PageGrant?) {
        guard let facts, mayRead(origin.account) else { return refuse(origin) }
        let session = origin.address.session
        // Subscribing again starts afresh.
        replaced(session)
        let head = facts.log.head
        switch ResumeRule.decide(after: after, head: head, replayMax: limits.replayEventsMax) {
        case .live: goLive(origin, from: head, gap: nil, page)
        case .gap(let gap): goLive(origin, from: head, gap: gap, page)
        case .replay(let sequence):
            replaysBegun += 1
            replaying[session] = Replay(number: replaysBegun, origin: origin,
                                        from: Position(epoch: head.epoch, sequence: sequence))
            goOn(origin.address, replaysBegun, page!)
        }
    }

    /// Gives the next page of a replay, unless that has been ended or replaced meanwhile.
    func goOn(_ address: SessionAddress, _ number: UInt64, _ page: PageGrant) {
        guard let facts, let replay = replay(address.session, number) else { return address.paged(page) }
        if let rest = facts.log.recentEvents(after: replay.from.sequence) {
            give(rest, to: replay, page)
        } else {
            enqueue(.replay(address, number, page))
        }
    }

    func unsubscribe(_ origin: Origin) {
        let session = origin.address.session
        guard roster.contains(session) || replaying[session] != nil else {
            origin.refuse(.notSubscribed, "There is no such subscription.")
            return
        }
        replaced(session)
        origin.answer(.done(Done()))
    }

    /// A newer command ends the subscription there is, or the wish for one.
    func replaced(_ session: SessionID) {
        if let replay = replaying.removeValue(forKey: session), !replay.isAnswered {
            replay.origin.refuse(.conflict, "A later command replaced this one.")
        }
        detach(session)
    }

    func sessionClosed(_ session: SessionID) {
        replaying[session] = nil
        detach(session)
    }

    private func detach(_ session: SessionID) {
        if let address = roster.remove(session) {
            address.lane.hand(.detach(session, .channel(id)))
        }
    }

    /// The fence: these sessions get nothing of this channel after this, whether they are live or still
    /// catching up.
    func endSubscriptions(of account: AccountID? = nil, _ code: ErrorCode) {
        let catchingUp = replaying.values.lazy.map(\.origin.address)
            .filter { account == nil || $0.account == account }
        let addresses = roster.sessions(of: account) + catchingUp
        for address in addresses.sorted(by: { $0.session < $1.session }) { end(address, code) }
    }

    private func end(_ address: SessionAddress, _ code: ErrorCode) {
        detach(address.session)
        if let replay = replaying.removeValue(forKey: address.session), !replay.isAnswered {
            replay.origin.refuse(code, "The subscription has ended before it began.",
                                 retryAfterMilliseconds: code.isRetryable ? 500 : 0)
        } else {
            address.send(0, .subscriptionEnded(SubscriptionEnded(channel: id, code: code)))
        }
    }

    /// Sends what fits into the page of what the subscriber is to have next, and the reply in front of the first.
    private func give(_ next: ArraySlice<Event>, to replay: Replay, _ page: PageGrant) {
        let (origin, session, head) = (replay.origin, replay.origin.address.session, facts!.log.head)
        if !replay.isAnswered {
            if let oldest = next.first(where: { $0.kind != .damaged }),
               !ResumeRule.isWithinWindow(oldest.at, now: surroundings.clocks.now()) {
                let gap = Gap(from: replay.from.sequence + 1, to: head.sequence)
                return goLive(origin, from: head, gap: gap, page)
            }
            replaying[session]!.isAnswered = true
            answerSubscribed(origin, from: replay.from, gap: nil)
        }
        let fitting = next.prefix(PageRule.fitting(next, bytesMax: page.bytesMax, bytes: PageRule.bytes))
        push(fitting, to: origin)
        let reached = fitting.last?.sequence ?? replay.from.sequence
        replaying[session]!.from.sequence = reached
        if reached >= head.sequence {
            attach(origin)
            origin.address.paged(page)
        } else {
            origin.address.paged(page, next: ReplayTicket(channel: id, number: replay.number))
        }
    }

    private func goLive(_ origin: Origin, from: Position, gap: Gap?, _ page: PageGrant?) {
        answerSubscribed(origin, from: from, gap: gap)
        attach(origin)
        if let page { origin.address.paged(page) }
    }

    private func answerSubscribed(_ origin: Origin, from: Position, gap: Gap?) {
        origin.answer(.subscribed(Subscribed(channel: id, from: from, head: facts!.log.head, gap: gap)))
    }

    private func attach(_ origin: Origin) {
        replaying[origin.address.session] = nil
        roster.add(origin.address)
        origin.address.lane.hand(.attach(origin.address.session, .channel(id)))
    }

    private func push(_ events: ArraySlice<Event>, to origin: Origin) {
        guard let epoch = facts?.log.head.epoch else { return }
        for chunk in Self.chunks(events) {
            origin.address.send(0, .events(Events(channel: id, epoch: epoch, events: Array(chunk))))
        }
    }

    /// The session's replay, unless it was ended or replaced.
    private func replay(_ session: SessionID, _ number: UInt64) -> Replay? {
        replaying[session].flatMap { $0.number == number ? $0 : nil }
    }

    /// One page of a replay from the store. Whoever may not read any more has no replay either: the
    /// fence has ended it.
    private func replayPage(_ address: SessionAddress, _ number: UInt64, _ page: PageGrant) async throws {
        let session = address.session
        guard let wanted = replay(session, number), let head = facts?.log.head else { return address.paged(page) }
        let events = try await entries(.after(wanted.from.sequence), limit: Self.replayPageMax, head: head, for: page)
        guard let replay = replay(session, number), let facts else { return address.paged(page) }
        // What the store has beyond our head is pushed when this actor has caught up with it.
        let known = events.prefix { $0.sequence <= facts.log.head.sequence }
        guard !known.isEmpty || replay.from.sequence >= facts.log.head.sequence else {
            throw LogSetBack()
        }
        give(known, to: replay, page)
    }

    // MARK: History

    func history(_ origin: Origin, _ it: History, _ page: PageGrant) {
        guard let facts, mayRead(origin.account) else { return refuse(origin) }
        let limit = it.limit == 0 ? 50 : Int(it.limit)
        if let after = it.after {
            if let newer = facts.log.recentEvents(after: after) {
                return answer(origin, newer.prefix(limit), .after(after), page)
            }
            enqueue(.page(origin, .after(after), limit: limit, page))
        } else if let older = facts.log.recentEvents(before: it.before, limit: limit) {
            answer(origin, older, .before(it.before), page)
        } else {
            let end = facts.log.head.sequence + 1
            let before = it.before == 0 ? end : min(it.before, end)
            enqueue(.page(origin, .before(before), limit: limit, page))
        }
    }

    private func readPage(_ origin: Origin, _ range: LogRange, limit: Int, _ page: PageGrant) async throws {
        guard let head = facts?.log.head else { throw StoreError.unavailable("the log was replaced") }
        let found = try await entries(range, limit: limit, head: head, for: page)
        guard let facts else { throw StoreError.unavailable("the log was replaced") }
        guard mayRead(origin.account) else { return refuse(origin) }
        // What the store has beyond our head may lie behind a fence that is not known here yet.
        answer(origin, found.prefix { $0.sequence <= facts.log.head.sequence }, range, page)
    }

    /// As many of the events as the page has room for, those next to where it was asked from.
    private func answer(_ origin: Origin, _ found: ArraySlice<Event>, _ range: LogRange, _ page: PageGrant) {
        guard let head = facts?.log.head else { return }
        let events: ArraySlice<Event>
        let more: Bool
        switch range {
        case .before:
            let count = PageRule.fitting(found.reversed(), bytesMax: page.bytesMax, bytes: PageRule.bytes)
            events = found.suffix(count)
            more = (events.first?.sequence ?? 1) > 1
        case .after(let sequence):
            events = found.prefix(PageRule.fitting(found, bytesMax: page.bytesMax, bytes: PageRule.bytes))
            more = (events.last?.sequence ?? sequence) < head.sequence
        }
        origin.answer(.historyPage(HistoryPage(channel: id, epoch: head.epoch, events: Array(events), more: more)))
    }

    // MARK: Edits of what is not at hand

    private func readTarget(_ origin: Origin, _ edit: Edit) async throws {
        guard let head = facts?.log.head else { throw StoreError.unavailable("the log was replaced") }
        // Another hub may have written it above the head that is known here.
        let reach = Position(epoch: head.epoch, sequence: max(head.sequence, edit.target))
        let found: Event?
        do {
            found = try await entries(.after(edit.target - 1), limit: 1, head: reach).first
        } catch is LogSetBack where edit.target > head.sequence {
            found = nil
        }
        // Meanwhile the log may have been given up, and the account may have left.
        guard facts != nil else { throw StoreError.unavailable("the log was replaced") }
        guard isSettledMember(origin.account) else { return refuse(origin) }
        admit(edit, origin, target: found.flatMap { event in
            event.sequence == edit.target ? (event.kind, event.sender) : nil
        })
        work()
    }

    // MARK: Reads under way

    func enqueue(_ job: ReadJob) {
        if reads.add(job) {
            startReads()
        } else {
            failed(job, ErrorReply(.overloaded, "Too many reads are waiting; try again shortly.",
                                   retryAfterMilliseconds: 500))
        }
    }

    private func startReads() {
        while let job = reads.start() {
            Task(executorPreference: lane.tasks) { await self.run(job) }
        }
    }

    private func run(_ job: ReadJob) async {
        do {
            switch job {
            case _ where job.isAbandoned: break
            case .replay(let address, let number, let page): try await replayPage(address, number, page)
            case .page(let origin, let range, let limit, let page):
                try await readPage(origin, range, limit: limit, page)
            case .target(let origin, let edit): try await readTarget(origin, edit)
            }
        } catch {
            registry.complaints.warn("log not read", id, Self.word(error), surroundings)
            failed(job, Self.reply(error))
            if error is LogSetBack {
                notice(nil)
                work()
            }
        }
        reads.finished()
        startReads()
    }

    /// A replay that has begun cannot be refused any more: the subscription ends instead.
    private func failed(_ job: ReadJob, _ error: ErrorReply) {
        switch job {
        case .page(let origin, _, _, _), .target(let origin, _): origin.answer(.error(error))
        case .replay(let address, let number, let page):
            address.paged(page)
            guard let replay = replay(address.session, number) else { return }
            guard !replay.isAnswered else { return end(address, error.code) }
            replaying[address.session] = nil
            replay.origin.answer(.error(error))
        }
    }

    // MARK: Read markers

    /// Markers that wait are written together; of one account only the highest.
    func markRead(_ origin: Origin, sequence: UInt64) {
        guard let facts, facts.members.contains(origin.account) else { return refuse(origin) }
        let sequence = min(sequence, facts.log.head.sequence)
        var entry = unreadWrites[origin.account] ?? (0, [])
        entry.sequence = max(entry.sequence, sequence)
        entry.origins.append(origin)
        unreadWrites[origin.account] = entry
        guard !isMarkingRead else { return }
        isMarkingRead = true
        Task(executorPreference: lane.tasks) { await self.writeMarkers() }
    }

    private func writeMarkers() async {
        while !unreadWrites.isEmpty {
            let writes = unreadWrites.sorted { $0.key < $1.key }
            unreadWrites = [:]
            for (account, entry) in writes {
                do {
                    try await surroundings.channels.markRead(organisation, id, account,
                                                             sequence: entry.sequence)
                    surroundings.bus.publish(.readMarker(organisation, id, account, entry.sequence))
                    let marker = ReadMarker(channel: id, sequence: entry.sequence)
                    tellAccounts([account], .readMarker(marker),
                                 except: entry.origins.last?.address.session)
                    for origin in entry.origins { origin.answer(.done(Done())) }
                } catch {
                    for origin in entry.origins { origin.answer(.error(Self.reply(error))) }
                }
            }
        }
        isMarkingRead = false
    }
}
