// Proxies in front, over real sockets: whose word counts, and what becomes of the word of strangers.

import Front
import Glibc
import Model
import Ports
import Testing
import Wire

/// Answers with what the front says of the request.
private let echo: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
    HTTPResponse(status: 200, body: Array(
        "\(request.peerAddress) \(request.isSecure ? "https" : "http") \(request.header("host") ?? "")".utf8))
}

private func trusting(_ proxies: String..., proxyProtocol: Bool = false,
                      _ change: @escaping (inout FrontConfiguration) -> Void = { _ in })
    -> (inout FrontConfiguration) -> Void
{
    { configuration in
        configuration.forwarded.trustedProxies = proxies.compactMap(AddressRange.init)
        configuration.proxyProtocol = proxyProtocol
        change(&configuration)
    }
}

private let binaryHeader: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0x11, 0, 12,
                                     203, 0, 113, 9, 127, 0, 0, 1, 0x1F, 0x90, 0, 80]

@Suite(.timeLimit(.minutes(10)))
struct ProxyTests {
    @Test func learnsWhoTheClientIsFromATrustedProxy() async throws {
        try await withWorld(trusting("127.0.0.1"), api: echo) { world in
            let peer = try world.peer()
            #expect(try await peer.ask("GET", "/api/x").text == "127.0.0.1 http hub.test")
            let forwarded = ["X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Forwarded-Proto: https",
                             "X-Forwarded-Host: chat.test"]
            #expect(try await peer.ask("GET", "/api/x", forwarded).text == "203.0.113.9 https chat.test")
            // The next request of the same connection is another client's.
            #expect(try await peer.ask("GET", "/api/x", ["X-Forwarded-For: 2001:db8::7"]).text
                == "2001:db8::7 http hub.test")
            #expect(try await peer.ask("GET", "/api/x", ["X-Forwarded-For: nobody"]).status == 400)
            #expect(try await peer.isClosedByHub())
            #expect(world.counter("hub_connections_refused_total", "reason=\"forwarded\"") == 1)
        }
    }

    @Test func believesNoStranger() async throws {
        try await withWorld(trusting("10.0.0.0/8"), api: echo) { world in
            let forged = ["X-Forwarded-For: 10.0.0.1", "X-Real-IP: 10.0.0.1", "Forwarded: for=10.0.0.1;proto=https",
                          "X-Forwarded-Proto: https", "X-Forwarded-Host: friend.test"]
            #expect(try await world.peer().ask("GET", "/api/x", forged).text == "127.0.0.1 http hub.test")
            let origin = ["Origin: https://friend.test"] + forged
            for headers in [origin, ["Origin: https://hub.test"] + forged] {
                let peer = try world.peer()
                try await peer.write(Peer.upgrade(headers))
                #expect(try await peer.answer().status == 403)
            }
        }
    }

    @Test func metricsAreForWhomTheyAreMeant() async throws {
        try await withWorld(trusting("127.0.0.1")) { world in
            let peer = try world.peer()
            #expect(try await peer.ask("GET", "/metrics", host: "127.0.0.1").status == 200)
            for address in ["203.0.113.9", "127.0.0.1, 203.0.113.9", "2001:db8::1"] {
                let header = "X-Forwarded-For: \(address)"
                #expect(try await peer.ask("GET", "/metrics", [header], host: "127.0.0.1").status == 403)
            }
        }
        // A proxy that nobody told the hub of: everything seems to come from its address.
        try await withWorld { world in
            let peer = try world.peer()
            for header in ["X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-IP: 127.0.0.1"] {
                #expect(try await peer.ask("GET", "/metrics", [header], host: "127.0.0.1").status == 403)
            }
        }
    }

    @Test func readsPROXYHeadersHoweverTheyAreCut() async throws {
        try await withWorld(trusting("127.0.0.1", proxyProtocol: true), api: echo) { world in
            let ask = "GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n"
            let headers = [Array("PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n".utf8), binaryHeader]
            for header in headers {
                let whole = try world.peer()
                try await whole.write(header + Array(ask.utf8))
                #expect(try await whole.answer().text == "203.0.113.9 http a")
                // It holds for the connection, and the client's own headers count for nothing.
                #expect(try await whole.ask("GET", "/api/x", ["X-Forwarded-For: 6.6.6.6"]).text
                    == "203.0.113.9 http hub.test")
                let cut = try world.peer()
                let all = header + Array(ask.utf8)
                for byte in all { try await cut.write([byte]) }
                #expect(try await cut.answer().text == "203.0.113.9 http a")
            }
            let local = try world.peer()
            try await local.write("PROXY UNKNOWN\r\n")
            #expect(try await local.ask("GET", "/api/x").text == "127.0.0.1 http hub.test")
            let socket = try world.peer()
            try await socket.write(binaryHeader + Array(Peer.upgrade().utf8) + Peer.frame(0x89, [7]))
            #expect(try await socket.answer().status == 101)
            #expect(try await socket.frame().payload == [7])
        }
    }

    @Test func aTrustedProxyMustSendTheHeader() async throws {
        try await withWorld(trusting("127.0.0.1", proxyProtocol: true) { $0.httpHeaderMilliseconds = 100 }) { world in
            for start in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\u{16}\u{3}\u{1}", "PROXY TCP4 1.2.3.4\r\n"] {
                let peer = try world.peer()
                try await peer.write(start)
                #expect(try await peer.isClosedByHub())
            }
            #expect(world.counter("hub_connections_refused_total", "reason=\"proxy_header\"") == 3)
            let silent = try world.peer()
            try await silent.write("PROXY TCP4 ")
            #expect(try await silent.isClosedByHub())
            await eventually { world.gauge("hub_connections") == 0 && world.gauge("hub_connections_unwelcomed") == 0 }
        }
    }

    @Test(arguments: [false, true])
    func strangersMustNotSendOne(_ proxyProtocol: Bool) async throws {
        try await withWorld(trusting("10.0.0.0/8", proxyProtocol: proxyProtocol), api: echo) { world in
            for header in [Array("PROXY TCP4 10.0.0.1 127.0.0.1 1 2\r\n".utf8), binaryHeader] {
                let peer = try world.peer()
                try await peer.write(header + Array("GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
                #expect(try await peer.answer().status == 400)
                #expect(try await peer.isClosedByHub())
            }
            #expect(world.counter("hub_connections_refused_total", "reason=\"proxy_header\"") == 2)
        }
    }

    /// The own origin is made of what is known of the request; the others are compared as they are.
    @Test(arguments: [
        ("https://hub.test", 101), ("https://friend.test", 101), ("https://friend.test:8443", 101),
        ("null", 403), ("", 403), ("http://hub.test", 403), ("http://friend.test", 403), ("https://hub.test:443", 403),
        ("https://hub.test:8443", 403), ("https://hub.test.", 403), ("https://HUB.test", 403),
        ("HTTPS://hub.test", 403),
        ("https://hub.test/", 403), ("https://hub.test/x", 403), ("https://hub.test?x", 403),
        ("https://hub.test#x", 403),
        ("https://hub.test.evil.test", 403), ("https://evil-hub.test", 403), ("https://evil.hub.test", 403),
        ("https://ub.test", 403), ("https://u@hub.test", 403), ("https://hub.test@evil.test", 403),
        ("https://hub.test:x", 403), ("https://friend.test:8444", 403), ("https://friend.test:84430", 403),
        ("wss://hub.test", 403), ("ws://hub.test", 403), ("file://", 403), ("https://", 403), ("hub.test", 403),
        ("//hub.test", 403), ("https:/hub.test", 403), ("https://hub.test https://evil.test", 403),
        ("https://hub.test, https://evil.test", 403), ("https://evil.test, https://hub.test", 403),
        ("https://hub%2Etest", 403), ("https://hub.test%00", 403), ("https://127.0.0.1", 403), ("https://[::1]", 403),
        ("https://xn--hub-test", 403), ("*", 403), ("https://*", 403), ("undefined", 403),
        ("https://\u{212A}iosk.test", 403),
    ])
    func comparesOriginsWhole(_ origin: String, _ status: Int) async throws {
        let change = trusting("127.0.0.1") {
            $0.origins.allowed = ["https://friend.test", "https://friend.test:8443", "https://Kiosk.test"]
        }
        try await withWorld(change) { world in
            let peer = try world.peer()
            try await peer.write(Peer.upgrade(["X-Forwarded-Proto: https", "Origin: \(origin)"]))
            #expect(try await peer.answer().status == status)
            #expect(world.counter("hub_connections_refused_total", "reason=\"origin\"") == (status == 403 ? 1 : 0))
        }
    }
}
