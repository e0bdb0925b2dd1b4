// People and organisations as every layer knows them.

/// What a member may do. The raw value is what tokens, the store and the protocol carry.
package enum Role: UInt8, Sendable, CaseIterable, Comparable {
    case member = 1
    case admin = 2
    case owner = 3
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// Upper-case name as tokens and the HTTP API write it.
    package var name: String {
        switch self {
        case .member: "MEMBER"
        case .admin: "ADMIN"
        case .owner: "OWNER"
        }
    }
    package init?(name: String) {
        guard let role = Role.allCases.first(where: { $0.name == name }) else { return nil }
        self = role
    }
}

/// Who a session acts as: what a valid access token says.
package struct Principal: Hashable, Sendable {
    package var account: AccountID
    package var organisation: OrganisationID
    package var role: Role
    package var login: LoginID
    package var expiresAt: UnixMilliseconds
    package init(account: AccountID, organisation: OrganisationID, role: Role, login: LoginID,
                 expiresAt: UnixMilliseconds) {
        self.account = account
        self.organisation = organisation
        self.role = role
        self.login = login
        self.expiresAt = expiresAt
    }
}

/// A member of an organisation as other members see them.
package struct Person: Hashable, Sendable {
    package var account: AccountID
    package var firstName: String
    package var lastName: String
    package var role: Role
    package init(account: AccountID, firstName: String, lastName: String, role: Role) {
        self.account = account
        self.firstName = firstName
        self.lastName = lastName
        self.role = role
    }
}
