// The HTTP side of identity: everything below /api/v1/. It checks what HTTP is about (method, type,
// size, origin, cookie), has `Accounts` decide, and writes answers and errors as docs/http-api.md
// says.

import Model
package import Ports
package import Wire

package struct IdentityAPI: Sendable {
    package static let prefix = "/api/v1/"
    private static let bodyBytesMax = 64 * 1024
    /// What is longer is cut off: it is shown to the account's owner, who knows the browser by its beginning.
    private static let userAgentBytesMax = 256

    let accounts: Accounts
    private var origins: OriginRule
    private let log: Log

    package init(_ accounts: Accounts, log: Log) {
        self.accounts = accounts
        self.log = log
        let settings = accounts.settings
        origins = OriginRule(allowed: [settings.publicOrigin] + settings.moreOrigins,
                             isOwnSecure: settings.isPublicSecure && !settings.isOriginDerived)
    }

    /// The same with other origins besides the public one.
    package func allowing(_ moreOrigins: [String]) -> IdentityAPI {
        var copy = self
        copy.origins.allowed = [accounts.settings.publicOrigin] + moreOrigins
        return copy
    }

    /// The answer to a request whose path begins with `prefix`. Never throws: errors are answers.
    package func respond(to request: HTTPRequest) async -> HTTPResponse {
        do {
            return try await answer(request)
        } catch let error as FailedAfterRotation {
            return refusal(denial(error.cause), request, successor: error)
        } catch {
            return refusal(denial(error), request, successor: nil)
        }
    }

    // MARK: Routes

    private enum Route {
        case setUp, lookUpSetUp, signIn, refresh, switchOrganisation, signOut
        case invitations, lookUp, accept
        case invitation(String)
        case changeName, changePassword, makeReset, lookUpReset, resetPassword
        case lookUpPeople
        case logins
        case login(String)

        init?(_ path: Substring) {
            switch path {
            case "setup": self = .setUp
            case "setup/look-up": self = .lookUpSetUp
            case "sign-in": self = .signIn
            case "refresh": self = .refresh
            case "switch": self = .switchOrganisation
            case "sign-out": self = .signOut
            case "invitations": self = .invitations
            case "invitations/look-up": self = .lookUp
            case "invitations/accept": self = .accept
            case "account/name": self = .changeName
            case "account/password": self = .changePassword
            case "password-resets": self = .makeReset
            case "password-resets/look-up": self = .lookUpReset
            case "password-resets/use": self = .resetPassword
            case "people/look-up": self = .lookUpPeople
            case "logins": self = .logins
            default:
                if path.hasPrefix("logins/") {
                    self = .login(String(path.dropFirst("logins/".count)))
                } else if path.hasPrefix("invitations/") {
                    self = .invitation(String(path.dropFirst("invitations/".count)))
                } else {
                    return nil
                }
            }
        }

        var methods: [HTTPMethod] {
            switch self {
            case .logins: [.get]
            case .login, .invitation: [.delete]
            case .invitations: [.get, .post]
            default: [.post]
            }
        }
    }

    private func answer(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard request.path.hasPrefix(Self.prefix),
            let route = Route(request.path.dropFirst(Self.prefix.count))
        else { throw Denial(.notFound, "there is no such resource") }
        guard route.methods.contains(request.method) else {
            var refused = refusal(
                Denial(.unknownCommand, "the resource has no such method"), request, successor: nil)
            refused.status = 405
            refused.headers.append(HTTPHeader("Allow", route.methods.map(\.rawValue).joined(separator: ", ")))
            return refused
        }
        // A page of another origin gets nothing done here, with a cookie or without.
        guard origins.allows(request, host: request.header("host"), isSecure: request.isSecure) else {
            accounts.security.note(.originRefused, from: request.peerAddress)
            throw Denial(
                .forbidden, "this hub is reached at \(accounts.settings.publicOrigin); pages of other addresses "
                    + "are not served", details: [Detail("public_url", accounts.settings.publicOrigin)])
        }
        if request.method == .post, !request.body.isEmpty,
            !Self.isJSON(request.header("content-type"))
        {
            var refused = refusal(
                Denial(.malformed, "the body must be application/json"), request, successor: nil)
            refused.status = 415
            return refused
        }
        return try await carryOut(route, request)
    }

    private func carryOut(_ route: Route, _ request: HTTPRequest) async throws -> HTTPResponse {
        var origin = Self.origin(of: request)
        origin.device = cookie(for: request).device(in: request)
        switch route {
        case .setUp:
            let body = try body(request)
            if !body.device.isEmpty { origin.device = body.device }
            let signedIn = try await accounts.setUp(
                token: body.token, organisation: body.organisation, owner: body.person,
                body.delivery,
                from: origin)
            return answer(signedIn, status: 201, request, inCookie: body.isForCookie)
        case .lookUpSetUp:
            try accounts.lookUp(setUp: try body(request).token, from: origin)
            return Self.response(204, [])
        case .signIn:
            let body = try body(request)
            if !body.device.isEmpty { origin.device = body.device }
            let signedIn = try await accounts.signIn(
                email: body.email, password: body.password,
                organisation: body.organisation.isEmpty ? nil : Self.organisation(body),
                body.delivery,
                from: origin)
            return answer(signedIn, status: 200, request, inCookie: body.isForCookie)
        case .refresh:
            let body = try body(request)
            let (token, inCookie) = try refreshToken(request, body)
            return answer(
                try await accounts.refresh(token, from: origin), status: 200, request, inCookie: inCookie)
        case .switchOrganisation:
            let body = try body(request)
            let (token, inCookie) = try refreshToken(request, body)
            let signedIn = try await accounts.switchOrganisation(
                token, to: Self.organisation(body), from: origin)
            return answer(signedIn, status: 200, request, inCookie: inCookie)
        case .signOut:
            let (token, inCookie) = try refreshToken(request, try body(request))
            try await accounts.signOut(token, from: origin)
            return Self.response(204, inCookie ? [cookie(for: request).removal] : [])
        case .invitations where request.method == .get:
            return Self.response(200, try await invitations(try await bearer(request, origin)))
        case .invitation(let id): return try await withdraw(id, request, origin)
        case .invitations: return try await invite(request, origin)
        case .lookUp:
            let offer = try await accounts.lookUp(invitation: try body(request).token, from: origin)
            return Self.response(
                200,
                OfferBody(
                    organisation: OrganisationBody(offer.organisation), role: offer.role,
                    expiresAt: offer.expiresAt))
        case .accept:
            let body = try body(request)
            if !body.device.isEmpty { origin.device = body.device }
            let signedIn = try await accounts.accept(
                invitation: body.token, body.person, body.delivery, from: origin)
            return answer(signedIn, status: 201, request, inCookie: body.isForCookie)
        case .changeName: return try await changeName(request, origin)
        case .changePassword: return try await changePassword(request, origin)
        case .makeReset: return try await makeReset(request, origin)
        case .lookUpReset: return try await lookUpReset(request, origin)
        case .resetPassword: return try await resetPassword(request, origin)
        case .lookUpPeople: return try await lookUpPeople(request, origin)
        case .logins: return try await logins(request, origin)
        case .login(let id): return try await endLogin(id, request, origin)
        }
    }

    // MARK: Reading requests

    func body(_ request: HTTPRequest) throws -> RequestBody {
        guard request.body.count <= Self.bodyBytesMax else {
            throw Denial(.tooLarge, "the body is larger than 65536 bytes")
        }
        if request.body.isEmpty { return .blank }
        let body = try JSONBody.decode(RequestBody.self, from: request.body)
        try body.checkLengths()
        return body
    }

    private static func organisation(_ body: RequestBody) throws(Denial) -> OrganisationID {
        guard let id = OrganisationID(body.organisation) else {
            throw .field("organisation", "must be a UUID")
        }
        return id
    }

    /// From the body, else from the cookie, which only counts when one of our own pages sent it.
    private func refreshToken(_ request: HTTPRequest, _ body: RequestBody) throws(Denial)
        -> (token: RefreshToken, inCookie: Bool)
    {
        if !body.refreshToken.isEmpty { return (body.refreshToken, false) }
        guard let token = cookie(for: request).token(in: request) else {
            throw Denial(.unauthenticated, "there is no refresh token")
        }
        guard request.header("origin") != nil else {
            throw Denial(.forbidden, "a request that relies on the cookie needs its Origin")
        }
        return (token, true)
    }

    func bearer(_ request: HTTPRequest, _ origin: Origin) async throws -> Principal {
        guard let header = request.header("authorization"), header.utf8.count <= 2_048 else {
            throw Denial(.unauthenticated, "an access token is needed")
        }
        let parts = header.split(atByte: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].asciiLowercased() == "bearer" else {
            throw Denial(.unauthenticated, "an access token is needed")
        }
        return try await accounts.bearer(AccessToken(String(parts[1])), from: origin)
    }

    /// With which address a link begins: the public one, or where that is not configured the one that the
    /// page of who makes it was opened by, which is more likely to be of use to others.
    func linkOrigin(_ request: HTTPRequest) -> String {
        let settings = accounts.settings
        guard settings.isOriginDerived, let origin = request.header("origin"),
            origins.isOwn(origin, host: request.header("host"), isSecure: request.isSecure)
        else { return settings.publicOrigin }
        return origin
    }

    private static func isJSON(_ type: String?) -> Bool {
        guard let type else { return false }
        let parts = type.asciiLowercased().split(atByte: ";", maxSplits: 1)
        guard let media = parts.first?.filter({ !$0.isWhitespace }) else { return false }
        let parameter =
            parts.count == 1 ? "charset=utf-8" : parts[1].filter { !$0.isWhitespace && $0 != "\"" }
        return media == "application/json" && parameter == "charset=utf-8"
    }

    static func origin(of request: HTTPRequest) -> Origin {
        var agent = ""
        var bytes = 0
        // Whole scalars, as many as fit.
        for scalar in (request.header("user-agent") ?? "").unicodeScalars
        where scalar.properties.generalCategory != .control {
            bytes += scalar.utf8.count
            if bytes > userAgentBytesMax { break }
            agent.unicodeScalars.append(scalar)
        }
        return Origin(address: request.peerAddress, userAgent: agent)
    }

    // MARK: Writing answers

    func answer(_ signedIn: SignedIn, status: Int, _ request: HTTPRequest, inCookie: Bool) -> HTTPResponse {
        let body = SignedInBody(
            accessToken: signedIn.accessToken, expiresAt: signedIn.expiresAt,
            expiresInMilliseconds: UInt32(
                clamping: signedIn.expiresAt.value - accounts.clocks.now().value),
            refreshToken: inCookie ? .blank : signedIn.refreshToken ?? .blank,
            account: AccountBody(signedIn.account),
            organisation: OrganisationBody(signedIn.membership.organisation),
            role: signedIn.membership.role,
            organisations: signedIn.memberships.map {
                OrganisationBody($0.organisation, role: $0.role)
            },
            device: inCookie ? "" : signedIn.device ?? "")
        var response = Self.response(status, body)
        if inCookie, let token = signedIn.refreshToken {
            response.headers.append(
                cookie(for: request).header(
                    token, lifetimeMilliseconds: signedIn.refreshLifetimeMilliseconds))
        }
        if inCookie, let device = signedIn.device {
            response.headers.append(cookie(for: request).header(device: device))
        }
        return response
    }

    /// Where the public address is not configured, people may come both ways: then the way decides.
    private func cookie(for request: HTTPRequest) -> RefreshCookie {
        let settings = accounts.settings
        return RefreshCookie(isSecure: settings.isOriginDerived ? request.isSecure : settings.isPublicSecure)
    }

    private func refusal(_ denial: Denial, _ request: HTTPRequest, successor: FailedAfterRotation?)
        -> HTTPResponse
    {
        let reply = denial.reply
        // Who sent the cookie gets the successor in the cookie, who sent a body in the body.
        let cookie = cookie(for: request)
        let inCookie = cookie.token(in: request) != nil && request.header("origin") != nil
        var response = Self.response(
            Self.status(of: reply.code),
            ErrorBody(
                error: reply, refreshToken: inCookie ? .blank : successor?.refreshToken ?? .blank))
        if inCookie, let successor {
            response.headers.append(
                cookie.header(
                    successor.refreshToken,
                    lifetimeMilliseconds: successor.refreshLifetimeMilliseconds))
        }
        if response.status == 401 {
            response.headers.append(HTTPHeader("WWW-Authenticate", "Bearer"))
        }
        if response.status == 429 || response.status == 503 {
            let seconds = max(1, (reply.retryAfterMilliseconds + 999) / 1_000)
            response.headers.append(HTTPHeader("Retry-After", String(seconds)))
        }
        return response
    }

    static func response(_ status: Int, _ headers: [HTTPHeader]) -> HTTPResponse {
        HTTPResponse(status: status, headers: [HTTPHeader("Cache-Control", "no-store")] + headers)
    }

    static func response(_ status: Int, _ body: some WireMessage) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [
                HTTPHeader("Content-Type", "application/json"),
                HTTPHeader("Cache-Control", "no-store"),
            ],
            body: JSONBody.encode(body))
    }

    // MARK: Errors

    private func denial(_ error: any Error) -> Denial {
        switch error {
        case let denial as Denial: return denial
        case let error as DecodeError: return Denial(error.reply)
        case is HasherOverloaded:
            return Denial(.overloaded, "too many sign-ins at once", retryAfterMilliseconds: 1_000)
        case let error as StoreError:
            switch error {
            case .unavailable, .uncertain, .storageFull:
                return Denial(
                    .unavailable, "the database does not answer", retryAfterMilliseconds: 1_000)
            case .overloaded:
                return Denial(
                    .overloaded, "the database is too busy", retryAfterMilliseconds: 1_000)
            case .fault(let what):
                log.error("identity request failed", .word("fault", what))
                return Denial(.internalFault, "something broke here; it was logged")
            }
        default:
            log.error("identity request failed")
            return Denial(.internalFault, "something broke here; it was logged")
        }
    }

    private static func status(of code: ErrorCode) -> Int {
        switch code {
        case .malformed, .invalidArgument, .unknownCommand, .duplicateID: 400
        case .unauthenticated, .tokenExpired, .badCredentials: 401
        case .forbidden, .notMember, .notSubscribed: 403
        case .notFound: 404
        case .alreadyExists, .conflict: 409
        case .linkInvalid: 410
        case .tooLarge: 413
        case .rateLimited, .tooManyInFlight, .subscriptionLimit, .sessionLimit: 429
        case .internalFault: 500
        case .overloaded, .unavailable, .keyUnavailable, .draining: 503
        }
    }
}
