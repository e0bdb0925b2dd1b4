// The PROXY protocol: what is taken, what is refused, and that how it is cut into reads changes nothing.

import Testing
import Wire

/// Bytes of version 2 with the right length.
private func binary(_ family: UInt8, _ body: [UInt8], verb: UInt8 = 0x21) -> [UInt8] {
    [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, verb, family, UInt8(body.count >> 8), UInt8(body.count & 255)]
        + body
}
private let v4: [UInt8] = [192, 0, 2, 7, 198, 51, 100, 1, 0x1F, 0x90, 0, 80]
private let v6: [UInt8] = [0x20, 1, 0xD, 0xB8] + [UInt8](repeating: 0, count: 11) + [9]
    + [UInt8](repeating: 1, count: 16) + [1, 2, 3, 4]

private func client(_ address: String, isSecure: Bool = false) -> ProxyHeaderEvent {
    .client(ProxiedClient(address: NetworkAddress(address)!, isSecure: isSecure))
}

/// What comes of the bytes, cut after every `step`, and what is left of them.
private func parse(_ bytes: [UInt8], step: Int) -> (event: ProxyHeaderEvent, left: [UInt8]) {
    var parser = ProxyHeaderParser()
    for start in stride(from: 0, to: bytes.count, by: step) {
        let chunk = Array(bytes[start..<min(start + step, bytes.count)])
        let (event, left) = chunk.withUnsafeBytes { chunk in
            var input = chunk
            return (parser.next(&input), Array(input))
        }
        if event != .needMore { return (event, left + bytes[min(start + step, bytes.count)...]) }
        #expect(left.isEmpty)
    }
    return (.needMore, [])
}

private func expect(_ header: [UInt8], _ event: ProxyHeaderEvent) {
    let rest = Array("GET / HTTP/1.1\r\n".utf8)
    for step in [1, 2, 7, 11, 16, 4_096] {
        let seen = parse(header + rest, step: step)
        #expect(seen.event == event, "cut after \(step)")
        if event != .failed { #expect(seen.left == rest, "cut after \(step)") }
    }
}

@Suite struct ProxyHeaderTests {
    @Test(arguments: [
        ("PROXY TCP4 192.0.2.7 198.51.100.1 8080 80\r\n", client("192.0.2.7")),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", client("255.255.255.255")),
        ("PROXY TCP6 2001:db8::9 ::1 0 65535\r\n", client("2001:db8::9")),
        ("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", client("192.0.2.7")),
        ("PROXY UNKNOWN\r\n", .noClient),
        ("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", .noClient),
    ])
    func takesVersionOne(_ line: String, _ event: ProxyHeaderEvent) { expect(Array(line.utf8), event) }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n", "proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n", "PROXY  TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 -1 2\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
        "PROXY TCP4 192.0.2.007 198.51.100.1 1 2\r\n", "PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
        "PROXY TCP6 fe80::1%1 ::1 1 2\r\n", "PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n", "PROXY \r\n",
        "PROXY UNKNOWNS\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\rX", "\r\n\r\nGET / HTTP/1.1\r\n",
        "\u{16}\u{3}\u{1}",
    ])
    func refusesWhatIsNoHeader(_ line: String) { expect(Array(line.utf8), .failed) }

    @Test(arguments: [(107, ProxyHeaderEvent.noClient), (108, .failed)])
    func boundsTheLine(_ bytes: Int, _ event: ProxyHeaderEvent) {
        let filler = String(repeating: "x", count: bytes - 16)
        expect(Array("PROXY UNKNOWN \(filler)\r\n".utf8), event)
    }

    @Test func takesVersionTwo() {
        expect(binary(0x11, v4), client("192.0.2.7"))
        expect(binary(0x21, v6), client("2001:db8::9"))
        expect(binary(0x31, [UInt8](repeating: 65, count: 216)), .noClient)
        expect(binary(0x00, []), .noClient)
        expect(binary(0x00, [], verb: 0x20), .noClient)
        expect(binary(0x11, v4, verb: 0x20), .noClient)
        expect(binary(0xFF, [1, 2, 3], verb: 0x20), .noClient)
    }

    @Test func readsWhatProxiesAdd() {
        let alpn: [UInt8] = [0x01, 0, 2, 0x68, 0x32]
        expect(binary(0x11, v4 + alpn), client("192.0.2.7"))
        expect(binary(0x11, v4 + alpn + [0x20, 0, 5, 1, 0, 0, 0, 0]), client("192.0.2.7", isSecure: true))
        expect(binary(0x11, v4 + [0x20, 0, 5, 0, 0, 0, 0, 0]), client("192.0.2.7"))
        // CRC32c of the header with zeros in its place, worked out apart from the hub (`123456789` gives 0xE3069283).
        expect(binary(0x11, v4 + [0x03, 0, 4] + Self.checksum), client("192.0.2.7"))
        expect(binary(0x11, v4 + [0x03, 0, 4, 0, 0, 0, 0]), .failed)
    }
    private static let checksum: [UInt8] = [0xE6, 0x84, 0x66, 0x39]

    @Test func refusesBrokenVersionTwo() {
        expect(binary(0x11, v4, verb: 0x22), .failed)
        expect(binary(0x11, v4, verb: 0x11), .failed)
        for family: UInt8 in [0x01, 0x10, 0x12, 0x22, 0x32, 0x41, 0xFF] { expect(binary(family, v4 + v6), .failed) }
        expect(binary(0x11, Array(v4.dropLast())), .failed)
        expect(binary(0x21, Array(v6.dropLast())), .failed)
        expect(binary(0x31, [UInt8](repeating: 65, count: 215)), .failed)
        expect(binary(0x11, v4 + [1]), .failed)
        expect(binary(0x11, v4 + [1, 0, 2, 0]), .failed)
        expect(binary(0x11, v4 + [0x03, 0, 3, 0, 0, 0]), .failed)
        expect(binary(0x11, v4 + [0x20, 0, 4, 0, 0, 0, 0]), .failed)
    }

    @Test(arguments: [(0, true), (1, false)])
    func boundsWhatIsAdded(_ over: Int, _ isTaken: Bool) {
        let count = ProxyHeaderParser.extrasBytesMax - v4.count - 3 + over
        let extra: [UInt8] = [0x04, UInt8(count >> 8), UInt8(count & 255)] + [UInt8](repeating: 0, count: count)
        expect(binary(0x11, v4 + extra), isTaken ? client("192.0.2.7") : .failed)
    }

    @Test func waitsForMore() {
        for count in 1..<28 {
            #expect(parse(Array(binary(0x11, v4).prefix(count)), step: 3).event == .needMore)
        }
    }

    @Test func isOverAfterItsHeader() {
        var parser = ProxyHeaderParser()
        for (text, event) in [("PROXY X", ProxyHeaderEvent.needMore), ("\r\n", .failed), ("more", .needMore)] {
            Array(text.utf8).withUnsafeBytes { bytes in
                var input = bytes
                #expect(parser.next(&input) == event)
            }
        }
    }
}
