// What a connection reads, piece by piece, for the targets whose parsers keep state between reads. All
// pieces lie side by side in one block, and AddressSanitizer is told that only the one in hand may be
// touched: an access beyond it, or to one that was given back, ends the run. (A block for each piece
// would do the same, at a hundred times the cost.)

@_silgen_name("__asan_poison_memory_region")
private func forbid(_ start: UnsafeRawPointer, _ count: Int)
@_silgen_name("__asan_unpoison_memory_region")
private func permit(_ start: UnsafeRawPointer, _ count: Int)

/// How an input is cut into reads, chosen by three bits of it.
enum Cut {
    case nowhere
    case every(Int)
    case random(UInt32)

    /// Half of the inputs are not cut, and cost one parse only. `number`: 0…7.
    init(_ number: UInt8, seed: UInt8) {
        switch number {
        case 4: self = .every(1)
        case 5: self = .every(2 + Int(seed & 15))
        case 6, 7: self = .random(UInt32(seed) &* 2_654_435_761 | 1)
        default: self = .nowhere
        }
    }
}

struct Pieces: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer
    private var cut: Cut
    private var start = 0

    init(_ bytes: UnsafeRawBufferPointer, _ cut: Cut) {
        memory = .allocate(byteCount: bytes.count + 1, alignment: 16)
        memory.copyMemory(from: bytes)
        self.cut = cut
        forbid(memory.baseAddress!, memory.count)
    }

    deinit {
        permit(memory.baseAddress!, memory.count)
        memory.deallocate()
    }

    /// The next read, until the one after it; `nil` at the end.
    mutating func next() -> UnsafeMutableRawBufferPointer? {
        let left = memory.count - 1 - start
        guard left > 0 else { return nil }
        let count = min(left, pieceBytes(left))
        let base = memory.baseAddress!
        forbid(base, start)
        permit(base + start, count)
        defer { start += count }
        return UnsafeMutableRawBufferPointer(start: base + start, count: count)
    }

    private mutating func pieceBytes(_ left: Int) -> Int {
        switch cut {
        case .nowhere: return left
        case .every(let count): return count
        case .random(var state):
            state = state &* 1_664_525 &+ 1_013_904_223
            cut = .random(state)
            return Int(state >> 24) % (1 << Int(state >> 20 & 7)) + 1
        }
    }
}

/// What came out of a parser, as a number to compare: nothing is kept of it.
struct Digest {
    private var hasher = Hasher()
    private(set) var count = 0

    /// The next thing that came, with what kind of thing it is.
    mutating func add(_ kind: Int, _ number: Int = 0) {
        count += 1
        hasher.combine(kind)
        hasher.combine(number)
    }
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        hasher.combine(bytes.count)
        hasher.combine(bytes: bytes)
    }
    mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }
    var value: Int { hasher.finalize() }
}
