// `hub-bench idle`: options of IdleRun.

import ArgumentParser
import Harness

struct Idle: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Many connections that only ping: do they stay, what does each cost?",
        discussion: """
            Opens connections, signs each in, holds them and sends WebSocket pings, spread evenly. \
            A lost connection or an unanswered ping ends with exit code 2.

            FIGURES
            \(IdleRun.kind.figures)

            EXAMPLES
              hub-bench idle --hub .build/release/hub --connections 10000 --duration 60
              hub-bench idle --hub .build/release/hub --tls --connections 18000 \\
                --duration 1800 --fail-if 'rss_per_connection>20KB'
              hub-bench idle --raw --url ws://127.0.0.1:9101/idle --server-pid PID
            """)

    @Option(name: [.customShort("n"), .long], help: "Connections.")
    var connections = 1_000

    @Option(name: [.short, .long], help: "Seconds to hold them.")
    var duration = 30.0

    @Option(help: "Seconds between two pings of a connection; 0: only the server pings.")
    var pingInterval = 20.0

    @Flag(help: "A server that is no hub: the handshake is enough.")
    var raw = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    @OptionGroup(title: "Results")
    var report: ReportOptions

    mutating func validate() throws {
        try report.validate(IdleRun.kind) { try server.validateServer(isRelay: raw) }
    }

    mutating func run() throws {
        let report = report
        try report.run(IdleRun.kind, on: server, isRelay: raw) { server in
            try IdleRun(server.settings, access: server.access, connections: connections,
                        seconds: duration, interval: pingInterval) { report.progress($0) }.measure()
        }
    }
}
