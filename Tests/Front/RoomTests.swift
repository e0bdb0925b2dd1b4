// A hub that is full: who finds room, who is answered nevertheless, and what it holds of unfinished input.

@testable import Front
import Model
import Ports
import Testing
import Wire

@Suite(.timeLimit(.minutes(10)))
struct RoomTests {
    // MARK: Those who wait

    /// Strangers that say nothing keep nobody out: the one that was silent longest goes.
    @Test(arguments: [false, true])
    func whoIsIdleGoesForWhoComes(_ speaksHTTP: Bool) async throws {
        try await withWorld({ $0.unwelcomedMax = 3; $0.evictionMilliseconds = 100 }) { world in
            var strangers: [Peer] = []
            for _ in 0..<3 {
                if speaksHTTP {
                    let peer = try world.peer()
                    #expect(try await peer.ask("GET", "/app.js").status == 200)
                    strangers.append(peer)
                } else {
                    strangers.append(try await world.webSocket().peer)
                }
            }
            // Until they have been idle long enough, they may be about to sign in.
            var status = 503
            while status == 503 { status = try await world.peer().ask("GET", "/app.js").status }
            #expect(status == 200)
            #expect(try await strangers[0].isClosedByHub())
            #expect(world.counter("hub_connections_evicted_total") >= 1)
        }
    }

    @Test func whoIsSignedInStays() async throws {
        try await withWorld({ $0.connectionsMax = 1; $0.evictionMilliseconds = 1 }) { world in
            let (member, session) = try await world.webSocket()
            session.welcome()
            #expect(try await member.frame().opcode == 1)
            for _ in 0..<20 {
                #expect(try await world.peer().ask("GET", "/app.js").status == 503)
            }
            #expect(world.counter("hub_connections_evicted_total") == 0)
            try await member.write(Peer.frame(0x89, [7]))
            #expect(try await member.frame().payload == [7])
        }
    }

    // MARK: Probes

    @Test func probesAreAnsweredThoughNobodyMoreGetsIn() async throws {
        try await withWorld({ $0.connectionsMax = 1 }) { world in
            let (member, session) = try await world.webSocket()
            session.welcome()
            #expect(try await member.frame().opcode == 1)
            for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/", 503),
                                   ("/api/v1/x", 503), ("/ws", 503), ("/%68ealthz", 503)] {
                let peer = try world.peer()
                let answer = try await peer.ask("GET", path, host: "127.0.0.1")
                #expect(answer.status == status, "\(path)")
                #expect(try await peer.isClosedByHub(), "one request each")
            }
            #expect(world.refused("full") == 4)
        }
    }

    /// A loop that is as late as can be is alive all the same.
    @Test func aLoopThatIsTooLateIsAlive() async throws {
        try await withWorld({ $0.overloadLagMilliseconds = 0 }) { world in
            for (path, status) in [("/healthz", 200), ("/readyz", 503), ("/metrics", 200), ("/", 503)] {
                let answer = try await world.peer().ask("GET", path, host: "127.0.0.1")
                #expect(answer.status == status, "\(path)")
            }
        }
    }

    @Test func whoTakesPlacesAndSaysNothingKeepsNoProbeOut() async throws {
        try await withWorld({ $0.connectionsMax = 1 }) { world in
            let (member, session) = try await world.webSocket()
            session.welcome()
            #expect(try await member.frame().opcode == 1)
            var silent: [Peer] = []
            for _ in 0..<300 { silent.append(try world.peer()) }
            #expect(try await world.peer().ask("GET", "/healthz").status == 200)
            #expect(world.gauge("hub_connections") <= 1 + 128 + 1)
            withExtendedLifetime(silent) {}
        }
    }

    // MARK: Memory

    /// A connection that has to go for what it holds gives it up at once, not when it is gone.
    @Test func whatIsRefusedIsNotKept() async throws {
        try await withWorld({ $0.inboundTotalBytesMax = 100_000; $0.closeMilliseconds = 600_000 }) { world in
            let part = Peer.frame(0x01, [UInt8](repeating: 0x20, count: 50_000))
            let peers = try await world.webSockets(12).map(\.peer)
            for peer in peers { try await peer.write(part) }
            var closed = 0
            for peer in peers.dropFirst(2) {
                #expect(try await peer.closeCode() == 4100)
                closed += 1
            }
            #expect(closed == 10)
            #expect(world.gauge("hub_inbound_bytes") <= 100_000)
            // And it keeps nothing of what still comes, but hears the answer to its close.
            try await peers[11].write(part + Peer.frame(0x80, [0x20]) + Peer.frame(0x88, [0x10, 0x04]))
            #expect(try await peers[11].isClosedByHub())
            #expect(world.gauge("hub_inbound_bytes") <= 100_000)
        }
    }

    /// Requests that wait behind one that is being answered count too.
    @Test func requestsThatWaitAreCounted() async throws {
        let gate = Gate()
        try await withWorld({ $0.inboundTotalBytesMax = 60_000 }, api: { _ in
            await gate.pass()
            return HTTPResponse(status: 204)
        }) { world in
            let waiting = "GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n"
                + String(repeating: "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", count: 1_000)
            let first = try world.peer()
            try await first.write(waiting)
            await eventually { world.gauge("hub_inbound_bytes") > 30_000 }
            let second = try world.peer()
            try await second.write(waiting)
            #expect(try await second.isClosedByHub())
            #expect(world.gauge("hub_inbound_bytes") <= 60_000)
            gate.open()
            #expect(try await first.answer().status == 204)
            for _ in 0..<1_000 { #expect(try await first.answer().status == 200) }
            await eventually { world.gauge("hub_inbound_bytes") == 0 }
        }
    }
}
