// Many small channels: every message must reach the members of its room, once, in order, and nobody
// else. Each room has a checker of its own.

package final class RoomsRun: WebSocketDelegate {
    package static let kind = ScenarioKind(
        "rooms",
        stages: ["delivery": "due until delivered", "ack": "due until acknowledged"],
        readings: [
            "rooms": "rooms", "connections": "connections", "messages_per_s": "messages/s",
            "deliveries_per_s": "deliveries/s", "cpu_per_message": "server CPU per message",
            "cpu_per_delivery": "server CPU per delivery",
            "rss_per_connection": "server memory per connection",
        ],
        faults: [
            "lost": "deliveries that never came", "duplicates": "deliveries that came again",
            "reordered": "deliveries out of order", "gaps": "positions never seen",
            "strayed": "messages of another room", "damaged": "messages damaged or misplaced",
            "unanswered": "posts unanswered", "refused": "posts refused", "drops": "connections lost",
        ])

    package struct Plan: Sendable {
        package var rooms = 100
        package var members = 5
        package var publishers = 4
        /// Messages per second over all rooms.
        package var rate = 200.0
        package var seconds = 10.0
        package var payloadBytes = 128
        package init() {}
    }

    private static let firstID = 16
    private let world: ScenarioWorld
    private let plan: Plan
    private let runNumber = UInt32.random(in: 1...UInt32.max / 2)
    private var channels: [String] = []
    private var roomOf: [String: Int] = [:]
    private var checkers: [FanoutChecker] = []
    private var connections: [WebSocketConnection] = []
    private var readyCount = 0
    private var sent = 0
    private var deliveries = 0
    private var text: [UInt8] = []
    private var isOver = false

    private var memberCount: Int { plan.rooms * plan.members }

    package init(_ settings: ScenarioSettings, access: FanoutAccess, _ plan: Plan) throws {
        let total = plan.rooms * plan.members + plan.publishers
        guard (1...10_000).contains(plan.rooms), (1...1_000).contains(plan.members),
              (1...1_000).contains(plan.publishers), total <= 60_000, plan.rate > 0,
              (0.1...86_400).contains(plan.seconds), plan.rate * plan.seconds <= 10_000_000,
              (Payload.bytesMin...16_384).contains(plan.payloadBytes)
        else {
            throw BenchError("--rooms is 1 to 10000, --members 1 to 1000, together at most 60000 "
                + "connections; --size \(Payload.bytesMin) to 16384; at most 10000000 messages")
        }
        world = try ScenarioWorld(settings, Self.kind, access: access, connections: total)
        self.plan = plan
        world.book.title = "\(plan.rooms) rooms of \(plan.members), "
            + "\(Figure.count(plan.rate)) messages/s, \(plan.payloadBytes) B"
        checkers = (0..<plan.rooms).map { room in
            FanoutChecker(run: runNumber + UInt32(room), subscribers: plan.members, publishers: 1,
                          payloadBytes: plan.payloadBytes, hasPositions: true)
        }
    }

    package func measure() throws -> ScenarioBook {
        try openRooms()
        let before = world.memory().resident
        let total = memberCount + plan.publishers
        connections = (0..<total).map { _ in WebSocketConnection(on: world.loop, delegate: self) }
        try world.connect(connections) { readyCount }
        if let before, let after = world.memory().resident {
            world.book.set("rss_per_connection", (Double(after) - Double(before)) / Double(total))
        }
        try load()
        try world.turn(seconds: 10) { checkers.allSatisfy(\.isComplete) }
        // A duplicate comes after the first copy: give it a moment to show.
        try world.turn(seconds: 0.25) { false }
        isOver = true
        for connection in connections { connection.leave() }
        closeBooks()
        return world.book
    }

    private func openRooms() throws {
        let control = try world.control()
        let rooms = try control.openChannels((0..<plan.rooms).map { "bench-room-\($0 + 1)" })
        channels = rooms
        for (room, channel) in rooms.enumerated() { roomOf[channel] = room }
    }

    private func load() throws {
        world.begin()
        let start = MonotonicClock.now()
        let end = start + UInt64(plan.seconds * 1e9)
        while true {
            let now = MonotonicClock.now()
            guard now < end else { break }
            while true {
                let due = start + UInt64(Double(sent) * 1e9 / plan.rate)
                guard due <= now, due < end else { break }
                post(due)
            }
            try world.turn(until: min(end, start + UInt64(Double(sent) * 1e9 / plan.rate)))
        }
        let (messages, delivered) = (Double(sent), Double(deliveries))
        let (seconds, server) = world.end()
        world.book.set("rooms", Double(plan.rooms))
        world.book.set("connections", Double(connections.count))
        world.book.set("messages_per_s", messages / seconds)
        world.book.set("deliveries_per_s", delivered / seconds)
        if let server {
            if messages > 0 { world.book.set("cpu_per_message", server / messages) }
            if delivered > 0 { world.book.set("cpu_per_delivery", server / delivered) }
        }
    }

    private func post(_ due: UInt64) {
        let room = sent % plan.rooms
        let counter = checkers[room].sent(by: 0, dueNanoseconds: due)
        Payload(run: runNumber + UInt32(room), publisher: 0, counter: counter, dueNanoseconds: due)
            .write(bytes: plan.payloadBytes, to: &text)
        let key = "\(String(runNumber, radix: 16))-\(room)-\(counter)"
        // A room's messages come from one connection, so that their order is theirs.
        let connection = connections[memberCount + room % plan.publishers]
        world.send(.post(channel: channels[room], key: key, text: text),
                   id: UInt32(Self.firstID + sent), on: connection)
        sent += 1
    }

    private func closeBooks() {
        for room in checkers.indices {
            checkers[room].finish()
            let faults = checkers[room].faults
            world.book.fault("lost", Int(faults.lost), "room \(room + 1)")
            world.book.fault("duplicates", Int(faults.duplicates), "room \(room + 1)")
            world.book.fault("reordered", Int(faults.reordered), "room \(room + 1)")
            world.book.fault("gaps", Int(faults.sequenceGaps), "room \(room + 1)")
            world.book.fault("damaged", Int(faults.damaged + faults.misplaced), "room \(room + 1)")
            world.book.fault("unanswered", Int(faults.unacknowledged), "room \(room + 1)")
            world.book.fault("refused", Int(faults.refused), "room \(room + 1)")
            world.book.fault("strayed", Int(checkers[room].foreign), "room \(room + 1)")
        }
    }

    // MARK: Connections

    package func connectionOpened(_ connection: WebSocketConnection) { world.hello(on: connection) }

    package func connection(_ connection: WebSocketConnection, received kind: MessageKind,
                            _ bytes: UnsafeRawBufferPointer) {
        world.decode(bytes) { take(&$0, bytes, connection, connection.readAt) }
    }

    private func take(_ frame: inout Inbound, _ bytes: UnsafeRawBufferPointer,
                      _ connection: WebSocketConnection, _ now: UInt64) {
        let slot = connection.slot
        let (room, member) = (slot / plan.members, slot % plan.members)
        switch frame.kind {
        case .welcome:
            if slot >= memberCount { readyCount += 1 } else {
                world.send(.subscribe(channel: channels[room], after: nil), id: 2, on: connection)
            }
        case .subscribed:
            readyCount += 1
            checkers[room].subscribed(member, after: frame.position.sequence)
        case .events where slot < memberCount:
            guard frame.withBytes(of: frame.channel, in: bytes, {
                $0.elementsEqual(channels[room].utf8)
            }) else { return world.book.fault("strayed", 1, "to a member of room \(room + 1)") }
            for event in frame.events where event.kind == .message {
                let index = frame.withBytes(of: event.text, in: bytes) {
                    checkers[room].delivered(to: member, sequence: event.sequence, text: $0, at: now)
                }
                guard let index else { continue }
                deliveries += 1
                world.book.record("delivery", now &- checkers[room].messages[index].dueNanoseconds)
            }
        case .posted:
            let place = Int(frame.id) - Self.firstID
            guard place >= 0, place < sent,
                  let index = checkers[place % plan.rooms].index(
                    of: UInt64(place / plan.rooms), by: 0) else { return }
            let due = checkers[place % plan.rooms].messages[index].dueNanoseconds
            checkers[place % plan.rooms].acknowledged(
                index, at: now, sequence: frame.position.sequence)
            world.book.record("ack", now &- due)
        case .error:
            let slug = frame.string(frame.slug, in: bytes)
            let place = Int(frame.id) - Self.firstID
            guard place >= 0, place < sent else { return world.fail("the hub answered \(slug)") }
            checkers[place % plan.rooms].refused(place / plan.rooms)
            world.book.warn("posts were refused: \(slug)")
        case .subscriptionEnded: world.fail("the hub ended a subscription")
        default: break
        }
    }

    package func connectionEnded(_ connection: WebSocketConnection, _ end: ConnectionEnd) {
        guard !isOver else { return }
        if readyCount < connections.count {
            return world.fail("connection \(connection.slot): \(end.text)")
        }
        world.book.fault("drops", 1, end.text)
    }
}
