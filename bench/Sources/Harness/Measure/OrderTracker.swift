// Watches one counter as one subscriber sees it and says what is lost, double or out of order.
// Exact without remembering what was seen: it keeps only the next expected number and the holes
// before it.

package struct OrderTracker: Sendable {
    package enum Finding: Equatable, Sendable {
        case inOrder
        /// `missing` numbers before this one have not come (yet).
        case ahead(missing: UInt64)
        /// It fills a hole: others overtook it.
        case late
        case duplicate
    }

    package private(set) var next: UInt64
    private var holes: [Range<UInt64>] = []

    package init(next: UInt64) { self.next = next }

    package mutating func observe(_ number: UInt64) -> Finding {
        if number == next {
            next += 1
            return .inOrder
        }
        if number > next {
            let missing = number - next
            holes.append(next..<number)
            next = number + 1
            return .ahead(missing: missing)
        }
        guard let index = holes.lastIndex(where: { $0.contains(number) }) else {
            return .duplicate
        }
        let hole = holes.remove(at: index)
        if number + 1 < hole.upperBound { holes.insert(number + 1..<hole.upperBound, at: index) }
        if hole.lowerBound < number { holes.insert(hole.lowerBound..<number, at: index) }
        return .late
    }

    /// Numbers below `end` that never came.
    package func missing(before end: UInt64) -> UInt64 {
        holes.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) } + (end > next ? end - next : 0)
    }
}
