// Where writers put bytes before they are handed over: a buffer that grows, without the checks that
// an array makes for every append (a frame is written in some thirty pieces).

import Glibc

/// Owned by one writer; `finish` must be called exactly once.
struct ByteSink {
    // SAFETY: the writers make one, use it inside one call of `append`, and finish it there; copies
    // do not escape that call.
    private(set) var base: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private var capacity: Int

    /// - Parameter count: bytes at the beginning that are left to whoever takes the memory.
    init(skipping count: Int = 0, capacity: Int = 256) {
        self.count = count
        self.capacity = max(capacity, count)
        base = .allocate(capacity: self.capacity)
    }

    func finish(into bytes: inout [UInt8]) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: base, count: count))
        base.deallocate()
    }

    /// The memory itself, to be deallocated by the caller.
    func finish() -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base, count: count)
    }

    /// Room for `size` more bytes; `advance` says how many were written.
    @inline(__always)
    mutating func space(_ size: Int) -> UnsafeMutablePointer<UInt8> {
        if capacity - count < size { grow(size) }
        return base + count
    }

    @inline(__always)
    mutating func advance(_ size: Int) { count += size }

    @inline(__always)
    mutating func byte(_ byte: UInt8) {
        space(1).pointee = byte
        count += 1
    }

    mutating func bytes(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        memcpy(space(bytes.count), start, bytes.count)
        count += bytes.count
    }

    mutating func text(_ text: StaticString) {
        bytes(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func decimal(_ value: UInt64) {
        let widest = 20
        let at = space(widest)
        var rest = value
        var from = widest
        repeat {
            from -= 1
            at[from] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        memmove(at, at + from, widest - from)
        count += widest - from
    }

    /// Moves everything from `from` on by `size` bytes, to make room in front of it.
    mutating func shift(from: Int, by size: Int) {
        _ = space(size)
        memmove(base + from + size, base + from, count - from)
        count += size
    }

    @inline(never)
    private mutating func grow(_ size: Int) {
        let larger = max(capacity * 2, count + size)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        memcpy(moved, base, count)
        base.deallocate()
        base = moved
        capacity = larger
    }
}
