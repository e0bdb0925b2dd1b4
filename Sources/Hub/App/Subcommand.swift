// What `hub` can do besides serving: a table with one entry for each sub-command. A feature adds its entry to `all`
// (and a file `Subcommand+Feature.swift` with what it does); parsing, `--help`, errors and documents follow from it.

import Crypto
import Model

/// One sub-command. Its name may be two words, as `admin reset-password`.
package struct Subcommand: Sendable {
    /// An option of this command only, which takes no value.
    package struct Flag: Sendable {
        package let name: String
        package let meaning: String
    }

    package let name: String
    /// The operands, as the help shows them; as many words as the command needs.
    package let operands: [String]
    /// One sentence without a full stop.
    package let summary: String
    /// What one has to know before; lines of at most 90 characters.
    package let details: String
    package let flags: [Flag]
    /// Those it ends with besides 0, 64 and 78, which all have.
    package let exitCodes: [ExitCode]
    let perform: @Sendable (CommandInput) async throws(Refusal) -> String

    init(_ name: String, operands: [String] = [], _ summary: String, details: String, flags: [Flag] = [],
         exitCodes: [ExitCode] = [], perform: @escaping @Sendable (CommandInput) async throws(Refusal) -> String) {
        self.name = name
        self.operands = operands
        self.summary = summary
        self.details = details
        self.flags = flags
        self.exitCodes = exitCodes
        self.perform = perform
    }

    /// In the order of `hub --help`. `run` is not among them: it is what `hub` does without a sub-command.
    package static let all: [Subcommand] = [backup, restore, check] + admin

    static let runSummary = "serve; the default, so `hub` and `hub --listen …` do the same"

    var synopsis: String { (["hub", name] + operands).joined(separator: " ") }

    package var help: String {
        var out = "hub \(name): \(summary).\n\nUsage: \(synopsis)"
        for flag in flags { out += " [\(flag.name)]" }
        out += " [--config FILE] [--KEY VALUE]...\n\n\(details)\n"
        if !flags.isEmpty { out += "\n" }
        for flag in flags { out += "  \(flag.name)   \(flag.meaning)\n" }
        out += "\nConfiguration is read as `hub run` reads it: the file of --config or HUB_CONFIG, variables, and\n"
            + "options such as --data-dir and --store; `hub --help` lists them.\n\nEnds with:\n"
        out += "  0   done\n"
        for code in ExitCode.allCases where ([.usage, .configuration] + exitCodes).contains(code) {
            out += "  \(code.rawValue)  \(code.meaning)\n"
        }
        return out
    }

    /// For `hub --help` and docs/operations.md.
    static var list: [(synopsis: String, summary: String)] {
        [("hub run", runSummary)] + all.map { ($0.synopsis, $0.summary) }
    }

    /// The entry whose words `arguments` begin with, and how many those are; `nil`: they begin with no word.
    static func find(_ arguments: ArraySlice<String>) throws(Refusal) -> (Subcommand?, words: Int) {
        guard let first = arguments.first, !first.hasPrefix("-") else { return (nil, 0) }
        if first == "run" { return (nil, 1) }
        for command in all {
            let words = command.name.split(separator: " ").map(String.init)
            if arguments.prefix(words.count).elementsEqual(words) { return (command, words.count) }
        }
        let groups = all.filter { $0.name.hasPrefix(first + " ") }
        let names = groups.isEmpty ? ["run"] + all.map(\.name) : groups.map(\.name)
        let asked = groups.isEmpty ? first : arguments.prefix(2).joined(separator: " ")
        if !groups.isEmpty, arguments.count == 1 || arguments.dropFirst().first?.hasPrefix("-") == true {
            throw Refusal(.usage, "`hub \(first)` is not complete",
                          remedy: "write one of: " + groups.map { "hub " + $0.name }.joined(separator: ", "))
        }
        throw Refusal(.usage, "there is no command \(quoted(asked))",
                      remedy: Refusal.suggestion(for: asked, among: names, places: "`hub --help` lists the commands"))
    }
}

/// What a sub-command is given.
package struct CommandInput: Sendable {
    package let operands: [String]
    package let flags: [String]
    package let configuration: Configuration

    var entropy: SystemEntropy { SystemEntropy() }

    /// A line for who waits, on stderr.
    func tell(_ line: String) { CommandLineInvocation.write("hub: \(printable(line))\n", to: 2) }
}
