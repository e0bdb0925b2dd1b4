// What the front is told, at start and when it is changed: addresses, limits, times, and whom it asks.

package import Crypto
package import Live
package import Model
package import Ports
package import Wire

/// Where to listen, numeric.
package struct FrontAddress: Hashable, Sendable {
    package var host: String
    /// 0: any free one.
    package var port: UInt16
    package var isTLS: Bool
    package init(host: String, port: UInt16, isTLS: Bool = false) {
        self.host = host
        self.port = port
        self.isTLS = isTLS
    }
    package var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Limits and times of the front. What an operator may want to change is a key of the configuration
/// (docs/operations.md).
package struct FrontConfiguration: Sendable {
    package var addresses = [FrontAddress(host: "127.0.0.1", port: 8080)]
    /// For the addresses with TLS; new connections get what the latest configuration has.
    package var tls: TLSContext?
    /// What browsers are told over TLS about coming without it (RFC 6797); `nil`: nothing.
    package var strictTransport: String?
    /// Listen even if another front of the same user listens there.
    package var sharesAddresses = false
    /// Whose pages may open a WebSocket or a stream.
    package var origins = OriginRule()
    /// Whose requests for `/metrics` are answered.
    package var metricsAllow = ["127.0.0.0/8", "::1/128"].compactMap(AddressRange.init)
    /// Which proxies are believed, and which of their headers.
    package var forwarded = ForwardedRule()
    /// Connections of trusted proxies begin with a PROXY header.
    package var proxyProtocol = false
    /// For whom the limits of one address do not hold.
    package var unlimitedAddresses = ["127.0.0.0/8", "::1/128"].compactMap(AddressRange.init)

    /// Connections of all loops together; more are answered with 503, and far more are not answered.
    package var connectionsMax = 20_000
    /// Those of them that have no session.
    package var unwelcomedMax = 20_000
    package var accepts = AcceptLimits()
    package var http = HTTPLimits()
    /// Largest inbound message before the welcome, and after it, in bytes.
    package var helloFrameBytesMax = 64 << 10
    package var frameBytesMax = 1 << 20
    /// Frames of one inbound message.
    package var fragmentsMax = 1024
    /// Whether permessage-deflate is agreed to, and from how many bytes a message is worth compressing.
    package var isDeflating = true
    package var deflateBytesMin = 512
    /// What may wait for one reader; above, the connection closes as slow. In bytes.
    package var outboxBytesMax = 1 << 20
    /// What may wait for all readers together; above, every outbox over 64 KiB closes as slow.
    package var outboxTotalBytesMax = 256 << 20
    /// What may have come of messages and requests that are not complete, of all connections; above, those
    /// over 16 KiB are refused. In bytes.
    package var inboundTotalBytesMax = 256 << 20
    /// How much of what clients send is looked at in which time.
    package var input = InputLimits()
    /// Pings and pongs of one connection; 0: no limit.
    package var pingsPerSecond: UInt32 = 50
    /// Commands that cannot be decoded, per connection; one more closes it.
    package var faultyCommandsMax = 20

    /// Whether the sends of a tick go out by io_uring where the kernel permits it.
    package var usesRing = true

    package var httpHeaderMilliseconds: UInt64 = 10_000
    package var httpIdleMilliseconds: UInt64 = 60_000
    package var helloMilliseconds: UInt64 = 10_000
    /// From the first byte of a WebSocket message to its last.
    package var messageMilliseconds: UInt64 = 30_000
    package var heartbeatMilliseconds: UInt64 = 25_000
    package var pongMilliseconds: UInt64 = 8_000
    /// A peer that takes nothing of what waits for it for so long is dropped.
    package var stallMilliseconds: UInt64 = 30_000
    /// Whoever has no session and has done nothing for so long may have to go for who comes to a hub that is full.
    /// In a rush of clients that come back, those that are about to sign in are not thrown out for others.
    package var evictionMilliseconds: UInt64 = 250
    package var closeMilliseconds: UInt64 = 5_000
    /// Between the first `no` of `/readyz` and the drain.
    package var drainDelayMilliseconds: UInt64 = 0
    package var drainMilliseconds: UInt64 = 10_000
    /// How long a drain waits for the answers to one connection's commands.
    package var answerMilliseconds: UInt64 = 2_000
    /// How often times are checked; a deadline may be late by this much.
    package var sweepMilliseconds: UInt32 = 200
    /// How late a loop may be before it refuses work, see `LoadRule`.
    package var overloadLagMilliseconds: UInt64 = 1_000
    package init() {}

    /// Whether the value of a Host header names this hub for certain: an address, localhost, or the host of an
    /// allowed origin, which the public URL is one of. Whoever has a name of their own lead here can make a
    /// browser send that name.
    package func isOwnHost(_ host: String) -> Bool {
        let name = Self.name(host)
        return name == "localhost" || NetworkAddress(name.text.filter { $0 != "[" && $0 != "]" }) != nil
            || origins.allowed.contains { origin in
                origin.split(separator: "/").last.map(Self.name) == name
            }
    }

    /// Without the port, in lower case.
    private static func name(_ authority: some StringProtocol) -> ExactText {
        let text = authority.asciiLowercased()
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") { return ExactText(text[...end]) }
        return ExactText(text.prefix { $0 != ":" })
    }
}

/// What the front asks of the others.
package struct FrontServices: Sendable {
    /// A new session for an accepted WebSocket. Without (conformance tests only), there is no protocol:
    /// each message goes back to its sender.
    package var session: (@Sendable (SessionID, any Lane, any DeliveryLane) -> Session)?
    /// Answers requests under `/api/`.
    package var api: @Sendable (HTTPRequest) async -> HTTPResponse
    /// Why `/readyz` says no, in words for operators; `nil`: it says yes.
    package var problem: @Sendable () -> String?
    package var clocks: any Clocks
    package var entropy: any Entropy
    package var metrics: Metrics
    package var log: Log
    package var security: SecurityLog?
    package init(session: (@Sendable (SessionID, any Lane, any DeliveryLane) -> Session)?,
                 api: @escaping @Sendable (HTTPRequest) async -> HTTPResponse,
                 problem: @escaping @Sendable () -> String?, clocks: any Clocks, entropy: any Entropy,
                 metrics: Metrics, log: Log, security: SecurityLog? = nil) {
        self.session = session
        self.api = api
        self.problem = problem
        self.clocks = clocks
        self.entropy = entropy
        self.metrics = metrics
        self.log = log
        self.security = security
    }
}

/// Why the front cannot start.
package enum FrontError: Error, Sendable, Hashable {
    /// The address is taken, not of this machine, or not permitted; with the system's words.
    case cannotListen(FrontAddress, reason: String)
}
