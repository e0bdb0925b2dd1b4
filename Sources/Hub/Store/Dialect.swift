// All that differs between the two databases: column types, row locks, session settings, and what an
// error code means. Statements themselves are the same text in both; what is in braces is filled in
// here.

import CSQLite
import Glibc
import Ports

enum Dialect: Sendable {
    case sqlite
    case postgres

    /// The statement as this database wants it.
    func render(_ text: String) -> String {
        guard text.contains("{") else { return text }
        var out = ""
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            out += rest[..<open]
            out += word(rest[rest.index(after: open)..<close])
            rest = rest[rest.index(after: close)...]
        }
        return out + rest
    }

    private func word(_ name: Substring) -> String {
        switch (name, self) {
        case ("int", .sqlite): "INTEGER"
        case ("int", .postgres): "bigint"
        case ("id", .sqlite): "BLOB"
        case ("id", .postgres): "uuid"
        case ("bytes", .sqlite): "BLOB"
        case ("bytes", .postgres): "bytea"
        // Rows live in the tree of their primary key: one tree less to write, pages of a log in order.
        case ("options", .sqlite), ("hot", .sqlite): "STRICT, WITHOUT ROWID"
        case ("options", .postgres): ""
        // Room for new versions of a row on its own page, so that an update touches no index.
        case ("hot", .postgres): "WITH (fillfactor = 50)"
        // SQLite has one writer at a time; nothing needs a lock.
        case ("lock", .sqlite), ("share", .sqlite): ""
        case ("lock", .postgres): "FOR UPDATE"
        case ("share", .postgres): "FOR SHARE"
        default: preconditionFailure("unknown word \(name) in a statement")
        }
    }

    // What tells a database of ours from others.

    /// One row: how many tables there are, and how many of them are our list of migrations.
    var census: SharedStatement {
        switch self {
        case .sqlite: Self.sqliteCensus
        case .postgres: Self.postgresCensus
        }
    }
    private static let sqliteCensus = SharedStatement(
        """
        SELECT COUNT(*), COALESCE(SUM(name = 'hub_migration'), 0) FROM sqlite_schema
        WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        """)
    private static let postgresCensus = SharedStatement(
        """
        SELECT COUNT(*), COUNT(*) FILTER (WHERE tablename = 'hub_migration')
        FROM pg_catalog.pg_tables WHERE schemaname = current_schema()
        """)

    /// Statements around the migrations that keep two hubs from running them at the same time. SQLite
    /// needs none: the file is locked for as long as the hub runs.
    var migrationLock: SharedStatement? { self == .postgres ? Self.lockMigrations : nil }
    var migrationUnlock: SharedStatement? { self == .postgres ? Self.unlockMigrations : nil }
    // The first number says that it is a hub's lock.
    private static let lockMigrations = SharedStatement(
        "SELECT pg_advisory_lock(716540631, hashtext(current_schema()))::text")
    private static let unlockMigrations = SharedStatement(
        "SELECT pg_advisory_unlock(716540631, hashtext(current_schema()))::text")
}

/// What went wrong, as far as the store's behaviour depends on it.
enum Failure: Error, Sendable {
    /// A constraint said no: a duplicate, a moved head.
    case constraint(String)
    /// Other transactions were in the way; the same job may succeed now.
    case contention(String)
    case storageFull
    case unavailable(String)
    /// The commit failed in a way that may have left it standing.
    case uncertain(String)
    case fault(String)

    /// What the database said.
    var text: String {
        switch self {
        case .constraint(let text), .contention(let text), .unavailable(let text), .uncertain(let text),
             .fault(let text): text
        case .storageFull: "the disk is full or read-only"
        }
    }

    var storeError: StoreError {
        switch self {
        case .constraint(let text), .fault(let text): .fault(text)
        case .contention(let text), .unavailable(let text): .unavailable(text)
        case .uncertain(let text): .uncertain(text)
        case .storageFull: .storageFull
        }
    }
}

// MARK: SQLite

extension Dialect {
    /// SQLite's own default, which no database of a hub changes.
    static let sqlitePageBytes = 4_096

    /// Run once on each connection. `synchronous=FULL` makes WAL call fsync at each commit.
    static let sqlitePragmas = [
        "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON",
        "PRAGMA temp_store = MEMORY",
        // Behind a burst the log is cut to this; see Checkpointer for when it is copied.
        "PRAGMA journal_size_limit = 134217728",
    ]

    /// What each of these must then answer; a file system without shared memory refuses WAL.
    static let sqliteVerified = [
        ("PRAGMA journal_mode", Value.text("wal")), ("PRAGMA synchronous", .integer(2)),
        ("PRAGMA foreign_keys", .integer(1)),
    ]

    /// The meaning of an extended result code (sqlite.org/rescode.html); `errno` is that of the
    /// system call behind it. `committing`: it came from COMMIT.
    static func sqliteFailure(code: Int32, errno: Int32, committing: Bool, text: String) -> Failure {
        switch code & 0xFF {
        case SQLITE_CONSTRAINT: return .constraint(text)
        case SQLITE_FULL, SQLITE_READONLY: return .storageFull
        case SQLITE_BUSY, SQLITE_LOCKED: return .contention(text)
        case SQLITE_NOMEM, SQLITE_INTERRUPT: return .unavailable(text)
        case SQLITE_IOERR where [ENOSPC, EDQUOT, EFBIG, EROFS].contains(errno): return .storageFull
        // The log may hold a complete commit that a restart would find.
        case SQLITE_IOERR where committing: return .uncertain(text)
        case SQLITE_IOERR, SQLITE_CANTOPEN: return .unavailable(text)
        default: return .fault(text)
        }
    }
}

// MARK: PostgreSQL

extension Dialect {
    /// Run once in each session: what must hold for "acknowledged means durable", and facts to check.
    static func postgresSession(_ statementMilliseconds: UInt32) -> String {
        """
        SELECT set_config('synchronous_commit',
                CASE current_setting('synchronous_commit')
                WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
            set_config('statement_timeout', '\(statementMilliseconds)', false),
            set_config('default_transaction_isolation', 'read committed', false),
            set_config('standard_conforming_strings', 'on', false),
            current_setting('server_encoding'), current_setting('fsync'),
            current_setting('server_version_num'),
            (SELECT system_identifier FROM pg_control_system()) || '/'
                || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) || '/'
                || (SELECT oid FROM pg_database WHERE datname = current_database()),
            pg_current_wal_flush_lsn() - '0/0'::pg_lsn
        """
    }

    /// The last two columns of it.
    static func postgresIdentity(_ row: [String]) -> PostgresIdentity? {
        guard row.count == 9, let position = UInt64(row[8]) else { return nil }
        return PostgresIdentity(server: row[7], position: position)
    }

    /// Run once in the session of the bus. The last column is the name under which the hubs notify each
    /// other: the schema is part of it. Notices are hints and wait for no disk.
    static func postgresBusSession(_ statementMilliseconds: UInt32) -> String {
        """
        SELECT set_config('synchronous_commit', 'off', false),
            set_config('statement_timeout', '\(statementMilliseconds)', false),
            'hub_' || to_hex(hashtext(current_schema()))
        """
    }

    /// $1 the name, $2 an array of payloads.
    static let postgresNotify = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) payload"

    /// Why the hub must not work with this server; the row is that of `postgresSession`.
    static func postgresProblem(_ row: [String]) -> String? {
        guard row.count == 9 else { return "the server does not describe itself" }
        if row[0] != "on", row[0] != "remote_apply" { return "synchronous_commit cannot be switched on" }
        if row[4] != "UTF8" { return "the database's encoding is \(row[4]), UTF8 is needed" }
        if row[5] != "on" { return "the server runs with fsync = off and would lose what it confirmed" }
        if (Int(row[6]) ?? 0) < 140_000 { return "PostgreSQL 14 or later is needed" }
        return nil
    }

    /// The meaning of a SQLSTATE (PostgreSQL documentation, appendix A).
    static func postgresFailure(state: String, text: String) -> Failure {
        switch state {
        case "40001", "40P01", "55P03": .contention(text)
        case "53100": .storageFull
        case "57014": .unavailable(text)
        case _ where state.hasPrefix("23"): .constraint(text)
        case _ where state.hasPrefix("08") || state.hasPrefix("53") || state.hasPrefix("57P")
            || state.hasPrefix("58") || state == "25006": .unavailable(text)
        default: .fault(text)
        }
    }
}
