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
        case replay(Origin, from: Position, isFirst: Bool)
        case page(Origin, LogRange, limit: Int)
        case target(Origin, Edit)
    }

    private static let replayPageMax = 200

    // MARK: Subscriptions

    func subscribe(_ origin: Origin, after: Position?) {
        guard let facts, mayRead(origin.account) else { return refuse(origin) }
        let session = origin.address.session
        // Subscribing again starts afresh.
        detach(session)
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
            replaying[session] = origin.command
            enqueue(.replay(origin, from: from, isFirst: true), origin)
        }
    }

    /// Everything missed is at hand.
    private func replay(_ origin: Origin, from: Position, missed: ArraySlice<Event>) {
        if let oldest = missed.first,
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
        for chunk in Self.chunks(Array(events)) {
            origin.address.send(0, .events(Events(channel: id, epoch: epoch, events: Array(chunk))))
        }
    }

    /// One page of a replay from the store.
    private func replayPage(_ origin: Origin, from: Position, isFirst: Bool) async throws {
        let session = origin.address.session
        guard replaying[session] == origin.command else { return }
        let stored = try await surroundings.channels.events(
            organisation, id, .after(from.sequence), limit: Self.replayPageMax)
        let events = try await readable(stored)
        guard replaying[session] == origin.command, let facts, mayRead(origin.account) else { return }
        if isFirst, let oldest = events.first {
            guard ResumeRule.isWithinWindow(oldest.at, now: surroundings.clocks.now()) else {
                let head = facts.log.head
                goLive(origin, from: head, gap: Gap(from: from.sequence + 1, to: head.sequence))
                return
            }
        }
        if isFirst { answerSubscribed(origin, from: from, gap: nil) }
        // What the store has beyond our head is pushed when this actor has caught up with it.
        let known = events.prefix { $0.sequence <= facts.log.head.sequence }
        push(known, to: origin)
        let reached = known.last?.sequence ?? from.sequence
        if let rest = facts.log.recentEvents(after: reached) {
            finishReplay(origin, rest)
        } else if known.isEmpty {
            throw StoreError.fault("a log has a hole")
        } else {
            enqueue(.replay(origin, from: Position(epoch: from.epoch, sequence: reached), isFirst: false),
                    origin)
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
            enqueue(.page(origin, .after(after), limit: limit), origin)
        } else if let older = facts.log.recentEvents(before: page.before, limit: limit) {
            answer(origin, Array(older), more: (older.first?.sequence ?? 1) > 1)
        } else {
            enqueue(.page(origin, .before(page.before), limit: limit), origin)
        }
    }

    private func readPage(_ origin: Origin, _ range: LogRange, limit: Int) async throws {
        let stored = try await surroundings.channels.events(organisation, id, range, limit: limit)
        let events = try await readable(stored)
        guard let facts, mayRead(origin.account) else { return refuse(origin) }
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
        let found = try await surroundings.channels.events(
            organisation, id, .after(edit.target - 1), limit: 1).first
        // Meanwhile the log may have been given up, and the account may have left.
        guard let facts else { throw StoreError.unavailable("the log was replaced") }
        guard facts.members.contains(origin.account) else { return refuse(origin) }
        admit(edit, origin, target: found.flatMap { event in
            event.sequence == edit.target ? (event.kind, event.sender) : nil
        })
        work()
    }

    // MARK: Reads under way

    func enqueue(_ job: ReadJob, _ origin: Origin) {
        guard reads.add(job) else {
            surroundings.metrics.refusals.add()
            if case .replay(_, _, let isFirst) = job {
                replaying[origin.address.session] = nil
                // A replay that has begun cannot be refused any more: the subscription ends instead.
                guard isFirst else { return end(origin.address, .overloaded) }
            }
            origin.refuse(.overloaded, "Too many reads are waiting; try again shortly.",
                          retryAfterMilliseconds: 500)
            return
        }
        startReads()
    }

    private func startReads() {
        while let job = reads.start() {
            Task(executorPreference: lane.tasks) { await self.run(job) }
        }
    }

    private func run(_ job: ReadJob) async {
        do {
            switch job {
            case .replay(let origin, let from, let isFirst):
                try await replayPage(origin, from: from, isFirst: isFirst)
            case .page(let origin, let range, let limit):
                try await readPage(origin, range, limit: limit)
            case .target(let origin, let edit): try await readTarget(origin, edit)
            }
        } catch {
            failed(job, error)
        }
        reads.finished()
        startReads()
    }

    private func failed(_ job: ReadJob, _ error: any Error) {
        surroundings.log.warning("log not read", .id("channel", id), .word("why", Self.word(error)))
        let reply = Self.reply(error)
        switch job {
        case .page(let origin, _, _), .target(let origin, _): origin.answer(.error(reply))
        case .replay(let origin, _, let isFirst):
            guard replaying[origin.address.session] == origin.command else { return }
            replaying[origin.address.session] = nil
            if isFirst { origin.answer(.error(reply)) } else { end(origin.address, reply.code) }
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
