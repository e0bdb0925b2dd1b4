// Histograms, figures for people, URLs and the checks of options.

import Foundation
import Testing

@testable import Harness

@Suite struct LatencyTests {
    @Test func percentilesAreWithinAThousandth() {
        var latency = Latency()
        for value in 1...100_000 { latency.record(UInt64(value) * 1_000) }
        for (rank, exact) in [(50, 50_000), (90, 90_000), (99, 99_000), (99.9, 99_900),
                              (99.99, 99_990), (100, 100_000)] as [(Double, Double)] {
            let value = Double(latency.value(at: rank)) / 1_000
            #expect(abs(value - exact) <= exact / 1_000, "p\(rank)")
        }
        #expect(latency.maximum == 100_000_000)
        #expect(latency.minimum == 1_000)
        #expect(latency.mean == 50_000_500)
        #expect(latency.count == 100_000)
    }

    @Test func nothingIsAboveTheMaximum() {
        var latency = Latency()
        latency.record(1_000_003)
        #expect(latency.value(at: 100) == 1_000_003)
        #expect(latency.summary?.max == 1_000_003)
        latency.reset()
        #expect(latency.isEmpty)
        #expect(latency.summary == nil)
        #expect(latency.value(at: 99) == 0)
    }

    @Test func hoursAreNotLost() {
        var latency = Latency()
        latency.record(.max)
        #expect(latency.count == 1)
        #expect(latency.maximum == .max)
    }
}

@Suite struct FigureTests {
    @Test(arguments: [
        (0.0, "0"), (0.005, "0.005"), (1, "1"), (1.5, "1.5"), (9.999, "10"), (12.34, "12.3"),
        (99.96, "100"), (123.4, "123"), (-0.5, "-0.5"),
    ])
    func showsThreeDigits(_ value: Double, _ text: String) {
        #expect(Figure.decimal(value) == text)
    }

    @Test(arguments: [(999.0, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")])
    func groupsThousands(_ value: Double, _ text: String) {
        #expect(Figure.count(value) == text)
    }

    @Test(arguments: [
        (UInt64(999), "999 ns"), (1_500, "1.5 µs"), (2_340_000, "2.34 ms"),
        (1_500_000_000, "1500 ms"), (12_000_000_000, "12 s"),
    ])
    func choosesAUnit(_ nanoseconds: UInt64, _ text: String) {
        #expect(Figure.time(nanoseconds) == text)
    }
}

@Suite struct EndpointTests {
    @Test(arguments: [
        ("ws://127.0.0.1:8080", "127.0.0.1", UInt16(8080), "/", false),
        ("wss://hub.example.org/ws?x=1", "hub.example.org", 443, "/ws?x=1", true),
        ("HTTP://Hub.example.org", "Hub.example.org", 80, "/", false),
        ("ws://[::1]:9/a", "::1", 9, "/a", false),
        ("https://h/#setup=abc", "h", 443, "/", true),
    ])
    func reads(_ text: String, _ host: String, _ port: UInt16, _ path: String,
               _ isSecure: Bool) throws {
        let endpoint = try Endpoint(text)
        #expect(endpoint.host == host)
        #expect(endpoint.port == port)
        #expect(endpoint.path == path)
        #expect(endpoint.isSecure == isSecure)
    }

    @Test(arguments: ["", "localhost:80", "ftp://x", "ws://", "ws://:80", "ws://h:0",
                      "ws://h:99999", "ws://h:x", "ws://user@h"])
    func refuses(_ text: String) {
        #expect(throws: BenchError.self) { try Endpoint(text) }
    }

    @Test func keepsTheFragment() throws {
        #expect(try Endpoint("http://h:1/#setup=abc").fragment == "setup=abc")
    }
}

@Suite struct ConfigurationTests {
    private func complaint(_ change: (inout FanoutConfiguration) -> Void) -> String? {
        var configuration = FanoutConfiguration(url: "ws://127.0.0.1:1")
        change(&configuration)
        do { try configuration.validate() } catch { return "\(error)" }
        return nil
    }

    @Test func takesTheDefaultsAndTheEdges() {
        #expect(complaint { _ in } == nil)
        #expect(complaint { $0.subscribers = 60_000 } == nil)
        #expect(complaint { $0.payloadBytes = Payload.bytesMin } == nil)
        #expect(complaint { $0.load = .inFlight(4_096) } == nil)
    }

    @Test func namesTheOptionThatIsWrong() {
        let cases: [(option: String, change: (inout FanoutConfiguration) -> Void)] = [
            ("--subscribers", { $0.subscribers = -1 }),
            ("--subscribers", { $0.subscribers = 60_001 }),
            ("--publishers", { $0.publishers = 0 }), ("--size", { $0.payloadBytes = 46 }),
            ("--duration", { $0.durationSeconds = 0.5 }), ("--warmup", { $0.warmupSeconds = -1 }),
            ("--drain", { $0.drainSeconds = 601 }), ("--rate", { $0.load = .rate(0) }),
            ("--rate", { $0.load = .rate(.infinity) }), ("--in-flight", { $0.load = .inFlight(0) }),
            ("--channel", { $0.channel = "" }), ("--connecting", { $0.connecting = 0 }),
            ("not one message", { $0.load = .rate(0.001) }),
            ("at most 20000000", { $0.load = .rate(1e6); $0.durationSeconds = 60 }),
            ("no scheme", { $0.url = "gopher://x" }),
            ("--server-pid", { $0.url = "ws://example.org"; $0.serverProcess = 1 }),
        ]
        for (option, change) in cases {
            #expect(complaint(change)?.contains(option) == true, "\(option)")
        }
    }

    @Test func measuresItself() throws {
        let meter = try ProcessMeter(process: getpid())
        let sample = try #require(meter.sample())
        #expect(sample.residentBytes > 1 << 20)
        #expect(throws: BenchError.self) { try ProcessMeter(process: 4_194_305) }
        #expect(ProcessMeter.kernelSocketBytes() != nil)
    }
}

@Suite struct StolenTimeTests {
    private func statistics(_ stolen: Int, idle: Int) -> String {
        "cpu  100 0 50 \(idle) 7 0 3 \(stolen) 40 0\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 5\n"
    }

    @Test func itsShareIsOfAllProcessorsAndOfTheTimeBetween() throws {
        let before = try #require(StolenTime(statistics: statistics(1_000, idle: 5_000)))
        let after = try #require(StolenTime(statistics: statistics(1_030, idle: 5_270)))
        #expect(after.share(since: before) == 0.1)
        #expect(before.share(since: before) == 0)
        // Counters of a machine that was moved may go back.
        #expect(before.share(since: after) == 0)
    }

    @Test(arguments: ["", "cpu0 1 2 3 4 5 6 7 8\n", "cpu  1 2 3 4 5 6 7\n", "cpu  1 2 3 4 5 6 7 x\n"])
    func whatDoesNotSayItIsNothing(_ text: String) { #expect(StolenTime(statistics: text) == nil) }

    @Test func thisMachineSaysIt() { #expect(StolenTime.now() != nil) }
}
