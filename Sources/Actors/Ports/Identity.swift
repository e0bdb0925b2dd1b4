// What a session needs to know who it is.

package import Model

package enum TokenError: Error, Sendable, Hashable {
    /// Not a token of this hub, or altered.
    case invalid
    case expired
}

package protocol TokenVerifier: Sendable {
    /// Checks signature, issuer, audience, type and time. Takes tens of microseconds, does not block.
    func verify(_ token: AccessToken, at now: UnixMilliseconds) throws(TokenError) -> Principal
}
