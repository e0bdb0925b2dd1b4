// The load of a fan-out, as `fanout` and `compare` take it.

import ArgumentParser
import Harness

struct LoadOptions: ParsableArguments {
    @Option(name: [.short, .long], help: "Connections that post, in turn, 1 to 10000.")
    var publishers = 1

    @Option(name: [.short, .long], help: "Messages per second over all publishers. (default: 20)")
    var rate: Double?

    @Option(help: "Instead of --rate: always so many messages of each publisher under way.")
    var inFlight: Int?

    @Option(help: "Bytes of each message's text, 47 or more.")
    var size = 128

    @Option(help: "Seconds of load before, checked but not measured.")
    var warmup = 2.0

    @Option(help: "Seconds to wait at the end for what is still under way.")
    var drain = 10.0

    mutating func validate() throws {
        if rate != nil, inFlight != nil {
            throw ValidationError("--rate and --in-flight exclude each other")
        }
    }

    func fill(_ configuration: inout FanoutConfiguration) {
        configuration.publishers = publishers
        configuration.load = inFlight.map { .inFlight($0) } ?? .rate(rate ?? 20)
        configuration.payloadBytes = size
        configuration.warmupSeconds = warmup
        configuration.drainSeconds = drain
    }
}
