// A configuration handed over while the front runs.

import Front
import Model
import Testing
import Wire

@Suite(.timeLimit(.minutes(10)))
struct ReloadTests {
    @Test(arguments: [1, 3])
    func everyLoopGoesByTheNewConfiguration(loops: Int) async throws {
        try await withWorld(loops: loops, { $0.metricsAllow = [] }) { world in
            // The kernel chooses the loop of a connection: enough of them meet every loop.
            for _ in 0..<16 {
                let answer = try await world.peer().ask("GET", "/metrics", host: "127.0.0.1")
                #expect(answer.status == 403)
            }
            var configuration = world.configuration
            configuration.metricsAllow = [AddressRange("127.0.0.1")!]
            await world.reload(configuration)
            for _ in 0..<16 {
                let answer = try await world.peer().ask("GET", "/metrics", host: "127.0.0.1")
                #expect(answer.status == 200)
            }
        }
    }

    @Test func newConnectionsGetNewLimits() async throws {
        try await withWorld({ $0.helloFrameBytesMax = 65_536 }) { world in
            let (early, _) = try await world.webSocket()
            var configuration = world.configuration
            configuration.helloFrameBytesMax = 1_024
            await world.reload(configuration)
            let (late, _) = try await world.webSocket()
            let message = "{\"id\":1,\"fly\":\"\(String(repeating: "x", count: 2_000))\"}"
            try await early.sendText(message)
            #expect(try await early.error()?.id == 1, "an answer to the command")
            try await late.sendText(message)
            #expect(try await late.closeCode() == 1009)
        }
    }
}
