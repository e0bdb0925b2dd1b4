// What people change about themselves over HTTP, password resets, and names of people who left.

import Model
import Ports
import Wire

extension IdentityAPI {
    func changeName(_ request: HTTPRequest, _ origin: Origin) async throws -> HTTPResponse {
        let principal = try await bearer(request, origin)
        let body = try body(request)
        let account = try await accounts.rename(principal, first: body.firstName, last: body.lastName)
        return Self.response(200, AccountBody(account))
    }

    func changePassword(_ request: HTTPRequest, _ origin: Origin) async throws -> HTTPResponse {
        let principal = try await bearer(request, origin)
        let body = try body(request)
        try await accounts.changePassword(
            principal, from: body.password, to: body.newPassword, origin: origin)
        return Self.response(204, [])
    }

    func makeReset(_ request: HTTPRequest, _ origin: Origin) async throws -> HTTPResponse {
        let principal = try await bearer(request, origin)
        guard let account = AccountID(try body(request).account) else {
            throw Denial.field("account", "must be a UUID")
        }
        let made = try await accounts.makeReset(of: account, by: principal, linkOrigin: linkOrigin(request))
        return Self.response(
            201, ResetBody(link: made.link, token: made.token, expiresAt: made.expiresAt))
    }

    func lookUpReset(_ request: HTTPRequest, _ origin: Origin) async throws -> HTTPResponse {
        let (account, expiresAt) = try await accounts.lookUp(reset: try body(request).token, from: origin)
        return Self.response(200, ResetFactsBody(account: AccountBody(account), expiresAt: expiresAt))
    }

    func resetPassword(_ request: HTTPRequest, _ origin: Origin) async throws -> HTTPResponse {
        let body = try body(request)
        let signedIn = try await accounts.resetPassword(
            body.token, to: body.password, body.delivery, from: origin)
        return answer(signedIn, status: 200, request, inCookie: body.isForCookie)
    }

    func lookUpPeople(_ request: HTTPRequest, _ origin: Origin) async throws -> HTTPResponse {
        let principal = try await bearer(request, origin)
        let ids = try body(request).accounts
        guard ids.count <= Accounts.lookedUpMax else {
            throw Denial.field("accounts", "must be at most \(Accounts.lookedUpMax)")
        }
        var accounts: [AccountID] = []
        for id in ids {
            guard let account = AccountID(id) else { throw Denial.field("accounts", "must be UUIDs") }
            accounts.append(account)
        }
        let people = try await self.accounts.people(accounts, of: principal)
        return Self.response(200, PeopleBody(people: people.map(ColleagueBody.init)))
    }
}
