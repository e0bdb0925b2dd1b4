// What of HTTP the API checks: methods, paths, types, bodies; and that errors have their form.

import Identity
import Model
import Store
import Testing
import Wire

@Suite struct HTTPTests {
    static let posts = [
        "setup", "sign-in", "refresh", "switch", "sign-out", "invitations", "invitations/look-up",
        "invitations/accept",
    ]

    private func send(
        _ hub: Hub, _ method: HTTPMethod, _ path: String, type: String? = "application/json",
        body: String = "{}"
    ) async -> Answer {
        await hub.send(
            HTTPRequest(
                method: method, path: "/api/v1/" + path,
                headers: type.map { [HTTPHeader("content-type", $0)] } ?? [], body: Array(body.utf8)))
    }

    @Test func methods() async throws {
        let hub = try await Hub()
        for path in Self.posts {
            let allowed = path == "invitations" ? "GET, POST" : "POST"
            for method in [HTTPMethod.get, .head, .put, .patch, .delete, .options]
            where path != "invitations" || method != .get {
                let answer = await send(hub, method, path)
                #expect(answer.status == 405)
                #expect(answer.header("Allow") == allowed)
            }
        }
        #expect(await send(hub, .get, "invitations").status == 401)
        #expect(await send(hub, .get, "invitations/x").header("Allow") == "DELETE")
        #expect(await send(hub, .post, "logins").header("Allow") == "GET")
        #expect(await send(hub, .get, "logins/x").header("Allow") == "DELETE")
        await hub.close()
    }

    @Test(arguments: [
        "", "x", "Setup", "setup/", "setup/x", "/setup", "sign-in ", "login", "invitation", "invitations-x",
    ])
    func otherPaths(_ path: String) async throws {
        let hub = try await Hub()
        let answer = await send(hub, .post, path)
        #expect(answer.status == 404)
        #expect(answer.slug == "not_found")
        await hub.close()
    }

    @Test(arguments: [
        nil, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx",
        "application/json; charset=latin1", "text/json", "application/json, text/plain",
    ]) func otherTypes(_ type: String?) async throws {
        let hub = try await Hub()
        for path in Self.posts { #expect(await send(hub, .post, path, type: type).status == 415, "\(path)") }
        await hub.close()
    }

    @Test(arguments: ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""])
    func itsType(_ type: String) async throws {
        let hub = try await Hub()
        #expect(await send(hub, .post, "sign-in", type: type).status == 401)
        await hub.close()
    }

    @Test(arguments: [
        ("x", 400, "malformed"), ("[]", 400, "malformed"), ("{", 400, "malformed"), ("{}{}", 400, "malformed"),
        (#"{"email":1}"#, 400, "malformed"), (#"{"email":"a","email":"b"}"#, 400, "malformed"),
        (#"{"cookie":"yes"}"#, 400, "malformed"), ("{\"email\":\"\u{1}\"}", 400, "malformed"),
        (String(repeating: #"{"a":"#, count: 100), 400, "malformed"),
        (#"{"x":[1,{"y":null}]}"#, 401, "bad_credentials"),
        ("{\"a\":\"" + String(repeating: "x", count: 65_536) + "\"}", 413, "too_large"),
    ]) func bodies(_ body: String, _ status: Int, _ slug: String) async throws {
        let hub = try await Hub()
        let answer = await send(hub, .post, "sign-in", body: body)
        #expect(answer.status == status)
        #expect(answer.slug == slug)
        #expect(answer.header("Content-Type") == "application/json")
        #expect(answer.header("Cache-Control") == "no-store")
        await hub.close()
    }

    @Test func theLargestBodyIsTaken() async throws {
        let hub = try await Hub()
        let body = "{\"a\":\"" + String(repeating: "x", count: 65_536 - 8) + "\"}"
        #expect(body.utf8.count == 65_536)
        #expect(await send(hub, .post, "sign-in", body: body).status == 401)
        await hub.close()
    }

    @Test func aClosedDatabaseIsUnavailable() async throws {
        let (hub, owner) = try await Hub.withOwner()
        await hub.store.close()
        for answer in [
            await hub.signIn(), await hub.post("refresh", ["refresh_token": owner.refresh]),
            await hub.get("logins", bearer: owner.access),
        ] {
            #expect(answer.status == 503)
            #expect(answer.slug == "unavailable")
            #expect(answer.header("Retry-After") == "1")
        }
        await hub.close()
    }

    /// Nothing that people type or get comes out of a description.
    @Test func secretsDoNotPrint() async throws {
        let (hub, owner) = try await Hub.withOwner()
        let account = try #require(try await hub.store.account(email: EmailAddress("ada@example.org")))
        var text = ""
        dump(account, to: &text)
        dump(AccessToken(owner.access), to: &text)
        text += "\(account) \(String(reflecting: account))"
        #expect(!text.contains("ada@") && !text.contains("argon2") && !text.contains(owner.access))
        await hub.close()
    }
}
