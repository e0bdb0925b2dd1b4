// Who takes part in a comparison, how its server is started and reached. A server runs on loopback for
// one run at a time, with a fresh folder.

internal import Foundation

package struct Contender: Sendable {
    package enum Server: Sendable {
        case hub
        case mosquitto
        case nats
        /// Started by somebody else, or by a command.
        case external(External)
    }

    package struct External: Sendable {
        package var url: String
        package var publishURL: String?
        package var command: [String]?
        package var process: Int32?
        package var processFile: String?

        /// The same with a free port in place of `{port}`.
        func withPort() throws -> External {
            let port = "\(try FreePort.find())"
            let fill = { (text: String) in text.replacing("{port}", with: port) }
            var copy = self
            copy.url = fill(url)
            copy.publishURL = publishURL.map(fill)
            copy.command = command?.map(fill)
            return copy
        }
    }

    package var name: String
    package var server: Server
    package var target: FanoutConfiguration.Target
    package var encoding = Encoding.json
    package var isEphemeral = false
    /// The program of a hub that is not the run's own, such as the build before.
    package var program: String?

    /// What stands behind the name of a contender that is the same with the hub of before.
    static let beforeSuffix = "-before"

    /// The same with another hub.
    package func before(_ program: String) -> Contender {
        var copy = self
        copy.name = name + Self.beforeSuffix
        copy.program = program
        return copy
    }

    package var isHub: Bool { if case .hub = server { true } else { false } }

    package static let known = [
        "hub", "hub-proto", "hub-ephemeral", "hub-ephemeral-proto", "mosquitto", "nats",
    ]

    /// One of `known`.
    package init(named name: String) throws {
        self.name = name
        switch name {
        case "mosquitto": (server, target) = (.mosquitto, .mqtt)
        case "nats": (server, target) = (.nats, .nats)
        case _ where Self.known.contains(name):
            (server, target) = (.hub, .hub)
            if name.hasSuffix("-proto") { encoding = .proto }
            isEphemeral = name.hasPrefix("hub-ephemeral")
        default:
            throw BenchError("'\(name)' is not known: \(Self.known.joined(separator: ", ")); others "
                + "are described by --peer")
        }
    }

    /// `name=uws,url=ws://…,publish-url=ws://…,protocol=raw,encoding=proto,pid=1,pid-file=F,command=…`;
    /// a command takes the rest, commas and all. `{port}` in it and in the URLs is a free port.
    package init(description: String) throws {
        var fields: [String: String] = [:]
        var rest = description[...]
        while !rest.isEmpty {
            guard let equals = rest.firstIndex(of: "=") else {
                throw BenchError("--peer '\(description)': '\(rest)' is not KEY=VALUE")
            }
            let key = String(rest[..<equals])
            rest = rest[rest.index(after: equals)...]
            let comma = key == "command" ? nil : rest.firstIndex(of: ",")
            fields[key] = String(rest[..<(comma ?? rest.endIndex)])
            rest = comma.map { rest[rest.index(after: $0)...] } ?? ""
        }
        let keys: Set = ["name", "url", "publish-url", "protocol", "encoding", "pid", "pid-file",
                         "command"]
        if let stranger = fields.keys.sorted().first(where: { !keys.contains($0) }) {
            throw BenchError("--peer: '\(stranger)' is none of \(keys.sorted())")
        }
        guard let name = fields["name"], !name.isEmpty, let url = fields["url"] else {
            throw BenchError("--peer '\(description)' needs name=… and url=…")
        }
        _ = try Endpoint(External(url: url).withPort().url)
        self.name = name
        guard let target = FanoutConfiguration.Target(rawValue: fields["protocol"] ?? "raw"),
              target != .hub
        else { throw BenchError("--peer \(name): protocol is raw, mqtt or nats") }
        self.target = target
        guard let encoding = Encoding(rawValue: fields["encoding"] ?? "json") else {
            throw BenchError("--peer \(name): encoding is json (text) or proto (binary)")
        }
        self.encoding = encoding
        var external = External(url: url, publishURL: fields["publish-url"])
        external.command = fields["command"].map { $0.split(separator: " ").map(String.init) }
        external.processFile = fields["pid-file"]
        if let text = fields["pid"] {
            guard let process = Int32(text), process > 0 else {
                throw BenchError("--peer \(name): '\(text)' is no process id")
            }
            external.process = process
        }
        server = .external(external)
    }
}

/// A contender's server while it runs.
final class RunningServer {
    let url: String
    let publishURL: String?
    let process: Int32?
    let access: FanoutAccess
    private let child: ChildProcess?
    private let hub: HubServer?
    private let folder: TemporaryFolder

    init(_ contender: Contender, hub program: String?, hubArguments: [String],
         core: Int?) throws {
        folder = try TemporaryFolder()
        switch contender.server {
        case .hub:
            guard let program = contender.program ?? program else {
                throw BenchError("\(contender.name) needs --hub PROGRAM")
            }
            // One loop on one core: more would only take turns.
            let server = try HubServer(
                program: program,
                arguments: (core == nil ? [] : ["--front-loops", "1"]) + hubArguments,
                folder: folder.path, core: core)
            try server.startAndSetUp(tls: nil)
            (hub, child, publishURL) = (server, nil, nil)
            (url, process, access) = (server.url, server.child.process,
                                      FanoutAccess(server.credentials))
        case .mosquitto, .nats:
            let port = try FreePort.find()
            let started = try Self.start(contender.server, port, in: folder, core: core)
            (hub, child, publishURL) = (nil, started, nil)
            (url, process, access) = ("ws://127.0.0.1:\(port)/", started.process, FanoutAccess(nil))
        case .external(let described):
            let external = try described.withPort()
            hub = nil
            // Servers may share a port by SO_REUSEPORT, and with it their clients.
            if external.command != nil, Listening.answers(try Endpoint(external.url).resolve()) {
                throw BenchError("something listens at \(external.url) already: use {port}")
            }
            let log = folder.path + "/log"
            child = try external.command.map { command in
                guard let path = command.first.flatMap(Program.path)
                else { throw BenchError("there is no '\(command.first ?? "")' to start") }
                let child = try ChildProcess(
                    name: contender.name, arguments: [path] + command.dropFirst(),
                    logPath: log, core: core)
                try child.start()
                return child
            }
            (url, publishURL, access) = (external.url, external.publishURL, FanoutAccess(nil))
            process = try external.process ?? external.processFile.map(Self.processID)
                ?? child?.process
        }
        if hub == nil { try waitUntilItListens() }
    }

    deinit {
        _ = child?.stop(seconds: 5)
        _ = hub?.child.stop(seconds: 10)
    }

    private static func processID(_ file: String) throws -> Int32 {
        let text = (SystemFile.read(file) ?? "").filter { !$0.isWhitespace }
        guard let process = Int32(text), process > 0 else {
            throw BenchError("there is no process id in '\(file)'")
        }
        return process
    }

    private static func start(_ server: Contender.Server, _ port: UInt16,
                              in folder: TemporaryFolder, core: Int?) throws -> ChildProcess {
        let name: String, arguments: [String]
        if case .mosquitto = server {
            name = "mosquitto"
            arguments = ["-c", try folder.write(
                "mosquitto.conf", PeerSettings.mosquitto(port, plain: FreePort.find()))]
        } else {
            name = "nats-server"
            arguments = ["-c", try folder.write("nats.conf", PeerSettings.nats(port))]
        }
        guard let path = Program.path(name) else {
            throw BenchError("there is no \(name) here: apt-get install \(name)")
        }
        let child = try ChildProcess(name: name, arguments: [path] + arguments,
                                     logPath: folder.path + "/log", core: core)
        try child.start()
        return child
    }

    private func waitUntilItListens() throws {
        let address = try Endpoint(url).resolve()
        let deadline = MonotonicClock.now() + 10_000_000_000
        while !Listening.answers(address) {
            try child?.check()
            guard MonotonicClock.now() < deadline else {
                throw BenchError("nothing listens at \(url) after 10 s")
            }
            pause(milliseconds: 5)
        }
    }
}

/// The settings of servers that a comparison starts itself; docs/performance.md states them.
package enum PeerSettings {
    /// Without limits on queues, so that nothing is dropped for a burst; nothing is written to disk.
    /// Version 2.0.11 refuses to run with WebSocket listeners alone, hence a plain one.
    package static func mosquitto(_ port: UInt16, plain: UInt16) -> String {
        """
        listener \(plain) 127.0.0.1
        listener \(port) 127.0.0.1
        socket_domain ipv4
        protocol websockets
        allow_anonymous true
        persistence false
        set_tcp_nodelay true
        max_queued_messages 0
        max_queued_bytes 0
        log_type error

        """
    }

    /// Its plain listener is there because it cannot be turned off.
    package static func nats(_ port: UInt16) -> String {
        """
        host: 127.0.0.1
        port: -1
        max_pending: 256MB
        write_deadline: "60s"
        max_connections: 65536
        websocket { host: 127.0.0.1, port: \(port), no_tls: true, compression: false }

        """
    }
}
