// A hub of a run's own: started on loopback with its data in a folder, set up, measured, stopped.

internal import CBench
internal import Foundation
internal import Glibc

package final class HubServer {
    package let child: ChildProcess
    package let url: String
    private let email = "bench@example.org"
    private let password: String

    /// - Parameters:
    ///   - folder: for data, log and certificate; has to be there.
    ///   - core: where it has to run.
    ///   - certificate: file of a certificate and file of its key, to listen with TLS.
    package init(program: String, arguments: [String], folder: String, core: Int?,
                 certificate: (chain: String, key: String)? = nil, port: UInt16? = nil) throws {
        let port = try port ?? FreePort.find()
        var all = [program, "--data-dir", folder + "/hub", "--create-master-key", "true"]
        if let certificate {
            all += ["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:\(port)",
                    "--tls-certificates", "\(certificate.chain):\(certificate.key)"]
        } else {
            all += ["--listen", "127.0.0.1:\(port)"]
        }
        all += try Self.limitsLifted(program, folder)
        url = "\(certificate == nil ? "ws" : "wss")://127.0.0.1:\(port)/ws"
        child = try ChildProcess(name: "the hub", arguments: all + arguments,
                                 logPath: folder + "/hub.log", core: core)
        password = HandshakeProof.base64((0..<18).map { _ in UInt8.random(in: 0...255) })
    }

    deinit { child.kill() }

    /// All load comes from one account and a few addresses, so what bounds one of them would bound
    /// the whole run. Older hubs do not know all of these.
    static func limitsLifted(_ program: String, _ folder: String) throws -> [String] {
        let options = [
            ("--commands-per-second", "0"), ("--account-commands-per-second", "0"),
            ("--account-sessions-max", "0"), ("--address-connections-max", "0"),
            ("--address-connections-per-second", "0"), ("--connections-per-second", "0"),
            ("--connections-max", "100000"), ("--connections-unwelcomed-max", "100000"),
        ]
        try Program.run(program, "--help", log: folder + "/help")
        let help = SystemFile.read(folder + "/help") ?? ""
        return options.filter { help.range(of: $0.0 + " ") != nil }.flatMap { [$0.0, $0.1] }
    }

    package var credentials: Credentials { .password(email: email, password: password) }

    /// Starts it for the first time and makes the account that `credentials` sign in.
    package func startAndSetUp(tls: TLSContext?) throws {
        try child.start()
        let endpoint = try Endpoint(url)
        try waitUntil("the hub's set-up link") { SetUpLink.token(inLog: child.logPath) != nil }
        guard let token = SetUpLink.token(inLog: child.logPath) else { return }
        let signIn = SignIn(endpoint, tls: tls)
        _ = try signIn.signIn(.setUp(token: token, email: email, password: password))
    }

    /// Starts it again on the same data.
    package func startAgain() throws {
        try child.start()
        let address = try Endpoint(url).resolve()
        try waitUntil("the hub to listen") { Listening.answers(address) }
    }

    private func waitUntil(_ what: String, _ condition: () -> Bool) throws {
        let deadline = MonotonicClock.now() + 30_000_000_000
        while !condition() {
            try child.check()
            guard MonotonicClock.now() < deadline else {
                throw BenchError("waited 30 s for \(what); its last words: \(child.lastWords())")
            }
            usleep(2_000)
        }
    }
}

enum SetUpLink {
    /// The token of the link that a new hub prints.
    static func token(inLog path: String) -> String? {
        let text = SystemFile.read(path) ?? ""
        guard let start = text.range(of: "#setup=") else { return nil }
        let rest = text[start.upperBound...]
        let token = rest.prefix { $0.isASCII && !$0.isWhitespace && $0 != "\"" }
        // A line that is still being written has no end yet.
        return token.isEmpty || token.endIndex == rest.endIndex ? nil : String(token)
    }
}

enum Listening {
    /// Whether something takes connections there.
    static func answers(_ address: SocketAddress) -> Bool {
        let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return address.bytes.withUnsafeBytes {
            connect(descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress!,
                    socklen_t($0.count)) == 0
        }
    }
}

/// A folder that is removed at the end.
package final class TemporaryFolder {
    package let path: String

    package init() throws {
        path = FileManager.default.temporaryDirectory
            .appendingPathComponent("hub-bench-\(getpid())-\(UInt32.random(in: 0...UInt32.max))").path
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw BenchError("cannot make the folder '\(path)': \(error.localizedDescription)")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Who runs as another user may reach what it owns in here.
    func admitOthers() throws {
        guard chmod(path, 0o711) == 0 else { throw BenchError.system("cannot open '\(path)' to others") }
    }

    func write(_ name: String, _ text: String) throws -> String {
        try ReportFolder.write(file: path + "/" + name, Array(text.utf8))
        return path + "/" + name
    }
}

/// Cores for server and generator, so that neither takes the other's time.
package struct CorePlan: Sendable {
    package let server: Int?
    package let generator: Int?

    /// Both `nil` where there is only one.
    package init() {
        var cores = [Int32](repeating: 0, count: 1_024)
        let count = Int(bench_cores(&cores, Int32(cores.count)))
        server = count >= 2 ? Int(cores[0]) : nil
        generator = count >= 2 ? Int(cores[count - 1]) : nil
    }

    /// Keeps this thread, and threads it starts, on the generator's core.
    package func pinGenerator() {
        if let generator { _ = bench_pin(Int32(generator)) }
    }
}

/// A hub that a scenario starts for itself: set up, on a core of its own, in a temporary folder.
package final class OwnHub {
    package let server: HubServer
    private let folder: TemporaryFolder
    private let program: String
    private let arguments: [String]
    private let core: Int?
    private let certificate: (chain: String, key: String)?
    private let postgres: PostgresServer?

    /// - Parameter startsPostgres: its store is in a PostgreSQL that is started for it.
    package init(program: String, arguments: [String], isSecure: Bool,
                 startsPostgres: Bool = false) throws {
        folder = try TemporaryFolder()
        // The hub inherits the limit.
        try DescriptorLimit.raiseFully()
        let cores = CorePlan()
        cores.pinGenerator()
        self.program = program
        postgres = try startsPostgres ? OwnHub.startPostgres(in: folder) : nil
        self.arguments = (cores.server == nil ? [] : ["--front-loops", "1"])
            + (postgres.map { ["--store", $0.url] } ?? []) + arguments
        core = cores.server
        certificate = isSecure ? try OwnHub.makeCertificate(in: folder.path) : nil
        server = try HubServer(program: program, arguments: self.arguments, folder: folder.path,
                               core: core, certificate: certificate)
        let tls = isSecure ? try TLSContext(verifiesPeer: false, authorities: nil) : nil
        try server.startAndSetUp(tls: tls)
    }

    deinit { _ = server.child.stop(seconds: 15) }

    /// Another hub on the same data and store, not started.
    package func makeSecond() throws -> HubServer {
        try HubServer(program: program, arguments: arguments, folder: folder.path, core: core,
                      certificate: certificate)
    }

    private static func startPostgres(in folder: TemporaryFolder) throws -> PostgresServer {
        try folder.admitOthers()
        let server = try PostgresServer(folder: folder.path + "/postgres", logFolder: nil,
                                        environment: [:], logPath: folder.path + "/postgres.log")
        try server.start()
        try server.waitUntilReady()
        return server
    }

    /// For 127.0.0.1, P-256, signed by itself.
    private static func makeCertificate(in folder: String) throws -> (chain: String, key: String) {
        let (chain, key) = (folder + "/certificate.pem", folder + "/key.pem")
        try Program.run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-keyout", key, "-out", chain, "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", log: folder + "/openssl.log")
        return (chain, key)
    }
}
