// What a crash run breaks: a hub and, with `--store postgresql`, the server it works with. Two worlds
// can live side by side, one on what a power cut left of the other's disk.

internal import CBench
internal import Foundation
internal import Glibc

package final class CrashWorld {
    let hub: ChildProcess
    let postgres: PostgresServer?
    let endpoint: Endpoint
    let address: SocketAddress
    /// Whether PostgreSQL may end by itself; it is then started again, as a supervisor would.
    var mayLosePostgres = false

    /// - Parameters:
    ///   - folder: where everything is that must survive; what is there already is used.
    ///   - logFolder: where PostgreSQL's write-ahead log is, if not there too.
    ///   - name: of the logs.
    init(_ configuration: CrashConfiguration, in folder: String, logIn logFolder: String? = nil,
         named name: String) throws {
        // The orphans of a killed PostgreSQL come to us.
        bench_adopt_orphans()
        let logs = configuration.dataDirectory
        var environment: [String: String] = [:]
        if let library = configuration.lyingDisk { environment["LD_PRELOAD"] = library }
        let port = try FreePort.find()
        var arguments = [configuration.hub, "--data-dir", folder + "/hub",
                         "--listen", "127.0.0.1:\(port)"]
        switch configuration.store {
        case .sqlite:
            postgres = nil
        case .postgresql:
            let server = try PostgresServer(folder: folder + "/postgres", logFolder: logFolder,
                                            environment: environment,
                                            logPath: logs + "/\(name)-postgres.log")
            arguments += ["--store", server.url]
            postgres = server
        case .location(let location):
            postgres = nil
            arguments += ["--store", location]
        }
        hub = try ChildProcess(name: "the hub", arguments: arguments + configuration.hubArguments,
                               environment: environment, logPath: logs + "/\(name).log")
        endpoint = try Endpoint("ws://127.0.0.1:\(port)/ws")
        address = try endpoint.resolve()
    }

    deinit { kill() }

    func start() throws {
        try postgres?.start()
        try postgres?.waitUntilReady()
        try hub.start()
    }

    func kill() {
        hub.kill()
        postgres?.kill()
    }

    /// Throws when something has ended by itself that must not.
    func check() throws {
        try hub.check()
        if mayLosePostgres { try postgres?.revive() } else { try postgres?.check() }
    }

    /// Signs in as soon as the hub answers; without `access`, by the link that a new hub prints.
    func firstSignIn(_ access: Credentials?) throws -> SignedIn {
        let signIn = SignIn(endpoint, tls: nil)
        let deadline = MonotonicClock.now() + 30_000_000_000
        while true {
            try Interruption.check()
            try check()
            var credentials = access
            if credentials == nil, let token = setupToken() {
                credentials = .setUp(token: token, email: "crash@example.org",
                                     password: "crash-\(UInt64.random(in: 0...UInt64.max))")
            }
            if let credentials {
                do { return try signIn.signIn(credentials) } catch {
                    guard MonotonicClock.now() < deadline,
                          "\(error)".contains("cannot connect") else { throw error }
                }
            }
            guard MonotonicClock.now() < deadline else {
                throw BenchError("the hub printed no set-up link within 30 s: is its store "
                    + "already set up? Then give --email and a password. Its last words: "
                    + hub.lastWords())
            }
            usleep(10_000)
        }
    }

    /// The token of the link that sets the first organisation up.
    private func setupToken() -> String? {
        let text = SystemFile.read(hub.logPath) ?? ""
        guard let start = text.range(of: "#setup=") else { return nil }
        let token = text[start.upperBound...].prefix {
            $0.isASCII && !$0.isWhitespace && $0 != "\""
        }
        return token.isEmpty ? nil : String(token)
    }
}
