// The error codes and close codes of protocol 1: the one table that the protocol, the HTTP API, the
// documentation and the SDK agree on.

/// Why a command or an HTTP request failed. The raw value is the number on the wire.
package enum ErrorCode: UInt32, Sendable, CaseIterable {
    // 100–199: what was sent cannot be understood or is out of bounds.
    case malformed = 100
    case unknownCommand = 101
    case invalidArgument = 102
    case tooLarge = 103
    case duplicateID = 104
    // 200–299: who sent it.
    case unauthenticated = 200
    case tokenExpired = 201
    case forbidden = 202
    case badCredentials = 203
    case linkInvalid = 204
    // 300–399: what it is about.
    case notFound = 300
    case alreadyExists = 301
    case notMember = 302
    case notSubscribed = 303
    case conflict = 304
    // 400–499: too much, for now or for ever.
    case tooManyInFlight = 400
    case rateLimited = 401
    case overloaded = 402
    case subscriptionLimit = 403
    case sessionLimit = 404
    // 500–599: the hub's side.
    case unavailable = 500
    case internalFault = 501
    case keyUnavailable = 502
    case draining = 503

    /// A stable name for programs and people.
    package var slug: String {
        switch self {
        case .malformed: "malformed"
        case .unknownCommand: "unknown_command"
        case .invalidArgument: "invalid_argument"
        case .tooLarge: "too_large"
        case .duplicateID: "duplicate_id"
        case .unauthenticated: "unauthenticated"
        case .tokenExpired: "token_expired"
        case .forbidden: "forbidden"
        case .badCredentials: "bad_credentials"
        case .linkInvalid: "link_invalid"
        case .notFound: "not_found"
        case .alreadyExists: "already_exists"
        case .notMember: "not_member"
        case .notSubscribed: "not_subscribed"
        case .conflict: "conflict"
        case .tooManyInFlight: "too_many_in_flight"
        case .rateLimited: "rate_limited"
        case .overloaded: "overloaded"
        case .subscriptionLimit: "subscription_limit"
        case .sessionLimit: "session_limit"
        case .unavailable: "unavailable"
        case .internalFault: "internal_fault"
        case .keyUnavailable: "key_unavailable"
        case .draining: "draining"
        }
    }

    /// The same command may succeed later without being changed.
    package var isRetryable: Bool {
        switch self {
        case .tooManyInFlight, .rateLimited, .overloaded, .sessionLimit, .unavailable, .draining: true
        default: false
        }
    }
}

/// Why the hub closed a connection (RFC 6455 §7.4.2, private range), and with it what to do next.
package enum CloseCode: UInt16, Sendable, CaseIterable {
    // RFC 6455.
    case normal = 1000
    case goingAway = 1001
    case protocolError = 1002
    case unsupportedData = 1003
    case invalidPayload = 1007
    case messageTooBig = 1009
    // 4000–4099: resume now.
    case draining = 4000
    case rebalance = 4001
    // 4100–4199: back off, then resume.
    case overloaded = 4100
    case slow = 4101
    case rateLimited = 4102
    case helloTimeout = 4103
    case heartbeatTimeout = 4104
    case messageTimeout = 4105
    case sessionLimit = 4106
    // 4200–4299: refresh the token, then resume.
    case tokenExpired = 4200
    case roleChanged = 4201
    // 4500 and up: do not come back without a person's help.
    case badAuthentication = 4500
    case revoked = 4501
    case keyRevoked = 4502
    case protocolViolation = 4503
    case versionUnsupported = 4504

    package var slug: String {
        switch self {
        case .normal: "normal"
        case .goingAway: "going_away"
        case .protocolError: "websocket_protocol_error"
        case .unsupportedData: "unsupported_data"
        case .invalidPayload: "invalid_payload"
        case .messageTooBig: "message_too_big"
        case .draining: "draining"
        case .rebalance: "rebalance"
        case .overloaded: "overloaded"
        case .slow: "slow_reader"
        case .rateLimited: "rate_limited"
        case .helloTimeout: "hello_timeout"
        case .heartbeatTimeout: "heartbeat_timeout"
        case .messageTimeout: "message_timeout"
        case .sessionLimit: "session_limit"
        case .tokenExpired: "token_expired"
        case .roleChanged: "role_changed"
        case .badAuthentication: "bad_authentication"
        case .revoked: "revoked"
        case .keyRevoked: "key_revoked"
        case .protocolViolation: "protocol_violation"
        case .versionUnsupported: "version_unsupported"
        }
    }
}
