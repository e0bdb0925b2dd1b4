// A NATS server over WebSocket, as far as a fan-out needs it: CONNECT, SUB, PUB and MSG of its text
// protocol (docs.nats.io, "Client Protocol"), one subject.

enum NATSLine: Equatable {
    case info
    case ping
    case pong
    case ok
    case error(String)
    /// Where the payload is in the bytes given.
    case message(payload: Range<Int>)
}

enum NATSCodec {
    static let connect = "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"bench\","
        + "\"version\":\"1\",\"protocol\":1,\"echo\":true}\r\nPING\r\n"

    static func subscribe(_ subject: String) -> String { "SUB \(subject) 1\r\nPING\r\n" }

    static func publish(_ subject: String, _ payload: [UInt8], to out: inout [UInt8]) {
        out.append(contentsOf: "PUB \(subject) \(payload.count)\r\n".utf8)
        out.append(contentsOf: payload)
        out.append(13)
        out.append(10)
    }

    /// Calls `each` for every whole line, with its payload; returns how many bytes those took.
    static func parse(_ bytes: UnsafeRawBufferPointer, _ each: (NATSLine) -> Void) throws -> Int {
        var start = 0
        while let end = lineEnd(bytes, from: start) {
            let next = end + 2
            guard bytes[start] == UInt8(ascii: "M") else {
                each(try line(bytes, start..<end))
                start = next
                continue
            }
            let count = try payloadBytes(bytes, start..<end)
            guard next + count + 2 <= bytes.count else { break }
            guard bytes[next + count] == 13, bytes[next + count + 1] == 10 else {
                throw DecodingError("NATS: no line end behind a payload", at: next + count)
            }
            each(.message(payload: next..<next + count))
            start = next + count + 2
        }
        return start
    }

    /// Where the line's CR is; `nil` when it has not come.
    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start + 1
        while index < bytes.count {
            if bytes[index] == 10, bytes[index - 1] == 13 { return index - 1 }
            index += 1
        }
        return nil
    }

    /// The last word of `MSG subject sid [reply] bytes`.
    private static func payloadBytes(_ bytes: UnsafeRawBufferPointer,
                                     _ line: Range<Int>) throws -> Int {
        var index = line.upperBound - 1
        var value = 0
        var scale = 1
        while index > line.lowerBound, bytes[index] != 32 {
            guard bytes[index] >= 48, bytes[index] < 58, scale <= 1_000_000_000 else {
                throw DecodingError("NATS: bad length of a message", at: index)
            }
            value += Int(bytes[index] - 48) * scale
            scale *= 10
            index -= 1
        }
        guard scale > 1 else { throw DecodingError("NATS: no length", at: line.lowerBound) }
        return value
    }

    private static func line(_ bytes: UnsafeRawBufferPointer,
                             _ range: Range<Int>) throws -> NATSLine {
        let text = String(decoding: bytes[range], as: UTF8.self)
        switch text.prefix(while: { $0 != " " }).uppercased() {
        case "INFO": return .info
        case "PING": return .ping
        case "PONG": return .pong
        case "+OK": return .ok
        case "-ERR": return .error(text)
        default: throw DecodingError("NATS: unexpected '\(text.prefix(20))'", at: range.lowerBound)
        }
    }
}

final class NATSTarget: FanoutTarget {
    private enum Stage { case greeted, connected, subscribed }

    let subprotocol: String? = nil
    let hasPositions = false
    let isAcknowledging = false
    private let subject: String
    private var carries: [StreamCarry]
    private var stages: [Stage]
    private var encoded: [UInt8] = []

    init(_ configuration: FanoutConfiguration) {
        subject = configuration.channel
        let count = configuration.subscribers + configuration.publishers
        carries = Array(repeating: StreamCarry(), count: count)
        stages = Array(repeating: .greeted, count: count)
    }

    func opened(_ connection: WebSocketConnection, _ run: FanoutRun) {
        say(NATSCodec.connect, on: connection)
    }

    private func say(_ text: String, on connection: WebSocketConnection) {
        Array(text.utf8).withUnsafeBytes { connection.send(.binary, $0) }
    }

    func publish(_ text: [UInt8], publisher: Int, counter: UInt64,
                 on connection: WebSocketConnection, _ run: FanoutRun) {
        encoded.removeAll(keepingCapacity: true)
        NATSCodec.publish(subject, text, to: &encoded)
        encoded.withUnsafeBytes { connection.send(.binary, $0) }
    }

    func received(_ bytes: UnsafeRawBufferPointer, on connection: WebSocketConnection,
                  at now: UInt64, _ run: FanoutRun) {
        let slot = connection.slot
        do {
            try carries[slot].take(bytes) { bytes in
                try NATSCodec.parse(bytes) { line in
                    switch line {
                    case .message(let payload):
                        run.delivered(to: slot, sequence: 0,
                                      text: UnsafeRawBufferPointer(rebasing: bytes[payload]), now)
                    case .ping: say("PONG\r\n", on: connection)
                    case .pong: answered(connection, run)
                    case .error(let text): run.complained(slot, "the server said \(text)")
                    case .info, .ok: break
                    }
                }
            }
        } catch {
            run.fail(BenchError("the server sent what cannot be read: \(error)"))
        }
    }

    /// What was said before the PING has been carried out.
    private func answered(_ connection: WebSocketConnection, _ run: FanoutRun) {
        let slot = connection.slot
        if stages[slot] == .greeted, run.isSubscriber(slot) {
            stages[slot] = .connected
            say(NATSCodec.subscribe(subject), on: connection)
        } else {
            stages[slot] = .subscribed
            run.ready(slot)
        }
    }
}
