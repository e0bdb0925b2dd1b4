// Roles and removals in SQL. Who may do what, and that an organisation keeps an owner, is decided by the
// statement that makes the change; those who change the same organisation at once go one after the other.

package import Model
package import Ports

enum MemberSQL {
    /// Everybody whose row the decision rests on, in one order. $2 subject.
    static let lock = TenantStatement(
        """
        SELECT account FROM member WHERE organisation = $1 AND (account = $2 OR role >= 2)
        ORDER BY account {lock}
        """)

    /// The rule of `MemberRule.mayChange`. $2 subject, $3 actor, $4 role; 2 is admin, 3 owner.
    static let changeRole = TenantStatement(
        """
        UPDATE member SET role = $4
        WHERE organisation = $1 AND account = $2 AND removed_at IS NULL
        AND EXISTS (
            SELECT 1 FROM member a
            WHERE a.organisation = $1 AND a.account = $3 AND a.removed_at IS NULL
            AND (a.role = 3 OR a.role = 2 AND member.role < 3 AND $4 < 3))
        AND (role < 3 OR $4 = 3 OR EXISTS (
            SELECT 1 FROM member o
            WHERE o.organisation = $1 AND o.account <> $2 AND o.role = 3 AND o.removed_at IS NULL))
        """)
    /// The rule of `MemberRule.mayRemove`, and everybody may remove themselves. $2 subject, $3 actor,
    /// $4 now.
    static let remove = TenantStatement(
        """
        UPDATE member SET removed_at = $4
        WHERE organisation = $1 AND account = $2 AND removed_at IS NULL
        AND EXISTS (
            SELECT 1 FROM member a
            WHERE a.organisation = $1 AND a.account = $3 AND a.removed_at IS NULL
            AND (a.account = $2 OR a.role = 3 OR a.role = 2 AND member.role < 3))
        AND (role < 3 OR EXISTS (
            SELECT 1 FROM member o
            WHERE o.organisation = $1 AND o.account <> $2 AND o.role = 3 AND o.removed_at IS NULL))
        """)

    /// Behind the change of a row of a member or several.
    static let bumpRevision = SharedStatement("UPDATE organisation SET \(PeopleSQL.nextRevision) WHERE id = $1")

    // What ends with it; each looks at the row as it has become, so a refused change ends nothing.
    /// Direct conversations (kind 3) stay. $2 subject.
    static let leaveChannels = TenantStatement(
        """
        DELETE FROM channel_member WHERE organisation = $1 AND account = $2
        AND channel IN (SELECT c.id FROM channel c WHERE c.organisation = $1 AND c.kind <> 3)
        AND NOT EXISTS (
            SELECT 1 FROM member m
            WHERE m.organisation = $1 AND m.account = $2 AND m.removed_at IS NULL)
        """)
    /// $2 subject, $3 now.
    static let endLogins = TenantStatement(
        """
        UPDATE login SET revoked_at = $3 WHERE organisation = $1 AND account = $2 AND revoked_at IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM member m
            WHERE m.organisation = $1 AND m.account = $2 AND m.removed_at IS NULL)
        """)
    /// Those that the subject could not make now. $2 subject, $3 now.
    static let endInvitations = TenantStatement(
        """
        UPDATE invitation SET expires_at = $3
        WHERE organisation = $1 AND created_by = $2 AND expires_at > $3 AND NOT EXISTS (
            SELECT 1 FROM member m
            WHERE m.organisation = $1 AND m.account = $2 AND m.removed_at IS NULL AND m.role >= 2
            AND m.role >= invitation.role)
        """)
}

extension Store {
    package func changeRole(_ organisation: OrganisationID, _ account: AccountID, to role: Role,
                            by actor: AccountID, at: UnixMilliseconds)
        async throws(StoreError) -> MemberOutcome
    {
        try await change(organisation, account, by: actor, [
            MemberSQL.changeRole(organisation, .id(account), .id(actor), .integer(Int64(role.rawValue))),
            MemberSQL.endInvitations(organisation, .id(account), .at(at)),
        ])
    }

    package func removePerson(_ organisation: OrganisationID, _ account: AccountID,
                              by actor: AccountID, at: UnixMilliseconds)
        async throws(StoreError) -> MemberOutcome
    {
        try await change(organisation, account, by: actor, [
            MemberSQL.remove(organisation, .id(account), .id(actor), .at(at)),
            MemberSQL.leaveChannels(organisation, .id(account)),
            MemberSQL.endLogins(organisation, .id(account), .at(at)),
            MemberSQL.endInvitations(organisation, .id(account), .at(at)),
        ])
    }

    /// - Parameter statements: the first one changes the subject's row or does nothing.
    private func change(_ organisation: OrganisationID, _ account: AccountID, by actor: AccountID,
                        _ statements: [Bound]) async throws(StoreError) -> MemberOutcome
    {
        let rows = try await rows(
            Job(.write, [MemberSQL.lock(organisation, .id(account))] + statements + [
                // Also where nothing changed: who looks again finds that out.
                MemberSQL.bumpRevision(.id(organisation)),
                PeopleSQL.person(organisation, .id(account)), PeopleSQL.person(organisation, .id(actor)),
            ]))
        return try decoded { () throws(DecodingFault) in
            let subject = try rows[rows.count - 2].map(Self.member).first
            let actor = try rows[rows.count - 1].map(Self.member).first
            return rows[1].changed == 1
                ? .done(subject) : .refused(actor: actor?.role, subject: subject?.role)
        }
    }
}
