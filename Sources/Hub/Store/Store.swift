// The durable side of the hub: the ports ChannelStore, PeopleStore and KeyStore over one of two
// databases. What a call means in SQL stands in `Store+Channels`, `Store+People` and `Store+Keys`, once
// for both; how a database runs it is its engine's business.

import Model
package import Ports

/// An open database. Any task may call it; a write returns when it is durable.
package final class Store: ChannelStore, PeopleStore, KeyStore {
    private let engine: any Engine
    private let damage: RowDamage
    let unwritten = UnwrittenRevocations()

    init(engine: any Engine, damage: RowDamage) {
        self.engine = engine
        self.damage = damage
    }

    /// Opens the database, makes or updates its tables, and starts serving. Throws one clear line.
    package static func open(
        _ location: StoreLocation, options: StoreOptions = StoreOptions(), metrics: Metrics,
        clocks: any Clocks, entropy: any Entropy, log: Log
    ) async throws(OpenError) -> Store {
        let damage = RowDamage(metrics, clocks: clocks, log: log)
        let draw = GenerationDraw(clocks: clocks, entropy: entropy)
        let notice = GenerationNotice(metrics, log: log)
        switch location {
        case .sqlite(let path):
            return Store(
                engine: try await SQLiteEngine(
                    path: path, migrator: Migrator(dialect: .sqlite, at: clocks.now()),
                    options: options, metrics: metrics, clocks: clocks, draw: draw, notice: notice, log: log),
                damage: damage)
        case .postgres(let url):
            return Store(
                engine: try await PostgresEngine(
                    url: url, migrator: Migrator(dialect: .postgres, at: clocks.now()),
                    options: options, metrics: metrics, clocks: clocks, entropy: entropy, draw: draw,
                    notice: notice, log: log),
                damage: damage)
        }
    }

    /// Posts are taken, as far as is known without asking the database now.
    package var isHealthy: Bool { engine.problem == nil }
    /// Why they are not, for operators.
    package var problem: String? { engine.problem }

    /// Finishes what was accepted, refuses what comes later, and lets go of the database.
    package func close() async {
        unwritten.close()
        await engine.close()
    }

    // MARK: Running jobs

    func perform(_ job: Job) async throws(StoreError) -> JobOutcome {
        if job.hasNUL { throw .fault("text with U+0000") }
        return try await engine.run(job)
    }

    /// The rows of a job that breaks no constraint.
    func rows(_ job: Job) async throws(StoreError) -> [Rows] {
        switch try await perform(job) {
        case .done(let rows): return rows
        case .refused: throw .fault("a constraint broke where none can")
        }
    }

    /// One statement that only reads, its rows decoded.
    func read<Element>(_ statement: Bound, _ decode: (Row) throws(DecodingFault) -> Element)
        async throws(StoreError) -> [Element]
    {
        let rows = try await rows(Job(.read, [statement]))
        return try decoded { () throws(DecodingFault) in try rows[0].map(decode) }
    }

    /// The rows of a list. One that does not hold what it should is left out, counted and logged: it must not take
    /// away everybody's list.
    func list<Element>(_ table: RowDamage.Table, _ statement: Bound,
                       _ decode: (Row) throws(DecodingFault) -> Element) async throws(StoreError) -> [Element]
    {
        let rows = try await rows(Job(.read, [statement]))
        return sound(table, rows[0], decode)
    }

    func sound<Element>(_ table: RowDamage.Table, _ rows: Rows,
                        _ decode: (Row) throws(DecodingFault) -> Element) -> [Element]
    {
        let sound = rows.sound(decode)
        if sound.damaged > 0 { damage.note(table, sound.damaged) }
        return sound.rows
    }

    func noteDamage(_ table: RowDamage.Table) { damage.note(table, 1) }

    func decoded<Result>(_ decode: () throws(DecodingFault) -> Result) throws(StoreError) -> Result {
        do throws(DecodingFault) {
            return try decode()
        } catch {
            throw .fault("column \(error.column) of a row holds something else than it should")
        }
    }
}
