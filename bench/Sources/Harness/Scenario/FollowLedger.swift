// The books of followers that lose their connection and come back: what was posted and acknowledged, and
// what each follower saw, event by event. Without I/O, so that tests can cook books.

package struct FollowLedger {
    /// Broken promises by the names that scenarios give them.
    package private(set) var faults: [(name: String, example: String)] = []
    /// Position of each post that was acknowledged.
    package private(set) var acknowledged: [UInt64?] = []
    package private(set) var acknowledgedCount = 0
    /// Which post stands where, as the first follower that came by saw it.
    private var log: [UInt64: Int] = [:]
    private var next: [UInt64]
    private var epoch: [UInt64]
    private let run: UInt32
    private let payloadBytes: Int

    package init(run: UInt32, followers: Int, payloadBytes: Int) {
        self.run = run
        self.payloadBytes = payloadBytes
        next = Array(repeating: 0, count: followers)
        epoch = Array(repeating: 0, count: followers)
    }

    private mutating func fault(_ name: String, _ example: String) { faults.append((name, example)) }

    package var postedCount: Int { acknowledged.count }

    /// Returns the number of the new post.
    package mutating func posted() -> Int {
        acknowledged.append(nil)
        return acknowledged.count - 1
    }

    package mutating func acknowledged(_ post: Int, at sequence: UInt64) {
        if let known = acknowledged[post] {
            if known != sequence { fault("moved", "post \(post): \(known), then \(sequence)") }
            return
        }
        acknowledged[post] = sequence
        acknowledgedCount += 1
    }

    /// Where a follower stands, to resume from; `nil` before its first subscription.
    package func position(of follower: Int) -> Position? {
        next[follower] == 0 ? nil : Position(epoch: epoch[follower], sequence: next[follower] - 1)
    }

    /// The answer to a subscription: events follow behind `from`.
    package mutating func subscribed(_ follower: Int, from: Position, hasGap: Bool) {
        defer {
            next[follower] = from.sequence + 1
            epoch[follower] = from.epoch
        }
        guard next[follower] > 0 else { return }
        if hasGap {
            return fault("gaps", "follower \(follower) at \(next[follower] - 1): resumed with a gap")
        }
        guard from.sequence + 1 == next[follower], from.epoch == epoch[follower] else {
            return fault("skipped", "follower \(follower) resumes at \(from.sequence), not at "
                + "\(next[follower] - 1)")
        }
    }

    /// An event that a follower was given; `text` is `nil` for events that are no messages.
    package mutating func seen(by follower: Int, sequence: UInt64, text: UnsafeRawBufferPointer?) {
        if sequence < next[follower] {
            return fault("repeated", "follower \(follower): \(sequence) again")
        }
        if sequence > next[follower] {
            fault("skipped", "follower \(follower): \(next[follower]) to \(sequence - 1)")
        }
        next[follower] = sequence + 1
        guard let text else { return }
        guard text.count == payloadBytes, case .payload(let payload) = Payload.read(text),
              payload.run == run, payload.counter < UInt64(acknowledged.count)
        else { return fault("damaged", "follower \(follower): at \(sequence)") }
        let post = Int(payload.counter)
        if let known = log[sequence] {
            if known != post {
                fault("divergent", "follower \(follower): post \(post) at \(sequence), others "
                    + "have \(known)")
            }
        } else {
            log[sequence] = post
        }
    }

    /// Whether a follower has everything up to `sequence`.
    package func has(_ follower: Int, upTo sequence: UInt64) -> Bool { next[follower] > sequence }

    /// The last position that was acknowledged.
    package var head: UInt64 { acknowledged.compactMap { $0 }.max() ?? 0 }

    /// Closes the books: every post is answered, stands once, and where it was acknowledged.
    package mutating func finish() {
        var places: [Int: UInt64] = [:]
        for (sequence, post) in log.sorted(by: { $0.key < $1.key }) {
            if let first = places[post] {
                fault("duplicated", "post \(post) at \(first) and \(sequence)")
            }
            places[post] = sequence
        }
        for (post, sequence) in acknowledged.enumerated() {
            guard let sequence else {
                fault("unanswered", "post \(post)")
                continue
            }
            if let place = places[post] {
                if place != sequence {
                    fault("moved", "post \(post): acknowledged at \(sequence), seen at \(place)")
                }
            } else if !next.isEmpty {
                fault("lost", "post \(post), acknowledged at \(sequence), reached nobody")
            }
        }
        let head = head
        for follower in next.indices where next[follower] <= head {
            fault("lost", "follower \(follower) ends before \(next[follower]), the log at \(head)")
        }
    }
}
