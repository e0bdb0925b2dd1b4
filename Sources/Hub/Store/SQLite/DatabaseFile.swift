// A SQLite database as a file: copied while a hub uses it, looked into, and put in another's place. For `hub backup`
// and `hub restore`; nothing here serves.

import CSQLite
import Glibc
package import Ports

package enum DatabaseFile {
    /// What a database says of itself.
    package struct Facts: Sendable, Equatable {
        /// The last migration that it has had.
        package var migration: Int64
        package var generation: UInt64
        package var organisations: Int
        package var accounts: Int
        package var logs: Int
        package var events: Int
        /// `nil`: no hub has been started with it.
        package var installation: InstallationRecord?
    }

    /// The last migration that this hub knows.
    package static var migrationKnown: Int64 { Schema.migrations.last?.number ?? 0 }

    /// Copies the database at `path` as it is at one moment into a new file, which is smaller than the original where
    /// that has holes. The hub may be running: SQLite gives one snapshot, and neither posts nor the copy wait for each
    /// other. (The backup interface of SQLite begins anew with every commit of another process and so never ends.)
    ///
    /// - Parameter progress: called now and then, from another thread, with the bytes written so far and those of the
    ///   original.
    package static func copy(_ path: String, to destination: String,
                             progress: @escaping @Sendable (_ done: Int, _ all: Int) -> Void) throws(OpenError) {
        guard let all = size(path), all > 0 else {
            throw OpenError(.unwritable, "there is no database \(path)", remedy: "check `data_dir` and `store`")
        }
        try checkSpace(for: all, at: destination)
        // A hub that runs has the lock, and has seen that the log is its own. Without one nobody may start meanwhile.
        let lock: FileLock?
        do throws(OpenError) {
            lock = try FileLock(database: path)
        } catch {
            guard error.reason == .inUse else { throw error }
            lock = nil
        }
        defer { lock?.release() }
        if let lock { try Witness.checkLog(of: lock.path) }

        // Readable for nobody else from its first byte on.
        let file = open(destination, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .unwritable(path: destination, errno: errno) }
        close(file)
        let watch = ProgressWatch(destination, all: all, progress)
        defer { watch.end() }
        do throws(Failure) {
            let connection = try SQLiteConnection(path: path, readOnly: false)
            try connection.execute("VACUUM INTO '\(destination.replacing("'", with: "''"))'")
        } catch {
            unlink(destination)
            throw .sqlite(error, path: destination)
        }
        try sync(destination)
    }

    /// Reads what the database says, and with `isThorough` checks all of it.
    package static func facts(_ path: String, isThorough: Bool) throws(OpenError) -> Facts {
        do throws(Failure) {
            let connection = try SQLiteConnection(path: path, readOnly: true)
            if isThorough {
                let check = try connection.run(Bound(sql: integrityCheck, values: [])).first
                let word = try? check?.text(0)
                guard word == "ok" else { throw .fault("integrity check: \(word ?? "no answer")") }
            }
            func number(_ sql: SQL) throws(Failure) -> Int64 {
                guard let row = try connection.run(Bound(sql: sql, values: [])).first,
                    let number = try? row.integer(0)
                else { throw .fault("a count has no number") }
                return number
            }
            var installation: InstallationRecord?
            if let row = try connection.run(KeySQL.installation()).first,
                let salt = try? row.bytes(0), let check = try? row.bytes(1), let key = try? row.bytes(2)
            {
                installation = InstallationRecord(salt: salt, masterCheckValue: check, signingKey: key)
            }
            let migration = try number(lastMigration)
            // Backups of older hubs have no generation.
            let generation = migration >= Schema.generationNumber ? try number(generation) : 1
            return Facts(
                migration: migration, generation: UInt64(clamping: generation),
                organisations: Int(try number(count("organisation"))), accounts: Int(try number(count("account"))),
                logs: Int(try number(count("log"))), events: Int(try number(count("event"))),
                installation: installation)
        } catch {
            throw .sqlite(error, path: path)
        }
    }

    /// Moves what belongs to the database at `path` aside; the names it has now.
    package static func moveAside(_ path: String, suffix: String) throws(OpenError) -> [String] {
        var moved: [String] = []
        // The log last: without its database it means nothing, and a database without its log is an older one.
        for name in companions(of: path) where size(name) != nil {
            let new = name + suffix
            guard rename(name, new) == 0 else { throw .unwritable(path: name, errno: errno) }
            moved.append(new)
        }
        return moved
    }

    /// The database and what SQLite and the hub keep beside it, but for the lock.
    package static func companions(of path: String) -> [String] {
        [path, path + "-shm", path + "-wal", Witness.name(of: path)]
    }

    /// Gives a checked copy its name. The next start begins a new generation.
    package static func place(_ copy: String, as path: String) throws(OpenError) {
        guard Witness.markRestored(database: path) else {
            throw .unwritable(path: Witness.name(of: path), errno: errno)
        }
        guard rename(copy, path) == 0 else { throw .unwritable(path: path, errno: errno) }
        try syncFolder(of: path)
    }

    /// Keeps hubs off the database until it is released.
    package struct Lock {
        fileprivate let file: FileLock
        package func release() { file.release() }
    }

    package static func lock(_ path: String) throws(OpenError) -> Lock {
        let isNew = size(path) == nil
        let lock = try FileLock(database: path)
        // The lock makes an empty file where there is none.
        if isNew { unlink(path) }
        return Lock(file: lock)
    }

    /// For a system call that has just failed on `path`.
    package static func lastError(_ path: String) -> OpenError { .unwritable(path: path, errno: errno) }

    package static func size(_ path: String) -> Int? {
        var status = stat()
        return lstat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    package static func sync(_ path: String) throws(OpenError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .unwritable(path: path, errno: errno) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw .unwritable(path: path, errno: errno) }
    }

    package static func syncFolder(of path: String) throws(OpenError) {
        let slash = path.lastIndex(of: "/")
        try sync(slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".")
    }

    package static func checkSpace(for bytes: Int, at path: String) throws(OpenError) {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return }
        let free = Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
        guard free < bytes else { return }
        throw OpenError(.storageFull, "\(folder) has \(free >> 20) MiB left, \((bytes >> 20) + 1) MiB are needed",
                        remedy: "make room, or name another place")
    }

    /// Over all organisations, for who has the file.
    private static func count(_ table: String) -> SQL { SQL("SELECT COUNT(*) FROM \(table)") }
    private static let integrityCheck = SQL("PRAGMA integrity_check(1)")
    private static let lastMigration = SQL("SELECT COALESCE(MAX(number), 0) FROM hub_migration")
    private static let generation = SQL("SELECT number FROM generation")
}

/// Looks at a growing file twice a second, on a thread of its own.
private final class ProgressWatch: Sendable {
    private let isOver = Ports.Lock(false)
    private let thread = Ports.Lock<WorkerThread?>(nil)

    init(_ path: String, all: Int, _ progress: @escaping @Sendable (Int, Int) -> Void) {
        let isOver = isOver
        thread.withLock {
            $0 = WorkerThread {
                var turn = 0
                while !isOver.withLock({ $0 }) {
                    poll(nil, 0, 50)
                    turn += 1
                    if turn % 10 == 0 { progress(DatabaseFile.size(path) ?? 0, all) }
                }
            }
        }
    }

    func end() {
        isOver.withLock { $0 = true }
        thread.withLock { $0 }?.join()
    }
}
