// A blocking TCP socket with deadlines, and on it as much HTTP and WebSocket as the tests need. It
// shares no code with the hub.

import Foundation
import Testing

struct SocketClosed: Error {}
struct DeadlinePassed: Error {}

final class TestSocket {
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // All is set, so that `deinit` closes the descriptor; a second time it would be somebody else's.
        guard connected == 0 else { throw SocketClosed() }
        var limit = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw SocketClosed() }
            sent += count
        }
    }

    func write(_ text: String) throws { try write(Array(text.utf8)) }

    private func fill() throws {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count < 0 { throw errno == EAGAIN ? DeadlinePassed() : SocketClosed() as any Error }
        if count == 0 { throw SocketClosed() }
        buffer += chunk[..<count]
    }

    func read(_ count: Int) throws -> [UInt8] {
        while buffer.count < count { try fill() }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    /// Up to and with an empty line.
    func readHead() throws -> String {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let range = buffer.firstRange(of: end) {
                return String(decoding: try read(range.upperBound), as: UTF8.self)
            }
            try fill()
        }
    }
}

extension Array where Element == UInt8 {
    fileprivate func firstRange(of other: [UInt8]) -> Range<Int>? {
        guard count >= other.count else { return nil }
        for start in 0...(count - other.count) where Array(self[start..<start + other.count]) == other {
            return start..<start + other.count
        }
        return nil
    }
}

/// One answer of the HTTP API.
struct HTTPAnswer {
    var status: Int
    var head: String
    var body: [UInt8]
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
    }
    var slug: String? { (json["error"] as? [String: Any])?["slug"] as? String }
}

func request(_ method: String, _ path: String, port: Int, json: [String: Any]? = nil,
             bearer: String? = nil, headers: [String] = []) throws -> HTTPAnswer {
    let socket = try TestSocket(port: port)
    let body = try json.map { try JSONSerialization.data(withJSONObject: $0) } ?? Data()
    var lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Connection: close"] + headers
    if json != nil { lines.append("Content-Type: application/json") }
    if json != nil || method == "POST" { lines.append("Content-Length: \(body.count)") }
    if let bearer { lines.append("Authorization: Bearer \(bearer)") }
    try socket.write(lines.joined(separator: "\r\n") + "\r\n\r\n")
    try socket.write(Array(body))
    let head = try socket.readHead()
    let status = Int(head.split(separator: " ")[1]) ?? 0
    let length = head.lowercased().components(separatedBy: "\r\ncontent-length: ").dropFirst().first
        .flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
    return HTTPAnswer(status: status, head: head,
                      body: method == "HEAD" ? [] : try socket.read(length))
}

/// How long to wait before the same command is sent again, where the hub was asked too much at once.
func postponed(_ frame: [String: Any]) -> Int32? {
    guard let error = frame["error"] as? [String: Any], error["retryable"] as? Bool == true,
          ["rate_limited", "overloaded", "too_many_in_flight"].contains(error["slug"] as? String ?? "")
    else { return nil }
    return Int32(max(1, error["retry_after_ms"] as? Int ?? 0))
}

/// A client of protocol 1 in JSON.
final class ProtocolClient {
    let socket: TestSocket
    private var nextID = 1
    private var early: [[String: Any]] = []
    private(set) var closeCode: Int?

    init(port: Int, token: String?, subprotocol: String = "hub.v1.json", origin: String? = nil) throws {
        socket = try TestSocket(port: port)
        let origin = origin.map { "Origin: \($0)\r\n" } ?? ""
        try socket.write("""
            GET /ws HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\(origin)\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Protocol: \(subprotocol)\r\n\r\n
            """)
        let head = try socket.readHead()
        guard head.hasPrefix("HTTP/1.1 101") else { throw Refused(head: head) }
        if let token { _ = try ask(["hello": ["token": token]]) }
    }

    struct Refused: Error { var head: String }

    func sendText(_ text: String, opcode: UInt8 = 1) throws {
        let bytes = Array(text.utf8)
        var frame: [UInt8] = [0x80 | opcode]
        if bytes.count < 126 {
            frame.append(0x80 | UInt8(bytes.count))
        } else if bytes.count < 65_536 {
            frame += [0xFE, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)]
        } else {
            frame += [0xFF] + (0..<8).map { UInt8(truncatingIfNeeded: bytes.count >> (56 - 8 * $0)) }
        }
        let mask: [UInt8] = [1, 2, 3, 4]
        frame += mask
        frame += bytes.enumerated().map { $1 ^ mask[$0 & 3] }
        try socket.write(frame)
    }

    @discardableResult
    func send(_ command: [String: Any]) throws -> Int {
        var frame = command
        frame["id"] = nextID
        nextID += 1
        try sendText(String(decoding: JSONSerialization.data(withJSONObject: frame), as: UTF8.self))
        return nextID - 1
    }

    /// The next frame of the hub.
    func next() throws -> [String: Any] {
        if !early.isEmpty { return early.removeFirst() }
        while true {
            let head = try socket.read(2)
            var length = Int(head[1] & 127)
            if length >= 126 {
                length = try socket.read(length == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) }
            }
            let payload = try socket.read(length)
            switch head[0] & 15 {
            case 1:
                let frames = try payload.split(separator: 10).map {
                    try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any] ?? [:]
                }
                early = Array(frames.dropFirst())
                if let first = frames.first { return first }
            case 8:
                closeCode = payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : 1005
                throw SocketClosed()
            case 9: try sendText(String(decoding: payload, as: UTF8.self), opcode: 10)
            default: break
            }
        }
    }

    /// As `next`, and keeps what the hub says about the end of the connection.
    func follow() throws -> [String: Any] {
        let frame = try next()
        if frame["closing"] != nil { pushes.append(frame) }
        return frame
    }

    /// Pushes that came while a reply was awaited.
    private(set) var pushes: [[String: Any]] = []

    func reply(to id: Int) throws -> [String: Any] {
        while true {
            let frame = try next()
            if frame["id"] as? Int == id { return frame }
            pushes.append(frame)
        }
    }

    /// The answer; what the hub has no time for now is asked again when the hub says, as clients do.
    @discardableResult
    func ask(_ command: [String: Any]) throws -> [String: Any] {
        while true {
            let frame = try reply(to: send(command))
            guard let wait = postponed(frame) else { return frame }
            poll(nil, 0, wait)
        }
    }

    /// Reads until the hub has closed; the close code.
    func readToClose() throws -> Int? {
        while true {
            do { pushes.append(try next()) } catch is SocketClosed { return closeCode }
        }
    }

    /// Texts of events, in order of arrival, until there are `count`.
    func events(_ count: Int) throws -> [(sequence: Int, text: String)] {
        var seen: [(Int, String)] = []
        func take(_ frame: [String: Any]) {
            for event in (frame["events"] as? [String: Any])?["events"] as? [[String: Any]] ?? [] {
                seen.append((Int(event["sequence"] as? String ?? "") ?? -1, event["text"] as? String ?? ""))
            }
        }
        for push in pushes { take(push) }
        while seen.count < count { take(try next()) }
        pushes = []
        return seen
    }

    /// The next broadcast that came.
    func broadcast() throws -> [String: Any] {
        while true {
            if let index = pushes.firstIndex(where: { $0["broadcast"] != nil }) {
                return pushes.remove(at: index)["broadcast"] as? [String: Any] ?? [:]
            }
            pushes.append(try next())
        }
    }
}
