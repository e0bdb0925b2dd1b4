// What may import what, and where SQL may stand: the table of modules and the rules around it.
// ARCHITECTURE.md repeats the table for people; a test compares the two.

import Testing

/// Modules of the hub, each with those it may import. What is not in the table does not exist.
enum Layers {
    static let allowed: [(module: String, imports: [String])] = [
        ("Model", []),
        ("Ports", ["Model"]),
        ("Rules", ["Model"]),
        ("Live", ["Rules", "Ports", "Model"]),
        ("Loop", ["CUV", "CURing", "Ports"]),
        ("Crypto", ["COpenSSL", "CArgon2", "Ports"]),
        ("Deflate", ["CZlib"]),
        ("Wire", ["Model"]),
        ("Store", ["CPQ", "CSQLite", "Loop", "Ports", "Model"]),
        ("Vault", ["Crypto", "Ports", "Model"]),
        ("Identity", ["Crypto", "Wire", "Ports", "Model"]),
        ("Front", ["Wire", "Deflate", "Loop", "Crypto", "Live", "Ports", "Model"]),
        ("App", ["Front", "Identity", "Vault", "Store", "Wire", "Deflate", "Loop", "Crypto", "Live", "Rules",
                 "Ports", "Model"]),
    ]

    /// What every module may import: the language and the C library. Foundation is not among them:
    /// it is large, slow to start, and hides blocking calls.
    static let everywhere: Set<String> = ["Swift", "Synchronization", "Glibc", "_Concurrency"]

    /// The module of a file in Sources/Actors or Sources/Hub.
    static func module(of path: String) -> String? {
        let parts = path.split(separator: "/")
        guard parts.count > 3, parts[0] == "Sources", ["Actors", "Hub"].contains(parts[1]) else {
            return nil
        }
        return String(parts[2])
    }

    /// Module and line of each import: `import A`, `package import A`, `@testable import A`,
    /// `import struct A.B`.
    static func imports(_ source: SwiftSource) -> [(line: Int, module: String)] {
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        let before: Set<Substring> = ["package", "public", "internal", "private", "fileprivate", "testable",
                                      "preconcurrency", "_exported", "_implementationOnly"]
        return source.code.enumerated().compactMap { index, line in
            var words = SwiftSource.words(line)[...]
            while let first = words.first, before.contains(first) { words = words.dropFirst() }
            guard words.first == "import" else { return nil }
            words = words.dropFirst()
            if let first = words.first, kinds.contains(first) { words = words.dropFirst() }
            return words.first.map { (index + 1, String($0)) }
        }
    }

    static func importRule(_ source: SwiftSource) -> [Violation] {
        guard let module = module(of: source.path) else { return [] }
        guard let row = allowed.first(where: { $0.module == module }) else {
            return [Violation(path: source.path, line: 0, what: "module \(module) is not in the table of layers")]
        }
        let allowed = everywhere.union(row.imports)
        return imports(source).filter { !allowed.contains($0.module) }
            .map { Violation(path: source.path, line: $0.line, what: "\(module) may not import \($0.module)") }
    }

    /// Nobody but `App` may name the entry point's module, and each C library has one importer.
    static func cLibraryRule(_ sources: [SwiftSource]) -> [Violation] {
        var importers: [String: Set<String>] = [:]
        for source in sources {
            guard let module = module(of: source.path) else { continue }
            for (_, name) in imports(source) where isCLibrary(name) { importers[name, default: []].insert(module) }
        }
        return importers.sorted { $0.key < $1.key }.filter { $0.value.count > 1 }.map {
            Violation(path: "Sources", line: 0,
                      what: "\($0.key) is imported by \($0.value.sorted().joined(separator: " and "))")
        }
    }

    static func isCLibrary(_ name: String) -> Bool {
        name.first == "C" && name.dropFirst().first?.isUppercase == true
    }

    /// Tests may see any module of the hub, but Foundation only where a whole process is driven, or where
    /// JSON is read by somebody else's reader on purpose.
    /// (`importRule` keeps it out of the sources.)
    static func foundationRule(_ source: SwiftSource) -> [Violation] {
        let places = ["Sources/", "Tests/EndToEnd/", "Tests/Identity/", "bench/"]
        if places.contains(where: { source.path.hasPrefix($0) }) { return [] }
        let names: Set<String> = ["Foundation", "FoundationEssentials", "FoundationNetworking", "Dispatch"]
        return imports(source).filter { names.contains($0.module) }.map {
            Violation(path: source.path, line: $0.line, what: "imports \($0.module)")
        }
    }

    /// The dependencies that Package.swift gives each module are those of the table, in any order.
    static func packageRule(_ package: TextFile) -> [Violation] {
        allowed.compactMap { module, imports in
            let declarations = ["hub(\"\(module)\", [", "actors(\"\(module)\", [",
                                "name: \"\(module)\",\n            dependencies: ["]
            guard let start = declarations.lazy.compactMap({ package.text.firstRange(of: $0) }).first
            else { return Violation(path: package.path, line: 0, what: "has no target \(module)") }
            let list = SwiftSource.words(package.text[start.upperBound...].prefix { $0 != "]" })
            let extra = list.map(String.init).filter { !imports.contains($0) }
            return extra.isEmpty ? nil
                : Violation(path: package.path, line: 0,
                            what: "\(module) depends on \(extra.joined(separator: ", "))")
        }
    }

    /// Swift files that no target of Package.swift compiles. (What is in Tests/Fuzz, scripts/fuzz does.)
    static func deadFileRule(_ files: [TextFile], package: TextFile) -> [Violation] {
        let declared = Set(SwiftSource(package).literals.map(\.text))
        return files.filter { $0.ending == "swift" }.filter { file in
            let parts = file.path.split(separator: "/")
            switch parts.first {
            case "Sources": return module(of: file.path).map { !declared.contains($0) } ?? true
            case "Tests" where parts.count == 3 && parts[1] == "Fuzz":
                return !isFuzzTarget(file)
            case "Tests" where parts.count == 4 && parts[1] == "Fuzz":
                return !files.contains {
                    isFuzzTarget($0) && $0.text.prefix { $0 != "\n" }.contains(file.path)
                }
            case "Tests":
                return parts.count < 3
                    || !declared.contains(String(parts[1])) && !declared.contains("Tests/\(parts[1])")
            default: return false
            }
        }.map { Violation(path: $0.path, line: 0, what: "in no target of Package.swift") }
    }

    private static func isFuzzTarget(_ file: TextFile) -> Bool {
        file.name.hasSuffix("Fuzz.swift") && file.text.hasPrefix("// sources: ")
    }

    static func skeletonRule(_ file: TextFile) -> [Violation] {
        file.name != "_Skeleton.swift" ? []
            : [Violation(path: file.path, line: 0, what: "an empty module's placeholder")]
    }
}

/// SQL stands in Store only, and what touches an organisation's rows names the organisation.
enum Statements {
    static func placeRule(_ source: SwiftSource) -> [Violation] {
        guard source.path.hasPrefix("Sources/"), !source.path.hasPrefix("Sources/Hub/Store/") else { return [] }
        return source.literals.filter { isStatement($0.text) }.map {
            Violation(path: source.path, line: $0.line, what: "SQL outside Store")
        }
    }

    /// The tables whose rows belong to an organisation: those made with an `organisation` column.
    static func tenantTables(_ sources: [SwiftSource]) -> Set<String> {
        var tables: Set<String> = []
        let store = sources.filter { $0.path.hasPrefix("Sources/Hub/Store/") }
        for literal in store.flatMap(\.literals) {
            let words = SwiftSource.words(literal.text)
            guard words.starts(with: ["CREATE", "TABLE"]), words.count > 4,
                words.dropFirst(3).contains("organisation"), words[2] != "organisation"
            else { continue }
            if literal.text.contains("organisation {id} NOT NULL") { tables.insert(String(words[2])) }
        }
        return tables
    }

    /// Tables about people, whose rows may also be found by what only their owner has: the account of
    /// a signed-in person, the secret token of an invitation, the hash of a refresh token.
    private static let ownedTables: Set<String> = ["member", "invitation", "invitation_use", "login"]
    private static let ownerKeys = ["account = $1", "token = $1", "hash = $1"]
    /// The one table that says something about the installation by naming an organisation.
    private static let installationTables: Set<String> = ["first_organisation"]
    /// Where the logs of all organisations move to another epoch at once, and nothing else is touched.
    private static let generationFile = "Sources/Hub/Store/Generation.swift"
    private static let generationStart = "UPDATE log SET epoch = "

    /// Every statement on a tenant table has `organisation = $1`, or inserts it first. Without, it may
    /// touch tables about people only, and only by an owner's key; never channels, logs or keys.
    static func isolationRule(_ source: SwiftSource, tables: Set<String>) -> [Violation] {
        guard source.path.hasPrefix("Sources/Hub/Store/") else { return [] }
        return source.literals.compactMap { literal in
            let text = literal.text
            let touched = touched(text, tables.subtracting(installationTables))
            let isConfined = text.contains("organisation = $1")
                || text.contains("(organisation, ") && text.contains("VALUES ($1, ")
            guard isStatement(text), let table = touched.sorted().first, !isConfined else { return nil }
            if source.path == generationFile, text.hasPrefix(generationStart) { return nil }
            let isOwners = ownerKeys.contains { contains(text, token: $0) }
            if isOwners, touched.isSubset(of: ownedTables) { return nil }
            let culprit = touched.subtracting(ownedTables).sorted().first ?? table
            return Violation(path: source.path, line: literal.line,
                             what: "touches \(culprit) without organisation = $1")
        }
    }

    static func isStatement(_ text: String) -> Bool {
        let words = SwiftSource.words(text)
        guard let first = words.first, words.count > 2 else { return false }
        switch first {
        case "SELECT", "WITH": return words.contains("FROM")
        case "INSERT": return words[1] == "INTO" || words[1] == "OR"
        case "DELETE": return words[1] == "FROM"
        case "UPDATE": return words.contains("SET")
        case "CREATE", "ALTER", "DROP": return ["TABLE", "INDEX", "UNIQUE"].contains(words[1])
        default: return false
        }
    }

    /// The tenant tables that a query or change names; definitions of tables touch no rows.
    private static func touched(_ text: String, _ tables: Set<String>) -> Set<String> {
        let words = SwiftSource.words(text)
        if ["CREATE", "ALTER", "DROP"].contains(words.first) { return [] }
        let verbs: Set<Substring> = ["FROM", "JOIN", "INTO", "UPDATE"]
        return Set(zip(words, words.dropFirst()).filter { verbs.contains($0.0) }.map { String($0.1) })
            .intersection(tables)
    }
}
