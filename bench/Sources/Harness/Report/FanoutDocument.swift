// The JSON document of a fan-out run: configuration, environment and every figure. What the other
// reports show is in here too. Field names are stable; new ones may be added.

internal import Foundation

package struct FanoutDocument: Codable {
    package static let formatVersion = 1

    package struct Totals: Codable {
        var messages: Int
        var acknowledged: Int
        var deliveries: UInt64
        var foreign: UInt64
        var reach: Double
    }

    package struct Rates: Codable {
        var messages: Double
        var deliveries: Double
        var connects: Double
        var spread: Double?

        enum CodingKeys: String, CodingKey {
            case messages = "messages_per_s"
            case deliveries = "deliveries_per_s"
            case connects = "connects_per_s"
            case spread = "p99_spread_of_subscribers"
        }
    }

    package struct Server: Codable {
        var processorSeconds: Double?
        var processorShare: Double?
        var processorPerMillion: Double?
        var residentBefore: UInt64?
        var residentConnected: UInt64?
        var residentMaximum: UInt64?
        var residentPerConnection: Double?
        var kernelBefore: UInt64?
        var kernelConnected: UInt64?

        enum CodingKeys: String, CodingKey {
            case processorSeconds = "cpu_s"
            case processorShare = "cpu_share_of_a_core"
            case processorPerMillion = "cpu_s_per_million_deliveries"
            case residentBefore = "rss_before_connects_bytes"
            case residentConnected = "rss_connected_bytes"
            case residentMaximum = "rss_max_bytes"
            case residentPerConnection = "rss_per_connection_bytes"
            case kernelBefore = "kernel_tcp_before_connects_bytes"
            case kernelConnected = "kernel_tcp_connected_bytes"
        }
    }

    package struct Generator: Codable {
        var processorShare: Double
        var isSaturated: Bool

        enum CodingKeys: String, CodingKey {
            case processorShare = "cpu_share_of_a_core"
            case isSaturated = "saturated"
        }
    }

    package struct Verdict: Codable {
        var isCorrect: Bool
        var violations: [String]
        var warnings: [String]

        enum CodingKeys: String, CodingKey {
            case violations, warnings
            case isCorrect = "correct"
        }
    }

    package var format = FanoutDocument.formatVersion
    package var scenario = "fanout"
    /// ISO 8601, UTC.
    package var finishedAt: String
    package var environment: Environment
    package var configuration: FanoutConfiguration
    package var verdict: Verdict
    package var faults: FanoutChecker.Faults
    package var totals: Totals
    package var rates: Rates
    package var latency: [String: LatencySummary]
    package var server: Server
    package var generator: Generator
    package var seconds: [FanoutRecorder.Second]

    enum CodingKeys: String, CodingKey {
        case format, scenario, environment, configuration, verdict, faults, totals, rates, latency
        case server, generator, seconds
        case finishedAt = "finished_at"
    }

    package init(_ outcome: FanoutOutcome, environment: Environment, violations: [String],
                 finishedAt: String = FanoutDocument.now()) {
        let recorder = outcome.recorder
        self.finishedAt = finishedAt
        self.environment = environment
        configuration = outcome.configuration
        verdict = Verdict(isCorrect: outcome.isCorrect, violations: violations,
                          warnings: outcome.warnings)
        faults = outcome.faults
        totals = Totals(messages: outcome.messages, acknowledged: outcome.acknowledged,
                        deliveries: outcome.deliveries, foreign: outcome.foreign,
                        reach: outcome.reach)
        rates = Rates(messages: outcome.messagesPerSecond, deliveries: outcome.deliveriesPerSecond,
                      connects: recorder.connectsPerSecond, spread: outcome.spread)
        latency = [:]
        for (stage, values) in recorder.stages { latency[stage.rawValue] = values.summary }
        server = Server(
            processorSeconds: recorder.serverProcessor.map { Double($0) / 1e9 },
            processorShare: outcome.serverShare, processorPerMillion: outcome.processorPerMillion,
            residentBefore: recorder.idleBefore, residentConnected: recorder.residentConnected,
            residentMaximum: recorder.residentMaximum,
            residentPerConnection: outcome.residentPerConnection,
            kernelBefore: recorder.kernelBefore, kernelConnected: recorder.kernelConnected)
        generator = Generator(
            processorShare: outcome.generatorShare,
            isSaturated: outcome.generatorShare > FanoutOutcome.generatorShareMax)
        seconds = recorder.seconds
    }

    package static func now() -> String {
        let formatter = ISO8601DateFormatter()
        return formatter.string(from: Date())
    }

    package func json() throws -> [UInt8] { try JSONText.encode(self) }
}

enum JSONText {
    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try [UInt8](encoder.encode(value)) + [10]
    }
}
