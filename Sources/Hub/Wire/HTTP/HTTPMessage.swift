// HTTP requests and responses as values: what the parser makes, what handlers answer.

package enum HTTPMethod: String, Sendable, Hashable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"
}

/// One request with its whole body.
package struct HTTPRequest: Sendable {
    package var method: HTTPMethod
    /// The path of the target without its query, percent-decoded, always beginning with a slash; it
    /// never has `.` or `..` segments.
    package var path: String
    /// Something in the path was percent-encoded: it names a file perhaps, and none of the hub's own paths, which
    /// have one spelling each.
    package var isPathEncoded = false
    /// What follows the first `?`, as it came; empty when there is none.
    package var query: String
    /// In order of arrival, names in lower case, values without surrounding white space.
    package var headers: [HTTPHeader]
    package var body: [UInt8]
    /// Where it comes from, as text, without the port; behind trusted proxies as they say.
    package var peerAddress: String
    /// The client used TLS.
    package var isSecure = false

    package init(method: HTTPMethod, path: String, query: String = "", headers: [HTTPHeader] = [],
                 body: [UInt8] = [], peerAddress: String = "") {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.peerAddress = peerAddress
    }

    /// The first header of that lower-case name.
    package func header(_ name: String) -> String? {
        // Counts first: comparing texts is a call.
        headers.first { $0.name.utf8.count == name.utf8.count && $0.name == name }?.value
    }
}

package struct HTTPHeader: Sendable, Hashable {
    package var name: String
    package var value: String
    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A whole answer, or the beginning of one; the front adds date, length and connection headers.
package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: [HTTPHeader]
    package var body: [UInt8]
    /// More of the body follows until the connection is closed: there is no length (RFC 9112 §6.3).
    package var endsWithConnection: Bool
    package init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = [],
                 endsWithConnection: Bool = false) {
        self.status = status
        self.headers = headers
        self.body = body
        self.endsWithConnection = endsWithConnection
    }
}
