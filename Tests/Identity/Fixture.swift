// A hub's identity on a real SQLite file, with a clock that moves by hand and cheap hashes, spoken to as
// the front does: one request, one answer.

import Crypto
import Glibc
import Identity
import Model
import Ports
import Store
import Testing
import Wire

final class HandClock: Clocks {
    private let milliseconds = Lock<Int64>(0)
    /// By how much somebody has set the clock that people see.
    private let stepped = Lock<Int64>(0)
    func now() -> UnixMilliseconds {
        UnixMilliseconds(1_800_000_000_000 + milliseconds.withLock { $0 } + stepped.withLock { $0 })
    }
    func step(milliseconds count: Int64) { stepped.withLock { $0 += count } }
    func monotonic() -> MonotonicNanoseconds {
        MonotonicNanoseconds(UInt64(milliseconds.withLock { $0 } + 1) * 1_000_000)
    }
    func advance(milliseconds count: Int64) { milliseconds.withLock { $0 += count } }
}

/// A line of the security log.
struct Line: Sendable {
    var text: String
    var fields: [LogField]
    subscript(_ name: String) -> String? {
        fields.first { "\($0.name)" == name }.map { field in
            switch field.value {
            case .number(let number): "\(number)"
            case .text(let text): text
            }
        }
    }
}

/// What the hooks were told.
final class Witness: Sendable {
    let revoked = Lock<[LoginID]>([])
    /// Joined, or have another name.
    let joined = Lock<[Person]>([])
    let lines = Lock<[Line]>([])
}

struct Answer: Sendable {
    var response: HTTPResponse
    var status: Int { response.status }
    var json: JSON { JSON(response.body) ?? .null }
    var slug: String? { json["error"]?["slug"]?.text }
    func header(_ name: String) -> String? {
        response.headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
    func text(_ path: String...) -> String? {
        path.reduce(json) { $0?[$1] }?.text
    }
    var access: String { text("access_token") ?? "" }
    var refresh: String { text("refresh_token") ?? "" }
    /// `name=value` of the cookie that was set.
    var cookie: String? { cookies.first }
    var cookies: [String] {
        response.headers.filter { $0.name == "Set-Cookie" }.map { String($0.value.prefix { $0 != ";" }) }
    }
}

/// A folder for one database.
struct TemporaryFolder: Sendable {
    let path: String
    init() throws {
        var template = Array("/tmp/hub-identity-XXXXXX".utf8CString)
        path = try template.withUnsafeMutableBufferPointer { buffer in
            String(cString: try #require(mkdtemp(buffer.baseAddress!)))
        }
    }
    func remove() {
        for name in ["hub.db", "hub.db-wal", "hub.db-shm"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}

let ownOrigin = "https://hub.example.org"

final class Hub: Sendable {
    private let folder: TemporaryFolder?
    let store: Store
    let clock = HandClock()
    let witness = Witness()
    let metrics = Metrics()
    let accounts: Accounts
    let api: IdentityAPI
    let tokens: AccessTokens
    let signingKey: Ed25519SigningKey
    let refreshKey: HMACKey

    /// - Parameter beside: a hub of the same installation, over the same database, with a clock of its own.
    init(
        origin: String = ownOrigin, hasher: PasswordHasher? = nil, beside: Hub? = nil,
        accessLifetimeMilliseconds: Int64 = 15 * 60_000, set: (inout IdentitySettings) -> Void = { _ in }
    ) async throws {
        if let beside {
            folder = nil
            store = beside.store
        } else {
            let folder = try TemporaryFolder()
            self.folder = folder
            store = try await Store.open(
                .sqlite(path: folder.path + "/hub.db"), metrics: Metrics(), clocks: clock,
                entropy: SystemEntropy(), log: .silent)
        }
        signingKey = beside?.signingKey ?? Ed25519SigningKey(seed: SecretBytes.random(count: 32))
        refreshKey = beside?.refreshKey ?? SecretBytes.random(count: 32).withBytes { HMACKey($0) }
        tokens = AccessTokens(signingKey, lifetimeMilliseconds: accessLifetimeMilliseconds)
        let witness = witness
        var settings = IdentitySettings(publicOrigin: origin)
        set(&settings)
        accounts = Accounts(
            store: store, tokens: tokens, derived: DerivedTokens(key: refreshKey),
            hasher: hasher ?? PasswordHasher(parameters: quick), clocks: clock,
            entropy: SystemEntropy(), settings: settings,
            hooks: IdentityHooks(
                onLoginRevoked: { login, _, _ in witness.revoked.withLock { $0.append(login) } },
                onPersonChanged: { _, member in witness.joined.withLock { $0.append(member.person) } }),
            security: SecurityLog(
                Log(threshold: .debug) { _, text, fields in
                    witness.lines.withLock { $0.append(Line(text: "\(text)", fields: fields)) }
                }, metrics, clocks: clock))
        api = IdentityAPI(accounts, log: .silent)
    }

    /// A hub with its first owner, Ada, and the answer to the set-up.
    static func withOwner(
        origin: String = ownOrigin, set: (inout IdentitySettings) -> Void = { _ in }
    ) async throws -> (hub: Hub, owner: Answer) {
        let hub = try await Hub(origin: origin, set: set)
        let token = try #require(try await hub.accounts.issueSetUpToken())
        let owner = await hub.post(
            "setup",
            [
                "token": token.reveal, "organisation": "Acme", "email": "ada@example.org",
                "password": "ada long phrase", "first_name": "Ada", "last_name": "Lovelace",
            ])
        try #require(owner.status == 201, "\(String(decoding: owner.response.body, as: UTF8.self))")
        return (hub, owner)
    }

    func close() async {
        // The one beside it has the database.
        guard let folder else { return }
        await store.close()
        folder.remove()
    }

    func send(_ request: HTTPRequest) async -> Answer { Answer(response: await api.respond(to: request)) }

    func post(
        _ path: String, _ json: Form, bearer: String? = nil, cookie: String? = nil,
        origin: String? = nil, from peer: String = "192.0.2.1"
    ) async -> Answer {
        var headers = [HTTPHeader("content-type", "application/json"), HTTPHeader("user-agent", "Test/1")]
        if let bearer { headers.append(HTTPHeader("authorization", "Bearer \(bearer)")) }
        if let cookie { headers.append(HTTPHeader("cookie", cookie)) }
        if let origin { headers.append(HTTPHeader("origin", origin)) }
        let body = Array(JSON.object(json.mapValues(\.json)).written.utf8)
        return await send(
            HTTPRequest(
                method: .post, path: "/api/v1/" + path, headers: headers, body: body, peerAddress: peer))
    }

    func get(_ path: String, method: HTTPMethod = .get, bearer: String) async -> Answer {
        await send(
            HTTPRequest(
                method: method, path: "/api/v1/" + path, headers: [HTTPHeader("authorization", "Bearer \(bearer)")]))
    }

    func signIn(
        _ email: String = "ada@example.org", _ password: String = "ada long phrase",
        more: Form = [:], from peer: String = "192.0.2.1"
    ) async -> Answer {
        await post("sign-in", ["email": email, "password": password].merging(more) { $1 }, from: peer)
    }

    /// The token of a new invitation.
    func invite(_ owner: String, _ more: Form = ["role": "MEMBER"]) async throws -> String {
        let made = await post("invitations", more, bearer: owner)
        return try #require(made.text("token"), "\(made.json)")
    }

    func accept(
        _ token: String, _ email: String = "bob@example.org", _ password: String = "bob long phrase",
        more: Form = [:], from peer: String = "192.0.2.1"
    ) async -> Answer {
        let form: Form = [
            "token": token, "email": email, "password": password, "first_name": "Bob", "last_name": "Babbage",
        ]
        return await post("invitations/accept", form.merging(more) { $1 }, from: peer)
    }
}

/// Cheap enough for thousands of hashes.
let quick = Argon2id(memoryKibibytes: 64, passes: 1, lanes: 1)
