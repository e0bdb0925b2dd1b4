// Looks whether a start would find its database, without making or changing anything.

import Glibc
import Loop
package import Ports

extension Store {
    package enum Probe: Sendable {
        /// There is no file yet.
        case missing
        /// A database without tables.
        case empty
        /// A hub's; the record is missing when no start has come to its end.
        case hub(InstallationRecord?)
    }

    package static func probe(_ location: StoreLocation, clocks: any Clocks, entropy: any Entropy, log: Log)
        async throws(OpenError) -> Probe
    {
        switch location {
        case .sqlite(let path):
            guard DatabaseFile.size(path) ?? 0 > 0 else { return .missing }
            return .hub(try DatabaseFile.facts(path, isThorough: false).installation)
        case .postgres(let url):
            return try await PostgresEngine.probe(url: url, clocks: clocks, entropy: entropy, log: log)
        }
    }
}

extension PostgresEngine {
    fileprivate static func probe(url: String, clocks: any Clocks, entropy: any Entropy, log: Log)
        async throws(OpenError) -> Store.Probe
    {
        let metrics = Metrics()
        let loop = Loop(name: "probe", metrics: metrics)
        var options = StoreOptions()
        options.postgresConnections = 1
        options.postgresPulseMilliseconds = 0
        let pool: PostgresPool
        do throws(OpenError) {
            pool = PostgresPool(
                loop: loop,
                target: try PostgresTarget(url: url, statementMilliseconds: options.postgresAnswerMilliseconds),
                options: options, metrics: StoreMetrics(metrics),
                health: StoreHealth(metrics, clocks: clocks, log: .silent), clocks: clocks, entropy: entropy,
                known: nil, notice: GenerationNotice(metrics, log: log), log: log)
        } catch {
            loop.stop()
            throw error
        }
        let reason = await pool.open()
        let result: Result<Store.Probe, Failure>
        do throws(Failure) {
            result = .success(reason == nil ? try await look(PostgresMigration(pool: pool)) : .empty)
        } catch {
            result = .failure(error)
        }
        await pool.close()
        loop.stop()
        if let reason { throw .postgres(reason) }
        switch result {
        case .success(let probe): return probe
        case .failure(let failure): throw .postgres("\(failure)")
        }
    }

    private static func look(_ connection: PostgresMigration) async throws(Failure) -> Store.Probe {
        let census = try await connection.transact([Dialect.postgres.census()])[0].first
        guard let tables = try? census?.integer(0), let ours = try? census?.integer(1), tables > 0
        else { return .empty }
        guard ours > 0 else { throw .fault("the database holds tables of something else") }
        guard let row = try await connection.transact([KeySQL.installation()])[0].first,
            let salt = try? row.bytes(0), let check = try? row.bytes(1), let key = try? row.bytes(2)
        else { return .hub(nil) }
        return .hub(InstallationRecord(salt: salt, masterCheckValue: check, signingKey: key))
    }
}
