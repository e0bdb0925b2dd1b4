// Passwords, resets and names in SQL. A reset is used by deleting its row, which those who use it at once
// lock one after the other; everything else of the transaction finds its account by that row.

package import Model
package import Ports

enum PasswordSQL {
    static let rename = SharedStatement(
        "UPDATE account SET first_name = $2, last_name = $3 WHERE id = $1")
    static let bumpRevisions = SharedStatement(
        """
        UPDATE organisation SET revision = revision + 1 WHERE id IN (
            SELECT m.organisation FROM member m WHERE m.account = $1 AND m.removed_at IS NULL)
        """)
    /// $2 the sign-in that stays.
    static let aliveLogins = SharedStatement(
        "SELECT \(LoginSQL.columns) FROM login l WHERE l.account = $1 AND l.id <> $2 AND l.revoked_at IS NULL")
    /// $2 the sign-in that stays, $3 now.
    static let endLogins = SharedStatement(
        "UPDATE login SET revoked_at = $3 WHERE account = $1 AND id <> $2 AND revoked_at IS NULL")
    static let dropReset = SharedStatement("DELETE FROM password_reset WHERE account = $1")

    static let insertReset = SharedStatement(
        """
        INSERT INTO password_reset (account, token, made_in, created_by, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """)
    static let reset = SharedStatement(
        """
        SELECT account, made_in, created_by, expires_at FROM password_reset
        WHERE token = $1 AND expires_at > $2
        """)

    // Using one, in this order, in one transaction. $1 token, $2 now.
    static let lockReset = SharedStatement(
        "SELECT account FROM password_reset WHERE token = $1 AND expires_at > $2 {lock}")
    /// $3 the hash.
    static let setByReset = SharedStatement(
        """
        UPDATE account SET password_hash = $3 WHERE id IN (
            SELECT r.account FROM password_reset r WHERE r.token = $1 AND r.expires_at > $2)
        """)
    static let loginsByReset = SharedStatement(
        """
        SELECT \(LoginSQL.columns) FROM password_reset r JOIN login l ON l.account = r.account
        WHERE r.token = $1 AND r.expires_at > $2 AND l.revoked_at IS NULL
        """)
    static let endLoginsByReset = SharedStatement(
        """
        UPDATE login SET revoked_at = $2 WHERE revoked_at IS NULL AND account IN (
            SELECT r.account FROM password_reset r WHERE r.token = $1 AND r.expires_at > $2)
        """)
    static let bumpByReset = SharedStatement(
        """
        UPDATE organisation SET revision = revision + 1 WHERE id IN (
            SELECT m.organisation FROM password_reset r JOIN member m ON m.account = r.account
            WHERE r.token = $1 AND r.expires_at > $2 AND m.removed_at IS NULL)
        """)
    static let useReset = SharedStatement("DELETE FROM password_reset WHERE token = $1 AND expires_at > $2")

    /// Also those who were removed.
    static let colleagues = BatchStatement(
        """
        SELECT a.id, a.first_name, a.last_name, m.removed_at FROM member m JOIN account a ON a.id = m.account
        WHERE m.organisation = $1 AND m.account IN ({ids})
        """)
}

extension Store {
    package func setPassword(_ account: AccountID, _ hash: Private<PasswordTag>, sparing: LoginID,
                             at: UnixMilliseconds) async throws(StoreError) -> [LoginRecord]
    {
        let (subject, login) = (Value.id(account), Value.id(sparing))
        let rows = try await rows(
            Job(.write, [
                PeopleSQL.setPassword(subject, .text(hash.reveal)), PasswordSQL.dropReset(subject),
                PasswordSQL.aliveLogins(subject, login), PasswordSQL.endLogins(subject, login, .at(at)),
                PasswordSQL.bumpRevisions(subject),
            ]))
        return try decoded { () throws(DecodingFault) in try rows[2].map(Self.login) }
    }

    package func rename(_ account: AccountID, first: String, last: String) async throws(StoreError) {
        _ = try await rows(
            Job(.write, [
                PasswordSQL.rename(.id(account), .text(first), .text(last)),
                PasswordSQL.bumpRevisions(.id(account)),
            ]))
    }

    package func createPasswordReset(_ reset: PasswordReset, token: TokenHash, at: UnixMilliseconds)
        async throws(StoreError)
    {
        _ = try await rows(
            Job(.write, [
                PasswordSQL.dropReset(.id(reset.account)),
                PasswordSQL.insertReset(
                    .id(reset.account), .bytes(token.bytes), .id(reset.organisation), .id(reset.createdBy),
                    .at(at), .at(reset.expiresAt)),
            ]))
    }

    package func passwordReset(token: TokenHash, at: UnixMilliseconds)
        async throws(StoreError) -> PasswordReset?
    {
        try await read(PasswordSQL.reset(.bytes(token.bytes), .at(at))) { row throws(DecodingFault) in
            PasswordReset(
                account: try row.id(0), organisation: row.isNull(1) ? nil : try row.id(1),
                createdBy: row.isNull(2) ? nil : try row.id(2), expiresAt: try row.at(3))
        }.first
    }

    package func usePasswordReset(token: TokenHash, _ hash: Private<PasswordTag>, at: UnixMilliseconds)
        async throws(StoreError) -> [LoginRecord]?
    {
        let (token, now) = (Value.bytes(token.bytes), Value.at(at))
        let rows = try await rows(
            Job(.write, [
                PasswordSQL.lockReset(token, now), PasswordSQL.setByReset(token, now, .text(hash.reveal)),
                PasswordSQL.loginsByReset(token, now), PasswordSQL.endLoginsByReset(token, now),
                PasswordSQL.bumpByReset(token, now), PasswordSQL.useReset(token, now),
            ]))
        guard rows[5].changed == 1 else { return nil }
        return try decoded { () throws(DecodingFault) in try rows[2].map(Self.login) }
    }

    package func people(_ organisation: OrganisationID, among accounts: [AccountID])
        async throws(StoreError) -> [Colleague]
    {
        guard !accounts.isEmpty else { return [] }
        let rows = try await rows(Job(.read, PasswordSQL.colleagues(organisation, accounts)))
        return try decoded { () throws(DecodingFault) in
            var found: [Colleague] = []
            for part in rows {
                found += try part.map { row throws(DecodingFault) in
                    Colleague(account: try row.id(0), firstName: try row.text(1), lastName: try row.text(2),
                              isFormer: !row.isNull(3))
                }
            }
            return found
        }
    }
}
