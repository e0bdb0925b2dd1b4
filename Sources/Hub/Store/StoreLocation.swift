// Where the database is, from the one configuration string that says so.

/// `sqlite:PATH` or `postgresql://user:password@host:port/database?…` (also `postgres://`).
package enum StoreLocation: Sendable, Equatable {
    case sqlite(path: String)
    /// The URL as libpq takes it. It may hold a password: never print it.
    case postgres(url: String)

    package init(_ text: String) throws(OpenError) {
        if text.hasPrefix("sqlite:") {
            let path = String(text.dropFirst("sqlite:".count))
            guard !path.isEmpty, path != ":memory:", !path.utf8.contains(0) else {
                throw OpenError(.location, "the database location has no file path",
                                remedy: "give sqlite:PATH, for example sqlite:hub-data/hub.db")
            }
            self = .sqlite(path: path)
        } else if text.hasPrefix("postgresql://") || text.hasPrefix("postgres://") {
            self = .postgres(url: text)
        } else {
            throw OpenError(
                .location, "the database location is neither sqlite:PATH nor postgresql://…",
                remedy: "give sqlite:PATH or postgresql://user@host:port/database")
        }
    }
}

/// Sizes of the store.
package struct StoreOptions: Sendable {
    /// Jobs that may wait, 1...: more hides a slow database for longer before callers hear of it.
    package var queueJobsMax = 10_000
    /// Bytes that may wait in jobs.
    package var queueBytesMax = 64 << 20
    /// Writes that share one commit at most: more means fewer fsyncs, and a longer one for the first.
    package var commitJobsMax = 1_024
    package var commitBytesMax = 8 << 20
    /// Threads that read a SQLite file, 1...; each has a page cache of 2 MB.
    package var sqliteReaders = 2
    /// Connections to PostgreSQL, 1...
    package var postgresConnections = 4
    /// How long a job waits for a connection to PostgreSQL before it fails as unavailable.
    package var postgresWaitMilliseconds: UInt32 = 5_000
    /// A connection that has not answered for so long is given up.
    package var postgresAnswerMilliseconds: UInt32 = 15_000
    /// How often PostgreSQL is asked whether it is there, besides whenever somebody waits for it; 0: never.
    package var postgresPulseMilliseconds: UInt32 = 1_000
    /// From when on an answer is late. Half a second after that the circuit breaker opens.
    package var answerMilliseconds: UInt32 = 1_000
    /// What SQLite keeps free on its disk for sign-ins, revocations and removals; 0: nothing.
    package var sqliteReserveBytes = 32 << 20
    /// From this size of the database on, content is refused; 0: there is no limit.
    package var databaseBytesMax = 0
    package init() {}
}
