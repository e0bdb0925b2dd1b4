// The bounds of the front at their edges, over real sockets: n are taken, one more is refused and counted.

import Front
import Glibc
import Live
import Model
import Ports
import Testing
import Wire

extension World {
    func refused(_ reason: String) -> UInt64 {
        counter("hub_connections_refused_total", "reason=\"\(reason)\"")
    }
}

/// Connections of the loopback address count too, and come as fast as tests make them.
private func bounded(_ change: @escaping (inout FrontConfiguration) -> Void) -> (inout FrontConfiguration) -> Void {
    { configuration in
        configuration.unlimitedAddresses = []
        change(&configuration)
    }
}

@Suite(.timeLimit(.minutes(10)))
struct BoundTests {
    // MARK: Connections

    @Test func openConnectionsOfAnAddress() async throws {
        try await withWorld(loops: 2, bounded { $0.accepts.addressOpenMax = 3 }) { world in
            var peers: [Peer] = []
            for _ in 0..<3 {
                peers.append(try world.peer())
                #expect(try await peers.last!.ask("GET", "/healthz").status == 200)
            }
            let fourth = try world.peer()
            #expect(try await fourth.answer().headers["retry-after"] == "5")
            #expect(try await fourth.isClosedByHub())
            #expect(world.refused("address_open") == 1)
            peers.removeLast()
            await eventually { world.gauge("hub_connections") == 2 }
            #expect(try await world.peer().ask("GET", "/healthz").status == 200)
        }
    }

    @Test func newConnectionsOfAnAddress() async throws {
        let change = bounded { configuration in
            configuration.accepts.addressPerSecond = 1
            configuration.accepts.addressBurst = 3
        }
        try await withWorld(change) { world in
            let began = TestClocks().monotonic().value
            var statuses: [Int] = []
            for _ in 0..<6 { statuses.append(try await world.peer().ask("GET", "/healthz").status) }
            // On a slow machine some come back meanwhile.
            let grown = Int((TestClocks().monotonic().value - began) / 1_000_000_000) + 1
            #expect(statuses.prefix(3) == [200, 200, 200])
            #expect(statuses.count { $0 == 429 } >= 3 - grown && statuses.allSatisfy { $0 == 200 || $0 == 429 })
            #expect(world.refused("address_rate") == UInt64(statuses.count { $0 == 429 }))
        }
    }

    @Test func someAddressesHaveNoLimit() async throws {
        try await withWorld({ $0.accepts.addressOpenMax = 1 }) { world in
            let peers = [try world.peer(), try world.peer()]
            for peer in peers { #expect(try await peer.ask("GET", "/healthz").status == 200) }
        }
    }

    @Test func clientsBehindAProxyCountOneByOne() async throws {
        let change = bounded { configuration in
            configuration.accepts.addressOpenMax = 2
            configuration.forwarded.trustedProxies = ["127.0.0.1"].compactMap(AddressRange.init)
        }
        try await withWorld(change) { world in
            var peers = [try world.peer()]
            func upgrade(_ client: String) async throws -> Int {
                let peer = try world.peer()
                peers.append(peer)
                try await peer.write(Peer.upgrade(["X-Forwarded-For: \(client)"]))
                return try await peer.answer().status
            }
            for client in ["2001:db8::1", "2001:db8::2", "203.0.113.1", "203.0.113.1", "203.0.113.2"] {
                #expect(try await upgrade(client) == 101)
            }
            #expect(try await upgrade("2001:db8::3") == 429)
            #expect(try await upgrade("203.0.113.1") == 429)
            #expect(try await upgrade("2001:db8:0:1::1") == 101)
            #expect(world.refused("address_open") == 2)
        }
    }

    @Test func connectionsWithoutASession() async throws {
        try await withWorld({ $0.unwelcomedMax = 2 }) { world in
            let (first, session) = try await world.webSocket()
            let second = try await world.webSocket().peer
            let third = try world.peer()
            #expect(try await third.answer().status == 503)
            #expect(world.refused("unwelcomed") == 1)
            #expect(try await third.isClosedByHub())
            await eventually { world.gauge("hub_connections_unwelcomed") == 2 }
            // Who is welcomed makes room.
            session.welcome()
            #expect(try await first.frame().opcode == 1)
            #expect(try await world.peer().ask("GET", "/healthz").status == 200)
            withExtendedLifetime(second) {}
        }
    }

    @Test func connectionsAboveTheRateWaitAndAreServed() async throws {
        let change: (inout FrontConfiguration) -> Void = { configuration in
            configuration.accepts.perSecond = 50
            configuration.accepts.burst = 10
            configuration.httpHeaderMilliseconds = 120_000
        }
        try await withWorld(change) { world in
            let began = TestClocks().monotonic().value
            let peers = try (0..<40).map { _ in try world.peer() }
            for peer in peers { #expect(try await peer.ask("GET", "/healthz").status == 200) }
            // 30 more than the burst take 600 ms.
            #expect(TestClocks().monotonic().value - began >= 500_000_000)
            #expect(world.counter("hub_accepts_delayed_total") > 0)
        }
    }

    /// A loop that is later than nothing is as full as can be.
    @Test func aLoopThatIsTooLateTakesNobody() async throws {
        try await withWorld({ $0.overloadLagMilliseconds = 0 }) { world in
            let peer = try world.peer()
            let answer = try await peer.answer()
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] == "5")
            #expect(try await peer.isClosedByHub())
            #expect(world.refused("overloaded") == 1)
        }
    }

    // MARK: Requests

    @Test(arguments: [(20, 200), (21, 431)])
    func numberOfHeaders(_ count: Int, _ status: Int) async throws {
        try await withWorld({ $0.http.headersMax = 20 }) { world in
            let headers = (1..<count).map { "X-\($0): x" }
            let peer = try world.peer()
            #expect(try await peer.ask("GET", "/healthz", headers).status == status)
        }
    }

    @Test func aBodyThatTricklesIsGivenUp() async throws {
        try await withWorld({ $0.httpHeaderMilliseconds = 200 }) { world in
            let peer = try world.peer()
            try await peer.write("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n")
            while world.counter("hub_http_requests_total", "status=\"4xx\"") == 0 {
                try await peer.write("x")
                poll(nil, 0, 5)
            }
            #expect(try await peer.answer().status == 408)
            #expect(try await peer.isClosedByHub())
            await eventually { world.gauge("hub_connections") == 0 }
            #expect(world.gauge("hub_inbound_bytes") == 0)
        }
    }

    // MARK: Messages

    @Test func aMessageHasATimeToArrive() async throws {
        try await withWorld({ $0.messageMilliseconds = 200 }) { world in
            for start in [Array(Peer.frame(0x81, Array("{\"id\":1}".utf8)).prefix(3)), Peer.frame(0x01, [0x20])] {
                let (peer, session) = try await world.webSocket()
                session.welcome()
                #expect(try await peer.frame().opcode == 1)
                try await peer.write(start)
                // Pings keep nothing alive that has begun.
                if start.count > 3 { try await peer.write(Peer.frame(0x89, [])) }
                #expect(try await peer.closeCode() == 4105)
            }
        }
        try await withWorld({ $0.messageMilliseconds = 200 }) { world in
            let (peer, session) = try await world.webSocket()
            session.welcome()
            #expect(try await peer.frame().opcode == 1)
            // Many messages, each cut in two, take longer together than one may.
            let message = Peer.frame(0x81, Array("{\"id\":0,\"ping\":{}}".utf8))
            let began = TestClocks().monotonic().value
            while TestClocks().monotonic().value - began < 500_000_000 {
                try await peer.write(Array(message.prefix(5)))
                try await peer.write(Array(message.dropFirst(5)))
                #expect(try await peer.error()?.code == .invalidArgument)
            }
        }
    }

    @Test(arguments: [0x89, 0x8A] as [UInt8])
    func pingsAndPongs(_ opcode: UInt8) async throws {
        try await withWorld({ $0.pingsPerSecond = 20 }) { world in
            let (peer, session) = try await world.webSocket()
            session.welcome()
            #expect(try await peer.frame().opcode == 1)
            let one = Peer.frame(opcode, [])
            try await peer.write((0..<20).flatMap { _ in one })
            try await peer.sendText("{\"id\":0,\"ping\":{}}")
            var next = try await peer.frame()
            while next.opcode == 10 { next = try await peer.frame() }
            #expect(String(decoding: next.payload, as: UTF8.self).contains("invalid_argument"))
            // A second may begin in between: then it takes as many again.
            try await peer.write((0..<40).flatMap { _ in one })
            #expect(try await peer.closeCode() == 4102)
        }
    }

    @Test func incompleteMessagesOfAllTogether() async throws {
        try await withWorld({ $0.inboundTotalBytesMax = 100_000 }) { world in
            let half = Peer.frame(0x01, [UInt8](repeating: 0x20, count: 50_000))
            let peers = try await world.webSockets(3).map(\.peer)
            try await peers[0].write(half)
            try await peers[1].write(half)
            await eventually { world.gauge("hub_inbound_bytes") == 100_000 }
            // A small one is left alone, a large one is too much.
            try await peers[2].write(Peer.frame(0x01, [0x20]))
            await eventually { world.gauge("hub_inbound_bytes") == 100_001 }
            try await peers[2].write(Peer.frame(0x00, [UInt8](repeating: 0x20, count: 20_000)))
            #expect(try await peers[2].closeCode() == 4100)
            try await peers[0].write(Peer.frame(0x80, [0x20]))
            await eventually { world.gauge("hub_inbound_bytes") <= 50_000 + 20_001 }
        }
    }

    /// Those who never read cost no more than their budget, and the others get everything.
    @Test func whoNeverReadsCostsItsBudget() async throws {
        let budget = 128 << 10
        try await withWorld({ $0.outboxBytesMax = budget; $0.stallMilliseconds = 120_000 }) { world in
            let topic = Topic.organisation(OrganisationID(high: 1, low: 1))
            let (reader, session) = try await world.webSocket()
            session.attach(topic)
            let deaf = try await world.webSockets(50, receiveBytes: 4_096)
            for (_, session) in deaf { session.attach(topic) }
            let bytes = 32 << 10
            var most: Int64 = 0
            for round in 0..<300 {
                session.lane.hand(.broadcast(topic, news(round, bytes: bytes), except: nil))
                #expect(try await reader.frame().payload.count > bytes)
                most = max(most, world.gauge("hub_outbox_bytes"))
            }
            #expect(most <= Int64(deaf.count * (budget + 2 * bytes)))
            await eventually { world.counter("hub_closes_total", "code=\"slow_reader\"") == 50 }
            withExtendedLifetime(deaf) {}
        }
    }
}
