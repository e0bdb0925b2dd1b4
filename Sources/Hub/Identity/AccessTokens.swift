// Access tokens: JWTs (RFC 7519) signed with Ed25519 (RFC 8037), made and checked here alone. The
// first segment of a token is compared with those this hub writes, before anything of it is
// decoded: so algorithm, type and key are fixed, and what a stranger puts into a header is never
// interpreted.

package import Crypto
package import Model
package import Ports
import Wire

package final class AccessTokens: TokenVerifier {
    /// How far in the future a token may have been issued, for hubs whose clocks differ. Lower: clients of a hub
    /// that is ahead cannot use the others.
    package static let skewMilliseconds: Int64 = 300_000
    /// A token of ours has some 450 characters.
    private static let charactersMax = 1_024
    private static let audience = "hub"

    /// Lifetime of a token.
    package let lifetimeMilliseconds: Int64
    private let issuer: String
    private let signingKey: Ed25519SigningKey
    private let signingHeader: String
    /// By the exact first segment. Keys that were rotated out will stay here until their last token
    /// is old.
    private let keys: [ExactText: Ed25519PublicKey]

    package init(_ signingKey: Ed25519SigningKey, lifetimeMilliseconds: Int64 = 15 * 60_000) {
        let fingerprint = Base64.encode(Array(SHA256.hash(signingKey.publicKey.bytes)[..<12]), .url)
        let header = #"{"alg":"EdDSA","kid":"\#(fingerprint)","typ":"at+jwt"}"#
        self.signingKey = signingKey
        self.lifetimeMilliseconds = lifetimeMilliseconds
        signingHeader = Base64.encode(Array(header.utf8), .url)
        keys = [ExactText(signingHeader): signingKey.publicKey]
        // The installation, whatever address people reach it by.
        issuer = "hub:" + fingerprint
    }

    /// A token for `principal`, and when it ends (which is the principal's `expiresAt`).
    package func issue(
        _ account: AccountID, _ organisation: OrganisationID, _ role: Role, _ login: LoginID,
        at now: UnixMilliseconds
    ) -> (token: AccessToken, expiresAt: UnixMilliseconds) {
        let issued = now.value / 1_000
        let expires = issued + lifetimeMilliseconds / 1_000
        let claims = Claims(
            issuer: issuer, audience: Self.audience, subject: account, organisation: organisation,
            role: role,
            login: login, issuedAt: UInt32(clamping: issued), expiresAt: UInt32(clamping: expires))
        let signed = signingHeader + "." + Base64.encode(JSONBody.encode(claims), .url)
        let signature = Base64.encode(signingKey.sign(Array(signed.utf8)), .url)
        return (AccessToken(signed + "." + signature), UnixMilliseconds(expires * 1_000))
    }

    package func verify(_ token: AccessToken, at now: UnixMilliseconds) throws(TokenError)
        -> Principal
    {
        let text = token.reveal
        guard text.utf8.count <= Self.charactersMax else { throw .invalid }
        let segments = text.utf8.split(
            separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard segments.count == 3, let key = keys[ExactText(Substring(segments[0]))],
            let signature = Base64.decode(Substring(segments[2]), .url),
            key.isValid(signature, for: Array(text.utf8.prefix(upTo: segments[1].endIndex))),
            let payload = Base64.decode(Substring(segments[1]), .url)
        else { throw .invalid }
        // From here on the text is one that this hub has signed.
        let claims: Claims
        do throws(DecodeError) {
            claims = try JSONBody.decode(Claims.self, from: payload)
        } catch {
            throw .invalid
        }
        let issuedAt = Int64(claims.issuedAt) * 1_000
        let expiresAt = Int64(claims.expiresAt) * 1_000
        guard claims.issuer == issuer, claims.audience == Self.audience, issuedAt > 0,
            issuedAt < expiresAt
        else { throw .invalid }
        // Ours, but not for this moment: from before a shorter lifetime was configured, or before a clock was set
        // back. A newer one helps, as after its end; nobody has to sign in for that.
        guard now.value < expiresAt, expiresAt - issuedAt <= lifetimeMilliseconds,
            issuedAt <= now.value + Self.skewMilliseconds
        else { throw .expired }
        return Principal(
            account: claims.subject, organisation: claims.organisation, role: claims.role,
            login: claims.login, expiresAt: UnixMilliseconds(expiresAt))
    }
}

private struct Claims: WireMessage {
    var issuer: String
    var audience: String
    var subject: AccountID
    var organisation: OrganisationID
    var role: Role
    var login: LoginID
    /// Seconds since 1970; 32 bits last until 2106.
    var issuedAt: UInt32
    var expiresAt: UInt32

    static var blank: Claims {
        Claims(
            issuer: "", audience: "", subject: .blank, organisation: .blank, role: .blank,
            login: .blank, issuedAt: 0, expiresAt: 0)
    }

    mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "iss", &issuer)
        try visitor.field(2, "aud", &audience)
        try visitor.field(3, "sub", &subject)
        try visitor.field(4, "org", &organisation)
        try visitor.field(5, "role", &role)
        try visitor.field(6, "sid", &login)
        try visitor.field(7, "iat", &issuedAt)
        try visitor.field(8, "exp", &expiresAt)
    }
}
