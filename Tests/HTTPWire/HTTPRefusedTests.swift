// Requests that two readers could read differently, or that nobody should send: each is refused with
// one fault, wherever its bytes are cut, and nothing after it is read.

import Testing
import Wire

private let ok = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

private func with(_ headers: String, body: String = "") -> String {
    "POST / HTTP/1.1\r\nHost: a\r\n\(headers)\r\n\r\n\(body)"
}

private func chunked(_ body: String) -> String { with("Transfer-Encoding: chunked", body: body) }

private let refused: [(String, HTTPFault)] = [
    // Request line.
    ("\u{16}\u{03}\u{01}", .malformedRequestLine),
    ("\nGET / HTTP/1.1\r\n", .malformedRequestLine),
    ("\r\n\r\nGET / HTTP/1.1\r\n", .malformedRequestLine),
    (" GET / HTTP/1.1\r\n", .malformedRequestLine),
    ("GET / HTTP/1.1\n", .malformedRequestLine),
    ("\rGET / HTTP/1.1\r\n", .malformedRequestLine),
    ("GET / HTTP/1.1\r\r\n", .malformedRequestLine),
    ("GET / HTTP/1.1 \r\n", .malformedRequestLine),
    ("GET  / HTTP/1.1\r\n", .malformedRequestLine),
    ("GET /\r\n", .malformedRequestLine),
    ("GET\r\n", .malformedRequestLine),
    ("GET / HTTP/1.1x\r\n", .malformedRequestLine),
    ("GET / HTTP/11\r\n", .malformedRequestLine),
    ("GET / http/1.1\r\n", .malformedRequestLine),
    ("GET / HTTP/1,1\r\n", .malformedRequestLine),
    ("GE(T / HTTP/1.1\r\n", .malformedRequestLine),
    ("GET\t/ HTTP/1.1\r\n", .malformedRequestLine),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .versionUnsupported),
    ("GET / HTTP/0.9\r\n", .versionUnsupported),
    ("GET / HTTP/3.0\r\n", .versionUnsupported),
    ("get / HTTP/1.1\r\n", .methodUnknown),
    ("CONNECT a:80 HTTP/1.1\r\n", .methodUnknown),
    ("TRACE / HTTP/1.1\r\n", .methodUnknown),
    // Header lines.
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nHost: a\r\n\n", .malformedHeader),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nHost: a\r\n\tc: d\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nHost\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\n: a\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nX[]: a\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nÜ: a\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nX: a\r\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nX: a\u{7F}\r\n\r\n", .malformedHeader),
    ("GET / HTTP/1.1\r\nX: \u{0B}a\r\n\r\n", .malformedHeader),
    // Host.
    ("GET / HTTP/1.1\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: []\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: [x]\r\n\r\n", .malformedHost),
    ("GET / HTTP/1.1\r\nHost: ü\r\n\r\n", .malformedHost),
    ("GET http://a/ HTTP/1.1\r\n\r\n", .malformedHost),
    // Length of the body.
    (with("Content-Length: 1\r\nTransfer-Encoding: chunked"), .ambiguousLength),
    (with("Transfer-Encoding: chunked\r\nContent-Length: 1"), .ambiguousLength),
    (with("Content-Length: 1\r\nContent-Length: 2"), .ambiguousLength),
    (with("Content-Length: 1\r\nContent-Length: 1"), .ambiguousLength),
    (with("Content-Length: 1, 1"), .ambiguousLength),
    (with("Content-Length: "), .ambiguousLength),
    (with("Content-Length: +1"), .ambiguousLength),
    (with("Content-Length: -1"), .ambiguousLength),
    (with("Content-Length: 0x1"), .ambiguousLength),
    (with("Content-Length: 1 2"), .ambiguousLength),
    (with("Content-Length: ١"), .ambiguousLength),
    (with("Content-Length: 18446744073709551617"), .bodyTooLarge),
    (with("Content-Length: 65537"), .bodyTooLarge),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .ambiguousLength),
    (with("Transfer-Encoding: gzip, chunked"), .transferCodingUnknown),
    (with("Transfer-Encoding: gzip"), .transferCodingUnknown),
    (with("Transfer-Encoding: xchunked"), .transferCodingUnknown),
    // The sign for kelvin is a k in lower case, for Unicode and no other reader.
    (with("Transfer-Encoding: chun\u{212A}ed"), .transferCodingUnknown),
    (with("Expect: 100-\u{212A}ontinue"), .expectationUnknown),
    (with("Transfer-Encoding: chunked;q=1"), .transferCodingUnknown),
    (with("Transfer-Encoding: \"chunked\""), .transferCodingUnknown),
    (with("Transfer-Encoding: identity"), .transferCodingUnknown),
    (with("Transfer-Encoding: chunked, gzip"), .malformedTransferEncoding),
    (with("Transfer-Encoding: chunked, chunked"), .malformedTransferEncoding),
    (with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), .malformedTransferEncoding),
    (with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), .malformedTransferEncoding),
    (with("Transfer-Encoding:"), .malformedTransferEncoding),
    (with("Transfer-Encoding: chunked\u{0B}"), .malformedHeader),
    (with("Expect: the-unexpected"), .expectationUnknown),
    // Chunks.
    (chunked("\r\n"), .malformedChunk),
    (chunked("x\r\n"), .malformedChunk),
    (chunked("0x1\r\n"), .malformedChunk),
    (chunked("-1\r\n"), .malformedChunk),
    (chunked("+1\r\n"), .malformedChunk),
    (chunked(" 1\r\n"), .malformedChunk),
    (chunked("1 \r\n"), .malformedChunk),
    (chunked("1 2\r\n"), .malformedChunk),
    (chunked("1\n"), .malformedChunk),
    (chunked("1\ra\r\n"), .malformedChunk),
    (chunked("1;\ra\r\n"), .malformedChunk),
    (chunked("1;\0\r\n"), .malformedChunk),
    (chunked("1\r\nab\r\n"), .malformedChunk),
    (chunked("1\r\na\n"), .malformedChunk),
    (chunked("1\r\na\r\r\n"), .malformedChunk),
    (chunked("1\r\na0\r\n"), .malformedChunk),
    (chunked("0000000000000001\r\n"), .malformedChunk),
    (chunked("fffffffffffffffff\r\n"), .malformedChunk),
    (chunked("fffffffffffffff\r\n"), .bodyTooLarge),
    (chunked("10001\r\n"), .bodyTooLarge),
    (chunked("0\r\n\n"), .malformedHeader),
    (chunked("0\r\nX : y\r\n"), .malformedHeader),
    (chunked("0\r\n folded\r\n"), .malformedHeader),
]

private let badTargets = [
    "a", "*", "/a#b", "/a\\b", "/%", "/%2", "/%2g", "/%zz", "/%00", "/a%0d%0a", "/%7f", "/%1F",
    "/a%2fb", "/a%2Fb", "/a%5cb", "/%ff", "/%C0%AF", "/%ED%A0%80", "/%C3", "/.", "/..", "/./a", "/a/..",
    "/a/../b", "/a/./b", "/%2e", "/%2e%2E/a", "/.%2e/a", "/a/%2e%2e", "/ü", "/a\u{7F}", "/\"", "/<a>",
    "http://", "http:///a", "http://u@a/", "ftp://a/", "http:/a", "http://a b", "http://a:x/",
    "httpx://a/", "http://a/../b", "/?ü", "/?\u{1}",
]

@Suite struct HTTPRefusedTests {
    @Test(arguments: refused) func refuses(_ bytes: String, _ fault: HTTPFault) {
        #expect(events(bytes) == [.failed(fault)])
        #expect(events(bytes + ok) == [.failed(fault)], "nothing is read after a fault")
        expectSameAtEverySplit(bytes + ok)
    }

    @Test(arguments: badTargets) func refusesTarget(_ target: String) {
        let bytes = "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n"
        let fault: HTTPFault = target.contains(" ") ? .malformedRequestLine : .malformedTarget
        #expect(events(bytes) == [.failed(fault)])
    }

    @Test func requestsBeforeAFaultStillCount() {
        let seen = events(ok + ok + "GET / HTTP/1.1\r\nbad\r\n")
        #expect(seen.count == 3)
        #expect(seen.last == .failed(.malformedHeader))
    }

    @Test func everyFaultHasAnErrorStatus() {
        #expect(HTTPFault.allCases.map(\.status) == [
            400, 400, 400, 400, 400, 400, 400, 414, 413, 431, 417, 501, 501, 505,
        ])
    }
}
