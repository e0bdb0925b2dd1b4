// Timers of one loop, ordered by when they are due; of equal ones the earlier set comes first.

struct TimerHeap {
    private struct Entry {
        let due: UInt64
        let order: UInt64
        let job: @Sendable () -> Void
        func isBefore(_ other: Entry) -> Bool {
            due != other.due ? due < other.due : order < other.order
        }
    }
    private var heap: [Entry] = []
    private var count: UInt64 = 0

    /// In nanoseconds of the loop's clock.
    var nextDue: UInt64? { heap.first?.due }

    /// Whether the new one is the next one.
    mutating func add(due: UInt64, _ job: @escaping @Sendable () -> Void) -> Bool {
        count += 1
        heap.append(Entry(due: due, order: count, job: job))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
        return child == 0
    }

    mutating func take(dueBy now: UInt64) -> (@Sendable () -> Void)? {
        guard let first = heap.first, first.due <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return first.job
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].isBefore(heap[least]) { least = child }
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
