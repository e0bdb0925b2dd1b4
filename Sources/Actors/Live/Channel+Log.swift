// The writing side of a channel: posts and changes of membership become entries, entries batches,
// batches one write of the store, and what is durable goes out in sequence.

import Model
import Ports
import Rules

extension Channel {
    // MARK: Entries

    // Memberships are decided by the log as it will be: what was queued before counts as done.

    /// Whether the account is a member behind everything that is queued.
    private func willBeMember(_ account: AccountID) -> Bool {
        guard let facts else { return false }
        return facts.log.unsettledMembership(of: account).last.map { $0 == .joined }
            ?? facts.members.contains(account)
    }

    /// It is a member, and nothing that is queued may change that.
    func isSettledMember(_ account: AccountID) -> Bool {
        guard let facts else { return false }
        return facts.members.contains(account)
            && !facts.log.unsettledMembership(of: account).contains(.left)
    }

    func post(_ origin: Origin, _ post: Post) {
        guard isSettledMember(origin.account) else { return refuse(origin) }
        admit(.message, sender: origin.account, subject: nil, key: post.key, text: post.text,
              reply: .post(origin))
    }

    /// The message is looked at first: at once where it is at hand, else when it has been read. What
    /// still waits for its write has no sequence that a client could name.
    func edit(_ origin: Origin, _ edit: Edit) {
        guard let facts, isSettledMember(origin.account) else { return refuse(origin) }
        if let target = facts.log.recentEvent(edit.target) {
            admit(edit, origin, target: (target.kind, target.sender))
        } else {
            enqueue(.target(origin, edit))
        }
    }

    /// - Parameter target: what stands at the sequence that the edit names; `nil`: nothing.
    func admit(_ edit: Edit, _ origin: Origin, target: (kind: EventKind, sender: AccountID)?) {
        guard let target, target.kind == .message else {
            origin.refuse(.notFound, "There is no such message.")
            return
        }
        guard target.sender == origin.account else {
            origin.refuse(.forbidden, "This message is another person's.")
            return
        }
        admit(.edited, sender: origin.account, subject: nil, key: edit.key, text: edit.text,
              target: edit.target, reply: .post(origin))
    }

    func join(_ origin: Origin) {
        guard mayRead(origin.account) else { return refuse(origin) }
        guard !isSettledMember(origin.account) else {
            answerJoin(origin)
            return
        }
        admit(.joined, sender: origin.account, subject: origin.account, key: "", text: "",
              reply: .join(origin))
    }

    func leave(_ origin: Origin) {
        guard willBeMember(origin.account) else { return refuse(origin) }
        remove(origin, origin.account)
    }

    func remove(_ origin: Origin, _ account: AccountID) {
        guard let facts, mayRead(origin.account) else { return refuse(origin) }
        guard facts.kind != .direct else {
            origin.refuse(.invalidArgument, "A direct conversation cannot be left.")
            return
        }
        // Somebody whose removal is queued is removed once more, for that one may fail.
        guard facts.members.contains(account) || willBeMember(account) else {
            origin.answer(.done(Done()))
            return
        }
        admit(.left, sender: origin.account, subject: account, key: "", text: "", reply: .done(origin))
    }

    func add(_ origin: Origin, _ account: AccountID) {
        guard let facts, isSettledMember(origin.account) else { return refuse(origin) }
        guard facts.kind != .direct else {
            origin.refuse(.invalidArgument, "A direct conversation has two people.")
            return
        }
        guard !isSettledMember(account) else {
            origin.answer(.done(Done()))
            return
        }
        admit(.joined, sender: origin.account, subject: account, key: "", text: "",
              reply: .done(origin))
    }

    private func admit(_ kind: EventKind, sender: AccountID, subject: AccountID?, key: IdempotencyKey,
                       text: String, target: UInt64? = nil, reply: Reply) {
        let now = surroundings.clocks.now()
        let number = replies.add(reply)
        let admission = facts!.log.admit(
            id: surroundings.entropy.id(at: now), kind: kind, sender: sender, subject: subject, at: now,
            key: key, text: text, target: target, origin: number)
        switch admission {
        case .queued: break
        case .duplicate(let event): answer(replies.take(number), event, isDuplicate: true)
        case .overloaded:
            replies.take(number).origin.refuse(
                .overloaded, "The channel has too much waiting; try again shortly.", retryAfterMilliseconds: 500)
        }
    }

    // MARK: Writing and catching up

    /// Starts writing and catching up if there is anything to do and none of it is under way. One task
    /// does both in turn, so that they never see each other half-way.
    func work() {
        guard !isWorking, let facts, !facts.log.isIdle || needsLook else { return }
        isWorking = true
        Task(executorPreference: lane.tasks) { await self.writeAndCatchUp() }
    }

    private func writeAndCatchUp() async {
        while facts != nil {
            if needsLook { await look() }
            if let batch = facts?.log.takeBatch() {
                await write(batch)
            } else if !needsLook {
                break
            }
        }
        isWorking = false
    }

    private func write(_ batch: [LogMachine.Entry]) async {
        let head = facts!.log.head
        let began = surroundings.clocks.monotonic()
        do {
            let stored = try await sealed(batch, after: head.sequence)
            let outcome = try await surroundings.channels.append(organisation, id, expecting: head, stored)
            switch outcome {
            case .committed:
                committed(facts!.log.batchCommitted())
            case .duplicates(let found):
                settle(facts!.log.batchHadDuplicates(
                    found.map { ($0.index, $0.sequence, $0.id, $0.at) }))
            case .headMoved(let position):
                guard let position, position.epoch == head.epoch else {
                    channelGone()
                    return
                }
                guard position.sequence > head.sequence else {
                    await logReplaced()
                    return
                }
                guard try await catchUp(to: position.sequence) else { return }
                facts!.log.batchDisplaced()
            }
            surroundings.metrics.batches.add()
            surroundings.metrics.postDuration.record(
                nanoseconds: surroundings.clocks.monotonic().value - began.value)
        } catch {
            registry.complaints.warn("log not written", id, Self.word(error), surroundings)
            if case StoreError.uncertain = error { isDoubtful = true }
            let reply = Self.reply(error)
            for number in facts!.log.batchFailed() {
                replies.take(number).origin.answer(.error(reply))
            }
        }
    }

    /// Another hub has said how far the log goes, or there is reason to ask the store (`nil`). Looked at
    /// when no write is in flight.
    func notice(_ position: Position?) {
        if membersRead == .failed { membersRead = .wanted }
        guard let position else {
            isDoubtful = true
            return
        }
        for known in [facts?.log.head, noticed].compactMap({ $0 })
        where known.epoch == position.epoch && known.sequence >= position.sequence { return }
        noticed = position
    }

    /// The log goes further than is known here.
    var isBehind: Bool {
        guard let noticed, let head = facts?.log.head else { return false }
        return noticed.epoch == head.epoch && noticed.sequence > head.sequence
    }

    private var needsLook: Bool {
        noticed != nil || isDoubtful || membersRead == .wanted || !deferred.isEmpty
    }

    /// Reads what others wrote, as far as they told of it. What fails is left to the resync.
    private func look() async {
        let told = noticed
        let wantsMembers = membersRead == .wanted
        looks += 1
        do {
            if wantsMembers {
                membersRead = .reading
                guard try await readMembers() else { return }
            }
            // What waits came behind the last look, so this one has to ask whatever was told before.
            if isDoubtful || told?.epoch ?? 0 != facts!.log.head.epoch && !wantsMembers {
                isDoubtful = false
                let position = try await surroundings.channels.heads(organisation, [id])[id]
                guard let position, position.epoch == facts!.log.head.epoch else {
                    channelGone()
                    return
                }
                // A head behind the one known here, which was durable: the store was set back.
                guard position.sequence >= facts!.log.head.sequence else {
                    await logReplaced()
                    return
                }
                guard try await catchUp(to: position.sequence) else { return }
            } else if let told {
                guard try await catchUp(to: told.sequence) else { return }
            }
        } catch {
            registry.complaints.warn("log not read", id, Self.word(error), surroundings)
            if wantsMembers { membersRead = .failed }
            let reply = Self.reply(error)
            for command in takeDeferred() {
                // As by any other error to a subscribe, an older subscription is over.
                if case .subscribe(let origin, _, _) = command { replaced(origin.address.session) }
                command.origin?.answer(.error(reply))
            }
        }
        if noticed == told { noticed = nil }
        for command in takeDeferred() { perform(command) }
    }

    /// Takes the members as the store has them, at exactly the head that they belong to: what the log
    /// says later is applied to them. `false` when the log is gone.
    private func readMembers() async throws -> Bool {
        let record = try await surroundings.channels.channel(organisation, id)
        guard let record, record.head.epoch == facts!.log.head.epoch else {
            channelGone()
            return false
        }
        guard try await catchUp(to: record.head.sequence, isExact: true) else { return false }
        guard record.head.sequence >= facts!.log.head.sequence else {
            await logReplaced()
            return false
        }
        guard facts!.log.head == record.head else {
            throw StoreError.fault("a log does not reach its head")
        }
        // Somebody was removed or came back meanwhile: they are read again.
        guard membersRead == .reading else { return true }
        membersRead = .current
        let before = facts!.members
        facts!.members = Set(record.members)
        facts!.doubts = facts!.doubts.filter { if case .removed = $0.value { true } else { false } }
        for account in before.sorted() where !mayRead(account) { endSubscriptions(of: account, .notMember) }
        return true
    }

    /// The commands that came before the last look began.
    private func takeDeferred() -> [ChannelCommand] {
        let count = deferred.prefix { $0.look < looks }.count
        defer { deferred.removeFirst(count) }
        return deferred[..<count].map(\.command)
    }

    /// Another hub appended, or an earlier commit of ours had an unknown outcome: what is new goes out
    /// page by page. A log that ends before `sequence` is not an error here.
    ///
    /// Each page begins with the event at the head known here. When that is another one, or is not there, the log
    /// that the store has is not the continuation of this one: it was set back, and others have written since.
    ///
    /// - Parameter isExact: no further than `sequence`, where a page would have more.
    /// - Returns: `false` when the log was replaced, and this actor has given it up.
    private func catchUp(to sequence: UInt64, isExact: Bool = false) async throws -> Bool {
        while let head = facts?.log.head, head.sequence < sequence {
            let known = facts?.log.headEvent
            let overlap = known == nil ? 0 : 1
            var page: [Event]
            do {
                page = try await entries(
                    .after(head.sequence - UInt64(overlap)), limit: Self.catchUpPageMax + overlap,
                    head: Position(epoch: head.epoch, sequence: sequence), isExact: isExact)
            } catch is LogSetBack {
                let now = try await surroundings.channels.heads(organisation, [id])[id]
                if let now, now.epoch == head.epoch, now.sequence >= head.sequence { return true }
                if now?.epoch == head.epoch { await logReplaced() } else { channelGone() }
                return false
            }
            if let known {
                // A damaged entry says nothing of whose it was.
                if page[0].kind != .damaged, page[0].id != known {
                    await logReplaced()
                    return false
                }
                page.removeFirst()
            }
            if page.contains(where: { $0.kind == .damaged }) {
                if membersRead != .reading { membersRead = .wanted }
                try await fenceBehindDamage()
            }
            let settlement = facts!.log.logMoved(page)
            surroundings.metrics.foreignEvents.add(UInt64(settlement.events.count))
            settle(settlement)
        }
        return true
    }

    private static let catchUpPageMax = 500

    /// The store has other events than this actor knows to be durable, under the same epoch: it was set back while the
    /// hub runs. The log goes on under an epoch that it never had, so that clients drop what they have of it.
    private func logReplaced() async {
        let (now, random) = (surroundings.clocks.now(), surroundings.entropy.words().0)
        let known = facts!.log.head.epoch
        let epoch = max(Epoch.fresh(at: now, random: random), known + Epoch.step(random: random))
        surroundings.metrics.logsRenewed.add()
        surroundings.log.error("log set back in the store", .id("channel", id), .number("epoch", epoch))
        do {
            try await surroundings.channels.renewLog(organisation, id, from: known, to: epoch)
        } catch {
            // Whoever loads the log now cannot know better; clients that name their last event still find out.
            surroundings.log.error("log not renewed", .id("channel", id), .word("why", Self.word(error)))
        }
        channelGone()
    }

    /// The log in the store is not the one this actor knows (restored from a backup, or deleted):
    /// everybody is sent away, and the next command starts with a new actor.
    private func channelGone() {
        surroundings.log.error("log replaced in the store", .id("channel", id))
        for number in facts!.log.failAll() {
            replies.take(number).origin.refuse(.unavailable, "The channel is being reloaded.",
                                               retryAfterMilliseconds: 1_000)
        }
        for (command, _) in deferred {
            command.origin?.refuse(.unavailable, "The channel is being reloaded.",
                                   retryAfterMilliseconds: 1_000)
        }
        endSubscriptions(.unavailable)
        deferred = []
        noticed = nil
        facts = nil
    }

    // MARK: What became durable

    /// What this hub wrote, the others are told of.
    private func committed(_ settlement: LogMachine.Settlement) {
        surroundings.metrics.events.add(UInt64(settlement.events.count))
        settle(settlement)
        guard let head = facts?.log.head else { return }
        surroundings.bus.publish(.logMoved(organisation, id, head))
        for event in settlement.events {
            guard let subject = event.subject, event.kind.isMembership else { continue }
            surroundings.bus.publish(.channelListChanged(organisation, id, subject))
        }
    }

    private func settle(_ settlement: LogMachine.Settlement) {
        // Up to each change of membership, that one included; what follows goes to whom it leaves.
        var rest = settlement.events[...]
        while let index = rest.firstIndex(where: { $0.kind.isMembership }) {
            fanOut(rest[...index])
            apply(rest[index])
            rest = rest[(index + 1)...]
        }
        fanOut(rest)
        for (number, event, isDuplicate) in settlement.answers {
            answer(replies.take(number), event, isDuplicate: isDuplicate)
        }
    }

    /// Largest number of events, and bytes of text, in one push.
    private static let pushEventsMax = 64
    private static let pushBytesMax = 128 << 10

    private func fanOut(_ events: ArraySlice<Event>) {
        guard let epoch = facts?.log.head.epoch else { return }
        for chunk in Self.chunks(events) {
            let push = Events(channel: id, epoch: epoch, events: Array(chunk))
            roster.broadcast(.channel(id), Broadcast(.events(push)))
        }
    }

    static func chunks(_ events: ArraySlice<Event>) -> [ArraySlice<Event>] {
        var chunks: [ArraySlice<Event>] = []
        var start = events.startIndex
        var bytes = 0
        for index in events.indices {
            let size = events[index].text.utf8.count
            if index > start, index - start == pushEventsMax || bytes + size > pushBytesMax {
                chunks.append(events[start..<index])
                start = index
                bytes = 0
            }
            bytes += size
        }
        if start < events.endIndex { chunks.append(events[start...]) }
        return chunks
    }

    /// Membership follows the log. Those who joined or left see their list of channels change; who left
    /// a closed channel hears nothing more of it.
    private func apply(_ event: Event) {
        guard let facts, let subject = event.subject else { return }
        switch event.kind {
        case .joined:
            switch facts.doubts[subject] {
            case nil:
                self.facts?.members.insert(subject)
                // Who is added by somebody else has that to read.
                let read = event.sender == subject ? nil : event.sequence - 1
                tellAccounts([subject], .channelAdded(ChannelAdded(channel: summary(joined: true, read: read))))
            case .removed: self.facts?.doubts[subject] = .removed(mayBeMember: true)
            case .returned:
                // A read under way is of a head that has this event.
                if membersRead != .reading { membersRead = .wanted }
                _ = registry.tell(organisation, .listChanged(id, subject))
            }
        case .left:
            self.facts?.members.remove(subject)
            if facts.kind == .open {
                tellAccounts([subject], .channelAdded(ChannelAdded(channel: summary(joined: false))))
            } else {
                endSubscriptions(of: subject, .notMember)
                tellAccounts([subject], .channelRemoved(ChannelRemoved(channel: id)))
            }
        case .message, .edited, .damaged: break
        }
    }

    func tellAccounts(_ accounts: [AccountID], _ body: ServerBody, except: SessionID? = nil) {
        _ = registry.tell(organisation, .tellAccounts(accounts, body, except: except), isControl: true)
    }

    /// The channel in somebody's list right after joining or leaving: everything up to here is read, if nothing
    /// else is given.
    func summary(joined: Bool, read: UInt64? = nil) -> ChannelSummary {
        let facts = self.facts!
        return ChannelSummary(
            id: id, kind: facts.kind, name: facts.name, topic: facts.topic, head: facts.log.head,
            joined: joined, read: read ?? facts.log.head.sequence, parties: facts.parties)
    }

    private func answer(_ reply: Reply, _ event: Event, isDuplicate: Bool) {
        switch reply {
        case .post(let origin):
            if isDuplicate { surroundings.metrics.duplicates.add() } else { surroundings.metrics.posts.add() }
            let position = Position(epoch: facts!.log.head.epoch, sequence: event.sequence)
            origin.answer(.posted(Posted(channel: id, position: position, event: event.id, at: event.at,
                                         duplicate: isDuplicate)))
        case .join(let origin): answerJoin(origin)
        case .done(let origin): origin.answer(.done(Done()))
        }
    }

    private func answerJoin(_ origin: Origin) {
        origin.answer(.channel(ChannelReply(channel: summary(joined: true))))
    }

    // MARK: Sealing

    func recordName(_ event: EventID) -> RecordName {
        RecordName(organisation: organisation, purpose: .messages, channel: id, event: event)
    }

    private func sealed(_ batch: [LogMachine.Entry], after sequence: UInt64)
        async throws(VaultError) -> [StoredEvent]
    {
        let readable = batch.filter(\.kind.hasText)
        var bodies = try await surroundings.vault.seal(readable.map { (recordName($0.id), $0.text) })
            .makeIterator()
        var sequence = sequence
        return batch.map { entry in
            sequence += 1
            return StoredEvent(
                sequence: sequence, id: entry.id, kind: entry.kind, sender: entry.sender,
                subject: entry.subject, at: entry.at, key: entry.key,
                body: entry.kind.hasText ? bodies.next() : nil, target: entry.target)
        }
    }
}
