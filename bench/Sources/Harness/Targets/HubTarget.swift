// A hub as the target of a fan-out run: durable messages with positions, or ephemeral broadcasts.

final class HubTarget: FanoutTarget {
    let subprotocol: String?
    let hasPositions: Bool
    let isAcknowledging = true

    private static let firstPostID: UInt64 = 16
    /// Close code of one session too many for an account.
    private static let sessionLimit: UInt16 = 4_106

    private let encoding: Encoding
    private let isEphemeral: Bool
    private let publishers: Int
    private let channels: [String]
    private let accounts: AccountPool
    private var toRefresh: [Int] = []
    private var frame = Inbound()
    private var encoded: [UInt8] = []
    private var keyPrefix = ""

    /// Signs in and prepares the channels.
    init(_ configuration: FanoutConfiguration, _ endpoint: Endpoint, tls: TLSContext?,
         access: FanoutAccess) throws {
        guard let credentials = access.credentials else {
            throw BenchError("a hub needs --token, --email and --password, or --setup-link")
        }
        encoding = configuration.encoding
        subprotocol = encoding.subprotocol
        isEphemeral = configuration.isEphemeral
        hasPositions = !isEphemeral
        publishers = configuration.publishers
        let signedIn = try SignIn(endpoint, tls: tls).signIn(credentials)
        let encoding = configuration.encoding
        let control = try ControlClient(endpoint, tls: tls, encoding: encoding, token: signedIn.accessToken)
        let names = (0..<configuration.channels).map { configuration.channel + ($0 == 0 ? "" : "-\($0 + 1)") }
        channels = try control.openChannels(names)
        accounts = AccountPool(
            signedIn, endpoint: endpoint, tls: tls, verifiesPeer: configuration.verifiesPeer,
            authorities: configuration.authorities
        ) { token in
            _ = try ControlClient(endpoint, tls: tls, encoding: encoding, token: token).openChannels(names)
        }
        let limit = control.welcome?.frame.textBytesMax ?? 0
        guard limit == 0 || UInt64(configuration.payloadBytes) <= limit else {
            throw BenchError("--size is above this hub's limit of \(limit) bytes for a text")
        }
    }

    var channel: String { channels[0] }
    var token: String { accounts.firstToken }

    func opened(_ connection: WebSocketConnection, _ run: FanoutRun) {
        send(.hello(token: accounts.token(of: connection.slot), agent: "hub-bench"), id: 1, on: connection)
    }

    func comesAgain(_ connection: WebSocketConnection, after end: ConnectionEnd) throws -> Bool {
        guard end.code == Self.sessionLimit else { return false }
        try accounts.moveOn(connection.slot)
        return true
    }

    func publish(_ text: [UInt8], publisher: Int, counter: UInt64,
                 on connection: WebSocketConnection, _ run: FanoutRun) {
        let channel = channels[publisher % channels.count]
        let id = UInt32(Self.firstPostID + counter)
        if isEphemeral {
            send(.broadcast(channel: channel, text: text), id: id, on: connection)
        } else {
            let key = "\(String(run.run, radix: 16))-\(publisher)-\(counter)"
            send(.post(channel: channel, key: key, text: text), id: id, on: connection)
        }
    }

    func everySecond(_ run: FanoutRun) {
        let renewed = accounts.renewed()
        toRefresh += renewed.slots
        if let failure = renewed.failure { run.tokenFailure = failure }
        for slot in toRefresh.suffix(500) {
            send(.refresh(token: accounts.token(of: slot)), id: 3, on: run.connections[slot])
        }
        toRefresh.removeLast(min(500, toRefresh.count))
    }

    func send(_ command: Command, id: UInt32, on connection: WebSocketConnection) {
        encoded.removeAll(keepingCapacity: true)
        command.append(id: id, encoding, to: &encoded)
        encoded.withUnsafeBytes { connection.send(encoding.messageKind, $0) }
    }

    func received(_ bytes: UnsafeRawBufferPointer, on connection: WebSocketConnection,
                  at now: UInt64, _ run: FanoutRun) {
        do {
            try Decoder.decode(bytes, encoding, into: &frame) { frame in
                take(&frame, bytes, connection, now, run)
            }
        } catch {
            run.fail(BenchError("the hub sent what cannot be read: \(error)"))
        }
    }

    private func take(_ frame: inout Inbound, _ bytes: UnsafeRawBufferPointer,
                      _ connection: WebSocketConnection, _ now: UInt64, _ run: FanoutRun) {
        let slot = connection.slot
        switch frame.kind {
        case .events:
            guard run.isSubscriber(slot) else { return }
            for event in frame.events {
                frame.withBytes(of: event.text, in: bytes) { text in
                    run.delivered(to: slot, sequence: event.sequence,
                                  text: event.kind == .message ? text : nil, now)
                }
            }
        case .broadcast:
            guard run.isSubscriber(slot), isEphemeral else { return }
            frame.withBytes(of: frame.text, in: bytes) {
                run.delivered(to: slot, sequence: 0, text: $0, now)
            }
        case .posted, .done:
            if let place = place(frame.id, slot, run) {
                run.acknowledged(place.publisher, place.counter, frame.position, now)
            }
        case .error: failed(frame, bytes, slot, run)
        case .welcome:
            if run.isSubscriber(slot) {
                send(.subscribe(channel: channel, after: nil), id: 2, on: connection)
            } else {
                run.ready(slot)
            }
        case .subscribed:
            run.subscribed(slot, after: frame.position.sequence)
        case .subscriptionEnded:
            run.fail(BenchError("the hub ended a subscription: "
                + frame.string(frame.slug, in: bytes)))
        default: break
        }
    }

    private func place(_ id: UInt32, _ slot: Int,
                       _ run: FanoutRun) -> (publisher: Int, counter: UInt64)? {
        guard let publisher = run.publisher(at: slot), UInt64(id) >= Self.firstPostID else {
            return nil
        }
        return (publisher, UInt64(id) - Self.firstPostID)
    }

    private func failed(_ frame: borrowing Inbound, _ bytes: UnsafeRawBufferPointer, _ slot: Int,
                        _ run: FanoutRun) {
        let slug = frame.string(frame.slug, in: bytes)
        // The close that follows says the same, and then the connection comes again.
        if slug == "session_limit" { return }
        if let place = place(frame.id, slot, run) {
            return run.refused(place.publisher, place.counter, slug)
        }
        run.complained(slot, "\(slug): \(frame.string(frame.message, in: bytes))")
    }
}
