// Channels and their logs in SQL. The heart is `append`: a compare-and-set on the head and the inserts
// behind it, sent blind; only when a constraint says no are there reads to find out why.

package import Model
package import Ports

enum ChannelSQL {
    static let find = TenantStatement(
        """
        SELECT c.kind, c.name, c.topic, l.epoch, l.head, m.account, c.party_a, c.party_b, (
            SELECT MAX(e.sequence) FROM event e WHERE e.organisation = $1 AND e.channel = $2)
        FROM channel c
        JOIN log l ON l.organisation = c.organisation AND l.channel = c.id
        LEFT JOIN channel_member m ON m.organisation = c.organisation AND m.channel = c.id AND EXISTS (
            SELECT 1 FROM member p
            WHERE p.organisation = m.organisation AND p.account = m.account AND p.removed_at IS NULL)
        WHERE c.organisation = $1 AND c.id = $2 ORDER BY m.joined_at, m.account
        """)

    /// $3 epoch, $4 head expected; $5 head to be. A moved head becomes NULL, which the column refuses,
    /// so that the whole transaction fails without anybody reading an answer first.
    static let moveHead = TenantStatement(
        """
        UPDATE log SET head = CASE WHEN epoch = $3 AND head = $4 THEN $5 ELSE NULL END, active_at = $6
        WHERE organisation = $1 AND channel = $2
        """)
    /// Inserts nothing where there is no such log. So many events in one statement, the largest first: what
    /// a statement costs beside its rows is most of what a row costs.
    static let insertEvents = [32, 4, 1].map { (count: $0, statement: insertEvents($0)) }
    private static let eventColumns = 10
    /// The most values that a statement of the store has.
    static let valuesMax = 2 + eventColumns * 32

    /// The names of the columns of VALUES are those that both databases give them.
    private static func insertEvents(_ count: Int) -> TenantStatement {
        let rows = (0..<count).map { row in
            let first = 3 + eventColumns * row
            return "(" + (first..<first + eventColumns).map { "$\($0)" }.joined(separator: ", ") + ")"
        }
        return TenantStatement(
            """
            INSERT INTO event (organisation, channel, sequence, id, kind, sender, subject, posted_at,
                idempotency, body_key, body, target)
            SELECT l.organisation, l.channel, \((1...eventColumns).map { "v.column\($0)" }.joined(separator: ", "))
            FROM log l CROSS JOIN (VALUES \(rows.joined(separator: ", "))) v
            WHERE l.organisation = $1 AND l.channel = $2
            """)
    }
    /// Goes before `addMember`: who is being removed is either still there when the row is added, which
    /// the removal then finds, or not any more.
    static let holdMember = TenantStatement(
        "SELECT removed_at FROM member WHERE organisation = $1 AND account = $2 {share}")
    /// What lies before somebody joins does not count as unread, but that somebody else added them does.
    /// Nothing for who was removed from the organisation.
    static let addMember = TenantStatement(
        """
        INSERT INTO channel_member (organisation, channel, account, read_to, joined_at)
        SELECT organisation, channel, $3, $4, $5 FROM log WHERE organisation = $1 AND channel = $2
        AND NOT EXISTS (
            SELECT 1 FROM member m
            WHERE m.organisation = $1 AND m.account = $3 AND m.removed_at IS NOT NULL)
        ON CONFLICT (organisation, channel, account) DO NOTHING
        """)
    static let removeMember = TenantStatement(
        "DELETE FROM channel_member WHERE organisation = $1 AND channel = $2 AND account = $3")
    /// With the last row, of the same moment.
    static let head = TenantStatement(
        """
        SELECT epoch, head, (
            SELECT MAX(e.sequence) FROM event e WHERE e.organisation = $1 AND e.channel = $2)
        FROM log WHERE organisation = $1 AND channel = $2
        """)
    /// A head that is none, or that its own rows lie above. Appends change both at once, so it is damaged. $3 the
    /// head that was met, $4 the largest there may be.
    static let mendHead = TenantStatement(
        """
        UPDATE log SET head = COALESCE((
            SELECT MAX(e.sequence) FROM event e
            WHERE e.organisation = $1 AND e.channel = $2 AND e.sequence BETWEEN 1 AND $4), 0)
        WHERE organisation = $1 AND channel = $2 AND head = $3
        """)
    static let heads = BatchStatement(
        "SELECT channel, epoch, head FROM log WHERE organisation = $1 AND channel IN ({ids})")
    static let byKey = TenantStatement(
        """
        SELECT sequence, id, posted_at FROM event
        WHERE organisation = $1 AND channel = $2 AND sender = $3 AND idempotency = $4
        """)

    static let eventsBefore = TenantStatement(
        """
        SELECT sequence, id, kind, sender, subject, posted_at, idempotency, body_key, body, target
        FROM event
        WHERE organisation = $1 AND channel = $2 AND sequence < $3 ORDER BY sequence DESC LIMIT $4
        """)
    static let eventsAfter = TenantStatement(
        """
        SELECT sequence, id, kind, sender, subject, posted_at, idempotency, body_key, body, target
        FROM event
        WHERE organisation = $1 AND channel = $2 AND sequence > $3 ORDER BY sequence LIMIT $4
        """)
    /// The same, up to the event with which they have $5 bytes: the sizes are looked at first, for which neither
    /// database reads the bodies.
    static let eventsBeforeWithin = TenantStatement(
        """
        SELECT sequence, id, kind, sender, subject, posted_at, idempotency, body_key, body, target
        FROM event
        WHERE organisation = $1 AND channel = $2 AND sequence < $3 AND sequence >= (
            SELECT MIN(p.sequence) FROM (
                SELECT s.sequence, SUM(s.size) OVER (ORDER BY s.sequence DESC) - s.size AS ahead FROM (
                    SELECT sequence, \(size) AS size FROM event
                    WHERE organisation = $1 AND channel = $2 AND sequence < $3
                    ORDER BY sequence DESC LIMIT $4) s) p
            WHERE p.ahead < $5)
        ORDER BY sequence DESC
        """)
    static let eventsAfterWithin = TenantStatement(
        """
        SELECT sequence, id, kind, sender, subject, posted_at, idempotency, body_key, body, target
        FROM event
        WHERE organisation = $1 AND channel = $2 AND sequence > $3 AND sequence <= (
            SELECT MAX(p.sequence) FROM (
                SELECT s.sequence, SUM(s.size) OVER (ORDER BY s.sequence) - s.size AS ahead FROM (
                    SELECT sequence, \(size) AS size FROM event
                    WHERE organisation = $1 AND channel = $2 AND sequence > $3
                    ORDER BY sequence LIMIT $4) s) p
            WHERE p.ahead < $5)
        ORDER BY sequence
        """)
    /// Of an event: its body, and something for the rest of the row.
    private static let size = "COALESCE(LENGTH(body), 0) + 200"

    /// Two halves, each by an index: what the account is in, and open channels it is not in.
    static let joined = TenantStatement(
        """
        SELECT c.id, c.kind, c.name, c.topic, c.party_a, c.party_b, l.epoch, l.head, m.read_to
        FROM channel_member m
        JOIN channel c ON c.organisation = m.organisation AND c.id = m.channel
        JOIN log l ON l.organisation = m.organisation AND l.channel = m.channel
        WHERE m.organisation = $1 AND m.account = $2 AND m.channel > $3 ORDER BY m.channel LIMIT $4
        """)
    static let open = TenantStatement(
        """
        SELECT c.id, c.kind, c.name, c.topic, c.party_a, c.party_b, l.epoch, l.head, NULL
        FROM channel c
        JOIN log l ON l.organisation = c.organisation AND l.channel = c.id
        WHERE c.organisation = $1 AND c.kind = $3 AND c.id > $4 AND NOT EXISTS (
            SELECT 1 FROM channel_member m
            WHERE m.organisation = $1 AND m.channel = c.id AND m.account = $2)
        ORDER BY c.id LIMIT $5
        """)

    /// One row of either half.
    static let visibleOne = TenantStatement(
        """
        SELECT c.id, c.kind, c.name, c.topic, c.party_a, c.party_b, l.epoch, l.head, m.read_to
        FROM channel c
        JOIN log l ON l.organisation = c.organisation AND l.channel = c.id
        LEFT JOIN channel_member m
            ON m.organisation = c.organisation AND m.channel = c.id AND m.account = $2
        WHERE c.organisation = $1 AND c.id = $4 AND (c.kind = $3 OR m.account IS NOT NULL)
        """)

    static let insertChannel = TenantStatement(
        """
        INSERT INTO channel (organisation, id, kind, name, folded, topic, created_by, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """)
    static let insertDirect = TenantStatement(
        """
        INSERT INTO channel (organisation, id, kind, name, topic, party_a, party_b, created_by, created_at)
        VALUES ($1, $2, $3, '', '', $4, $5, $6, $7)
        ON CONFLICT DO NOTHING
        """)
    static let insertLog = TenantStatement(
        """
        INSERT INTO log (organisation, channel, epoch, head, active_at)
        SELECT organisation, id, 1, 0, $3 FROM channel WHERE organisation = $1 AND id = $2
        ON CONFLICT (organisation, channel) DO NOTHING
        """)
    static let isSame = TenantStatement(
        "SELECT created_by, folded FROM channel WHERE organisation = $1 AND id = $2 AND kind <> 3")
    static let isNameTaken = TenantStatement(
        "SELECT 1 FROM channel WHERE organisation = $1 AND folded = $2")
    static let findDirect = TenantStatement(
        """
        SELECT c.id, c.topic, l.epoch, l.head
        FROM channel c JOIN log l ON l.organisation = c.organisation AND l.channel = c.id
        WHERE c.organisation = $1 AND c.party_a = $2 AND c.party_b = $3
        """)
    /// $3 the epoch as it was known, $4 the next one.
    static let renewLog = TenantStatement(
        "UPDATE log SET epoch = $4 WHERE organisation = $1 AND channel = $2 AND epoch = $3")
    static let markRead = TenantStatement(
        """
        UPDATE channel_member SET read_to = $4
        WHERE organisation = $1 AND channel = $2 AND account = $3 AND read_to < $4
        """)
}

extension Store {
    package func channel(_ organisation: OrganisationID, _ channel: ChannelID)
        async throws(StoreError) -> ChannelRecord?
    {
        for _ in 0..<3 {
            let rows = try await rows(Job(.read, [ChannelSQL.find(organisation, .id(channel))]))[0]
            guard let first = rows.first else { return nil }
            if let damaged = Self.damagedHead(first.integerOrNil(4), last: first.integerOrNil(8)) {
                try await mendHead(organisation, channel, damaged)
                continue
            }
            let members = first.isNull(5)
                ? [] : sound(.member, rows) { row throws(DecodingFault) -> AccountID in try row.id(5) }
            return try decoded { () throws(DecodingFault) in
                ChannelRecord(
                    id: channel, kind: try first.raw(0), name: try first.text(1), topic: try first.text(2),
                    head: Position(epoch: try first.count(3), sequence: try first.count(4)),
                    members: members,
                    parties: first.isNull(6) ? [] : Self.parties(try first.id(6), try first.id(7)))
            }
        }
        throw .fault("the head of a log cannot be mended")
    }

    /// The head, when it cannot be the one of a log whose last row is `last`.
    private static func damagedHead(_ head: Int64?, last: Int64?) -> Int64? {
        guard let head else { return nil }
        let last = last.map { $0 <= Row.countMax ? $0 : 0 } ?? 0
        return head < max(0, last) || head > Row.countMax ? head : nil
    }

    private func mendHead(_ organisation: OrganisationID, _ channel: ChannelID, _ damaged: Int64)
        async throws(StoreError)
    {
        noteDamage(.head)
        _ = try await rows(
            Job(.write, [
                ChannelSQL.mendHead(organisation, .id(channel), .integer(damaged), .integer(Row.countMax))
            ]))
    }

    package func heads(_ organisation: OrganisationID, _ channels: [ChannelID])
        async throws(StoreError) -> [ChannelID: Position]
    {
        let rows = try await rows(Job(.read, ChannelSQL.heads(organisation, channels)))
        return try decoded { () throws(DecodingFault) in
            var heads: [ChannelID: Position] = [:]
            for part in rows {
                let found = sound(.head, part) { row throws(DecodingFault) -> (ChannelID, Position) in
                    (try row.id(0), Position(epoch: try row.count(1), sequence: try row.count(2)))
                }
                for (channel, head) in found { heads[channel] = head }
            }
            return heads
        }
    }

    package func append(_ organisation: OrganisationID, _ channel: ChannelID,
                        expecting expected: Position, _ events: [StoredEvent])
        async throws(StoreError) -> AppendOutcome
    {
        for (index, event) in events.enumerated() {
            precondition(event.sequence == expected.sequence + UInt64(index) + 1, "a gap in a batch")
        }
        guard let last = events.last else { return .committed }
        let job = Self.appendJob(organisation, channel, expected, events, at: last.at)
        // A constraint that broke for something that is gone when asked for: once more, not for ever.
        for _ in 0..<3 {
            switch try await perform(job) {
            case .done(let rows):
                return rows[0].changed == 1 ? .committed : .headMoved(nil)
            case .refused(let rows):
                if let row = rows[0].first,
                   let damaged = Self.damagedHead(row.integerOrNil(1), last: row.integerOrNil(2)) {
                    try await mendHead(organisation, channel, damaged)
                    continue
                }
                if let outcome = try Self.refusal(rows, expected, events) { return outcome }
            }
        }
        throw .fault("an append broke a constraint that no row explains")
    }

    private static func appendJob(
        _ organisation: OrganisationID, _ channel: ChannelID, _ expected: Position,
        _ events: [StoredEvent], at: UnixMilliseconds
    ) -> Job {
        var statements: [Bound] = []
        statements.append(
            ChannelSQL.moveHead(
                organisation, .id(channel), .count(expected.epoch), .count(expected.sequence),
                .count(expected.sequence + UInt64(events.count)), .at(at)))
        statements += inserts(organisation, channel, events)
        for event in events {
            switch (event.kind, event.subject) {
            case (.joined, let subject?):
                statements.append(ChannelSQL.holdMember(organisation, .id(subject)))
                statements.append(
                    ChannelSQL.addMember(organisation, .id(channel), .id(subject),
                                         .count(event.sender == subject ? event.sequence : event.sequence - 1),
                                         .at(event.at)))
            case (.left, let subject?):
                statements.append(ChannelSQL.removeMember(organisation, .id(channel), .id(subject)))
            case (.message, _), (.edited, _), (.damaged, _), (.joined, nil), (.left, nil):
                break
            }
        }
        // Somebody's going out of a channel is written when nothing else is.
        let isContent = events.contains { $0.kind != .left }
        return Job(.append(order: (channel.high, channel.low)), isContent: isContent, statements) {
            [ChannelSQL.head(organisation, .id(channel))]
                + events.lazy.filter { !$0.key.isEmpty }.map { event in
                    ChannelSQL.byKey(organisation, .id(channel), .id(event.sender),
                                     .bytes(Array(event.key.utf8)))
                }
        }
    }

    private static func inserts(_ organisation: OrganisationID, _ channel: ChannelID, _ events: [StoredEvent])
        -> [Bound]
    {
        var statements: [Bound] = []
        var rest = events[...]
        while let (count, statement) = ChannelSQL.insertEvents.first(where: { $0.count <= rest.count }) {
            var values = [Value.id(channel)]
            values.reserveCapacity(ChannelSQL.valuesMax)
            for event in rest.prefix(count) {
                values.append(.count(event.sequence))
                values.append(.id(event.id))
                values.append(.integer(Int64(event.kind.rawValue)))
                values.append(.id(event.sender))
                values.append(.id(event.subject))
                values.append(.at(event.at))
                values.append(event.key.isEmpty ? .null(.bytes) : .bytes(Array(event.key.utf8)))
                values.append(.id(event.body?.key))
                values.append(.bytes(event.body?.bytes))
                values.append(.count(event.target))
            }
            statements.append(statement(organisation, values))
            rest = rest.dropFirst(count)
        }
        return statements
    }

    /// What the explaining reads of an append say; `nil` if they find nothing wrong (any more).
    private static func refusal(_ rows: [Rows], _ expected: Position, _ events: [StoredEvent])
        throws(StoreError) -> AppendOutcome?
    {
        do throws(DecodingFault) {
            guard let row = rows[0].first else { return .headMoved(nil) }
            let head = Position(epoch: try row.count(0), sequence: try row.count(1))
            if head != expected { return .headMoved(head) }
            var duplicates: [Duplicate] = []
            var answer = 1
            for (index, event) in events.enumerated() where !event.key.isEmpty {
                if let row = rows[answer].first {
                    duplicates.append(Duplicate(index: index, sequence: try row.count(0),
                                                id: (try? row.id(1)) ?? EventID(high: 0, low: 0),
                                                at: (try? row.at(2)) ?? event.at))
                }
                answer += 1
            }
            if !duplicates.isEmpty { return .duplicates(duplicates) }
        } catch {
            throw .fault("column \(error.column) of a log holds something else than it should")
        }
        struct SenderKey: Hashable {
            let sender: AccountID
            let key: IdempotencyKey
        }
        let keyed = events.filter { !$0.key.isEmpty }
        if Set(keyed.map { SenderKey(sender: $0.sender, key: $0.key) }).count < keyed.count {
            throw .fault("a batch holds the same idempotency key twice")
        }
        return nil
    }

    package func renewLog(_ organisation: OrganisationID, _ channel: ChannelID, from known: UInt64,
                          to epoch: UInt64) async throws(StoreError)
    {
        let renew = ChannelSQL.renewLog(organisation, .id(channel), .count(known), .count(epoch))
        _ = try await rows(Job(.write, [renew]))
    }

    package func events(_ organisation: OrganisationID, _ channel: ChannelID, _ range: LogRange,
                        limit: Int, bytesMax: Int) async throws(StoreError) -> [StoredEvent]
    {
        // Where every size is right, nobody needs to look at them.
        let isBounded = bytesMax < .max
        let channel = Value.id(channel)
        let (limit, bytes) = (Self.limit(limit), Value.count(max(1, bytesMax)))
        let statement: Bound
        var newestFirst = false
        switch range {
        case .before(let end):
            newestFirst = true
            let end = Value.count(end == 0 ? UInt64.max : end)
            statement = isBounded ? ChannelSQL.eventsBeforeWithin(organisation, channel, end, limit, bytes)
                : ChannelSQL.eventsBefore(organisation, channel, end, limit)
        case .after(let start):
            let start = Value.count(start)
            statement = isBounded ? ChannelSQL.eventsAfterWithin(organisation, channel, start, limit, bytes)
                : ChannelSQL.eventsAfter(organisation, channel, start, limit)
        }
        var page = try await rows(Job(.read, [statement]))[0].sound(Self.event).rows
        if newestFirst { page.reverse() }
        return page
    }

    /// SQLite takes a negative limit for none.
    private static func limit(_ limit: Int) -> Value { .count(max(0, limit)) }

    /// A row without a sequence is none; in one that has it, a column that is not what it should be makes a damaged
    /// entry.
    private static func event(_ row: Row) throws(DecodingFault) -> StoredEvent {
        let sequence = try row.count(0)
        guard sequence > 0 else { throw DecodingFault(column: 0) }
        if let event = try? wholeEvent(row, sequence) { return event }
        return StoredEvent(
            sequence: sequence, id: (try? row.id(1)) ?? EventID(high: 0, low: 0), kind: .damaged,
            sender: (try? row.id(3)) ?? AccountID(high: 0, low: 0), subject: nil,
            at: (try? row.at(5)) ?? UnixMilliseconds(0), key: "", body: nil)
    }

    private static func wholeEvent(_ row: Row, _ sequence: UInt64) throws(DecodingFault) -> StoredEvent {
        StoredEvent(
            sequence: sequence, id: try row.id(1), kind: try row.raw(2), sender: try row.id(3),
            subject: row.isNull(4) ? nil : try row.id(4), at: try row.at(5),
            key: row.isNull(6) ? "" : IdempotencyKey(String(decoding: try row.bytes(6), as: UTF8.self)),
            body: row.isNull(7) ? nil : SealedBody(key: try row.id(7), bytes: try row.bytes(8)),
            target: row.isNull(9) ? nil : try row.count(9))
    }

    package func channels(_ organisation: OrganisationID, visibleTo account: AccountID, after: ChannelCursor?,
                          limit: Int) async throws(StoreError) -> [ChannelSummary]
    {
        let account = Value.id(account)
        var found: [ChannelSummary] = []
        let behind: Value
        switch after {
        case .open(let last): behind = .id(last)
        case .joined(let last): (found, behind) = (try await joined(behind: .id(last)), Self.beginning)
        case nil: (found, behind) = (try await joined(behind: Self.beginning), Self.beginning)
        }
        func joined(behind: Value) async throws(StoreError) -> [ChannelSummary] {
            try await list(
                .channel, ChannelSQL.joined(organisation, account, behind, Self.limit(limit)), Self.summary)
        }
        guard found.count < limit else { return found }
        let kind = Value.integer(Int64(ChannelKind.open.rawValue))
        let rest = Self.limit(limit - found.count)
        return found
            + (try await list(.channel, ChannelSQL.open(organisation, account, kind, behind, rest), Self.summary))
    }

    /// In front of every id.
    private static let beginning = Value.id(high: 0, low: 0)

    package func channel(_ organisation: OrganisationID, _ channel: ChannelID,
                         seenBy account: AccountID) async throws(StoreError) -> ChannelSummary?
    {
        let statement = ChannelSQL.visibleOne(
            organisation, .id(account), .integer(Int64(ChannelKind.open.rawValue)), .id(channel))
        return try await read(statement, Self.summary).first
    }

    private static func summary(_ row: Row) throws(DecodingFault) -> ChannelSummary {
        ChannelSummary(
            id: try row.id(0), kind: try row.raw(1), name: try row.text(2), topic: try row.text(3),
            // Who opens the channel has its head mended.
            head: Position(epoch: try row.count(6), sequence: (try? row.count(7)) ?? 0),
            joined: !row.isNull(8), read: (try? row.count(8)) ?? 0,
            parties: row.isNull(4) ? [] : Self.parties(try row.id(4), try row.id(5)))
    }

    /// The two columns are equal in a conversation with oneself.
    private static func parties(_ a: AccountID, _ b: AccountID) -> [AccountID] { a == b ? [a] : [a, b] }

    package func createChannel(_ organisation: OrganisationID, _ channel: ChannelRecord,
                               by account: AccountID, at: UnixMilliseconds)
        async throws(StoreError) -> Bool
    {
        precondition(channel.kind != .direct, "directChannel makes these")
        let folded = ChannelKind.folded(channel.name)
        var statements = [
            ChannelSQL.insertChannel(
                organisation, .id(channel.id), .integer(Int64(channel.kind.rawValue)),
                .text(channel.name), .text(folded.text), .text(channel.topic), .id(account), .at(at)),
            ChannelSQL.insertLog(organisation, .id(channel.id), .at(at)),
        ]
        for member in channel.members {
            statements.append(ChannelSQL.holdMember(organisation, .id(member)))
            statements.append(
                ChannelSQL.addMember(organisation, .id(channel.id), .id(member), .count(0 as UInt64), .at(at)))
        }
        let outcome = try await perform(
            Job(.write, isContent: true, statements) {
                [ChannelSQL.isSame(organisation, .id(channel.id)),
                 ChannelSQL.isNameTaken(organisation, .text(folded.text))]
            })
        guard case .refused(let rows) = outcome else { return true }
        let isRepeated = try decoded { () throws(DecodingFault) in
            // The same call again, after an answer that was lost.
            guard let row = rows[0].first else { return false }
            let (maker, name): (AccountID, String) = (try row.id(0), try row.text(1))
            return maker == account && ExactText(name) == folded
        }
        if !isRepeated, rows[1].isEmpty {
            throw .fault("a channel's member is not of its organisation, or its id is taken")
        }
        return isRepeated
    }

    package func directChannel(_ organisation: OrganisationID, _ a: AccountID, _ b: AccountID,
                               candidate: ChannelID, at: UnixMilliseconds)
        async throws(StoreError) -> ChannelRecord
    {
        let parties = a < b ? [a, b] : a == b ? [a] : [b, a]
        let (low, high) = (Value.id(parties[0]), Value.id(parties[parties.count - 1]))
        let find = ChannelSQL.findDirect(organisation, low, high)
        var found = try await rows(Job(.read, [find]))[0]
        if found.isEmpty {
            var statements = [
                ChannelSQL.insertDirect(
                    organisation, .id(candidate), .integer(Int64(ChannelKind.direct.rawValue)), low, high,
                    .id(a), .at(at)),
                ChannelSQL.insertLog(organisation, .id(candidate), .at(at)),
            ]
            // Both do nothing when somebody else's candidate stands: there is no channel of this id.
            for party in parties {
                statements.append(ChannelSQL.holdMember(organisation, .id(party)))
                statements.append(
                    ChannelSQL.addMember(organisation, .id(candidate), .id(party), .count(0 as UInt64),
                                         .at(at)))
            }
            statements.append(find)
            let all = try await rows(Job(.write, isContent: true, statements))
            found = all[all.count - 1]
        }
        return try decoded { () throws(DecodingFault) in
            guard let row = found.first else { throw DecodingFault(column: 0) }
            return ChannelRecord(
                id: try row.id(0), kind: .direct, name: "", topic: try row.text(1),
                head: Position(epoch: try row.count(2), sequence: try row.count(3)), members: parties,
                parties: parties)
        }
    }

    package func markRead(_ organisation: OrganisationID, _ channel: ChannelID, _ account: AccountID,
                          sequence: UInt64) async throws(StoreError)
    {
        _ = try await rows(
            Job(.write, isContent: true, [
                ChannelSQL.markRead(organisation, .id(channel), .id(account), .count(sequence))
            ]))
    }
}
