// The other end of a connection: a socket with a time limit, and as much HTTP and WebSocket on it as the
// tests need, malformed on request. It shares no parser with the hub. It never blocks for long: the
// threads of the pool belong to all tests.

import Glibc
import Model
import Ports
import TLSPeer

struct PeerClosed: Error {}
struct PeerTimedOut: Error {}

final class Peer {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var start = 0
    /// For a peer that speaks TLS, after `shakeHands`.
    private(set) var tls: TLSClient?

    /// - Parameter receiveBytes: size of the receive buffer; small for a peer that does not read.
    init(port: UInt16, host: String = "127.0.0.1", receiveBytes: Int32? = nil) throws {
        let isV6 = host.contains(":")
        descriptor = socket(isV6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var receiveBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBytes, 4)
        }
        let connected: Int32
        if isV6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            inet_pton(AF_INET6, host, &address.sin6_addr)
            connected = Self.connect(descriptor, &address)
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            inet_pton(AF_INET, host, &address.sin_addr)
            connected = Self.connect(descriptor, &address)
        }
        guard connected == 0 else { throw PeerClosed() }
    }

    private static func connect<Address>(_ descriptor: Int32, _ address: inout Address) -> Int32 {
        let size = socklen_t(MemoryLayout<Address>.size)
        return withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, size)
            }
        }
    }

    deinit { close(descriptor) }

    /// The connection ends with a reset instead of a proper end.
    func resetAtEnd() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    func finishWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Speaks TLS from here on; `client` tells what became of it.
    /// - Parameters:
    ///   - pieces: most bytes that are written at once.
    ///   - bytes: go together with the end of the handshake.
    func shakeHands(_ client: TLSClient, pieces: Int = .max, then bytes: [UInt8] = []) async throws {
        client.receive([])
        while !client.isOpen, client.complaint == nil {
            let flight = client.takeOutput()
            for start in stride(from: 0, to: flight.count, by: min(pieces, max(1, flight.count))) {
                try await writeRaw(Array(flight[start...].prefix(pieces)))
            }
            if flight.isEmpty { client.receive(try await receiveRaw()) }
        }
        if !bytes.isEmpty { client.write(bytes) }
        try await writeRaw(client.takeOutput())
        tls = client
    }

    /// Reads what has come, and nothing of it is kept: what TLS says to TLS.
    func receiveSilently() async throws {
        tls?.receive(try await receiveRaw())
        _ = tls?.read()
    }

    func write(_ bytes: [UInt8]) async throws {
        guard let tls else {
            try await writeRaw(bytes)
            return
        }
        tls.write(bytes)
        try await writeRaw(tls.takeOutput())
    }

    /// Past TLS.
    func writeRaw(_ bytes: [UInt8]) async throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count < 0, errno == EAGAIN {
                try await wait(for: Int16(POLLOUT))
            } else {
                guard count > 0 else { throw PeerClosed() }
                sent += count
            }
        }
    }
    func write(_ text: String) async throws { try await write(Array(text.utf8)) }

    /// Lets others run until the socket is ready.
    private func wait(for events: Int16) async throws {
        let end = TestClocks().monotonic().value + 120_000_000_000
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        while poll(&entry, 1, 1) == 0 {
            if TestClocks().monotonic().value > end { throw PeerTimedOut() }
            await Task.yield()
        }
    }

    // MARK: Reading

    private var available: Int { buffer.count - start }

    private func fill() async throws {
        if start > 1 << 20 {
            buffer.removeFirst(start)
            start = 0
        }
        let received = try await receiveRaw()
        guard let tls else {
            buffer += received
            return
        }
        tls.receive(received)
        let plaintext = tls.read()
        buffer += plaintext
        if plaintext.isEmpty, tls.isEnded || tls.complaint != nil { throw PeerClosed() }
    }

    private func receiveRaw() async throws -> [UInt8] {
        try await wait(for: Int16(POLLIN))
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, 65_536, 0)
        guard count > 0 else { throw PeerClosed() }
        return Array(chunk[..<count])
    }

    func read(_ count: Int) async throws -> [UInt8] {
        while available < count { try await fill() }
        defer { start += count }
        return Array(buffer[start..<start + count])
    }

    /// Up to these two bytes, without them.
    func read(to first: UInt8, _ second: UInt8) async throws -> String {
        var end = start
        while true {
            while end + 1 < buffer.count {
                if buffer[end] == first, buffer[end + 1] == second {
                    let line = String(decoding: buffer[start..<end], as: UTF8.self)
                    start = end + 2
                    return line
                }
                end += 1
            }
            let offset = end - start
            try await fill()
            end = start + offset
        }
    }

    private func readLine() async throws -> String { try await read(to: 13, 10) }

    /// Whether the hub has closed the connection; waits for that or for a byte.
    func isClosedByHub() async throws -> Bool {
        do {
            _ = try await read(1)
            return false
        } catch is PeerClosed {
            return true
        }
    }

    // MARK: HTTP

    struct Answer {
        var status: Int
        var headers: [String: String]
        var body: [UInt8]
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    func answer(isHead: Bool = false) async throws -> Answer {
        let status = try await readLine()
        var headers: [String: String] = [:]
        while true {
            let line = try await readLine()
            if line.isEmpty { break }
            let colon = line.firstIndex(of: ":")!
            headers[line[..<colon].lowercased()] =
                String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        let code = Int(status.dropFirst(9).prefix(3)) ?? 0
        let length = isHead || code == 101 || code == 304 || code == 204
            ? 0 : Int(headers["content-length"] ?? "0") ?? 0
        return Answer(status: code, headers: headers, body: try await read(length))
    }

    func ask(_ method: String, _ path: String, _ headers: [String] = [], body: String = "",
             host: String = "hub.test") async throws
        -> Answer
    {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: \(host)"] + headers
        if !body.isEmpty { lines.append("Content-Length: \(body.utf8.count)") }
        try await write(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
        return try await answer(isHead: method == "HEAD")
    }

    // MARK: WebSocket

    static func upgrade(subprotocol: String? = "hub.v1.json", _ headers: [String] = []) -> String {
        let offer = subprotocol.map { "Sec-WebSocket-Protocol: \($0)\r\n" } ?? ""
        let rest = headers.map { $0 + "\r\n" }.joined()
        return "GET /ws HTTP/1.1\r\nHost: hub.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            + offer + rest + "\r\n"
    }

    /// A whole masked frame with any first byte.
    static func frame(_ first: UInt8, _ payload: [UInt8], isMasked: Bool = true) -> [UInt8] {
        var bytes = [first]
        let mark: UInt8 = isMasked ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(mark | UInt8(payload.count))
        case ..<65_536: bytes += [mark | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default:
            bytes.append(mark | 127)
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        guard isMasked else { return bytes + payload }
        let mask: [UInt8] = [0x5A, 1, 0xC3, 0x77]
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
    }

    func sendText(_ text: String) async throws { try await write(Self.frame(0x81, Array(text.utf8))) }

    /// The next frame, which is never fragmented: opcode and payload.
    func frame() async throws -> (opcode: UInt8, payload: [UInt8]) {
        let (first, payload) = try await markedFrame()
        return (first & 15, payload)
    }

    /// The same with all of its first byte.
    func markedFrame() async throws -> (first: UInt8, payload: [UInt8]) {
        let head = try await read(2)
        var length = Int(head[1])
        if length >= 126 { length = try await read(length == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) } }
        return (head[0], try await read(length))
    }

    /// Reads on until a close frame; its code.
    func closeCode() async throws -> Int {
        while true {
            let (opcode, payload) = try await frame()
            if opcode == 8 { return payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : 1005 }
        }
    }
}
