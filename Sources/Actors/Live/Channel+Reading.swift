// The reading side of a channel: subscriptions with their replay, pages of history, messages to be
// edited, read markers.
//
// A replay reads pages from the store until the rest is among the recent events at hand; that rest and
// the attachment to live events are then handed to the lane in one go, so that nothing falls between
// and nothing comes twice, and no live event ever waits in memory for a reader that is catching up.

import Model
import Ports
import Rules

extension Channel {
    enum ReadJob: Sendable {
        /// The next page of the session's replay of this number, if that is still wanted.
        case replay(SessionID, UInt64)
        case page(Origin, LogRange, limit: Int)
        case target(Origin, Edit)
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

    func subscribe(_ origin: Origin, after: Position?) {
        guard let facts, mayRead(origin.account) else { return refuse(origin) }
        let session = origin.address.session
        // Subscribing again starts afresh.
        replaced(session)
        let head = facts.log.head
        switch ResumeRule.decide(after: after, head: head, replayMax: limits.replayEventsMax) {
        case .live: goLive(origin, from: head, gap: nil)
        case .gap(let gap): goLive(origin, from: head, gap: gap)
        case .replay(let sequence):
            let from = Position(epoch: head.epoch, sequence: sequence)
            if let missed = facts.log.recentEvents(after: sequence) {
                replay(origin, from: from, missed: missed)
                return
            }
            replaysBegun += 1
            replaying[session] = Replay(number: replaysBegun, origin: origin, from: from)
            enqueue(.replay(session, replaysBegun))
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

    /// Everything missed is at hand.
    private func replay(_ origin: Origin, from: Position, missed: ArraySlice<Event>) {
        if let oldest = missed.first(where: { $0.kind != .damaged }),
           !ResumeRule.isWithinWindow(oldest.at, now: surroundings.clocks.now()) {
            let head = facts!.log.head
            goLive(origin, from: head, gap: Gap(from: from.sequence + 1, to: head.sequence))
            return
        }
        answerSubscribed(origin, from: from, gap: nil)
        finishReplay(origin, missed)
    }

    private func goLive(_ origin: Origin, from: Position, gap: Gap?) {
        answerSubscribed(origin, from: from, gap: gap)
        attach(origin)
    }

    private func answerSubscribed(_ origin: Origin, from: Position, gap: Gap?) {
        origin.answer(.subscribed(Subscribed(channel: id, from: from, head: facts!.log.head, gap: gap)))
    }

    private func finishReplay(_ origin: Origin, _ missed: ArraySlice<Event>) {
        push(missed, to: origin)
        attach(origin)
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
    private func replayPage(_ session: SessionID, _ number: UInt64) async throws {
        guard let wanted = replay(session, number) else { return }
        guard let head = facts?.log.head else { return }
        let events = try await entries(.after(wanted.from.sequence), limit: Self.replayPageMax, head: head)
        guard let replay = replay(session, number), let facts else { return }
        let (origin, from) = (replay.origin, replay.from)
        if !replay.isAnswered, let oldest = events.first(where: { $0.kind != .damaged }) {
            guard ResumeRule.isWithinWindow(oldest.at, now: surroundings.clocks.now()) else {
                let head = facts.log.head
                goLive(origin, from: head, gap: Gap(from: from.sequence + 1, to: head.sequence))
                return
            }
        }
        if !replay.isAnswered {
            replaying[session]?.isAnswered = true
            answerSubscribed(origin, from: from, gap: nil)
        }
        // What the store has beyond our head is pushed when this actor has caught up with it.
        let known = events.prefix { $0.sequence <= facts.log.head.sequence }
        push(known, to: origin)
        let reached = known.last?.sequence ?? from.sequence
        if let rest = facts.log.recentEvents(after: reached) {
            finishReplay(origin, rest)
        } else if known.isEmpty {
            throw LogSetBack()
        } else {
            replaying[session]?.from.sequence = reached
            enqueue(.replay(session, number))
        }
    }

    // MARK: History

    func history(_ origin: Origin, _ page: History) {
        guard let facts, mayRead(origin.account) else { return refuse(origin) }
        let limit = page.limit == 0 ? 50 : Int(page.limit)
        if let after = page.after {
            if let newer = facts.log.recentEvents(after: after) {
                answer(origin, Array(newer.prefix(limit)), more: newer.count > limit)
                return
            }
            enqueue(.page(origin, .after(after), limit: limit))
        } else if let older = facts.log.recentEvents(before: page.before, limit: limit) {
            answer(origin, Array(older), more: (older.first?.sequence ?? 1) > 1)
        } else {
            let end = facts.log.head.sequence + 1
            let before = page.before == 0 ? end : min(page.before, end)
            enqueue(.page(origin, .before(before), limit: limit))
        }
    }

    private func readPage(_ origin: Origin, _ range: LogRange, limit: Int) async throws {
        guard let head = facts?.log.head else { throw StoreError.unavailable("the log was replaced") }
        let found = try await entries(range, limit: limit, head: head)
        guard let facts else { throw StoreError.unavailable("the log was replaced") }
        guard mayRead(origin.account) else { return refuse(origin) }
        // What the store has beyond our head may lie behind a fence that is not known here yet.
        let events = Array(found.prefix { $0.sequence <= facts.log.head.sequence })
        let more = switch range {
        case .before: (events.first?.sequence ?? 1) > 1
        case .after(let sequence): (events.last?.sequence ?? sequence) < facts.log.head.sequence
        }
        answer(origin, events, more: more)
    }

    private func answer(_ origin: Origin, _ events: [Event], more: Bool) {
        guard let epoch = facts?.log.head.epoch else { return }
        origin.answer(.historyPage(HistoryPage(channel: id, epoch: epoch, events: events, more: more)))
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
            case .replay(let session, let number): try await replayPage(session, number)
            case .page(let origin, let range, let limit):
                try await readPage(origin, range, limit: limit)
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
        case .page(let origin, _, _), .target(let origin, _): origin.answer(.error(error))
        case .replay(let session, let number):
            guard let replay = replay(session, number) else { return }
            guard !replay.isAnswered else { return end(replay.origin.address, error.code) }
            replaying[session] = nil
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
