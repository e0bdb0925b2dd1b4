// Documents say what is so: their links lead somewhere, the make targets they name exist, and what
// the package needs is explained.

import Testing

enum Documents {
    /// Relative links of a Markdown file that lead to no file or heading.
    static func linkRule(_ file: TextFile, in repository: Repository) -> [Violation] {
        var isInFence = false
        return file.lines.enumerated().flatMap { index, line -> [Violation] in
            if line.hasPrefix("```") { isInFence.toggle() }
            if isInFence { return [] }
            return targets(line).filter { !leads($0, from: file, in: repository) }.map {
                Violation(path: file.path, line: index + 1, what: "link to \($0) leads nowhere")
            }
        }
    }

    /// What stands in the round brackets of `[text](target)`.
    private static func targets(_ line: Substring) -> [String] {
        var found: [String] = []
        var rest = line
        while let start = rest.firstRange(of: "](") {
            rest = rest[start.upperBound...]
            guard let end = rest.firstIndex(of: ")") else { break }
            found.append(String(rest[..<end]))
        }
        return found
    }

    private static func leads(_ target: String, from file: TextFile, in repository: Repository) -> Bool {
        if target.hasPrefix("http://") || target.hasPrefix("https://") { return true }
        let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let folder = file.path.split(separator: "/").dropLast().map(String.init)
        let path = parts[0].isEmpty ? file.path : resolved(folder, String(parts[0]))
        if repository.files.contains(where: { $0.isUnder(path) }) { return parts.count == 1 }
        if repository.others.contains(path) { return parts.count == 1 }
        guard let found = repository.file(path) else { return false }
        guard parts.count == 2 else { return true }
        return headings(found).contains(String(parts[1]))
    }

    private static func resolved(_ folder: [String], _ target: String) -> String {
        var parts = folder
        for part in target.split(separator: "/") {
            if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(String(part)) }
        }
        return parts.joined(separator: "/")
    }

    /// The anchors of a file's headings: lower case, blanks as hyphens, nothing else that is no
    /// letter, digit, hyphen or underscore.
    private static func headings(_ file: TextFile) -> [String] {
        file.lines.filter { $0.hasPrefix("#") }.map { line in
            let title = line.drop { $0 == "#" }.drop { $0 == " " }
            return String(title.lowercased().compactMap { character -> Character? in
                if character == " " { return "-" }
                let stays = character.isLetter || character.isNumber || character == "-" || character == "_"
                return stays ? character : nil
            })
        }
    }

    /// `make x` in a document, where the Makefile has no target x.
    static func makeRule(_ file: TextFile, makefile: TextFile) -> [Violation] {
        let known = targets(of: makefile)
        var isInFence = false
        return file.lines.enumerated().flatMap { index, line -> [Violation] in
            if line.hasPrefix("```") { isInFence.toggle() }
            let code = isInFence ? [line] : codeSpans(line)
            return code.flatMap(makeTargets).filter { !known.contains($0) }.map {
                Violation(path: file.path, line: index + 1, what: "names `make \($0)`, which the Makefile has not")
            }
        }
    }

    /// What stands between single backquotes.
    private static func codeSpans(_ line: Substring) -> [Substring] {
        line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map(\.element)
    }

    private static func makeTargets(_ code: Substring) -> [String] {
        let words = code.split(separator: " ")
        guard let start = words.firstIndex(of: "make"), start == words.startIndex || words[start - 1] == "$"
        else { return [] }
        let target = words[(start + 1)...].first { !$0.contains("=") && !$0.hasPrefix("-") }
        return target.map { [String($0)] } ?? []
    }

    static func targets(of makefile: TextFile) -> Set<String> {
        Set(makefile.lines.flatMap { line -> [String] in
            guard let colon = line.firstIndex(of: ":"), line.first?.isLetter == true else { return [] }
            let rest = line[line.index(after: colon)...]
            if rest.hasPrefix("=") { return [] }
            return line[..<colon].split(separator: " ").map(String.init)
        })
    }

    /// Every C library of Package.swift, by its Debian package, stands in the page of dependencies
    /// and in the list that scripts install from.
    static func dependencyRule(package: TextFile, pages: [TextFile]) -> [Violation] {
        let names = SwiftSource(package).literals.map(\.text).filter { $0.hasPrefix("lib") && $0.hasSuffix("-dev") }
        return pages.flatMap { page in
            names.filter { !page.text.contains($0) }.map {
                Violation(path: page.path, line: 0, what: "does not name \($0), which Package.swift needs")
            }
        }
    }

    /// ARCHITECTURE.md shows the table of modules as it is checked: rows whose first cell is the
    /// module and whose last is what it imports, `–` for nothing, `everything` for the last one.
    static func layersRule(_ file: TextFile) -> [Violation] {
        var rows: [String: [String]] = [:]
        for line in file.lines where line.hasPrefix("| ") && line.hasSuffix(" |") {
            let cells = line.split(separator: "|").map(trimmed)
            let imports = cells[cells.count - 1]
            rows[cells[0]] = imports == "–" ? [] : SwiftSource.words(imports).map(String.init)
        }
        let everything = Layers.allowed.map(\.module).filter { $0 != "App" }
        return Layers.allowed.filter { module, imports in
            let shown = rows[module] == ["everything"] ? everything : rows[module]
            return shown?.sorted() != imports.sorted()
        }.map { module, imports in
            let list = imports.isEmpty ? "–" : imports.joined(separator: ", ")
            return Violation(path: file.path, line: 0, what: "does not show that \(module) imports: \(list)")
        }
    }

    private static func trimmed(_ cell: Substring) -> String {
        String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    /// Every metric of the sources stands in the page for operators.
    static func metricRule(_ sources: [SwiftSource], page: TextFile) -> [Violation] {
        sources.filter { $0.path.hasPrefix("Sources/") }.flatMap { source in
            source.literals.filter { literal in
                // The name stands in the line of the call that makes the metric, or in the next.
                let call = source.code[max(0, literal.line - 2)..<literal.line].joined()
                let isMetric = ["counter(", "gauge(", "histogram("].contains { contains(call, token: $0) }
                return isMetric && literal.text.hasPrefix("hub_") && !page.text.contains("`\(literal.text)`")
            }.map {
                Violation(path: source.path, line: $0.line, what: "\($0.text) is not in \(page.path)")
            }
        }
    }
}
