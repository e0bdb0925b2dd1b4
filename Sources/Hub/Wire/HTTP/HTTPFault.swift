// What a request can be refused for before any handler sees it, with the status that says so.

/// Why the parser gave up. The connection is answered with `status`, then closed: after a fault the
/// place where the next request would begin is unknown.
package enum HTTPFault: Error, Sendable, Hashable, CaseIterable {
    case malformedRequestLine
    case malformedTarget
    case malformedHeader
    case malformedHost
    /// Content-Length not a single number, or beside Transfer-Encoding (RFC 9112 §6.3).
    case ambiguousLength
    case malformedTransferEncoding
    case malformedChunk
    case requestLineTooLong
    case bodyTooLarge
    case headersTooLarge
    case expectationUnknown
    case methodUnknown
    case transferCodingUnknown
    case versionUnsupported

    package var status: Int {
        switch self {
        case .malformedRequestLine, .malformedTarget, .malformedHeader, .malformedHost,
             .ambiguousLength, .malformedTransferEncoding, .malformedChunk: 400
        case .bodyTooLarge: 413
        case .requestLineTooLong: 414
        case .expectationUnknown: 417
        case .headersTooLarge: 431
        case .methodUnknown, .transferCodingUnknown: 501
        case .versionUnsupported: 505
        }
    }
}
