// The kinds of servers that a fan-out run can load: what a client of each says and how it reads what
// comes back. One value serves all connections of a run, on the run's thread.

protocol FanoutTarget: AnyObject {
    /// What a connection asks for in its handshake.
    var subprotocol: String? { get }
    /// Messages are answered with their position in a log; else order is that of each publisher.
    var hasPositions: Bool { get }
    /// Messages are answered.
    var isAcknowledging: Bool { get }

    /// The handshake is done: says what is needed before `run.ready`.
    func opened(_ connection: WebSocketConnection, _ run: FanoutRun)
    /// A connection that was not ready yet has ended; returns whether it is worth opening once more.
    func comesAgain(_ connection: WebSocketConnection, after end: ConnectionEnd) throws -> Bool
    /// `index` counts the messages of the run, `counter` those of the publisher.
    func publish(_ text: [UInt8], publisher: Int, counter: UInt64,
                 on connection: WebSocketConnection, _ run: FanoutRun)
    /// Tells the run what was delivered and answered. `bytes` are valid during the call only.
    func received(_ bytes: UnsafeRawBufferPointer, on connection: WebSocketConnection,
                  at now: UInt64, _ run: FanoutRun)
    func everySecond(_ run: FanoutRun)
}

extension FanoutTarget {
    func everySecond(_ run: FanoutRun) {}
    func comesAgain(_ connection: WebSocketConnection, after end: ConnectionEnd) throws -> Bool { false }
}

/// Any server that relays what arrives on one URL to all connections of another, as it came or within
/// JSON: one text to a message, or several.
final class RelayTarget: FanoutTarget {
    let subprotocol: String? = nil
    let hasPositions = false
    let isAcknowledging = false
    private let kind: MessageKind

    init(_ encoding: Encoding) { kind = encoding.messageKind }

    func opened(_ connection: WebSocketConnection, _ run: FanoutRun) {
        run.ready(connection.slot)
    }

    func publish(_ text: [UInt8], publisher: Int, counter: UInt64,
                 on connection: WebSocketConnection, _ run: FanoutRun) {
        text.withUnsafeBytes { connection.send(kind, $0) }
    }

    func received(_ bytes: UnsafeRawBufferPointer, on connection: WebSocketConnection,
                  at now: UInt64, _ run: FanoutRun) {
        guard run.isSubscriber(connection.slot) else { return }
        var hasText = false
        if bytes.first == UInt8(ascii: "{") {
            // Texts are strings without escapes.
            let quote = UInt8(ascii: "\"")
            var rest = bytes[...]
            while let start = rest.firstIndex(of: quote), let end = rest[(start + 1)...].firstIndex(of: quote) {
                let text = UnsafeRawBufferPointer(rebasing: rest[(start + 1)..<end])
                if Payload.begins(text) {
                    run.delivered(to: connection.slot, sequence: 0, text: text, now)
                    hasText = true
                }
                rest = rest[end...]
            }
        }
        if !hasText { run.delivered(to: connection.slot, sequence: 0, text: bytes, now) }
    }
}

/// Bytes of a stream that is cut into WebSocket messages anywhere: what is incomplete waits here.
struct StreamCarry {
    private var held: [UInt8] = []

    /// Calls `parse` with all that has arrived; it returns how many bytes it used.
    mutating func take(_ bytes: UnsafeRawBufferPointer,
                       _ parse: (UnsafeRawBufferPointer) throws -> Int) throws {
        if held.isEmpty {
            let used = try parse(bytes)
            if used < bytes.count {
                held.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[used...]))
            }
            return
        }
        held.append(contentsOf: bytes)
        let used = try held.withUnsafeBytes { try parse($0) }
        held.removeSubrange(..<used)
    }

    var bytesHeld: Int { held.count }
}
