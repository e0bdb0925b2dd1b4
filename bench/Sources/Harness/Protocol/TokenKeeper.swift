// Keeps an access token fresh during long runs: asks for a new one on a thread of its own, well
// before the old one expires, and hands it over when the run asks.

internal import Foundation
internal import Synchronization

final class TokenKeeper: Sendable {
    private struct State {
        var current: SignedIn
        var renewed: SignedIn?
        var isAsking = false
        var failure: String?
    }

    private let state: Mutex<State>
    private let endpoint: Endpoint
    private let verifiesPeer: Bool
    private let authorities: String?
    /// How long before its end a token is renewed.
    private static let marginMilliseconds: UInt64 = 180_000

    init(_ signedIn: SignedIn, endpoint: Endpoint, verifiesPeer: Bool, authorities: String?) {
        state = Mutex(State(current: signedIn))
        self.endpoint = endpoint
        self.verifiesPeer = verifiesPeer
        self.authorities = authorities
    }

    /// Call about once a second; returns a token that every connection should now be given.
    func takeRenewed() -> String? {
        let (renewed, ask): (String?, String?) = state.withLock { state in
            if let renewed = state.renewed {
                state.current = renewed
                state.renewed = nil
                return (renewed.accessToken, nil)
            }
            guard !state.isAsking, state.failure == nil, let refresh = state.current.refreshToken,
                  let end = state.current.expiresAtMilliseconds,
                  MonotonicClock.unixMilliseconds() + Self.marginMilliseconds > end
            else { return (nil, nil) }
            state.isAsking = true
            return (nil, refresh)
        }
        if let ask { Thread.detachNewThread { self.renew(ask) } }
        return renewed
    }

    var failure: String? { state.withLock { $0.failure } }

    private func renew(_ refreshToken: String) {
        let outcome = Result {
            let tls = try endpoint.isSecure
                ? TLSContext(verifiesPeer: verifiesPeer, authorities: authorities) : nil
            return try SignIn(endpoint, tls: tls).refresh(refreshToken)
        }
        state.withLock { state in
            state.isAsking = false
            switch outcome {
            case .success(let signedIn): state.renewed = signedIn
            case .failure(let error): state.failure = "\(error)"
            }
        }
    }
}
