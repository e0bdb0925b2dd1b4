// What is to be written: which connection gets which frames, the memory in which the
// frames of one connection are joined, and the batch of sends.

import Loop
import Ports

/// The frames to be written, and which connection gets which: lists threaded through one array. Emptied
/// by every flush that writes all; its memory is kept.
struct PendingFrames: ~Copyable {
    struct Node {
        let frame: Int32
        var next: Int32
    }
    private var frames: [EncodedFrame] = []
    private(set) var nodes: [Node] = []
    var count: Int { nodes.count }

    /// What joined frames may take. More are written piece by piece.
    private static let joinedBytesMax = 1 << 20
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: joinedBytesMax, alignment: 16)
    private var memoryUsed = 0
    /// The last list that was joined, and its bytes.
    private var lastFirst: Int32 = -1
    private var lastJoined = UnsafeRawBufferPointer(start: nil, count: 0)

    init() {}
    deinit { memory.deallocate() }

    mutating func add(_ frame: EncodedFrame) -> Int32 {
        frames.append(frame)
        return Int32(frames.count - 1)
    }

    subscript(frame number: Int32) -> EncodedFrame { frames[Int(number)] }
    func frame(of node: Int32) -> EncodedFrame { frames[Int(nodes[Int(node)].frame)] }

    /// Puts frame number `frame` behind what the slot has pending.
    @inline(__always)
    mutating func append(_ frame: Int32, to slot: inout Slot) {
        let node = Int32(truncatingIfNeeded: nodes.count)
        nodes.append(Node(frame: frame, next: -1))
        if slot.lastPending >= 0 {
            nodes[Int(slot.lastPending)].next = node
        } else {
            slot.firstPending = node
        }
        slot.lastPending = node
    }

    mutating func append(_ frame: EncodedFrame, to slot: inout Slot) { append(add(frame), to: &slot) }

    /// The bytes of a list of frames in one piece, which stays until `forgetJoined`; subscribers of one channel
    /// mostly have the same list, and share it. `nil`: too much.
    @inline(__always)
    mutating func joined(from first: Int32) -> UnsafeRawBufferPointer? {
        nodes[Int(first)].next < 0 ? frame(of: first).bytes : joinedSeveral(from: first)
    }

    private mutating func joinedSeveral(from first: Int32) -> UnsafeRawBufferPointer? {
        if lastFirst >= 0, isSame(first, lastFirst) { return lastJoined }
        var size = 0
        var node = first
        while node >= 0 {
            size += frame(of: node).bytes.count
            node = nodes[Int(node)].next
        }
        guard memoryUsed + size <= memory.count else { return nil }
        let start = memoryUsed
        node = first
        while node >= 0 {
            let bytes = frame(of: node).bytes
            UnsafeMutableRawBufferPointer(rebasing: memory[memoryUsed...]).copyMemory(from: bytes)
            memoryUsed += bytes.count
            node = nodes[Int(node)].next
        }
        lastFirst = first
        lastJoined = UnsafeRawBufferPointer(rebasing: memory[start..<memoryUsed])
        return lastJoined
    }

    private func isSame(_ one: Int32, _ other: Int32) -> Bool {
        var (one, other) = (one, other)
        while one >= 0, other >= 0 {
            guard nodes[Int(one)].frame == nodes[Int(other)].frame else { return false }
            (one, other) = (nodes[Int(one)].next, nodes[Int(other)].next)
        }
        return one < 0 && other < 0
    }

    mutating func reset() {
        frames.removeAll(keepingCapacity: frames.count < 4_096)
        nodes.removeAll(keepingCapacity: nodes.count < 1 << 18)
        forgetJoined()
    }

    /// The memory of joined frames may be used again; the frames stay.
    mutating func forgetJoined() {
        memoryUsed = 0
        lastFirst = -1
    }
}

/// Sends that go out together, and for whom each is.
struct SendBatch: ~Copyable {
    private struct Entry {
        let number: Int32
        let first: Int32
        let size: Int
    }
    private var ring: SendRing?
    private var entries: [Entry] = []
    let isAvailable: Bool

    /// On the loop's thread.
    init(usesRing: Bool) {
        ring = usesRing ? SendRing() : nil
        isAvailable = ring != nil
    }

    var isEmpty: Bool { entries.isEmpty }
    var isFull: Bool { entries.count == SendRing.sendsMax }

    /// The memory must stay until `submit`.
    /// - Parameter first: the connection's first node in `PendingFrames`.
    @inline(__always)
    mutating func add(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, number: Int32, first: Int32) {
        ring!.add(descriptor, bytes.baseAddress!, bytes.count, tag: entries.count)
        entries.append(Entry(number: number, first: first, size: bytes.count))
    }

    /// - Parameter incomplete: is told of each connection that did not take all: its number, its first node,
    ///   how much there was and how much it took; negative when it is gone.
    mutating func submit(_ incomplete: (_ number: Int32, _ first: Int32, _ size: Int, _ sent: Int) -> Void) {
        ring!.submit { tag, sent in
            incomplete(entries[tag].number, entries[tag].first, entries[tag].size, sent)
        }
        entries.removeAll(keepingCapacity: true)
    }
}
