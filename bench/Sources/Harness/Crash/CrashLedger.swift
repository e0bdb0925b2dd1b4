// The books of a crash run: what was posted, what was acknowledged where, what each subscriber saw,
// and the audit against the log as it stands at the end. Without I/O, so that tests can cook books.

/// An entry of a channel's log, from an event or a page of history.
package struct LogEntry: Equatable, Sendable {
    package var sequence: UInt64
    package var id: String
    package var key: String
    /// `nil` for events that are no messages.
    package var text: [UInt8]?

    package init(sequence: UInt64, id: String, key: String, text: [UInt8]?) {
        self.sequence = sequence
        self.id = id
        self.key = key
        self.text = text
    }
}

package struct CrashLedger {
    /// Counts of broken promises; 0 everywhere in a good run.
    package struct Violations: Codable, Equatable, Sendable {
        /// Acknowledged, but not in the log.
        package var lost = 0
        /// Acknowledged, but elsewhere in the log or as another event.
        package var moved = 0
        /// In the log more than once.
        package var duplicated = 0
        /// In the log before an earlier post of the same publisher.
        package var disordered = 0
        /// In the log, but not as it was posted.
        package var damaged = 0
        /// Sequences missing in the log.
        package var logGaps = 0
        /// An epoch other than the channel began with.
        package var epochs = 0
        /// Never acknowledged although everything had time to recover.
        package var unanswered = 0
        /// Delivered again to a subscriber that had said it had it.
        package var repeated = 0
        /// Delivered with a hole before it, or a resume that began elsewhere than asked.
        package var skipped = 0
        /// Subscribers whose events differ from the log, or end before it.
        package var divergent = 0
        /// Resumes that were answered with a gap.
        package var gaps = 0
        /// Rounds after which the world took longer to recover than it may.
        package var late = 0
        /// Power cuts after which the world did not come back.
        package var unrecovered = 0

        package init() {}

        enum CodingKeys: String, CodingKey {
            case lost, moved, duplicated, disordered, damaged, epochs, unanswered, repeated, skipped
            case divergent, gaps, late, unrecovered
            case logGaps = "log_gaps"
        }

        package var named: [(name: String, count: Int)] {
            [("acknowledged posts lost", lost), ("acknowledged posts moved", moved),
             ("posts duplicated", duplicated), ("posts out of their publisher's order", disordered),
             ("posts damaged", damaged), ("sequences missing in the log", logGaps),
             ("changes of epoch", epochs), ("posts never acknowledged", unanswered),
             ("events delivered again", repeated), ("events skipped", skipped),
             ("subscribers that differ from the log", divergent),
             ("resumes refused with a gap", gaps), ("recoveries too late", late),
             ("power cuts without recovery", unrecovered)]
        }

        package var total: Int { named.reduce(0) { $0 + $1.count } }

        static func += (sum: inout Violations, other: Violations) {
            for path in all { sum[keyPath: path] += other[keyPath: path] }
        }

        static var all: [WritableKeyPath<Violations, Int>] {
            [\.lost, \.moved, \.duplicated, \.disordered, \.damaged, \.logGaps, \.epochs,
             \.unanswered, \.repeated, \.skipped, \.divergent, \.gaps, \.late, \.unrecovered]
        }
    }

    /// Broken promises, and the first few of them in words.
    package struct Findings: Sendable {
        package private(set) var violations = Violations()
        package private(set) var examples: [String] = []

        package init() {}

        package mutating func add(_ path: WritableKeyPath<Violations, Int>, _ text: String) {
            violations[keyPath: path] += 1
            note(text)
        }

        /// Takes over what was found in another world, of which `name` says which.
        package mutating func add(_ other: Findings, of name: String? = nil) {
            violations += other.violations
            for text in other.examples { note(name.map { "\($0): \(text)" } ?? text) }
        }

        private mutating func note(_ text: String) {
            if examples.count < 20 { examples.append(text) }
        }
    }

    package struct Post: Sendable {
        package var channel: Int
        package var position: Position?
        package var eventID = ""
        /// It was refused and sent again, perhaps behind later ones.
        package var wasDelayed = false
    }

    /// What one subscriber has of one channel.
    package struct View: Sendable {
        package var position: Position
        package var events = 0
        /// Over sequence and id of every event, in the order they came.
        package var digest: UInt64 = CrashLedger.emptyDigest
    }

    package static let emptyDigest: UInt64 = 0xCBF2_9CE4_8422_2325

    package let run: UInt32
    package private(set) var posts: [[Post]]
    package private(set) var views: [[View]]
    package private(set) var findings = Findings()
    package private(set) var acknowledged = 0
    /// Acknowledgements that said the post had been there before: retries that were needless.
    package private(set) var duplicateAcknowledgements = 0
    package let starts: [Position]

    /// - Parameter starts: where each channel's log stood when the run began.
    package init(run: UInt32, publishers: Int, subscribers: Int, starts: [Position]) {
        self.run = run
        self.starts = starts
        posts = Array(repeating: [], count: publishers)
        views = Array(repeating: starts.map { View(position: $0) }, count: subscribers)
    }

    package var violations: Violations { findings.violations }

    private mutating func violation(_ path: WritableKeyPath<Violations, Int>, _ text: String) {
        findings.add(path, text)
    }

    /// The same books for clients that go on in another world, whose findings are its own.
    package func withoutFindings() -> CrashLedger {
        var copy = self
        copy.findings = Findings()
        return copy
    }

    /// Posts of `later` books that these do not know were sent, and nobody knows what became of them.
    package mutating func takeOverPosts(of later: CrashLedger) {
        for publisher in posts.indices {
            let known = posts[publisher].count
            posts[publisher] += later.posts[publisher][known...].map { Post(channel: $0.channel) }
            for counter in posts[publisher].indices where later.posts[publisher][counter].wasDelayed {
                posts[publisher][counter].wasDelayed = true
            }
        }
    }

    package mutating func posted(by publisher: Int, to channel: Int) -> Int {
        posts[publisher].append(Post(channel: channel))
        return posts[publisher].count - 1
    }

    package mutating func delayed(_ publisher: Int, _ counter: Int) {
        posts[publisher][counter].wasDelayed = true
    }

    package func key(_ publisher: Int, _ counter: Int) -> String {
        "\(String(run, radix: 16))-\(publisher)-\(counter)"
    }

    package mutating func acknowledged(_ publisher: Int, _ counter: Int, at position: Position,
                                       eventID: String, isDuplicate: Bool) {
        if isDuplicate { duplicateAcknowledgements += 1 }
        if let before = posts[publisher][counter].position {
            if before != position || posts[publisher][counter].eventID != eventID {
                violation(\.moved,
                    "\(key(publisher, counter)) was acknowledged at \(before.sequence) "
                    + "and then at \(position.sequence)")
            }
            return
        }
        acknowledged += 1
        posts[publisher][counter].position = position
        posts[publisher][counter].eventID = eventID
    }

    /// A subscriber resumed after its position and the hub said where its stream begins.
    package mutating func resumed(_ subscriber: Int, _ channel: Int, from: Position, hasGap: Bool) {
        let view = views[subscriber][channel]
        if hasGap {
            violation(\.gaps, "subscriber \(subscriber) got a gap behind \(view.position.sequence)")
        } else if from != view.position {
            violation(\.skipped, "subscriber \(subscriber) asked for what follows "
                + "\(view.position.sequence) and got what follows \(from.sequence)")
        }
    }

    /// An event reached a subscriber.
    package mutating func seen(by subscriber: Int, in channel: Int, epoch: UInt64, sequence: UInt64,
                               id: UnsafeRawBufferPointer) {
        let position = views[subscriber][channel].position
        if epoch != position.epoch {
            return violation(\.epochs,
                "subscriber \(subscriber): epoch \(epoch), not \(position.epoch)")
        }
        if sequence <= position.sequence {
            return violation(\.repeated, "subscriber \(subscriber) got \(sequence) again")
        }
        if sequence > position.sequence + 1 {
            violation(\.skipped,
                "subscriber \(subscriber): \(sequence) follows \(position.sequence)")
        }
        views[subscriber][channel].position.sequence = sequence
        views[subscriber][channel].events += 1
        views[subscriber][channel].digest = Self.digest(
            views[subscriber][channel].digest, sequence, id)
    }

    static func digest(_ state: UInt64, _ sequence: UInt64,
                       _ id: UnsafeRawBufferPointer) -> UInt64 {
        var state = (state ^ sequence) &* 0x100_0000_01B3
        for byte in id { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return state
    }

    /// Posts without an answer.
    package var unanswered: Int { posts.reduce(0) { $0 + $1.count } - acknowledged }

    /// Counters of a publisher's posts without an answer, oldest first.
    package func unanswered(of publisher: Int) -> [Int] {
        posts[publisher].indices.filter { posts[publisher][$0].position == nil }
    }

    /// Compares everything with the log of each channel, read from `starts` to its end.
    package mutating func audit(_ logs: [(epoch: UInt64, entries: [LogEntry])]) {
        var places: [String: Position] = [:]
        var ids: [String: String] = [:]
        for (channel, log) in logs.enumerated() {
            auditLog(channel, log.epoch, log.entries, &places, &ids)
            auditViews(channel, log.entries)
        }
        for publisher in posts.indices {
            for counter in posts[publisher].indices {
                auditPost(publisher, counter, places, ids)
            }
        }
    }

    private mutating func auditLog(_ channel: Int, _ epoch: UInt64, _ entries: [LogEntry],
                                   _ places: inout [String: Position],
                                   _ ids: inout [String: String]) {
        if epoch != starts[channel].epoch {
            violation(\.epochs,
                "channel \(channel) is in epoch \(epoch), not \(starts[channel].epoch)")
        }
        var next = starts[channel].sequence + 1
        var latest: [Int: Int] = [:]
        for entry in entries {
            if entry.sequence != next {
                violation(\.logGaps,
                    "channel \(channel): \(entry.sequence) stands where \(next) should")
            }
            next = entry.sequence + 1
            guard let text = entry.text else { continue }
            let reading = text.withUnsafeBytes { Payload.read($0) }
            guard case .payload(let payload) = reading, payload.run == run,
                  payload.publisher < posts.count,
                  payload.counter < UInt64(posts[payload.publisher].count),
                  entry.key == key(payload.publisher, Int(payload.counter)),
                  posts[payload.publisher][Int(payload.counter)].channel == channel
            else {
                violation(\.damaged,
                    "channel \(channel): \(entry.sequence) is not as it was posted")
                continue
            }
            if places[entry.key] != nil {
                violation(\.duplicated,
                    "\(entry.key) stands at \(places[entry.key]!.sequence) and at "
                    + "\(entry.sequence)")
                continue
            }
            places[entry.key] = Position(epoch: epoch, sequence: entry.sequence)
            ids[entry.key] = entry.id
            let counter = Int(payload.counter)
            let wasDelayed = posts[payload.publisher][counter].wasDelayed
            if let before = latest[payload.publisher], before > counter, !wasDelayed {
                violation(\.disordered,
                    "\(entry.key) stands behind post \(before) of its publisher")
            }
            latest[payload.publisher] = max(latest[payload.publisher] ?? 0, counter)
        }
    }

    private mutating func auditViews(_ channel: Int, _ entries: [LogEntry]) {
        var digest = Self.emptyDigest
        for entry in entries {
            var id = entry.id
            digest = id.withUTF8 { Self.digest(digest, entry.sequence, UnsafeRawBufferPointer($0)) }
        }
        for subscriber in views.indices {
            let view = views[subscriber][channel]
            if view.digest != digest || view.events != entries.count {
                violation(\.divergent,
                    "subscriber \(subscriber) saw \(view.events) events of channel "
                    + "\(channel), whose log has \(entries.count)")
            }
        }
    }

    private mutating func auditPost(_ publisher: Int, _ counter: Int, _ places: [String: Position],
                                    _ ids: [String: String]) {
        let post = posts[publisher][counter]
        let key = key(publisher, counter)
        guard let acknowledged = post.position else {
            return violation(\.unanswered, "\(key) was never acknowledged")
        }
        guard let place = places[key] else {
            return violation(\.lost,
                "\(key), acknowledged at \(acknowledged.sequence), is not there")
        }
        if place != acknowledged || ids[key] != post.eventID {
            violation(\.moved, "\(key), acknowledged at \(acknowledged.sequence), "
                + "stands at \(place.sequence)")
        }
    }
}
