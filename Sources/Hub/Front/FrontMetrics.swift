// What the front counts, and how all metrics are written for Prometheus (text format 0.0.4).

import Crypto
import Model
import Ports
import Synchronization

/// Shared by all loops of a front.
final class FrontMetrics: Sendable {
    let accepted: Counter
    /// Why a connection, an upgrade or a request was refused before anybody looked at what it wants.
    enum Refusal: String, CaseIterable, Sendable {
        case full, unwelcomed, overloaded
        case addressOpen = "address_open"
        case addressRate = "address_rate"
        case proxyHeader = "proxy_header"
        case forwarded, origin, handshake
    }
    private let refusals: [Refusal: Counter]
    let acceptFailures: Counter
    let acceptsDelayed: Counter
    let evicted: Counter
    let unwelcomed: Gauge
    let inboundBytes: Gauge
    /// Loops at each `LoadLevel`.
    let loadLevels: [Gauge]
    let connections: Gauge
    let webSockets: Gauge
    let handshakes: Counter
    let eventStreams: Gauge
    let eventStreamsOpened: Counter
    let bytesIn: Counter
    let bytesOut: Counter
    let messagesIn: Counter
    let inputPauses: Counter
    let deliveries: Counter
    let ephemeralDropped: Counter
    let batches: Counter
    let waits: Counter
    let faultyCommands: Counter
    let deflated: Counter
    let deflateSavedBytes: Counter
    let inflated: Counter
    let outboxBytes: Gauge
    private let tlsHandshakes: [TLSConnection.Handshake: Counter]
    private let tlsFailures: [ExactText: Counter]
    private let closes: [CloseCode: Counter]
    private let requests: [Counter]

    init(_ metrics: Metrics) {
        accepted = metrics.counter("hub_connections_accepted_total", help: "Connections accepted.")
        refusals = Dictionary(uniqueKeysWithValues: Refusal.allCases.map { reason in
            (reason, metrics.counter("hub_connections_refused_total", labels: "reason=\"\(reason.rawValue)\"",
                                     help: "Connections, upgrades and requests refused."))
        })
        acceptsDelayed = metrics.counter("hub_accepts_delayed_total",
                                         help: "Times that accepting paused at its rate.")
        evicted = metrics.counter("hub_connections_evicted_total",
                                  help: "Idle connections without a session that made room for others.")
        unwelcomed = metrics.gauge("hub_connections_unwelcomed", help: "Connections without a session.")
        inboundBytes = metrics.gauge("hub_inbound_bytes", help: "Bytes of messages that have come in part.")
        loadLevels = ["normal", "shedding", "refusing", "full"].map { level in
            metrics.gauge("hub_load_loops", labels: "level=\"\(level)\"", help: "Loops by level of load.")
        }
        acceptFailures = metrics.counter("hub_accept_failures_total",
                                         help: "Connections the system could not hand over.")
        connections = metrics.gauge("hub_connections", help: "Open connections.")
        webSockets = metrics.gauge("hub_websockets", help: "Open WebSocket connections.")
        handshakes = metrics.counter("hub_websocket_handshakes_total",
                                     help: "WebSocket connections accepted.")
        eventStreams = metrics.gauge("hub_event_streams", help: "Open streams of clients without WebSocket.")
        eventStreamsOpened = metrics.counter("hub_event_streams_opened_total", help: "Streams opened.")
        bytesIn = metrics.counter("hub_received_bytes_total", help: "Bytes read from clients.")
        bytesOut = metrics.counter("hub_sent_bytes_total", help: "Bytes written to clients, before encryption.")
        inputPauses = metrics.counter("hub_input_pauses_total",
                                      help: "Times that a connection had had its share and was not read for a while.")
        messagesIn = metrics.counter("hub_messages_received_total", help: "Messages read.")
        deliveries = metrics.counter("hub_deliveries_total",
                                     help: "Frames put into the outboxes of clients.")
        ephemeralDropped = metrics.counter("hub_ephemeral_dropped_total",
                                           help: "Ephemeral pushes not sent to slow readers.")
        batches = metrics.counter("hub_send_batches_total",
                                  help: "Sends to many connections with one system call.")
        waits = metrics.counter("hub_fan_out_waits_total",
                                help: "Times that fan-outs waited for others to share a send with.")
        faultyCommands = metrics.counter("hub_commands_faulty_total",
                                         help: "Commands that could not be decoded.")
        deflated = metrics.counter("hub_deflated_messages_total",
                                   help: "Messages compressed, a broadcast once for all who get it.")
        deflateSavedBytes = metrics.counter("hub_deflate_saved_bytes_total",
                                            help: "Bytes that compressed messages are smaller by, each counted once.")
        inflated = metrics.counter("hub_inflated_messages_total", help: "Compressed messages read.")
        outboxBytes = metrics.gauge("hub_outbox_bytes", help: "Bytes waiting for slow readers.")
        tlsHandshakes = Dictionary(uniqueKeysWithValues: TLSConnection.Handshake.all.map { kind in
            let labels = "version=\"\(kind.isVersion13 ? "1.3" : "1.2")\",resumed=\"\(kind.isResumed ? "yes" : "no")\""
            return (kind, metrics.counter("hub_tls_handshakes_total", labels: labels,
                                          help: "TLS handshakes completed."))
        })
        tlsFailures = Dictionary(uniqueKeysWithValues: (TLSFault.allCases.map(\.rawValue) + ["timeout", "gone"])
            .map { reason in
                (ExactText(reason), metrics.counter("hub_tls_failures_total", labels: "reason=\"\(reason)\"",
                                         help: "TLS connections that failed; gone: left during the handshake."))
            })
        closes = Dictionary(uniqueKeysWithValues: CloseCode.allCases.map { code in
            (code, metrics.counter("hub_closes_total", labels: "code=\"\(code.slug)\"",
                                   help: "WebSocket connections and streams closed by the hub."))
        })
        requests = (1...5).map { status in
            metrics.counter("hub_http_requests_total", labels: "status=\"\(status)xx\"",
                            help: "HTTP requests answered.")
        }
    }

    func shookHands(_ handshake: TLSConnection.Handshake) { tlsHandshakes[handshake]?.add() }
    func tlsFailed(_ reason: String) { tlsFailures[ExactText(reason)]?.add() }
    func refused(_ reason: Refusal) { refusals[reason]?.add() }
    func closed(_ code: CloseCode) { closes[code]?.add() }
    func answered(_ status: Int) { requests[min(max(status / 100, 1), 5) - 1].add() }
}

enum PrometheusText {
    /// All metrics; those of one name stand together, as the format wants it.
    static func render(_ entries: [Metrics.Entry]) -> [UInt8] {
        var order: [ExactText] = []
        var blocks: [ExactText: String] = [:]
        func add(_ title: String, _ type: String, _ help: String, _ lines: String) {
            let name = ExactText(title)
            if blocks[name] == nil {
                order.append(name)
                blocks[name] = "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            }
            blocks[name]! += lines
        }
        for entry in entries {
            switch entry {
            case .counter(let counter):
                add(counter.name, "counter", counter.help,
                    "\(counter.name)\(braces(counter.labels)) \(counter.current)\n")
            case .gauge(let gauge):
                add(gauge.name, "gauge", gauge.help, "\(gauge.name)\(braces(gauge.labels)) \(gauge.current)\n")
            case .histogram(let histogram):
                add(histogram.name, "histogram", histogram.help, lines(histogram))
            }
        }
        return Array(order.map { blocks[$0]! }.joined().utf8)
    }

    private static func lines(_ histogram: DurationHistogram) -> String {
        let (counts, sum) = histogram.current
        let labels = histogram.labels.isEmpty ? "" : histogram.labels + ","
        var total: UInt64 = 0
        var text = ""
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index == counts.count - 1
                ? "+Inf" : seconds(DurationHistogram.upperMicroseconds(index) * 1_000)
            text += "\(histogram.name)_bucket{\(labels)le=\"\(bound)\"} \(total)\n"
        }
        text += "\(histogram.name)_sum\(braces(histogram.labels)) \(seconds(sum))\n"
        text += "\(histogram.name)_count\(braces(histogram.labels)) \(total)\n"
        return text
    }

    private static func braces(_ labels: String) -> String { labels.isEmpty ? "" : "{\(labels)}" }
    private static func seconds(_ nanoseconds: UInt64) -> String { "\(Double(nanoseconds) / 1e9)" }
}
