// SQL text with its parameters, and the rows that come back: what the engines exchange with the rest
// of the store. A statement is written once for both databases; `Dialect` says what differs. There
// are two kinds, so that isolation is structural: a `TenantStatement` cannot be bound without the
// organisation, which is always `$1`; a `SharedStatement` touches what belongs to no organisation.

import Model

/// The text of one statement. Its identity is the key of every cache of prepared statements.
final class SQL: Sendable {
    let text: String
    init(_ text: String) { self.text = text }
}

/// A statement on data of an organisation.
struct TenantStatement: Sendable {
    let sql: SQL

    /// The text must confine itself to `$1`: `organisation = $1`, or an insert whose first column it is.
    init(_ text: String) {
        precondition(Self.isConfined(text), "a tenant statement without its organisation")
        sql = SQL(text)
    }

    static func isConfined(_ text: String) -> Bool {
        text.contains("organisation = $1")
            || text.hasPrefix("INSERT INTO ") && text.contains("(organisation, ")
                && text.contains("VALUES ($1, ")
    }

    func callAsFunction(_ organisation: OrganisationID, _ values: Value...) -> Bound {
        self(organisation, values)
    }

    func callAsFunction(_ organisation: OrganisationID, _ values: [Value]) -> Bound {
        Bound(sql: sql, values: [.id(organisation)] + values)
    }
}

/// A statement on accounts, their tokens, or the installation. Looking at data of an organisation
/// through it is only right where a secret token is the key.
struct SharedStatement: Sendable {
    let sql: SQL
    init(_ text: String) { sql = SQL(text) }
    func callAsFunction(_ values: Value...) -> Bound { Bound(sql: sql, values: values) }
}

/// A statement that asks for many ids at once, `$2...`. The text has a fixed number of places, written
/// `{ids}`, so that it is prepared once; the last id fills those that are left.
struct BatchStatement: Sendable {
    private let statement: TenantStatement
    private static let places = 60

    init(_ text: String) {
        let list = (2..<2 + Self.places).map { "$\($0)" }.joined(separator: ", ")
        let parts = text.split(separator: "{ids}", maxSplits: 1, omittingEmptySubsequences: false)
        precondition(parts.count == 2, "a batch statement without its ids")
        statement = TenantStatement(parts[0] + list + parts[1])
    }

    /// As many statements as it takes; an id that is there comes back in exactly one of them.
    func callAsFunction<Tag>(_ organisation: OrganisationID, _ ids: [ID<Tag>]) -> [Bound] {
        stride(from: 0, to: ids.count, by: Self.places).map { start in
            var values = ids[start..<min(start + Self.places, ids.count)].map { Value.id($0) }
            values += Array(repeating: values[values.count - 1], count: Self.places - values.count)
            return statement(organisation, values)
        }
    }
}

/// A statement with the values of `$1...`.
struct Bound: Sendable {
    let sql: SQL
    let values: [Value]

    /// An estimate of what it holds in memory.
    var bytes: Int {
        values.reduce(96) { sum, value in
            switch value {
            case .text(let text): sum + 24 + text.utf8.count
            case .bytes(let bytes): sum + 24 + bytes.count
            case .null, .integer, .id: sum + 24
            }
        }
    }
}

/// One parameter or one cell. SQLite has no type for ids: there a blob of 16 bytes comes back as `.id`.
enum Value: Sendable, Equatable {
    enum Kind: Sendable { case integer, text, bytes, id }

    /// PostgreSQL wants the type of a parameter even when it has no value.
    case null(Kind)
    case integer(Int64)
    case text(String)
    case bytes([UInt8])
    case id(high: UInt64, low: UInt64)

    static func id<Tag>(_ id: ID<Tag>) -> Value { .id(high: id.high, low: id.low) }
    static func id<Tag>(_ id: ID<Tag>?) -> Value { id.map { .id($0) } ?? .null(.id) }
    static func bytes(_ bytes: [UInt8]?) -> Value { bytes.map { .bytes($0) } ?? .null(.bytes) }
    static func at(_ at: UnixMilliseconds) -> Value { .integer(at.value) }
    static func at(_ at: UnixMilliseconds?) -> Value { at.map { .at($0) } ?? .null(.integer) }
    /// Sequences above Int64.max do not exist; a caller that asks for one gets the largest.
    static func count(_ count: UInt64) -> Value { .integer(Int64(clamping: count)) }
    static func count(_ count: UInt64?) -> Value { count.map { .count($0) } ?? .null(.integer) }
    static func count(_ count: Int) -> Value { .integer(Int64(count)) }

    var kind: Kind {
        switch self {
        case .null(let kind): kind
        case .integer: .integer
        case .text: .text
        case .bytes: .bytes
        case .id: .id
        }
    }
}

/// What one statement gave.
struct Rows: Sendable {
    /// Rows changed by an INSERT, UPDATE or DELETE; 0 for a SELECT.
    var changed = 0
    /// Columns per row.
    var width = 0
    /// The cells, row by row.
    var cells: [Value] = []

    var count: Int { width == 0 ? 0 : cells.count / width }
    var isEmpty: Bool { cells.isEmpty }
    func row(_ index: Int) -> Row { Row(cells: cells[index * width..<(index + 1) * width]) }
    var first: Row? { isEmpty ? nil : row(0) }

    /// Every row that can be decoded, and how many cannot.
    func sound<Element>(_ decode: (Row) throws(DecodingFault) -> Element) -> (rows: [Element], damaged: Int) {
        var all: [Element] = []
        all.reserveCapacity(count)
        for index in 0..<count {
            if let element = try? decode(row(index)) { all.append(element) }
        }
        return (all, count - all.count)
    }

    /// Every row, decoded.
    func map<Element>(_ decode: (Row) throws(DecodingFault) -> Element) throws(DecodingFault)
        -> [Element]
    {
        var all: [Element] = []
        all.reserveCapacity(count)
        for index in 0..<count { all.append(try decode(row(index))) }
        return all
    }
}

/// A cell does not hold what its column promises: the data is damaged, or the statement is ours and wrong.
struct DecodingFault: Error {
    let column: Int
}

/// One row; columns count from 0.
struct Row {
    let cells: ArraySlice<Value>

    private func cell(_ column: Int) -> Value { cells[cells.startIndex + column] }

    func isNull(_ column: Int) -> Bool {
        if case .null = cell(column) { true } else { false }
    }

    func integer(_ column: Int) throws(DecodingFault) -> Int64 {
        guard case .integer(let value) = cell(column) else { throw DecodingFault(column: column) }
        return value
    }

    func integerOrNil(_ column: Int) -> Int64? { try? integer(column) }

    /// What clients can count to as well: they keep numbers in 53 bits, and refuse a frame with a larger one.
    static let countMax: Int64 = 1 << 53 - 1

    func count(_ column: Int) throws(DecodingFault) -> UInt64 {
        let value = try integer(column)
        guard value >= 0, value <= Self.countMax else { throw DecodingFault(column: column) }
        return UInt64(value)
    }

    /// Up to the end of the year 9999.
    private static let atMax: Int64 = 253_402_300_799_999

    func at(_ column: Int) throws(DecodingFault) -> UnixMilliseconds {
        let value = try integer(column)
        guard value >= 0, value <= Self.atMax else { throw DecodingFault(column: column) }
        return UnixMilliseconds(value)
    }

    func text(_ column: Int) throws(DecodingFault) -> String {
        guard case .text(let value) = cell(column) else { throw DecodingFault(column: column) }
        return value
    }

    func bytes(_ column: Int) throws(DecodingFault) -> [UInt8] {
        switch cell(column) {
        case .bytes(let value): return value
        case .id(let high, let low): return ID<Never>(high: high, low: low).bytes
        case .null, .integer, .text: throw DecodingFault(column: column)
        }
    }

    func id<Tag>(_ column: Int) throws(DecodingFault) -> ID<Tag> {
        guard case .id(let high, let low) = cell(column) else { throw DecodingFault(column: column) }
        return ID(high: high, low: low)
    }

    func raw<Raw: RawRepresentable>(_ column: Int) throws(DecodingFault) -> Raw
    where Raw.RawValue == UInt8 {
        guard let byte = UInt8(exactly: try integer(column)), let value = Raw(rawValue: byte)
        else { throw DecodingFault(column: column) }
        return value
    }
}
