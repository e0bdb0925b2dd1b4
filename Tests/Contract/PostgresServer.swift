// The PostgreSQL server that tests use: given from outside, schemas made and dropped through libpq.

import CPQ
import Glibc
import Ports
import Testing

struct PostgresServer: Sendable {
    let url: String

    /// The server given from outside. Without one the test is cancelled, visibly, or has failed where
    /// HUB_REQUIRE_POSTGRES=1 says so.
    static func given() throws -> PostgresServer {
        if let url = getenv("HUB_TEST_POSTGRES") { return PostgresServer(url: String(cString: url)) }
        if getenv("HUB_REQUIRE_POSTGRES").map({ String(cString: $0) }) == "1" {
            Issue.record("HUB_TEST_POSTGRES is not set")
        }
        try Test.cancel("HUB_TEST_POSTGRES is not set; see scripts/with-postgres")
    }

    /// All tests run at once, but a server has only so many connections.
    static let places = Gate(places: 12)

    /// The server's URL with a search path of one schema.
    func url(schema: String) -> String {
        url + (url.contains("?") ? "&" : "?") + "options=-csearch_path%3D\(schema)"
    }

    func makeSchema() throws -> String {
        let id: UInt64 = .random(in: 0...UInt64.max)
        let name = "test_\(String(id, radix: 36))"
        try run("CREATE SCHEMA \(name)")
        return name
    }

    func dropSchema(_ name: String) {
        try? run("SET client_min_messages = warning; DROP SCHEMA \(name) CASCADE")
    }

    func run(_ sql: String) throws { _ = try query(sql) }

    /// Any SQL, blocking; the first column of each row.
    func query(_ sql: String) throws -> [String] {
        let connection = PQconnectdb(url)
        defer { PQfinish(connection) }
        let result = PQexec(connection, sql)
        defer { PQclear(result) }
        let status = PQresultStatus(result)
        guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else {
            throw Fault(String(cString: PQerrorMessage(connection)))
        }
        return (0..<PQntuples(result)).map { String(cString: PQgetvalue(result, $0, 0)) }
    }
}

/// Lets so many in at once; the others wait in line.
final class Gate: Sendable {
    private let state: Lock<(free: Int, waiting: [CheckedContinuation<Void, Never>])>
    init(places: Int) { state = Lock((places, [])) }

    func enter() async {
        await withCheckedContinuation { continuation in
            let isIn = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isIn { continuation.resume() }
        }
    }

    func leave() {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            if state.waiting.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
