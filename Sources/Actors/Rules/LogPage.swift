// A page of a log as its readers get it: an entry for every sequence, whatever the store has lost. A row that is
// missing becomes a damaged entry, so that a hole is shown where it is and stops nobody.

package import Model

package enum LogPage {
    /// The sequences of the newest `limit` entries below `end` (0: up to the head); `nil`: there are none.
    package static func before(_ end: UInt64, limit: Int, head: UInt64) -> ClosedRange<UInt64>? {
        let last = end == 0 ? head : min(end - 1, head)
        guard last > 0, limit > 0 else { return nil }
        return (last >= UInt64(limit) ? last - UInt64(limit) + 1 : 1)...last
    }

    /// Those of the oldest `limit` entries above `start`.
    package static func after(_ start: UInt64, limit: Int, head: UInt64) -> ClosedRange<UInt64>? {
        guard start < head, limit > 0 else { return nil }
        return start + 1...start + min(UInt64(limit), head - start)
    }

    /// Of a page that may have been cut short: up to the last row that was found. What is missing behind it, the next
    /// page shows; a page in which nothing was found is whole.
    package static func cut(_ sequences: ClosedRange<UInt64>, isForwards: Bool, found: [UInt64])
        -> ClosedRange<UInt64>
    {
        guard let first = found.first, let last = found.last else { return sequences }
        return isForwards
            ? sequences.lowerBound...max(sequences.lowerBound, min(sequences.upperBound, last))
            : min(sequences.upperBound, max(sequences.lowerBound, first))...sequences.upperBound
    }

    /// The entries of these sequences.
    /// - Parameter found: in order of their sequences; what lies outside is left out.
    package static func complete(_ found: [Event], _ sequences: ClosedRange<UInt64>) -> [Event] {
        // As it nearly always is. The order makes a hole in between impossible.
        if found.first?.sequence == sequences.lowerBound, found.last?.sequence == sequences.upperBound,
           found.count == sequences.count { return found }
        var page: [Event] = []
        page.reserveCapacity(sequences.count)
        var next = sequences.lowerBound
        for event in found where event.sequence >= next && event.sequence <= sequences.upperBound {
            while next < event.sequence {
                page.append(.damaged(next))
                next += 1
            }
            page.append(event)
            next += 1
        }
        while next <= sequences.upperBound {
            page.append(.damaged(next))
            next += 1
        }
        return page
    }
}
