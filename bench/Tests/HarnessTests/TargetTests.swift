// What peers send, as bytes, through each target into the checker of a run: what is planted must be found,
// and nothing else. Codecs are held against examples written by hand from the specifications.

import Testing

@testable import Harness

private func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite struct MQTTCodecTests {
    @Test func writesWhatTheSpecificationSays() {
        #expect(MQTTCodec.connect(client: "ab")
            == [0x10, 14, 0, 4] + ascii("MQTT") + [4, 2, 0, 0, 0, 2] + ascii("ab"))
        #expect(MQTTCodec.subscribe("t") == [0x82, 6, 0, 1, 0, 1] + ascii("t") + [0])
        var out: [UInt8] = []
        MQTTCodec.publish("t", Array(repeating: 7, count: 200), to: &out)
        // 203 bytes: 75 and a continuation bit, then 1.
        #expect(Array(out.prefix(6)) == [0x30, 0xCB, 0x01, 0, 1] + ascii("t"))
        #expect(out.count == 206)
    }

    @Test func readsWholePacketsOnly() throws {
        let bytes: [UInt8] = [0x20, 2, 0, 0, 0x90, 3, 0, 1, 0] + [0x30, 5, 0, 1] + ascii("txy")
            + [0x30, 9, 0]
        var packets: [MQTTPacket] = []
        let used = try bytes.withUnsafeBytes { try MQTTCodec.parse($0) { packets.append($0) } }
        #expect(packets == [.connectionAcknowledged(code: 0), .subscriptionAcknowledged(code: 0),
                            .publish(payload: 14..<16)])
        #expect(used == 16)
    }

    @Test(arguments: [[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1], [0x30, 2, 0, 9], [0x40, 2, 0, 0],
                      [0x32, 4, 0, 1, 116, 0]] as [[UInt8]])
    func refusesWhatItDoesNotExpect(_ bytes: [UInt8]) {
        #expect(throws: DecodingError.self) {
            try bytes.withUnsafeBytes { _ = try MQTTCodec.parse($0) { _ in } }
        }
    }
}

@Suite struct NATSCodecTests {
    @Test func readsWholeLinesOnly() throws {
        let text = "INFO {}\r\nPING\r\nMSG s 1 2\r\nhi\r\nMSG s 1 reply 0\r\n\r\n+OK\r\n-ERR 'x'\r\nPON"
        var lines: [NATSLine] = []
        let used = try ascii(text).withUnsafeBytes { try NATSCodec.parse($0) { lines.append($0) } }
        #expect(lines == [.info, .ping, .message(payload: 26..<28), .message(payload: 47..<47),
                          .ok, .error("-ERR 'x'")])
        #expect(used == text.utf8.count - 3)
    }

    @Test(arguments: ["MSG s 1 x\r\n", "MSG s 1 2\r\nhiXX", "HELLO\r\n"])
    func refusesWhatItDoesNotExpect(_ text: String) {
        #expect(throws: DecodingError.self) {
            try ascii(text).withUnsafeBytes { _ = try NATSCodec.parse($0) { _ in } }
        }
    }

    @Test func writesWhatTheProtocolSays() {
        var out: [UInt8] = []
        NATSCodec.publish("s", ascii("hi"), to: &out)
        #expect(out == ascii("PUB s 2\r\nhi\r\n"))
    }
}

/// A run of two subscribers and one publisher that has sent four messages, and no connection at all.
private struct Bent {
    let run: FanoutRun
    private let target: FanoutConfiguration.Target
    static let targets: [FanoutConfiguration.Target] = [.raw, .mqtt, .nats]

    init(_ target: FanoutConfiguration.Target) throws {
        self.target = target
        var configuration = FanoutConfiguration(url: "ws://127.0.0.1:9")
        configuration.target = target
        configuration.subscribers = 2
        configuration.channel = "s"
        run = try FanoutRun(configuration, access: FanoutAccess(nil)) { _ in }
        run.makeConnections()
        for index in 0..<4 { run.publish(dueAt: UInt64(1_000 + index), by: 0) }
    }

    /// What a peer would send for message `index`.
    func wire(_ index: Int) -> [UInt8] {
        var text: [UInt8] = [], out: [UInt8] = []
        Payload(run: run.run, publisher: 0, counter: UInt64(index),
                dueNanoseconds: UInt64(1_000 + index)).write(bytes: 128, to: &text)
        switch target {
        case .mqtt: MQTTCodec.publish("s", text, to: &out)
        case .nats: out = ascii("MSG s 1 128\r\n") + text + [13, 10]
        case .raw, .hub: out = text
        }
        return out
    }

    func receive(_ bytes: [UInt8], at subscriber: Int) {
        bytes.withUnsafeBytes {
            run.target.received($0, on: run.connections[subscriber], at: 5_000, run)
        }
    }

    func receive(_ order: [Int], at subscriber: Int) {
        for index in order { receive(wire(index), at: subscriber) }
    }

    func faults() -> FanoutChecker.Faults {
        run.closeBooks()
        return run.checker.faults
    }
}

@Suite struct TargetTests {
    @Test(arguments: Bent.targets)
    func aGoodRunIsClean(_ target: FanoutConfiguration.Target) throws {
        let bent = try Bent(target)
        bent.receive([0, 1, 2, 3], at: 0)
        bent.receive([0, 1, 2, 3], at: 1)
        #expect(bent.run.checker.isComplete)
        #expect(bent.faults().isClean)
        #expect(bent.run.checker.reach == 1)
    }

    @Test(arguments: Bent.targets)
    func findsWhatIsPlanted(_ target: FanoutConfiguration.Target) throws {
        let lossy = try Bent(target)
        lossy.receive([0, 1, 2, 3], at: 0)
        lossy.receive([0, 1, 3], at: 1)
        #expect(!lossy.run.checker.isComplete)
        #expect(lossy.faults().lost == 1)
        let double = try Bent(target)
        double.receive([0, 1, 2, 2, 3], at: 0)
        double.receive([0, 1, 2, 3], at: 1)
        #expect(double.faults().duplicates == 1)
        let mixed = try Bent(target)
        mixed.receive([0, 2, 1, 3], at: 0)
        mixed.receive([0, 1, 2, 3], at: 1)
        #expect(mixed.faults().reordered == 1)
        let damaged = try Bent(target)
        var bytes = damaged.wire(0)
        bytes[bytes.count - 3] ^= 1
        damaged.receive(bytes, at: 0)
        #expect(damaged.faults().damaged == 1)
    }

    /// As Centrifugo sends them: JSON around each text, several of them in a message.
    @Test func relaysMayWrapTextsInJSON() throws {
        func wrapped(_ text: [UInt8]) -> [UInt8] {
            ascii("{\"channel\":\"t\",\"pub\":{\"data\":\"") + text + ascii("\",\"info\":{\"user\":\"\"}}}")
        }
        let bent = try Bent(.raw)
        let all = (0..<4).map { wrapped(bent.wire($0)) }
        for message in all { bent.receive(message, at: 0) }
        bent.receive(all[0] + [10] + all[1] + [10] + all[2], at: 1)
        bent.receive(ascii("{}"), at: 1)
        #expect(!bent.run.checker.isComplete)
        bent.receive(all[3], at: 1)
        #expect(bent.run.checker.isComplete)
        #expect(bent.faults().isClean)
        #expect(bent.run.checker.foreign == 1)
        let faulty = try Bent(.raw)
        var damaged = faulty.wire(1)
        damaged[100] ^= 1
        for text in [faulty.wire(0), damaged, faulty.wire(2), faulty.wire(2)] { faulty.receive(wrapped(text), at: 0) }
        faulty.receive(Array(wrapped(faulty.wire(3)).prefix(60)), at: 0)
        faulty.receive(wrapped(faulty.wire(3) + [65]), at: 0)
        let faults = faulty.faults()
        #expect(faults.damaged == 2 && faults.duplicates == 1 && faults.lost == 6)
        #expect(faulty.run.checker.foreign == 1)
    }

    /// MQTT and NATS are streams: where a WebSocket message ends says nothing.
    @Test(arguments: [FanoutConfiguration.Target.mqtt, .nats])
    func whereAStreamIsCutSaysNothing(_ target: FanoutConfiguration.Target) throws {
        let bent = try Bent(target)
        let all = (0..<4).flatMap { bent.wire($0) }
        bent.receive(all, at: 0)
        for byte in all { bent.receive([byte], at: 1) }
        #expect(bent.run.checker.isComplete)
        #expect(bent.faults().isClean)
    }
}

@Suite struct PostsCheckerTests {
    private func checker() -> FanoutChecker {
        var checker = FanoutChecker(run: 1, subscribers: 0, publishers: 2, payloadBytes: 64,
                                    hasPositions: true, channels: 2)
        for publisher in [0, 1, 1, 0] { checker.sent(by: publisher, dueNanoseconds: 1) }
        return checker
    }

    @Test func eachChannelHasPositionsOfItsOwn() {
        var checker = checker()
        for (index, sequence) in [5, 5, 6, 6].enumerated() {
            checker.acknowledged(index, at: 2, sequence: UInt64(sequence))
        }
        #expect(checker.isComplete)
        checker.finish()
        #expect(checker.faults.isClean)
        #expect(checker.reach == 1)
    }

    @Test func findsPositionsGivenTwiceAndOutOfOrder() {
        var twice = checker()
        for (index, sequence) in [5, 5, 5, 6].enumerated() {
            twice.acknowledged(index, at: 2, sequence: UInt64(sequence))
        }
        twice.finish()
        #expect(twice.faults.misplaced == 1)
        var mixed = checker()
        for (index, sequence) in [6, 5, 6, 5].enumerated() {
            mixed.acknowledged(index, at: 2, sequence: UInt64(sequence))
        }
        mixed.finish()
        #expect(mixed.faults.reordered == 1)
        var short = checker()
        short.acknowledged(0, at: 2, sequence: 5)
        #expect(!short.isComplete)
        short.finish()
        #expect(short.faults.unacknowledged == 3)
        #expect(short.reach == 0.25)
    }
}
