// One organisation: its people, their open sessions and presence, and the list of its channels. Opening
// a session is decided here, against the membership as it is now, not as the token says it was.
//
// Organisation+People.swift changes roles and removes people, Organisation+Hubs.swift keeps it in step with
// other hubs over the same database.

package import Model
package import Ports
import Rules

package enum OrganisationCommand: Sendable {
    case open(Origin, Principal)
    case presence(Origin, PresenceState)
    case watchPresence(Origin, WatchPresence, PageGrant)
    case listPeople(Origin, ListPeople, PageGrant)
    case listChannels(Origin, ListChannels, PageGrant)
    case createChannel(Origin, CreateChannel)
    case openDirect(Origin, AccountID)
    case addMember(Origin, AddMember)
    case removeMember(Origin, RemoveMember)
    case changeRole(Origin, ChangeRole)
    case removePerson(Origin, AccountID)
    /// A connection is gone. Control.
    case closed(SessionID)
    /// A push to every session of some accounts. Control.
    case tellAccounts([AccountID], ServerBody, except: SessionID?)
    /// Somebody joined, or their name or role changed. Control.
    case personChanged(Member)
    /// Somebody is not a member any more. Control.
    case personRemoved(AccountID)
    /// A sign-in was revoked: its sessions are closed. Control.
    case loginRevoked(LoginID)
    /// People or sign-ins changed at another hub. A hint.
    case changed
    /// What an account's list says of a channel changed at another hub; without an account: there is a
    /// new channel. A hint.
    case listChanged(ChannelID, AccountID?)
    /// An account has read something at another hub. A hint.
    case readElsewhere(AccountID, ReadMarker)
    /// Everything in memory is to be compared with the store. A hint, and control.
    case resync
}

package actor Organisation {
    package nonisolated let id: OrganisationID
    package nonisolated var unownedExecutor: UnownedSerialExecutor { lane.asUnownedSerialExecutor() }

    nonisolated let lane: any Lane
    nonisolated let registry: Registry
    private nonisolated let inbox: Inbox<OrganisationCommand>
    /// `nil` until read from the store. Commands that made the actor read wait in `early`; those that
    /// come meanwhile stay in the inbox, which has a bound.
    var people: [AccountID: Member]? { didSet { peopleInOrder = nil } }
    /// Their ids. In order until people change: many may ask, page by page.
    private var peopleInOrder: [AccountID]?
    private var early: [OrganisationCommand] = []
    private var isLoading = false
    private(set) var roster = Roster()
    private var watchers = Roster()
    /// Sessions whose sign-in is being looked up: who waits for the welcome.
    private(set) var opening: [SessionID: (origin: Origin, principal: Principal)] = [:]
    private(set) var sessions: [SessionID: Principal] = [:]
    private(set) var byAccount: [AccountID: [SessionAddress]] = [:]
    private var presence = PresenceMachine()
    private var isPresenceScheduled = false
    private var reads: ReadQueue<OrganisationCommand>
    /// Changes of memberships, one at a time, so that what is known here ends as the store has it.
    private var changes: ReadQueue<OrganisationCommand>
    private var lastActiveAt: MonotonicNanoseconds
    var hubs = OtherHubs()

    init(id: OrganisationID, lane: any Lane, registry: Registry) {
        self.id = id
        self.lane = lane
        self.registry = registry
        inbox = Inbox(limit: registry.configuration.inboxMax, lane: lane)
        reads = ReadQueue(runningMax: registry.configuration.readsMax,
                          waitingMax: registry.configuration.readsWaitingMax)
        changes = ReadQueue(runningMax: 1, waitingMax: registry.configuration.readsWaitingMax)
        lastActiveAt = registry.surroundings.clocks.monotonic()
    }

    var surroundings: Surroundings { registry.surroundings }

    // MARK: Inbox and life

    nonisolated func tell(_ command: OrganisationCommand, isControl: Bool)
        -> Inbox<OrganisationCommand>.Offer
    {
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
        guard people != nil else {
            for command in commands {
                // The sessions to come read all the rest themselves.
                if case .changed = command { refresh() }
                if !command.isHint { early.append(command) }
            }
            // Hints alone are no reason to be here.
            if !early.isEmpty { load() } else if inbox.closeIfEmpty() { registry.retire(self) }
            return
        }
        for command in commands { carryOut(command) }
    }

    private func load() {
        isLoading = true
        Task(executorPreference: lane.tasks) { await self.loadFromStore() }
    }

    private func loadFromStore() async {
        do {
            // In this order: what changes between the two reads shows in the next revision.
            let revision = try await surroundings.people.revision(id)
            let found = try await surroundings.people.people(id)
            loaded(found, revision)
        } catch {
            surroundings.log.warning("organisation not loaded", .id("organisation", id),
                                     .word("why", Channel.word(error)))
            isLoading = false
            let waiting = early
            early = []
            for command in waiting { failed(command, Channel.reply(error)) }
            if inbox.closeIfEmpty() { registry.retire(self) } else { drain() }
        }
    }

    private func loaded(_ found: [Member], _ revision: UInt64) {
        people = Dictionary(found.map { ($0.account, $0) }, uniquingKeysWith: { _, last in last })
        hubs.revision = revision
        isLoading = false
        let waiting = early
        early = []
        for command in waiting { carryOut(command) }
        schedulePassivation()
        scheduleResync()
        startRefresh()
        drain()
    }

    private func schedulePassivation() {
        lane.submit(afterMilliseconds: registry.configuration.passivationMilliseconds) { [weak self] in
            self?.assumeIsolated { $0.passivateIfIdle() }
        }
    }

    private func passivateIfIdle() {
        let idle = surroundings.clocks.monotonic().value - lastActiveAt.value
        let limit = UInt64(registry.configuration.passivationMilliseconds) * 1_000_000
        if idle >= limit, roster.isEmpty, reads.isIdle, changes.isIdle, !presence.hasPending, !hubs.isAsked,
           inbox.closeIfEmpty() {
            registry.retire(self)
            return
        }
        schedulePassivation()
    }

    private func carryOut(_ command: OrganisationCommand) {
        if command.isAbandoned { return }
        if case .open(let origin, let principal) = command { return open(origin, principal) }
        if let origin = command.origin, people![origin.account] == nil {
            // Its session is being closed.
            origin.refuse(.forbidden, "The account is not a member of the organisation.")
            return
        }
        switch command {
        case .open: break
        case .presence(let origin, let state):
            guard sessions[origin.address.session] != nil else { return }
            presence.sessionIs(state, origin.address.session, of: origin.account)
            schedulePresence()
            origin.answer(.done(Done()))
        case .watchPresence(let origin, let it, let page): watchPresence(origin, it, page)
        case .listPeople(let origin, let it, let page): listPeople(origin, it, page)
        case .listChannels, .createChannel, .openDirect: enqueue(command)
        case .changeRole(let origin, let it):
            if mayChangeRole(origin, it) { enqueue(command) }
        case .removePerson(let origin, let account):
            if mayRemovePerson(origin, account) { enqueue(command) }
        case .addMember(let origin, let it): addMember(origin, it)
        case .removeMember(let origin, let it): removeMember(origin, it)
        case .closed(let session): closed(session)
        case .tellAccounts(let accounts, let body, let except):
            noteTold(body)
            for account in accounts { send(body, to: account, except: except) }
        case .personChanged(let member): personChanged(member)
        case .personRemoved(let account): personRemoved(account)
        case .loginRevoked(let login): closeSessions(.revoked) { $0.login == login }
        case .changed: refresh()
        case .listChanged(let channel, let account): listChanged(channel, account)
        case .readElsewhere(let account, let marker): send(.readMarker(marker), to: account)
        case .resync: resync()
        }
    }

    // MARK: Sessions

    /// What the token says may be newer than what is known here: then the store is asked first.
    private func open(_ origin: Origin, _ principal: Principal) {
        let isDoubtful = people![principal.account]?.role != principal.role
        if isDoubtful, registry.configuration.resyncMilliseconds > 0 {
            hubs.unsure.append((origin, principal))
            refresh()
        } else {
            decide(origin, principal)
        }
    }

    func decide(_ origin: Origin, _ principal: Principal) {
        guard let member = people![principal.account] else {
            origin.refuse(.forbidden, "The account is not a member of the organisation.")
            close(origin.address, .revoked)
            return
        }
        guard member.role == principal.role else {
            origin.refuse(.tokenExpired, "The role has changed since the token was issued.")
            close(origin.address, .roleChanged)
            return
        }
        opening[origin.address.session] = (origin, principal)
        enqueue(.open(origin, principal))
    }

    /// A sign-in may have been revoked within the life of its access token. It must be the account's own, as
    /// everywhere: an id alone proves nothing.
    private func checkLogin(_ origin: Origin, _ principal: Principal) async throws(StoreError) {
        let login = try await surroundings.people.login(id, principal.login)
        // The connection may have gone meanwhile, or what it rests on: see `closeSessions`.
        guard opening.removeValue(forKey: origin.address.session) != nil else { return }
        guard let login, login.revokedAt == nil, login.account == principal.account else {
            origin.refuse(.unauthenticated, "The sign-in was ended.")
            close(origin.address, .revoked)
            return
        }
        welcome(origin, principal)
    }

    private func welcome(_ origin: Origin, _ principal: Principal) {
        let address = origin.address
        let limit = registry.configuration.accountSessionsMax
        guard limit == 0 || byAccount[principal.account, default: []].count < limit else {
            origin.refuse(.sessionLimit,
                          "The account has too many open sessions: close some, or end sign-ins that are not used.",
                          retryAfterMilliseconds: 5_000)
            close(address, .sessionLimit)
            return
        }
        sessions[address.session] = principal
        byAccount[principal.account, default: []].append(address)
        roster.add(address)
        surroundings.metrics.sessions.add(1)
        let configuration = registry.configuration
        origin.answer(.welcome(Welcome(
            session: address.session, account: principal.account, organisation: id,
            role: principal.role, heartbeatMilliseconds: configuration.heartbeatMilliseconds,
            tokenExpiresAt: principal.expiresAt, serverTime: surroundings.clocks.now(),
            // No optional feature exists yet, so the intersection is empty whatever the client knows.
            capabilities: [], limits: configuration.limits)))
        address.lane.hand(.attach(address.session, .organisation(id)))
        presence.sessionIs(.online, address.session, of: principal.account)
        schedulePresence()
    }

    private func closed(_ session: SessionID) {
        opening[session] = nil
        hubs.forget(session)
        guard let principal = sessions.removeValue(forKey: session) else { return }
        surroundings.metrics.sessions.add(-1)
        roster.remove(session)
        watchers.remove(session)
        byAccount[principal.account]?.removeAll { $0.session == session }
        if byAccount[principal.account]?.isEmpty == true { byAccount[principal.account] = nil }
        presence.sessionGone(session, of: principal.account, at: surroundings.clocks.monotonic())
        schedulePresence()
    }

    /// Closes the sessions that are concerned; those that wait for their welcome do not get it.
    func closeSessions(_ code: CloseCode, where isConcerned: (Principal) -> Bool) {
        let waiting = opening.filter { isConcerned($0.value.principal) }
        for (session, entry) in waiting.sorted(by: { $0.key < $1.key }) {
            opening[session] = nil
            entry.origin.refuse(code == .roleChanged ? .tokenExpired : .unauthenticated,
                                "The membership has changed.")
            close(entry.origin.address, code)
        }
        for session in sessions.filter({ isConcerned($0.value) }).keys.sorted() {
            if let address = roster.sessions[session] { close(address, code) }
        }
    }

    private func close(_ address: SessionAddress, _ code: CloseCode) {
        address.lane.hand(.close(address.session, code,
                                 retryAfterMilliseconds: Self.wait(before: code)))
    }

    private static func wait(before code: CloseCode) -> UInt32 {
        switch code {
        case .overloaded: 1_000
        case .sessionLimit: 5_000
        default: 0
        }
    }

    func send(_ body: ServerBody, to account: AccountID, except: SessionID? = nil) {
        for address in byAccount[account] ?? [] where address.session != except {
            address.send(0, body)
        }
    }

    // MARK: Presence

    private func watchPresence(_ origin: Origin, _ it: WatchPresence, _ page: PageGrant) {
        let session = origin.address.session
        guard sessions[session] != nil else { return }
        guard it.active else {
            watchers.remove(session)
            origin.address.lane.hand(.detach(session, .presence(id)))
            origin.answer(.presenceList(PresenceList(present: [])))
            return
        }
        // What is pending goes to the watchers before the new one gets the list.
        flushPresence()
        let (present, next) = presence.page(after: AccountID(it.after), limit: it.limit, bytesMax: page.bytesMax)
        origin.answer(.presenceList(PresenceList(present: present, next: next)))
        watchers.add(origin.address)
        origin.address.lane.hand(.attach(session, .presence(id)))
    }

    private func schedulePresence() {
        guard !isPresenceScheduled, presence.hasPending else { return }
        isPresenceScheduled = true
        lane.submit(afterMilliseconds: registry.configuration.presenceMilliseconds) { [weak self] in
            self?.assumeIsolated {
                $0.isPresenceScheduled = false
                $0.flushPresence()
                $0.schedulePresence()
            }
        }
    }

    private func flushPresence() {
        let changes = presence.flush(at: surroundings.clocks.monotonic(), max: PageRule.presenceChangesMax)
        guard !changes.isEmpty, !watchers.isEmpty else { return }
        watchers.broadcast(.presence(id), Broadcast(.presence(PresenceChanged(changes: changes)),
                                                    isEphemeral: true))
    }

    // MARK: Lists

    private func listPeople(_ origin: Origin, _ it: ListPeople, _ page: PageGrant) {
        let all = peopleInOrder ?? people!.keys.sorted()
        peopleInOrder = all
        let rest = all[all.firstIndex(above: AccountID(it.after))...].lazy.map { self.people![$0]!.person }
        let (list, next) = PageRule.list(rest, limit: it.limit, bytesMax: page.bytesMax,
                                         account: \.account, bytes: PageRule.bytes)
        origin.answer(.peopleList(PeopleList(people: list, next: next)))
    }

    private func listChannels(_ origin: Origin, _ it: ListChannels, _ page: PageGrant) async throws(StoreError) {
        let wanted = it.limit == 0 ? PageRule.entriesMax : Int(it.limit)
        let limit = min(wanted, page.bytesMax / PageRule.channelBytesMin + 1)
        let found = try await surroundings.channels.channels(
            id, visibleTo: origin.account, after: ChannelCursor(it.after), limit: limit)
        let list = found.prefix(PageRule.fitting(found, bytesMax: page.bytesMax, bytes: PageRule.bytes))
        // Behind as many as were asked for there may be more.
        let isLast = list.count == found.count && found.count < limit
        origin.answer(.channelList(ChannelList(
            channels: Array(list), next: isLast ? "" : list.last.map { ChannelCursor(behind: $0).text } ?? "")))
    }

    // MARK: Channels

    private func addMember(_ origin: Origin, _ it: AddMember) {
        guard people![it.account] != nil else {
            origin.refuse(.notFound, "There is no such person in the organisation.")
            return
        }
        tell(it.channel, .add(origin, it.account), origin)
    }

    private func removeMember(_ origin: Origin, _ it: RemoveMember) {
        guard it.account == origin.account || people![origin.account]!.role >= .admin else {
            origin.refuse(.forbidden, "Admins and owners remove others.")
            return
        }
        tell(it.channel, .remove(origin, it.account), origin)
    }

    private func tell(_ channel: ChannelID, _ command: ChannelCommand, _ origin: Origin) {
        if !registry.tell(id, channel, command) {
            origin.refuse(.overloaded, "Too much is waiting; try again shortly.",
                          retryAfterMilliseconds: 500)
        }
    }

    func enqueue(_ command: OrganisationCommand) {
        if command.isMembershipChange ? changes.add(command) : reads.add(command) {
            startReads()
        } else {
            failed(command, ErrorReply(.overloaded, "Too much is waiting; try again shortly.",
                                       retryAfterMilliseconds: 500))
        }
    }

    private func startReads() {
        while let command = reads.start() ?? changes.start() {
            Task(executorPreference: lane.tasks) { await self.run(command) }
        }
    }

    private func run(_ command: OrganisationCommand) async {
        do {
            if !command.isAbandoned { try await carryOutInStore(command) }
        } catch {
            surroundings.log.warning("organisation command failed", .id("organisation", id),
                                     .word("why", Channel.word(error)))
            failed(command, Channel.reply(error))
        }
        if command.isMembershipChange { changes.finished() } else { reads.finished() }
        startReads()
    }

    /// Answers with the error; a session that could not be opened is sent away to come again.
    private func failed(_ command: OrganisationCommand, _ error: ErrorReply) {
        if case .listChanged(let channel, let account) = command { forgetReading(channel, account) }
        guard case .open(let origin, _) = command else {
            command.origin?.answer(.error(error))
            return
        }
        // Unless it was sent away while its sign-in was looked up.
        guard people == nil || opening.removeValue(forKey: origin.address.session) != nil else { return }
        comeAgain(origin, error)
    }

    func comeAgain(_ origin: Origin, _ error: ErrorReply) {
        origin.answer(.error(error))
        close(origin.address, .overloaded)
    }

    private func carryOutInStore(_ command: OrganisationCommand) async throws(StoreError) {
        switch command {
        case .open(let origin, let principal): try await checkLogin(origin, principal)
        case .listChannels(let origin, let it, let page): try await listChannels(origin, it, page)
        case .createChannel(let origin, let wanted): try await createChannel(origin, wanted)
        case .openDirect(let origin, let account): try await openDirect(origin, account)
        case .changeRole(let origin, let it): try await changeRole(origin, it)
        case .removePerson(let origin, let account): try await removePerson(origin, account)
        case .listChanged(let channel, nil): try await readNewChannel(channel)
        case .listChanged(let channel, let account?): try await readListEntry(channel, account)
        case .presence, .watchPresence, .listPeople, .addMember, .removeMember, .closed, .tellAccounts,
             .personChanged, .personRemoved, .loginRevoked, .changed, .readElsewhere, .resync:
            preconditionFailure("not a store command")
        }
    }

    private func createChannel(_ origin: Origin, _ wanted: CreateChannel) async throws(StoreError) {
        let now = surroundings.clocks.now()
        let record = ChannelRecord(
            id: surroundings.entropy.id(at: now), kind: wanted.kind, name: wanted.name,
            topic: wanted.topic, head: Position(epoch: 1, sequence: 0), members: [origin.account])
        let isNew = try await surroundings.channels.createChannel(id, record, by: origin.account, at: now)
        guard isNew else {
            origin.refuse(.alreadyExists, "There is a channel of that name.")
            return
        }
        if wanted.kind == .open {
            let seen = ChannelAdded(channel: Self.summary(record, joined: false))
            roster.broadcast(.organisation(id), Broadcast(.channelAdded(seen)))
        }
        surroundings.bus.publish(
            wanted.kind == .open ? .channelCreated(id, record.id)
                : .channelListChanged(id, record.id, origin.account))
        let summary = Self.summary(record, joined: true)
        origin.answer(.channel(ChannelReply(channel: summary)))
        send(.channelAdded(ChannelAdded(channel: summary)), to: origin.account)
    }

    private func openDirect(_ origin: Origin, _ other: AccountID) async throws(StoreError) {
        guard people![other] != nil else {
            origin.refuse(.notFound, "There is no such person in the organisation.")
            return
        }
        let now = surroundings.clocks.now()
        let candidate: ChannelID = surroundings.entropy.id(at: now)
        let record = try await surroundings.channels.directChannel(id, origin.account, other,
                                                                   candidate: candidate, at: now)
        guard record.id == candidate else {
            // It stands already: the summary has the account's own read marker.
            let known = try await surroundings.channels.channel(id, record.id, seenBy: origin.account)
            let summary = known ?? Self.summary(record, joined: true)
            origin.answer(.channel(ChannelReply(channel: summary)))
            return
        }
        let summary = Self.summary(record, joined: true)
        origin.answer(.channel(ChannelReply(channel: summary)))
        for account in Set(record.members).sorted() {
            surroundings.bus.publish(.channelListChanged(id, record.id, account))
            send(.channelAdded(ChannelAdded(channel: summary)), to: account,
                 except: origin.address.session)
        }
    }

    static func summary(_ record: ChannelRecord, joined: Bool) -> ChannelSummary {
        ChannelSummary(id: record.id, kind: record.kind, name: record.name, topic: record.topic,
                       head: record.head, joined: joined, read: record.head.sequence,
                       parties: record.kind == .direct ? record.members : [])
    }
}

extension OrganisationCommand {
    var isMembershipChange: Bool {
        switch self {
        case .changeRole, .removePerson: true
        default: false
        }
    }

    /// It would be of use to nobody but who asked, and they have gone.
    var isAbandoned: Bool {
        switch self {
        case .open(let origin, _), .watchPresence(let origin, _, _), .listPeople(let origin, _, _),
             .listChannels(let origin, _, _): origin.address.isGone
        default: false
        }
    }

    /// Who waits for an answer.
    var origin: Origin? {
        switch self {
        case .open(let origin, _), .presence(let origin, _), .watchPresence(let origin, _, _),
             .listPeople(let origin, _, _), .listChannels(let origin, _, _), .createChannel(let origin, _),
             .openDirect(let origin, _), .addMember(let origin, _), .removeMember(let origin, _),
             .changeRole(let origin, _), .removePerson(let origin, _): origin
        case .closed, .tellAccounts, .personChanged, .personRemoved, .loginRevoked, .changed, .listChanged,
             .readElsewhere, .resync: nil
        }
    }

    /// It comes from another hub, may get lost, and is of no interest to an actor that is not in memory.
    var isHint: Bool {
        switch self {
        case .changed, .listChanged, .readElsewhere, .resync: true
        default: false
        }
    }
}
