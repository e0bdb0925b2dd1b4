// What `hub --help` prints, and the tables of docs/operations.md, both made from the table of keys.

/// Text about the command line, for people.
package enum CommandLineHelp {
    package static var text: String {
        var out = """
            The hub: durable channels and direct messages over WebSocket.

            Usage: hub [COMMAND] [--config FILE] [--KEY VALUE]...


            """
        for (synopsis, summary) in Subcommand.list { out += "  \(synopsis)\n      \(summary)\n" }
        out += """

            Each command has its own --help.

              --config FILE     read `key = value` lines from FILE (also: HUB_CONFIG)
              --print-config    print the configuration in force, and where each value is from
              --version         print the version
              --help            print this

            Every key below is an option, a line `key_name = value` of the file, and a variable
            HUB_KEY_NAME. Options override variables, variables the file, the file the defaults.


            """
        for key in ConfigurationKey.all {
            let range = key.range.isEmpty ? "" : ", \(key.range)"
            out += "  \(key.option)  (\(plain(key.form))\(range))\n"
            out += wrapped(plain(key.meaning), indent: "      ", width: 90)
            let reload = key.isReloadable ? ". Changed by SIGHUP" : ""
            out += "      Default: \(plain(key.defaultText))\(reload)\n"
        }
        return out
    }

    /// The tables that docs/operations.md repeats, between the lines that mark their places there.
    package static var markdownTables: String {
        let tables = [("configuration", configurationTable), ("commands", commandTable), ("exit codes", exitCodeTable)]
        return tables.map { name, table in
            "<!-- begin: \(name) -->\n\(table)<!-- end -->\n"
        }.joined()
    }

    private static var configurationTable: String {
        var out = "| Key | Value | Default | SIGHUP | Meaning |\n|---|---|---|---|---|\n"
        for key in ConfigurationKey.all {
            let range = key.range.isEmpty ? "" : ", \(key.range)"
            let words = key.defaultText
            let standard = words.contains("`") ? words : "`\(words)`"
            let reload = key.isReloadable ? "yes" : ""
            out += "| `\(key.name)` | \(key.form)\(range) | \(standard) | \(reload) | \(key.meaning) |\n"
        }
        return out
    }

    private static var commandTable: String {
        Subcommand.list.reduce("| Command | Does |\n|---|---|\n") { $0 + "| `\($1.synopsis)` | \($1.summary) |\n" }
    }

    private static var exitCodeTable: String {
        ExitCode.allCases.reduce("| Code | Meaning |\n|---|---|\n| 0 | it stopped as told |\n") {
            $0 + "| \($1.rawValue) | \($1.meaning) |\n"
        }
    }

    private static func plain(_ markdown: String) -> String {
        String(markdown.filter { $0 != "`" })
    }

    private static func wrapped(_ text: String, indent: String, width: Int) -> String {
        var lines = [indent]
        for word in text.split(separator: " ") {
            if lines[lines.count - 1].count + word.count > width { lines.append(indent) }
            lines[lines.count - 1] += lines[lines.count - 1] == indent ? "\(word)" : " \(word)"
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
