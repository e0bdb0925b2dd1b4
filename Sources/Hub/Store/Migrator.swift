// Brings a database up to this version of the tables: each migration in a transaction of its own,
// recorded with its checksum. Refuses what it does not know: a foreign database, a newer one, an
// altered one. Two hubs that start together take turns.

import Model

/// Statements in one transaction each call; the connection of either engine before it serves.
protocol MigrationConnection {
    func transact(_ statements: [Bound]) async throws(Failure) -> [Rows]
}

struct Migrator: Sendable {
    let dialect: Dialect
    let at: UnixMilliseconds
    var migrations = Schema.migrations

    init(dialect: Dialect, at: UnixMilliseconds, migrations: [Migration] = Schema.migrations) {
        self.dialect = dialect
        self.at = at
        self.migrations = migrations
    }

    private static let create = SharedStatement(
        """
        CREATE TABLE IF NOT EXISTS hub_migration (
            number {int} PRIMARY KEY, name TEXT NOT NULL, checksum {int} NOT NULL,
            applied_at {int} NOT NULL) {options}
        """)
    private static let applied = SharedStatement(
        "SELECT number, name, checksum FROM hub_migration ORDER BY number")
    private static let record = SharedStatement(
        "INSERT INTO hub_migration (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)")

    /// - Parameter then: with the tables in place, while other hubs still wait.
    func run<Connection: MigrationConnection>(
        on connection: Connection, then: (Connection) async throws(Failure) -> Void
    ) async throws(MigrationError) {
        do throws(Failure) {
            if let lock = dialect.migrationLock { _ = try await connection.transact([lock()]) }
        } catch {
            throw .failed(error, migration: nil)
        }
        // The lock of PostgreSQL ends with its session where this fails: an error ends the start.
        try await migrate(connection)
        do throws(Failure) {
            try await then(connection)
            if let unlock = dialect.migrationUnlock { _ = try await connection.transact([unlock()]) }
        } catch {
            throw .failed(error, migration: nil)
        }
    }

    private func migrate(_ connection: some MigrationConnection) async throws(MigrationError) {
        let known: [(number: Int64, name: String, checksum: Int64)]
        do throws(Failure) {
            let census = try await connection.transact([dialect.census()])[0]
            guard let row = census.first, let tables = try? row.integer(0),
                let ours = try? row.integer(1)
            else { throw .fault("the database does not say which tables it has") }
            if tables > 0, ours == 0 { throw .constraint("foreign") }
            if ours == 0 { _ = try await connection.transact([Self.create()]) }
            let rows = try await connection.transact([Self.applied()])[0]
            do throws(DecodingFault) {
                known = try rows.map { row throws(DecodingFault) in
                    (try row.integer(0), try row.text(1), try row.integer(2))
                }
            } catch {
                throw .fault("the list of migrations is damaged")
            }
        } catch {
            if case .constraint = error { throw .foreign }
            throw .failed(error, migration: nil)
        }

        for (index, done) in known.enumerated() {
            guard index < migrations.count else {
                throw .newer(have: Int64(known.count), need: Int64(migrations.count))
            }
            guard done.number == migrations[index].number, done.checksum == migrations[index].checksum
            else { throw .altered(number: done.number, name: done.name) }
        }
        for migration in migrations.dropFirst(known.count) {
            let statements =
                migration.statements.map { SharedStatement($0)() } + [
                    Self.record(.integer(migration.number), .text(migration.name),
                                .integer(migration.checksum), .at(at))
                ]
            do throws(Failure) {
                _ = try await connection.transact(statements)
            } catch {
                throw .failed(error, migration: migration.name)
            }
        }
    }
}

enum MigrationError: Error {
    case foreign
    case newer(have: Int64, need: Int64)
    case altered(number: Int64, name: String)
    case failed(Failure, migration: String?)
}
