// What a store of channels and members has to do, in memory: the truth that a simulated world is checked
// against. It keeps the promises of the ports: compare-and-set of the head, duplicates by sender and key.

package import Model
package import Ports

package struct StoreModel {
    /// What became of an entry's row.
    package enum Damage: CaseIterable, Sendable {
        case missing, body, columns
    }
    package struct Place: Hashable, Sendable {
        let channel: ChannelID
        let sequence: UInt64
    }
    /// The logs keep the truth; who reads them gets this.
    package private(set) var damage: [Place: Damage] = [:]

    package struct Log {
        package var record: ChannelRecord
        package var events: [StoredEvent] = []
        package var read: [AccountID: UInt64] = [:]
        /// Sequence by sender and key.
        fileprivate var keys: [KeyOfSender: Int] = [:]
        package init(_ record: ChannelRecord) { self.record = record }
    }
    package struct Owner: Equatable {
        package let account: AccountID
        package let organisation: OrganisationID
        package init(account: AccountID, organisation: OrganisationID) {
            self.account = account
            self.organisation = organisation
        }
    }
    fileprivate struct KeyOfSender: Hashable {
        let sender: AccountID
        let key: IdempotencyKey
    }

    package var logs: [OrganisationID: [ChannelID: Log]] = [:]
    package var members: [OrganisationID: [Person]] = [:]
    /// How often somebody became a member; with whom it was which time.
    private var joins: Int64 = 0
    private var since: [OrganisationID: [AccountID: UnixMilliseconds]] = [:]
    package var revoked: Set<LoginID> = []
    /// Whose sign-in it is; one that is not here is anybody's and stands.
    package var logins: [LoginID: Owner] = [:]
    package init() {}

    package mutating func add(_ person: Person, to organisation: OrganisationID) {
        members[organisation, default: []].append(person)
        joins += 1
        since[organisation, default: [:]][person.account] = UnixMilliseconds(joins)
        revisions[organisation, default: 0] += 1
    }

    package mutating func makeChannel(_ id: ChannelID, in organisation: OrganisationID, kind: ChannelKind,
                                      name: String, members: [AccountID]) {
        let record = ChannelRecord(id: id, kind: kind, name: name, topic: "",
                                   head: Position(epoch: 1, sequence: 0), members: members,
                                   parties: kind == .direct ? members : [])
        logs[organisation, default: [:]][id] = Log(record)
    }

    // MARK: ChannelStore

    /// Those who were removed from the organisation are members of nothing.
    package func channel(_ organisation: OrganisationID, _ channel: ChannelID) -> ChannelRecord? {
        var record = logs[organisation]?[channel]?.record
        record?.members.removeAll { member($0, of: organisation) == nil }
        return record
    }

    package mutating func append(_ organisation: OrganisationID, _ channel: ChannelID,
                                 expecting expected: Position, _ events: [StoredEvent]) -> AppendOutcome {
        guard let record = logs[organisation]?[channel]?.record else { return .headMoved(nil) }
        guard record.head == expected else { return .headMoved(record.head) }
        let log = logs[organisation]![channel]!
        let found = events.enumerated().compactMap { index, event -> Duplicate? in
            guard !event.key.isEmpty,
                  let place = log.keys[KeyOfSender(sender: event.sender, key: event.key)] else { return nil }
            let old = log.events[place]
            return Duplicate(index: index, sequence: old.sequence, id: old.id, at: old.at)
        }
        if !found.isEmpty { return .duplicates(found) }
        for event in events { write(event, organisation, channel) }
        return .committed
    }

    private mutating func write(_ event: StoredEvent, _ organisation: OrganisationID, _ channel: ChannelID) {
        let mayJoin = event.subject.map { member($0, of: organisation) != nil } ?? false
        func change(_ log: inout Log) {
            precondition(event.sequence == log.record.head.sequence + 1)
            log.record.head.sequence += 1
            if !event.key.isEmpty {
                log.keys[KeyOfSender(sender: event.sender, key: event.key)] = log.events.count
            }
            log.events.append(event)
            guard let subject = event.subject else { return }
            log.record.members.removeAll { $0 == subject }
            if event.kind == .joined, mayJoin { log.record.members.append(subject) }
        }
        change(&logs[organisation]![channel]!)
    }

    /// `false` when it is another log already.
    package mutating func renewLog(_ organisation: OrganisationID, _ channel: ChannelID, from known: UInt64,
                                   to epoch: UInt64) -> Bool {
        guard logs[organisation]?[channel]?.record.head.epoch == known else { return false }
        logs[organisation]![channel]!.record.head.epoch = epoch
        return true
    }

    package func events(_ organisation: OrganisationID, _ channel: ChannelID, _ range: LogRange, limit: Int,
                        bytesMax: Int = .max) -> [StoredEvent] {
        // Sequences count from 1 without gaps, but for rows that are missing.
        let all = logs[organisation]?[channel]?.events ?? []
        var page: [StoredEvent] = []
        switch range {
        case .before(let end):
            var index = end == 0 ? all.count : Int(min(UInt64(all.count), end - 1))
            while index > 0, page.count < limit {
                index -= 1
                if let event = seen(all[index], channel) { page.append(event) }
            }
            return page.prefix(Self.fitting(page, bytesMax)).reversed()
        case .after(let start):
            var index = Int(min(UInt64(all.count), start))
            while index < all.count, page.count < limit {
                if let event = seen(all[index], channel) { page.append(event) }
                index += 1
            }
            return Array(page.prefix(Self.fitting(page, bytesMax)))
        }
    }

    package mutating func spoil(_ channel: ChannelID, _ sequence: UInt64, _ damage: Damage) {
        self.damage[Place(channel: channel, sequence: sequence)] = damage
    }

    package func damage(_ channel: ChannelID, _ sequence: UInt64) -> Damage? {
        damage[Place(channel: channel, sequence: sequence)]
    }

    private func seen(_ event: StoredEvent, _ channel: ChannelID) -> StoredEvent? {
        var event = event
        switch damage.isEmpty ? nil : damage(channel, event.sequence) {
        case nil: break
        case .missing: return nil
        case .body:
            // Without a body, a change of membership has lost whom it is about.
            if event.body == nil { event.subject = nil } else { event.body?.key = KeyID(high: 0, low: 0) }
        case .columns:
            event.kind = .damaged
            event.subject = nil
            event.body = nil
            event.target = nil
        }
        return event
    }

    /// How many of the events there are up to the one with which there are so many bytes.
    private static func fitting(_ events: some Collection<StoredEvent>, _ bytesMax: Int) -> Int {
        var bytes = 0
        return events.prefix { event in
            let isIn = bytes < bytesMax
            bytes += 200 + (event.body?.bytes.count ?? 0)
            return isIn
        }.count
    }

    package func channels(_ organisation: OrganisationID, visibleTo account: AccountID,
                          after: ChannelCursor? = nil, limit: Int) -> [ChannelSummary] {
        func isBehind(_ log: Log) -> Bool {
            let isJoined = log.record.members.contains(account)
            return switch after {
            case nil: true
            case .joined(let last): !isJoined || log.record.id > last
            case .open(let last): !isJoined && log.record.id > last
            }
        }
        func isFirst(_ a: Log, _ b: Log) -> Bool {
            let (inA, inB) = (a.record.members.contains(account), b.record.members.contains(account))
            return inA == inB ? a.record.id < b.record.id : inA
        }
        return (logs[organisation] ?? [:]).values
            .filter { $0.record.kind == .open || $0.record.members.contains(account) }
            .filter(isBehind).sorted(by: isFirst).prefix(limit)
            .map { log in
                ChannelSummary(
                    id: log.record.id, kind: log.record.kind, name: log.record.name, topic: log.record.topic,
                    head: log.record.head, joined: log.record.members.contains(account),
                    read: log.read[account] ?? 0,
                    parties: log.record.kind == .direct ? log.record.members : [])
            }
    }

    package func channel(_ organisation: OrganisationID, _ channel: ChannelID, seenBy account: AccountID)
        -> ChannelSummary?
    {
        channels(organisation, visibleTo: account, limit: .max).first { $0.id == channel }
    }

    package func heads(_ organisation: OrganisationID, _ channels: [ChannelID]) -> [ChannelID: Position] {
        var heads: [ChannelID: Position] = [:]
        for channel in channels { heads[channel] = log(organisation, channel)?.record.head }
        return heads
    }

    package mutating func createChannel(_ organisation: OrganisationID, _ channel: ChannelRecord) -> Bool {
        let folded = ChannelKind.folded(channel.name)
        let isTaken = (logs[organisation] ?? [:]).values.contains { ChannelKind.folded($0.record.name) == folded }
        if !isTaken { logs[organisation, default: [:]][channel.id] = Log(channel) }
        return !isTaken
    }

    package mutating func directChannel(_ organisation: OrganisationID, _ a: AccountID, _ b: AccountID,
                                        candidate: ChannelID) -> ChannelRecord {
        let parties = a == b ? [a] : [a, b]
        let known = (logs[organisation] ?? [:]).values.first {
            $0.record.kind == .direct && Set($0.record.members) == Set(parties)
        }
        if let known { return known.record }
        let record = ChannelRecord(id: candidate, kind: .direct, name: "", topic: "",
                                   head: Position(epoch: 1, sequence: 0), members: parties,
                                   parties: parties)
        logs[organisation, default: [:]][candidate] = Log(record)
        return record
    }

    package mutating func markRead(_ organisation: OrganisationID, _ channel: ChannelID,
                                   _ account: AccountID, sequence: UInt64) {
        let old = logs[organisation]?[channel]?.read[account] ?? 0
        logs[organisation]?[channel]?.read[account] = max(old, sequence)
    }

    // MARK: MemberStore

    package func login(_ organisation: OrganisationID, _ login: LoginID) -> LoginRecord? {
        LoginRecord(id: login, account: logins[login]?.account ?? AccountID(high: 1, low: login.low),
                    organisation: organisation, createdAt: UnixMilliseconds(0),
                    lastUsedAt: UnixMilliseconds(0), refreshLifetimeMilliseconds: 1, address: "",
                    userAgent: "", revokedAt: revoked.contains(login) ? UnixMilliseconds(1) : nil)
    }

    /// Grows with every change of people and sign-ins.
    package var revisions: [OrganisationID: UInt64] = [:]

    package func revokedLogins(_ logins: [LoginID]) -> [LoginID] { logins.filter { revoked.contains($0) } }

    package func people(_ organisation: OrganisationID) -> [Member] {
        (members[organisation] ?? []).map { member($0, of: organisation) }
    }

    private func member(_ person: Person, of organisation: OrganisationID) -> Member {
        Member(person: person, since: since[organisation]![person.account]!)
    }

    private func member(_ account: AccountID, of organisation: OrganisationID) -> Person? {
        members[organisation]?.first { $0.account == account }
    }

    package mutating func changeRole(_ organisation: OrganisationID, _ account: AccountID, to role: Role,
                                     by actor: AccountID) -> MemberOutcome {
        let (who, whom) = (member(actor, of: organisation), member(account, of: organisation))
        guard let who, let whom, who.role == .owner || who.role == .admin && whom.role < .owner && role < .owner,
              role == .owner || keepsOwner(without: whom, organisation)
        else { return .refused(actor: who?.role, subject: whom?.role) }
        let index = members[organisation]!.firstIndex { $0.account == account }!
        members[organisation]![index].role = role
        revisions[organisation, default: 0] += 1
        return .done(member(members[organisation]![index], of: organisation))
    }

    package mutating func removePerson(_ organisation: OrganisationID, _ account: AccountID,
                                       by actor: AccountID) -> MemberOutcome {
        let (who, whom) = (member(actor, of: organisation), member(account, of: organisation))
        guard let who, let whom,
              account == actor || who.role == .owner || who.role == .admin && whom.role < .owner,
              keepsOwner(without: whom, organisation)
        else { return .refused(actor: who?.role, subject: whom?.role) }
        members[organisation]!.removeAll { $0.account == account }
        let removed = Owner(account: account, organisation: organisation)
        for (login, owner) in logins where owner == removed { revoked.insert(login) }
        for (channel, log) in logs[organisation] ?? [:] where log.record.kind != .direct {
            logs[organisation]![channel]!.record.members.removeAll { $0 == account }
        }
        revisions[organisation, default: 0] += 1
        return .done(nil)
    }

    private func keepsOwner(without person: Person, _ organisation: OrganisationID) -> Bool {
        person.role != .owner
            || members[organisation]!.contains { $0.account != person.account && $0.role == .owner }
    }

    // MARK: For checks

    package func log(_ organisation: OrganisationID, _ channel: ChannelID) -> Log? {
        logs[organisation]?[channel]
    }
}
