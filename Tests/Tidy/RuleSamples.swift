// Shows of every rule that it fails on a bad sample and passes on a good one: a rule that cannot fail
// guards nothing.

import Testing

private let front = "Sources/Hub/Front/A.swift"

private func file(_ text: String, _ path: String = front, isExecutable: Bool = false) -> TextFile {
    TextFile(path, text, isExecutable: isExecutable)
}

private func source(_ text: String, _ path: String = front) -> SwiftSource {
    SwiftSource(TextFile(path, text))
}

@Suite struct TextRuleSamples {
    @Test(arguments: [(600, 0), (601, 1)])
    func fileLength(lines: Int, violations: Int) {
        #expect(Rule.fileLength(file(String(repeating: "a\n", count: lines))).count == violations)
    }

    @Test func architectureIsShorter() {
        #expect(Rule.fileLength(file(String(repeating: "a\n", count: 301), "ARCHITECTURE.md")).count == 1)
    }

    @Test(arguments: [(120, 0), (121, 1)])
    func lineWidth(width: Int, violations: Int) {
        #expect(Rule.lineWidth(file("a\n" + String(repeating: "é", count: width))).count == violations)
    }

    @Test(arguments: [
        ("a.swift", "// What.\nimport A", true), ("a.swift", "import A\n// Late.", false), ("a.swift", "", false),
        ("a.py", "#!/usr/bin/python3\n\"\"\"What.\"\"\"", true), ("a.py", "#!/usr/bin/python3\nimport os", false),
        ("scripts/a", "#!/bin/sh\n# What.", true), ("scripts/a", "#!/bin/sh\nset -eu", false),
        ("a.js", "/* What. */", true), ("a.js", "let a", false), ("a.css", "/* What. */", true),
        ("a.css", "a {}", false), ("Makefile", "# What.", true), ("Makefile", "all:", false),
    ])
    func openingComment(path: String, text: String, isGood: Bool) {
        #expect(Rule.openingComment(file(text, path)).isEmpty == isGood)
    }

    @Test(arguments: [("a TO" + "DO: b", 1), ("FIX" + "ME", 1), ("TO" + "DOS", 0), ("todo", 0)])
    func leftovers(text: String, violations: Int) {
        #expect(Rule.leftovers(file("x\n" + text)).count == violations)
    }

    @Test(arguments: [("see /ho" + "me/ann/x", 1), ("\"/wo" + "rk/a\"", 1), ("api/wo" + "rk/a", 0),
                      ("https://a.example/ho" + "me/", 0), ("(/ro" + "ot/.x)", 1)])
    func machinePaths(text: String, violations: Int) {
        #expect(Rule.machinePaths(file(text)).count == violations)
    }

    @Test(arguments: [
        ("#!/bin/sh\n# A.\nset -eu\n", true, true), ("#!/bin/sh\n# A.\nset -eu\n", false, false),
        ("#!/bin/sh\n# A.\n", true, false), ("# A.\nset -eu\n", true, false),
        ("#!/usr/bin/env bash\n# A.\nset -euo pipefail\n", true, true), ("#!/usr/bin/python3\n# A.\n", true, true),
    ])
    func script(text: String, isExecutable: Bool, isGood: Bool) {
        #expect(Rule.script(file(text, "scripts/a", isExecutable: isExecutable)).isEmpty == isGood)
    }
}

@Suite struct SwiftRuleSamples {
    @Test(arguments: [
        ("struct SessionManager {}", 1), ("enum StringUtils {}", 1), ("final class Handler {}", 1),
        ("protocol KeyService {}", 1), ("actor StoreImpl {}", 1), ("struct RequestHandler {}", 0),
        ("struct Implementation {}", 0), ("// struct AManager", 0), ("\"struct AManager\"", 0),
        ("class var shared = 1", 0), ("struct Serviceable {}", 0),
    ])
    func typeNames(text: String, violations: Int) {
        #expect(Rule.typeNames(source(text)).count == violations)
    }

    @Test(arguments: [(88, 0), (89, 1)])
    func functionLength(body: Int, violations: Int) {
        let text = "func a(\n) {\n" + String(repeating: "b { }\n", count: body - 1) + "}\n"
        #expect(Rule.functionLength(source("struct A {\n" + text + "}")).count == violations)
    }

    @Test func functionsWithoutBodies() {
        let requirements = "protocol A {\n func a()\n func b(_ c: Int)\n throws -> B\n init()\n}\n"
        #expect(Rule.functionLength(source(requirements + String(repeating: "x {\n}\n", count: 100))).isEmpty)
    }

    @Test(arguments: [
        ("Sources/Hub/Loop/A.swift", "// SAFETY: one thread.\nclass A: @unchecked Sendable {}", 0),
        ("Sources/Hub/Loop/A.swift", "class A: @unchecked Sendable {}", 1),
        ("Sources/Hub/Loop/A.swift", "// SAFETY: a.\n\n\n\n\n\n\n\n\n\nnonisolated(unsafe) let a = 1", 1),
        ("Sources/Actors/Live/A.swift", "// SAFETY: a.\nclass A: @unchecked Sendable {}", 1),
        ("Sources/Hub/Identity/A.swift", "// SAFETY: a.\nnonisolated(unsafe) let a = 1", 1),
        ("Sources/Actors/Ports/Lock.swift", "class A: @unchecked Sendable {\n// SAFETY: a.", 0),
        ("Sources/Hub/Wire/A.swift", "// not @unchecked Sendable", 0),
    ])
    func uncheckedSendable(path: String, text: String, violations: Int) {
        #expect(Rule.uncheckedSendable(source(text, path)).count == violations)
    }

    @Test(arguments: ["Task.detached { }", "@concurrent func a() async {}", "let now = Date()", "Int.random(in: a)",
                      "list.shuffled()", "ContinuousClock().now", "clock_gettime(a, &b)", "try await Task.sleep(a)"])
    func determinism(text: String) {
        #expect(Rule.determinism(source(text, "Sources/Actors/Live/A.swift")).count == 1)
        #expect(Rule.determinism(source("// " + text, "Sources/Actors/Live/A.swift")).isEmpty)
        #expect(Rule.determinism(source(text, "Sources/Hub/App/A.swift")).isEmpty)
    }
}

@Suite struct ExactTextRuleSamples {
    @Test(arguments: [
        ("var a: [String: Int] = [:]", 1), ("var a: [ExactText: Int] = [:]", 0), ("let a = Set<String>()", 1),
        ("let a = b.lowercased()", 1), ("let a = b.asciiLowercased()", 0), ("// [String: Int]", 0),
        ("if a == \"Kelvin\" {}", 1), ("if a == \"kelvin\" {}", 0), ("a.split(separator: \";\")", 1),
        ("a.split(atByte: \";\")", 0), ("let a = \"; b\"", 0), ("case \"é\": b", 1), ("var a: [[String]] = []", 0),
    ])
    func exactText(text: String, violations: Int) {
        #expect(Rule.exactText(source(text)).count == violations)
        #expect(Rule.exactText(source(text, "Tests/Front/A.swift")).isEmpty)
        #expect(Rule.exactText(source(text, "Sources/Hub/Identity/Admission.swift")).isEmpty)
    }
}

@Suite struct LayerRuleSamples {
    @Test(arguments: [
        ("Sources/Actors/Model/A.swift", "import Ports", 1), ("Sources/Actors/Live/A.swift", "import Loop", 1),
        ("Sources/Hub/Wire/A.swift", "package import Front", 1), ("Sources/Hub/Front/A.swift", "import CUV", 1),
        ("Sources/Hub/Front/A.swift", "import struct App.Configuration", 1),
        ("Sources/Hub/Store/A.swift", "@preconcurrency import Foundation", 1),
        ("Sources/Hub/App/A.swift", "import Dispatch", 1),
        ("Sources/Hub/Front/A.swift", "package import Wire\nimport Glibc", 0),
        ("Sources/Hub/Front/A.swift", "// import CUV\nlet a = \"import CUV\"", 0),
        ("Sources/Hub/New/A.swift", "", 1), ("Tests/Front/A.swift", "@testable import Front", 0),
    ])
    func imports(path: String, text: String, violations: Int) {
        #expect(Layers.importRule(source(text, path)).count == violations)
    }

    @Test func oneImporterPerCLibrary() {
        let loop = source("import CUV", "Sources/Hub/Loop/A.swift")
        let other = source("import CUV", "Sources/Hub/Store/A.swift")
        #expect(Layers.cLibraryRule([loop, loop]).isEmpty)
        #expect(Layers.cLibraryRule([loop, other]).map(\.what) == ["CUV is imported by Loop and Store"])
    }

    @Test(arguments: [("Tests/Front/A.swift", 1), ("bench/Sources/A.swift", 0), ("Tests/EndToEnd/A.swift", 0)])
    func foundation(path: String, violations: Int) {
        #expect(Layers.foundationRule(source("import Foundation", path)).count == violations)
    }

    @Test func package() throws {
        let rows = Layers.allowed.filter { $0.module != "App" }.map { "hub(\"\($0.module)\", [\"Model\"])," }
        let app = "name: \"App\",\n            dependencies: [\"Front\"]"
        let good = rows.dropFirst().joined() + "hub(\"Model\", [])," + app
        let found = Layers.packageRule(TextFile("Package.swift", good)).map(\.what)
        #expect(found == ["Loop depends on Model", "Crypto depends on Model", "Deflate depends on Model"])
        #expect(Layers.packageRule(TextFile("Package.swift", app)).count == Layers.allowed.count - 1)
    }

    @Test func deadFiles() {
        let package = TextFile("Package.swift", "actors(\"Live\", []), tests(\"Live\", [])")
        let files = [
            TextFile("Sources/Actors/Live/A.swift", ""), TextFile("Sources/Hub/Gone/A.swift", ""),
            TextFile("Sources/Hub/A.swift", ""), TextFile("Tests/Live/A.swift", ""), TextFile("Tests/A.swift", ""),
            TextFile("Tests/Gone/A.swift", ""), 
            TextFile("Tests/Fuzz/AFuzz.swift", "// sources: a Tests/Fuzz/Harness/D.swift\n"),
            TextFile("Tests/Fuzz/Harness/D.swift", ""), TextFile("Tests/Fuzz/Harness/E.swift", ""),
            TextFile("Tests/Fuzz/BFuzz.swift", ""), TextFile("Tests/Fuzz/C.swift", "// sources: a\n"),
        ]
        #expect(Layers.deadFileRule(files, package: package).map(\.path)
            == ["Sources/Hub/Gone/A.swift", "Sources/Hub/A.swift", "Tests/A.swift", "Tests/Gone/A.swift",
                "Tests/Fuzz/Harness/E.swift", "Tests/Fuzz/BFuzz.swift", "Tests/Fuzz/C.swift"])
        #expect(Layers.skeletonRule(TextFile("Sources/Hub/A/_Skeleton.swift", "")).count == 1)
        #expect(Layers.skeletonRule(files[0]).isEmpty)
    }
}

@Suite struct StatementRuleSamples {
    @Test(arguments: [
        ("\"SELECT a FROM b\"", 1), ("\"INSERT INTO b VALUES ($1)\"", 1), ("\"UPDATE b SET a = 1\"", 1),
        ("\"DELETE FROM b\"", 1), ("\"\"\"\n    CREATE TABLE b (a)\n    \"\"\"", 1),
        ("\"Select a channel from the list\"", 0),
        ("\"UPDATE\"", 0), ("// SELECT a FROM b", 0), ("f(\"a \\(g(\"DELETE FROM b\"))\")", 1),
    ])
    func place(text: String, violations: Int) {
        #expect(Statements.placeRule(source(text)).count == violations)
        #expect(Statements.placeRule(source(text, "Sources/Hub/Store/A.swift")).isEmpty)
    }

    @Test func tenantTables() {
        let schema = source("[\"CREATE TABLE channel (organisation {id} NOT NULL, id {id})\", "
            + "\"CREATE TABLE account (id {id})\", \"CREATE TABLE organisation (id {id})\"]",
            "Sources/Hub/Store/A.swift")
        #expect(Statements.tenantTables([schema]) == ["channel"])
    }

    @Test(arguments: [
        ("\"SELECT a FROM channel WHERE id = $1\"", 1), ("\"SELECT a FROM channel WHERE organisation = $1\"", 0),
        ("\"SELECT 1 FROM account a JOIN channel c ON a = b\"", 1), ("\"SELECT a FROM account\"", 0),
        ("\"INSERT INTO channel (organisation, id) VALUES ($1, $2)\"", 0),
        ("\"INSERT INTO channel (id, organisation) VALUES ($1, $2)\"", 1), ("\"UPDATE channel SET a = 1\"", 1),
        ("\"DELETE FROM channel WHERE organisation = $2\"", 1), ("\"CREATE INDEX a ON channel (b)\"", 0),
        ("\"SELECT a FROM member m WHERE m.account = $1\"", 0), ("\"SELECT a FROM member WHERE a = $1\"", 1),
        ("\"SELECT a FROM member JOIN channel ON a = b WHERE account = $1\"", 1),
        ("\"SELECT a FROM member WHERE account = $10\"", 1), ("\"UPDATE member SET a = 1 WHERE token = $1\"", 0),
        ("\"SELECT organisation FROM first_organisation\"", 0),
    ])
    func isolation(text: String, violations: Int) {
        let store = source(text, "Sources/Hub/Store/A.swift")
        let tables: Set<String> = ["channel", "member", "first_organisation"]
        #expect(Statements.isolationRule(store, tables: tables).count == violations)
    }
}

@Suite struct DocumentRuleSamples {
    private let repository = Repository(files: [
        TextFile("README.md", "# A b, c!\n"), TextFile("docs/a.md", ""), TextFile("docs/pictures/p.txt", ""),
    ], others: ["docs/pictures/p.png"])

    @Test(arguments: [
        ("[a](a.md)", 0), ("[a](gone.md)", 1), ("[a](../README.md#a-b-c)", 0), ("[a](../README.md#gone)", 1),
        ("[a](pictures)", 0), ("[a](https://a.example)", 0), ("[a](#gone) and [b](gone)", 2),
        ("```\n[a](gone)\n```", 0), ("![a](pictures/p.png)", 0), ("![a](pictures/q.png)", 1),
    ])
    func links(text: String, violations: Int) {
        #expect(Documents.linkRule(TextFile("docs/a.md", text), in: repository).count == violations)
    }

    @Test(arguments: [
        ("`make run`", 0), ("`make walk`", 1), ("make walk", 0), ("```sh\nmake walk\n```", 1),
        ("`make fuzz SECONDS=5`", 0), ("`make SECONDS=5 walk`", 1), ("`$ make walk`", 1),
    ])
    func makeTargets(text: String, violations: Int) {
        let makefile = TextFile("Makefile", "# A.\nX := 1\nrun fuzz: build\n\techo walk:\n")
        #expect(Documents.makeRule(TextFile("README.md", text), makefile: makefile).count == violations)
    }

    @Test func dependencies() {
        let package = TextFile("Package.swift", "library(\"CUV\", apt: \"libuv1-dev\")")
        let pages = [TextFile("a", "libuv1-dev"), TextFile("b", "libuv")]
        #expect(Documents.dependencyRule(package: package, pages: pages).map(\.path) == ["b"])
    }

    @Test func layers() {
        let rows = Layers.allowed.map { module, imports in
            let list = imports.isEmpty ? "–" : imports.joined(separator: ", ")
            return "| \(module) | what it is | \(module == "App" ? "everything" : list) |"
        }
        #expect(Documents.layersRule(TextFile("A.md", rows.joined(separator: "\n"))).isEmpty)
        #expect(Documents.layersRule(TextFile("A.md", rows.dropFirst().joined(separator: "\n"))).count == 1)
        let wrong = rows.map { $0.hasPrefix("| Live") ? "| Live | Loop, Model |" : $0 }
        #expect(Documents.layersRule(TextFile("A.md", wrong.joined(separator: "\n"))).count == 1)
    }

    @Test func metrics() {
        let text = "m.counter(\"hub_a_total\")\nm.gauge(\n  \"hub_b\")\n\nlet cookie = \"hub_c\""
        let sources = [source(text), source("counter(\"hub_d\")", "Tests/A.swift")]
        let page = TextFile("p.md", "| `hub_a_total` |")
        #expect(Documents.metricRule(sources, page: page).map(\.what) == ["hub_b is not in p.md"])
    }
}

@Suite struct SourceScannerSamples {
    @Test func codeTextAndComments() {
        let text = "let a = \"x // \\\"y\\\"\" // c\n/* d\n\"e\" /* f */ */ let b = #\"g\"h\"#\n"
            + "\"\"\"\ni \"j\"\n\"\"\"; k"
        let found = source(text)
        #expect(found.code == ["let a = \"\" ", "", " let b = #\"\"#", "\"\"\"", "", "\"\"\"; k"])
        #expect(found.literals.map(\.text) == ["x // \\\"y\\\"", "g\"h", "\ni \"j\"\n"])
        #expect(found.literals.map(\.line) == [1, 3, 4])
        #expect(found.comments[0] == "// c")
    }

    @Test func interpolationsAreCode() {
        let found = source("\"a \\(b(\"c\") + d) e\"; f")
        #expect(found.code == ["\"(b(\"\") + d)\"; f"])
        #expect(found.literals.map(\.text) == ["a \\(…) e", "c"])
    }

    @Test(arguments: [("a.init b", "init", true), ("initial", "init", false), ("x Date() y", "Date(", true),
                      ("someDate()", "Date(", false), ("@concurrent", "@concurrent", true)])
    func tokens(line: String, token: String, isFound: Bool) {
        #expect(contains(line, token: token) == isFound)
    }
}
