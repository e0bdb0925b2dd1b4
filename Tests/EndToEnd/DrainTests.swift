// Restarts with SIGTERM under load: whoever posts and follows sees nothing of them but a reconnection.

import Foundation
import Testing

@Suite struct DrainTests {
    /// People who post and follow while `restart` happens `rounds` times; what they saw is judged.
    private func live(through rounds: Int, at company: Company, port: @escaping @Sendable () -> Int,
                      restart: (Int) throws -> Void) throws {
        let bob = try ProtocolClient(port: port(), token: company.member)
        #expect(try bob.ask(["join": ["channel": company.channel]])["channel"] != nil)
        let posters = (0..<3).map { Poster("p\($0)", company, port: port) }
        let followers = (0..<4).map { Follower(company, port: port, isOwner: $0 % 2 == 0) }
        let all: [Resuming] = posters + followers
        for one in all { one.start() }
        for round in 0..<rounds {
            // Load in every round: each poster is heard again after the restart before.
            let marks = posters.map { $0.acknowledged + 5 }
            try waitUntil { zip(posters, marks).allSatisfy { $0.acknowledged >= $1 } }
            try restart(round)
        }
        for poster in posters { poster.finish() }
        // The join is the first event.
        let count = posters.map(\.acknowledged).reduce(1, +)
        try waitUntil { followers.allSatisfy { $0.seen.count >= count } }
        for follower in followers { follower.letEnd() }
        // Something to read, or they would wait for more events.
        let last = try ProtocolClient(port: port(), token: company.member)
        try last.ask(["typing": ["channel": company.channel, "active": true]])
        for follower in followers { follower.finish() }

        let texts = followers[0].seen.map(\.text)
        for follower in followers {
            #expect(follower.seen.map(\.sequence) == Array(1...count), "no gap, nothing twice, nothing more")
            #expect(follower.seen.map(\.text) == texts)
        }
        for poster in posters {
            let own = texts.filter { $0.hasPrefix("\(poster.name)-") }
            let all = (1...poster.acknowledged).map { "\(poster.name)-\($0)" }
            #expect(own.sorted() == all.sorted(), "all, once")
            // Who sends something again behind later ones has given up its order.
            let postponed = Set(poster.postponements.map { "\(poster.name)-\($0)" })
            #expect(own.filter { !postponed.contains($0) } == all.filter { !postponed.contains($0) }, "in their order")
        }
        for one in all {
            #expect(one.problems.isEmpty, "\(one.problems)")
            #expect(one.timesSentAway > 0)
        }
        // A connection that the hub had welcomed ends with a word, not with a reset.
        #expect(all.map(\.timesCutOff).reduce(0, +) == 0)
    }

    @Test func twentyRestartsUnderLoadAreInvisibleButForAReconnect() throws {
        let company = try Company(.sqlite, options: ["--drain-timeout", "2s"])
        let hub = company.hub
        let port = hub.port
        try live(through: 20, at: company, port: { port }, restart: { _ in
            #expect(hub.stop() == 0)
            try hub.start()
        })
        let away = hub.log.components(separatedBy: "\"stopped\"").count - 1
        #expect(away == 20)
    }

    /// The same at a hub that refuses most of what comes at once, as one on a slower machine may.
    @Test func tightRatesCostTimeAndNothingElse() throws {
        let company = try Company(.sqlite, options: [
            "--drain-timeout", "2s", "--commands-per-second", "40", "--commands-burst", "3",
            "--account-commands-per-second", "60", "--account-commands-burst", "3"])
        let hub = company.hub
        let port = hub.port
        try live(through: 2, at: company, port: { port }, restart: { _ in
            #expect(hub.stop() == 0)
            try hub.start()
        })
    }

    @Test(.enabled(if: TestStore.available.contains(.postgres)))
    func aSuccessorTakesOverOnTheSameAddress() throws {
        let options = try TestStore.postgres.options() + ["--drain-timeout", "2s"]
        let first = try HubProcess(options: options)
        let company = try Company(hub: first)
        let port = first.port
        let key = first.folder.appendingPathComponent("master.key").path
        let refused = try HubProcess.run(["--data-dir", HubProcess.temporaryFolder().path, "--listen",
                                          "127.0.0.1:\(port)", "--web-dir", HubProcess.webFolder.path,
                                          "--master-key-file", key] + options)
        #expect(refused.code == 71, "not by mistake")
        var hubs = [first]
        try live(through: 5, at: company, port: { port }, restart: { _ in
            let successor = try HubProcess(
                options: options + ["--hand-over", "true", "--master-key-file", key], port: port)
            #expect(hubs.last!.stop() == 0)
            hubs.append(successor)
        })
        #expect(hubs.last!.stop() == 0)
    }

    @Test func endsWithPeersThatNeverRead() throws {
        let company = try Company(.sqlite, options: ["--drain-timeout", "1s", "--outbox-bytes-max", "64MiB"])
        let ada = try ProtocolClient(port: company.hub.port, token: company.owner)
        var deaf: [ProtocolClient] = []
        for _ in 0..<5 {
            let one = try ProtocolClient(port: company.hub.port, token: company.owner)
            try one.send(company.subscribe())
            deaf.append(one)
        }
        // More than sockets take, so that outboxes fill.
        let text = String(repeating: "x", count: 15_000)
        for number in 0..<600 { try ada.ask(company.post(text, key: "k\(number)")) }
        let metrics = try request("GET", "/metrics", port: company.hub.port)
        let line = String(decoding: metrics.body, as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix("hub_outbox_bytes ") }
        #expect(try #require(line.flatMap { Int($0.split(separator: " ")[1]) }) > 0)
        let began = Date()
        #expect(company.hub.stop() == 0)
        #expect(Date().timeIntervalSince(began) < 100, "it does not wait for them for ever")
        #expect(try ada.readToClose() == 4000)
        withExtendedLifetime(deaf) {}
    }

    @Test func saysThatItIsNotReadyBeforeItDrainsAndHurriesAtASecondSignal() throws {
        let company = try Company(.sqlite, options: ["--drain-delay", "10m", "--drain-timeout", "10m"])
        let hub = company.hub
        let ada = try ProtocolClient(port: hub.port, token: company.owner)
        #expect(try request("GET", "/readyz", port: hub.port).status == 200)
        hub.signal(SIGTERM)
        try waitUntil { try request("GET", "/readyz", port: hub.port).status == 503 }
        // All else goes on.
        #expect(try position(ada.ask(company.post("late"))) == 1)
        _ = try ProtocolClient(port: hub.port, token: company.owner)
        #expect(try request("GET", "/healthz", port: hub.port).status == 200)
        hub.signal(SIGTERM)
        #expect(try ada.readToClose() == 4000)
        #expect(hub.waitForExit() == 0)
    }
}
