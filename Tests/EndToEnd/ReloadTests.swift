// SIGHUP: what can be changed while the hub runs is, the rest is named, and a mistake changes nothing.

import Foundation
import Testing

@Suite struct ReloadTests {
    /// A hub that reads this file.
    private struct Configured {
        let file: URL
        let hub: HubProcess

        init(_ text: String) throws {
            file = HubProcess.temporaryFolder().appendingPathComponent("hub.conf")
            try text.write(to: file, atomically: true, encoding: .utf8)
            hub = try HubProcess(options: ["--config", file.path])
        }

        /// The new text, read by the hub: its lines about that.
        func reload(_ text: String) throws -> String {
            try text.write(to: file, atomically: true, encoding: .utf8)
            let before = hub.log.count
            hub.signal(SIGHUP)
            return try hub.waitForLog(after: before) { $0.contains("reloaded") && $0.hasSuffix("\n") }
        }
    }

    @Test func changesWhatItCanAndNamesTheRest() throws {
        let configured = try Configured("metrics_allow = none\n")
        let hub = configured.hub
        let company = try Company(hub: hub)
        let client = try ProtocolClient(port: hub.port, token: company.owner)
        #expect(try request("GET", "/metrics", port: hub.port).status == 403)
        #expect(throws: ProtocolClient.Refused.self) {
            _ = try ProtocolClient(port: hub.port, token: nil, origin: "https://pages.example.org")
        }

        let told = try configured.reload("""
            metrics_allow = 127.0.0.0/8
            allowed_origins = https://pages.example.org
            commands_per_second = 1
            commands_burst = 2
            front_loops = 3
            """)
        #expect(told.contains("allowed_origins metrics_allow commands_per_second commands_burst"), "\(told)")
        let all = try hub.waitForLog(after: 0) { $0.contains("needs a restart") && $0.hasSuffix("\n") }
        #expect(all.contains("front_loops"), "\(all)")

        #expect(try request("GET", "/metrics", port: hub.port).status == 200)
        _ = try ProtocolClient(port: hub.port, token: nil, origin: "https://pages.example.org")
        let page = try request("POST", "/api/v1/sign-in", port: hub.port, json: [:],
                               headers: ["Origin: https://pages.example.org"])
        #expect(page.slug != "forbidden", "\(page.status)")
        // A connection keeps the rate it began with; a new one has the new rate.
        for _ in 0..<20 { #expect(try client.ask(["ping": [:] as [String: Any]])["pong"] != nil) }
        let late = try ProtocolClient(port: hub.port, token: company.member)
        // Two at once, the hello among them, however long the test takes to send them.
        let pings = try (0..<8).map { _ in try late.send(["ping": [:] as [String: Any]]) }
        let replies = try pings.map { try late.reply(to: $0) }
        #expect(replies.contains { slug($0) == "rate_limited" })
        #expect(hub.stop() == 0)
    }

    @Test(arguments: ["metrics_allow = everybody\n", "metrics_alow = none\n", "outbox_bytes_max = 2GiB\n",
                      "metrics_allow = 127.0.0.0/8\nno sense\n"])
    func aMistakeChangesNothing(_ text: String) throws {
        let configured = try Configured("metrics_allow = none\n")
        let told = try configured.reload(text)
        #expect(told.contains("configuration not reloaded") && told.contains("hub.conf:"), "\(told)")
        #expect(try request("GET", "/metrics", port: configured.hub.port).status == 403)
        #expect(configured.hub.stop() == 0)
    }

    @Test func theLogLevelHoldsAtOnce() throws {
        let configured = try Configured("log_level = error\n")
        #expect(configured.hub.log.isEmpty)
        #expect(try configured.reload("log_level = info\n").contains("log_level"))
        let before = configured.hub.log.count
        #expect(configured.hub.stop() == 0)
        #expect(configured.hub.log.dropFirst(before).contains("stopping"))
    }
}
