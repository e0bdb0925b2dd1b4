// Bodies of requests and answers, as docs/http-api.md has them.

import Model
import Ports
import Wire

/// What the forms and programs send; each request looks at its own fields.
struct RequestBody: WireMessage {
    var token = OneTimeToken("")
    var organisation = ""
    var email = EmailAddress("")
    var password = Password("")
    var firstName = ""
    var lastName = ""
    var isForCookie = false
    var isRemembered = false
    var refreshToken = RefreshToken("")
    var role = ""
    var uses: UInt32?
    var expiresInHours: UInt32?
    var device = ""
    var newPassword = Password("")
    var account = ""
    var accounts: [String] = []

    static var blank: RequestBody { RequestBody() }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "token", &token)
        try visitor.field(2, "organisation", &organisation)
        try visitor.field(3, "email", &email)
        try visitor.field(4, "password", &password)
        try visitor.field(5, "first_name", &firstName)
        try visitor.field(6, "last_name", &lastName)
        try visitor.field(7, "cookie", &isForCookie)
        try visitor.field(8, "remember", &isRemembered)
        try visitor.field(9, "refresh_token", &refreshToken)
        try visitor.field(10, "role", &role)
        try visitor.optional(11, "uses", &uses)
        try visitor.optional(12, "expires_in_hours", &expiresInHours)
        try visitor.field(13, "device", &device)
        try visitor.field(14, "new_password", &newPassword)
        try visitor.field(15, "account", &account)
        try visitor.list(16, "accounts", &accounts)
    }

    /// Every text has a limit in bytes, whatever a request does with it. What it means is checked by who uses it.
    func checkLengths() throws(Denial) {
        let texts: [(field: String, bytes: Int, max: Int)] = [
            ("token", token.reveal.utf8.count, 256), ("organisation", organisation.utf8.count, 1_024),
            ("email", email.reveal.utf8.count, 1_024), ("password", password.reveal.utf8.count, 4_096),
            ("first_name", firstName.utf8.count, 1_024), ("last_name", lastName.utf8.count, 1_024),
            ("refresh_token", refreshToken.reveal.utf8.count, 256), ("role", role.utf8.count, 64),
            ("device", device.utf8.count, 256),
            ("new_password", newPassword.reveal.utf8.count, 4_096), ("account", account.utf8.count, 1_024),
            ("accounts", accounts.map(\.utf8.count).max() ?? 0, 1_024),
        ]
        for text in texts where text.bytes > text.max {
            throw Denial(.invalidArgument, "\(text.field): has more than \(text.max) bytes", details: [
                Detail("field", text.field), Detail("limit", "\(text.max)"), Detail("have", "\(text.bytes)"),
            ])
        }
    }

    var delivery: RefreshDelivery { isForCookie ? .cookie(isRemembered: isRemembered) : .body }
    var person: NewPerson {
        NewPerson(email: email, password: password, firstName: firstName, lastName: lastName)
    }
}

struct ErrorBody: WireMessage {
    var error: ErrorReply
    var refreshToken: RefreshToken

    static var blank: ErrorBody { ErrorBody(error: .blank, refreshToken: .blank) }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "error", &error)
        try visitor.field(2, "refresh_token", &refreshToken)
    }
}

struct SignedInBody: WireMessage {
    var accessToken: AccessToken = .blank
    var expiresAt: UnixMilliseconds = .blank
    /// The same as a duration, for clients whose clock may be wrong.
    var expiresInMilliseconds: UInt32 = 0
    /// Empty, and so left out, when it goes into a cookie or there is none.
    var refreshToken: RefreshToken = .blank
    var account = AccountBody.blank
    var organisation = OrganisationBody.blank
    var role = Role.blank
    var organisations: [OrganisationBody] = []
    /// Left out when it goes into a cookie.
    var device = ""

    static var blank: SignedInBody { SignedInBody() }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "access_token", &accessToken)
        try visitor.field(2, "expires_at_ms", &expiresAt)
        try visitor.field(3, "refresh_token", &refreshToken)
        try visitor.field(4, "account", &account)
        try visitor.field(5, "organisation", &organisation)
        try visitor.field(6, "role", &role)
        try visitor.list(7, "organisations", &organisations)
        try visitor.field(8, "expires_in_ms", &expiresInMilliseconds)
        try visitor.field(9, "device", &device)
    }
}

struct AccountBody: WireMessage {
    var id: AccountID
    var email: EmailAddress
    var firstName: String
    var lastName: String

    static var blank: AccountBody {
        AccountBody(id: .blank, email: .blank, firstName: "", lastName: "")
    }

    init(id: AccountID, email: EmailAddress, firstName: String, lastName: String) {
        self.id = id
        self.email = email
        self.firstName = firstName
        self.lastName = lastName
    }

    init(_ account: AccountRecord) {
        self.init(id: account.id, email: account.email, firstName: account.firstName,
                  lastName: account.lastName)
    }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "id", &id)
        try visitor.field(2, "email", &email)
        try visitor.field(3, "first_name", &firstName)
        try visitor.field(4, "last_name", &lastName)
    }
}

/// With the account's role in it where that is not said elsewhere.
struct OrganisationBody: WireMessage {
    var id: OrganisationID
    var name: String
    var role: Role?

    static var blank: OrganisationBody { OrganisationBody(id: .blank, name: "", role: nil) }

    init(id: OrganisationID, name: String, role: Role?) {
        self.id = id
        self.name = name
        self.role = role
    }

    init(_ record: OrganisationRecord, role: Role? = nil) {
        self.init(id: record.id, name: record.name, role: role)
    }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "id", &id)
        try visitor.field(2, "name", &name)
        try visitor.optional(3, "role", &role)
    }
}

struct InvitationBody: WireMessage {
    var id: InvitationID
    var link: String
    var token: OneTimeToken
    var expiresAt: UnixMilliseconds

    static var blank: InvitationBody {
        InvitationBody(id: .blank, link: "", token: .blank, expiresAt: .blank)
    }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "id", &id)
        try visitor.field(2, "link", &link)
        try visitor.field(3, "token", &token)
        try visitor.field(4, "expires_at_ms", &expiresAt)
    }
}

/// What somebody with the link may know of an invitation.
struct OfferBody: WireMessage {
    var organisation: OrganisationBody
    var role: Role
    var expiresAt: UnixMilliseconds

    static var blank: OfferBody { OfferBody(organisation: .blank, role: .blank, expiresAt: .blank) }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "organisation", &organisation)
        try visitor.field(2, "role", &role)
        try visitor.field(3, "expires_at_ms", &expiresAt)
    }
}

struct InvitationsBody: WireMessage {
    var invitations: [StandingInvitationBody]

    static var blank: InvitationsBody { InvitationsBody(invitations: []) }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.list(1, "invitations", &invitations)
    }
}

/// Without its token, which nobody can be shown a second time.
struct StandingInvitationBody: WireMessage {
    var id: InvitationID
    var role: Role
    var createdBy: AccountID
    var expiresAt: UnixMilliseconds
    var usesLeft: UInt32

    static var blank: StandingInvitationBody {
        StandingInvitationBody(id: .blank, role: .blank, createdBy: .blank, expiresAt: .blank, usesLeft: 0)
    }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "id", &id)
        try visitor.field(2, "role", &role)
        try visitor.field(3, "created_by", &createdBy)
        try visitor.field(4, "expires_at_ms", &expiresAt)
        try visitor.field(5, "uses_left", &usesLeft)
    }
}

struct LoginsBody: WireMessage {
    var logins: [LoginBody]

    static var blank: LoginsBody { LoginsBody(logins: []) }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.list(1, "logins", &logins)
    }
}

struct LoginBody: WireMessage {
    var id: LoginID
    var createdAt: UnixMilliseconds
    var lastUsedAt: UnixMilliseconds
    var address: String
    var userAgent: String
    var isCurrent: Bool

    static var blank: LoginBody {
        LoginBody(
            id: .blank, createdAt: .blank, lastUsedAt: .blank, address: "", userAgent: "",
            isCurrent: false)
    }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "id", &id)
        try visitor.field(2, "created_at_ms", &createdAt)
        try visitor.field(3, "last_used_at_ms", &lastUsedAt)
        try visitor.field(4, "address", &address)
        try visitor.field(5, "user_agent", &userAgent)
        try visitor.field(6, "current", &isCurrent)
    }
}

struct ResetBody: WireMessage {
    var link: String
    var token: OneTimeToken
    var expiresAt: UnixMilliseconds

    static var blank: ResetBody { ResetBody(link: "", token: .blank, expiresAt: .blank) }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "link", &link)
        try visitor.field(2, "token", &token)
        try visitor.field(3, "expires_at_ms", &expiresAt)
    }
}

/// What somebody with the link may know: whose password it is.
struct ResetFactsBody: WireMessage {
    var account: AccountBody
    var expiresAt: UnixMilliseconds

    static var blank: ResetFactsBody { ResetFactsBody(account: .blank, expiresAt: .blank) }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "account", &account)
        try visitor.field(2, "expires_at_ms", &expiresAt)
    }
}

struct PeopleBody: WireMessage {
    var people: [ColleagueBody]

    static var blank: PeopleBody { PeopleBody(people: []) }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.list(1, "people", &people)
    }
}

struct ColleagueBody: WireMessage {
    var account: AccountID
    var firstName: String
    var lastName: String
    var isFormer: Bool

    static var blank: ColleagueBody {
        ColleagueBody(account: .blank, firstName: "", lastName: "", isFormer: false)
    }

    init(account: AccountID, firstName: String, lastName: String, isFormer: Bool) {
        self.account = account
        self.firstName = firstName
        self.lastName = lastName
        self.isFormer = isFormer
    }

    init(_ colleague: Colleague) {
        self.init(account: colleague.account, firstName: colleague.firstName, lastName: colleague.lastName,
                  isFormer: colleague.isFormer)
    }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "account", &account)
        try visitor.field(2, "first_name", &firstName)
        try visitor.field(3, "last_name", &lastName)
        try visitor.field(4, "former", &isFormer)
    }
}
