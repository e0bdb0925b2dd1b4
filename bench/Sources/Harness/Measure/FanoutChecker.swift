// Decides whether every subscriber got every message once, in order and undamaged. Fed with what
// was sent, acknowledged and delivered; knows nothing of connections, so that tests can feed it
// faults.

package struct FanoutChecker {
    /// Counts of what must not happen; 0 everywhere in a good run.
    package struct Faults: Codable, Equatable, Sendable {
        /// Deliveries of acknowledged messages that never came, over all subscribers.
        package var lost: UInt64 = 0
        /// Deliveries beyond the first of the same message to the same subscriber.
        package var duplicates: UInt64 = 0
        /// Deliveries that others of the same publisher or later positions had overtaken.
        package var reordered: UInt64 = 0
        /// Positions of the channel that a subscriber never saw.
        package var sequenceGaps: UInt64 = 0
        /// Deliveries whose payload was not what was sent.
        package var damaged: UInt64 = 0
        /// Messages whose position differed between subscribers, or from the acknowledged one.
        package var misplaced: UInt64 = 0
        /// Posts without an answer by the end.
        package var unacknowledged: UInt64 = 0
        /// Posts answered with an error.
        package var refused: UInt64 = 0
        /// Connections that ended during the run.
        package var disconnected: UInt64 = 0

        enum CodingKeys: String, CodingKey {
            case lost, duplicates, reordered, damaged, misplaced, unacknowledged, refused
            case disconnected
            case sequenceGaps = "sequence_gaps"
        }

        package init() {}

        package var named: [(name: String, count: UInt64)] {
            [("lost", lost), ("duplicates", duplicates), ("reordered", reordered),
             ("sequence gaps", sequenceGaps), ("damaged", damaged), ("misplaced", misplaced),
             ("unacknowledged", unacknowledged), ("refused", refused),
             ("disconnected", disconnected)]
        }

        package var isClean: Bool { named.allSatisfy { $0.count == 0 } }
    }

    package struct Message {
        package var dueNanoseconds: UInt64 = 0
        package var acknowledgedAt: UInt64 = 0
        package var firstAt: UInt64 = 0
        package var lastAt: UInt64 = 0
        package var sequence: UInt64 = 0
        package var received: UInt32 = 0
        package var publisher: UInt32 = 0
        package var isRefused = false
    }

    package let subscribers: Int
    package let publishers: Int
    /// Without positions, everything sent is expected and order is that of each publisher.
    package let hasPositions: Bool
    /// Messages are answered.
    package let isAcknowledging: Bool
    /// Publisher `p` posts to channel `p % channels`.
    package let channels: Int
    package private(set) var messages: [Message] = []
    package private(set) var faults = Faults()
    /// Messages in the channel that this run did not send.
    package private(set) var foreign: UInt64 = 0
    package private(set) var deliveries: UInt64 = 0
    package private(set) var acknowledged = 0
    private let run: UInt32
    private let payloadBytes: Int
    /// Of each publisher, which messages are its.
    private var places: [[Int32]]
    private var perPublisher: [OrderTracker]
    private var perChannel: [OrderTracker?]

    package init(run: UInt32, subscribers: Int, publishers: Int, payloadBytes: Int,
                 hasPositions: Bool, isAcknowledging: Bool? = nil, channels: Int = 1,
                 messagesExpected: Int = 0) {
        self.isAcknowledging = isAcknowledging ?? hasPositions
        self.channels = channels
        places = Array(repeating: [], count: publishers)
        self.run = run
        self.subscribers = subscribers
        self.publishers = publishers
        self.payloadBytes = payloadBytes
        self.hasPositions = hasPositions
        messages.reserveCapacity(messagesExpected)
        perPublisher = Array(repeating: OrderTracker(next: 0), count: subscribers * publishers)
        perChannel = Array(repeating: nil, count: subscribers)
    }

    /// Where message `counter` of a publisher is in `messages`.
    package func index(of counter: UInt64, by publisher: Int) -> Int? {
        guard publisher < publishers, counter < UInt64(places[publisher].count) else { return nil }
        return Int(places[publisher][Int(counter)])
    }

    package mutating func subscribed(_ subscriber: Int, after sequence: UInt64) {
        perChannel[subscriber] = OrderTracker(next: sequence + 1)
    }

    /// Returns the message's number among those of its publisher.
    @discardableResult
    package mutating func sent(by publisher: Int, dueNanoseconds: UInt64) -> UInt64 {
        var message = Message()
        message.dueNanoseconds = dueNanoseconds
        message.publisher = UInt32(publisher)
        places[publisher].append(Int32(messages.count))
        messages.append(message)
        return UInt64(places[publisher].count - 1)
    }

    package mutating func acknowledged(_ index: Int, at now: UInt64, sequence: UInt64) {
        guard messages[index].acknowledgedAt == 0 else { return }
        messages[index].acknowledgedAt = now
        acknowledged += 1
        if hasPositions { place(index, sequence) }
    }

    package mutating func refused(_ index: Int) {
        guard !messages[index].isRefused else { return }
        messages[index].isRefused = true
        faults.refused += 1
    }

    package mutating func disconnected() { faults.disconnected += 1 }

    private mutating func place(_ index: Int, _ sequence: UInt64) {
        if messages[index].sequence == 0 {
            messages[index].sequence = sequence
        } else if messages[index].sequence != sequence {
            faults.misplaced += 1
        }
    }

    /// An event of the channel at `sequence` (0 where there are no positions); `text` is `nil` for
    /// events that are no messages. Returns the message's index when this is its first copy for the
    /// subscriber.
    package mutating func delivered(to subscriber: Int, sequence: UInt64,
                                    text: UnsafeRawBufferPointer?, at now: UInt64) -> Int? {
        var isOvertaken = false
        if hasPositions {
            switch perChannel[subscriber]?.observe(sequence) {
            case .duplicate:
                faults.duplicates += 1
                return nil
            case .late:
                faults.reordered += 1
                isOvertaken = true
            case .inOrder, .ahead, nil: break
            }
        }
        guard let text, let (payload, index) = read(text) else { return nil }
        switch perPublisher[subscriber * publishers + payload.publisher].observe(payload.counter) {
        case .inOrder, .ahead: break
        case .late: if !isOvertaken { faults.reordered += 1 }
        case .duplicate:
            faults.duplicates += 1
            return nil
        }
        deliveries += 1
        if hasPositions { place(index, sequence) }
        messages[index].received += 1
        if messages[index].firstAt == 0 { messages[index].firstAt = now }
        messages[index].lastAt = now
        return index
    }

    private mutating func read(_ bytes: UnsafeRawBufferPointer) -> (Payload, Int)? {
        let payload: Payload
        switch Payload.read(bytes) {
        case .foreign:
            foreign += 1
            return nil
        case .damaged:
            faults.damaged += 1
            return nil
        case .payload(let value): payload = value
        }
        guard payload.run == run else {
            foreign += 1
            return nil
        }
        guard bytes.count == payloadBytes, let index = index(of: payload.counter, by: payload.publisher),
              messages[index].dueNanoseconds == payload.dueNanoseconds
        else {
            faults.damaged += 1
            return nil
        }
        return (payload, index)
    }

    /// Everything that was sent is answered, and what was acknowledged is everywhere.
    package var isComplete: Bool {
        guard !isAcknowledging || acknowledged + Int(faults.refused) >= messages.count else {
            return false
        }
        guard hasPositions else { return deliveries >= UInt64(messages.count * subscribers) }
        return deliveries >= UInt64(acknowledged * subscribers)
    }

    /// Closes the books.
    package mutating func finish() {
        var highest: UInt64 = 0
        for message in messages {
            let isExpected = !hasPositions || message.acknowledgedAt > 0
            if isExpected { faults.lost += UInt64(subscribers) - UInt64(message.received) }
            if isAcknowledging, message.acknowledgedAt == 0, !message.isRefused {
                faults.unacknowledged += 1
            }
            highest = max(highest, message.sequence)
        }
        for case let tracker? in perChannel where hasPositions {
            faults.sequenceGaps += tracker.missing(before: highest + 1)
        }
        if hasPositions { comparePositions() }
    }

    /// No two messages of a channel have one position, and each publisher's are in its order (which
    /// subscribers see, where there are any).
    private mutating func comparePositions() {
        var taken: [Set<UInt64>] = Array(repeating: [], count: channels)
        for (publisher, indices) in places.enumerated() {
            var last: UInt64 = 0
            for index in indices where messages[Int(index)].acknowledgedAt > 0 {
                let sequence = messages[Int(index)].sequence
                if !taken[publisher % channels].insert(sequence).inserted { faults.misplaced += 1 }
                if subscribers == 0, sequence < last { faults.reordered += 1 }
                last = max(last, sequence)
            }
        }
    }

    /// Received ÷ expected, of everything sent: 1 when every subscriber got every message. Without
    /// subscribers, acknowledged ÷ sent.
    package var reach: Double {
        if subscribers == 0 {
            return messages.isEmpty ? 0 : Double(acknowledged) / Double(messages.count)
        }
        let expected = messages.count * subscribers
        return expected == 0 ? 0 : Double(deliveries) / Double(expected)
    }
}
