// Sign-ins and their refresh tokens in SQL. A rotation locks token and sign-in, then every statement
// decides by the row as it is, so of many that come at once exactly one gets a successor.

package import Model
package import Ports

enum LoginSQL {
    static let insert = TenantStatement(
        """
        INSERT INTO login (organisation, id, account, created_at, last_used_at, refresh_lifetime,
            address, user_agent)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO NOTHING
        """)
    static let insertToken = SharedStatement(
        """
        INSERT INTO refresh_token (hash, login, expires_at) VALUES ($1, $2, $3)
        ON CONFLICT (hash) DO NOTHING
        """)

    // Sign-ins that are over, in this order. $1 account, $2: over since before this moment.
    private static let isOver =
        """
        (login.revoked_at < $2 OR NOT EXISTS (
            SELECT 1 FROM refresh_token t WHERE t.login = login.id AND t.expires_at >= $2))
        """
    static let forgetTokens = SharedStatement(
        """
        DELETE FROM refresh_token WHERE login IN (
            SELECT login.id FROM login WHERE login.account = $1 AND \(isOver))
        """)
    static let forgetLogins = SharedStatement("DELETE FROM login WHERE login.account = $1 AND \(isOver)")
    /// A week: who looks for what happened to an account still finds it.
    static let forgottenAfterMilliseconds: Int64 = 7 * 86_400_000

    static let columns =
        """
        l.id, l.account, l.organisation, l.created_at, l.last_used_at, l.refresh_lifetime, l.address,
            l.user_agent, l.revoked_at
        """
    static let find = TenantStatement(
        "SELECT \(columns) FROM login l WHERE l.organisation = $1 AND l.id = $2")
    static let ofAccount = SharedStatement(
        """
        SELECT \(columns) FROM login l WHERE l.account = $1 AND l.revoked_at IS NULL
        ORDER BY l.last_used_at DESC, l.id LIMIT 1000
        """)
    static let alive = BatchStatement(
        "SELECT id FROM login WHERE organisation = $1 AND revoked_at IS NULL AND id IN ({ids})")
    static let revoke = SharedStatement(
        "UPDATE login SET revoked_at = $3 WHERE account = $1 AND id = $2 AND revoked_at IS NULL")
    /// Behind `revoke`, with the same values.
    static let bumpRevision = SharedStatement(
        """
        UPDATE organisation SET \(PeopleSQL.nextRevision) WHERE id IN (
            SELECT l.organisation FROM login l WHERE l.account = $1 AND l.id = $2 AND l.revoked_at = $3)
        """)

    // Rotation, in this order, in one transaction. $1 old hash, $2 new hash, $3 now.
    static let lockToken = SharedStatement(
        """
        SELECT \(columns), t.expires_at
        FROM refresh_token t JOIN login l ON l.id = t.login WHERE t.hash = $1 {lock}
        """)
    static let spend = SharedStatement(
        """
        UPDATE refresh_token SET spent_at = $3, successor = $2
        WHERE hash = $1 AND spent_at IS NULL AND expires_at > $3
        AND EXISTS (SELECT 1 FROM login l WHERE l.id = refresh_token.login AND l.revoked_at IS NULL)
        """)
    static let succeed = SharedStatement(
        """
        INSERT INTO refresh_token (hash, login, expires_at)
        SELECT t.successor, l.id, $3 + l.refresh_lifetime
        FROM refresh_token t JOIN login l ON l.id = t.login
        WHERE t.hash = $1 AND t.successor = $2 AND t.spent_at = $3
        ON CONFLICT (hash) DO NOTHING
        """)
    static let touch = SharedStatement(
        """
        UPDATE login SET last_used_at = $3 WHERE revoked_at IS NULL AND id = (
            SELECT t.login FROM refresh_token t WHERE t.hash = $1 AND t.successor = $2 AND t.spent_at = $3)
        """)
    /// Whether the successor that is asked for stands and was never used: then it is given again.
    static let unusedSuccessor = SharedStatement(
        """
        SELECT 1 FROM refresh_token t JOIN refresh_token s ON s.hash = t.successor
        WHERE t.hash = $1 AND t.successor = $2 AND s.spent_at IS NULL AND s.expires_at > $3
        """)
    /// $4: spent before this moment is theft, once the successor was used.
    static let revokeFamily = SharedStatement(
        """
        UPDATE login SET revoked_at = $3 WHERE revoked_at IS NULL AND id = (
            SELECT t.login FROM refresh_token t
            WHERE t.hash = $1 AND t.expires_at > $3 AND t.spent_at < $4)
        AND NOT EXISTS (
            SELECT 1 FROM refresh_token t JOIN refresh_token s ON s.hash = t.successor
            WHERE t.hash = $1 AND t.successor = $2 AND s.spent_at IS NULL AND s.expires_at > $3)
        """)
    /// Behind `revokeFamily`.
    static let bumpRevisionOfFamily = SharedStatement(
        """
        UPDATE organisation SET \(PeopleSQL.nextRevision) WHERE id IN (
            SELECT l.organisation FROM refresh_token t JOIN login l ON l.id = t.login
            WHERE t.hash = $1 AND l.revoked_at = $2)
        """)
    /// An expired token is refused like an unknown one, so its row may go.
    static let forget = SharedStatement(
        """
        DELETE FROM refresh_token WHERE expires_at <= $3 AND login = (
            SELECT t.login FROM refresh_token t WHERE t.hash = $1 AND t.successor = $2 AND t.spent_at = $3)
        """)
    /// A sign-in whose token was never used.
    static let ofUnusedToken = SharedStatement(
        """
        SELECT \(columns) FROM refresh_token t JOIN login l ON l.id = t.login
        WHERE t.hash = $1 AND t.spent_at IS NULL AND t.expires_at > $2 AND l.revoked_at IS NULL
        """)
}

extension Store {
    package func createLogin(_ organisation: OrganisationID, _ login: LoginRecord, refresh: TokenHash)
        async throws(StoreError)
    {
        precondition(login.organisation == organisation, "a sign-in to another organisation")
        let over = login.lastUsedAt.adding(milliseconds: -LoginSQL.forgottenAfterMilliseconds)
        _ = try await rows(
            Job(.write, [
                LoginSQL.forgetTokens(.id(login.account), .at(over)),
                LoginSQL.forgetLogins(.id(login.account), .at(over)),
                LoginSQL.insert(
                    organisation, .id(login.id), .id(login.account), .at(login.createdAt),
                    .at(login.lastUsedAt), .integer(login.refreshLifetimeMilliseconds),
                    .text(login.address), .text(login.userAgent)),
                LoginSQL.insertToken(
                    .bytes(refresh.bytes), .id(login.id),
                    .at(login.lastUsedAt.adding(milliseconds: login.refreshLifetimeMilliseconds))),
            ]))
    }

    package func rotateRefresh(old: TokenHash, new: TokenHash, at: UnixMilliseconds,
                               graceMilliseconds: Int64) async throws(StoreError) -> RefreshOutcome
    {
        precondition(old != new, "a token cannot succeed itself")
        let (before, after, now) = (Value.bytes(old.bytes), Value.bytes(new.bytes), Value.at(at))
        let graceStart = at.adding(milliseconds: -graceMilliseconds)
        let rows = try await rows(
            Job(.write, [
                LoginSQL.lockToken(before), LoginSQL.spend(before, after, now),
                LoginSQL.succeed(before, after, now), LoginSQL.touch(before, after, now),
                LoginSQL.unusedSuccessor(before, after, now),
                LoginSQL.revokeFamily(before, after, now, .at(graceStart)),
                LoginSQL.bumpRevisionOfFamily(before, now),
                LoginSQL.forget(before, after, now),
            ]))
        return try decoded { () throws(DecodingFault) in
            guard let row = rows[0].first else { return .refused }
            var login = try Self.login(row)
            guard login.revokedAt == nil, unwritten.end(of: login.id) == nil else { return .refused }
            if rows[1].changed == 1 {
                login.lastUsedAt = at
                return .rotated(login)
            }
            // Also after the old token's own end: it was in time when it was spent.
            if !rows[4].isEmpty { return .repeated(login) }
            guard try row.at(9) > at else { return .refused }
            guard rows[5].changed == 1 else { return .raced(login) }
            login.revokedAt = at
            return .reused(login)
        }
    }

    package func login(unusedRefresh token: TokenHash, at: UnixMilliseconds)
        async throws(StoreError) -> LoginRecord?
    {
        try await read(LoginSQL.ofUnusedToken(.bytes(token.bytes), .at(at)), Self.login).first
    }

    package func login(_ organisation: OrganisationID, _ login: LoginID)
        async throws(StoreError) -> LoginRecord?
    {
        var record = try await read(LoginSQL.find(organisation, .id(login)), Self.login).first
        if record?.revokedAt == nil { record?.revokedAt = unwritten.end(of: login) }
        return record
    }

    package func revokedLogins(_ organisation: OrganisationID, _ logins: [LoginID])
        async throws(StoreError) -> [LoginID]
    {
        let rows = try await rows(Job(.read, LoginSQL.alive(organisation, logins)))
        var alive: Set<LoginID> = []
        for part in rows {
            alive.formUnion(sound(.login, part) { row throws(DecodingFault) -> LoginID in try row.id(0) })
        }
        return logins.filter { !alive.contains($0) || unwritten.end(of: $0) != nil }
    }

    /// Those that are not revoked, last used first, at most 1,000.
    package func logins(of account: AccountID) async throws(StoreError) -> [LoginRecord] {
        try await list(.login, LoginSQL.ofAccount(.id(account)), Self.login).filter { unwritten.end(of: $0.id) == nil }
    }

    package func revokeLogin(_ account: AccountID, _ login: LoginID, at: UnixMilliseconds)
        async throws(StoreError) -> Bool
    {
        do throws(StoreError) {
            return try await writeRevocation(account, login, at: at)
        } catch {
            if unwritten.add(.init(login: login, account: account, at: at)) {
                Task { await self.writeRevocations() }
            }
            throw error
        }
    }

    /// Until all are written, or the store is closed.
    private func writeRevocations() async {
        while let end = unwritten.next() {
            do {
                _ = try await writeRevocation(end.account, end.login, at: end.at)
                unwritten.written(end.login)
            } catch {
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func writeRevocation(_ account: AccountID, _ login: LoginID, at: UnixMilliseconds)
        async throws(StoreError) -> Bool
    {
        let values = (Value.id(account), Value.id(login), Value.at(at))
        let rows = try await rows(
            Job(.write, [
                LoginSQL.revoke(values.0, values.1, values.2),
                LoginSQL.bumpRevision(values.0, values.1, values.2),
            ]))
        return rows[0].changed == 1
    }

    static func login(_ row: Row) throws(DecodingFault) -> LoginRecord {
        LoginRecord(
            id: try row.id(0), account: try row.id(1), organisation: try row.id(2),
            createdAt: try row.at(3), lastUsedAt: try row.at(4),
            refreshLifetimeMilliseconds: try row.integer(5), address: try row.text(6),
            userAgent: try row.text(7), revokedAt: row.isNull(8) ? nil : try row.at(8))
    }
}
