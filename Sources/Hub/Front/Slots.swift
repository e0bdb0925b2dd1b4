// The connections of one loop as a flat table: what fan-out and the sweep touch stands side by side in
// memory, by number, so that a delivery costs a few loads and stores and no reference count. What is
// seldom needed stands in Connection.

import Ports

/// Where a connection is in its life.
enum Phase: UInt8 {
    case free
    /// Speaks HTTP.
    case http
    /// Speaks WebSocket and has not been welcomed yet.
    case greeting
    /// Has an open session.
    case open
    /// The close frame is on its way; nothing is delivered any more.
    case closing
}

/// The part of a connection that every delivery touches: 48 bytes.
struct Slot {
    var descriptor: Int32 = -1
    /// Tells connections that had the same number apart.
    var generation: UInt32 = 0
    var phase = Phase.free
    var packaging = Packaging.json
    /// In the list of those to be written to at the end of the tick.
    var isDirty = false
    /// The socket takes no more now; what comes waits in the outbox.
    var isBlocked = false
    /// A ping is unanswered.
    var isPinged = false
    /// What was put in during this tick: first and last node of a list in `PendingFrames`; -1: nothing.
    var firstPending: Int32 = -1
    var lastPending: Int32 = -1
    /// Milliseconds of the loop's clock; 0: none.
    var deadline: UInt64 = 0
    var heardAt: UInt64 = 0
}

/// Slots by number, in memory that grows by doubling.
struct SlotTable: ~Copyable {
    private(set) var slots: UnsafeMutablePointer<Slot>
    private var capacity: Int
    /// Numbers at and above this have never been used.
    private(set) var count = 0
    private var free: [Int32] = []

    init() {
        capacity = 64
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: Slot(), count: capacity)
    }

    deinit { slots.deallocate() }

    @inline(__always)
    subscript(_ number: Int32) -> Slot {
        get { slots[Int(number)] }
        nonmutating _modify { yield &slots[Int(number)] }
    }

    mutating func take() -> Int32 {
        if let number = free.popLast() { return number }
        if count == capacity {
            let larger = UnsafeMutablePointer<Slot>.allocate(capacity: capacity * 2)
            larger.moveInitialize(from: slots, count: capacity)
            (larger + capacity).initialize(repeating: Slot(), count: capacity)
            slots.deallocate()
            slots = larger
            capacity *= 2
        }
        count += 1
        return Int32(count - 1)
    }

    mutating func release(_ number: Int32) {
        let generation = self[number].generation &+ 1
        self[number] = Slot()
        self[number].generation = generation
        free.append(number)
    }
}
