// Limits in bytes of every text that a request has, at their edges, with characters of several bytes.

import Model
import Testing
import Wire
@testable import Identity

@Suite struct TextLimitTests {
    /// One character of as many bytes as one likes.
    private static func marked(_ bytes: Int) -> String {
        String(repeating: "a", count: 2 - bytes % 2) + String(repeating: "\u{301}", count: (bytes - 1) / 2)
    }

    @Test(arguments: [
        ("token", 256), ("organisation", 1_024), ("email", 1_024), ("password", 4_096), ("first_name", 1_024),
        ("last_name", 1_024), ("refresh_token", 256), ("role", 64),
    ])
    func everyTextOfABodyHasALimit(_ field: String, _ limit: Int) async throws {
        let (hub, _) = try await Hub.withOwner()
        let form: Form = ["email": "a@b", "password": "12345678"]
        let wide = String(repeating: "\u{1F600}", count: limit / 4)
        #expect(wide.utf8.count == limit && Self.marked(limit).utf8.count == limit)
        for text in [wide, Self.marked(limit)] {
            // It gets as far as what the request is about.
            let edge = await hub.post("sign-in", form.merging([field: text]) { $1 })
            #expect(edge.json["error"]?["details"]?.list?.contains { $0["name"]?.text == "limit" } != true)
            let above = await hub.post("sign-in", form.merging([field: text + "x"]) { $1 })
            #expect(above.status == 400)
            let details = try #require(above.json["error"]?["details"]?.list)
            #expect(details.compactMap { $0["value"]?.text } == [field, "\(limit)", "\(limit + 1)"])
        }
        await hub.close()
    }

    @Test(arguments: [
        (String(repeating: "\u{1F600}", count: 64), 256), (String(repeating: "\u{1F600}", count: 65), 256),
        ("a" + String(repeating: "\u{1F600}", count: 64), 253), (marked(100_001), 255), ("\u{1}\u{85}", 0),
    ])
    func userAgentsAreCutAtWholeCharacters(_ agent: String, _ kept: Int) async throws {
        let (hub, _) = try await Hub.withOwner()
        let body = Array(#"{"email":"ada@example.org","password":"ada long phrase"}"#.utf8)
        let answer = await hub.send(HTTPRequest(
            method: .post, path: "/api/v1/sign-in",
            headers: [HTTPHeader("content-type", "application/json"), HTTPHeader("user-agent", agent)], body: body,
            peerAddress: "192.0.2.1"))
        let logins = try #require(await hub.get("logins", bearer: answer.access).json["logins"]?.list)
        let current = try #require(logins.first { $0["current"]?.bool == true })
        let text = current["user_agent"]?.text ?? ""
        #expect(text.utf8.count == kept && agent.utf8.starts(with: text.utf8))
        await hub.close()
    }

    /// Names of people and organisations: 80 scalars, so 320 bytes.
    @Test func namesHaveALimitInBytes() throws {
        for text in [String(repeating: "\u{1F600}", count: 80), "e" + String(repeating: "\u{301}", count: 79)] {
            #expect(try Admission.name(text, field: "name") == text)
            #expect(throws: Denial.self) { try Admission.name(text + "\u{301}", field: "name") }
        }
    }
}
