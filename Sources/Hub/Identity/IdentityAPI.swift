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

    private let accounts: Accounts
    private var origins: Set<ExactText>
    private let cookie: RefreshCookie
    private let log: Log

    package init(_ accounts: Accounts, log: Log) {
        self.accounts = accounts
        self.log = log
        let settings = accounts.settings
        origins = Set(([settings.publicOrigin] + settings.moreOrigins).map { ExactText($0) })
        cookie = RefreshCookie(isSecure: settings.publicOrigin.hasPrefix("https://"))
    }

    /// The same with other origins besides the public one.
    package func allowing(_ moreOrigins: [String]) -> IdentityAPI {
        var copy = self
        copy.origins = Set(([accounts.settings.publicOrigin] + moreOrigins).map { ExactText($0) })
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
        case setUp, signIn, refresh, switchOrganisation, signOut
        case invitations, lookUp, accept
        case invitation(String)
        case logins
        case login(String)

        init?(_ path: Substring) {
            switch path {
            case "setup": self = .setUp
            case "sign-in": self = .signIn
            case "refresh": self = .refresh
            case "switch": self = .switchOrganisation
            case "sign-out": self = .signOut
            case "invitations": self = .invitations
            case "invitations/look-up": self = .lookUp
            case "invitations/accept": self = .accept
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
        if let origin = request.header("origin"), !origins.contains(ExactText(origin)) {
            accounts.security.note(.originRefused, from: request.peerAddress)
            throw Denial(.forbidden, "requests from pages of that origin are not served")
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
        origin.device = cookie.device(in: request)
        switch route {
        case .setUp:
            let body = try body(request)
            if !body.device.isEmpty { origin.device = body.device }
            let signedIn = try await accounts.setUp(
                token: body.token, organisation: body.organisation, owner: body.person,
                body.delivery,
                from: origin)
            return answer(signedIn, status: 201, inCookie: body.isForCookie)
        case .signIn:
            let body = try body(request)
            if !body.device.isEmpty { origin.device = body.device }
            let signedIn = try await accounts.signIn(
                email: body.email, password: body.password,
                organisation: body.organisation.isEmpty ? nil : Self.organisation(body),
                body.delivery,
                from: origin)
            return answer(signedIn, status: 200, inCookie: body.isForCookie)
        case .refresh:
            let body = try body(request)
            let (token, inCookie) = try refreshToken(request, body)
            return answer(try await accounts.refresh(token, from: origin), status: 200, inCookie: inCookie)
        case .switchOrganisation:
            let body = try body(request)
            let (token, inCookie) = try refreshToken(request, body)
            let signedIn = try await accounts.switchOrganisation(
                token, to: Self.organisation(body), from: origin)
            return answer(signedIn, status: 200, inCookie: inCookie)
        case .signOut:
            let (token, inCookie) = try refreshToken(request, try body(request))
            try await accounts.signOut(token, from: origin)
            return Self.response(204, inCookie ? [cookie.removal] : [])
        case .invitations where request.method == .get:
            return Self.response(200, try await invitations(try await bearer(request, origin)))
        case .invitation(let id):
            let principal = try await bearer(request, origin)
            guard let invitation = InvitationID(id) else { throw Denial(.notFound, "no such invitation") }
            try await accounts.withdraw(invitation, principal)
            return Self.response(204, [])
        case .invitations:
            let principal = try await bearer(request, origin)
            let body = try body(request)
            guard let role = Role(name: body.role) else {
                throw Denial.field("role", "must be MEMBER, ADMIN or OWNER")
            }
            let made = try await accounts.invite(
                principal, role: role, uses: Int(body.uses ?? 1),
                hours: Int(body.expiresInHours ?? 168))
            return Self.response(
                201,
                InvitationBody(
                    id: made.invitation.id, link: made.link, token: made.token,
                    expiresAt: made.invitation.expiresAt))
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
            return answer(signedIn, status: 201, inCookie: body.isForCookie)
        case .logins:
            let principal = try await bearer(request, origin)
            let logins = try await accounts.logins(of: principal).map { login in
                LoginBody(
                    id: login.id, createdAt: login.createdAt, lastUsedAt: login.lastUsedAt,
                    address: login.address, userAgent: login.userAgent,
                    isCurrent: login.id == principal.login)
            }
            return Self.response(200, LoginsBody(logins: logins))
        case .login(let id):
            let principal = try await bearer(request, origin)
            guard let login = LoginID(id) else { throw Denial(.notFound, "no such sign-in") }
            try await accounts.revoke(login, of: principal)
            return Self.response(204, [])
        }
    }

    private func invitations(_ principal: Principal) async throws -> InvitationsBody {
        InvitationsBody(invitations: try await accounts.invitations(principal).map { invitation in
            StandingInvitationBody(
                id: invitation.id, role: invitation.role, createdBy: invitation.createdBy,
                expiresAt: invitation.expiresAt, usesLeft: UInt32(clamping: invitation.usesLeft))
        })
    }

    // MARK: Reading requests

    private func body(_ request: HTTPRequest) throws -> RequestBody {
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
        guard let token = cookie.token(in: request) else {
            throw Denial(.unauthenticated, "there is no refresh token")
        }
        guard request.header("origin") != nil else {
            throw Denial(.forbidden, "a request that relies on the cookie needs its Origin")
        }
        return (token, true)
    }

    private func bearer(_ request: HTTPRequest, _ origin: Origin) async throws -> Principal {
        guard let header = request.header("authorization"), header.utf8.count <= 2_048 else {
            throw Denial(.unauthenticated, "an access token is needed")
        }
        let parts = header.split(atByte: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].asciiLowercased() == "bearer" else {
            throw Denial(.unauthenticated, "an access token is needed")
        }
        return try await accounts.bearer(AccessToken(String(parts[1])), from: origin)
    }

    private static func isJSON(_ type: String?) -> Bool {
        guard let type else { return false }
        let parts = type.asciiLowercased().split(atByte: ";", maxSplits: 1)
        guard let media = parts.first?.filter({ !$0.isWhitespace }) else { return false }
        let parameter =
            parts.count == 1 ? "charset=utf-8" : parts[1].filter { !$0.isWhitespace && $0 != "\"" }
        return media == "application/json" && parameter == "charset=utf-8"
    }

    private static func origin(of request: HTTPRequest) -> Origin {
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

    private func answer(_ signedIn: SignedIn, status: Int, inCookie: Bool) -> HTTPResponse {
        let body = SignedInBody(
            accessToken: signedIn.accessToken, expiresAt: signedIn.expiresAt,
            expiresInMilliseconds: UInt32(
                clamping: signedIn.expiresAt.value - accounts.clocks.now().value),
            refreshToken: inCookie ? .blank : signedIn.refreshToken ?? .blank,
            account: AccountBody(
                id: signedIn.account.id, email: signedIn.account.email,
                firstName: signedIn.account.firstName,
                lastName: signedIn.account.lastName),
            organisation: OrganisationBody(signedIn.membership.organisation),
            role: signedIn.membership.role,
            organisations: signedIn.memberships.map {
                OrganisationBody($0.organisation, role: $0.role)
            },
            device: inCookie ? "" : signedIn.device ?? "")
        var response = Self.response(status, body)
        if inCookie, let token = signedIn.refreshToken {
            response.headers.append(
                cookie.header(token, lifetimeMilliseconds: signedIn.refreshLifetimeMilliseconds))
        }
        if inCookie, let device = signedIn.device { response.headers.append(cookie.header(device: device)) }
        return response
    }

    private func refusal(_ denial: Denial, _ request: HTTPRequest, successor: FailedAfterRotation?)
        -> HTTPResponse
    {
        let reply = denial.reply
        // Who sent the cookie gets the successor in the cookie, who sent a body in the body.
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

    private static func response(_ status: Int, _ headers: [HTTPHeader]) -> HTTPResponse {
        HTTPResponse(status: status, headers: [HTTPHeader("Cache-Control", "no-store")] + headers)
    }

    private static func response(_ status: Int, _ body: some WireMessage) -> HTTPResponse {
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
