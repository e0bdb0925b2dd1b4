// Signing in over HTTP (docs/http-api.md): the first account with a set-up link, an account with
// its password, or a token somebody else got. Tokens and passwords never reach a log or a report.

internal import Foundation

package enum Credentials: Sendable {
    /// The link or the token a hub prints at its first start; makes the first account.
    case setUp(token: String, email: String, password: String)
    case password(email: String, password: String)
    /// An access token; it cannot be refreshed.
    case token(String)
}

package struct SignedIn: Sendable {
    package var accessToken: String
    /// `nil` for a token given as it is.
    package var refreshToken: String?
    package var expiresAtMilliseconds: UInt64?
}

package struct SignIn {
    private let client: HTTPClient

    package init(_ endpoint: Endpoint, tls: TLSContext?) {
        client = HTTPClient(endpoint, tls: tls)
    }

    package func signIn(_ credentials: Credentials) throws -> SignedIn {
        switch credentials {
        case .token(let token):
            return SignedIn(accessToken: token, refreshToken: nil, expiresAtMilliseconds: nil)
        case .setUp(let token, let email, let password):
            return try ask("setting the hub up", "/api/v1/setup", [
                "token": token, "organisation": "Bench", "email": email, "password": password,
                "first_name": "Load", "last_name": "Tester",
            ])
        case .password(let email, let password):
            return try ask("signing in", "/api/v1/sign-in", ["email": email, "password": password])
        }
    }

    package func refresh(_ refreshToken: String) throws -> SignedIn {
        try ask("refreshing the token", "/api/v1/refresh", ["refresh_token": refreshToken])
    }

    /// The token of a link by which so many people may join; needs the token of an owner or admin.
    func invitation(by bearer: String, uses: Int) throws -> String {
        let object = try answer("inviting further accounts", "/api/v1/invitations",
                                ["role": "MEMBER", "uses": uses, "expires_in_hours": 24], bearer: bearer)
        guard let token = object["token"] as? String else {
            throw BenchError("inviting further accounts: the answer has no token")
        }
        return token
    }

    /// Makes an account of a random password, which nobody signs in with again.
    func accept(invitation token: String, number: Int) throws -> SignedIn {
        let name = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        return try ask("making a further account", "/api/v1/invitations/accept", [
            "token": token, "email": "bench-\(name)@example.org",
            "password": HandshakeProof.base64((0..<18).map { _ in UInt8.random(in: 0...255) }),
            "first_name": "Load", "last_name": "Tester \(number)",
        ])
    }

    private func ask(_ what: String, _ path: String, _ body: [String: String]) throws -> SignedIn {
        let object = try answer(what, path, body)
        guard let access = object["access_token"] as? String else {
            throw BenchError("\(what): the answer has no access_token")
        }
        return SignedIn(accessToken: access, refreshToken: object["refresh_token"] as? String,
                        expiresAtMilliseconds: Self.number(object["expires_at_ms"]))
    }

    private func answer(_ what: String, _ path: String, _ body: [String: Any],
                        bearer: String? = nil) throws -> [String: Any] {
        let answer = try client.post(path, body, bearer: bearer)
        let object = try? JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
        guard answer.status == 200 || answer.status == 201 else {
            let error = object?["error"] as? [String: Any]
            let reason = error?["message"] as? String ?? "no reason given"
            let slug = error?["slug"] as? String ?? "no code"
            throw BenchError("\(what) failed: HTTP \(answer.status), \(slug): \(reason)"
                + Self.remedy(slug))
        }
        guard let object else { throw BenchError("\(what): the answer is no JSON object") }
        return object
    }

    private static func remedy(_ slug: String) -> String {
        switch slug {
        case "link_invalid":
            ". A set-up link works once: sign in with --email and --password afterwards"
        case "bad_credentials": ". Check --email and --password"
        default: ""
        }
    }

    private static func number(_ value: Any?) -> UInt64? {
        if let text = value as? String { return UInt64(text) }
        return (value as? NSNumber)?.uint64Value
    }
}
