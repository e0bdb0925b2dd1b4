// Memory for what comes in pieces. Unlike an array it may be lent out across calls, and it gives
// large blocks back at once: thousands of idle connections must cost nothing.

struct LentBuffer: ~Copyable {
    /// A block up to this size is kept for the next message.
    private static let keptBytes = 1024

    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Holds until the next change.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    /// Appends `part` unmasked and returns where it lies now.
    @discardableResult
    mutating func append(
        _ part: UnsafeMutableRawBufferPointer, _ mask: inout WebSocketMask
    ) -> UnsafeRawBufferPointer {
        guard let source = part.baseAddress, !part.isEmpty else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        // Grows with what has come, never with what a header promises.
        reserve(count + part.count)
        let target = memory.baseAddress! + count
        mask.apply(from: UnsafeRawPointer(source), to: target, part.count)
        count += part.count
        return UnsafeRawBufferPointer(start: target, count: part.count)
    }

    mutating func clear() {
        count = 0
        if memory.count > Self.keptBytes { release() }
    }

    private mutating func reserve(_ needed: Int) {
        if needed <= memory.count { return }
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(needed, memory.count * 2, 128), alignment: 8)
        larger.copyMemory(from: bytes)
        memory.deallocate()
        memory = larger
    }

    private mutating func release() {
        memory.deallocate()
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    deinit { memory.deallocate() }
}
