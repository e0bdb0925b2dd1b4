// The way in for networks that break WebSockets. An answer that does not end carries what a WebSocket
// carries to its client, as Server-Sent Events; the commands come in requests of their own, to whichever
// loop. Behind that is the same session, with the same rules, budgets and close codes
// (docs/protocol.md, section 16). One encoding only: hub.v1.json.

import Crypto
import Live
import Loop
import Model
import Ports
import Wire

/// An open stream as requests with commands find it. Known to all loops of the front.
final class StreamEntrance: Sendable {
    let session: SessionID
    let lane: FrontLane
    let loop: Loop
    /// 128 random bits as base64url: who has them may send commands as this session.
    private let secret: Private<StreamEntrance>
    /// The session is open: larger messages are taken.
    let isWelcomed = Lock(false)

    init(session: SessionID, lane: FrontLane, loop: Loop, secret: Private<StreamEntrance>) {
        self.session = session
        self.lane = lane
        self.loop = loop
        self.secret = secret
    }

    /// The value of `Hub-Stream`: the session's id, which finds the stream, a dot, and the secret.
    var key: String { "\(session).\(secret.reveal)" }

    /// How long it takes says nothing of the secret.
    func isOpened(by given: Substring) -> Bool {
        constantTimeEqual(Array(given.utf8), Array(secret.reveal.utf8))
    }
}

extension FrontShared {
    /// The stream that this value of `Hub-Stream` belongs to.
    func entrance(_ key: String?) -> StreamEntrance? {
        guard let parts = key?.split(atByte: ".", omittingEmptySubsequences: false), parts.count == 2,
              let session = SessionID(String(parts[0])),
              let entrance = streams.withLock({ $0[session] }),
              entrance.isOpened(by: parts[1]) else { return nil }
        return entrance
    }

    /// Commands for an open session may be as large as on a WebSocket, all other bodies have the
    /// parser's own limit.
    func bodyBytesMax(_ request: HTTPRequest, _ configuration: FrontConfiguration) -> Int? {
        switch request.path {
        case FrontLoop.streamPath: configuration.helloFrameBytesMax
        case FrontLoop.commandsPath:
            entrance(request.header("hub-stream")).map { entrance in
                entrance.isWelcomed.withLock { $0 }
                    ? configuration.frameBytesMax : configuration.helloFrameBytesMax
            }
        default: nil
        }
    }
}

extension FrontLoop {
    static let streamPath = "/stream"
    static let commandsPath = "/stream/commands"
    /// What a comment is for: the client answers it with a request, as a WebSocket's ping with a pong.
    static let streamPing = Array(": ping\n\n".utf8)

    /// A request for one of the two paths. The type of the body is one that a page of another origin
    /// cannot send unasked, so that even a browser that sends no Origin is no way around the rule.
    func answerStream(_ request: HTTPRequest, _ exchange: HTTPExchange, _ connection: Connection) {
        guard configuration.origins.allows(request, host: request.header("host"), isSecure: request.isSecure)
        else {
            metrics.refused(.origin)
            shared.services.security?.note(.originRefused, from: request.peerAddress)
            refuse(403, .forbidden, "Pages of this origin may not use the hub.", request, exchange,
                   connection)
            return
        }
        let type = request.header("content-type")?.split(atByte: ";", maxSplits: 1).first?
            .split(atByte: " ", maxSplits: 1).first?.asciiLowercased()
        switch request.method {
        case .options:
            answer(HTTPResponse(status: 204, headers: Self.sharing(request) + [
                HTTPHeader("Access-Control-Allow-Methods", "POST"),
                HTTPHeader("Access-Control-Allow-Headers", "Content-Type, Hub-Stream, Hub-Affinity"),
                HTTPHeader("Access-Control-Max-Age", "7200"),
            ]), exchange, connection)
        case .post where type != "application/x-ndjson":
            refuse(415, .malformed, "The type of the body is application/x-ndjson.", request, exchange,
                   connection)
        case .post where request.path == Self.streamPath: openStream(request, exchange, connection)
        case .post: takeCommands(request, exchange, connection)
        default:
            answer(HTTPResponse(status: 405, headers: [HTTPHeader("Allow", "POST, OPTIONS")]), exchange,
                   connection)
        }
    }

    // MARK: The stream

    private func openStream(_ request: HTTPRequest, _ exchange: HTTPExchange, _ connection: Connection) {
        guard !isSendingAway else {
            refuse(503, .draining, "The hub is stopping.", request, exchange, connection)
            return
        }
        connection.http = nil
        guard let session = openSession(.eventStream, connection) else { return }
        let random = shared.services.entropy.bytes(16)
        let entrance = StreamEntrance(session: session, lane: lane, loop: loop,
                                      secret: Private(Base64.encode(random, .url)))
        connection.stream = entrance
        shared.streams.withLock { $0[session] = entrance }
        metrics.eventStreams.add(1)
        metrics.eventStreamsOpened.add()
        // The end of the connection is the end of the answer: events need no frames around them, so
        // that all streams share their bytes, and a truncated answer is told by the missing `closing`.
        let response = HTTPResponse(
            status: 200,
            headers: [
                HTTPHeader("Content-Type", "text/event-stream"),
                // For proxies: hand on what comes as it comes.
                HTTPHeader("Cache-Control", "no-store, no-transform"),
                HTTPHeader("X-Accel-Buffering", "no"),
                HTTPHeader("Hub-Stream", entrance.key),
            ] + Self.sharing(request) + SecurityHeaders.plain,
            endsWithConnection: true)
        var head: [UInt8] = []
        metrics.answered(response.writeHead(to: &head, exchange: .faulty, date: date).status)
        write(EncodedFrame(head), connection)
        takeMessage(request.body, connection)
    }

    /// The connection has left its session: nobody finds the stream any more.
    func forgetStream(_ connection: Connection) {
        guard let entrance = connection.stream else { return }
        shared.streams.withLock { $0[entrance.session] = nil }
    }

    // MARK: Commands

    /// 204 says that the stream's loop has them; what becomes of them is said on the stream.
    private func takeCommands(_ request: HTTPRequest, _ exchange: HTTPExchange, _ connection: Connection) {
        guard let entrance = shared.entrance(request.header("hub-stream")) else {
            refuse(404, .notFound, "This hub has no such stream: open another.", request, exchange, connection)
            return
        }
        countWelcome(connection)
        let taken = HTTPResponse(status: 204, headers: Self.sharing(request))
        if entrance.lane === lane {
            let wait = takeMessage(request.body, of: entrance.session)
            guard wait > 0 else {
                answer(taken, exchange, connection)
                return
            }
            let answerLater = suspend(exchange, connection)
            loop.submit(afterMilliseconds: wait) { answerLater(taken) }
            return
        }
        // Answered when they are there, so that a client waits for a loop that is behind, and so that no
        // more than one body of each connection is on its way.
        let answerLater = suspend(exchange, connection)
        let body = request.body
        entrance.loop.submit {
            let wait = entrance.lane.takeMessage(body, of: entrance.session)
            entrance.loop.submit(afterMilliseconds: wait) { answerLater(taken) }
        }
    }

    /// On the stream's loop; the stream may be gone.
    /// - Returns: milliseconds until more may come, for which the answer is held back.
    func takeMessage(_ body: [UInt8], of session: SessionID) -> UInt32 {
        guard let number = sessions[session], let connection = connections[Int(number)] else { return 0 }
        readClock()
        table[number].heardAt = now
        table[number].isPinged = false
        connection.input.beginTurn()
        connection.input.add(body.count)
        takeMessage(body, connection)
        guard connections[Int(number)] === connection, table[number].phase != .closing else { return 0 }
        return min(charge(connection) ?? 0, Self.commandsDelayMax)
    }

    /// Milliseconds for which the answer to commands is held back at most. Longer would look like a hub that is gone.
    private static let commandsDelayMax: UInt32 = 5_000

    /// An empty body is a sign of life and nothing more.
    private func takeMessage(_ body: [UInt8], _ connection: Connection) {
        if body.isEmpty { return }
        body.withUnsafeBytes { received($0, .json, connection) }
    }

    // MARK: Answers

    private func refuse(_ status: Int, _ code: ErrorCode, _ message: String, _ request: HTTPRequest,
                        _ exchange: HTTPExchange, _ connection: Connection) {
        let body = """
            {"error":{"code":\(code.rawValue),"slug":"\(code.slug)","message":"\(message)",\
            "retryable":\(code.isRetryable)}}
            """
        // A page that may not use the hub does not learn why.
        let sharing = code == .forbidden ? [] : Self.sharing(request)
        answer(HTTPResponse(status: status, headers: sharing + [
            HTTPHeader("Content-Type", "application/json"), HTTPHeader("Cache-Control", "no-store"),
        ], body: Array(body.utf8)), exchange, connection)
    }

    /// Lets a page of an allowed origin read the answer.
    private static func sharing(_ request: HTTPRequest) -> [HTTPHeader] {
        guard let origin = request.header("origin") else { return [] }
        return [HTTPHeader("Access-Control-Allow-Origin", origin), HTTPHeader("Vary", "Origin"),
                HTTPHeader("Access-Control-Expose-Headers", "Hub-Stream")]
    }
}
