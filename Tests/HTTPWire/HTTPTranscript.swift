// What the tests of the request parser share: feeding chunks, and events that can be compared.

import Testing
package import Wire

/// An event with all that a client of the parser can see of it.
package enum Seen: Equatable, CustomStringConvertible {
    case expectsContinue
    case request(HTTPMethod, String, query: String, [HTTPHeader], body: String, HTTPExchange)
    case failed(HTTPFault)

    init?(_ event: HTTPEvent) {
        switch event {
        case .needMore: return nil
        case .expectsContinue: self = .expectsContinue
        case .failed(let fault): self = .failed(fault)
        case .request(let request, let exchange):
            self = .request(
                request.method, request.path, query: request.query, request.headers,
                body: String(decoding: request.body, as: UTF8.self), exchange)
        }
    }

    package var description: String {
        switch self {
        case .expectsContinue: "expects 100-continue"
        case .failed(let fault): "failed: \(fault)"
        case .request(let method, let path, let query, let headers, let body, let exchange):
            """
            \(method.rawValue) \(path)?\(query) \(headers.map { "\($0.name)=\($0.value)" }) \
            [\(body)] 1.0:\(exchange.isVersion10) head:\(exchange.isHead) keep:\(exchange.keepsAlive)
            """
        }
    }
}

extension HTTPRequestParser {
    /// Feeds one chunk until the parser wants more, and checks that it has taken all of it.
    mutating func feed(_ chunk: some Collection<UInt8>) -> [Seen] {
        var seen: [Seen] = []
        Array(chunk).withUnsafeBytes { bytes in
            var input = bytes
            while let event = Seen(next(&input)) { seen.append(event) }
            #expect(input.isEmpty)
        }
        return seen
    }
}

func events(_ chunks: [some Collection<UInt8>], limits: HTTPLimits = HTTPLimits()) -> [Seen] {
    var parser = HTTPRequestParser(limits: limits)
    return chunks.flatMap { parser.feed($0) }
}

func events(_ text: String, limits: HTTPLimits = HTTPLimits()) -> [Seen] {
    events([Array(text.utf8)], limits: limits)
}

/// The same bytes whole, byte by byte, and cut in two at every place.
func expectSameAtEverySplit(_ text: String, limits: HTTPLimits = HTTPLimits()) {
    let bytes = Array(text.utf8)
    let whole = events([bytes], limits: limits)
    #expect(events(bytes.map { [$0] }, limits: limits) == whole, "byte by byte")
    for cut in bytes.indices {
        #expect(events([bytes[..<cut], bytes[cut...]], limits: limits) == whole, "cut at \(cut)")
    }
}
