// One channel: the order of its log, who is in it, and who listens. Commands come through its inbox and
// are decided synchronously; writes and reads of the store are the only things it awaits. What the log
// does is decided by LogMachine; encoding and sockets are the delivery lanes' business.
//
// Channel+Log.swift writes and catches up with other hubs, Channel+Reading.swift replays and pages.

package import Model
package import Ports
import Rules

package enum ChannelCommand: Sendable {
    case post(Origin, Post)
    /// With a page, if there may be something to replay.
    case subscribe(Origin, after: Position?, PageGrant?)
    case unsubscribe(Origin)
    case history(Origin, History, PageGrant)
    /// There is room for the next page of a replay. Control: one at a time for each replay.
    case goOn(SessionAddress, UInt64, PageGrant)
    case typing(Origin, active: Bool)
    case join(Origin)
    case leave(Origin)
    /// By somebody in the channel; the organisation has checked that the account is a colleague.
    case add(Origin, AccountID)
    /// By an admin, an owner or oneself, which the organisation has checked.
    case remove(Origin, AccountID)
    case members(Origin, ListMembers, PageGrant)
    case markRead(Origin, sequence: UInt64)
    case edit(Origin, Edit)
    case broadcast(Origin, String)
    /// A connection is gone. Control.
    case sessionClosed(SessionID)
    /// An account may no longer see anything of the organisation. Control.
    case accountRemoved(AccountID)
    /// An account is in the organisation, and may have been removed before. Control.
    case accountReturned(AccountID)
    /// How far the log has got at another hub or in the store; `nil`: it is gone. A hint.
    case logMoved(Position?)
    /// Somebody types at another hub. A hint.
    case typed(AccountID, active: Bool)
    /// Somebody sent a broadcast at another hub. A hint.
    case broadcastSent(AccountID, String)
}

package actor Channel {
    package nonisolated let organisation: OrganisationID
    package nonisolated let id: ChannelID
    package nonisolated var unownedExecutor: UnownedSerialExecutor { lane.asUnownedSerialExecutor() }

    nonisolated let lane: any Lane
    nonisolated let registry: Registry
    private nonisolated let inbox: Inbox<ChannelCommand>

    /// `nil` until the store has told what the channel is. Commands that made the actor ask wait in
    /// `early`; those that come meanwhile stay in the inbox, which has a bound.
    var facts: Facts?
    private var early: [ChannelCommand] = []
    private var isLoading = false

    /// A task is writing or catching up, one after the other; see `work`.
    var isWorking = false
    /// The furthest that another hub has told of; `nil` once this actor has been there.
    var noticed: Position?
    /// The log may be gone, or a client has seen more of it: the store is to be asked.
    var isDoubtful = false
    /// Who waits for entries of the log.
    var replies = ReplyTable()
    /// Commands that only a newer log can answer, and what their sessions sent behind them. They wait
    /// for one look at the store.
    var deferred: [(command: ChannelCommand, look: Int)] = []
    /// Whether the members known here are those of the log; see `accountReturned`.
    var membersRead = MembersRead.current
    /// How often this actor has begun to look at the store; a command waits for a look that began
    /// after it came.
    var looks = 0
    /// More are answered by what is known.
    private static let deferredMax = 1_024

    var roster = Roster()
    private var typing = TypingMachine()
    var reads: ReadQueue<ReadJob>
    /// Replays under way; these sessions are not in the roster yet.
    var replaying: [SessionID: Replay] = [:]
    /// Numbers replays, for ids of commands come again.
    var replaysBegun: UInt64 = 0
    var unreadWrites: [AccountID: (sequence: UInt64, origins: [Origin])] = [:]
    var isMarkingRead = false
    private var lastActiveAt: MonotonicNanoseconds

    /// A class, as to look at one of these must not copy all.
    final class Facts {
        let kind: ChannelKind
        let name: String
        let topic: String
        var members: Set<AccountID> { didSet { inOrder = nil } }
        private var inOrder: [AccountID]?
        /// The members by id. In order until they change: many may ask, page by page.
        var membersInOrder: [AccountID] {
            if let inOrder { return inOrder }
            let sorted = members.sorted()
            inOrder = sorted
            return sorted
        }
        /// Whose `joined` is not believed: it may be from before a removal.
        var doubts: [AccountID: Doubt] = [:]
        let parties: [AccountID]
        var log: LogMachine

        init(_ record: ChannelRecord, _ log: LogMachine) {
            kind = record.kind
            name = record.name
            topic = record.topic
            members = Set(record.members)
            parties = record.parties
            self.log = log
        }
    }

    /// About an account that was removed from the organisation since this was loaded, until the members
    /// are read again.
    enum Doubt {
        /// `mayBeMember`: they had been a member, or a `joined` came; either may already be of a
        /// membership that began after the removal.
        case removed(mayBeMember: Bool)
        /// They are in the organisation again. The first `joined` has the members read.
        case returned
    }

    enum MembersRead {
        case current, wanted, reading
        /// A notice, or the resync, has it tried again.
        case failed
    }

    /// Who gets which answer when an entry is settled.
    enum Reply: Sendable {
        case post(Origin)
        case join(Origin)
        case done(Origin)
        var origin: Origin {
            switch self {
            case .post(let origin), .join(let origin), .done(let origin): origin
            }
        }
    }

    /// Replies by number, which the log gives back once for each that it took.
    struct ReplyTable {
        private(set) var replies: [Reply?] = []
        private var free: [Int] = []

        mutating func add(_ reply: Reply) -> Int {
            guard let number = free.popLast() else {
                replies.append(reply)
                return replies.count - 1
            }
            replies[number] = reply
            return number
        }

        mutating func take(_ number: Int) -> Reply {
            free.append(number)
            return replies[number].take()!
        }
    }

    init(organisation: OrganisationID, id: ChannelID, lane: any Lane, registry: Registry) {
        self.organisation = organisation
        self.id = id
        self.lane = lane
        self.registry = registry
        let configuration = registry.configuration
        inbox = Inbox(limit: configuration.inboxMax, lane: lane)
        reads = ReadQueue(runningMax: configuration.readsMax,
                          waitingMax: configuration.readsWaitingMax)
        lastActiveAt = registry.surroundings.clocks.monotonic()
    }

    var surroundings: Surroundings { registry.surroundings }
    var limits: Limits { registry.configuration.limits }

    // MARK: Inbox

    nonisolated func tell(_ command: ChannelCommand, isControl: Bool) -> Inbox<ChannelCommand>.Offer {
        inbox.offer(command, isControl: isControl) { [self] in
            assumeIsolated { $0.drain() }
        }
    }

    nonisolated var waiting: Int { inbox.count }

    private func drain() {
        if isLoading { return }
        let commands = inbox.take()
        // What other hubs tell keeps no actor in memory.
        if commands.contains(where: { !$0.isHint }) { lastActiveAt = surroundings.clocks.monotonic() }
        guard facts != nil else {
            for command in commands {
                if case .logMoved(let position) = command { notice(position) }
                if !command.isHint { early.append(command) }
            }
            // Hints alone are no reason to be here.
            if !early.isEmpty { load() } else if inbox.closeIfEmpty() { registry.retire(self) }
            return
        }
        carryOut(commands)
    }

    private func carryOut(_ commands: [ChannelCommand]) {
        for command in commands { carryOut(command) }
        work()
    }

    private func carryOut(_ command: ChannelCommand) {
        if command.isAbandoned { return }
        if let origin = command.origin, mustWait(command, origin) {
            deferred.append((command, looks))
        } else {
            perform(command)
        }
    }

    /// Whether the log known here is too old for the command, as far as is known.
    private func mustWait(_ command: ChannelCommand, _ origin: Origin) -> Bool {
        guard let facts, deferred.count < Self.deferredMax else { return false }
        let session = origin.address.session
        if deferred.contains(where: { $0.command.origin?.address.session == session }) { return true }
        // It has seen more at another hub.
        let seen: Position? = switch command {
        case .subscribe(_, let after, _): after
        case .markRead(_, let sequence): Position(epoch: facts.log.head.epoch, sequence: sequence)
        default: nil
        }
        if let seen, seen.epoch == facts.log.head.epoch, seen.sequence > facts.log.head.sequence {
            notice(nil)
            return true
        }
        // It may have joined at another hub.
        let isUnsure = isBehind || membersRead == .wanted || membersRead == .reading
        return isUnsure && !facts.members.contains(origin.account)
    }

    func perform(_ command: ChannelCommand) {
        switch command {
        case .post(let origin, let post): self.post(origin, post)
        case .subscribe(let origin, let after, let page): subscribe(origin, after: after, page)
        case .unsubscribe(let origin): unsubscribe(origin)
        case .history(let origin, let it, let page): history(origin, it, page)
        case .goOn(let address, let number, let page): goOn(address, number, page)
        case .typing(let origin, let active): typing(origin, active: active)
        case .join(let origin): join(origin)
        case .leave(let origin): leave(origin)
        case .add(let origin, let account): add(origin, account)
        case .remove(let origin, let account): remove(origin, account)
        case .members(let origin, let it, let page): members(origin, it, page)
        case .markRead(let origin, let sequence): markRead(origin, sequence: sequence)
        case .edit(let origin, let edit): self.edit(origin, edit)
        case .broadcast(let origin, let text): broadcast(origin, text)
        case .sessionClosed(let session):
            deferred.removeAll { $0.command.origin?.address.session == session }
            sessionClosed(session)
        case .accountRemoved(let account): accountRemoved(account)
        case .accountReturned(let account): accountReturned(account)
        case .logMoved(let position): notice(position)
        case .typed(let account, let active): typed(account, active: active)
        case .broadcastSent(let account, let text): broadcastSent(account, text)
        }
    }

    // MARK: Life

    private func load() {
        isLoading = true
        Task(executorPreference: lane.tasks) { await self.loadFromStore() }
    }

    private func loadFromStore() async {
        do {
            let record = try await surroundings.channels.channel(organisation, id)
            guard let record else {
                loadFailed(.notFound, "There is no such channel.")
                return
            }
            let recent = try await entries(
                .before(record.head.sequence + 1), limit: registry.configuration.log.recentMax, head: record.head)
            // What another hub appended between the two reads it has told of, or the resync finds.
            let log = LogMachine(head: record.head, recent: recent, limits: registry.configuration.log)
            facts = Facts(record, log)
            isLoading = false
            let commands = early
            early = []
            carryOut(commands)
            schedulePassivation()
            drain()
        } catch {
            registry.complaints.warn("channel not loaded", id, Self.word(error), surroundings)
            let reply = Self.reply(error)
            loadFailed(reply.code, reply.message)
        }
    }

    private func loadFailed(_ code: ErrorCode, _ message: String) {
        isLoading = false
        let commands = early
        early = []
        for command in commands {
            command.origin?.refuse(code, message, retryAfterMilliseconds: code.isRetryable ? 1_000 : 0)
            if case .goOn(let address, _, let page) = command { address.paged(page) }
        }
        // Nothing is known of the channel: the next command starts afresh with a new actor.
        if inbox.closeIfEmpty() { registry.retire(self) } else { drain() }
    }

    private func schedulePassivation() {
        lane.submit(afterMilliseconds: registry.configuration.passivationMilliseconds) { [weak self] in
            self?.assumeIsolated { $0.passivateIfIdle() }
        }
    }

    private func passivateIfIdle() {
        let idle = surroundings.clocks.monotonic().value - lastActiveAt.value
        let limit = UInt64(registry.configuration.passivationMilliseconds) * 1_000_000
        if idle >= limit, roster.isEmpty, replaying.isEmpty, reads.isIdle, unreadWrites.isEmpty,
           !isMarkingRead, !isWorking, facts?.log.isIdle ?? true, inbox.closeIfEmpty() {
            // Sessions may keep the rest of the actor for a while.
            facts = nil
            registry.retire(self)
            return
        }
        schedulePassivation()
    }

    // MARK: Who may

    /// Members, and for open channels the whole organisation.
    func mayRead(_ account: AccountID) -> Bool {
        guard let facts else { return false }
        return facts.kind == .open || facts.members.contains(account)
    }

    /// Answers for an account that may not: as if the channel did not exist, unless it is open.
    func refuse(_ origin: Origin) {
        if mayRead(origin.account) {
            origin.refuse(.notMember, "Join the channel first.")
        } else {
            origin.refuse(.notFound, "There is no such channel.")
        }
    }

    // MARK: Small commands

    private func typing(_ origin: Origin, active: Bool) {
        guard facts?.members.contains(origin.account) == true else { return refuse(origin) }
        if showTyping(origin.account, active: active, except: origin.address.session) {
            surroundings.bus.publish(.typing(organisation, id, origin.account, active: active))
        }
        origin.answer(.done(Done()))
    }

    /// Nothing in the store is behind such a notice, so membership is checked here too.
    private func typed(_ account: AccountID, active: Bool) {
        guard facts?.members.contains(account) == true else { return }
        _ = showTyping(account, active: active, except: nil)
    }

    /// `false` when the others know already.
    private func showTyping(_ account: AccountID, active: Bool, except: SessionID?) -> Bool {
        guard typing.typing(account, active: active, at: surroundings.clocks.monotonic()) else { return false }
        let change = TypingChanged(channel: id, account: account, active: active)
        roster.broadcast(.channel(id), Broadcast(.typing(change), isEphemeral: true), except: except)
        return true
    }

    private func broadcast(_ origin: Origin, _ text: String) {
        guard isSettledMember(origin.account) else { return refuse(origin) }
        show(BroadcastSent(channel: id, account: origin.account, text: text), except: origin.address.session)
        surroundings.bus.publish(.broadcast(organisation, id, origin.account, text))
        origin.answer(.done(Done()))
    }

    /// As with typing, membership is checked here too.
    private func broadcastSent(_ account: AccountID, _ text: String) {
        guard isSettledMember(account) else { return }
        show(BroadcastSent(channel: id, account: account, text: text), except: nil)
    }

    private func show(_ sent: BroadcastSent, except: SessionID?) {
        roster.broadcast(.channel(id), Broadcast(.broadcast(sent), isEphemeral: true), except: except)
    }

    private func members(_ origin: Origin, _ it: ListMembers, _ page: PageGrant) {
        guard let facts, mayRead(origin.account) else { return refuse(origin) }
        let all = facts.membersInOrder
        let (accounts, next) = PageRule.list(
            all[all.firstIndex(above: AccountID(it.after))...], limit: it.limit, bytesMax: page.bytesMax,
            account: { $0 }, bytes: PageRule.bytes)
        origin.answer(.memberList(MemberList(channel: id, accounts: accounts, next: next)))
    }

    private func accountRemoved(_ account: AccountID) {
        let wasMember = facts?.members.remove(account) != nil
        let mayBeMember = if case .removed(true)? = facts?.doubts[account] { true } else { wasMember }
        facts?.doubts[account] = .removed(mayBeMember: mayBeMember)
        // What is being read may be from before.
        if membersRead == .reading { membersRead = .wanted }
        deferred.removeAll { $0.command.origin?.account == account }
        endSubscriptions(of: account, .forbidden)
    }

    /// Memberships ended with the removal; direct conversations are there again. The account may have
    /// joined before this was heard of: where that is possible, the store is asked.
    private func accountReturned(_ account: AccountID) {
        if facts?.parties.contains(account) == true {
            facts?.members.insert(account)
            facts?.doubts[account] = nil
        } else if case .removed(let mayBeMember)? = facts?.doubts[account] {
            facts?.doubts[account] = .returned
            if mayBeMember { membersRead = .wanted }
        }
    }

    // MARK: Failures

    static func reply(_ error: any Error) -> ErrorReply {
        switch error {
        case StoreError.unavailable, StoreError.uncertain, VaultError.unavailable, is LogSetBack:
            ErrorReply(.unavailable, "The store does not answer; try again shortly.",
                       retryAfterMilliseconds: 1_000)
        case StoreError.overloaded:
            ErrorReply(.overloaded, "Too much is waiting; try again shortly.",
                       retryAfterMilliseconds: 500)
        case StoreError.storageFull:
            ErrorReply(.unavailable, "The hub's storage is full.", retryAfterMilliseconds: 5_000)
        case VaultError.keyGone:
            ErrorReply(.keyUnavailable, "The organisation's key is not available.")
        default:
            ErrorReply(.internalFault, "The hub could not do this.")
        }
    }

    /// A short word for the log.
    static func word(_ error: any Error) -> String {
        switch error {
        case StoreError.unavailable: "store_unavailable"
        case StoreError.uncertain: "store_uncertain"
        case StoreError.overloaded: "store_overloaded"
        case StoreError.storageFull: "storage_full"
        case StoreError.fault: "store_fault"
        case VaultError.keyGone: "key_gone"
        case VaultError.unavailable: "key_unavailable"
        case VaultError.damaged: "body_damaged"
        case is LogSetBack: "log_set_back"
        default: "unknown"
        }
    }
}

extension ChannelCommand {
    /// Who waits for an answer.
    var origin: Origin? {
        switch self {
        case .post(let origin, _), .subscribe(let origin, _, _), .unsubscribe(let origin),
             .history(let origin, _, _), .typing(let origin, _), .join(let origin), .leave(let origin),
             .add(let origin, _), .remove(let origin, _), .members(let origin, _, _),
             .markRead(let origin, _), .edit(let origin, _), .broadcast(let origin, _): origin
        case .goOn, .sessionClosed, .accountRemoved, .accountReturned, .logMoved, .typed, .broadcastSent: nil
        }
    }

    /// It would be of use to nobody but who asked, and they have gone.
    var isAbandoned: Bool {
        switch self {
        case .subscribe(let origin, _, _), .unsubscribe(let origin), .history(let origin, _, _),
             .members(let origin, _, _): origin.address.isGone
        default: false
        }
    }

    /// It comes from another hub, may get lost, and is of no interest to an actor that is not in memory.
    var isHint: Bool {
        switch self {
        case .logMoved, .typed, .broadcastSent: true
        default: false
        }
    }
}
