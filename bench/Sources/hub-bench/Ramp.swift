// `hub-bench ramp`: options of RampRun.

import ArgumentParser
import Harness

struct Ramp: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Connections at a rate or as fast as possible: what does each cost?",
        discussion: """
            Times count from when a connection was due. With --churn each leaves when it is ready, so \
            that there may be more than descriptors. With wss://, handshakes are full ones.

            FIGURES
            \(RampRun.kind.figures)

            EXAMPLES
              hub-bench ramp --hub .build/release/hub --connections 10000
              hub-bench ramp --hub .build/release/hub --tls --no-sign-in --churn \\
                --connections 20000 --fail-if 'connects_per_cpu_s<1500'
              hub-bench ramp --hub .build/release/hub --rate 500 --connections 5000
              hub-bench ramp --raw --url ws://127.0.0.1:9101/idle --server-pid PID --churn
            """)

    @Option(name: [.customShort("n"), .long], help: "Connections in all.")
    var connections = 5_000

    @Option(name: [.short, .long], help: "Connections per second; 0: as fast as possible.")
    var rate = 0.0

    @Flag(inversion: .prefixedNo, help: "Sign in, or only shake hands.")
    var signIn = true

    @Flag(help: "Close each connection as soon as it is ready.")
    var churn = false

    @Flag(help: "A server that is no hub: the handshake is enough.")
    var raw = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    @OptionGroup(title: "Results")
    var report: ReportOptions

    mutating func validate() throws {
        try report.validate(RampRun.kind) { try server.validateServer(isRelay: raw) }
    }

    mutating func run() throws {
        var plan = RampRun.Plan()
        plan.connections = connections
        plan.rate = rate
        plan.signsIn = signIn
        plan.isChurning = churn
        try report.run(RampRun.kind, on: server, isRelay: raw) { server in
            try RampRun(server.settings, access: server.access, plan).measure()
        }
    }
}
