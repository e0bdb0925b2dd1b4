// A small JSON of the tests' own, so that answers are read by something else than what wrote them.

enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])

    subscript(_ name: String) -> JSON? { if case .object(let members) = self { members[name] } else { nil } }
    var text: String? { if case .text(let text) = self { text } else { nil } }
    var int: Int? { if case .number(let number) = self { Int(exactly: number) } else { nil } }
    var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
    var list: [JSON]? { if case .list(let list) = self { list } else { nil } }

    /// Numbers come out as doubles print, which is enough for forms.
    var written: String {
        switch self {
        case .null: "null"
        case .bool(let bool): "\(bool)"
        case .number(let number): Int(exactly: number).map(String.init) ?? "\(number)"
        case .text(let text): "\"" + text.unicodeScalars.map(Self.escaped).joined() + "\""
        case .list(let list): "[" + list.map(\.written).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { "\(JSON.text($0).written):\($1.written)" }.joined(separator: ",") + "}"
        }
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\"", "\\": "\\\(scalar)"
        case "\u{0}"..<" ": "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
        default: String(scalar)
        }
    }

    /// `nil` for anything that is not one JSON value.
    init?(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var rest = text.unicodeScalars[...]
        guard let value = Self.value(&rest), rest.isEmpty else { return nil }
        self = value
    }

    private static func value(_ rest: inout Substring.UnicodeScalarView) -> JSON? {
        guard let first = rest.first else { return nil }
        switch first {
        case "{":
            var members: [String: JSON] = [:]
            return items(&rest, until: "}") { rest in
                guard let name = string(&rest), take(&rest, ":"), let value = value(&rest) else { return false }
                return members.updateValue(value, forKey: name) == nil
            } ? .object(members) : nil
        case "[":
            var list: [JSON] = []
            return items(&rest, until: "]") { rest in
                guard let value = value(&rest) else { return false }
                list.append(value)
                return true
            } ? .list(list) : nil
        case "\"": return string(&rest).map(JSON.text)
        default:
            let word = String(String.UnicodeScalarView(rest.prefix { !",]}".unicodeScalars.contains($0) }))
            rest = rest.dropFirst(word.unicodeScalars.count)
            switch word {
            case "null": return .null
            case "true": return .bool(true)
            case "false": return .bool(false)
            default: return Double(word).map(JSON.number)
            }
        }
    }

    private static func items(
        _ rest: inout Substring.UnicodeScalarView, until end: Unicode.Scalar,
        _ item: (inout Substring.UnicodeScalarView) -> Bool
    ) -> Bool {
        rest.removeFirst()
        if take(&rest, end) { return true }
        repeat { guard item(&rest) else { return false } } while take(&rest, ",")
        return take(&rest, end)
    }

    private static func take(_ rest: inout Substring.UnicodeScalarView, _ scalar: Unicode.Scalar) -> Bool {
        guard rest.first == scalar else { return false }
        rest.removeFirst()
        return true
    }

    private static func string(_ rest: inout Substring.UnicodeScalarView) -> String? {
        guard take(&rest, "\"") else { return nil }
        var text = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\"": return String(text)
            case "\\":
                // The hub escapes nothing else in what these tests see.
                guard let escaped = rest.popFirst(), "\"\\/".unicodeScalars.contains(escaped) else { return nil }
                text.append(escaped)
            case "\u{0}"..<" ": return nil
            default: text.append(scalar)
            }
        }
        return nil
    }
}

/// What a member of a form can be.
protocol FormValue: Sendable {
    var json: JSON { get }
}

extension String: FormValue { var json: JSON { .text(self) } }
extension Bool: FormValue { var json: JSON { .bool(self) } }
extension JSON: FormValue { var json: JSON { self } }
extension Int: FormValue { var json: JSON { .number(Double(self)) } }
extension Double: FormValue { var json: JSON { .number(self) } }

typealias Form = [String: any FormValue]
