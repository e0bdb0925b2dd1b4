// What a session needs to know who it is.

package import Model

package enum TokenError: Error, Sendable, Hashable {
    /// Not a token of this hub, or altered.
    case invalid
    /// A token of this hub, for another time: it has ended, lives longer than tokens may now, or comes from a future
    /// that a clock was set back from. A refresh gives one that is good.
    case expired
}

package protocol TokenVerifier: Sendable {
    /// Checks signature, issuer, audience, type and time. Takes tens of microseconds, does not block.
    func verify(_ token: AccessToken, at now: UnixMilliseconds) throws(TokenError) -> Principal
}
