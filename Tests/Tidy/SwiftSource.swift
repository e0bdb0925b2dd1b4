// A Swift file taken apart just far enough for the rules: code without comments and text, text
// literals, and comments, each by line. No parser: what needs one is not a rule here.

struct SwiftSource: Sendable {
    let path: String
    /// The lines of the file with comments and the insides of text literals blanked.
    let code: [String]
    /// Each text literal with the line it begins in; interpolations read `\(…)`.
    let literals: [(line: Int, text: String)]
    /// The comment text of each line, empty where there is none.
    let comments: [String]

    init(_ file: TextFile) {
        path = file.path
        var scanner = Scanner(bytes: Array(file.text.utf8))
        scanner.run()
        code = scanner.code.map { String(decoding: $0, as: UTF8.self) }
        comments = scanner.comments.map { String(decoding: $0, as: UTF8.self) }
        literals = scanner.literals.map { ($0.line, String(decoding: $0.text, as: UTF8.self)) }
    }

    /// Line numbers, from 1, whose code holds `token`, not as part of a longer name.
    func lines(with token: String) -> [Int] {
        code.indices.filter { contains(code[$0], token: token) }.map { $0 + 1 }
    }

    /// The words of a line of code: runs of letters, digits and `_`.
    static func words(_ line: some StringProtocol) -> [Substring] {
        Substring(line).split { !($0.isLetter || $0.isNumber || $0 == "_") }
    }
}

/// Whether `token` stands in the line with no letter, digit or `_` touching a letter end of it.
func contains(_ line: String, token: String) -> Bool {
    let line = Array(line.utf8)
    let token = Array(token.utf8)
    guard line.count >= token.count, let first = token.first, let last = token.last else {
        return false
    }
    for start in 0...(line.count - token.count) where line[start] == first {
        let end = start + token.count
        guard line[start..<end].elementsEqual(token) else { continue }
        let isCutBefore = start > 0 && isWord(first) && isWord(line[start - 1])
        let isCutAfter = end < line.count && isWord(last) && isWord(line[end])
        if !isCutBefore, !isCutAfter { return true }
    }
    return false
}

private func isWord(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "_") || byte >= 0x80
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
}

private struct Scanner {
    let bytes: [UInt8]
    var at = 0
    var code: [[UInt8]] = [[]]
    var comments: [[UInt8]] = [[]]
    var literals: [(line: Int, text: [UInt8])] = []

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func run() {
        while at < bytes.count {
            if starts("//") {
                while at < bytes.count, bytes[at] != newline { comment() }
            } else if starts("/*") {
                blockComment()
            } else if bytes[at] == quote || isRawLiteral {
                literal()
            } else {
                keep()
            }
        }
    }

    private let newline = UInt8(ascii: "\n")
    private let quote = UInt8(ascii: "\"")
    private let hash = UInt8(ascii: "#")

    private func starts(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { at + $0.count <= bytes.count && bytes[at..<at + $0.count].elementsEqual($0) }
    }

    /// `#"` with any number of `#`.
    private var isRawLiteral: Bool {
        guard bytes[at] == hash else { return false }
        return bytes[at...].first { $0 != hash } == quote
    }

    private mutating func endLine() {
        code.append([])
        comments.append([])
        at += 1
    }

    private mutating func keep() {
        if bytes[at] == newline { return endLine() }
        code[code.count - 1].append(bytes[at])
        at += 1
    }

    private mutating func comment() {
        if bytes[at] == newline { return endLine() }
        comments[comments.count - 1].append(bytes[at])
        at += 1
    }

    private mutating func blockComment() {
        var depth = 0
        repeat {
            if starts("/*") {
                depth += 1
                comment()
            } else if starts("*/") {
                depth -= 1
                comment()
            }
            if at < bytes.count { comment() }
        } while depth > 0 && at < bytes.count
    }

    /// A text literal of any kind. The code keeps its quotation marks and what its interpolations
    /// hold.
    private mutating func literal() {
        var hashes = 0
        while bytes[at] == hash {
            hashes += 1
            keep()
        }
        let marks = starts("\"\"\"") ? 3 : 1
        for _ in 0..<marks { keep() }
        let end = [UInt8](repeating: quote, count: marks) + [UInt8](repeating: hash, count: hashes)
        let escape = [UInt8(ascii: "\\")] + [UInt8](repeating: hash, count: hashes)
        let slot = literals.count
        literals.append((code.count, []))
        while at < bytes.count, !bytes[at...].starts(with: end) {
            if bytes[at...].starts(with: escape) {
                let next = at + escape.count
                if next < bytes.count, bytes[next] == UInt8(ascii: "(") {
                    at = next
                    literals[slot].text += "\\(…)".utf8
                    interpolation()
                } else {
                    literals[slot].text += bytes[at..<min(next + 1, bytes.count)]
                    if next < bytes.count, bytes[next] == newline { code.append([]); comments.append([]) }
                    at = next + 1
                }
            } else {
                literals[slot].text.append(bytes[at])
                if bytes[at] == newline { endLine() } else { at += 1 }
            }
        }
        for _ in 0..<end.count where at < bytes.count { keep() }
    }

    private mutating func interpolation() {
        var depth = 0
        repeat {
            switch bytes[at] {
            case UInt8(ascii: "("): depth += 1; keep()
            case UInt8(ascii: ")"): depth -= 1; keep()
            case quote: literal()
            case hash where isRawLiteral: literal()
            default: keep()
            }
        } while depth > 0 && at < bytes.count
    }
}
