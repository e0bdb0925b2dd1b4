// The files of the repository as the rules see them. Lists the working tree, not the commit: what a
// clone has. Build products and version control are left out.

import Glibc

/// One text file, by its path from the root of the repository.
struct TextFile: Sendable {
    let path: String
    let text: String
    let isExecutable: Bool

    init(_ path: String, _ text: String, isExecutable: Bool = false) {
        self.path = path
        self.text = text
        self.isExecutable = isExecutable
    }

    var lines: [Substring] {
        text.split(separator: "\n", omittingEmptySubsequences: false)
    }
    var name: String { String(path.split(separator: "/").last ?? "") }
    var ending: String {
        name.contains(".") ? String(name.split(separator: ".").last ?? "") : ""
    }
    func isUnder(_ folder: String) -> Bool { path.hasPrefix(folder + "/") }
}

/// A line that breaks a rule.
struct Violation: Hashable, Sendable, CustomStringConvertible {
    let path: String
    /// From 1; 0 when it is about the whole file.
    let line: Int
    let what: String
    var description: String { line == 0 ? "\(path): \(what)" : "\(path):\(line): \(what)" }
}

struct Repository: Sendable {
    let files: [TextFile]
    /// Paths of what is no text, such as pictures.
    let others: Set<String>

    static let current = Repository(root: rootPath())
    /// Every Swift file of `current`, taken apart once.
    static let sources = current.swift.map(SwiftSource.init)

    init(files: [TextFile], others: Set<String> = []) {
        self.files = files
        self.others = others
    }

    init(root: String) {
        var files: [TextFile] = []
        var others: Set<String> = []
        Self.walk(root, "", into: &files, &others)
        self.init(files: files.sorted { $0.path < $1.path }, others: others)
    }

    func file(_ path: String) -> TextFile? { files.first { $0.path == path } }
    var swift: [TextFile] { files.filter { $0.ending == "swift" } }

    /// Folders that are made, not written.
    private static let skipped: Set<String> = [
        ".build", ".git", "node_modules", "hub-data", "reports", "__pycache__", "screenshots",
    ]

    private static func walk(_ root: String, _ folder: String, into files: inout [TextFile],
                             _ others: inout Set<String>) {
        guard let directory = opendir("\(root)/\(folder)") else { return }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." || skipped.contains(name) { continue }
            if name.hasPrefix(".build-") { continue }
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            var status = stat()
            guard lstat("\(root)/\(path)", &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: walk(root, path, into: &files, &others)
            case S_IFREG where status.st_size < 4 << 20:
                guard let text = read("\(root)/\(path)") else {
                    others.insert(path)
                    continue
                }
                files.append(TextFile(path, text, isExecutable: status.st_mode & 0o100 != 0))
            default: continue
            }
        }
    }

    /// The file's text; `nil` for what is not UTF-8, such as pictures.
    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while case let count = Glibc.read(descriptor, &piece, piece.count), count > 0 {
            bytes += piece[..<count]
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func rootPath() -> String {
        #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    }
}
