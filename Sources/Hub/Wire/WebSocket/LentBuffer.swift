// Memory for what comes in pieces. Unlike an array it may be lent out across calls, and it gives
// large blocks back at once, to the system: thousands of connections must cost nothing when what they held is gone.

import Glibc

struct LentBuffer: ~Copyable {
    /// A block up to this size is kept for the next message.
    private static let keptBytes = 1024
    /// Larger blocks are mapped. Blocks of an allocator lie between others and stay with the process.
    private static let allocatedBytesMax = 32 << 10

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
        let larger = Self.block(needed <= Self.allocatedBytesMax
            ? min(max(needed, memory.count * 2, 128), Self.allocatedBytesMax)
            // What is held is counted by what has come, so no more than a quarter is added.
            : (needed + needed / 4 + 4_095) & ~4_095)
        larger.copyMemory(from: bytes)
        Self.giveBack(memory)
        memory = larger
    }

    private static func block(_ size: Int) -> UnsafeMutableRawBufferPointer {
        guard size > allocatedBytesMax else { return .allocate(byteCount: size, alignment: 8) }
        let start = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start, start != MAP_FAILED else { preconditionFailure("no memory") }
        return UnsafeMutableRawBufferPointer(start: start, count: size)
    }

    private static func giveBack(_ block: UnsafeMutableRawBufferPointer) {
        if block.count > allocatedBytesMax {
            munmap(block.baseAddress!, block.count)
        } else {
            block.deallocate()
        }
    }

    private mutating func release() {
        Self.giveBack(memory)
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    deinit { Self.giveBack(memory) }
}
