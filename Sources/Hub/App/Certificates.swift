// The certificates of the addresses with TLS: read at start, where a mistake ends it, and at each reload, where
// a mistake leaves what was there.

import Crypto
import Model
import Ports

final class Certificates: Sendable {
    private let tickets: TLSTickets
    private let clocks: any Clocks
    private let expiresAt: Gauge
    private let latest = Lock<TLSContext?>(nil)

    init(_ metrics: Metrics, clocks: any Clocks) {
        self.clocks = clocks
        // One for good: clients resume across reloads.
        tickets = TLSTickets(nowMilliseconds: clocks.monotonic().value / 1_000_000)
        expiresAt = metrics.gauge("hub_tls_certificate_expires_seconds",
                                  help: "When the first certificate expires, in seconds since 1970; 0: none.")
    }

    /// `nil` when no address has TLS.
    func read(_ configuration: Configuration) throws(Refusal) -> TLSContext? {
        guard !configuration.listenTLS.isEmpty else { return nil }
        guard !configuration.tlsCertificates.isEmpty else {
            throw Refusal(.configuration, "tls_certificates is empty", remedy: "stop the hub to end TLS")
        }
        do throws(TLSProblem) {
            let context = try TLSContext(
                configuration.tlsCertificates.map { TLSFiles(chain: $0.chain, key: $0.key) },
                tickets: tickets, nowSeconds: clocks.now().value / 1_000)
            latest.withLock { $0 = context }
            expiresAt.set(context.expiresAt)
            return context
        } catch {
            throw Refusal(.configuration, "tls_certificates: \(error.text)", remedy: error.remedy)
        }
    }

    /// For a reload: what is there now, or with a mistake in it what was there before.
    func readAgain(_ configuration: Configuration, _ log: Log) -> TLSContext? {
        do throws(Refusal) {
            return try read(configuration)
        } catch {
            log.error("certificates not reloaded, the old ones stay", .word("problem", error.problem),
                      .word("remedy", error.remedy))
            return latest.withLock { $0 }
        }
    }
}
