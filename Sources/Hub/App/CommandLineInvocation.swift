// What a command line asks for. Parsed once, at start, together with the configuration file it
// names and the environment; reading files is the caller's closure, so nothing here touches the
// system.

package import Model

/// The version this source is.
package let hubVersion = "0.1.0"

/// What to do, as told by arguments, file and environment.
package enum CommandLineInvocation: Sendable {
    /// Serve; the warnings are for the log.
    case serve(Configuration, warnings: [String])
    /// Do what the sub-command does, and end.
    case command(Subcommand, CommandInput)
    /// Print the text to stdout and end with success.
    case print(String)

    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - readFile: the bytes of a file, or a few words on why there are none.
    package init(arguments: [String], environment: [ExactText: String],
                 readFile: (String) -> Result<[UInt8], FileProblem>) throws(Refusal) {
        let (command, words) = try Subcommand.find(arguments[...])
        let options = try Options(Array(arguments.dropFirst(words)), of: command)
        if let text = options.information {
            self = .print(text)
            return
        }
        var reader = ConfigurationReader()
        if let path = options.configurationFile ?? environment["HUB_CONFIG"] {
            switch readFile(path) {
            case .success(let bytes): try reader.readFile(bytes, path: path)
            case .failure(let problem):
                throw Refusal(.configuration, "\(path): cannot be read: \(problem.text)",
                              remedy: "check the path after --config and its permissions")
            }
        }
        try reader.readEnvironment(environment)
        for (key, value) in options.settings { try reader.readOption(key, value) }
        let configuration = try reader.finish()
        if options.printsConfiguration {
            self = .print(reader.text)
        } else if let command {
            self = .command(command, CommandInput(
                operands: options.operands, flags: options.flags, configuration: configuration))
        } else {
            self = .serve(configuration, warnings: reader.warnings)
        }
    }
}

/// Why a file cannot be read, in a few words.
package struct FileProblem: Error, Sendable {
    package let text: String
    package init(_ text: String) { self.text = text }
}

/// The arguments, taken apart.
private struct Options {
    var configurationFile: String?
    var printsConfiguration = false
    /// What to print instead of anything else.
    var information: String?
    var settings: [(ConfigurationKey, String)] = []
    /// Of the sub-command.
    var operands: [String] = []
    var flags: [String] = []

    init(_ arguments: [String], of command: Subcommand?) throws(Refusal) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let parts = argument.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts.first ?? "")
            switch name {
            case "--help", "-h": information = information ?? command?.help ?? CommandLineHelp.text
            case "--version": information = information ?? "hub \(hubVersion)\n"
            case "--help-markdown": information = information ?? CommandLineHelp.markdownTables
            case "--print-config": printsConfiguration = true
            default:
                let key = ConfigurationKey.all.first { $0.option == name }
                if let command, parts.count == 1, command.flags.contains(where: { $0.name == name }) {
                    flags.append(name)
                    continue
                }
                if let command, !argument.hasPrefix("-"), operands.count < command.operands.count {
                    operands.append(argument)
                    continue
                }
                guard key != nil || name == "--config" else { throw Self.unknown(name, command) }
                let attached = parts.count == 2 ? String(parts[1]) : nil
                let value = try Self.value(of: name, attached, &rest)
                if let key { settings.append((key, value)) } else { configurationFile = value }
                continue
            }
            if parts.count == 2 {
                throw Refusal(.usage, "\(name) takes no value", remedy: "write just \(name)")
            }
        }
        if let command, information == nil, !printsConfiguration, operands.count < command.operands.count {
            throw Refusal(.usage, "\(command.operands[operands.count]) is missing",
                          remedy: "write `\(command.synopsis)`")
        }
    }

    private static func value(
        of name: String, _ attached: String?, _ rest: inout ArraySlice<String>
    ) throws(Refusal) -> String {
        if let attached { return attached }
        guard let next = rest.first, !next.hasPrefix("--") else {
            throw Refusal(.usage, "\(name) has no value", remedy: "write \(name) VALUE")
        }
        rest.removeFirst()
        return next
    }

    private static func unknown(_ name: String, _ command: Subcommand?) -> Refusal {
        guard name.hasPrefix("-") else {
            let usage = command.map { "`\($0.synopsis)` is all that it takes; see `hub \($0.name) --help`" }
            return Refusal(.usage, "\(quoted(name)) is not an option",
                           remedy: usage ?? "behind the first word the hub takes only options; `hub --help` lists them")
        }
        let names = ConfigurationKey.all.map(\.option)
            + ["--config", "--help", "--version", "--print-config"] + (command?.flags.map(\.name) ?? [])
        return Refusal(.usage, "there is no option \(quoted(name))",
                       remedy: Refusal.suggestion(for: name, among: names))
    }
}
