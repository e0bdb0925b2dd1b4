// Values to and from PostgreSQL in its binary formats: bigint big-endian, uuid 16 bytes, text and bytea
// as they are. What a failed result means stands in `Dialect`.

import CPQ
import Glibc

enum PostgresValue {
    /// The object ids of pg_type.dat; they never change.
    static func type(_ kind: Value.Kind) -> Oid {
        switch kind {
        case .integer: 20
        case .text: 25
        case .bytes: 17
        case .id: 2950
        }
    }

    /// The arrays that PQsendQueryPrepared wants, all parameters in one buffer.
    static func withParameters<Result>(
        _ values: [Value],
        _ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<Int32>,
                 UnsafePointer<Int32>) -> Result
    ) -> Result {
        var buffer: [UInt8] = []
        buffer.reserveCapacity(values.count * 16 + 256)
        var spans: [(start: Int, count: Int)?] = []
        spans.reserveCapacity(values.count)
        for value in values {
            let start = buffer.count
            switch value {
            case .null:
                spans.append(nil)
                continue
            case .integer(let integer): append(UInt64(bitPattern: integer), to: &buffer)
            case .text(let text): buffer.append(contentsOf: text.utf8)
            case .bytes(let bytes): buffer.append(contentsOf: bytes)
            case .id(let high, let low):
                append(high, to: &buffer)
                append(low, to: &buffer)
            }
            spans.append((start, buffer.count - start))
        }
        // An empty buffer may have no address, but an empty value must not be null.
        buffer.append(0)
        let lengths = spans.map { Int32($0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: values.count)
        return buffer.withUnsafeBytes { raw in
            let base = raw.baseAddress!.assumingMemoryBound(to: CChar.self)
            let pointers = spans.map { span in span.map { base + $0.start } }
            return body(Int32(values.count), pointers, lengths, formats)
        }
    }

    private static func append(_ word: UInt64, to buffer: inout [UInt8]) {
        withUnsafeBytes(of: word.bigEndian) { buffer.append(contentsOf: $0) }
    }
}

enum PostgresRows {
    /// A result in binary format.
    static func decode(_ result: OpaquePointer) -> Rows {
        var rows = Rows()
        rows.width = Int(PQnfields(result))
        if rows.width == 0 {
            rows.changed = Int(String(cString: PQcmdTuples(result))) ?? 0
            return rows
        }
        let count = PQntuples(result)
        rows.cells.reserveCapacity(Int(count) * rows.width)
        let types = (0..<Int32(rows.width)).map { PQftype(result, $0) }
        for row in 0..<count {
            for (column, type) in types.enumerated() {
                rows.cells.append(cell(result, row, Int32(column), type))
            }
        }
        return rows
    }

    private static func cell(_ result: OpaquePointer, _ row: Int32, _ column: Int32, _ type: Oid)
        -> Value
    {
        if PQgetisnull(result, row, column) == 1 { return .null(.integer) }
        let count = Int(PQgetlength(result, row, column))
        let raw = UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: count)
        switch (type, count) {
        case (20, 8): return .integer(Int64(bitPattern: word(raw, 0)))
        case (23, 4): return .integer(Int64(Int32(bigEndian: raw.loadUnaligned(as: Int32.self))))
        case (2950, 16): return .id(high: word(raw, 0), low: word(raw, 8))
        case (17, _): return .bytes([UInt8](raw))
        default: return .text(String(decoding: raw, as: UTF8.self))
        }
    }

    private static func word(_ raw: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The first row of a result in text format.
    static func decodeText(_ result: OpaquePointer) -> [String] {
        guard PQntuples(result) > 0 else { return [] }
        return (0..<PQnfields(result)).map { String(cString: PQgetvalue(result, 0, $0)) }
    }
}

enum PostgresError {
    static func failure(_ result: OpaquePointer) -> Failure {
        Dialect.postgresFailure(state: field(result, "C"), text: text(result))
    }

    /// Code and message. The detail is left out: it quotes rows.
    static func text(_ result: OpaquePointer) -> String {
        "postgresql \(field(result, "C")): \(field(result, "M"))"
    }

    /// PG_DIAG_SQLSTATE and PG_DIAG_MESSAGE_PRIMARY are characters in macros that Swift does not see.
    private static func field(_ result: OpaquePointer, _ name: Unicode.Scalar) -> String {
        PQresultErrorField(result, Int32(name.value)).map { String(cString: $0) } ?? ""
    }
}
