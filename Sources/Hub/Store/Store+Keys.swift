// Wrapped keys in SQL. What is stored here opens nothing without the master key.

package import Model
package import Ports

enum KeySQL {
    static let installation = SharedStatement(
        "SELECT salt, master_check, signing_key FROM installation")
    static let establishInstallation = SharedStatement(
        """
        INSERT INTO installation (one, salt, master_check, signing_key) VALUES (1, $1, $2, $3)
        ON CONFLICT (one) DO NOTHING
        """)
    static let find = TenantStatement(
        """
        SELECT id, parent, purpose, state, wrapped, check_value, created_at FROM wrapped_key
        WHERE organisation = $1 AND id = $2
        """)
    static let active = TenantStatement(
        """
        SELECT id, parent, purpose, state, wrapped, check_value, created_at FROM wrapped_key
        WHERE organisation = $1 AND purpose = $2 AND state = 1
        """)
    static let establish = TenantStatement(
        """
        INSERT INTO wrapped_key (organisation, id, parent, purpose, state, wrapped, check_value, created_at)
        VALUES ($1, $2, $3, $4, 1, $5, $6, $7)
        ON CONFLICT (organisation, purpose) WHERE state = 1 DO NOTHING
        """)
}

extension Store {
    package func installation() async throws(StoreError) -> InstallationRecord? {
        try await read(KeySQL.installation(), Self.installation).first
    }

    package func establishInstallation(_ record: InstallationRecord)
        async throws(StoreError) -> InstallationRecord
    {
        let rows = try await rows(
            Job(.write, [
                KeySQL.establishInstallation(.bytes(record.salt), .bytes(record.masterCheckValue),
                                             .bytes(record.signingKey)),
                KeySQL.installation(),
            ]))
        return try decoded { () throws(DecodingFault) in
            guard let row = rows[1].first else { throw DecodingFault(column: 0) }
            return try Self.installation(row)
        }
    }

    package func key(_ organisation: OrganisationID, _ key: KeyID)
        async throws(StoreError) -> WrappedKey?
    {
        // A key that cannot be read is like none: what it sealed is damaged.
        try await list(.key, KeySQL.find(organisation, .id(key)), Self.key).first
    }

    package func activeKey(_ organisation: OrganisationID, _ purpose: KeyPurpose?)
        async throws(StoreError) -> WrappedKey?
    {
        try await read(KeySQL.active(organisation, Self.number(purpose)), Self.key).first
    }

    package func establishKey(_ organisation: OrganisationID, _ key: WrappedKey)
        async throws(StoreError) -> WrappedKey
    {
        precondition(key.state == .active, "only an active key is established")
        let rows = try await rows(
            Job(.write, [
                KeySQL.establish(
                    organisation, .id(key.id), .id(key.parent), Self.number(key.purpose),
                    .bytes(key.wrapped), .bytes(key.checkValue), .at(key.createdAt)),
                KeySQL.active(organisation, Self.number(key.purpose)),
            ]))
        return try decoded { () throws(DecodingFault) in
            guard let row = rows[1].first else { throw DecodingFault(column: 0) }
            return try Self.key(row)
        }
    }

    /// 0 is the organisation's own key.
    private static func number(_ purpose: KeyPurpose?) -> Value {
        .integer(Int64(purpose?.rawValue ?? 0))
    }

    private static func installation(_ row: Row) throws(DecodingFault) -> InstallationRecord {
        InstallationRecord(salt: try row.bytes(0), masterCheckValue: try row.bytes(1),
                           signingKey: try row.bytes(2))
    }

    private static func key(_ row: Row) throws(DecodingFault) -> WrappedKey {
        WrappedKey(
            id: try row.id(0), parent: row.isNull(1) ? nil : try row.id(1),
            purpose: try row.integer(2) == 0 ? nil : try row.raw(2), state: try row.raw(3),
            wrapped: try row.bytes(4), checkValue: try row.bytes(5), createdAt: try row.at(6))
    }
}
