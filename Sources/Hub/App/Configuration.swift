// What an operator can set: one struct, filled at start and at each reload, and handed on by init. Each property's
// initial value is its default; ConfigurationKey+All.swift has the table with name, range and
// meaning of each, ConfigurationReader.swift fills it. Nothing here touches disk, sockets or the
// environment.

package import Model
package import Ports
package import Wire

/// Everything that can be configured, in its final form: all values are within their ranges.
package struct Configuration: Sendable {
    // Where it listens and how it is reached.
    package var listen = [ListenAddress(host: "127.0.0.1", port: 8080)]
    /// The same with TLS, for which there are `tlsCertificates` then.
    package var listenTLS: [ListenAddress] = []
    package var tlsCertificates: [CertificatePair] = []
    /// How long browsers come with TLS only; 0: they forget it.
    package var hstsMaxAgeMilliseconds: Int64 = 365 * 86_400_000
    /// `nil`: no. Listen although another hub of the same user listens there.
    package var handsOver: Bool?
    /// `nil`: derived from the first address with TLS, else without, see `publicURL(boundTo:)`.
    package var publicURL: PublicURL?
    /// Origins, besides that of the public URL, whose pages may open a WebSocket.
    package var allowedOrigins: [PublicURL] = []
    /// Whose requests to `/metrics` are answered.
    package var metricsAllow = Self.loopback
    /// Proxies that say truly for whom they speak.
    package var trustedProxies: [AddressRange] = []
    /// Whether their connections begin with a PROXY header.
    package var proxyProtocol = false
    /// Which headers of theirs are believed.
    package var forwardedHeaders = ForwardedHeaders.xForwarded
    package static let loopback = ["127.0.0.0/8", "::1/128"].compactMap(AddressRange.init)
    /// `nil`: found by `webDirectory(beside:isDirectory:)`.
    package var webDirectory: String?

    // What it keeps, and where.
    package var dataDirectory = "./hub-data"
    /// `nil`: SQLite in the data directory, see `databaseLocation`.
    package var store: DatabaseLocation?
    /// A file whose first line is the database's password.
    package var storePasswordFile: String?
    /// Connections to PostgreSQL, or readers of SQLite (which always has one writer besides).
    package var storeConnections = 4
    /// How long a start waits for PostgreSQL.
    package var storeWaitMilliseconds: UInt32 = 60_000
    /// 0: there is no limit.
    package var databaseBytesMax = 0
    /// `nil`: `master.key` in the data directory, see `masterKeyPath`.
    package var masterKeyFile: String?
    /// `nil`: yes for SQLite, no for PostgreSQL, see `createsMasterKey`.
    package var createMasterKey: Bool?

    // Threads.
    /// `nil`: one less than the cores, see `frontLoopCount(cores:)`.
    package var frontLoops: Int?
    /// Lanes of their own for the actors; 0: they run on the front loops.
    package var actorLanes = 0
    package var ioUring = SendBatching.auto

    // Limits.
    package var connectionsMax = 20_000
    /// Those of them without a session.
    package var connectionsUnwelcomedMax = 10_000
    /// Accepted per second, and how many may come at once; 0: no limit.
    package var connectionsPerSecond: UInt32 = 5_000
    package var connectionsBurst: UInt32 = 10_000
    /// Open connections of one address (IPv6: one /64), and new ones per second; 0: no limit.
    package var addressConnectionsMax = 2_000
    package var addressConnectionsPerSecond: UInt32 = 100
    package var addressConnectionsBurst: UInt32 = 1_000
    /// For whom the limits of one address do not hold.
    package var unlimitedAddresses = Self.loopback
    /// Sessions of one account; 0: no limit.
    package var accountSessionsMax = 100
    package var accountCommandsPerSecond: UInt32 = 1_000
    package var accountCommandsBurst: UInt32 = 2_000
    /// Bytes of one account's input looked at per second; 0: no limit.
    package var accountInputPerSecond = 4 << 20
    /// Pings and pongs of one connection per second; 0: no limit.
    package var pingsPerSecond: UInt32 = 50
    /// Headers of one request: bytes of all, and how many.
    package var httpHeadersBytesMax = 16 << 10
    package var httpHeadersMax = 100
    /// Incomplete requests and messages of all connections together, bytes.
    package var inboundTotalBytesMax = 256 << 20
    /// What clients are told in the welcome.
    package var limits = Limits()
    /// Largest inbound WebSocket message before authentication, bytes.
    package var helloFrameBytesMax: UInt32 = 65_536
    package var compression = Compression.on
    /// Smallest broadcast that is compressed, bytes.
    package var compressionBytesMin = 512
    /// Largest outbound backlog of one connection, bytes.
    package var outboxBytesMax = 1 << 20
    /// Largest outbound backlog of all connections together, bytes.
    package var outboxTotalBytesMax = 256 << 20
    /// Most commands waiting for one channel.
    package var channelInboxMax = 4_096
    /// Commands of one connection per second, and how many may come at once; 0: no limit.
    package var commandsPerSecond: UInt32 = 200
    package var commandsBurst: UInt32 = 400

    // Times, in milliseconds.
    package var helloTimeoutMilliseconds: UInt32 = 10_000
    package var messageTimeoutMilliseconds: UInt32 = 30_000
    package var stallTimeoutMilliseconds: UInt32 = 30_000
    package var overloadLagMilliseconds: UInt32 = 1_000
    package var heartbeatMilliseconds: UInt32 = 25_000
    package var pongTimeoutMilliseconds: UInt32 = 8_000
    package var httpHeaderTimeoutMilliseconds: UInt32 = 10_000
    package var httpIdleTimeoutMilliseconds: UInt32 = 60_000
    package var passivationIdleMilliseconds: UInt32 = 300_000
    /// 0: never; see `LiveConfiguration`.
    package var resyncMilliseconds: UInt32 = 10_000
    package var drainDelayMilliseconds: UInt32 = 0
    package var drainTimeoutMilliseconds: UInt32 = 10_000
    package var accessTokenLifetimeMilliseconds: Int64 = 15 * 60_000
    package var refreshLifetimeMilliseconds: Int64 = 7 * 86_400_000
    package var refreshCookieLifetimeMilliseconds: Int64 = 24 * 3_600_000
    package var refreshRememberLifetimeMilliseconds: Int64 = 30 * 86_400_000
    package var signInMaxAgeMilliseconds: Int64 = 0
    package var logsAddresses = true

    // Logs.
    package var logLevel = LogLevel.info
    package var logFormat = LogFormat.auto

    package init() {}
}

// Values that follow from others.
extension Configuration {
    /// The store, given or the default: `hub.db` in the data directory.
    package var databaseLocation: DatabaseLocation {
        store ?? .sqlite(path: inDataDirectory("hub.db"))
    }

    package var masterKeyPath: String { masterKeyFile ?? inDataDirectory("master.key") }

    /// Whether a missing master key file is made. Beside an embedded store the key belongs to this
    /// machine anyway; a production database must not silently get a key that only one machine has.
    package var createsMasterKey: Bool {
        if let createMasterKey { return createMasterKey }
        if case .sqlite = databaseLocation { return true }
        return false
    }

    package func frontLoopCount(cores: Int) -> Int { frontLoops ?? max(1, cores - 1) }

    /// The address people open: given, or derived from where the hub listens. An address of all
    /// interfaces becomes the loopback address, which always reaches it from this machine.
    package func publicURL(boundTo address: ListenAddress, isTLS: Bool = false) -> PublicURL {
        if let publicURL { return publicURL }
        let host = switch address.host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "[::1]"
        case let host where host.contains(":"): "[\(host)]"
        default: address.host
        }
        let usual: UInt16 = isTLS ? 443 : 80
        return PublicURL(isSecure: isTLS, host: host, port: address.port == usual ? nil : address.port)
    }

    /// The directory of the web client: given, or the first that exists of `web` beside the binary,
    /// `share/hub/web` of its prefix, and `web` in the working directory; `nil` when there is none.
    package func webDirectory(beside binary: String, isDirectory: (String) -> Bool) -> String? {
        if let webDirectory { return webDirectory }
        let folder = parent(binary)
        let places = [folder + "/web", parent(folder) + "/share/hub/web", "./web"]
        return places.first(where: isDirectory)
    }

    private func inDataDirectory(_ name: String) -> String {
        dataDirectory.hasSuffix("/") ? dataDirectory + name : dataDirectory + "/" + name
    }

    private func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return String(path[..<slash])
    }
}
