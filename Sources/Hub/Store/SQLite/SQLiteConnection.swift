// One connection to a SQLite file and its prepared statements. It belongs to one thread at a time and
// blocks that thread; who shares the work among threads is `SQLiteEngine`.

import CSQLite
import Model

/// Not Sendable on purpose: the engine hands each connection to the one thread that uses it.
final class SQLiteConnection {
    private let handle: OpaquePointer
    private var prepared: [ObjectIdentifier: Prepared] = [:]
    /// The values of the statement that is running, one behind the other.
    private var lent: [UInt8] = []

    private struct Prepared {
        let statement: OpaquePointer
        let sql: SQL
        /// The number that SQLite has for `$n`, at n; 0: the statement does not use it.
        let indices: [Int32]
        let columns: Int
    }

    /// Opens the file, for reading only if so said, and applies and verifies the settings.
    init(path: String, readOnly: Bool) throws(Failure) {
        _ = Self.configured
        var raw: OpaquePointer?
        let mode = readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let code = sqlite3_open_v2(path, &raw, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard let raw else { throw .unavailable("sqlite has no memory for a connection") }
        guard code == SQLITE_OK else {
            let failure = Self.failure(raw, code, committing: false)
            sqlite3_close_v2(raw)
            throw failure
        }
        handle = raw
        sqlite3_busy_timeout(raw, 5_000)
        if readOnly {
            try execute("PRAGMA query_only = ON")
            return
        }
        for pragma in Dialect.sqlitePragmas { try execute(pragma) }
        for (pragma, wanted) in Dialect.sqliteVerified {
            let rows = try run(Bound(sql: SQL(pragma), values: []))
            guard rows.cells.first == wanted else { throw .fault("\(pragma) cannot be set") }
        }
    }

    /// Pages in the write-ahead log as of the last commit; with `leaveCheckpoints` only.
    private(set) var logPages = 0

    /// Commits copy nothing from the log into the file any more.
    func leaveCheckpoints() {
        sqlite3_wal_hook(handle, { connection, _, _, pages in
            Unmanaged<SQLiteConnection>.fromOpaque(connection!).takeUnretainedValue().logPages = Int(pages)
            return SQLITE_OK
        }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Copies what it can from the log into the file, and syncs that, without waiting for readers or the
    /// writer; how many pages of the log are copied now. `nil`: it failed, or somebody else is doing it.
    func checkpoint() -> Int? {
        var copied: Int32 = 0
        let code = sqlite3_wal_checkpoint_v2(handle, "main", SQLITE_CHECKPOINT_PASSIVE, nil, &copied)
        return code == SQLITE_OK ? Int(copied) : nil
    }

    deinit {
        for (_, entry) in prepared { sqlite3_finalize(entry.statement) }
        sqlite3_close_v2(handle)
    }

    /// Text without parameters that is not kept.
    func execute(_ text: String) throws(Failure) {
        let code = sqlite3_exec(handle, text, nil, nil, nil)
        if code != SQLITE_OK { throw Self.failure(handle, code, committing: false) }
    }

    func begin() throws(Failure) { _ = try run(Bound(sql: Self.beginning, values: [])) }
    func commit() throws(Failure) { _ = try run(Bound(sql: Self.commit, values: []), committing: true) }
    func rollBack() throws(Failure) { try execute("ROLLBACK") }
    func setSavepoint() throws(Failure) { _ = try run(Bound(sql: Self.savepoint, values: [])) }
    func releaseSavepoint() throws(Failure) { _ = try run(Bound(sql: Self.release, values: [])) }
    func rollBackToSavepoint() throws(Failure) { try execute("ROLLBACK TO job; RELEASE job") }
    private static let beginning = SQL("BEGIN IMMEDIATE")
    private static let commit = SQL("COMMIT")
    private static let savepoint = SQL("SAVEPOINT job")
    private static let release = SQL("RELEASE job")

    /// Whether a transaction is open. Some errors end it by themselves.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Runs a statement to its end.
    func run(_ bound: Bound, committing: Bool = false) throws(Failure) -> Rows {
        let prepared = try prepare(bound.sql)
        lend(bound.values)
        return try lent.withUnsafeBufferPointer { lent throws(Failure) in
            try run(prepared, bound.values, UnsafeRawBufferPointer(lent), committing: committing)
        }
    }

    /// - Parameter lent: the bytes of the values, which SQLite reads where they are.
    private func run(_ prepared: Prepared, _ values: [Value], _ lent: UnsafeRawBufferPointer,
                     committing: Bool) throws(Failure) -> Rows
    {
        let statement = prepared.statement
        defer {
            sqlite3_reset(statement)
            // Nothing may point to what was lent when this returns.
            if !values.isEmpty { sqlite3_clear_bindings(statement) }
        }
        try bind(prepared, values, lent)
        var rows = Rows()
        rows.width = prepared.columns
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW:
                for column in 0..<Int32(rows.width) { rows.cells.append(cell(statement, column)) }
            case SQLITE_DONE:
                if rows.width == 0 { rows.changed = Int(sqlite3_changes(handle)) }
                return rows
            case let code:
                throw Self.failure(handle, code, committing: committing)
            }
        }
    }

    private func prepare(_ sql: SQL) throws(Failure) -> Prepared {
        let key = ObjectIdentifier(sql)
        if let entry = prepared[key] { return entry }
        var raw: OpaquePointer?
        let text = Dialect.sqlite.render(sql.text)
        let code = sqlite3_prepare_v3(handle, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &raw, nil)
        guard code == SQLITE_OK, let raw else {
            throw Self.failure(handle, code, committing: false)
        }
        // `$n` is a named parameter to SQLite, numbered by its first appearance. A statement need not use
        // every parameter that it is given.
        let indices = Self.names.map { sqlite3_bind_parameter_index(raw, $0) }
        let entry = Prepared(statement: raw, sql: sql, indices: indices,
                             columns: Int(sqlite3_column_count(raw)))
        prepared[key] = entry
        return entry
    }

    private func lend(_ values: [Value]) {
        lent.removeAll(keepingCapacity: lent.capacity <= Self.lentMax)
        for value in values {
            switch value {
            case .null, .integer: break
            case .text(let text): lent.append(contentsOf: text.utf8)
            case .bytes(let bytes): lent.append(contentsOf: bytes)
            case .id(let high, let low):
                withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { lent.append(contentsOf: $0) }
            }
        }
        // Empty values need an address too.
        lent.append(0)
    }

    private static let lentMax = 64 << 10

    private func bind(_ prepared: Prepared, _ values: [Value], _ lent: UnsafeRawBufferPointer)
        throws(Failure)
    {
        var at = lent.baseAddress!
        for (place, value) in values.enumerated() {
            let (statement, index) = (prepared.statement, prepared.indices[place + 1])
            let code: Int32
            let size: Int
            switch value {
            case .null:
                size = 0
                code = index == 0 ? SQLITE_OK : sqlite3_bind_null(statement, index)
            case .integer(let integer):
                size = 0
                code = index == 0 ? SQLITE_OK : sqlite3_bind_int64(statement, index, integer)
            case .text(let text):
                size = text.utf8.count
                code = index == 0 ? SQLITE_OK
                    : sqlite3_bind_text(statement, index, at.assumingMemoryBound(to: CChar.self),
                                        Int32(size), Self.isStatic)
            case .bytes(let bytes):
                size = bytes.count
                code = index == 0 ? SQLITE_OK
                    : sqlite3_bind_blob(statement, index, at, Int32(size), Self.isStatic)
            case .id:
                size = 16
                code = index == 0 ? SQLITE_OK
                    : sqlite3_bind_blob(statement, index, at, 16, Self.isStatic)
            }
            if code != SQLITE_OK { throw Self.failure(handle, code, committing: false) }
            at += size
        }
    }

    private func cell(_ statement: OpaquePointer, _ column: Int32) -> Value {
        switch sqlite3_column_type(statement, column) {
        case SQLITE_INTEGER:
            return .integer(sqlite3_column_int64(statement, column))
        case SQLITE_TEXT:
            guard let text = sqlite3_column_text(statement, column) else { return .text("") }
            let count = Int(sqlite3_column_bytes(statement, column))
            return .text(String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self))
        case SQLITE_BLOB:
            let count = Int(sqlite3_column_bytes(statement, column))
            guard let blob = sqlite3_column_blob(statement, column) else { return .bytes([]) }
            let raw = UnsafeRawBufferPointer(start: blob, count: count)
            if count == 16 {
                return .id(high: UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
                           low: UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
            return .bytes([UInt8](raw))
        default:
            return .null(.integer)
        }
    }

    private static func failure(_ handle: OpaquePointer, _ code: Int32, committing: Bool) -> Failure {
        let text = String(cString: sqlite3_errmsg(handle))
        let errno = code & 0xFF == SQLITE_IOERR ? lastErrno(handle) : 0
        return Dialect.sqliteFailure(code: code, errno: errno, committing: committing,
                                     text: "sqlite \(code): \(text), errno \(errno)")
    }

    /// The error of the last system call on the log, or else on the database file, that failed;
    /// sqlite3_system_errno does not know that of a failed write.
    private static func lastErrno(_ handle: OpaquePointer) -> Int32 {
        for file in [SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER] {
            var pointer: UnsafeMutablePointer<sqlite3_file>?
            var errno: Int32 = 0
            guard sqlite3_file_control(handle, "main", file, &pointer) == SQLITE_OK, let pointer,
                let methods = pointer.pointee.pMethods,
                methods.pointee.xFileControl(pointer, SQLITE_FCNTL_LAST_ERRNO, &errno) == SQLITE_OK
            else { continue }
            if errno != 0 { return errno }
        }
        return 0
    }

    private static let names: [String] = (0...ChannelSQL.valuesMax).map { "$\($0)" }
    /// Without the books that SQLite keeps of its memory, under a lock of the whole process, each
    /// allocation costs half.
    private static let configured = hub_sqlite_keep_no_memory_books()
    /// SQLITE_STATIC: the value stays where it is until the statement is done with it.
    private static let isStatic: sqlite3_destructor_type? = nil
}

extension SQLiteConnection: MigrationConnection {
    func transact(_ statements: [Bound]) async throws(Failure) -> [Rows] {
        try begin()
        var rows: [Rows] = []
        do throws(Failure) {
            for statement in statements { rows.append(try run(statement)) }
            try commit()
        } catch {
            if isInTransaction { try? rollBack() }
            throw error
        }
        return rows
    }
}
