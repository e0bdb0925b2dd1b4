// What a run measured, second by second and over all: latencies of each stage, rates, processor
// time and memory. Fed by FanoutRun, read by the reports.

package struct FanoutRecorder {
    /// One line of the time series.
    package struct Second: Codable, Sendable {
        /// Seconds since the first message was due, at the end of this interval.
        package var time: Double
        package var isWarmup: Bool
        package var sent: Double
        package var acknowledged: Double
        package var deliveries: Double
        package var p50: UInt64
        package var p99: UInt64
        package var max: UInt64
        package var ackP50: UInt64
        package var ackP99: UInt64
        package var lagMax: UInt64
        package var underWay: Int
        /// Share of a core.
        package var generatorProcessor: Double
        package var serverProcessor: Double?
        package var serverResident: UInt64?
        /// Share of the processors' time that the machine's host withheld.
        package var steal: Double?
        /// Since the measurement began; for the progress line.
        package var p50SoFar: UInt64
        package var p99SoFar: UInt64

        enum CodingKeys: String, CodingKey {
            case time = "time_s"
            case isWarmup = "warmup"
            case sent = "sent_per_s"
            case acknowledged = "acknowledged_per_s"
            case deliveries = "deliveries_per_s"
            case p50 = "p50_ns"
            case p99 = "p99_ns"
            case max = "max_ns"
            case ackP50 = "ack_p50_ns"
            case ackP99 = "ack_p99_ns"
            case lagMax = "lag_max_ns"
            case underWay = "under_way"
            case generatorProcessor = "generator_cpu"
            case serverProcessor = "server_cpu"
            case serverResident = "server_rss_bytes"
            case steal
            case p50SoFar = "p50_so_far_ns"
            case p99SoFar = "p99_so_far_ns"
        }
    }

    private struct Mark {
        var time: UInt64 = 0
        var sent = 0
        var acknowledged = 0
        var deliveries: UInt64 = 0
        var generator: UInt64 = 0
        var server: UInt64?
        var stolen: StolenTime?

        init() {}

        init(_ time: UInt64, _ server: ProcessSample?, _ checker: FanoutChecker) {
            self.time = time
            sent = checker.messages.count
            acknowledged = checker.acknowledged
            deliveries = checker.deliveries
            generator = MonotonicClock.threadProcessorTime()
            self.server = server?.processorNanoseconds
            stolen = StolenTime.now()
        }

        func steal(since start: Mark) -> Double? {
            guard let first = start.stolen, let last = stolen else { return nil }
            return last.share(since: first)
        }
    }

    package private(set) var stages: [Stage: Latency] = [:]
    package private(set) var seconds: [Second] = []
    package private(set) var notes: [String] = []
    package private(set) var connectsPerSecond = 0.0
    package private(set) var connections = 0
    package var idleBefore: UInt64?
    package private(set) var residentConnected: UInt64?
    package private(set) var residentMaximum: UInt64?
    package private(set) var kernelBefore: UInt64?
    package private(set) var kernelConnected: UInt64?
    package private(set) var measuredSent = 0
    package private(set) var measuredAcknowledged = 0
    package private(set) var measuredDeliveries: UInt64 = 0
    package private(set) var measuredNanoseconds: UInt64 = 0
    package private(set) var generatorProcessor: UInt64 = 0
    package private(set) var serverProcessor: UInt64?
    /// Share of the processors' time that the machine's host withheld.
    package private(set) var steal: Double?

    private var delivery = Latency()
    private var ack = Latency()
    private var lag = Latency()
    private var secondDelivery = Latency()
    private var secondAck = Latency()
    private var secondLag: UInt64 = 0
    private var secondStart = Mark()
    private var measureStart = Mark()
    private var loadStart: UInt64 = 0
    private var warmupSeconds = 0.0

    /// Of each subscriber by itself.
    package private(set) var spread: SpreadRecorder

    init(subscribers: Int) { spread = SpreadRecorder(subscribers: subscribers) }

    mutating func note(_ text: String) {
        if notes.count < 20 { notes.append(text) }
    }

    mutating func connected(_ count: Int, nanoseconds: UInt64, resident: UInt64?,
                            kernelBefore: UInt64?, kernelAfter: UInt64?) {
        connections = count
        connectsPerSecond = Double(count) / (Double(max(nanoseconds, 1)) / 1e9)
        residentConnected = resident
        self.kernelBefore = kernelBefore
        kernelConnected = kernelAfter
    }

    mutating func begin(at time: UInt64, server: ProcessSample?, warmup: Double) {
        loadStart = time
        warmupSeconds = warmup
        secondStart.time = time
        secondStart.generator = MonotonicClock.threadProcessorTime()
        secondStart.server = server?.processorNanoseconds
        secondStart.stolen = StolenTime.now()
    }

    mutating func measureBegins(at time: UInt64, server: ProcessSample?, _ checker: FanoutChecker) {
        measureStart = Mark(time, server, checker)
    }

    mutating func measureEnds(at time: UInt64, server: ProcessSample?, _ checker: FanoutChecker) {
        let end = Mark(time, server, checker)
        measuredNanoseconds = end.time - measureStart.time
        measuredSent = end.sent - measureStart.sent
        measuredAcknowledged = end.acknowledged - measureStart.acknowledged
        measuredDeliveries = end.deliveries - measureStart.deliveries
        generatorProcessor = end.generator - measureStart.generator
        if let first = measureStart.server, let last = end.server { serverProcessor = last - first }
        steal = end.steal(since: measureStart)
    }

    @inline(__always)
    mutating func delivered(_ nanoseconds: UInt64, to subscriber: Int, isMeasured: Bool) {
        secondDelivery.record(nanoseconds)
        guard isMeasured else { return }
        delivery.record(nanoseconds)
        spread.record(subscriber, nanoseconds)
    }

    mutating func acknowledged(_ nanoseconds: UInt64, isMeasured: Bool) {
        secondAck.record(nanoseconds)
        if isMeasured { ack.record(nanoseconds) }
    }

    mutating func sent(lag nanoseconds: UInt64, isMeasured: Bool) {
        secondLag = max(secondLag, nanoseconds)
        if isMeasured { lag.record(nanoseconds) }
    }

    mutating func closeSecond(at time: UInt64, server: ProcessSample?, _ checker: FanoutChecker,
                              underWay: Int) -> Second {
        let mark = Mark(time, server, checker)
        let length = Double(max(time - secondStart.time, 1)) / 1e9
        let elapsed = Double(time - loadStart) / 1e9
        var second = Second(
            time: elapsed, isWarmup: elapsed < warmupSeconds + 0.5,
            sent: Double(mark.sent - secondStart.sent) / length,
            acknowledged: Double(mark.acknowledged - secondStart.acknowledged) / length,
            deliveries: Double(mark.deliveries - secondStart.deliveries) / length,
            p50: secondDelivery.value(at: 50), p99: secondDelivery.value(at: 99),
            max: secondDelivery.maximum, ackP50: secondAck.value(at: 50),
            ackP99: secondAck.value(at: 99), lagMax: secondLag, underWay: underWay,
            generatorProcessor: Double(mark.generator - secondStart.generator) / length / 1e9,
            serverProcessor: nil, serverResident: server?.residentBytes,
            steal: mark.steal(since: secondStart), p50SoFar: delivery.value(at: 50), p99SoFar: delivery.value(at: 99))
        if let first = secondStart.server, let last = mark.server {
            second.serverProcessor = Double(last - first) / length / 1e9
        }
        if let resident = server?.residentBytes {
            residentMaximum = max(residentMaximum ?? 0, resident)
        }
        seconds.append(second)
        secondStart = mark
        secondDelivery.reset()
        secondAck.reset()
        secondLag = 0
        return second
    }

    mutating func closeLast(at time: UInt64, server: ProcessSample?, _ checker: FanoutChecker) {
        if let resident = server?.residentBytes {
            residentMaximum = max(residentMaximum ?? 0, resident)
        }
    }

    mutating func finish(_ checker: FanoutChecker, measuredFrom start: UInt64, to end: UInt64) {
        var first = Latency(), last = Latency()
        for message in checker.messages where message.dueNanoseconds >= start {
            if message.received > 0 { first.record(message.firstAt &- message.dueNanoseconds) }
            if message.received == UInt32(checker.subscribers) {
                last.record(message.lastAt &- message.dueNanoseconds)
            }
        }
        stages = [.delivery: delivery, .ack: ack, .first: first, .last: last, .lag: lag]
    }
}
