// TLS on real sockets: everything that plain connections do, and what only TLS can go wrong with.

import Crypto
import Front
import Glibc
import Model
import Ports
import Testing
import TLSPeer

private let topic = Topic.channel(ChannelID(high: 1, low: 2))

/// A front whose only address has TLS, with a certificate for hub.test.
private func withTLSWorld(
    loops: Int = 1, _ change: (inout FrontConfiguration) -> Void = { _ in },
    _ body: (World, TestAuthority) async throws -> Void
) async throws {
    let authority = TestAuthority()
    let context = try makeContext(authority.issue(["DNS:hub.test"], as: "first"),
                                  TLSTickets(nowMilliseconds: 0))
    try await withWorld(loops: loops, { configuration in
        configuration.addresses = [FrontAddress(host: "127.0.0.1", port: 0, isTLS: true)]
        configuration.tls = context
        change(&configuration)
    }, { world in try await body(world, authority) })
}

private func makeContext(_ pair: TestAuthority.Pair, _ tickets: TLSTickets) throws -> TLSContext {
    try TLSContext([TLSFiles(chain: pair.chain, key: pair.key)], tickets: tickets,
                   nowSeconds: Int64(time(nil)))
}

@Suite(.timeLimit(.minutes(10)))
struct TLSHandshakeTests {
    @Test(arguments: [false, true], [1, 1_000])
    func servesHTTPAndWebSockets(isVersion12: Bool, pieces: Int) async throws {
        try await withTLSWorld({ $0.strictTransport = "max-age=60" }) { world, authority in
            var options = TLSClient.Options()
            options.isVersion12 = isVersion12
            options.offered = ["h2", "http/1.1"]
            let peer = try world.peer()
            let client = TLSClient(trusting: authority, options)
            try await peer.shakeHands(client, pieces: pieces)
            #expect(client.version == (isVersion12 ? "TLSv1.2" : "TLSv1.3"))
            #expect(client.chosenProtocol == "http/1.1")
            let page = try await peer.ask("GET", "/")
            #expect(page.status == 200)
            #expect(page.headers["strict-transport-security"] == "max-age=60")
            let large = try await peer.ask("GET", "/large.txt")
            #expect(large.body.count == 1_600_000)
            try await peer.write(Peer.upgrade() + "")
            #expect(try await peer.answer().status == 101)
            let version = isVersion12 ? "1.2" : "1.3"
            #expect(world.counter("hub_tls_handshakes_total", "version=\"\(version)\",resumed=\"no\"") == 1)
        }
    }

    @Test func anyLoopResumesWhatAnotherBegan() async throws {
        try await withTLSWorld(loops: 3) { world, authority in
            var session: TLSClient.Session?
            // The kernel chooses the loop of a connection: enough of them meet every loop.
            for visit in 0..<16 {
                var options = TLSClient.Options()
                options.session = session
                let client = TLSClient(trusting: authority, options)
                let peer = try world.peer()
                try await peer.shakeHands(client)
                #expect(try await peer.ask("GET", "/healthz").status == 200)
                #expect(client.isResumed == (visit > 0))
                session = client.session
                client.close()
            }
            #expect(world.counter("hub_tls_handshakes_total", "version=\"1.3\",resumed=\"yes\"") == 15)
        }
    }

    @Test func saysToPlainHTTPWhereItIs() async throws {
        try await withTLSWorld { world, _ in
            let peer = try world.peer()
            let answer = try await peer.ask("GET", "/")
            #expect(answer.status == 400)
            #expect(answer.text.contains("https://"))
            #expect(try await peer.isClosedByHub())
            #expect(world.counter("hub_tls_failures_total", "reason=\"plain_http\"") == 1)
        }
    }

    @Test(arguments: [
        ("SSH-2.0-OpenSSH\r\n", "malformed"), ("\u{16}\u{3}\u{1}\u{0}\u{5}\u{2}\u{0}\u{0}\u{1}\u{0}", "malformed"),
    ])
    func closesWhatIsNoTLS(_ bytes: String, _ reason: String) async throws {
        try await withTLSWorld { world, _ in
            let peer = try world.peer()
            try await peer.write(bytes)
            await eventually { world.counter("hub_tls_failures_total", "reason=\"\(reason)\"") == 1 }
            peer.finishWriting()
            await eventually { world.gauge("hub_connections") == 0 }
        }
    }

    @Test func handshakesHaveTheTimeOfAHeader() async throws {
        try await withTLSWorld({ $0.httpHeaderMilliseconds = 100 }) { world, authority in
            let silent = try world.peer()
            let client = TLSClient(trusting: authority)
            client.receive([])
            try await silent.write(Array(client.takeOutput().dropLast()))
            #expect(try await silent.isClosedByHub())
            #expect(world.counter("hub_tls_failures_total", "reason=\"timeout\"") == 1)
        }
    }

    @Test func noticesWhoLeavesDuringTheHandshake() async throws {
        try await withTLSWorld { world, _ in
            let peer = try world.peer()
            try await peer.write("\u{16}")
            peer.finishWriting()
            await eventually { world.gauge("hub_connections") == 0 }
            #expect(world.counter("hub_accept_failures_total") == 0)
            await eventually { world.counter("hub_tls_failures_total", "reason=\"gone\"") == 1 }
        }
    }

    @Test func openConnectionsSurviveANewCertificate() async throws {
        try await withTLSWorld(loops: 2) { world, authority in
            var open: [(peer: Peer, session: World.Attached)] = []
            for _ in 0..<50 { open.append(try await world.webSocket(tls: TLSClient(trusting: authority))) }
            var configuration = world.configuration
            configuration.tls = try makeContext(authority.issue(["DNS:hub.test"], as: "second"),
                                                TLSTickets(nowMilliseconds: 0))
            await world.reload(configuration)
            // A loop that has not heard of it yet may take one or two more with the first.
            var inARow = 0
            for _ in 0..<200 where inARow < 16 {
                let client = TLSClient(trusting: authority)
                let peer = try world.peer()
                try await peer.shakeHands(client)
                #expect(try await peer.ask("GET", "/healthz").status == 200)
                inARow = client.certificateName == "second" ? inARow + 1 : 0
            }
            #expect(inARow == 16)
            for (peer, session) in open {
                #expect(peer.tls?.certificateName == "first")
                session.attach(topic)
                session.lane.hand(.broadcast(topic, news(1), except: nil))
                #expect(try await sequences(peer, 1) == [1])
                session.lane.hand(.detach(session.id, topic))
            }
        }
    }
}

@Suite(.timeLimit(.minutes(10)))
struct TLSDataTests {
    @Test func everybodyGetsEverythingOnceInOrder() async throws {
        try await withTLSWorld(loops: 2) { world, authority in
            var readers: [(peer: Peer, session: World.Attached)] = []
            for _ in 0..<10 {
                let reader = try await world.webSocket(tls: TLSClient(trusting: authority))
                reader.session.attach(topic)
                readers.append(reader)
            }
            var lanes: [any DeliveryLane] = []
            for (_, session) in readers where !lanes.contains(where: { $0 === session.lane }) {
                lanes.append(session.lane)
            }
            for number in 1...300 {
                let broadcast = news(number, bytes: number % 100 == 0 ? 100_000 : 100)
                for lane in lanes { lane.hand(.broadcast(topic, broadcast, except: nil)) }
            }
            for reader in readers { #expect(try await sequences(reader.peer, 300) == Array(1...300)) }
        }
    }

    @Test(arguments: [125, 16_384, 1 << 20])
    func messagesOfAnySizeArrive(bytes: Int) async throws {
        try await withTLSWorld { world, authority in
            let (peer, session) = try await world.webSocket(tls: TLSClient(trusting: authority))
            session.welcome()
            #expect(try await peer.frame().opcode == 1)
            // An unknown command of this size is answered by its id.
            let head = "{\"id\":7,\"fly\":\""
            let text = head + String(repeating: "x", count: bytes - head.utf8.count - 2) + "\"}"
            try await peer.sendText(text)
            #expect(try await peer.error()?.id == 7)
            session.attach(topic)
            session.lane.hand(.broadcast(topic, news(1, bytes: bytes), except: nil))
            let payload = try await peer.frame().payload
            #expect(payload.count > bytes)
        }
    }

    @Test func aSlowReaderIsClosedWithinItsBudget() async throws {
        let budget = 256 << 10
        try await withTLSWorld({ $0.outboxBytesMax = budget }) { world, authority in
            let (slow, lagging) = try await world.webSocket(receiveBytes: 4_096, tls: TLSClient(trusting: authority))
            lagging.welcome()
            lagging.attach(topic)
            var sent = 0
            var most: Int64 = 0
            while world.counter("hub_closes_total", "code=\"slow_reader\"") == 0, sent < 2_000 {
                sent += 1
                lagging.lane.hand(.broadcast(topic, news(sent, bytes: 16_000), except: nil))
                await eventually { world.gauge("hub_loop_waiting_jobs") == 0 }
                most = max(most, world.gauge("hub_outbox_bytes"))
            }
            #expect(sent < 2_000)
            #expect(most <= Int64(budget) + 17_000)
            // Reading on, it gets what had been encrypted, whole and in order, and is told why it ends.
            let last = try await slow.lastEventBeforeItsEndAsSlow()
            #expect(last > 0 && last < UInt64(sent))
            await eventually { world.gauge("hub_outbox_bytes") == 0 }
        }
    }

    @Test func aStalledReaderIsDropped() async throws {
        try await withTLSWorld({ $0.stallMilliseconds = 100 }) { world, authority in
            let (peer, session) = try await world.webSocket(receiveBytes: 4_096, tls: TLSClient(trusting: authority))
            session.welcome()
            session.attach(topic)
            var sent = 0
            while world.gauge("hub_outbox_bytes") == 0, world.gauge("hub_websockets") == 1 {
                sent += 1
                session.lane.hand(.broadcast(topic, news(sent, bytes: 16_000), except: nil))
                await eventually { world.gauge("hub_loop_waiting_jobs") == 0 }
                try #require(sent < 2_000)
            }
            await eventually { world.gauge("hub_connections") == 0 }
            withExtendedLifetime(peer) {}
        }
    }

    /// Answers that a peer can make libssl give, and does not read, are not kept without end.
    @Test func whoAsksForKeysAndReadsNothingIsDropped() async throws {
        try await withTLSWorld { world, authority in
            let client = TLSClient(trusting: authority)
            let (peer, session) = try await world.webSocket(receiveBytes: 4_096, tls: client)
            session.attach(topic)
            var sent = 0
            while world.gauge("hub_outbox_bytes") == 0 {
                sent += 1
                session.lane.hand(.broadcast(topic, news(sent, bytes: 16_000), except: nil))
                await eventually { world.gauge("hub_loop_waiting_jobs") == 0 }
                try #require(sent < 2_000)
            }
            var asked = 0
            do {
                while world.gauge("hub_connections") == 1, asked < 10_000 {
                    asked += 100
                    for _ in 0..<100 { client.updateKeys() }
                    try await peer.writeRaw(client.takeOutput())
                }
            } catch is PeerClosed {}
            await eventually { world.gauge("hub_connections") == 0 }
            #expect(world.counter("hub_closes_total", "code=\"slow_reader\"") == 0, "not by the rule for the stalled")
        }
    }

    /// The end of the handshake may come with a part of a request or a whole one: the session ticket waits for
    /// the answer of this turn, and not for one that does not come.
    @Test(arguments: ["GET /healthz HTTP/1.1\r\n", "GET /healthz HTTP/1.1\r\nHost: hub.test\r\n\r\n"])
    func ticketsComeWithAndWithoutAnAnswer(_ request: String) async throws {
        try await withTLSWorld { world, authority in
            let client = TLSClient(trusting: authority)
            let peer = try world.peer()
            try await peer.shakeHands(client, then: Array(request.utf8))
            try await peer.receiveSilently()
            #expect(client.session?.isResumable == true)
        }
    }

    @Test func bothEndsSayGoodbye() async throws {
        try await withTLSWorld { world, authority in
            let client = TLSClient(trusting: authority)
            let (peer, _) = try await world.webSocket(tls: client)
            try await peer.write(Peer.frame(0x88, []))
            #expect(try await peer.closeCode() == 1005)
            #expect(try await peer.isClosedByHub())
            #expect(client.isEnded, "close_notify, not just the end of the socket")
            client.close()
            try await peer.writeRaw(client.takeOutput())
            peer.finishWriting()
            await eventually { world.gauge("hub_connections") == 0 }
        }
    }

    /// The peer's close_notify, its socket's end without one, a cut record, a reset, and a changed record.
    @Test(arguments: ["notify", "end", "cut", "reset", "forged"])
    func whoGoesIsForgotten(how: String) async throws {
        try await withTLSWorld { world, authority in
            let client = TLSClient(trusting: authority)
            var peer: Peer? = try await world.webSocket(tls: client).peer
            client.write(Peer.frame(0x89, [1]))
            var record = client.takeOutput()
            switch how {
            case "notify":
                client.close()
                try await peer?.writeRaw(client.takeOutput())
            case "end": peer?.finishWriting()
            case "cut":
                try await peer?.writeRaw(Array(record.dropLast()))
                peer?.finishWriting()
            case "reset": peer?.resetAtEnd()
            default:
                record[8] ^= 1
                try await peer?.writeRaw(record)
                await eventually { world.counter("hub_tls_failures_total", "reason=\"malformed\"") == 1 }
            }
            await eventually { world.gauge("hub_websockets") == 0 || how == "reset" }
            peer = nil
            await eventually { world.gauge("hub_connections") == 0 && world.gauge("hub_websockets") == 0 }
        }
    }

    /// Beyond the limit only for a probe, which has to come soon.
    @Test func tooManyConnectionsAreClosedWithoutAHandshake() async throws {
        try await withTLSWorld({ $0.connectionsMax = 2 }) { world, authority in
            let (one, two) = (try world.peer(), try world.peer())
            for peer in [one, two] { try await peer.shakeHands(TLSClient(trusting: authority)) }
            #expect(try await world.peer().isClosedByHub())
            #expect(world.counter("hub_connections_refused_total", "reason=\"full\"") == 1)
            #expect(try await one.ask("GET", "/healthz").status == 200)
            for (path, status) in [("/healthz", 200), ("/app.js", 503)] {
                let probe = try world.peer()
                try await probe.shakeHands(TLSClient(trusting: authority))
                #expect(try await probe.ask("GET", path).status == status)
                #expect(try await probe.isClosedByHub())
            }
        }
    }

    @Test func drainsConnectionsWithTLS() async throws {
        try await withTLSWorld { world, authority in
            let (peer, session) = try await world.webSocket(tls: TLSClient(trusting: authority))
            session.welcome()
            async let drained: Void = world.front.drain()
            #expect(try await peer.closeCode() == 4_000)
            await drained
        }
    }
}
