// People and their sign-ins: who gets tokens, and which. It decides, the store remembers; HTTP is
// the business of `IdentityAPI`. Passwords are hashed on threads of their own, everything else runs
// where the caller runs.

import Crypto
package import Model
package import Ports

/// What the operator sets of identity.
package struct IdentitySettings: Sendable {
    /// Origin of the hub as people reach it, `https://hub.example.org`; links start with it.
    package var publicOrigin: String
    /// Other origins whose pages belong to the hub.
    package var moreOrigins: [String]
    /// Refresh tokens in a body, in a cookie, in a cookie that is to be remembered; milliseconds.
    package var refreshLifetimeMilliseconds: Int64 = 7 * 86_400_000
    package var cookieLifetimeMilliseconds: Int64 = 86_400_000
    package var rememberLifetimeMilliseconds: Int64 = 30 * 86_400_000
    /// Within this time a refresh token that was spent is a race, later it is theft.
    package var graceMilliseconds: Int64 = 10_000
    package var setUpLifetimeMilliseconds: Int64 = 86_400_000
    /// A sign-in ends this long after the person signed in, however often it is refreshed; 0: it need not end.
    package var signInMaxAgeMilliseconds: Int64 = 0
    package var resetLifetimeMilliseconds: Int64 = 86_400_000
    /// Nobody configured `publicOrigin`: it was made of the address that the hub is bound to.
    package var isOriginDerived = false

    var isPublicSecure: Bool { publicOrigin.hasPrefix("https://") }

    package init(publicOrigin: String, moreOrigins: [String] = []) {
        self.publicOrigin = publicOrigin
        self.moreOrigins = moreOrigins
    }
}

/// What others do when something changes here. Called after the change is durable, on the caller's
/// lane.
package struct IdentityHooks: Sendable {
    /// A sign-in is over: close its sessions.
    package var onLoginRevoked: @Sendable (LoginID, AccountID, OrganisationID) -> Void
    /// Somebody became a member, or has another name.
    package var onPersonChanged: @Sendable (OrganisationID, Member) -> Void
    package init(
        onLoginRevoked: @escaping @Sendable (LoginID, AccountID, OrganisationID) -> Void,
        onPersonChanged: @escaping @Sendable (OrganisationID, Member) -> Void
    ) {
        self.onLoginRevoked = onLoginRevoked
        self.onPersonChanged = onPersonChanged
    }
}

/// How the client is to get its refresh token.
enum RefreshDelivery: Sendable {
    case body
    case cookie(isRemembered: Bool)
}

/// Where a request comes from, as sign-ins remember it.
struct Origin: Sendable {
    var address: String
    var userAgent: String
    /// What it keeps of having signed in before; empty: nothing.
    var device = ""
}

/// The result of every way to sign in.
struct SignedIn: Sendable {
    var accessToken: AccessToken
    var expiresAt: UnixMilliseconds
    /// `nil` for the loser of a race of two refreshes.
    var refreshToken: RefreshToken?
    var refreshLifetimeMilliseconds: Int64
    var account: AccountRecord
    var membership: Membership
    var memberships: [Membership]
    /// What the device is to keep of having signed in; `nil` where nobody signed in just now.
    var device: String?
}

/// A new person as the forms give it.
struct NewPerson: Sendable {
    var email: EmailAddress
    var password: Password
    var firstName: String
    var lastName: String
}

package final class Accounts: Sendable {
    let store: any PeopleStore
    let tokens: AccessTokens
    let derived: DerivedTokens
    let hasher: PasswordHasher
    let clocks: any Clocks
    let entropy: any Entropy
    let settings: IdentitySettings
    let hooks: IdentityHooks
    let limiter: AttemptLimiter
    let security: SecurityLog
    /// The link that was used since the start, and by whom.
    private let usedSetUpToken = Lock<(hash: [UInt8], owner: AccountID)?>(nil)
    private let setUpToken = Lock<(hash: [UInt8], endsAt: MonotonicNanoseconds)?>(nil)

    package init(
        store: any PeopleStore, tokens: AccessTokens, derived: DerivedTokens, hasher: PasswordHasher,
        clocks: any Clocks, entropy: any Entropy, settings: IdentitySettings, hooks: IdentityHooks,
        security: SecurityLog
    ) {
        self.store = store
        self.tokens = tokens
        self.derived = derived
        self.hasher = hasher
        self.clocks = clocks
        self.entropy = entropy
        self.settings = settings
        self.hooks = hooks
        self.security = security
        limiter = AttemptLimiter(clocks: clocks)
    }

    // MARK: First start

    /// The secret of the set-up link, `nil` once there is an organisation. Each call makes the one
    /// before invalid; it is good for 24 h, until used, or until the hub stops.
    package func issueSetUpToken() async throws(StoreError) -> OneTimeToken? {
        guard try await store.isEmpty() else { return nil }
        let token: OneTimeToken = newToken()
        let endsAt = clocks.monotonic().adding(milliseconds: settings.setUpLifetimeMilliseconds)
        setUpToken.withLock { $0 = (hash(token).bytes, endsAt) }
        return token
    }

    /// The link of which the token is the secret; it stands in the fragment, which browsers do not
    /// send.
    package func setUpLink(_ token: OneTimeToken) -> String {
        "\(settings.publicOrigin)/#setup=\(token.reveal)"
    }

    /// Whether the set-up link can be used, before a form is filled in for it.
    func lookUp(setUp token: OneTimeToken, from origin: Origin) throws(Denial) {
        let given = hash(token).bytes
        let monotonic = clocks.monotonic()
        let isRight = setUpToken.withLock { standing in
            guard let standing, monotonic < standing.endsAt else { return false }
            return constantTimeEqual(standing.hash, given)
        }
        guard isRight else {
            security.note(.setUpRefused, from: origin.address)
            throw Denial(.linkInvalid, "the set-up link is used, too old or not the newest")
        }
    }

    /// The first organisation and its owner.
    func setUp(
        token: OneTimeToken, organisation: String, owner: NewPerson, _ delivery: RefreshDelivery,
        from origin: Origin
    ) async throws -> SignedIn {
        let now = clocks.now()
        let given = hash(token).bytes
        // The same again, after an answer that was lost: whoever has the link and the password is the owner.
        let used = usedSetUpToken.withLock { $0 }
        if let used, constantTimeEqual(used.hash, given) {
            do {
                let account = try await proven(owner.email, owner.password, from: origin)
                if account.id == used.owner {
                    let memberships = try await store.memberships(of: account.id)
                    return try await signIn(
                        account, try Self.choose(nil, memberships), memberships, delivery, from: origin)
                }
            } catch let denial as Denial where denial.reply.code == .badCredentials {
                // Somebody else, for whom the link is used.
            }
        }
        try lookUp(setUp: token, from: origin)
        let name = try Admission.name(organisation, field: "organisation")
        let account = try await newAccount(owner, organisation: name)
        let record = OrganisationRecord(id: entropy.id(at: now), name: name)
        guard try await store.setUp(record, owner: account, at: now) else {
            throw Denial(.linkInvalid, "the hub is set up already: sign in")
        }
        setUpToken.withLock { $0 = nil }
        usedSetUpToken.withLock { $0 = (given, account.id) }
        security.note(.setUp, from: origin.address, .id("organisation", record.id), .id("account", account.id))
        let membership = Membership(organisation: record, role: .owner, since: now)
        return try await signIn(account, membership, [membership], delivery, from: origin)
    }

    // MARK: Signing in

    func signIn(
        email: EmailAddress, password: Password, organisation: OrganisationID?,
        _ delivery: RefreshDelivery, from origin: Origin
    ) async throws -> SignedIn {
        let account = try await proven(email, password, from: origin)
        let memberships = try await store.memberships(of: account.id)
        let membership = try Self.choose(organisation, memberships)
        return try await signIn(account, membership, memberships, delivery, from: origin)
    }

    /// The account whose password this is. Takes as long when there is no such account.
    func proven(_ email: EmailAddress, _ password: Password, from origin: Origin) async throws
        -> AccountRecord
    {
        // What cannot be an address or a password of anybody is not worth a hash.
        guard let email = try? Admission.email(email), password.reveal.utf8.count <= 1_024 else {
            throw Self.badCredentials
        }
        let attempt = try await begin(email, origin)
        switch try await check(email, password, attempt) {
        case .right(let account): return account
        case .wrong(let account):
            refused(account, origin)
            throw Self.badCredentials
        }
    }

    /// One try of a password, if there may be one.
    func begin(_ email: EmailAddress, _ origin: Origin) async throws -> AttemptLimiter.Attempt {
        let device = derived.deviceID(origin.device, of: email)
        let outcome = limiter.begin(
            email, from: origin.address, as: device.map(AttemptStanding.knownDevice) ?? .stranger)
        switch outcome {
        case .allowed(let attempt): return attempt
        case .tooManySignIns(let wait):
            security.note(.tooManySignIns, from: origin.address)
            throw Denial(.rateLimited, "too many sign-ins; wait a while", retryAfterMilliseconds: wait)
        case .tooMany(let wait):
            // Others have used up what strangers have. The look costs one of the pair's tries, found or not.
            if device == nil,
                case .allowed(let attempt) = limiter.begin(email, from: origin.address, as: .knownNetwork),
                try await isSignedIn(email, from: origin.address)
            { return attempt }
            security.note(.lockedOut, from: origin.address)
            throw Denial(.rateLimited, "too many tries; wait a while", retryAfterMilliseconds: wait)
        }
    }

    /// Whether the account has a sign-in that lives, from the same network.
    private func isSignedIn(_ email: EmailAddress, from address: String) async throws(StoreError) -> Bool {
        guard let account = try await store.account(email: email) else { return false }
        let network = AttemptLimiter.network(address)
        return try await store.logins(of: account.id).contains { login in
            AttemptLimiter.network(login.address).utf8.elementsEqual(network.utf8)
        }
    }

    enum Checked {
        case right(AccountRecord)
        /// `nil`: there is no such account.
        case wrong(AccountRecord?)
    }

    /// Takes as long when there is no such account.
    func check(_ email: EmailAddress, _ password: Password, _ attempt: AttemptLimiter.Attempt) async throws
        -> Checked
    {
        let account: AccountRecord?
        let isRight: Bool
        do {
            account = try await store.account(email: email)
            isRight = try await hasher.verify(password, account?.passwordHash)
        } catch {
            limiter.giveBack(attempt)
            throw error
        }
        guard let account, isRight else { return .wrong(account) }
        limiter.succeeded(attempt)
        if hasher.needsRehash(account.passwordHash), let hash = try? await hasher.hash(password) {
            try await store.setPasswordHash(account.id, hash)
        }
        return .right(account)
    }

    func refused(_ account: AccountRecord?, _ origin: Origin) {
        if let account {
            security.note(.badCredentials, from: origin.address, .id("account", account.id))
        } else {
            security.note(.badCredentials, from: origin.address)
        }
    }

    static let badCredentials = Denial(
        .badCredentials, "the e-mail address or the password is wrong")

    /// The membership asked for, else the oldest.
    static func choose(_ organisation: OrganisationID?, _ memberships: [Membership]) throws(Denial)
        -> Membership
    {
        let chosen =
            organisation == nil
            ? memberships.first : memberships.first { $0.organisation.id == organisation }
        guard let chosen else { throw Denial(.forbidden, "not a member of that organisation") }
        return chosen
    }

    /// A new sign-in with its first tokens.
    func signIn(
        _ account: AccountRecord, _ membership: Membership, _ memberships: [Membership],
        _ delivery: RefreshDelivery, from origin: Origin
    ) async throws(StoreError) -> SignedIn {
        let lifetime =
            switch delivery {
            case .body: settings.refreshLifetimeMilliseconds
            case .cookie(let isRemembered):
                isRemembered
                    ? settings.rememberLifetimeMilliseconds : settings.cookieLifetimeMilliseconds
            }
        let now = clocks.now()
        let refresh: RefreshToken = newToken()
        let login = LoginRecord(
            id: entropy.id(at: now), account: account.id, organisation: membership.organisation.id,
            createdAt: now, lastUsedAt: now, refreshLifetimeMilliseconds: lifetime,
            address: origin.address, userAgent: origin.userAgent, revokedAt: nil)
        try await store.createLogin(login.organisation, login, refresh: hash(refresh))
        security.note(
            .signedIn, from: origin.address, .id("organisation", login.organisation), .id("account", account.id),
            .id("sign_in", login.id))
        var signedIn = signedIn(login, refresh, account, membership, memberships)
        let device = derived.deviceID(origin.device, of: account.email) ?? Base64.encode(entropy.bytes(16), .url)
        signedIn.device = derived.device(device, of: account.email)
        return signedIn
    }

    func signedIn(
        _ login: LoginRecord, _ refresh: RefreshToken?, _ account: AccountRecord,
        _ membership: Membership, _ memberships: [Membership]
    ) -> SignedIn {
        let access = tokens.issue(
            account.id, membership.organisation.id, membership.role, login.id, at: clocks.now())
        return SignedIn(
            accessToken: access.token, expiresAt: access.expiresAt, refreshToken: refresh,
            refreshLifetimeMilliseconds: login.refreshLifetimeMilliseconds, account: account,
            membership: membership, memberships: memberships)
    }

    // MARK: Parts

    /// Checks what a form says and hashes the password.
    func newAccount(_ person: NewPerson, organisation: String) async throws -> AccountRecord {
        let email = try Admission.email(person.email)
        let first = try Admission.name(person.firstName, field: "first_name")
        let last = try Admission.lastName(person.lastName)
        try checkPassword(person, email, organisation)
        let hash = try await hasher.hash(person.password)
        return AccountRecord(
            id: entropy.id(at: clocks.now()), email: email, firstName: first, lastName: last,
            passwordHash: hash)
    }

    /// As of a new account, whether or not there is one: neither answer tells.
    func checkPassword(_ person: NewPerson, _ email: EmailAddress, _ organisation: String) throws(Denial) {
        let names = [("first_name", person.firstName), ("last_name", person.lastName)]
            .compactMap { try? Admission.name($0.1, field: $0.0) }
        try Admission.password(person.password, email: email, beside: names + [organisation])
    }

    /// 256 random bits as text.
    func newToken<Tag>() -> Private<Tag> { Private(Base64.encode(entropy.bytes(32), .url)) }

    /// What is kept of a token. It has 256 bits of its own, so a plain hash cannot be guessed back.
    func hash<Tag>(_ token: Private<Tag>) -> TokenHash {
        TokenHash(SHA256.hash(Array(token.reveal.utf8)))
    }
}
