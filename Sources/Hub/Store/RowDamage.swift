// Rows that do not hold what their columns promise: counted by table each time one is met, and logged now and then.
// (Entries of logs are not among them: the channel knows which it has met before.)

import Model
import Ports

struct RowDamage: Sendable {
    enum Table: String, CaseIterable {
        case channel, head, member, login, key, invitation
    }

    /// Between two lines about the same table.
    private static let pauseNanoseconds: UInt64 = 60_000_000_000

    private let counters: [Table: Counter]
    private let said = Lock<[Table: MonotonicNanoseconds]>([:])
    private let clocks: any Clocks
    private let log: Log

    init(_ metrics: Metrics, clocks: any Clocks, log: Log) {
        counters = Dictionary(uniqueKeysWithValues: Table.allCases.map { table in
            (table, metrics.counter("hub_damaged_rows_total", labels: "table=\"\(table.rawValue)\"",
                                    help: "Rows met that do not hold what they should, and were left out or mended."))
        })
        self.clocks = clocks
        self.log = log
    }

    func note(_ table: Table, _ count: Int) {
        counters[table]?.add(UInt64(count))
        let now = clocks.monotonic()
        let isTime = said.withLock { said in
            if let last = said[table], now.value < last.value + Self.pauseNanoseconds { return false }
            said[table] = now
            return true
        }
        guard isTime else { return }
        log.error("rows of the database are damaged", .word("table", table.rawValue), .number("rows", count))
    }
}
