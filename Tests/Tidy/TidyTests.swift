// Runs every rule over the whole repository. A violation is named with its file and line; what a rule
// means, and why, stands beside it.

import Testing

@Suite struct Tidy {
    private let repository = Repository.current
    private let sources = Repository.sources

    /// Guards the other tests: a wrong root would make them all pass on nothing.
    @Test func seesTheRepository() {
        #expect(repository.file("Package.swift") != nil)
        #expect(repository.file("Tests/Tidy/TidyTests.swift") != nil)
        #expect(repository.swift.count > 20)
    }

    @Test func filesAreShort() {
        let kinds = ["swift", "js", "mjs", "py", "sh", "css", "h", "c"]
        let files = repository.files.filter { kinds.contains($0.ending) || isScript($0) }
        expectNone((files + [repository.file("ARCHITECTURE.md")].compactMap(\.self)).flatMap(Rule.fileLength))
    }

    @Test func swiftLinesAreNarrow() { expectNone(repository.swift.flatMap(Rule.lineWidth)) }

    @Test func filesOpenWithAComment() {
        let kinds = ["swift", "js", "mjs", "py", "sh", "css", "h", "c", "proto"]
        let files = repository.files.filter { kinds.contains($0.ending) || isScript($0) || $0.name == "Makefile" }
        expectNone(files.filter { !$0.path.hasPrefix("Sources/Hub/C") }.flatMap(Rule.openingComment))
    }

    @Test func nothingIsLeftToDo() { expectNone(repository.files.flatMap(Rule.leftovers)) }

    @Test func noPathOfOneMachine() { expectNone(repository.files.flatMap(Rule.machinePaths)) }

    @Test func typesAreDomainNouns() { expectNone(sources.flatMap(Rule.typeNames)) }

    @Test func functionsAreShort() { expectNone(sources.flatMap(Rule.functionLength)) }

    @Test func unsafetyIsExplained() { expectNone(sources.flatMap(Rule.uncheckedSendable)) }

    @Test func actorsAreDeterministic() { expectNone(sources.flatMap(Rule.determinism)) }

    @Test func keysAreComparedByBytes() { expectNone(sources.flatMap(Rule.exactText)) }

    @Test func scriptsAreSafe() { expectNone(repository.files.filter(isScript).flatMap(Rule.script)) }

    @Test func layersHold() {
        expectNone(sources.flatMap(Layers.importRule))
        expectNone(Layers.cLibraryRule(sources))
        expectNone(sources.flatMap(Layers.foundationRule))
    }

    @Test func packageDeclaresTheLayers() throws {
        let package = try needed("Package.swift")
        expectNone(Layers.packageRule(package))
        expectNone(Layers.deadFileRule(repository.files, package: package))
        expectNone(repository.files.flatMap(Layers.skeletonRule))
    }

    @Test func architectureShowsTheLayers() throws {
        expectNone(Documents.layersRule(try needed("ARCHITECTURE.md")))
    }

    @Test func sqlStaysInTheStore() { expectNone(sources.flatMap(Statements.placeRule)) }

    @Test func statementsNameTheirOrganisation() {
        let tables = Statements.tenantTables(sources)
        #expect(tables.isSuperset(of: ["channel", "event", "member"]))
        expectNone(sources.flatMap { Statements.isolationRule($0, tables: tables) })
    }

    @Test func linksLeadSomewhere() {
        expectNone(repository.files.filter { $0.ending == "md" }.flatMap { Documents.linkRule($0, in: repository) })
    }

    @Test func makeTargetsExist() throws {
        let makefile = try needed("Makefile")
        expectNone(repository.files.filter { $0.ending == "md" }.flatMap { Documents.makeRule($0, makefile: makefile) })
    }

    @Test func metricsAreExplained() throws {
        expectNone(Documents.metricRule(sources, page: try needed("docs/operations.md")))
    }

    @Test func dependenciesAreExplainedAndInstalled() throws {
        let package = try needed("Package.swift")
        let pages = try ["docs/dependencies.md", "scripts/install-packages"].map(needed)
        expectNone(Documents.dependencyRule(package: package, pages: pages))
    }

    private func needed(_ path: String) throws -> TextFile {
        guard let file = repository.file(path) else { throw MissingFile(path: path) }
        return file
    }

    private func isScript(_ file: TextFile) -> Bool {
        file.path.hasPrefix("scripts/") && file.ending == "" || file.path == ".ci/run"
    }

    private func expectNone(_ violations: [Violation], sourceLocation: SourceLocation = #_sourceLocation) {
        for violation in violations {
            Issue.record("\(violation)", sourceLocation: sourceLocation)
        }
    }
}

private struct MissingFile: Error {
    let path: String
}
