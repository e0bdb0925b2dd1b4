// How connections end when the front drains: paced, in random order, behind their answers, within bounds.

import Front
import Model
import Testing

@Suite(.timeLimit(.minutes(10)))
struct DrainTests {
    /// Begins to drain, and says when it is done.
    private func draining(_ world: World, _ body: () async throws -> Void) async throws {
        async let drained: Void = world.front.drain()
        try await body()
        await drained
    }

    @Test func whoWaitsForAnAnswerGetsItFirst() async throws {
        try await withDrainWorld({ $0.answerMilliseconds = 60_000 }) { world in
            let (peer, _) = try await world.webSocket()
            try await peer.sendText("{\"id\":1,\"hello\":{\"token\":\"waiting\"}}")
            await eventually { world.gate.waitingCount == 1 }
            let (idle, _) = try await world.webSocket()
            try await draining(world) {
                // Its turn has come too.
                #expect(try await idle.closeCode() == 4000)
                try await peer.sendText("{\"id\":2,\"ping\":{}}")
                world.gate.open()
                #expect(try await peer.error()?.id == 1)
                let told = serverFrames(try await peer.frame().payload).first?.body
                guard case .closing = told else {
                    Issue.record("\(String(describing: told))")
                    return
                }
                peer.finishWriting()
                idle.finishWriting()
            }
        }
    }

    @Test func nobodyWaitsForAnAnswerForEver() async throws {
        try await withDrainWorld({ $0.answerMilliseconds = 50 }) { world in
            let (peer, _) = try await world.webSocket()
            try await peer.sendText("{\"id\":1,\"hello\":{\"token\":\"waiting\"}}")
            await eventually { world.gate.waitingCount == 1 }
            try await draining(world) {
                let code = try await peer.closeCode()
                #expect(code == 4000)
                peer.finishWriting()
            }
        }
    }

    @Test func hurryingEndsDelayPaceAndWaiting() async throws {
        try await withDrainWorld({
            $0.drainDelayMilliseconds = 600_000
            $0.answerMilliseconds = 600_000
        }) { world in
            let (peer, _) = try await world.webSocket()
            try await peer.sendText("{\"id\":1,\"hello\":{\"token\":\"waiting\"}}")
            await eventually { world.gate.waitingCount == 1 }
            try await draining(world) {
                let http = try world.peer()
                // The drain has been asked for when readiness ends.
                while try await http.ask("GET", "/readyz").status != 503 {}
                #expect(try await world.peer().ask("GET", "/healthz").status == 200, "still listening")
                world.front.hurryDrain()
                #expect(try await peer.closeCode() == 4000)
            }
        }
    }

    @Test func manyAreSentAwayEachWithATimeOfItsOwn() async throws {
        try await withDrainWorld({ $0.drainMilliseconds = 60_000 }) { world in
            var readers: [(peer: Peer, session: World.Attached)] = []
            for _ in 0..<400 { readers.append(try await world.webSocket()) }
            var waits: Set<UInt32> = []
            try await draining(world) {
                for (peer, _) in readers {
                    let told = serverFrames(try await peer.frame().payload).first?.body
                    guard case .closing(let closing) = told else {
                        Issue.record("\(String(describing: told))")
                        return
                    }
                    waits.insert(closing.retryAfterMilliseconds)
                    #expect(100...1_000 ~= closing.retryAfterMilliseconds)
                    peer.finishWriting()
                }
            }
            #expect(waits.count > 100, "they do not come back together")
            #expect(world.counter("hub_closes_total", "code=\"draining\"") == 400)
        }
    }
}

/// As `withWorld`, for bodies that drain it themselves.
private func withDrainWorld(
    _ change: (inout FrontConfiguration) -> Void, _ body: (World) async throws -> Void
) async throws {
    var configuration = FrontConfiguration()
    configuration.helloMilliseconds = 120_000
    change(&configuration)
    let world = try World(configuration, drainsWithin: max(configuration.drainMilliseconds, 10_000))
    do {
        try await body(world)
        world.endLoops()
    } catch {
        await world.end()
        throw error
    }
}
