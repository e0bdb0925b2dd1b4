// Accounts, organisations, invitations and sign-ins in SQL. What must happen once (first set-up, a use
// of an invitation, a rotation) is decided by constraints and row locks, never by a read before.

package import Model
package import Ports

enum PeopleSQL {
    /// Behind SET. One that is absurd must not keep a removal from being written.
    static let nextRevision =
        "revision = CASE WHEN revision BETWEEN 0 AND 9007199254740990 THEN revision + 1 ELSE 1 END"
    static let anyOrganisation = SharedStatement("SELECT 1 FROM organisation LIMIT 1")
    static let insertOrganisation = SharedStatement(
        "INSERT INTO organisation (id, name, created_at) VALUES ($1, $2, $3)")
    static let claimFirst = SharedStatement(
        "INSERT INTO first_organisation (one, organisation) VALUES (1, $1)")
    static let first = SharedStatement("SELECT organisation FROM first_organisation")
    static let insertAccount = SharedStatement(
        """
        INSERT INTO account (id, email, first_name, last_name, password_hash, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """)
    static let insertMember = TenantStatement(
        "INSERT INTO member (organisation, account, role, joined_at) VALUES ($1, $2, $3, $4)")

    static let accountByEmail = SharedStatement(
        "SELECT id, email, first_name, last_name, password_hash FROM account WHERE email = $1")
    static let accountByID = SharedStatement(
        "SELECT id, email, first_name, last_name, password_hash FROM account WHERE id = $1")
    static let memberships = SharedStatement(
        """
        SELECT o.id, o.name, m.role, m.joined_at FROM member m JOIN organisation o ON o.id = m.organisation
        WHERE m.account = $1 AND m.removed_at IS NULL ORDER BY m.joined_at, o.id
        """)
    static let revision = SharedStatement("SELECT revision FROM organisation WHERE id = $1")
    static let setPassword = SharedStatement("UPDATE account SET password_hash = $2 WHERE id = $1")

    static let people = TenantStatement(
        """
        SELECT a.id, a.first_name, a.last_name, m.role, m.joined_at
        FROM member m JOIN account a ON a.id = m.account
        WHERE m.organisation = $1 AND m.removed_at IS NULL ORDER BY a.id
        """)
    static let person = TenantStatement(
        """
        SELECT a.id, a.first_name, a.last_name, m.role, m.joined_at
        FROM member m JOIN account a ON a.id = m.account
        WHERE m.organisation = $1 AND m.account = $2 AND m.removed_at IS NULL
        """)
}

enum InvitationSQL {
    static let insert = TenantStatement(
        """
        INSERT INTO invitation (organisation, id, token, role, created_by, created_at, expires_at, uses)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (organisation, id) DO NOTHING
        """)
    /// $1 token, $2 account. The last two columns: uses gone, and whether the account is a member.
    static let read = SharedStatement(
        """
        SELECT i.id, i.organisation, o.name, i.role, i.created_by, i.expires_at, i.uses,
            (SELECT COUNT(*) FROM invitation_use u
             WHERE u.organisation = i.organisation AND u.invitation = i.id),
            (SELECT COUNT(*) FROM member m
             WHERE m.organisation = i.organisation AND m.account = $2 AND m.removed_at IS NULL)
        FROM invitation i JOIN organisation o ON o.id = i.organisation WHERE i.token = $1
        """)

    /// $2 now.
    static let standing = TenantStatement(
        """
        SELECT i.id, i.organisation, o.name, i.role, i.created_by, i.expires_at, i.uses,
            (SELECT COUNT(*) FROM invitation_use u
             WHERE u.organisation = i.organisation AND u.invitation = i.id), 0
        FROM invitation i JOIN organisation o ON o.id = i.organisation
        WHERE i.organisation = $1 AND i.expires_at > $2 AND i.uses > (
            SELECT COUNT(*) FROM invitation_use u
            WHERE u.organisation = i.organisation AND u.invitation = i.id)
        ORDER BY i.created_at DESC, i.id LIMIT 1000
        """)
    /// $2 the invitation, $3 now.
    static let withdraw = TenantStatement(
        "UPDATE invitation SET expires_at = $3 WHERE organisation = $1 AND id = $2 AND expires_at > $3")

    // Acceptance, in this order, in one transaction. $1 token, $2 account, $3 now.
    /// Those who accept the same invitation at once go one after the other.
    static let lock = SharedStatement("SELECT id FROM invitation WHERE token = $1 {lock}")
    /// $4... the new account. Nothing for an invitation that is used up or too old.
    static let insertAccount = SharedStatement(
        """
        INSERT INTO account (id, email, first_name, last_name, password_hash, created_at)
        SELECT $2, $4, $5, $6, $7, $3 FROM invitation i
        WHERE i.token = $1 AND i.expires_at > $3 AND i.uses > (
            SELECT COUNT(*) FROM invitation_use u
            WHERE u.organisation = i.organisation AND u.invitation = i.id)
        ON CONFLICT (id) DO NOTHING
        """)
    static let use = SharedStatement(
        """
        INSERT INTO invitation_use (organisation, invitation, account, used_at)
        SELECT i.organisation, i.id, $2, $3 FROM invitation i
        WHERE i.token = $1 AND i.expires_at > $3 AND i.uses > (
            SELECT COUNT(*) FROM invitation_use u
            WHERE u.organisation = i.organisation AND u.invitation = i.id)
        AND NOT EXISTS (
            SELECT 1 FROM member m
            WHERE m.organisation = i.organisation AND m.account = $2 AND m.removed_at IS NULL)
        ON CONFLICT (organisation, invitation, account) DO NOTHING
        """)
    /// Only by a use of this moment: who was removed does not come back by an old one. The new
    /// membership is later than the old one, whatever the clocks of the hubs say.
    static let join = SharedStatement(
        """
        INSERT INTO member (organisation, account, role, joined_at)
        SELECT i.organisation, u.account, i.role, $3
        FROM invitation i JOIN invitation_use u ON u.organisation = i.organisation AND u.invitation = i.id
        WHERE i.token = $1 AND u.account = $2 AND u.used_at = $3
        ON CONFLICT (organisation, account)
        DO UPDATE SET role = excluded.role, removed_at = NULL, joined_at =
            CASE WHEN excluded.joined_at > member.joined_at THEN excluded.joined_at
            ELSE member.joined_at + 1 END
        WHERE member.removed_at IS NOT NULL
        """)
    static let bumpRevision = SharedStatement(
        """
        UPDATE organisation SET \(PeopleSQL.nextRevision) WHERE id IN (
            SELECT i.organisation
            FROM invitation i
            JOIN invitation_use u ON u.organisation = i.organisation AND u.invitation = i.id
            WHERE i.token = $1 AND u.account = $2 AND u.used_at = $3)
        """)
}

extension Store {
    // MARK: First start

    package func isEmpty() async throws(StoreError) -> Bool {
        try await rows(Job(.read, [PeopleSQL.anyOrganisation()]))[0].isEmpty
    }

    package func setUp(_ organisation: OrganisationRecord, owner: AccountRecord, at: UnixMilliseconds)
        async throws(StoreError) -> Bool
    {
        let job = Job(
            .write,
            [
                PeopleSQL.insertOrganisation(.id(organisation.id), .text(organisation.name), .at(at)),
                PeopleSQL.claimFirst(.id(organisation.id)),
                PeopleSQL.insertAccount(
                    .id(owner.id), Self.folded(owner.email), .text(owner.firstName),
                    .text(owner.lastName), .text(owner.passwordHash.reveal), .at(at)),
                PeopleSQL.insertMember(organisation.id, .id(owner.id),
                                       .integer(Int64(Role.owner.rawValue)), .at(at)),
            ]
        ) {
            [PeopleSQL.first()]
        }
        guard case .refused(let rows) = try await perform(job) else { return true }
        return try decoded { () throws(DecodingFault) in
            guard let first = rows[0].first else { throw DecodingFault(column: 0) }
            // The same call again, after an answer that was lost.
            return try first.id(0) == organisation.id
        }
    }

    // MARK: Accounts

    package func account(email: EmailAddress) async throws(StoreError) -> AccountRecord? {
        try await read(PeopleSQL.accountByEmail(Self.folded(email)), Self.account).first
    }

    package func account(_ account: AccountID) async throws(StoreError) -> AccountRecord? {
        try await read(PeopleSQL.accountByID(.id(account)), Self.account).first
    }

    package func memberships(of account: AccountID) async throws(StoreError) -> [Membership] {
        try await list(.member, PeopleSQL.memberships(.id(account))) { row throws(DecodingFault) in
            Membership(organisation: OrganisationRecord(id: try row.id(0), name: try row.text(1)),
                       role: try row.raw(2), since: try row.at(3))
        }
    }

    package func setPasswordHash(_ account: AccountID, _ hash: Private<PasswordTag>)
        async throws(StoreError)
    {
        _ = try await rows(Job(.write, [PeopleSQL.setPassword(.id(account), .text(hash.reveal))]))
    }

    // MARK: Members

    package func people(_ organisation: OrganisationID) async throws(StoreError) -> [Member] {
        try await list(.member, PeopleSQL.people(organisation), Self.member)
    }

    package func person(_ organisation: OrganisationID, _ account: AccountID)
        async throws(StoreError) -> Person?
    {
        try await read(PeopleSQL.person(organisation, .id(account)), Self.member).first?.person
    }

    package func revision(_ organisation: OrganisationID) async throws(StoreError) -> UInt64 {
        try await read(PeopleSQL.revision(.id(organisation))) { row throws(DecodingFault) in
            // Only whether it is another one is asked.
            UInt64(bitPattern: try row.integer(0))
        }.first ?? 0
    }

    // MARK: Invitations

    package func createInvitation(_ organisation: OrganisationID, _ invitation: InvitationRecord,
                                  token: TokenHash, at: UnixMilliseconds) async throws(StoreError)
    {
        _ = try await rows(
            Job(.write, isContent: true, [
                InvitationSQL.insert(
                    organisation, .id(invitation.id), .bytes(token.bytes),
                    .integer(Int64(invitation.role.rawValue)), .id(invitation.createdBy), .at(at),
                    .at(invitation.expiresAt), .count(invitation.usesLeft))
            ]))
    }

    package func invitation(token: TokenHash, at: UnixMilliseconds)
        async throws(StoreError) -> InvitationRecord?
    {
        let found = try await read(InvitationSQL.read(.bytes(token.bytes), .null(.id)),
                                   Self.invitation).first
        guard let found, found.record.expiresAt > at else { return nil }
        return found.record
    }

    package func invitations(_ organisation: OrganisationID, at: UnixMilliseconds)
        async throws(StoreError) -> [InvitationRecord]
    {
        try await list(.invitation, InvitationSQL.standing(organisation, .at(at)), Self.invitation).map { $0.record }
    }

    package func withdrawInvitation(_ organisation: OrganisationID, _ invitation: InvitationID,
                                    at: UnixMilliseconds) async throws(StoreError)
    {
        _ = try await rows(Job(.write, [InvitationSQL.withdraw(organisation, .id(invitation), .at(at))]))
    }

    package func acceptInvitation(token: TokenHash, account: AccountID, newAccount: AccountRecord?,
                                  at: UnixMilliseconds) async throws(StoreError) -> InvitationRecord?
    {
        precondition(newAccount == nil || newAccount?.id == account, "two accounts in one acceptance")
        let (token, member) = (Value.bytes(token.bytes), Value.id(account))
        var statements = [InvitationSQL.lock(token)]
        if let new = newAccount {
            statements.append(
                InvitationSQL.insertAccount(
                    token, member, .at(at), Self.folded(new.email), .text(new.firstName),
                    .text(new.lastName), .text(new.passwordHash.reveal)))
        }
        statements.append(InvitationSQL.use(token, member, .at(at)))
        statements.append(InvitationSQL.join(token, member, .at(at)))
        statements.append(InvitationSQL.bumpRevision(token, member, .at(at)))
        statements.append(InvitationSQL.read(token, member))

        let outcome = try await perform(Job(.write, isContent: true, statements) { [] })
        guard case .done(let rows) = outcome else {
            // Somebody took the address between the caller's look and now. Who tries again sees them.
            if newAccount != nil { throw .unavailable("another account has that address now") }
            throw .fault("an account that does not exist accepts an invitation")
        }
        let found = try decoded { () throws(DecodingFault) in
            try rows[rows.count - 1].map(Self.invitation).first
        }
        guard let found, found.isMember, found.record.expiresAt > at else { return nil }
        return found.record
    }

    // MARK: Rows

    /// Addresses are unique without regard to case.
    private static func folded(_ email: EmailAddress) -> Value { .text(email.reveal.asciiLowercased()) }

    private static func account(_ row: Row) throws(DecodingFault) -> AccountRecord {
        AccountRecord(id: try row.id(0), email: EmailAddress(try row.text(1)),
                      firstName: try row.text(2), lastName: try row.text(3),
                      passwordHash: Private(try row.text(4)))
    }

    static func member(_ row: Row) throws(DecodingFault) -> Member {
        let person = Person(account: try row.id(0), firstName: try row.text(1),
                            lastName: try row.text(2), role: try row.raw(3))
        return Member(person: person, since: try row.at(4))
    }

    private static func invitation(_ row: Row) throws(DecodingFault)
        -> (record: InvitationRecord, isMember: Bool)
    {
        let record = InvitationRecord(
            id: try row.id(0),
            organisation: OrganisationRecord(id: try row.id(1), name: try row.text(2)),
            role: try row.raw(3), createdBy: try row.id(4), expiresAt: try row.at(5),
            usesLeft: Int(try row.integer(6) - row.integer(7)))
        return (record, try row.integer(8) > 0)
    }
}
