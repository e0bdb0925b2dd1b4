// One connection on which commands are asked and answered in turn: setting up channels before a run
// and reading history after it. It has an event loop of its own, so that a run's is undisturbed.

package final class ControlClient: WebSocketDelegate {
    /// A reply, with the bytes its slices are places in.
    package struct Reply {
        package var frame: Inbound
        package var bytes: [UInt8]

        package func string(_ slice: Slice) -> String {
            bytes.withUnsafeBytes { frame.string(slice, in: $0) }
        }

        package func data(_ slice: Slice) -> [UInt8] {
            bytes.withUnsafeBytes { frame.withBytes(of: slice, in: $0) { Array($0) } }
        }
    }

    private let loop: EventLoop
    private let encoding: Encoding
    private let timeoutNanoseconds: UInt64
    private var connection: WebSocketConnection!
    private var nextID: UInt32 = 1
    private var replies: [UInt32: Reply] = [:]
    private var frame = Inbound()
    private var ended: ConnectionEnd?
    private var fault: String?
    package private(set) var welcome: Reply?

    package init(_ endpoint: Endpoint, tls: TLSContext?, encoding: Encoding, token: String,
                 timeoutSeconds: UInt64 = 20) throws {
        loop = try EventLoop(tls: tls)
        self.encoding = encoding
        timeoutNanoseconds = timeoutSeconds * 1_000_000_000
        connection = WebSocketConnection(on: loop, delegate: self)
        try connection.open(endpoint, at: endpoint.resolve(), subprotocol: encoding.subprotocol)
        try wait(for: "the WebSocket to open") { connection.isOpen }
        let reply = try call(.hello(token: token, agent: "hub-bench"))
        guard reply.frame.kind == .welcome else {
            throw BenchError("the hub did not answer hello with welcome")
        }
        welcome = reply
    }

    deinit { connection?.leave() }

    /// Asks and waits for the answer; an error answer is thrown.
    package func call(_ command: Command) throws -> Reply {
        let id = nextID
        nextID += 1
        var bytes: [UInt8] = []
        command.append(id: id, encoding, to: &bytes)
        bytes.withUnsafeBytes { connection.send(encoding.messageKind, $0) }
        try wait(for: "an answer") { replies[id] != nil }
        let reply = replies.removeValue(forKey: id)!
        guard reply.frame.kind != .error else {
            throw BenchError("the hub answered \(reply.string(reply.frame.slug)): "
                + reply.string(reply.frame.message))
        }
        return reply
    }

    /// The channel of that name, made if need be, and joined.
    package func openChannel(named name: String,
                             topic: String) throws -> (id: String, head: Position) {
        try openChannels([name], topic: topic)[0]
    }

    /// The same for many; returns their ids.
    package func openChannels(_ names: [String]) throws -> [String] {
        try openChannels(names, topic: "Load of hub-bench").map(\.id)
    }

    private func openChannels(_ names: [String],
                              topic: String) throws -> [(id: String, head: Position)] {
        let list = try call(.listChannels)
        var known: [String: (id: String, head: Position, isJoined: Bool)] = [:]
        for channel in list.frame.channels {
            known[list.string(channel.name)] = (list.string(channel.id), channel.head,
                                                channel.isJoined)
        }
        return try names.map { name in
            var found = known[name]
            if found == nil {
                let made = try call(.createChannel(name: name, topic: topic))
                found = made.frame.channels.first.map {
                    (made.string($0.id), $0.head, $0.isJoined)
                }
            }
            guard let found else {
                throw BenchError("the hub made a channel but does not say which")
            }
            if !found.isJoined { _ = try call(.join(channel: found.id)) }
            return (found.id, found.head)
        }
    }

    private func wait(for what: String, _ condition: () -> Bool) throws {
        let deadline = MonotonicClock.now() + timeoutNanoseconds
        while !condition() {
            if let fault { throw BenchError("the hub sent what cannot be read: \(fault)") }
            if let ended {
                throw BenchError("the connection ended while waiting for \(what): \(ended.text)")
            }
            guard MonotonicClock.now() < deadline else {
                throw BenchError("waited \(timeoutNanoseconds / 1_000_000_000) s for \(what)")
            }
            try loop.turn(until: deadline)
        }
    }

    package func connectionOpened(_ connection: WebSocketConnection) {}

    package func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd) {
        ended = end
    }

    package func connection(_ connection: WebSocketConnection, received kind: MessageKind,
                            _ bytes: UnsafeRawBufferPointer) {
        do {
            try Decoder.decode(bytes, encoding, into: &frame) { frame in
                if frame.id != 0 { replies[frame.id] = Reply(frame: frame, bytes: Array(bytes)) }
            }
        } catch {
            fault = "\(error)"
        }
    }
}
