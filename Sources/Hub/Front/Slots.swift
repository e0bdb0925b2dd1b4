// The connections of one loop as a flat table: what fan-out and the sweep touch stands side by side in
// memory, by number, so that a delivery costs a few loads and stores and no reference count. What is
// seldom needed stands in Connection.

import Ports

/// Where a connection is in its life.
enum Phase: UInt8 {
    case free
    /// Comes from a trusted proxy, whose header has not come yet.
    case proxied
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
    /// Speaks TLS: nothing goes to the socket as it is.
    var isEncrypted = false
    /// In the list of those to be written to at the end of the tick.
    var isDirty = false
    /// In the list of those that a fan-out has noted something for.
    var isFannedOut = false
    /// The socket takes no more now; what comes waits in the outbox.
    var isBlocked = false
    /// A ping is unanswered.
    var isPinged = false
    /// A part of a WebSocket message has come.
    var isReceiving = false
    /// The session has to hear when what was noted is written, or more is taken.
    var awaitsWrite = false
    /// What is to be written: first and last node of a list in `PendingFrames`; -1: nothing.
    var firstPending: Int32 = -1
    var lastPending: Int32 = -1
    /// Milliseconds of the loop's clock; 0: none.
    var deadline: UInt64 = 0
    var heardAt: UInt64 = 0
}

/// Slots by number, in memory that grows by doubling. What changes stands behind a pointer, so that who owns
/// a table has a constant: access to a variable of a class is checked each time, which costs more than the
/// access.
struct SlotTable: ~Copyable {
    private struct State {
        var slots: UnsafeMutablePointer<Slot>
        var capacity: Int
        var count = 0
        var free: [Int32] = []
    }
    private let state: UnsafeMutablePointer<State>

    init() {
        let capacity = 64
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
        slots.initialize(repeating: Slot(), count: capacity)
        state = .allocate(capacity: 1)
        state.initialize(to: State(slots: slots, capacity: capacity))
    }

    deinit {
        state.pointee.slots.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    @inline(__always) var slots: UnsafeMutablePointer<Slot> { state.pointee.slots }
    /// Numbers at and above this have never been used.
    var count: Int { state.pointee.count }

    @inline(__always)
    subscript(_ number: Int32) -> Slot {
        get { slots[Int(number)] }
        nonmutating _modify { yield &slots[Int(number)] }
    }

    func take() -> Int32 {
        if let number = state.pointee.free.popLast() { return number }
        let (count, capacity) = (state.pointee.count, state.pointee.capacity)
        if count == capacity {
            let larger = UnsafeMutablePointer<Slot>.allocate(capacity: capacity * 2)
            larger.moveInitialize(from: slots, count: capacity)
            (larger + capacity).initialize(repeating: Slot(), count: capacity)
            slots.deallocate()
            state.pointee.slots = larger
            state.pointee.capacity = capacity * 2
        }
        state.pointee.count = count + 1
        return Int32(count)
    }

    func release(_ number: Int32) {
        let generation = self[number].generation &+ 1
        self[number] = Slot()
        self[number].generation = generation
        state.pointee.free.append(number)
    }
}
