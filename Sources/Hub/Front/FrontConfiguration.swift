// What the front is told at start: addresses, limits, times, and whom it asks.

package import Live
package import Model
package import Ports
package import Wire

/// Where to listen, numeric.
package struct FrontAddress: Hashable, Sendable {
    package var host: String
    /// 0: any free one.
    package var port: UInt16
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
    package var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Limits and times of the front. What an operator may want to change is a key of the configuration
/// (docs/operations.md).
package struct FrontConfiguration: Sendable {
    package var addresses = [FrontAddress(host: "127.0.0.1", port: 8080)]
    /// Origins whose pages may open a WebSocket, exactly as browsers send them, besides the origin of
    /// the address that a request came to.
    package var allowedOrigins: [String] = []
    /// Whether requests for `/metrics` of this peer address are answered.
    package var allowsMetrics: @Sendable (String) -> Bool = { $0 == "127.0.0.1" || $0 == "::1" }

    /// Connections of all loops together; more are answered with 503, and far more are not answered.
    package var connectionsMax = 20_000
    /// Largest inbound message before the welcome, and after it, in bytes.
    package var helloFrameBytesMax = 64 << 10
    package var frameBytesMax = 1 << 20
    /// What may wait for one reader; above, the connection closes as slow. In bytes.
    package var outboxBytesMax = 1 << 20
    /// What may wait for all readers together; above, every outbox over 64 KiB closes as slow.
    package var outboxTotalBytesMax = 256 << 20
    /// Commands that cannot be decoded, per connection; one more closes it.
    package var faultyCommandsMax = 20

    /// Whether the sends of a tick go out by io_uring where the kernel permits it.
    package var usesRing = true

    package var httpHeaderMilliseconds: UInt64 = 10_000
    package var httpIdleMilliseconds: UInt64 = 60_000
    package var helloMilliseconds: UInt64 = 10_000
    package var heartbeatMilliseconds: UInt64 = 25_000
    package var pongMilliseconds: UInt64 = 8_000
    /// A peer that takes nothing of what waits for it for so long is dropped.
    package var stallMilliseconds: UInt64 = 30_000
    package var closeMilliseconds: UInt64 = 5_000
    package var drainMilliseconds: UInt64 = 10_000
    /// How often times are checked; a deadline may be late by this much.
    package var sweepMilliseconds: UInt32 = 200
    package init() {}
}

/// What the front asks of the others.
package struct FrontServices: Sendable {
    /// A new session for an accepted WebSocket.
    package var session: @Sendable (SessionID, any Lane, any DeliveryLane) -> Session
    /// Answers requests under `/api/`.
    package var api: @Sendable (HTTPRequest) async -> HTTPResponse
    /// Whether `/readyz` says yes.
    package var isReady: @Sendable () -> Bool
    package var clocks: any Clocks
    package var entropy: any Entropy
    package var metrics: Metrics
    package var log: Log
    package init(session: @escaping @Sendable (SessionID, any Lane, any DeliveryLane) -> Session,
                 api: @escaping @Sendable (HTTPRequest) async -> HTTPResponse,
                 isReady: @escaping @Sendable () -> Bool, clocks: any Clocks, entropy: any Entropy,
                 metrics: Metrics, log: Log) {
        self.session = session
        self.api = api
        self.isReady = isReady
        self.clocks = clocks
        self.entropy = entropy
        self.metrics = metrics
        self.log = log
    }
}

/// Why the front cannot start.
package enum FrontError: Error, Sendable, Hashable {
    /// The address is taken, not of this machine, or not permitted; with the system's words.
    case cannotListen(FrontAddress, reason: String)
}
