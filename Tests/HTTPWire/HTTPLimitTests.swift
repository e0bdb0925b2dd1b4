// Every limit, at its edge and one beyond, whole and cut anywhere.

import Testing
import Wire

@Suite struct HTTPLimitTests {
    private func small() -> HTTPLimits {
        var limits = HTTPLimits()
        limits.requestLineBytesMax = 20
        limits.headerSectionBytesMax = 30
        limits.headersMax = 3
        limits.bodyBytesMax = 8
        limits.chunkLineBytesMax = 6
        return limits
    }

    private func expect(_ bytes: String, _ fault: HTTPFault?, _ limits: HTTPLimits) {
        let seen = events(bytes, limits: limits)
        if let fault {
            #expect(seen == [.failed(fault)])
        } else {
            #expect(seen.count == 1)
            #expect(seen.first.map { if case .request = $0 { true } else { false } } == true)
        }
        if bytes.utf8.count < 300 { expectSameAtEverySplit(bytes, limits: limits) }
    }

    @Test(arguments: [(20, nil), (21, HTTPFault.requestLineTooLong)])
    func requestLine(_ bytes: Int, _ fault: HTTPFault?) {
        let path = "/" + String(repeating: "a", count: bytes - 14)
        expect("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n", fault, small())
    }

    @Test(arguments: [(8192, nil), (8193, HTTPFault.requestLineTooLong)])
    func requestLineByDefault(_ bytes: Int, _ fault: HTTPFault?) {
        let path = "/" + String(repeating: "a", count: bytes - 14)
        expect("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n", fault, HTTPLimits())
    }

    @Test func requestLineWithoutEnd() {
        var parser = HTTPRequestParser()
        #expect(parser.feed([UInt8](repeating: 0x41, count: 8192)).isEmpty)
        #expect(parser.feed([0x41]) == [.failed(.requestLineTooLong)])
        #expect(parser.feed([0x41]).isEmpty, "a fault comes once")
    }

    @Test(arguments: [(30, nil), (31, HTTPFault.headersTooLarge)])
    func headerSection(_ bytes: Int, _ fault: HTTPFault?) {
        // "Host: a" is 9 bytes with its CRLF, "X:" with CRLF 4.
        let value = String(repeating: "b", count: bytes - 13)
        expect("GET / HTTP/1.1\r\nHost: a\r\nX:\(value)\r\n\r\n", fault, small())
    }

    @Test(arguments: [(16384, nil), (16385, HTTPFault.headersTooLarge)])
    func headerSectionByDefault(_ bytes: Int, _ fault: HTTPFault?) {
        let value = String(repeating: "b", count: bytes - 13)
        expect("GET / HTTP/1.1\r\nHost: a\r\nX:\(value)\r\n\r\n", fault, HTTPLimits())
    }

    @Test(arguments: [(100, nil), (101, HTTPFault.headersTooLarge)])
    func headerCountByDefault(_ count: Int, _ fault: HTTPFault?) {
        let more = String(repeating: "X:\r\n", count: count - 1)
        expect("GET / HTTP/1.1\r\nHost: a\r\n\(more)\r\n", fault, HTTPLimits())
    }

    @Test(arguments: [(3, nil), (4, HTTPFault.headersTooLarge)])
    func headerCount(_ count: Int, _ fault: HTTPFault?) {
        let more = String(repeating: "X:\r\n", count: count - 1)
        expect("GET / HTTP/1.1\r\nHost: a\r\n\(more)\r\n", fault, small())
    }

    @Test(arguments: [(1, nil), (2, HTTPFault.headersTooLarge)])
    func trailersCountAsHeaders(_ count: Int, _ fault: HTTPFault?) {
        var limits = small()
        limits.headerSectionBytesMax = 100
        let trailers = String(repeating: "T:\r\n", count: count)
        expect("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\(trailers)\r\n",
               fault, limits)
    }

    @Test(arguments: [(8, nil), (9, HTTPFault.bodyTooLarge)])
    func body(_ bytes: Int, _ fault: HTTPFault?) {
        let body = String(repeating: "b", count: bytes)
        expect("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length:\(bytes)\r\n\r\n\(body)", fault, small())
    }

    @Test(arguments: [(65_536, nil), (65_537, HTTPFault.bodyTooLarge)])
    func bodyByDefault(_ bytes: Int, _ fault: HTTPFault?) {
        let body = String(repeating: "b", count: bytes)
        expect("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length:\(bytes)\r\n\r\n\(body)", fault, HTTPLimits())
    }

    @Test(arguments: [("/large", 12, nil), ("/large", 13, HTTPFault.bodyTooLarge),
                      ("/other", 8, nil), ("/other", 9, HTTPFault.bodyTooLarge)])
    func bodyOfOneRequest(_ path: String, _ bytes: Int, _ fault: HTTPFault?) {
        var limits = small()
        limits.bodyBytesMaxOf = { $0.path == "/large" ? 12 : nil }
        limits.requestLineBytesMax = 40
        limits.headerSectionBytesMax = 60
        let head = "PUT \(path) HTTP/1.1\r\nHost: a\r\n"
        let body = String(repeating: "b", count: bytes)
        expect(head + "Content-Length:\(bytes)\r\n\r\n\(body)", fault, limits)
        let chunks = "4\r\nbbbb\r\n\(String(bytes - 4, radix: 16))\r\n\(body.dropFirst(4))\r\n0\r\n\r\n"
        expect(head + "Transfer-Encoding: chunked\r\n\r\n" + chunks, fault, limits)
    }

    @Test(arguments: [(3, nil), (4, HTTPFault.bodyTooLarge)])
    func chunkedBody(_ last: Int, _ fault: HTTPFault?) {
        var limits = small()
        limits.headerSectionBytesMax = 100
        let rest = String(repeating: "b", count: last)
        expect("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "5\r\nhello\r\n\(last)\r\n\(rest)\r\n0\r\n\r\n", fault, limits)
    }

    @Test(arguments: [("1;abcd", nil), ("1;abcde", HTTPFault.malformedChunk)])
    func chunkLine(_ line: String, _ fault: HTTPFault?) {
        var limits = small()
        limits.headerSectionBytesMax = 100
        expect("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "\(line)\r\nx\r\n0\r\n\r\n", fault, limits)
    }

    @Test(arguments: [(256, nil), (257, HTTPFault.malformedChunk)])
    func chunkLineByDefault(_ bytes: Int, _ fault: HTTPFault?) {
        let line = "1;" + String(repeating: "e", count: bytes - 2)
        expect("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "\(line)\r\nx\r\n0\r\n\r\n", fault, HTTPLimits())
    }
}
