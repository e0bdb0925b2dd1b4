// The rules about single files. Each is a function from a file to its violations, so that
// RuleSamples.swift can show that it fails where it should.

import Testing

enum Rule {
    /// Aim for 300, stop at 600.
    static func fileLength(_ file: TextFile) -> [Violation] {
        let count = file.text.isEmpty ? 0 : file.lines.count - 1
        let most = file.path == "ARCHITECTURE.md" ? 300 : 600
        return count <= most ? [] : [Violation(path: file.path, line: 0, what: "\(count) lines, at most \(most)")]
    }

    /// Lines aim for 100 columns and stop at 120.
    static func lineWidth(_ file: TextFile) -> [Violation] {
        let most = 120
        return file.lines.enumerated().filter { $0.element.count > most }.map {
            Violation(path: file.path, line: $0.offset + 1, what: "\($0.element.count) columns, at most \(most)")
        }
    }

    /// Says at its top what it is.
    static func openingComment(_ file: TextFile) -> [Violation] {
        var lines = file.lines[...]
        if lines.first?.hasPrefix("#!") == true { lines = lines.dropFirst() }
        let first = lines.first { !$0.allSatisfy(\.isWhitespace) }?.drop { $0 == " " } ?? ""
        let marks: [String] = switch file.ending {
        case "swift", "js", "mjs", "h", "c", "proto": ["//", "/*"]
        case "py": ["\"\"\"", "# "]
        case "css": ["/*"]
        default: ["#"]
        }
        if marks.contains(where: { first.hasPrefix($0) }) { return [] }
        return [Violation(path: file.path, line: 1, what: "does not open with a comment that says what it is")]
    }

    /// Unfinished work belongs into an issue.
    static func leftovers(_ file: TextFile) -> [Violation] {
        let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
        return file.lines.enumerated().flatMap { index, line in
            marks.filter { contains(String(line), token: $0) }.map {
                Violation(path: file.path, line: index + 1, what: "\($0) left")
            }
        }
    }

    /// Paths that exist on one machine only.
    static func machinePaths(_ file: TextFile) -> [Violation] {
        let marks = ["/wo" + "rk/", "/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/"]
        return file.lines.enumerated().flatMap { index, line in
            marks.filter { mark in
                guard let range = line.firstRange(of: mark) else { return false }
                let before = line[..<range.lowerBound].last
                return before.map { !($0.isLetter || $0.isNumber || $0 == "." || $0 == "}") } ?? true
            }.map { Violation(path: file.path, line: index + 1, what: "path of one machine, \($0)…") }
        }
    }

    /// Declared types are domain nouns.
    static func typeNames(_ source: SwiftSource) -> [Violation] {
        let declaring: Set<Substring> = ["struct", "class", "enum", "actor", "protocol", "typealias"]
        return source.code.enumerated().flatMap { index, line in
            let words = SwiftSource.words(line)
            return zip(words, words.dropFirst()).filter { keyword, name in
                declaring.contains(keyword) && name.first?.isUppercase == true && isBanned(String(name))
            }.map {
                Violation(path: source.path, line: index + 1, what: "type name \($0.1): say what it is")
            }
        }
    }

    static func isBanned(_ name: String) -> Bool {
        let banned: Set<String> = ["Manager", "Helper", "Helpers", "Util", "Utils", "Utility",
                                   "Utilities", "Service", "Impl"]
        return name == "Handler" || camelCaseWords(name).contains { banned.contains($0) }
    }

    private static func camelCaseWords(_ name: String) -> [String] {
        var words: [String] = []
        var previous: Character = " "
        for character in name {
            if character.isUppercase, !previous.isUppercase || words.isEmpty { words.append("") }
            if words.isEmpty { words.append("") }
            words[words.count - 1].append(character)
            previous = character
        }
        return words
    }

    /// Functions, initialisers and computed bodies that begin with `func` or `init`: up to 90 lines.
    static func functionLength(_ source: SwiftSource) -> [Violation] {
        let most = 90
        return source.code.indices.compactMap { index in
            let words = SwiftSource.words(source.code[index])
            let isFunction = words.contains("func") || words.contains("deinit")
                || words.contains("init") && !source.code[index].contains(".init")
            guard isFunction, let end = bodyEnd(source.code, from: index) else { return nil }
            let count = end - index + 1
            return count <= most ? nil
                : Violation(path: source.path, line: index + 1, what: "a function of \(count) lines, at most \(most)")
        }
    }

    /// The line of the brace that closes the body begun by the declaration in line `start`; `nil`
    /// when it has none, as in a protocol.
    private static func bodyEnd(_ code: [String], from start: Int) -> Int? {
        var brackets = 0
        var braces = 0
        for index in start..<code.count {
            if index > start, braces == 0, brackets == 0 {
                let first = SwiftSource.words(code[index]).first ?? ""
                if ["func", "init", "var", "let", "case", "package", "private", "static"].contains(first) {
                    return nil
                }
            }
            for byte in code[index].utf8 {
                switch byte {
                case UInt8(ascii: "("), UInt8(ascii: "["): brackets += 1
                case UInt8(ascii: ")"), UInt8(ascii: "]"): brackets -= 1
                case UInt8(ascii: "{"): braces += 1
                case UInt8(ascii: "}"):
                    braces -= 1
                    if braces == 0, brackets <= 0 { return index }
                    if braces < 0 { return nil }
                default: continue
                }
            }
        }
        return nil
    }

    /// Where the compiler is told to trust us, a `SAFETY:` line says why it may.
    static func uncheckedSendable(_ source: SwiftSource) -> [Violation] {
        let places = ["Sources/Hub/Loop/", "Sources/Hub/Front/", "Sources/Hub/Crypto/", "Sources/Hub/Store/",
                      "Sources/Hub/Identity/PasswordHasher.swift", "Sources/Actors/Ports/Lock.swift",
                      "Sources/Actors/Ports/Delivery.swift", "Tests/", "bench/"]
        let isAllowed = places.contains { source.path.hasPrefix($0) }
        let tokens = ["@unchecked Sendable", "nonisolated(unsafe)"]
        return tokens.flatMap { token in
            source.lines(with: token).compactMap { line in
                guard isAllowed else {
                    return Violation(path: source.path, line: line, what: "\(token) outside the edges")
                }
                let near = source.comments[max(0, line - 9)..<min(source.comments.count, line + 4)]
                return near.contains { $0.contains("SAFETY:") } ? nil
                    : Violation(path: source.path, line: line, what: "\(token) without a SAFETY: line near it")
            }
        }
    }

    /// What a seeded scheduler cannot replay.
    static func determinism(_ source: SwiftSource) -> [Violation] {
        guard source.path.hasPrefix("Sources/Actors/") else { return [] }
        let tokens = ["Task.detached", "@concurrent", "Task.sleep", "Date(", ".random(", ".randomElement(",
                      ".shuffled(", "SystemRandomNumberGenerator", "ContinuousClock", "SuspendingClock",
                      "clock_gettime", "gettimeofday", "getrandom"]
        return tokens.flatMap { token in
            source.lines(with: token).map {
                Violation(path: source.path, line: $0, what: "\(token) in code that the simulator runs")
            }
        }
    }

    /// Scripts stop at the first failure and can be started.
    static func script(_ file: TextFile) -> [Violation] {
        var found: [Violation] = []
        let first = file.lines.first ?? ""
        if !file.isExecutable { found.append(Violation(path: file.path, line: 0, what: "is not executable")) }
        guard first.hasPrefix("#!") else {
            return found + [Violation(path: file.path, line: 1, what: "has no #! line")]
        }
        if first.hasSuffix("sh"), !file.lines.contains(where: { $0.hasPrefix("set -eu") }) {
            found.append(Violation(path: file.path, line: 1, what: "does not say set -eu"))
        }
        return found
    }

    /// What databases, tokens, headers and clients decide by bytes is no key of type `String`, which compares by
    /// canonical equivalence, and is not folded by `lowercased()`: see Model/ExactText.swift. The exceptions
    /// compare what people chose, where equivalent spellings are meant to be the same.
    static func exactText(_ source: SwiftSource) -> [Violation] {
        let exceptions = ["Sources/Actors/Model/ExactText.swift", "Sources/Hub/Identity/Admission.swift"]
        let places = ["Sources/", "Tests/Simulation/"]
        guard places.contains(where: { source.path.hasPrefix($0) }), !exceptions.contains(source.path)
        else { return [] }
        let tokens = ["[String:", "[Substring:", "[String :", "Set<String>", "Set<Substring>", "lowercased()"]
        return tokens.flatMap { token in
            source.lines(with: token).map {
                Violation(path: source.path, line: $0, what: "\(token): equal text is not equal bytes; use ExactText")
            }
        } + equivalentLiterals(source)
    }

    /// Literals that some other text equals, compared as text: U+212A is `K`, U+037E is `;`, U+1FEF is a grave
    /// accent, and letters with marks have several spellings. A literal of other ASCII equals only itself.
    private static func equivalentLiterals(_ source: SwiftSource) -> [Violation] {
        guard !source.path.hasPrefix("Sources/Hub/App/") else { return [] }
        let comparisons = ["== \"", "!= \"", "split(separator: \"", "of: \"", "contains(\"", "hasPrefix(\"",
                           "hasSuffix(\"", "case \""]
        let byLine = Dictionary(grouping: source.literals, by: \.line)
        return byLine.sorted { $0.key < $1.key }.flatMap { line, literals in
            let code = source.code[line - 1]
            return comparisons.flatMap { code.ranges(of: $0) }.compactMap { range -> Violation? in
                // Each literal before it has left two quotation marks.
                let place = code[..<range.upperBound].utf8.count { $0 == UInt8(ascii: "\"") } / 2
                guard place < literals.count, hasEquivalents(literals[place].text) else { return nil }
                return Violation(path: source.path, line: line,
                                 what: "other texts equal \"\(literals[place].text)\": compare bytes")
            }
        }
    }

    private static func hasEquivalents(_ text: String) -> Bool {
        let isCut = text.contains("\\(…)")
        return !isCut && text.unicodeScalars.contains { !$0.isASCII || $0 == "K" || $0 == ";" || $0 == "`" }
    }
}
