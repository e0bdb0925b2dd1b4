// Warnings that would come with every command while the store does not work: a line each time is no use to anybody, and
// fills the disk. Of each kind there is one in a while, with how many were left out.

import Model
import Ports

final class Complaints: Sendable {
    /// Between two lines of a kind.
    static let pauseNanoseconds: UInt64 = 10_000_000_000
    /// Kinds are words of ours, so there are few.
    private let said = Lock<[ExactText: (at: MonotonicNanoseconds, since: UInt64)]>([:])

    func warn(_ text: StaticString, _ channel: ChannelID, _ why: String, _ surroundings: Surroundings) {
        let now = surroundings.clocks.monotonic()
        let before: UInt64? = said.withLock { said in
            let kind = ExactText("\(text) \(why)")
            guard let last = said[kind] else {
                said[kind] = (now, 0)
                return 0
            }
            if now.value < last.at.value + Self.pauseNanoseconds {
                said[kind] = (last.at, last.since + 1)
                return nil
            }
            said[kind] = (now, 0)
            return last.since
        }
        guard let before else { return }
        surroundings.log.warning(text, .id("channel", channel), .word("why", why), .number("unsaid", before))
    }
}
