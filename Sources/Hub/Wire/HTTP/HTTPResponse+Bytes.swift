// Responses as bytes (RFC 9112 §4). The length, date and connection headers are made here, and
// dropped from what handlers give. No chunked responses: a body is whole when it is answered with, or
// ends with the connection.

extension HTTPResponse {
    /// What a client that expects it waits for before it sends a body.
    package static let continueBytes = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// What was written: not always what was asked for.
    package struct Written: Equatable, Sendable {
        /// That of the response, or 500 without a body when one of its headers could not be written
        /// (a name that is no token, a control character such as CR or LF in a value).
        package let status: Int
        /// The body of the response is part of the message.
        package let hasBody: Bool
    }

    /// Appends the whole response. `date` is what `HTTPDate.text` made, empty for none.
    @discardableResult
    package func write(to bytes: inout [UInt8], exchange: HTTPExchange, date: String) -> Written {
        bytes.reserveCapacity(bytes.count + 512 + body.count)
        let written = writeHead(to: &bytes, exchange: exchange, date: date)
        if written.hasBody { bytes += body }
        return written
    }

    /// Appends everything but the body, for one that is not to be copied: it must follow if the
    /// answer says `hasBody`, and must not otherwise.
    @discardableResult
    package func writeHead(
        to bytes: inout [UInt8], exchange: HTTPExchange, date: String
    ) -> Written {
        guard headers.allSatisfy(Self.isWritable) else {
            HTTPResponse(status: 500).writeHead(to: &bytes, exchange: exchange, date: date)
            return Written(status: 500, hasBody: false)
        }
        "HTTP/1.1 \(status) \(Self.reason(status))\r\n".withBytes { bytes.append(contentsOf: $0) }
        let isInterim = status < 200
        if !isInterim, !date.isEmpty { Self.writeHeader("Date", date, to: &bytes) }
        var declaredLength: String?
        var options: [String] = []
        for header in headers {
            switch OwnHeader(header.name) {
            case .length: declaredLength = header.value
            case .dropped: continue
            case .upgrade:
                // It concerns this connection only, and has to say so (RFC 9110 §7.8).
                options.append("Upgrade")
                Self.writeHeader(header.name, header.value, to: &bytes)
            case nil: Self.writeHeader(header.name, header.value, to: &bytes)
            }
        }
        if Self.hasBody(status), !endsWithConnection {
            // A handler may answer HEAD with the length alone.
            let isLengthOnly = exchange.isHead && body.isEmpty
            let length = isLengthOnly ? declaredLength ?? "0" : String(body.count)
            Self.writeHeader("Content-Length", length, to: &bytes)
        }
        if !isInterim, !exchange.keepsAlive {
            options.append("close")
        } else if !isInterim, exchange.isVersion10 {
            options.append("keep-alive")
        }
        if !options.isEmpty {
            Self.writeHeader("Connection", options.joined(separator: ", "), to: &bytes)
        }
        bytes.append(.carriageReturn)
        bytes.append(.lineFeed)
        return Written(status: status, hasBody: Self.hasBody(status) && !exchange.isHead)
    }

    /// Headers that handlers do not decide on alone.
    private enum OwnHeader {
        case length, dropped, upgrade
        init?(_ name: String) {
            let kind: OwnHeader? = name.withBytes { name in
                switch name.count {
                case 4 where name.isFolded("date"): .dropped
                case 7 where name.isFolded("upgrade"): .upgrade
                case 10 where name.isFolded("connection"): .dropped
                case 14 where name.isFolded("content-length"): .length
                case 17 where name.isFolded("transfer-encoding"): .dropped
                default: nil
                }
            }
            guard let kind else { return nil }
            self = kind
        }
    }

    /// 1xx, 204 and 304 have no body, whatever the handler gave (RFC 9110 §6.4.1).
    package static func hasBody(_ status: Int) -> Bool {
        status >= 200 && status != 204 && status != 304
    }

    private static func writeHeader(_ name: String, _ value: String, to bytes: inout [UInt8]) {
        name.withBytes { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: ":"))
        bytes.append(.space)
        value.withBytes { bytes.append(contentsOf: $0) }
        bytes.append(.carriageReturn)
        bytes.append(.lineFeed)
    }

    private static func isWritable(_ header: HTTPHeader) -> Bool {
        !header.name.isEmpty && header.name.withBytes { $0.allSatisfy(\.isTokenByte) }
            && header.value.withBytes { $0.allSatisfy(\.isFieldByte) }
    }

    /// The phrase for a status; nobody but people reads it.
    package static func reason(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}
