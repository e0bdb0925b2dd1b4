// HTTP over real sockets: routes, files, what is promised to browsers, limits and times.

import Front
import Model
import Ports
import Testing
import Wire

@Suite(.timeLimit(.minutes(10)))
struct HTTPTests {
    @Test func answersSeveralRequestsOfAConnection() async throws {
        try await withWorld { world in
            let peer = try world.peer()
            #expect(try await peer.ask("GET", "/healthz").text == "ok\n")
            #expect(try await peer.ask("HEAD", "/healthz").headers["content-length"] == "3")
            #expect(try await peer.ask("GET", "/readyz").status == 200)
            world.isReady.withLock { $0 = false }
            #expect(try await peer.ask("GET", "/readyz").status == 503)
            #expect(try await peer.ask("GET", "/", ["Connection: close"]).headers["connection"] == "close")
            #expect(try await peer.isClosedByHub())
        }
    }

    @Test func answersPipelinedRequestsInOrder() async throws {
        try await withWorld { world in
            let peer = try world.peer()
            let one = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /icon.svg HTTP/1.1\r\nHost: a\r\n\r\n"
            try await peer.write(String(repeating: one, count: 500))
            for _ in 0..<500 {
                #expect(try await peer.answer().text == "ok\n")
                #expect(try await peer.answer().text == "<svg/>")
            }
        }
    }

    @Test func largeFilesWaitForAReaderThatIsSlow() async throws {
        try await withWorld({ $0.outboxBytesMax = 64 << 10 }) { world in
            let peer = try world.peer(receiveBytes: 4_096)
            let count = 40
            try await peer.write(String(repeating: "GET /large.txt HTTP/1.1\r\nHost: a\r\n\r\n", count: count))
            for _ in 0..<count { #expect(try await peer.answer().body.count == 1_600_000) }
            #expect(world.gauge("hub_outbox_bytes") == 0)
        }
    }

    @Test func answersAPeerThatSendsNoMore() async throws {
        try await withWorld { world in
            let peer = try world.peer(receiveBytes: 4_096)
            try await peer.write("GET /large.txt HTTP/1.1\r\nHost: a\r\n\r\n")
            peer.finishWriting()
            #expect(try await peer.answer().body.count == 1_600_000)
            #expect(try await peer.isClosedByHub())
        }
    }

    @Test(arguments: [
        ("GET", "/", 200, "text/html; charset=utf-8", "no-cache"),
        ("HEAD", "/", 200, "text/html; charset=utf-8", "no-cache"),
        ("GET", "/app.js", 200, "text/javascript; charset=utf-8", "no-cache"),
        ("GET", "/assets/style.css?v=1", 200, "text/css; charset=utf-8", "no-cache"),
        ("GET", "/assets/app.3f9c02d41b7e.js", 200, "text/javascript; charset=utf-8",
         "public, max-age=31536000, immutable"),
        ("GET", "/nothing.html", 404, "text/plain; charset=utf-8", "no-store"),
        ("GET", "/assets", 404, "text/plain; charset=utf-8", "no-store"),
        ("GET", "/secret.key", 404, "text/plain; charset=utf-8", "no-store"),
        ("GET", "/.hidden.html", 404, "text/plain; charset=utf-8", "no-store"),
        ("POST", "/", 405, nil, nil), ("DELETE", "/healthz", 405, nil, nil),
        ("GET", "/../../etc/passwd", 400, nil, nil), ("GET", "/%2e%2e/secret.key", 400, nil, nil),
    ] as [(String, String, Int, String?, String?)])
    func servesFiles(_ method: String, _ path: String, _ status: Int, type: String?,
                     caching: String?) async throws {
        try await withWorld { world in
            let answer = try await world.peer().ask(method, path)
            #expect(answer.status == status)
            #expect(answer.headers["content-type"] == type)
            #expect(answer.headers["cache-control"] == caching)
        }
    }

    @Test(arguments: ["/", "/app.js", "/nothing", "/healthz", "/metrics", "/api/v1/x", "/ws", "/%"])
    func forbidsWhatPagesNeedNot(_ path: String) async throws {
        try await withWorld { world in
            let headers = try await world.peer().ask("GET", path).headers
            let policy = try #require(headers["content-security-policy"])
            #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'; "))
            #expect(policy.contains("frame-ancestors 'none'; base-uri 'none'"))
            #expect(!policy.contains("unsafe"))
            #expect(headers["x-content-type-options"] == "nosniff")
            #expect(headers["referrer-policy"] == "no-referrer")
            #expect(headers["cross-origin-opener-policy"] == "same-origin")
            #expect(headers["permissions-policy"] != nil)
        }
    }

    /// For browsers that do not take 'self' for WebSockets; and nothing that the sender of a request made up.
    @Test func pagesMayConnectToTheHostTheyCameFrom() async throws {
        try await withWorld({ $0.origins.allowed = ["https://hub.test", "http://other.test:8080"] }) { world in
            let own = ["hub.test", "HUB.test:8080", "other.test", "localhost:1", "127.0.0.1", "[::1]:80"]
            for host in own + ["evil.test", "hub.test.evil.test", "evil-hub.test", "localhost.evil.test"] {
                let answer = try await world.peer().ask("GET", "/", host: host)
                let policy = try #require(answer.headers["content-security-policy"])
                let sources = own.contains(host) ? "'self' ws://\(host) wss://\(host)" : "'self'"
                #expect(policy.contains("connect-src \(sources); "), "\(host)")
                #expect(policy.hasSuffix("require-trusted-types-for 'script'; trusted-types 'none'"))
            }
        }
    }

    /// Who reads metrics from this machine asks for this machine: another name is a page of that name asking.
    @Test func metricsAreNotReadThroughANameOfSomebodyElse() async throws {
        try await withWorld({ $0.origins.allowed = ["https://hub.test"] }) { world in
            for (host, status) in [("127.0.0.1:8080", 200), ("[::1]", 200), ("localhost", 200), ("hub.test:1", 200),
                                   ("evil.test", 403), ("127.0.0.1.evil.test", 403)] {
                #expect(try await world.peer().ask("GET", "/metrics", host: host).status == status, "\(host)")
            }
            let old = try world.peer()
            try await old.write("GET /metrics HTTP/1.0\r\n\r\n")
            #expect(try await old.answer().status == 403, "no name is no name of ours")
        }
    }

    /// A rule of a proxy that looks at the path as it came holds.
    @Test(arguments: ["/%6detrics", "/metric%73", "/%68ealthz", "/readyz%2F", "/%77s", "/%61pi/v1/x", "/strea%6d"])
    func ownPathsHaveOneSpelling(_ path: String) async throws {
        try await withWorld { world in
            let status = try await world.peer().ask("GET", path, host: "127.0.0.1").status
            #expect(status == (path.hasSuffix("%2F") ? 400 : 404))
            #expect(try await world.peer().ask("GET", "/app%2ejs").status == 200, "files are found as before")
        }
    }

    @Test func sendsAFileOnlyWhenItChanged() async throws {
        try await withWorld { world in
            let peer = try world.peer()
            let etag = try #require(try await peer.ask("GET", "/app.js").headers["etag"])
            for known in [etag, "W/\(etag)", "\"x\", \(etag)", "*"] {
                #expect(try await peer.ask("GET", "/app.js", ["If-None-Match: \(known)"]).status == 304)
            }
            #expect(try await peer.ask("GET", "/app.js", ["If-None-Match: \"x\""]).status == 200)
            #expect(try await peer.ask("GET", "/icon.svg").headers["etag"] != etag)
        }
    }

    @Test func showsMetricsToThoseWhoMaySeeThem() async throws {
        try await withWorld { world in
            let answer = try await world.peer().ask("GET", "/metrics", host: "127.0.0.1")
            #expect(answer.text.contains("# TYPE hub_connections gauge\nhub_connections 1\n"))
            #expect(answer.text.contains("hub_loop_tick_seconds_bucket{loop=\"front-0\",le=\"+Inf\"}"))
        }
        try await withWorld({ $0.metricsAllow = [] }) { world in
            let answer = try await world.peer().ask("GET", "/metrics", host: "127.0.0.1")
            #expect(answer.status == 403)
        }
    }

    // MARK: Handlers

    @Test func givesRequestsToTheHandlerOneAtATime() async throws {
        let working = Lock((now: 0, most: 0))
        let api: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            working.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            for _ in 0..<10 { await Task.yield() }
            working.withLock { $0.now -= 1 }
            return HTTPResponse(status: 200, body: Array(request.path.utf8) + request.body)
        }
        try await withWorld(api: api) { world in
            let peer = try world.peer()
            for index in 0..<50 {
                try await peer.write("POST /api/\(index) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
            }
            for index in 0..<50 { #expect(try await peer.answer().text == "/api/\(index)hi") }
            #expect(working.withLock { $0.most } == 1)
        }
    }

    @Test func dropsTheAnswerForAPeerThatIsGone() async throws {
        let waiting = Lock<[CheckedContinuation<Void, Never>]>([])
        let api: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            await withCheckedContinuation { continuation in waiting.withLock { $0.append(continuation) } }
            return HTTPResponse(status: 200)
        }
        try await withWorld(api: api) { world in
            for _ in 0..<20 {
                let peer = try world.peer()
                peer.resetAtEnd()
                try await peer.write("GET /api/slow HTTP/1.1\r\nHost: a\r\n\r\n")
                await eventually { waiting.withLock { $0.count } == 1 }
                withExtendedLifetime(peer) {}
                waiting.withLock { $0.removeLast() }.resume()
            }
            await eventually { world.gauge("hub_connections") == 0 }
            #expect(try await world.peer().ask("GET", "/healthz").status == 200)
        }
    }

    // MARK: Limits

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", 400), ("nonsense\r\n\r\n", 400), ("\u{16}\u{3}\u{1}", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n", 431),
        ("GET /\(String(repeating: "x", count: 10_000)) HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", 413),
        ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501), ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ])
    func refusesWhatIsNoRequest(_ text: String, _ status: Int) async throws {
        try await withWorld { world in
            let peer = try world.peer()
            try await peer.write(text)
            #expect(try await peer.answer().status == status)
            #expect(try await peer.isClosedByHub())
        }
    }

    @Test func endsARequestThatTakesTooLong() async throws {
        try await withWorld({ $0.httpHeaderMilliseconds = 100 }) { world in
            let peer = try world.peer()
            #expect(try await peer.ask("GET", "/healthz").status == 200)
            // The second one begins in the same piece as the end of the first.
            try await peer.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /he")
            #expect(try await peer.answer().status == 200)
            #expect(try await peer.answer().status == 408)
            #expect(try await peer.isClosedByHub())
        }
    }

    @Test func endsAnIdleConnection() async throws {
        try await withWorld({ $0.httpIdleMilliseconds = 50 }) { world in
            let peer = try world.peer()
            #expect(try await peer.ask("GET", "/healthz").status == 200)
            #expect(try await peer.isClosedByHub())
        }
    }

    @Test func dropsAPeerThatTakesNothing() async throws {
        try await withWorld({ $0.stallMilliseconds = 100 }) { world in
            let peer = try world.peer(receiveBytes: 4_096)
            try await peer.write(String(repeating: "GET /large.txt HTTP/1.1\r\nHost: a\r\n\r\n", count: 16))
            await eventually { world.counter("hub_http_requests_total", "status=\"2xx\"") > 0 }
            await eventually { world.gauge("hub_connections") == 0 }
            withExtendedLifetime(peer) {}
        }
    }

    @Test func refusesConnectionsOverTheLimit() async throws {
        try await withWorld({ $0.connectionsMax = 2 }) { world in
            let first = try world.peer()
            #expect(try await first.ask("GET", "/healthz").status == 200)
            let second = try world.peer()
            #expect(try await second.ask("GET", "/healthz").status == 200)
            let third = try world.peer()
            #expect(try await third.answer().status == 503)
            #expect(try await third.isClosedByHub())
            #expect(world.counter("hub_connections_refused_total", "reason=\"full\"") == 1)
            #expect(try await first.ask("GET", "/healthz").status == 200)
        }
    }

    @Test func discardsWhatComesBehindTheLastRequest() async throws {
        try await withWorld { world in
            let peer = try world.peer()
            try await peer.write("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                + String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 100))
            #expect(try await peer.answer().text == "ok\n")
            #expect(try await peer.isClosedByHub())
        }
    }
}

@Suite(.timeLimit(.minutes(10)))
struct ListeningTests {
    @Test func refusesATakenPort() async throws {
        try await withWorld { world in
            var configuration = FrontConfiguration()
            configuration.addresses = [FrontAddress(host: "127.0.0.1", port: world.port)]
            #expect(throws: FrontError.self) { try World(configuration) }
            do {
                _ = try World(configuration)
            } catch let FrontError.cannotListen(address, reason) {
                #expect(address.port == world.port)
                #expect(reason == "Address already in use")
            }
        }
    }

    @Test func refusesAnAddressThatIsNone() {
        var configuration = FrontConfiguration()
        configuration.addresses = [FrontAddress(host: "localhost", port: 0)]
        #expect(throws: FrontError.self) { try World(configuration) }
    }

    @Test func listensOnIPv6() async throws {
        let world = try World(isV6: true)
        #expect(try await Peer(port: world.port, host: "::1").ask("GET", "/healthz").status == 200)
        await world.end()
    }

    @Test func refusesAFolderWithoutAStartPage() {
        #expect(throws: StaticSite.Problem.self) { try StaticSite(folder: "/proc/self/fdinfo") }
        #expect(throws: StaticSite.Problem.self) { try StaticSite(folder: "/nowhere") }
    }
}
