// Fills a `Configuration` from its four sources, each overriding those before: defaults, file,
// environment, command line. Stops at the first mistake with one line that says where it is and
// what to do. Files are read by the caller; this is text in, values out.

package import Model

/// Where a value came from, as an operator would find it.
package enum ConfigurationSource: Hashable, Sendable, CustomStringConvertible {
    case defaults
    case file(String, line: Int)
    case environment
    case commandLine
    package var description: String {
        switch self {
        case .defaults: "default"
        case .file(let path, let line): "\(path):\(line)"
        case .environment: "environment"
        case .commandLine: "command line"
        }
    }
}

package struct ConfigurationReader {
    package private(set) var configuration = Configuration()
    /// Of each key that was set, the last source that did.
    package private(set) var sources: [ExactText: ConfigurationSource] = [:]
    /// What is odd but no reason to refuse, one line each.
    package private(set) var warnings: [String] = []

    /// The text of each list so far, for a source that gives it in several places.
    private var lists: [ExactText: String] = [:]
    /// `HUB_` variables that are no keys.
    private static let otherVariables: Set<ExactText> = ["HUB_CONFIG", "HUB_VECTORS"]

    package init() {}

    /// `key = value` lines; `#` begins a comment at the start of a line or behind a blank.
    package mutating func readFile(_ bytes: [UInt8], path: String) throws(Refusal) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Refusal(.configuration, "\(path): not UTF-8 text", remedy: "save it as UTF-8")
        }
        var firstLines: [ExactText: Int] = [:]
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let place = "\(path):\(index + 1)"
            let content = trimmed(withoutComment(line))
            if content.isEmpty { continue }
            guard let equals = content.firstIndex(of: "=") else {
                throw Refusal(.configuration, "\(place): no `=` in this line",
                              remedy: "write key = value, and # before comments")
            }
            let name = trimmed(content[..<equals])
            let value = trimmed(content[content.index(after: equals)...])
            guard let key = Self.key(name) else {
                let names = ConfigurationKey.all.map(\.name)
                throw Refusal(.configuration, "\(place): unknown key \(quoted(name))",
                              remedy: Refusal.suggestion(for: name, among: names))
            }
            if let first = firstLines[ExactText(name)], !key.isList {
                throw Refusal(.configuration, "\(place): \(name) was set before, in line \(first)",
                              remedy: "keep one of the two lines")
            }
            firstLines[ExactText(name)] = firstLines[ExactText(name)] ?? index + 1
            try set(key, value, .file(path, line: index + 1), place: "\(place): \(name)")
        }
    }

    /// Every `HUB_…` variable. One that names no key only warns: cluster managers make variables
    /// such as `HUB_PORT` by themselves for a service called hub.
    package mutating func readEnvironment(_ variables: [ExactText: String]) throws(Refusal) {
        for (variable, value) in variables.sorted(by: { $0.key < $1.key })
        where variable.text.startsWithBytes(of: "HUB_") && !Self.otherVariables.contains(variable) {
            guard let key = ConfigurationKey.all.first(where: { ExactText($0.variable) == variable }) else {
                let hint = Refusal.suggestion(
                    for: variable.text, among: ConfigurationKey.all.map(\.variable))
                warnings.append("unknown variable \(printable(variable.text)) ignored; \(hint)")
                continue
            }
            try set(key, value, .environment, place: variable.text)
        }
    }

    /// One `--key-name value` of the command line. A repeated option overrides the one before, so
    /// that scripts can append; a repeated list option adds to the list.
    package mutating func readOption(_ key: ConfigurationKey, _ value: String) throws(Refusal) {
        try set(key, value, .commandLine, place: key.option)
        if key.name == "store", configuration.store?.hasPassword == true {
            throw Refusal(
                .usage, "\(key.option): a password on the command line is visible to every user",
                remedy: "put it in store_password_file, HUB_STORE or libpq's PGPASSFILE")
        }
    }

    /// Checks what no single key can see; call it last.
    package func finish() throws(Refusal) -> Configuration {
        let limits = configuration.limits
        let refreshLifetime = configuration.refreshLifetimeMilliseconds
        let conflicts: [(isPresent: Bool, low: String, high: String)] = [
            (limits.textBytesMax > limits.frameBytesMax - 512, "text_bytes_max",
             "frame_bytes_max less 512 bytes for what surrounds a text"),
            (configuration.outboxBytesMax > configuration.outboxTotalBytesMax, "outbox_bytes_max",
             "outbox_total_bytes_max"),
            (configuration.accessTokenLifetimeMilliseconds > refreshLifetime,
             "access_token_lifetime", "refresh_lifetime"),
        ]
        for conflict in conflicts where conflict.isPresent {
            throw Refusal(.configuration,
                          "\(conflict.low) (\(source(conflict.low))) is more than \(conflict.high)",
                          remedy: "lower the one or raise the other")
        }
        try checkAddresses()
        return configuration
    }

    private func checkAddresses() throws(Refusal) {
        if configuration.listen.isEmpty, configuration.listenTLS.isEmpty {
            throw Refusal(.configuration, "listen (\(source("listen"))) is none, and so is listen_tls",
                          remedy: "give an address to one of the two")
        }
        if configuration.listenTLS.isEmpty != configuration.tlsCertificates.isEmpty {
            let (set, missing) = configuration.listenTLS.isEmpty
                ? ("tls_certificates", "listen_tls") : ("listen_tls", "tls_certificates")
            throw Refusal(.configuration, "\(set) (\(source(set))) is set, and \(missing) is not",
                          remedy: "TLS needs both")
        }
    }

    /// The whole configuration as a file that would give it again, passwords hidden.
    package var text: String {
        ConfigurationKey.all.map { key in
            guard let value = key.show(configuration) else {
                return "# \(key.name) =   # default: \(key.defaultText)\n"
            }
            return "\(key.name) = \(value)   # \(source(key.name))\n"
        }.joined()
    }

    private func source(_ name: String) -> ConfigurationSource { sources[ExactText(name)] ?? .defaults }

    private mutating func set(
        _ key: ConfigurationKey, _ value: String, _ source: ConfigurationSource, place: String
    ) throws(Refusal) {
        let code: ExitCode = source == .commandLine ? .usage : .configuration
        let value = trimmed(value)
        if value.isEmpty {
            throw Refusal(code, "\(place) has no value",
                          remedy: "leave it out to get the default, \(key.defaultText)")
        }
        if value.utf8.contains(0) {
            throw Refusal(code, "\(place) holds a NUL byte", remedy: "remove it")
        }
        do {
            try key.read(value, &configuration)
            let earlier = self.source(key.name)
            if key.isList, let list = lists[ExactText(key.name)], Self.isSameSource(earlier, source) {
                lists[ExactText(key.name)] = list + "," + value
                try key.read(list + "," + value, &configuration)
            } else if key.isList {
                lists[ExactText(key.name)] = value
            }
        } catch {
            let shown = key.mayHoldSecret ? "the value is" : "\(quoted(value)) is"
            throw Refusal(code, "\(place): \(shown) \(error.text)", remedy: error.remedy)
        }
        sources[ExactText(key.name)] = source
    }

    static func key(_ name: String) -> ConfigurationKey? {
        ConfigurationKey.all.first { $0.name.isSameBytes(as: name) }
    }

    private static func isSameSource(_ a: ConfigurationSource, _ b: ConfigurationSource) -> Bool {
        switch (a, b) {
        case (.file, .file), (.commandLine, .commandLine): true
        default: false
        }
    }
}

/// The line up to a comment: a `#` at its start or behind a blank.
private func withoutComment(_ line: Substring) -> Substring {
    var isBehindBlank = true
    for index in line.indices {
        if line[index] == "#", isBehindBlank { return line[..<index] }
        isBehindBlank = line[index] == " " || line[index] == "\t"
    }
    return line
}
