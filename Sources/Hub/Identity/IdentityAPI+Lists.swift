// Invitations and sign-ins over HTTP: made, listed, ended.

import Model
import Ports
import Wire

extension IdentityAPI {
    func invite(_ request: HTTPRequest, _ origin: Origin) async throws -> HTTPResponse {
        let principal = try await bearer(request, origin)
        let body = try body(request)
        guard let role = Role(name: body.role) else {
            throw Denial.field("role", "must be MEMBER, ADMIN or OWNER")
        }
        let made = try await accounts.invite(
            principal, role: role, uses: Int(body.uses ?? 1), hours: Int(body.expiresInHours ?? 168),
            linkOrigin: linkOrigin(request))
        return Self.response(
            201,
            InvitationBody(
                id: made.invitation.id, link: made.link, token: made.token,
                expiresAt: made.invitation.expiresAt))
    }

    func invitations(_ principal: Principal) async throws -> InvitationsBody {
        InvitationsBody(invitations: try await accounts.invitations(principal).map { invitation in
            StandingInvitationBody(
                id: invitation.id, role: invitation.role, createdBy: invitation.createdBy,
                expiresAt: invitation.expiresAt, usesLeft: UInt32(clamping: invitation.usesLeft))
        })
    }

    func withdraw(_ id: String, _ request: HTTPRequest, _ origin: Origin) async throws -> HTTPResponse {
        let principal = try await bearer(request, origin)
        guard let invitation = InvitationID(id) else { throw Denial(.notFound, "no such invitation") }
        try await accounts.withdraw(invitation, principal)
        return Self.response(204, [])
    }

    func logins(_ request: HTTPRequest, _ origin: Origin) async throws -> HTTPResponse {
        let principal = try await bearer(request, origin)
        let logins = try await accounts.logins(of: principal).map { login in
            LoginBody(
                id: login.id, createdAt: login.createdAt, lastUsedAt: login.lastUsedAt,
                address: login.address, userAgent: login.userAgent,
                isCurrent: login.id == principal.login)
        }
        return Self.response(200, LoginsBody(logins: logins))
    }

    func endLogin(_ id: String, _ request: HTTPRequest, _ origin: Origin) async throws -> HTTPResponse {
        let principal = try await bearer(request, origin)
        guard let login = LoginID(id) else { throw Denial(.notFound, "no such sign-in") }
        try await accounts.revoke(login, of: principal)
        return Self.response(204, [])
    }
}
