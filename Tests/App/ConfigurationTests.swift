// The table of keys, and how its four sources are read: precedence, ranges, complaints.

import Glibc
import Testing

@testable import App
import Model
import Ports

/// Parses a command line with `hub.conf` as its only file; the text of a refusal when it is refused.
private func invoke(_ arguments: [String], environment: [ExactText: String] = [:], file: String? = nil)
    throws(Refusal) -> CommandLineInvocation
{
    try CommandLineInvocation(arguments: arguments, environment: environment) { path in
        guard path == "hub.conf", let file else { return .failure(FileProblem("No such file")) }
        return .success(Array(file.utf8))
    }
}

private func configuration(_ arguments: [String], environment: [ExactText: String] = [:],
                           file: String? = nil) throws -> Configuration {
    let invocation = try invoke(arguments, environment: environment, file: file)
    guard case .serve(let configuration, _) = invocation else {
        throw FileProblem("does not serve: \(invocation)")
    }
    return configuration
}

private func refusal(_ arguments: [String], environment: [ExactText: String] = [:], file: String? = nil)
    -> Refusal?
{
    do {
        _ = try invoke(arguments, environment: environment, file: file)
        return nil
    } catch {
        return error
    }
}

/// A text for each key that is not its default.
private let samples: [String: String] = [
    "listen": "0.0.0.0:9000, [::1]:9001", "listen_tls": "0.0.0.0:443",
    "tls_certificates": "a.pem:a.key, b.pem:b.key", "hsts_max_age": "30d", "public_url": "https://hub.example.org",
    "allowed_origins": "https://a.example, http://b.example:81", "metrics_allow": "10.0.0.0/8, fd00::/8",
    "web_dir": "/srv/web", "data_dir": "/srv/hub", "store": "sqlite:/srv/other.sqlite",
    "store_password_file": "/run/secret", "store_connections": "9", "store_wait": "5s", "database_bytes_max": "1GiB",
    "master_key_file": "/etc/key",
    "create_master_key": "false", "hand_over": "true", "front_loops": "3", "actor_lanes": "2", "io_uring": "off",
    "connections_max": "77",
    "subscriptions_max": "5", "commands_in_flight_max": "6", "text_bytes_max": "1KiB",
    "frame_bytes_max": "2MiB", "hello_frame_bytes_max": "2KiB", "replay_events_max": "7",
    "compression": "off", "compression_bytes_min": "1KiB",
    "history_events_max": "8", "outbox_bytes_max": "2MiB", "outbox_total_bytes_max": "64MiB",
    "channel_inbox_max": "99", "commands_per_second": "11", "commands_burst": "12",
    "trusted_proxies": "10.0.0.1/32, fd00::/8", "proxy_protocol": "true", "forwarded_headers": "forwarded",
    "connections_unwelcomed_max": "13", "connections_per_second": "14", "connections_burst": "15",
    "address_connections_max": "16", "address_connections_per_second": "17", "address_connections_burst": "18",
    "unlimited_addresses": "10.0.0.0/8", "account_sessions_max": "19", "account_commands_per_second": "20",
    "account_commands_burst": "21", "account_input_per_second": "3MiB",
    "pings_per_second": "22", "http_headers_bytes_max": "8KiB",
    "http_headers_max": "23", "inbound_total_bytes_max": "32MiB", "message_timeout": "7s", "stall_timeout": "8s",
    "overload_lag": "250ms", "hello_timeout": "1500ms", "heartbeat": "20s", "pong_timeout": "4s",
    "http_header_timeout": "5s", "http_idle_timeout": "2m", "passivation_idle": "1h",
    "resync_interval": "30s", "drain_delay": "2s", "drain_timeout": "3s",
    "access_token_lifetime": "5m", "refresh_lifetime": "2d",
    "refresh_cookie_lifetime": "3d", "refresh_remember_lifetime": "4d",
    "sign_in_max_age": "90d", "log_addresses": "false", "log_level": "debug",
    "log_format": "json",
]

@Suite struct ConfigurationTable {
    @Test func namesAreUniqueAndWellFormed() {
        let names = ConfigurationKey.all.map(\.name)
        #expect(Set(names).count == names.count)
        for name in names {
            #expect(name.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "_") })
        }
    }

    /// Every key reads its sample, changes exactly one property, and shows what it read; together
    /// the keys reach every property, so none is without a key and no two keys share one.
    @Test func eachKeySetsOnePropertyOfItsOwn() throws {
        var reached: Set<String> = []
        for key in ConfigurationKey.all {
            let sample = try #require(samples[key.name], "no sample for \(key.name)")
            var changed = Configuration()
            try key.read(sample, &changed)
            let before = properties(Configuration())
            let differing = properties(changed).filter { before[$0.key] != $0.value }.map(\.key)
            #expect(differing.count == 1, "\(key.name) changes \(differing)")
            reached.formUnion(differing)
            #expect(key.show(changed) == sample)
        }
        #expect(reached == Set(properties(Configuration()).keys))
    }

    /// What `--print-config` prints of a configuration reads back as the same configuration.
    @Test func printedConfigurationReadsBack() throws {
        let file = samples.map { "\($0.key) = \($0.value)\n" }.joined()
        guard case .print(let text) = try invoke(["--config", "hub.conf", "--print-config"], file: file)
        else { throw FileProblem("prints nothing") }
        let first = try configuration(["--config", "hub.conf"], file: file)
        let second = try configuration(["--config", "hub.conf"], file: text)
        #expect(properties(first) == properties(second))
        #expect(text.contains("front_loops = 3   # hub.conf:"))
    }

    @Test func defaultsAreWithinTheirRanges() throws {
        for key in ConfigurationKey.all where key.defaultInWords == nil {
            guard let text = key.show(Configuration()) else { continue }
            var configuration = Configuration()
            #expect(throws: Never.self) { try key.read(text, &configuration) }
            #expect(properties(configuration) == properties(Configuration()), "\(key.name)")
        }
    }

    private func properties(_ configuration: Configuration) -> [String: String] {
        var found: [String: String] = [:]
        for child in Mirror(reflecting: configuration).children {
            let label = child.label ?? ""
            if label == "limits" {
                for limit in Mirror(reflecting: child.value).children {
                    found["limits." + (limit.label ?? "")] = "\(limit.value)"
                }
            } else {
                found[label] = "\(child.value)"
            }
        }
        return found
    }
}

@Suite struct ConfigurationPrecedence {
    @Test func laterSourcesOverrideEarlierOnes() throws {
        let file = "front_loops = 2\nlog_level = warning\nconnections_max = 5"
        let found = try configuration(
            ["--config", "hub.conf", "--front-loops", "4"],
            environment: ["HUB_FRONT_LOOPS": "3", "HUB_LOG_LEVEL": "error", "PATH": "/bin"], file: file)
        #expect(found.frontLoops == 4)
        #expect(found.logLevel == .error)
        #expect(found.connectionsMax == 5)
        #expect(found.storeConnections == Configuration().storeConnections)
    }

    @Test func variableNamesTheFile() throws {
        let found = try configuration([], environment: ["HUB_CONFIG": "hub.conf"], file: "actor_lanes=2")
        #expect(found.actorLanes == 2)
    }

    @Test func optionsTakeBothForms() throws {
        let found = try configuration(["--actor-lanes=2", "--log-level", "debug", "--log-level=error"])
        #expect(found.actorLanes == 2)
        #expect(found.logLevel == .error)
    }

    @Test func listsAddUpWithinASourceAndReplaceAcross() throws {
        let file = "listen = 127.0.0.1:1\nlisten = 127.0.0.1:2, [::1]:3"
        let fromFile = try configuration(["--config", "hub.conf"], file: file)
        #expect(fromFile.listen.map(\.port) == [1, 2, 3])
        let fromOptions = try configuration(
            ["--config", "hub.conf", "--listen", "127.0.0.1:4", "--listen", "127.0.0.1:5"], file: file)
        #expect(fromOptions.listen.map(\.port) == [4, 5])
    }

    @Test func listsCanBeEmptied() throws {
        #expect(try configuration(["--metrics-allow", "none"]).metricsAllow.isEmpty)
        #expect(refusal(["--listen", "none"])?.code == .configuration)
        #expect(refusal(["--metrics-allow", "none", "--metrics-allow", "::1"])?.code == .usage)
    }

    @Test func commentsBlanksAndLineEndsOfTheFile() throws {
        let file = "# a comment\r\n\r\n  front_loops\t=  2   # why\r\nweb_dir = /srv/a#b\r\n"
        let found = try configuration(["--config", "hub.conf"], file: file)
        #expect(found.frontLoops == 2)
        #expect(found.webDirectory == "/srv/a#b")
    }

    @Test func unknownVariablesOnlyWarn() throws {
        let invocation = try invoke([], environment: [
            "HUB_PORT": "tcp://10.0.0.1:80", "HUB_LISTN": "x", "HUB_VECTORS": "/x",
        ])
        guard case .serve(_, let warnings) = invocation else { throw FileProblem("does not serve") }
        #expect(warnings == [
            "unknown variable HUB_LISTN ignored; did you mean HUB_LISTEN?",
            "unknown variable HUB_PORT ignored; `hub --help` lists the names",
        ])
    }
}

@Suite struct ConfigurationComplaints {
    /// What is wrong in a file, and the one line it must give.
    @Test(arguments: [
        ("front_loops = 2\nlisten = nowhere",
         "hub: hub.conf:2: listen: \"nowhere\" is not an address; write it like 127.0.0.1:8080 or [::1]:8080"),
        ("frnt_loops = 2", "hub: hub.conf:1: unknown key \"frnt_loops\"; did you mean front_loops?"),
        ("front-loops = 2", "hub: hub.conf:1: unknown key \"front-loops\"; did you mean front_loops?"),
        ("zzzzzzzz = 2", "hub: hub.conf:1: unknown key \"zzzzzzzz\"; `hub --help` lists the names"),
        ("front_loops 2", "hub: hub.conf:1: no `=` in this line; write key = value, and # before comments"),
        ("front_loops = 2\n\nfront_loops = 3",
         "hub: hub.conf:3: front_loops was set before, in line 1; keep one of the two lines"),
        ("front_loops = 0", "hub: hub.conf:1: front_loops: \"0\" is out of range; write 1 to 256"),
        ("front_loops = 257", "hub: hub.conf:1: front_loops: \"257\" is out of range; write 1 to 256"),
        ("front_loops = two", "hub: hub.conf:1: front_loops: \"two\" is not a whole number; write a whole number"),
        ("front_loops =", "hub: hub.conf:1: front_loops has no value; leave it out to get the default, "
            + "`auto`: one less than the cores, at least 1"),
        ("heartbeat = 25", "hub: hub.conf:1: heartbeat: \"25\" is not a duration with its unit, such as "
            + "500ms, 25s, 15m, 24h or 7d; write a duration with its unit, such as 500ms, 25s, 15m, 24h or 7d"),
        ("heartbeat = 99ms", "hub: hub.conf:1: heartbeat: \"99ms\" is out of range; write 100ms to 10m"),
        ("frame_bytes_max = 99999999999999999999", "hub: hub.conf:1: frame_bytes_max: "
            + "\"99999999999999999999\" is not a size such as 64KiB or 1MiB; write a size such as 64KiB or 1MiB"),
        ("frame_bytes_max = 18446744073709551615GiB", "hub: hub.conf:1: frame_bytes_max: "
            + "\"18446744073709551615GiB\" is out of range; write 1KiB to 16MiB"),
        ("log_level = loud", "hub: hub.conf:1: log_level: \"loud\" is not one of its words; write one of "
            + "debug, info, warning, error"),
        ("create_master_key = yes", "hub: hub.conf:1: create_master_key: \"yes\" is not a `true` or `false`; "
            + "write it like true"),
        ("store = mysql://u:hunter2@h/db", "hub: hub.conf:1: store: the value is not a store location; write it "
            + "like sqlite:/var/lib/hub/hub.db or postgresql://hub@db.example.org/hub"),
        ("text_bytes_max = 1MiB", "hub: text_bytes_max (hub.conf:1) is more than frame_bytes_max less 512 "
            + "bytes for what surrounds a text; lower the one or raise the other"),
        ("log_level = a\u{1B}[31m", "hub: hub.conf:1: log_level: \"a\\u{1b}[31m\" is not one of its words; "
            + "write one of debug, info, warning, error"),
    ])
    func file(text: String, line: String) {
        let refusal = refusal(["--config", "hub.conf"], file: text)
        #expect(refusal?.description == line)
        #expect(refusal?.code == .configuration)
    }

    @Test(arguments: [
        (["--frnt-loops", "2"], "hub: there is no option \"--frnt-loops\"; did you mean --front-loops?"),
        (["--versoin"], "hub: there is no option \"--versoin\"; did you mean --version?"),
        (["bakup"], "hub: there is no command \"bakup\"; did you mean backup?"),
        (["--log-level", "error", "run"],
         "hub: \"run\" is not an option; behind the first word the hub takes only options; `hub --help` lists them"),
        (["run", "there"],
         "hub: \"there\" is not an option; behind the first word the hub takes only options; `hub --help` lists them"),
        (["backup"], "hub: DEST is missing; write `hub backup DEST`"),
        (["backup", "a", "b"],
         "hub: \"b\" is not an option; `hub backup DEST` is all that it takes; see `hub backup --help`"),
        (["restore", "a", "--replce"], "hub: there is no option \"--replce\"; did you mean --replace?"),
        (["--replace"], "hub: there is no option \"--replace\"; `hub --help` lists the names"),
        (["--front-loops"], "hub: --front-loops has no value; write --front-loops VALUE"),
        (["--front-loops", "--log-level", "debug"],
         "hub: --front-loops has no value; write --front-loops VALUE"),
        (["--front-loops", "999"], "hub: --front-loops: \"999\" is out of range; write 1 to 256"),
        (["--help=yes"], "hub: --help takes no value; write just --help"),
        (["--store", "postgresql://hub:hunter2@h/db"],
         "hub: --store: a password on the command line is visible to every user; put it in "
            + "store_password_file, HUB_STORE or libpq's PGPASSFILE"),
    ])
    func commandLine(arguments: [String], line: String) {
        let refusal = refusal(arguments)
        #expect(refusal?.description == line)
        #expect(refusal?.code == .usage)
    }

    @Test func environmentIsNamedByItsVariable() {
        let refusal = refusal([], environment: ["HUB_ACTOR_LANES": "-1"])
        #expect(refusal?.description
            == "hub: HUB_ACTOR_LANES: \"-1\" is not a whole number; write a whole number")
        #expect(refusal?.code == .configuration)
    }

    @Test func passwordFile() throws {
        var configuration = Configuration()
        configuration.store = DatabaseLocation("postgresql://hub@h/d")
        #expect(try configuration.databaseLocationWithPassword() == configuration.store)
        configuration.storePasswordFile = "/dev/null"
        #expect(throws: Refusal(
            .configuration, "store_password_file /dev/null: its first line is no password",
            remedy: "write the password there as UTF-8 text")) {
            try configuration.databaseLocationWithPassword()
        }
        configuration.storePasswordFile = "/dev/null/gone"
        #expect(throws: Refusal(
            .configuration, "store_password_file /dev/null/gone: cannot be read: Not a directory",
            remedy: "check the path and its permissions")) {
            try configuration.databaseLocationWithPassword()
        }
        // The first line of this file serves as well as any.
        configuration.storePasswordFile = #filePath
        #expect(try configuration.databaseLocationWithPassword().reveal.contains("password=%2F%2F%20The"))
        configuration.store = nil
        #expect(try configuration.databaseLocationWithPassword() == configuration.databaseLocation)
    }

    @Test func missingAndUnreadableFiles() {
        #expect(refusal(["--config", "gone.conf"])?.description == "hub: gone.conf: cannot be read: "
            + "No such file; check the path after --config and its permissions")
        var reader = ConfigurationReader()
        #expect(throws: Refusal(.configuration, "hub.conf: not UTF-8 text", remedy: "save it as UTF-8")) {
            try reader.readFile([0x61, 0xFF], path: "hub.conf")
        }
    }
}

@Suite struct CommandLineInformation {
    @Test func helpNamesEveryKeyAndDefault() throws {
        guard case .print(let text) = try invoke(["--help"]) else { throw FileProblem("prints nothing") }
        for key in ConfigurationKey.all { #expect(text.contains("  \(key.option)  (")) }
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    }

    @Test func versionIsPrinted() throws {
        guard case .print(let text) = try invoke(["--version"]) else { throw FileProblem("prints nothing") }
        #expect(text == "hub \(hubVersion)\n")
    }

    @Test func passwordsAreNotPrinted() throws {
        let environment: [ExactText: String] = [
            "HUB_STORE": "postgresql://hub:hunter2@h/db?sslmode=require&password=hunter3"]
        guard case .print(let text) = try invoke(["--print-config"], environment: environment) else {
            throw FileProblem("prints nothing")
        }
        #expect(text.contains("store = postgresql://hub:***@h/db?sslmode=require&password=***   # environment"))
        #expect(!text.contains("hunter"))
    }
}

@Suite struct Subcommands {
    @Test func runIsWhatTheHubDoesAnyway() throws {
        let plain = try configuration(["--front-loops", "4"])
        #expect(try configuration(["run", "--front-loops", "4"]).frontLoops == plain.frontLoops)
    }

    @Test func operandsFlagsAndConfigurationMayMix() throws {
        let invocation = try invoke(["restore", "--data-dir", "/d", "there", "--replace", "--config=hub.conf"],
                                    file: "log_level = error")
        guard case .command(let command, let input) = invocation else { throw FileProblem("no command") }
        #expect(command.name == "restore" && input.operands == ["there"] && input.flags == ["--replace"])
        #expect(input.configuration.dataDirectory == "/d" && input.configuration.logLevel == .error)
    }

    /// Each says what it is, how it is called, and what it ends with.
    @Test(arguments: Subcommand.all.map(\.name))
    func helpsItself(_ name: String) throws {
        let words = name.split(separator: " ").map(String.init)
        guard case .print(let text) = try invoke(words + ["--help"]) else { throw FileProblem("no help") }
        #expect(text.hasPrefix("hub \(name): "))
        #expect(text.contains("Usage: hub \(name)") && text.contains("Ends with:\n  0   done\n  64  "))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 110 })
        guard case .print(let overview) = try invoke(["--help"]) else { throw FileProblem("no help") }
        #expect(overview.contains("  hub \(name)"))
    }

    @Test func namesAreUnique() {
        let names = Subcommand.all.map(\.name)
        #expect(Set(names).count == names.count && !names.contains("run"))
    }
}

@Suite struct OperationsPage {
    /// The page repeats the program's tables; `make docs` writes them anew.
    @Test func holdsTheTablesOfTheProgram() throws {
        let page = try operationsPage()
        let blocks = CommandLineHelp.markdownTables.split(separator: "<!-- end -->\n")
        #expect(blocks.count == 3)
        for block in blocks {
            let isCurrent = page.contains(block + "<!-- end -->\n")
            #expect(isCurrent, "\(block.prefix { $0 != "\n" }) is out of date: run `make docs`")
        }
    }

    /// The filter for fail2ban finds the address in the lines that the hub writes, in the form that the page says.
    @Test(arguments: ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"])
    func holdsAFilterThatFits(_ peer: String) throws {
        let page = try operationsPage()
        let wanted = try #require(page.split(separator: "\n").first { $0.hasPrefix("failregex = ") })
        let text = wanted.dropFirst("failregex = ".count).replacing("<ADDR>", with: "([0-9a-fA-F:.]+)")
        let filter = try Regex(String(text))
        let lines = Lock<[String]>([])
        let log = Log(threshold: .debug) { level, text, fields in
            let bytes = LogSink.line(level, text, fields, at: UnixMilliseconds(0), isJSON: true)
            lines.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
        }
        let security = SecurityLog(log, Metrics(), clocks: SystemClocks())
        for event in [SecurityEvent.badCredentials, .lockedOut, .tokenForged, .setUpRefused, .invitationRefused] {
            security.note(event, from: peer, .id("account", AccountID(high: 1, low: 1)))
        }
        for line in lines.withLock({ $0 }) {
            #expect(line.firstMatch(of: filter)?.output[1].substring.map(String.init) == peer, "\(line)")
        }
        lines.withLock { $0 = [] }
        // Who succeeds is not banned.
        for event in [SecurityEvent.signedIn, .signedOut, .refreshRepeated, .invitationUsed] {
            security.note(event, from: peer)
        }
        #expect(lines.withLock { $0.count == 4 && $0.allSatisfy { $0.firstMatch(of: filter) == nil } })
    }

    private func operationsPage() throws -> String {
        let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
        let descriptor = open(root + "/docs/operations.md", O_RDONLY)
        guard descriptor >= 0 else { throw FileProblem("docs/operations.md cannot be opened") }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }
}
