// A row of the table of configuration keys: name, form, unit, range and meaning, and how its text
// becomes a value. The reader, `--help`, `--print-config` and docs/operations.md all come from the
// table. Defaults stand in `Configuration`; a test holds the two together.

import Model
import Ports

/// Why a value is no value for a key. Completes the sentence "name = value: …".
package struct ValueProblem: Error, Hashable, Sendable {
    package let text: String
    package let remedy: String

    static func not(_ form: String, example: String) -> Self {
        let article = "aeiou".contains(form.first ?? " ") ? "an" : "a"
        return ValueProblem(text: "not \(article) \(form)", remedy: "write it like \(example)")
    }
}

/// One key: what it is called, and how its text becomes a value and back.
package struct ConfigurationKey: Sendable {
    /// In lower case with underscores; `--with-hyphens` on the command line, `HUB_IN_CAPITALS` in
    /// the environment.
    package let name: String
    /// What a value looks like, in a word or two: `size`, `duration`, `path`.
    package let form: String
    /// `1…256`, or the words that are allowed; empty when the form says it all.
    package let range: String
    package let meaning: String
    /// Several values are allowed: comma-separated, or the key repeated.
    package let isList: Bool
    /// The default where it depends on other things, in words; `nil`: what `Configuration` has.
    let defaultInWords: String?
    /// The text is never repeated in an error, as it may hold a secret.
    let mayHoldSecret: Bool
    let read: @Sendable (String, inout Configuration) throws(ValueProblem) -> Void
    /// What `read` would read back, secrets hidden; `nil` when nothing is set.
    let show: @Sendable (Configuration) -> String?

    /// SIGHUP changes it while the hub runs.
    package var isReloadable: Bool { Self.reloadable.contains(ExactText(name)) }

    package var option: String { "--" + name.map { $0 == "_" ? "-" : String($0) }.joined() }
    package var variable: String { "HUB_" + name.uppercased() }
    package var defaultText: String {
        defaultInWords ?? show(Configuration()) ?? "none"
    }
}

extension ConfigurationKey {
    typealias Path<Value> = any WritableKeyPath<Configuration, Value> & Sendable

    /// A whole number.
    static func count<Number: FixedWidthInteger & Sendable>(
        _ name: String, _ path: Path<Number>, _ range: ClosedRange<Number>, _ meaning: String
    ) -> Self {
        number(name, path, range, form: "number", .plain, meaning)
    }

    /// Bytes, written `64KiB`, `1MiB`, `2GiB` or as a plain number.
    static func size<Number: FixedWidthInteger & Sendable>(
        _ name: String, _ path: Path<Number>, _ range: ClosedRange<Number>, _ meaning: String
    ) -> Self {
        number(name, path, range, form: "size", .bytes, meaning)
    }

    /// Kept in milliseconds, written `250ms`, `10s`, `15m`, `24h` or `7d`.
    static func duration<Number: FixedWidthInteger & Sendable>(
        _ name: String, _ path: Path<Number>, _ range: ClosedRange<Number>, _ meaning: String
    ) -> Self {
        number(name, path, range, form: "duration", .milliseconds, meaning)
    }

    private static func number<Number: FixedWidthInteger & Sendable>(
        _ name: String, _ path: Path<Number>, _ range: ClosedRange<Number>, form: String,
        _ unit: Quantity, _ meaning: String
    ) -> Self {
        ConfigurationKey(
            name: name, form: form,
            range: "\(unit.text(UInt64(range.lowerBound)))…\(unit.text(UInt64(range.upperBound)))",
            meaning: meaning, isList: false, defaultInWords: nil, mayHoldSecret: false,
            read: { text, configuration throws(ValueProblem) in
                configuration[keyPath: path] = try unit.value(text, in: range)
            },
            show: { unit.text(UInt64($0[keyPath: path])) })
    }

    /// A number that is `auto` unless set.
    static func automatic(
        _ name: String, _ path: Path<Int?>, _ range: ClosedRange<Int>, default words: String,
        _ meaning: String
    ) -> Self {
        ConfigurationKey(
            name: name, form: "number or `auto`", range: "\(range.lowerBound)…\(range.upperBound)",
            meaning: meaning, isList: false, defaultInWords: words, mayHoldSecret: false,
            read: { text, configuration throws(ValueProblem) in
                configuration[keyPath: path] =
                    text == "auto" ? nil : try Quantity.plain.value(text, in: range)
            },
            show: { $0[keyPath: path].map { "\($0)" } ?? "auto" })
    }

    /// Text of one form, optional; `parse` returns `nil` for what is not of that form.
    static func value<Value: Sendable & CustomStringConvertible>(
        _ name: String, _ path: Path<Value?>, form: String, default words: String? = nil,
        example: String, mayHoldSecret: Bool = false, _ meaning: String,
        parse: @escaping @Sendable (String) -> Value?
    ) -> Self {
        ConfigurationKey(
            name: name, form: form, range: "", meaning: meaning, isList: false,
            defaultInWords: words, mayHoldSecret: mayHoldSecret,
            read: { text, configuration throws(ValueProblem) in
                guard let value = parse(text) else {
                    throw ValueProblem.not(form, example: example)
                }
                configuration[keyPath: path] = value
            },
            show: { $0[keyPath: path].map(\.description) })
    }

    /// Yes or no.
    static func flag(_ name: String, _ path: Path<Bool>, _ meaning: String) -> Self {
        ConfigurationKey(
            name: name, form: "`true` or `false`", range: "", meaning: meaning, isList: false,
            defaultInWords: nil, mayHoldSecret: false,
            read: { text, configuration throws(ValueProblem) in
                guard let value = Bool(text) else { throw ValueProblem.not("`true` or `false`", example: "true") }
                configuration[keyPath: path] = value
            },
            show: { "\($0[keyPath: path])" })
    }

    /// Several values of one form, or `none`.
    static func list<Value: Sendable & CustomStringConvertible>(
        _ name: String, _ path: Path<[Value]>, form: String, example: String,
        mayBeEmpty: Bool = true, _ meaning: String, parse: @escaping @Sendable (String) -> Value?
    ) -> Self {
        let plural = form + (form.hasSuffix("s") ? "es" : "s")
        return ConfigurationKey(
            name: name, form: "list of \(plural)" + (mayBeEmpty ? ", or `none`" : ""), range: "",
            meaning: meaning, isList: true, defaultInWords: nil,
            mayHoldSecret: false,
            read: { text, configuration throws(ValueProblem) in
                var values: [Value] = []
                if mayBeEmpty, text == "none" {
                    configuration[keyPath: path] = []
                    return
                }
                for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                    guard let value = parse(trimmed(part)) else {
                        throw ValueProblem.not(form, example: example)
                    }
                    values.append(value)
                }
                configuration[keyPath: path] = values
            },
            show: { configuration in
                let values = configuration[keyPath: path]
                return values.isEmpty ? "none" : values.map(\.description).joined(separator: ", ")
            })
    }

    /// One of some words.
    static func choice<Value: Sendable & CaseIterable>(
        _ name: String, _ path: Path<Value>, _ meaning: String,
        word: @escaping @Sendable (Value) -> String
    ) -> Self {
        let words = Value.allCases.map(word)
        return ConfigurationKey(
            name: name, form: "word", range: words.joined(separator: ", "), meaning: meaning,
            isList: false, defaultInWords: nil, mayHoldSecret: false,
            read: { text, configuration throws(ValueProblem) in
                guard let value = Value.allCases.first(where: { word($0) == text }) else {
                    throw ValueProblem(
                        text: "not one of its words",
                        remedy: "write one of " + words.joined(separator: ", "))
                }
                configuration[keyPath: path] = value
            },
            show: { word($0[keyPath: path]) })
    }
}

/// How a number is written: with which units, from the largest.
struct Quantity: Sendable {
    let units: [(suffix: String, factor: UInt64)]
    let example: String

    static let plain = Quantity(units: [("", 1)], example: "a whole number")
    static let bytes = Quantity(
        units: [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)],
        example: "a size such as 64KiB or 1MiB")
    static let milliseconds = Quantity(
        units: [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)],
        example: "a duration with its unit, such as 500ms, 25s, 15m, 24h or 7d")

    /// With the largest unit that leaves no remainder.
    func text(_ value: UInt64) -> String {
        for unit in units where value >= unit.factor && value % unit.factor == 0 {
            return "\(value / unit.factor)\(unit.suffix)"
        }
        return "\(value)\(units[units.count - 1].suffix)"
    }

    func value<Number: FixedWidthInteger>(_ text: String, in range: ClosedRange<Number>)
        throws(ValueProblem) -> Number
    {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text[digits.endIndex...]
        guard let number = decimal(digits, as: UInt64.self),
            let unit = units.first(where: { $0.suffix == suffix })
        else { throw ValueProblem(text: "not \(example)", remedy: "write \(example)") }
        let lowest = self.text(UInt64(range.lowerBound))
        let highest = self.text(UInt64(range.upperBound))
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.factor)
        guard !overflow, let value = Number(exactly: product), range.contains(value) else {
            throw ValueProblem(text: "out of range", remedy: "write \(lowest) to \(highest)")
        }
        return value
    }
}

/// Without blanks and tabs at either end.
func trimmed(_ text: some StringProtocol) -> String {
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
    guard let first = text.firstIndex(where: { !isBlank($0) }),
        let last = text.lastIndex(where: { !isBlank($0) })
    else { return "" }
    return String(text[first...last])
}
