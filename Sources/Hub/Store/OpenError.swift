// Why a database could not be opened: one line that says what is wrong and one that says what to do.
// Texts never hold a password; PostgreSQL's own messages name user, host and database only.

import Glibc

package struct OpenError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Reason: Sendable, Hashable {
        /// The configuration string is not a location.
        case location
        /// The file or its folder cannot be read or written.
        case unwritable
        /// Another process has the file.
        case inUse
        /// It is not a database, or damaged.
        case damaged
        /// A database of something else.
        case foreign
        /// A newer hub, or another text of the same migration, was here.
        case version
        /// PostgreSQL does not answer there.
        case unreachable
        /// PostgreSQL answered and refused: password, database name, rights.
        case refused
        /// It is no PostgreSQL the hub can work with: encoding, settings.
        case unsuitable
        case storageFull
    }

    package let reason: Reason
    /// What is wrong, without a full stop.
    package let problem: String
    /// What to do about it.
    package let remedy: String

    init(_ reason: Reason, _ problem: String, remedy: String) {
        self.reason = reason
        self.problem = problem
        self.remedy = remedy
    }

    /// One line.
    package var description: String { "\(problem): \(remedy)" }
}

extension OpenError {
    static func unwritable(path: String, errno code: Int32) -> OpenError {
        if code == ENOSPC {
            return OpenError(.storageFull, "no space for the database \(path)", remedy: "make room")
        }
        return OpenError(
            .unwritable, "cannot open the database \(path) (\(String(cString: strerror(code))))",
            remedy: "make its folder exist and writable for this user, or configure another path")
    }

    static func inUse(path: String, process: Int?) -> OpenError {
        let who = process.map { "process \($0)" } ?? "another process"
        return OpenError(.inUse, "the database \(path) is in use by \(who)",
                         remedy: "stop that hub first, or configure another path")
    }

    static func sqlite(_ failure: Failure, path: String) -> OpenError {
        switch failure {
        case .storageFull:
            return OpenError(.storageFull, "the disk of \(path) is full or read-only",
                             remedy: "make room, or mount it writable")
        case .contention(let text):
            return OpenError(.inUse, "the database \(path) is locked by another process (\(text))",
                             remedy: "close the program that has it open")
        case .unavailable(let text), .uncertain(let text):
            return OpenError(
                .unwritable, "cannot open the database \(path) (\(text))",
                remedy: "make its folder exist and writable for this user, or configure another path")
        case .fault(let text), .constraint(let text):
            return OpenError(
                .damaged, "\(path) is not a SQLite database that can be used (\(text))",
                remedy: "restore it from a backup, or configure another path")
        }
    }

    /// What waiting does not mend, by words of libpq's or the server's: what is wrong, and what to do.
    private static let lasting: [(words: [String], problem: String, remedy: String)] = [
        (["no password supplied"], "PostgreSQL wants a password and the hub has none",
         "name a file with it as store_password_file, or let pg_hba.conf trust the hub's user (peer)"),
        (["does not support SSL"], "PostgreSQL has no TLS, and the URL asks for it",
         "switch `ssl` on at the server, or change sslmode in the URL"),
        (["certificate verify failed", "root certificate file", "does not match host name", "SSL error"],
         "PostgreSQL's TLS cannot be trusted",
         "check sslmode and sslrootcert in the URL, and the server's certificate"),
        (["encoding is"], "the database has the wrong encoding",
         "make one with `createdb --encoding UTF8 --template template0`"),
        (["fsync = off"], "PostgreSQL would lose what it confirmed", "set fsync = on at the server"),
        (["PostgreSQL 14 or later"], "PostgreSQL is too old", "upgrade the server to 14 or later"),
        (["synchronous_commit cannot"], "PostgreSQL does not confirm what is durable",
         "connect to the server itself, or through a pooler in session mode"),
        (["42501", "permission denied"], "the hub's role may not make its tables",
         "make it the owner: ALTER DATABASE … OWNER TO …, or GRANT CREATE ON SCHEMA public"),
    ]

    /// What libpq or the server said, without the password.
    static func postgres(_ reason: String) -> OpenError {
        for (words, problem, remedy) in lasting where words.contains(where: reason.contains) {
            return OpenError(.refused, "\(problem) (\(reason))", remedy: remedy)
        }
        // It starts, stops, or has no place: that passes.
        let passing = ["the database system is", "too many clients", "remaining connection slots",
                       "terminating connection", "read-only", "not read-write", "is in hot standby mode"]
        if reason.contains("FATAL:"), !passing.contains(where: reason.contains) {
            return OpenError(
                .refused, "PostgreSQL refuses the hub (\(reason))",
                remedy: "check user, password and database name in the URL, and what the server allows")
        }
        return OpenError(.unreachable, "PostgreSQL cannot be used (\(reason))",
                         remedy: "check that it runs and that host and port in the URL are right")
    }

    /// What the migrator found; `open` tells what an error of the database means.
    static func migration(_ error: MigrationError, open: (Failure) -> OpenError) -> OpenError {
        switch error {
        case .foreign:
            return OpenError(.foreign, "the database holds tables of something else",
                             remedy: "give the hub an empty database of its own")
        case .newer(let have, let need):
            return OpenError(
                .version, "the database is of a newer hub (migration \(have), this one knows \(need))",
                remedy: "start the version of the hub that made it, or a later one")
        case .altered(let number, let name):
            return OpenError(
                .version, "migration \(number) (\(name)) of the database is not the one of this hub",
                remedy: "start the version of the hub that made it, or restore a backup")
        case .failed(.fault(let text), let migration?):
            return OpenError(.unsuitable, "migration \(migration) failed (\(text))",
                             remedy: "nothing of it was kept; report this with the database's version")
        case .failed(let failure, _):
            return open(failure)
        }
    }
}
