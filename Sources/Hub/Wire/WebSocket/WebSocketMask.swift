// Masking (RFC 6455 §5.3): the same operation both ways, eight bytes at a time.

/// The mask of one frame and how far into it the payload has come.
struct WebSocketMask {
    /// The four bytes of the key, twice, in the order of memory, turned so that the next payload
    /// byte meets the first.
    private var word: UInt64 = 0

    init() {}

    /// `key` is the four bytes as they lie in memory.
    init(key: UInt32) {
        word = UInt64(key) << 32 | UInt64(key)
    }

    /// Unmasks the next bytes of the frame where they lie.
    mutating func apply(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        apply(from: UnsafeRawPointer(base), to: base, bytes.count)
    }

    /// Unmasks the next `count` bytes of the frame into `target`, which is `source` or does not
    /// touch it.
    @inline(__always)
    mutating func apply(
        from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, _ count: Int
    ) {
        var index = 0
        while index + 8 <= count {
            let value = source.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ word
            target.storeBytes(of: value, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        let rest = count - index
        if rest == 0 { return }
        withUnsafeBytes(of: word) { mask in
            for place in 0..<rest {
                let byte = source.load(fromByteOffset: index + place, as: UInt8.self) ^ mask[place]
                target.storeBytes(of: byte, toByteOffset: index + place, as: UInt8.self)
            }
        }
        // Little endian: the first byte in memory is the lowest.
        let bits = UInt64(rest & 3) * 8
        if bits != 0 { word = word >> bits | word << (64 - bits) }
    }
}
