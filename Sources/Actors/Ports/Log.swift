// Structured log lines. Messages are static text, and fields are numbers, ids and short words, so
// that no secret or personal datum can get in by way of interpolation.

package import Model
import Synchronization

package enum LogLevel: UInt8, Sendable, Comparable, CaseIterable {
    case debug = 0
    case info = 1
    case warning = 2
    case error = 3
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

package enum LogValue: Sendable {
    case number(Int64)
    case text(String)
}

package struct LogField: Sendable {
    package let name: StaticString
    package let value: LogValue
    package static func number(_ name: StaticString, _ value: some BinaryInteger) -> LogField {
        LogField(name: name, value: .number(Int64(clamping: value)))
    }
    package static func id<Kind>(_ name: StaticString, _ id: ID<Kind>) -> LogField {
        LogField(name: name, value: .text(id.description))
    }
    /// A network address, which is a personal datum: for lines that exist to block it, and only there. `nil` for
    /// anything that is not written like one.
    package static func address(_ name: StaticString, _ text: String) -> LogField? {
        let isAddress = !text.isEmpty && text.utf8.count <= 45 && text.utf8.allSatisfy { byte in
            (48...58).contains(byte) || (97...102).contains(byte) || (65...70).contains(byte) || byte == 46
        }
        return isAddress ? LogField(name: name, value: .text(text)) : nil
    }
    /// A word of ours: an error slug, a state. Never what a client sent.
    package static func word(_ name: StaticString, _ value: String) -> LogField {
        LogField(name: name, value: .text(value))
    }
}

/// The least important lines that are written; all copies of a log share it.
private final class LogThreshold: Sendable {
    let level: Atomic<UInt8>
    init(_ level: LogLevel) { self.level = Atomic(level.rawValue) }
}

/// Where log lines go. Cheap to copy.
package struct Log: Sendable {
    package typealias Sink = @Sendable (LogLevel, StaticString, [LogField]) -> Void
    private let threshold: LogThreshold
    private let sink: Sink

    package init(threshold: LogLevel, sink: @escaping Sink) {
        self.threshold = LogThreshold(threshold)
        self.sink = sink
    }

    /// For every copy of this log, from now on.
    package func setThreshold(_ level: LogLevel) {
        threshold.level.store(level.rawValue, ordering: .relaxed)
    }

    /// Swallows everything; for tests.
    package static let silent = Log(threshold: .error) { _, _, _ in }

    package func debug(_ text: StaticString, _ fields: LogField...) { write(.debug, text, fields) }
    package func info(_ text: StaticString, _ fields: LogField...) { write(.info, text, fields) }
    package func warning(_ text: StaticString, _ fields: LogField...) { write(.warning, text, fields) }
    package func error(_ text: StaticString, _ fields: LogField...) { write(.error, text, fields) }

    package func write(_ level: LogLevel, _ text: StaticString, _ fields: [LogField]) {
        if level.rawValue >= threshold.level.load(ordering: .relaxed) { sink(level, text, fields) }
    }
}
