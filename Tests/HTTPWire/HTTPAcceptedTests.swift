// Requests that are fine: what comes out of them, whole and cut anywhere.

import Testing
import Wire

private struct Sample: CustomTestStringConvertible {
    let name: String
    let bytes: String
    let seen: [Seen]
    var testDescription: String { name }
    init(_ name: String, _ bytes: String, _ seen: [Seen]) {
        (self.name, self.bytes, self.seen) = (name, bytes, seen)
    }
}

private let host = HTTPHeader("host", "hub.example")

private func get(
    _ path: String, query: String = "", _ headers: [HTTPHeader] = [],
    method: HTTPMethod = .get, body: String = "", _ exchange: HTTPExchange = HTTPExchange()
) -> Seen {
    .request(method, path, query: query, [host] + headers, body: body, exchange)
}

private let closing = HTTPExchange(keepsAlive: false)

private let samples: [Sample] = [
    Sample("plain", "GET /a HTTP/1.1\r\nHost: hub.example\r\n\r\n", [get("/a")]),
    Sample("query as it came", "GET /a?b=%2F&c=?d HTTP/1.1\r\nHost: hub.example\r\n\r\n",
           [get("/a", query: "b=%2F&c=?d")]),
    Sample("header blanks and case",
           "GET / HTTP/1.1\r\nHOST:hub.example\r\nX-Thing: \t a\tb  \t\r\nEmpty:\r\n\r\n",
           [get("/", [HTTPHeader("x-thing", "a\tb"), HTTPHeader("empty", "")])]),
    Sample("non-ASCII header value", "GET / HTTP/1.1\r\nHost: hub.example\r\nX: ü\r\n\r\n",
           [get("/", [HTTPHeader("x", "ü")])]),
    Sample("pipelined",
           "GET /a HTTP/1.1\r\nHost: hub.example\r\n\r\nGET /b HTTP/1.1\r\nHost: hub.example\r\n\r\n",
           [get("/a"), get("/b")]),
    Sample("one blank line before a request",
           "\r\nGET /a HTTP/1.1\r\nHost: hub.example\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: hub.example\r\n\r\n",
           [get("/a"), get("/b")]),
    Sample("content length, then another",
           "POST /p HTTP/1.1\r\nHost: hub.example\r\nContent-Length: 5\r\n\r\nhe\r\nx"
               + "GET / HTTP/1.1\r\nHost: hub.example\r\n\r\n",
           [get("/p", [HTTPHeader("content-length", "5")], method: .post, body: "he\r\nx"), get("/")]),
    Sample("content length zero",
           "POST /p HTTP/1.1\r\nHost: hub.example\r\nContent-Length: 000\r\n\r\n",
           [get("/p", [HTTPHeader("content-length", "000")], method: .post)]),
    Sample("get with a body",
           "GET /p HTTP/1.1\r\nHost: hub.example\r\nContent-Length: 1\r\n\r\nx",
           [get("/p", [HTTPHeader("content-length", "1")], body: "x")]),
    Sample("chunks with extensions and trailers, then another",
           "PUT /c HTTP/1.1\r\nHost: hub.example\r\nTransfer-Encoding: Chunked\r\n\r\n"
               + "5\r\nhello\r\n00a ;x=\"y\";z\r\n0123456789\r\n0;last\r\nTrailer: dropped\r\n\r\n"
               + "GET /n HTTP/1.1\r\nHost: hub.example\r\n\r\n",
           [get("/c", [HTTPHeader("transfer-encoding", "Chunked")], method: .put,
                body: "hello0123456789"), get("/n")]),
    Sample("chunked and empty",
           "POST /c HTTP/1.1\r\nHost: hub.example\r\nTransfer-Encoding: ,chunked,\r\n\r\n0\r\n\r\n",
           [get("/c", [HTTPHeader("transfer-encoding", ",chunked,")], method: .post)]),
    Sample("head", "HEAD / HTTP/1.1\r\nHost: hub.example\r\n\r\n",
           [get("/", method: .head, HTTPExchange(isHead: true))]),
    Sample("close among options",
           "DELETE / HTTP/1.1\r\nHost: hub.example\r\nConnection: x, Close\r\n\r\n",
           [get("/", [HTTPHeader("connection", "x, Close")], method: .delete, closing)]),
    Sample("close in a second header",
           "GET / HTTP/1.1\r\nHost: hub.example\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
           [get("/", [HTTPHeader("connection", "keep-alive"), HTTPHeader("connection", "close")],
                closing)]),
    Sample("1.0 without host",
           "GET / HTTP/1.0\r\n\r\n",
           [.request(.get, "/", query: "", [], body: "",
                     HTTPExchange(isVersion10: true, keepsAlive: false))]),
    Sample("1.0 kept alive when asked",
           "GET / HTTP/1.0\r\nHost: hub.example\r\nConnection: Keep-Alive\r\n\r\n",
           [get("/", [HTTPHeader("connection", "Keep-Alive")], HTTPExchange(isVersion10: true))]),
    Sample("later minor version", "GET / HTTP/1.9\r\nHost: hub.example\r\n\r\n", [get("/")]),
    Sample("expects continue",
           "POST /p HTTP/1.1\r\nHost: hub.example\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\nok",
           [.expectsContinue,
            get("/p", [HTTPHeader("expect", "100-Continue"), HTTPHeader("content-length", "2")],
                method: .post, body: "ok")]),
    Sample("expects continue without a body",
           "POST /p HTTP/1.1\r\nHost: hub.example\r\nExpect: 100-continue\r\n\r\n",
           [get("/p", [HTTPHeader("expect", "100-continue")], method: .post)]),
    Sample("expectation of 1.0 is ignored",
           "POST /p HTTP/1.0\r\nHost: hub.example\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
           [get("/p", [HTTPHeader("expect", "100-continue"), HTTPHeader("content-length", "2")],
                method: .post, body: "ok", HTTPExchange(isVersion10: true, keepsAlive: false))]),
    Sample("absolute target outweighs host",
           "GET HTTP://hub.example/x?y HTTP/1.1\r\nHost: other.example\r\nA: b\r\n\r\n",
           [.request(.get, "/x", query: "y", [HTTPHeader("a", "b"), host], body: "",
                     HTTPExchange())]),
    Sample("absolute target without path",
           "GET https://hub.example?q HTTP/1.1\r\nHost: hub.example\r\n\r\n", [get("/", query: "q")]),
    Sample("asterisk for options", "OPTIONS * HTTP/1.1\r\nHost: hub.example\r\n\r\n",
           [get("/", method: .options)]),
    Sample("upgrade", "GET / HTTP/1.1\r\nHost: hub.example\r\nConnection: keep-alive, Upgrade\r\n\r\n",
           [get("/", [HTTPHeader("connection", "keep-alive, Upgrade")])]),
]

@Suite struct HTTPAcceptedTests {
    @Test(arguments: samples) private func whole(_ sample: Sample) {
        #expect(events(sample.bytes) == sample.seen)
    }

    @Test(arguments: samples) private func split(_ sample: Sample) {
        expectSameAtEverySplit(sample.bytes)
    }

    @Test(arguments: [
        ("/", "/"), ("//a//", "//a//"), ("/%41%7e/%C3%BC", "/A~/ü"), ("/a%20b+c", "/a b+c"),
        ("/...", "/..."), ("/.well-known/x", "/.well-known/x"), ("/a..b/..c", "/a..b/..c"),
        ("/%25%32%66", "/%2f"), ("/a|b{c}", "/a|b{c}"), ("/?", "/"), ("/%F0%9F%98%80", "/😀"),
    ])
    func path(_ target: String, _ path: String) {
        #expect(events("GET \(target) HTTP/1.1\r\nHost: hub.example\r\n\r\n") == [get(path)])
    }

    @Test(arguments: ["a", "hub.example:8080", "127.0.0.1:1", "[::1]", "[::ffff:1.2.3.4]:443",
                      "a_b-c~d.", "hub.example:"])
    func hostValue(_ value: String) {
        #expect(events("GET / HTTP/1.1\r\nHost: \(value)\r\n\r\n") == [
            .request(.get, "/", query: "", [HTTPHeader("host", value)], body: "", HTTPExchange())
        ])
    }

    @Test func whatFollowsAnUpgradeStaysInTheInput() {
        var parser = HTTPRequestParser()
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n\u{1}\u{2}\n".utf8)
        bytes.withUnsafeBytes { bytes in
            var input = bytes
            guard case .request = parser.next(&input) else {
                Issue.record("no request")
                return
            }
            #expect(Array(input) == [1, 2, 10])
        }
    }

    @Test func idleOnlyBetweenRequests() {
        var parser = HTTPRequestParser()
        #expect(parser.isIdle)
        for byte in "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n".utf8 {
            #expect(parser.feed([byte]).isEmpty)
            #expect(!parser.isIdle)
        }
        #expect(parser.feed("x".utf8).count == 1)
        #expect(parser.isIdle)
        _ = parser.feed("\r\n".utf8)
        #expect(!parser.isIdle)
    }
}
