// Responses as bytes, and dates.

import Testing
import Wire

private let date = "Sun, 06 Nov 1994 08:49:37 GMT"

private func written(_ response: HTTPResponse, _ exchange: HTTPExchange = HTTPExchange()) -> String {
    var bytes = Array("<".utf8)
    response.write(to: &bytes, exchange: exchange, date: date)
    return String(decoding: bytes, as: UTF8.self)
}

@Suite struct HTTPResponseTests {
    @Test func whole() {
        let response = HTTPResponse(
            status: 200, headers: [HTTPHeader("Content-Type", "text/plain")], body: Array("hi".utf8))
        #expect(written(response) == """
            <HTTP/1.1 200 OK\r\nDate: \(date)\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi
            """)
    }

    @Test func connectionHeaders() {
        let response = HTTPResponse(status: 404)
        #expect(written(response, HTTPExchange(keepsAlive: false)) == """
            <HTTP/1.1 404 Not Found\r\nDate: \(date)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n
            """)
        #expect(written(response, HTTPExchange(isVersion10: true)).contains(
            "\r\nConnection: keep-alive\r\n"))
        #expect(written(response, .faulty).contains("\r\nConnection: close\r\n"))
    }

    @Test func whatEndsWithTheConnectionHasNoLength() {
        let response = HTTPResponse(status: 200, body: Array("more follows".utf8), endsWithConnection: true)
        #expect(written(response, .faulty) == """
            <HTTP/1.1 200 OK\r\nDate: \(date)\r\nConnection: close\r\n\r\nmore follows
            """)
    }

    @Test func headHasTheLengthAndNoBody() {
        let head = HTTPExchange(isHead: true)
        let full = HTTPResponse(status: 200, body: Array("hello".utf8))
        #expect(written(full, head).hasSuffix("\r\nContent-Length: 5\r\n\r\n"))
        let lengthOnly = HTTPResponse(status: 200, headers: [HTTPHeader("Content-Length", "77")])
        #expect(written(lengthOnly, head).hasSuffix("\r\nContent-Length: 77\r\n\r\n"))
        #expect(written(lengthOnly).hasSuffix("\r\nContent-Length: 0\r\n\r\n"), "not HEAD: the truth")
    }

    @Test(arguments: [204, 304, 101, 103]) func noBody(_ status: Int) {
        let text = written(HTTPResponse(status: status, body: Array("body".utf8)))
        #expect(!text.contains("Content-Length"))
        #expect(text.hasSuffix("\r\n\r\n"))
        #expect(text.contains("Date") == (status >= 200))
    }

    @Test func oursAreNotDoubled() {
        let text = written(HTTPResponse(status: 200, headers: [
            HTTPHeader("content-length", "9"), HTTPHeader("Transfer-Encoding", "chunked"),
            HTTPHeader("connection", "close"), HTTPHeader("DATE", "x"), HTTPHeader("Kept", "y"),
        ]))
        #expect(text == "<HTTP/1.1 200 OK\r\nDate: \(date)\r\nKept: y\r\nContent-Length: 0\r\n\r\n")
    }

    @Test func upgradeIsNamedAsConcerningTheConnection() {
        let upgrade = [HTTPHeader("Upgrade", "websocket")]
        #expect(written(HTTPResponse(status: 101, headers: upgrade)) == """
            <HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n
            """)
        let refusal = HTTPResponse(status: 426, headers: upgrade)
        #expect(written(refusal).contains("\r\nConnection: Upgrade\r\n"))
        #expect(written(refusal, .faulty).contains("\r\nConnection: Upgrade, close\r\n"))
    }

    @Test(arguments: [
        ("Location", "/a\r\nSet-Cookie: x"), ("Location", "/a\n"), ("X", "a\rb"), ("X", "a\0"),
        ("X", "a\u{7F}"), ("", "a"), ("X Y", "a"), ("X:", "a"), ("X\r\n", "a"), ("Ü", "a"),
    ])
    func injectionBecomesAnError(_ name: String, _ value: String) {
        for status in [200, 500] {
            let response = HTTPResponse(
                status: status, headers: [HTTPHeader("A", "b"), HTTPHeader(name, value)],
                body: Array("secret".utf8))
            var bytes: [UInt8] = []
            let result = response.write(to: &bytes, exchange: HTTPExchange(), date: "")
            #expect(result.status == 500 && !result.hasBody)
            #expect(String(decoding: bytes, as: UTF8.self)
                == "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
        }
    }

    @Test func headAlone() {
        let response = HTTPResponse(status: 200, body: Array("hello".utf8))
        var bytes: [UInt8] = []
        let result = response.writeHead(to: &bytes, exchange: HTTPExchange(), date: "")
        #expect(result.status == 200 && result.hasBody)
        #expect(String(decoding: bytes, as: UTF8.self)
            == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    }

    /// Checked against GNU date.
    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (UInt64.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ])
    func dates(_ seconds: UInt64, _ text: String) {
        #expect(HTTPDate.text(seconds) == text)
    }
}
