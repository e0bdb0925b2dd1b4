// Why the hub does not start: one line for stderr with what is wrong, where, and what to do, and
// the exit code by which a supervisor can tell mistakes that stay from troubles that pass.

import Model

/// The codes of `sysexits.h` that the hub ends with.
package enum ExitCode: Int32, Sendable, CaseIterable {
    /// The command line is wrong.
    case usage = 64
    /// What was given is damaged or does not belong together.
    case data = 65
    /// There is nobody of that name.
    case nobody = 67
    /// The database or another server does not answer; trying again may help.
    case unavailable = 69
    /// A fault of the hub's own.
    case fault = 70
    /// The system refuses something: a taken port, too few file descriptors, no thread.
    case system = 71
    /// A file or folder cannot be made or written.
    case cannotCreate = 73
    /// The configuration, the key or the database is not one the hub can work with.
    case configuration = 78

    /// For the documentation.
    package var meaning: String {
        switch self {
        case .usage: "the command line is wrong"
        case .data: "a backup is damaged, or is none"
        case .nobody: "there is nobody with that e-mail address"
        case .unavailable: "the database does not answer; trying again may help"
        case .fault: "a fault of the hub's own; please report it"
        case .system: "the system refuses something: a taken port, too few file descriptors"
        case .cannotCreate: "a file or folder cannot be made or written"
        case .configuration: "the configuration, master key or database cannot be used as it is"
        }
    }
}

/// A start that ends before it began.
package struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: ExitCode
    package let problem: String
    package let remedy: String

    /// `problem` says what and where, `remedy` what to do; neither ends in a full stop.
    package init(_ code: ExitCode, _ problem: String, remedy: String) {
        self.code = code
        self.problem = problem
        self.remedy = remedy
    }

    /// One line, without line break, whatever was put in.
    package var description: String { "hub: \(printable(problem)); \(printable(remedy))" }

    /// `did you mean …?` for the name nearest to `name`, if any is near; else where to look.
    static func suggestion(for name: String, among names: [String],
                           places: String = "`hub --help` lists the names") -> String {
        let reach = max(2, name.count / 3)
        let ranked = names.map { (name: $0, distance: editDistance(name, $0)) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }), best.distance <= reach
        else {
            return places
        }
        return "did you mean \(best.name)?"
    }
}

/// In quotation marks, at most 80 characters.
func quoted(_ text: String) -> String {
    text.count > 80 ? "\"\(text.prefix(77))…\"" : "\"\(text)\""
}

/// With control characters, and those that reorder a line, shown by their number.
func printable(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator:
            out += "\\u{\(String(scalar.value, radix: 16))}"
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out
}

/// How many insertions, deletions, replacements and swaps of neighbours lie between the two
/// (optimal string alignment). Case and the two kinds of dash do not count.
func editDistance(_ a: String, _ b: String) -> Int {
    let fold: (UInt8) -> UInt8 = { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
    let a = a.asciiLowercased().utf8.prefix(64).map(fold)
    let b = b.asciiLowercased().utf8.prefix(64).map(fold)
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
        var row = [i + 1]
        for j in 0..<b.count {
            var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                best = min(best, rows[i - 1][j - 1] + 1)
            }
            row.append(best)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}
