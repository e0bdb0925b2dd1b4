// The PostgreSQL server that tests use: given from outside, schemas made and dropped through libpq.

import CPQ
import Glibc

struct PostgresServer: Sendable {
    let url: String

    static var given: PostgresServer? {
        getenv("HUB_TEST_POSTGRES").map { PostgresServer(url: String(cString: $0)) }
    }
    static var isRequired: Bool {
        getenv("HUB_REQUIRE_POSTGRES").map { String(cString: $0) == "1" } ?? false
    }

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
