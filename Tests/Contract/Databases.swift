// The real databases that every contract test runs on, a fresh one for each test: a SQLite file in a
// folder of its own, or a schema of its own in the PostgreSQL that HUB_TEST_POSTGRES names
// (scripts/with-postgres starts one). Without it the PostgreSQL half is skipped, visibly, unless
// HUB_REQUIRE_POSTGRES=1 makes that a failure.

import Glibc
import Model
import Ports
import Store
import Synchronization
import Testing

enum Database: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sqlite
    case postgres

    var testDescription: String { rawValue }

    /// A store on a new, empty database, given to `body`, closed and removed afterwards.
    func withStore(_ options: StoreOptions = StoreOptions(),
                   _ body: (Store, Place) async throws -> Void) async throws
    {
        try await withPlace { place in
            let store = try await place.open(options)
            do {
                try await body(store, place)
            } catch {
                await store.close()
                throw error
            }
            await store.close()
        }
    }

    /// A place for a database, without anything in it yet.
    func withPlace(_ body: (Place) async throws -> Void) async throws {
        switch self {
        case .sqlite:
            let folder = try Folder()
            defer { folder.remove() }
            try await body(Place(location: .sqlite(path: folder.path + "/hub.db"), folder: folder))
        case .postgres:
            let server = try PostgresServer.given()
            await PostgresServer.places.enter()
            defer { PostgresServer.places.leave() }
            let schema = try server.makeSchema()
            defer { server.dropSchema(schema) }
            try await body(Place(location: .postgres(url: server.url(schema: schema)), folder: nil))
        }
    }
}

/// Where a test's database is.
struct Place: Sendable {
    let location: StoreLocation
    let folder: Folder?
    let metrics = Metrics()

    func open(_ options: StoreOptions = StoreOptions()) async throws(OpenError) -> Store {
        try await Store.open(location, options: options, metrics: metrics, clocks: TestClocks(),
                             entropy: TestEntropy(), log: .silent)
    }

    func counter(_ name: String, labels: String = "") -> UInt64 {
        // Each store that was opened here has one of its own.
        metrics.entries.reduce(0) { sum, entry in
            guard case .counter(let counter) = entry, counter.name == name, counter.labels == labels else { return sum }
            return sum + counter.current
        }
    }

    func gauge(_ name: String) -> Int64? {
        for case .gauge(let gauge) in metrics.entries where gauge.name == name { return gauge.current }
        return nil
    }

    /// How many durations a histogram has.
    func recorded(_ name: String) -> UInt64 {
        for case .histogram(let histogram) in metrics.entries
        where histogram.name == name { return histogram.current.counts.reduce(0, +) }
        return 0
    }
}

/// A folder of its own under the system's temporary one.
struct Folder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/hub-contract-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Fault("no temporary folder") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func remove() {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { raw in
                    raw.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                unlink(path + "/" + name)
            }
            closedir(folder)
        }
        rmdir(path)
    }
}

struct Fault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

struct TestClocks: Clocks {
    func now() -> UnixMilliseconds { UnixMilliseconds(Int64(time(nil)) * 1_000) }
    func monotonic() -> MonotonicNanoseconds {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return MonotonicNanoseconds(UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec))
    }
}

struct TestEntropy: Entropy {
    func words() -> (UInt64, UInt64) { (.random(in: 0...(.max)), .random(in: 0...(.max))) }
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: 0...255) } }
}

/// Ids that differ from each other, and nothing more.
private let lastNumber = Atomic<UInt64>(0)
func fresh<Kind>() -> ID<Kind> {
    let number = lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
    return ID(now: UnixMilliseconds(1_700_000_000_000 + Int64(number)), random: (0, number))
}
