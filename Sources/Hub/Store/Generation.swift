// Which history the database holds. A database can be set back behind the hub's back: a backup is copied over it, a
// replica that lagged takes over. Clients remember positions of the history that was; so each time it is noticed, a new
// generation begins: all logs move to an epoch that they never had, which tells clients that what they have is void.
//
// It is noticed at a start and at each new connection to PostgreSQL. For SQLite a witness beside the file says how far
// the database was (Witness.swift). PostgreSQL says what it is: the system, its timeline, which a promoted replica or a
// recovery to an earlier time changes, and the database; and the row says in which transaction it was written, which
// loading a dump changes. What none of these sees, such as a machine set back to a snapshot, is left to the heads that
// running hubs know (`Channel.logReplaced`) and to the events that clients name (`ResumeRule`).

import Model
import Ports

enum GenerationSQL {
    static let establish = SharedStatement(
        """
        INSERT INTO generation (one, number, run, beat, server, drawn_at) VALUES (1, 1, 0, 0, '', 0)
        ON CONFLICT (one) DO NOTHING
        """)
    static let find = SharedStatement("SELECT number, run, beat FROM generation")
    /// $1 the new epoch; $2 what to add where an epoch is larger already, as a clock was wrong once.
    static let drawLogs = SharedStatement("UPDATE log SET epoch = \(drawn("epoch"))")
    static let draw = SharedStatement("UPDATE generation SET number = \(drawn("number")), drawn_at = $3")
    static let beginRun = SharedStatement("UPDATE generation SET run = $1, beat = 0")
    static let beat = SharedStatement("UPDATE generation SET beat = beat + 1")

    static func drawn(_ column: String) -> String {
        "CASE WHEN \(column) < $1 THEN $1 ELSE \(column) + $2 END"
    }
}

/// What a new generation is made of.
struct GenerationDraw: Sendable {
    let epoch: UInt64
    let step: UInt64
    let at: UnixMilliseconds

    init(clocks: any Clocks, entropy: any Entropy) {
        let random = entropy.words().0
        at = clocks.now()
        epoch = Epoch.fresh(at: at, random: random)
        step = Epoch.step(random: random)
    }

    /// For a job that is the only one to change generations.
    var statements: [Bound] {
        [GenerationSQL.drawLogs(.count(epoch), .count(step)),
         GenerationSQL.draw(.count(epoch), .count(step), .at(at))]
    }
}

/// Tells the operator.
struct GenerationNotice: Sendable {
    let log: Log
    let drawn: Counter

    init(_ metrics: Metrics, log: Log) {
        self.log = log
        drawn = metrics.counter(
            "hub_store_generations_total",
            help: "Times that the database was found to be set back, and all logs got a new epoch.")
    }

    func drew(_ number: UInt64, why: String) {
        drawn.add()
        log.warning("the database was set back: clients will load their channels anew",
                    .word("why", why), .number("generation", number))
    }
}

// MARK: PostgreSQL

/// What a session with PostgreSQL is a session with.
struct PostgresIdentity: Sendable, Equatable {
    /// System identifier, timeline and database.
    let server: String
    /// How far its write-ahead log is on disk. Within one timeline it only grows, over crashes too.
    var position: UInt64

    /// Another history than the one that `self` was of, as far as it can be told.
    func isSetBack(_ later: PostgresIdentity) -> Bool {
        server != later.server || later.position < position
    }
}

enum PostgresGeneration {
    private static let find = SharedStatement(
        """
        SELECT number, server, CASE WHEN xmin::text::bigint = run % 4294967296 THEN 1 ELSE 0 END::bigint
        FROM generation
        """)
    private static let adopt = SharedStatement(
        "UPDATE generation SET server = $1, run = txid_current() WHERE server = ''")
    private static let lock = SharedStatement(
        "SELECT pg_advisory_xact_lock(716540631, hashtext(current_schema()))::text")
    /// $3 the server, $4 the last generation known. Whoever comes second finds another number, and draws nothing.
    private static let isDue = "WHERE EXISTS (SELECT 1 FROM generation WHERE server <> $3 OR number = $4)"
    private static let drawLogs = SharedStatement("UPDATE log SET epoch = \(GenerationSQL.drawn("epoch")) \(isDue)")
    private static let draw = SharedStatement(
        """
        UPDATE generation SET number = \(GenerationSQL.drawn("number")), drawn_at = $5, server = $3,
            run = txid_current()
        \(isDue)
        """)
    private static let number = SharedStatement("SELECT number FROM generation")

    /// All hubs that notice do this; one of them draws. The last row is the generation that stands.
    static func job(_ draw: GenerationDraw, server: String, known: UInt64) -> Job {
        let values: [Value] = [.count(draw.epoch), .count(draw.step), .text(server), .count(known)]
        return Job(.write, [
            lock(), Bound(sql: drawLogs.sql, values: values),
            Bound(sql: self.draw.sql, values: values + [.at(draw.at)]), number(),
        ])
    }

    static func number(_ rows: [Rows]) -> UInt64? { rows.last?.first.flatMap { try? $0.count(0) } }

    /// At a start, while other hubs wait: the generation that stands, a new one if need be.
    static func settle(on connection: some MigrationConnection, _ identity: PostgresIdentity, _ draw: GenerationDraw,
                       _ notice: GenerationNotice) async throws(Failure) -> UInt64
    {
        let rows = try await connection.transact([GenerationSQL.establish(), find()])
        guard let row = rows[1].first, let number = try? row.count(0), let server = try? row.text(1),
            let isOurs = try? row.integer(2)
        else { throw .fault("the row of the generation is damaged") }
        if server.isEmpty {
            _ = try await connection.transact([adopt(.text(identity.server))])
            return number
        }
        guard server != identity.server || isOurs != 1 else { return number }
        let job = job(draw, server: identity.server, known: number)
        guard let drawn = Self.number(try await connection.transact(job.statements)) else {
            throw .fault("no generation was drawn")
        }
        notice.drew(drawn, why: server == identity.server
            ? "its rows were loaded from a copy" : "it is another server, timeline or database than before")
        return drawn
    }
}
