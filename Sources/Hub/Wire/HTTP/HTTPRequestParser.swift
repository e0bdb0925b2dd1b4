// HTTP/1.1 requests out of bytes (RFC 9112), without a socket or a clock: a connection feeds what
// it read and gets whole requests. Strict wherever two readers could disagree about where a request
// ends. Lines are taken apart in HTTPRequestParser+Head.swift, targets in HTTPTarget.swift. Time
// limits, and the answer to a fault, are the connection's business.

import Glibc

/// What a request may weigh. Higher values cost memory per connection: at most one line, one header
/// section and one body are held at a time.
package struct HTTPLimits: Sendable {
    /// Bytes of the request line without its CRLF; over: 414.
    package var requestLineBytesMax = 8 * 1024
    /// Bytes of all header and trailer lines with their CRLFs; over: 431.
    package var headerSectionBytesMax = 16 * 1024
    /// Number of header and trailer lines; over: 431.
    package var headersMax = 100
    /// Bytes of the decoded body; over: 413.
    package var bodyBytesMax = 64 * 1024
    /// The same for one request, of which the head is known; `nil`: as above.
    package var bodyBytesMaxOf: (@Sendable (HTTPRequest) -> Int?)?
    /// Bytes of a chunk's size line with extensions, without its CRLF; over: 400.
    package var chunkLineBytesMax = 256

    package init() {}
}

/// What the response has to know about the request it answers.
package struct HTTPExchange: Sendable, Hashable {
    /// HTTP/1.0: no chunks, no upgrade, not kept alive unless asked for.
    package var isVersion10: Bool
    /// The response has no body, but the headers of one.
    package var isHead: Bool
    /// Another request may follow on this connection.
    package var keepsAlive: Bool

    package init(isVersion10: Bool = false, isHead: Bool = false, keepsAlive: Bool = true) {
        self.isVersion10 = isVersion10
        self.isHead = isHead
        self.keepsAlive = keepsAlive
    }

    /// For the answer to a request that could not be parsed.
    package static let faulty = HTTPExchange(keepsAlive: false)
}

package enum HTTPEvent: Sendable {
    /// All input is used up.
    case needMore
    /// The client waits for `HTTPResponse.continueBytes` before it sends the body; the same request
    /// follows. It may be answered with a final status instead, and the connection closed.
    case expectsContinue
    /// One whole request. What is left of the input begins the next one, or belongs to the protocol
    /// that the connection changes to.
    case request(HTTPRequest, HTTPExchange)
    /// Comes once; later input is dropped unread.
    case failed(HTTPFault)
}

/// Parses the requests of one connection, one after the other.
package struct HTTPRequestParser: Sendable {
    enum Phase: Equatable {
        case requestLine, headers, fixedBody(Int), chunkLine, chunk(Int), chunkEnd, trailers, failed
    }

    /// Memory set aside for what has only been promised, and kept for the next line.
    private static let reservedBytesMax = 2048

    /// May be changed between requests; while one is being parsed the change holds from the next
    /// line on.
    package var limits: HTTPLimits
    var phase = Phase.requestLine
    /// A line of which only the beginning has come.
    private var pending: [UInt8] = []
    private var hasSkippedBlankLine = false
    var draft: HTTPRequest
    var head = HTTPHead()
    /// Of the request that is being parsed.
    private var bodyBytesMax = 0

    package init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
        draft = HTTPRequest(method: .get, path: "/")
    }

    /// Nothing of a next request has come yet: an idle connection, not a slow client.
    package var isIdle: Bool { phase == .requestLine && pending.isEmpty && !hasSkippedBlankLine }

    /// Bytes of a request that has come in part.
    package var heldBytes: Int { isIdle ? 0 : head.sectionBytes + pending.count + draft.body.count }

    /// Takes bytes from the front of `input` up to the end of a request; what it took is gone from
    /// `input`. Call until it says `needMore`. Nothing refers to the memory of `input` afterwards.
    package mutating func next(_ input: inout UnsafeRawBufferPointer) -> HTTPEvent {
        while true {
            do {
                if let event = try step(&input) { return event }
            } catch {
                phase = .failed
                pending = []
                draft = HTTPRequest(method: .get, path: "/")
                return .failed(error)
            }
        }
    }

    private mutating func step(
        _ input: inout UnsafeRawBufferPointer
    ) throws(HTTPFault) -> HTTPEvent? {
        switch phase {
        case .failed:
            input = UnsafeRawBufferPointer(rebasing: input[input.count...])
            return .needMore
        case .fixedBody(let missing):
            let left = takeBody(missing, &input)
            phase = .fixedBody(left)
            return left == 0 ? finish() : .needMore
        case .chunk(let missing):
            let left = takeBody(missing, &input)
            phase = left == 0 ? .chunkEnd : .chunk(left)
            return left == 0 ? nil : .needMore
        case .requestLine, .headers, .chunkLine, .chunkEnd, .trailers:
            return try takeLine(&input)
        }
    }

    /// Returns how many of the `missing` bytes are still missing.
    private mutating func takeBody(_ missing: Int, _ input: inout UnsafeRawBufferPointer) -> Int {
        let count = min(missing, input.count)
        draft.body.append(contentsOf: input[..<count])
        input = UnsafeRawBufferPointer(rebasing: input[count...])
        return missing - count
    }

    // MARK: Lines

    private mutating func takeLine(
        _ input: inout UnsafeRawBufferPointer
    ) throws(HTTPFault) -> HTTPEvent? {
        guard let first = input.first, let base = input.baseAddress else { return .needMore }
        if phase == .requestLine, pending.isEmpty, first != .carriageReturn, !first.isTokenByte {
            // TLS on a plain port, for one: say so now, no line end may ever come.
            throw .malformedRequestLine
        }
        guard let end = memchr(base, 0x0A, input.count) else {
            pending.append(contentsOf: input)
            input = UnsafeRawBufferPointer(rebasing: input[input.count...])
            try checkLength(pending.count - (pending.last == .carriageReturn ? 1 : 0))
            return .needMore
        }
        let count = base.distance(to: UnsafeRawPointer(end))
        let rest = UnsafeRawBufferPointer(rebasing: input[(count + 1)...])
        let part = UnsafeRawBufferPointer(rebasing: input[..<count])
        input = rest
        if pending.isEmpty { return try lineReceived(part) }
        pending.append(contentsOf: part)
        // The line is moved out while it is parsed, so that parsing may change all the rest.
        var whole: [UInt8] = []
        swap(&whole, &pending)
        let result = whole.withUnsafeBytes { bytes in
            Result { () throws(HTTPFault) in try lineReceived(bytes) }
        }
        if whole.capacity <= Self.reservedBytesMax {
            whole.removeAll(keepingCapacity: true)
            pending = whole
        }
        return try result.get()
    }

    /// `count` is what a line has at least, without its CRLF.
    private func checkLength(_ count: Int) throws(HTTPFault) {
        switch phase {
        case .requestLine:
            if count > limits.requestLineBytesMax { throw .requestLineTooLong }
        case .headers, .trailers:
            if count > 0, head.sectionBytes + count + 2 > limits.headerSectionBytesMax {
                throw .headersTooLarge
            }
        case .chunkLine:
            if count > limits.chunkLineBytesMax { throw .malformedChunk }
        case .chunkEnd:
            if count > 0 { throw .malformedChunk }
        case .fixedBody, .chunk, .failed:
            break
        }
    }

    /// `bytes` is a line without its LF.
    private mutating func lineReceived(
        _ bytes: UnsafeRawBufferPointer
    ) throws(HTTPFault) -> HTTPEvent? {
        let endsWell = bytes.last == .carriageReturn
        let line = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - (endsWell ? 1 : 0))])
        try checkLength(line.count)
        switch phase {
        case .requestLine:
            guard endsWell else { throw .malformedRequestLine }
            if line.isEmpty, !hasSkippedBlankLine {
                // Some clients send one CRLF too many after a body (RFC 9112 §2.2).
                hasSkippedBlankLine = true
                return nil
            }
            try requestLineReceived(line)
            draft.headers.reserveCapacity(16)
            phase = .headers
            return nil
        case .headers:
            guard endsWell else { throw .malformedHeader }
            if line.isEmpty { return try headReceived() }
            try headerReceived(line)
            return nil
        case .chunkLine:
            guard endsWell else { throw .malformedChunk }
            let size = try chunkSize(line)
            if size > bodyBytesMax - draft.body.count { throw .bodyTooLarge }
            phase = size == 0 ? .trailers : .chunk(size)
            return nil
        case .chunkEnd:
            guard endsWell else { throw .malformedChunk }
            phase = .chunkLine
            return nil
        case .trailers:
            guard endsWell else { throw .malformedHeader }
            if line.isEmpty { return finish() }
            try trailerReceived(line)
            return nil
        case .fixedBody, .chunk, .failed:
            preconditionFailure("no lines in this phase")
        }
    }

    // MARK: Whole requests

    private mutating func headReceived() throws(HTTPFault) -> HTTPEvent? {
        bodyBytesMax = limits.bodyBytesMaxOf?(draft) ?? limits.bodyBytesMax
        switch try head.framing(bodyBytesMax: bodyBytesMax) {
        case .fixed(let count):
            if count == 0 { return finish() }
            draft.body.reserveCapacity(min(count, Self.reservedBytesMax))
            phase = .fixedBody(count)
        case .chunked:
            phase = .chunkLine
        }
        return head.expectsContinue ? .expectsContinue : nil
    }

    private mutating func finish() -> HTTPEvent {
        if let authority = head.authority { replaceHost(authority) }
        let exchange = HTTPExchange(
            isVersion10: head.isVersion10, isHead: draft.method == .head,
            keepsAlive: head.keepsAlive)
        var request = HTTPRequest(method: .get, path: "/")
        swap(&request, &draft)
        head = HTTPHead()
        phase = .requestLine
        hasSkippedBlankLine = false
        return .request(request, exchange)
    }

    /// The authority of an absolute target counts, not the Host header (RFC 9112 §3.2.2).
    private mutating func replaceHost(_ authority: String) {
        draft.headers.removeAll { $0.name == "host" }
        draft.headers.append(HTTPHeader("host", authority))
    }
}
