// Log lines: their two forms, their bound, and what happens when nobody reads them.

import Glibc
import Testing

@testable import App
import Model
import Ports

private struct FixedClocks: Clocks {
    func now() -> UnixMilliseconds { UnixMilliseconds(1_700_000_000_123) }
    func monotonic() -> MonotonicNanoseconds { MonotonicNanoseconds(0) }
}

private func line(_ fields: [LogField], isJSON: Bool) -> String {
    String(decoding: LogSink.line(.warning, "disk is slow", fields, at: FixedClocks().now(),
                                  isJSON: isJSON), as: UTF8.self)
}

@Suite struct LogLines {
    @Test func textForm() {
        let fields: [LogField] = [.number("n", -3), .word("state", "open"), .word("odd", "a b=\"c\"\n")]
        #expect(line(fields, isJSON: false) == "2023-11-14T22:13:20.123Z WARNING disk is slow n=-3 "
            + "state=open odd=\"a b=\\\"c\\\"\\u000a\"\n")
    }

    @Test func jsonForm() {
        let fields: [LogField] = [.number("n", 3), .word("odd", "\"\\\u{1B}\u{202E}\u{E0001}é")]
        #expect(line(fields, isJSON: true) == "{\"time\":\"2023-11-14T22:13:20.123Z\","
            + "\"level\":\"warning\",\"message\":\"disk is slow\",\"n\":3,"
            + "\"odd\":\"\\\"\\\\\\u001b\\u202e\\udb40\\udc01é\"}\n")
    }

    @Test(arguments: [true, false])
    func longLinesAreCut(isJSON: Bool) {
        let fields: [LogField] = [.number("n", 3), .word("long", String(repeating: "x", count: 5_000))]
        let text = line(fields, isJSON: isJSON)
        #expect(text.utf8.count <= LogSink.lineBytesMax)
        #expect(text.hasSuffix(isJSON ? "\"n\":3,\"cut\":true}\n" : "n=3 cut=true\n"))
        // The longest that fits is not cut.
        let room = LogSink.lineBytesMax - text.utf8.count
        let fits = line([.number("n", 3), .word("l", String(repeating: "x", count: room - 8))],
                        isJSON: isJSON)
        #expect(!fits.contains("cut"))
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"), (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
    ] as [(Int64, String)])
    func timestamps(milliseconds: Int64, text: String) {
        #expect(LogSink.timestamp(UnixMilliseconds(milliseconds)) == text)
    }
}

@Suite struct LogSinkToAPipe {
    /// A full pipe loses lines without blocking; the next line that gets through says how many.
    @Test func stalledReaderLosesLines() {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer {
            close(ends[0])
            close(ends[1])
        }
        let log = LogSink(descriptor: ends[1], format: .json, clocks: FixedClocks()).log(threshold: .info)
        log.debug("below the threshold")
        let long = String(repeating: "x", count: 3_000)
        for _ in 0..<100 { log.info("filling", .word("long", long)) }
        let first = drain(ends[0])
        #expect(first.count > 1 && first.count < 100)
        log.info("after")
        let second = drain(ends[0])
        #expect(second.count == 1)
        #expect(second.first?.contains("\"lines_lost_before\":\(100 - first.count)") == true)
        log.info("again")
        #expect(drain(ends[0]).first?.contains("lost") == false)
    }

    private func drain(_ descriptor: Int32) -> [String] {
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(descriptor, &piece, piece.count), count > 0 {
            bytes += piece[..<count]
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
