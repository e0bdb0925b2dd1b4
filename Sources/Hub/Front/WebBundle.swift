// The web client made ready for slow networks: its modules become one script, its style sheets one sheet, both
// with the hash of their content in their names, so that browsers keep them for good; the script that chooses
// the theme goes into the page. It understands the forms that our own modules use, and says `nil` to any other:
// then the files are served as they are.

import Crypto
import Model

struct WebBundle {
    let page: [UInt8]
    /// By path.
    let files: [(path: String, content: [UInt8])]
    /// What the Content-Security-Policy has to allow besides scripts of files.
    let inlineScriptHashes: [String]

    private struct Module {
        let code: String
        let exports: [String]
    }

    /// - Parameter read: the text of a file by its path, which begins with a slash.
    init?(page: String, read: (String) -> String?) {
        var sheets: [String] = []
        var hashes: [String] = []
        var scripts: [String] = []
        var lines: [String] = []
        for line in page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if let path = Self.value("href", of: line), line.contains("rel=\"stylesheet\"") {
                guard let sheet = read(path) else { return nil }
                if sheets.isEmpty { lines.append("\u{1}") }
                sheets.append(sheet)
            } else if let path = Self.value("src", of: line), line.hasPrefix("<script") {
                if line.contains("type=\"module\"") {
                    scripts.append(path)
                    lines.append("\u{2}")
                } else {
                    guard let code = read(path), !code.contains("</") else { return nil }
                    hashes.append(Base64.encode(SHA256.hash(Array(code.utf8)), .standard))
                    lines.append("<script>\(code)</script>")
                }
            } else {
                lines.append(line)
            }
        }
        guard scripts.count == 1, let script = Self.script(from: scripts[0], read: read) else { return nil }
        let sheet = Array(sheets.joined(separator: "\n").utf8)
        let code = Array(script.utf8)
        let sheetPath = "/styles.\(StaticSite.hash(sheet)).css"
        let codePath = "/app.\(StaticSite.hash(code)).js"
        let made = lines.map { line in
            switch line {
            case "\u{1}": "<link rel=\"stylesheet\" href=\"\(sheetPath)\">"
            // Asked for while the page is still being read, whatever stands before it.
            case "\u{2}":
                "<link rel=\"modulepreload\" href=\"\(codePath)\">\n"
                    + "<script type=\"module\" src=\"\(codePath)\"></script>"
            default: line
            }
        }
        self.page = Array(made.joined(separator: "\n").utf8)
        files = [(sheetPath, sheet), (codePath, code)]
        inlineScriptHashes = hashes
    }

    private static func value(_ name: String, of line: String) -> String? {
        guard let start = line.firstRange(of: "\(name)=\"") else { return nil }
        let rest = line[start.upperBound...]
        guard let end = rest.firstIndex(of: "\"") else { return nil }
        return String(rest[..<end])
    }

    // MARK: Modules

    /// All modules as functions of one script, each before those that import it.
    private static func script(from start: String, read: (String) -> String?) -> String? {
        var numbers: [ExactText: Int] = [:]
        var parts: [String] = []
        var open: Set<ExactText> = []
        func add(_ path: String) -> Bool {
            if numbers[ExactText(path)] != nil { return true }
            // Modules that import one another would need their names before they have values.
            guard open.insert(ExactText(path)).inserted, let text = read(path) else { return false }
            var isUnderstood = true
            let module = module(text) { specifier in
                guard let target = resolve(specifier, from: path), add(target), let number = numbers[ExactText(target)]
                else {
                    isUnderstood = false
                    return 0
                }
                return number
            }
            guard let module, isUnderstood else { return false }
            let number = parts.count
            let exports = module.exports.joined(separator: ", ")
            parts.append("const m\(number) = (() => {\n\(module.code)return { \(exports) };\n})();\n")
            numbers[ExactText(path)] = number
            return true
        }
        guard add(start) else { return nil }
        return parts.joined()
    }

    private static func resolve(_ specifier: String, from path: String) -> String? {
        guard specifier.hasPrefix("./") || specifier.hasPrefix("../") else { return nil }
        var parts = path.split(separator: "/").dropLast().map(String.init)
        for part in specifier.split(separator: "/") {
            switch part {
            case ".": break
            case "..":
                guard !parts.isEmpty else { return nil }
                parts.removeLast()
            default: parts.append(String(part))
            }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// One module as the body of a function: imports become constants, exports are collected, comments that
    /// have lines of their own are left out.
    private static func module(_ text: String, number: (String) -> Int) -> Module? {
        var code = ""
        var exports: [String] = []
        var statement = ""
        var isComment = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let trimmed = line.drop { $0 == " " }
            if isComment {
                if trimmed.hasSuffix("*/") { isComment = false }
                continue
            }
            if statement.isEmpty {
                if trimmed.hasPrefix("//") || trimmed.isEmpty { continue }
                if trimmed.hasPrefix("/**") {
                    // A comment for one expression, as in casts, stands before code of its line.
                    if let end = trimmed.firstRange(of: "*/") {
                        if trimmed[end.upperBound...].allSatisfy({ $0 == " " }) { continue }
                    } else {
                        isComment = true
                        continue
                    }
                }
            }
            let isStart = line.hasPrefix("import ") || line.hasPrefix("export {")
            if statement.isEmpty && !isStart {
                guard let declared = declaration(String(line), into: &exports) else { return nil }
                code += declared + "\n"
                continue
            }
            statement += line + " "
            guard line.utf8.last == UInt8(ascii: ";") else { continue }
            guard let bound = binding(statement, into: &exports, number: number) else { return nil }
            code += bound
            statement = ""
        }
        guard statement.isEmpty, !isComment else { return nil }
        return Module(code: code, exports: exports)
    }

    /// A line without its `export`; `nil` for forms that are not ours.
    private static func declaration(_ line: String, into exports: inout [String]) -> String? {
        guard line.hasPrefix("export ") else { return line.hasPrefix("import") ? nil : line }
        let rest = line.dropFirst("export ".count)
        for keyword in ["async function ", "function ", "class ", "const "] where rest.hasPrefix(keyword) {
            let name = rest.dropFirst(keyword.count).prefix { $0.isLetter || $0.isNumber || $0 == "$" }
            guard !name.isEmpty else { return nil }
            exports.append(String(name))
            return String(rest)
        }
        return nil
    }

    /// `import { a, b as c } from 'x';`, `import 'x';` and `export { a } from 'x';`.
    private static func binding(_ statement: String, into exports: inout [String], number: (String) -> Int)
        -> String?
    {
        let quoted = statement.split(separator: "'", omittingEmptySubsequences: false)
        guard quoted.count == 3 else { return nil }
        let module = number(String(quoted[1]))
        let head = quoted[0]
        guard let from = head.firstIndex(of: "{") else {
            return head.allSatisfy(\.isWhitespace) || head == "import " ? "" : nil
        }
        guard let to = head.firstIndex(of: "}"), head[head.index(after: to)...].contains("from") else { return nil }
        var names: [String] = []
        for entry in head[head.index(after: from)..<to].split(separator: ",") {
            let words = entry.split(separator: " ")
            switch words.count {
            case 0: continue
            case 1: names.append(String(words[0]))
            case 3 where words[1] == "as": names.append("\(words[0]): \(words[2])")
            default: return nil
            }
        }
        if head.hasPrefix("export") {
            guard names.allSatisfy({ !$0.contains(":") }) else { return nil }
            exports += names
        }
        return "const { \(names.joined(separator: ", ")) } = m\(module);\n"
    }
}
