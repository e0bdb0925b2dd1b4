// Request line, header lines and chunk size lines, and what they say about the length of the body
// (RFC 9112 §3, §5, §6, §7.1).

/// What the head of one request says about its framing.
struct HTTPHead: Sendable {
    enum Framing { case fixed(Int), chunked }

    var isVersion10 = false
    /// From an absolute target.
    var authority: String?
    /// Bytes of all header lines so far, CRLFs included.
    var sectionBytes = 0
    var lines = 0
    var hosts = 0
    var contentLength: Int?
    /// The codings of all Transfer-Encoding lines, in lower case.
    var transferCodings: [String]?
    var hasClose = false
    var hasKeepAlive = false
    var hasExpectation = false

    var keepsAlive: Bool { !hasClose && (!isVersion10 || hasKeepAlive) }
    var expectsContinue: Bool { hasExpectation && !isVersion10 }

    func framing(bodyBytesMax: Int) throws(HTTPFault) -> Framing {
        guard hosts == 1 || (hosts == 0 && isVersion10) else { throw .malformedHost }
        guard let transferCodings else {
            let count = contentLength ?? 0
            if count > bodyBytesMax { throw .bodyTooLarge }
            return .fixed(count)
        }
        if contentLength != nil || isVersion10 { throw .ambiguousLength }
        guard let last = transferCodings.last,
              !transferCodings.dropLast().contains("chunked") else {
            throw .malformedTransferEncoding
        }
        if transferCodings.count > 1 || last != "chunked" { throw .transferCodingUnknown }
        return .chunked
    }
}

extension HTTPRequestParser {
    mutating func requestLineReceived(_ line: UnsafeRawBufferPointer) throws(HTTPFault) {
        guard let first = line.firstIndex(of: .space),
              let second = line[(first + 1)...].firstIndex(of: .space) else {
            throw .malformedRequestLine
        }
        // The version first: an HTTP/2 preface is to be called that, not an unknown method.
        head.isVersion10 = try Self.isVersion10(line[(second + 1)...])
        let name = line[..<first]
        guard !name.isEmpty, name.allSatisfy(\.isTokenByte) else { throw .malformedRequestLine }
        guard let method = Self.method(UnsafeRawBufferPointer(rebasing: name)) else { throw .methodUnknown }
        let target = try HTTPTarget(
            UnsafeRawBufferPointer(rebasing: line[(first + 1)..<second]),
            allowsAsterisk: method == .options)
        draft.method = method
        draft.path = target.path
        draft.isPathEncoded = target.isPathEncoded
        draft.query = target.query
        head.authority = target.authority
    }

    private static func method(_ name: UnsafeRawBufferPointer) -> HTTPMethod? {
        // Most requests by far; the others are compared as text.
        if name.elementsEqual("GET".utf8) { return .get }
        return HTTPMethod(rawValue: String(decoding: name, as: UTF8.self))
    }

    /// Any minor version above 0 is read as 1.1 (RFC 9110 §2.5).
    private static func isVersion10(
        _ text: Slice<UnsafeRawBufferPointer>
    ) throws(HTTPFault) -> Bool {
        let at = text.startIndex
        guard text.count == 8, text.starts(with: "HTTP/".utf8), text[at + 5].isDigit,
              text[at + 6] == UInt8(ascii: "."), text[at + 7].isDigit else {
            throw .malformedRequestLine
        }
        guard text[at + 5] == UInt8(ascii: "1") else { throw .versionUnsupported }
        return text[at + 7] == UInt8(ascii: "0")
    }

    mutating func headerReceived(_ line: UnsafeRawBufferPointer) throws(HTTPFault) {
        let parts = try splitLine(line)
        try noteFraming(parts)
        draft.headers.append(HTTPHeader(
            Self.text(ofName: parts.name), String(decoding: parts.value, as: UTF8.self)))
    }

    /// What a header says about the message it stands in. Only counts are compared with most of them.
    private mutating func noteFraming(_ header: HeaderLine) throws(HTTPFault) {
        let value = header.value
        switch header.name.count {
        case 4 where header.name.isFolded("host"):
            head.hosts += 1
            guard HTTPTarget.isAuthority(value) else { throw .malformedHost }
        case 6 where header.name.isFolded("expect"):
            guard value.isFolded("100-continue") else { throw .expectationUnknown }
            head.hasExpectation = true
        case 10 where header.name.isFolded("connection"):
            value.forEachListElement { option in
                if option.isFolded("close") { head.hasClose = true }
                if option.isFolded("keep-alive") { head.hasKeepAlive = true }
            }
        case 14 where header.name.isFolded("content-length"):
            // Even equal repetitions are refused: nobody needs them but smugglers.
            guard head.contentLength == nil, let length = Self.length(value) else {
                throw .ambiguousLength
            }
            head.contentLength = length
        case 17 where header.name.isFolded("transfer-encoding"):
            var codings = head.transferCodings ?? []
            value.forEachListElement { coding in codings.append(Self.lowered(coding)) }
            head.transferCodings = codings
        default:
            break
        }
    }

    /// Trailers are checked like headers, then dropped: nothing here needs any.
    mutating func trailerReceived(_ line: UnsafeRawBufferPointer) throws(HTTPFault) {
        _ = try splitLine(line)
    }

    private struct HeaderLine {
        let name: UnsafeRawBufferPointer
        /// Without white space around it.
        let value: UnsafeRawBufferPointer
    }

    private mutating func splitLine(
        _ line: UnsafeRawBufferPointer
    ) throws(HTTPFault) -> HeaderLine {
        head.sectionBytes += line.count + 2
        head.lines += 1
        if head.lines > limits.headersMax { throw .headersTooLarge }
        // A line that begins with white space (obs-fold) fails here too: a space is no token byte.
        var colon = 0
        while colon < line.count, line[colon].isTokenByte { colon += 1 }
        guard colon > 0, colon < line.count, line[colon] == UInt8(ascii: ":") else {
            throw .malformedHeader
        }
        var start = colon + 1
        var end = line.count
        while start < end, line[start].isBlank { start += 1 }
        while end > start, line[end - 1].isBlank { end -= 1 }
        for index in start..<end where !line[index].isFieldByte { throw .malformedHeader }
        return HeaderLine(name: UnsafeRawBufferPointer(rebasing: line[..<colon]),
                          value: UnsafeRawBufferPointer(rebasing: line[start..<end]))
    }

    /// A name in lower case. Those that every upgrade has and a String cannot hold without memory of its own
    /// (more than 15 bytes) are constants.
    private static func text(ofName name: UnsafeRawBufferPointer) -> String {
        switch name.count {
        case 17 where name.isFolded("sec-websocket-key"): "sec-websocket-key"
        case 21 where name.isFolded("sec-websocket-version"): "sec-websocket-version"
        case 22 where name.isFolded("sec-websocket-protocol"): "sec-websocket-protocol"
        case 24 where name.isFolded("sec-websocket-extensions"): "sec-websocket-extensions"
        default: lowered(name)
        }
    }

    /// ASCII letters only: what else there is in lower case for Unicode is not the same to other readers.
    private static func lowered(_ text: UnsafeRawBufferPointer) -> String {
        String(unsafeUninitializedCapacity: text.count) { room in
            for index in 0..<text.count { room.initializeElement(at: index, to: text[index].lowered) }
            return text.count
        }
    }

    /// Decimal digits only; a number that does not fit becomes the largest one, to be refused as
    /// too large.
    private static func length(_ text: UnsafeRawBufferPointer) -> Int? {
        guard !text.isEmpty, text.allSatisfy(\.isDigit) else { return nil }
        return Int(String(decoding: text, as: UTF8.self)) ?? .max
    }

    /// `1*HEXDIG`, then nothing or an extension that is ignored (RFC 9112 §7.1.1). At most 15
    /// digits.
    func chunkSize(_ line: UnsafeRawBufferPointer) throws(HTTPFault) -> Int {
        var size = 0
        var index = 0
        while index < line.count, let digit = line[index].hexValue {
            size = size << 4 | Int(digit)
            index += 1
            if index > 15 { throw .malformedChunk }
        }
        guard index > 0 else { throw .malformedChunk }
        if index == line.count { return size }
        while index < line.count, line[index].isBlank { index += 1 }
        guard index < line.count, line[index] == UInt8(ascii: ";"),
              line[index...].allSatisfy(\.isFieldByte) else { throw .malformedChunk }
        return size
    }
}
