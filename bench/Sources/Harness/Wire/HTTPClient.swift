// A small blocking HTTP/1.1 client for what happens before and beside a run: signing in,
// refreshing. One request per connection. Leaves out redirects, compression and chunked answers,
// which docs/http-api.md does not use.

internal import Foundation
internal import Glibc

package struct HTTPAnswer {
    package var status: Int
    package var body: [UInt8]
}

package struct HTTPClient {
    private static let answerBytesMax = 1 << 20
    private let endpoint: Endpoint
    private let tls: TLSContext?
    private let timeoutNanoseconds: UInt64

    package init(_ endpoint: Endpoint, tls: TLSContext?, timeoutSeconds: UInt64 = 30) {
        self.endpoint = endpoint
        self.tls = tls
        timeoutNanoseconds = timeoutSeconds * 1_000_000_000
    }

    package func post(_ path: String, _ body: [String: Any], bearer: String? = nil) throws -> HTTPAnswer {
        let bytes = try [UInt8](
            JSONSerialization.data(withJSONObject: body, options: [.sortedKeys]))
        var request = Array(("POST \(path) HTTP/1.1\r\nHost: \(endpoint.authority)\r\n"
            + "Content-Type: application/json\r\nContent-Length: \(bytes.count)\r\n"
            + (bearer.map { "Authorization: Bearer \($0)\r\n" } ?? "")
            + "User-Agent: hub-bench\r\nConnection: close\r\n\r\n").utf8)
        request += bytes
        return try exchange(request)
    }

    private func exchange(_ request: [UInt8]) throws -> HTTPAnswer {
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { scratch.deallocate() }
        let where_ = "\(endpoint.host):\(endpoint.port)"
        let deadline = MonotonicClock.now() + timeoutNanoseconds
        let transport = try Transport(to: endpoint.resolve(), host: endpoint.host,
                                      tls: endpoint.isSecure ? tls : nil)
        try wait(transport, POLLOUT, deadline)
        if let failure = transport.connectionFailure() {
            throw BenchError("cannot connect to \(where_): \(failure). Is the hub running there?")
        }
        if let failure = request.withUnsafeBytes({ transport.write($0) }) {
            throw BenchError("\(where_): \(failure)")
        }
        var received: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            if let answer = try parse(received, atEnd: false) { return answer }
            switch transport.read(into: buffer, scratch: scratch) {
            case .bytes(let count):
                received.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                guard received.count <= Self.answerBytesMax else {
                    throw BenchError("\(where_) answers with more than 1 MiB")
                }
            case .wouldBlock:
                try wait(transport, transport.wantsWrite ? POLLIN | POLLOUT : POLLIN, deadline)
                if let failure = transport.flush() { throw BenchError("\(where_): \(failure)") }
            case .closed:
                guard let answer = try parse(received, atEnd: true) else {
                    throw BenchError("\(where_) closed the connection without an HTTP answer")
                }
                return answer
            case .failed(let reason):
                throw BenchError("\(where_): \(reason)")
            }
        }
    }

    private func wait(_ transport: Transport, _ events: Int32, _ deadline: UInt64) throws {
        let now = MonotonicClock.now()
        var entry = pollfd(fd: transport.descriptor, events: Int16(events), revents: 0)
        let left = deadline > now ? Int32((deadline - now) / 1_000_000) : 0
        guard left > 0, poll(&entry, 1, left) > 0 else {
            throw BenchError("\(endpoint.host):\(endpoint.port) did not answer in time")
        }
    }

    private func parse(_ bytes: [UInt8], atEnd: Bool) throws -> HTTPAnswer? {
        guard let headEnd = WebSocketConnection.headEnd(bytes) else { return nil }
        let lines = String(decoding: bytes[..<headEnd], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw BenchError("\(endpoint.host):\(endpoint.port) does not speak HTTP/1.1")
        }
        var length: Int?
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"),
                  line[..<colon].lowercased() == "content-length" else { continue }
            length = Int(line[line.index(after: colon)...].drop { $0 == " " })
        }
        let body = bytes[headEnd...]
        if status == 204 { return HTTPAnswer(status: status, body: []) }
        if let length {
            guard body.count >= length else { return nil }
            return HTTPAnswer(status: status, body: Array(body.prefix(length)))
        }
        return atEnd ? HTTPAnswer(status: status, body: Array(body)) : nil
    }
}
