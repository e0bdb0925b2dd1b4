// SQL past the store, for tests that prepare or look at a database from outside.

import CPQ
import CSQLite
import Store

extension Place {
    func execute(_ sql: String) throws { _ = try query(sql) }

    /// The first column of each row, as text.
    func query(_ sql: String) throws -> [String] {
        switch location {
        case .sqlite: try RawSQLite(self).query(sql)
        case .postgres(let url): try PostgresServer(url: url).query(sql)
        }
    }
}

/// A connection of its own to a SQLite file.
final class RawSQLite {
    private var handle: OpaquePointer?

    init(_ place: Place) throws {
        guard case .sqlite(let path) = place.location, sqlite3_open(path, &handle) == SQLITE_OK
        else { throw Fault("cannot open SQLite") }
    }

    deinit { sqlite3_close(handle) }

    func execute(_ sql: String) throws {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else {
            throw Fault(String(cString: sqlite3_errmsg(handle)))
        }
    }

    func query(_ sql: String) throws -> [String] {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else {
            throw Fault(String(cString: sqlite3_errmsg(handle)))
        }
        defer { sqlite3_finalize(statement) }
        var values: [String] = []
        while sqlite3_step(statement) == SQLITE_ROW {
            values.append(sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? "")
        }
        guard sqlite3_errcode(handle) == SQLITE_DONE else {
            throw Fault(String(cString: sqlite3_errmsg(handle)))
        }
        return values
    }
}
