// The header of a frame (RFC 6455 §5.2), which may come byte by byte. Every byte is judged as soon
// as it is there, so that a client hears of its mistake at the same point however its bytes were
// cut.

struct WebSocketHeader {
    struct Frame {
        var opcode: WebSocketOpcode
        var isFinal: Bool
        /// The message that begins here is compressed (RFC 7692 §6).
        var isDeflated: Bool
        var payloadBytes: UInt64
        /// The four bytes of the masking key as they lie in memory.
        var key: UInt32
    }

    /// RSV1 may mark the first frame of a message as compressed.
    let allowsDeflated: Bool
    /// Bytes that have come of a header that is not whole, and of a whole one until it is used.
    var count = 0
    private var bytes: (UInt64, UInt64) = (0, 0)

    init(allowsDeflated: Bool) { self.allowsDeflated = allowsDeflated }

    /// Takes header bytes from the front of `input`; true when the header is whole.
    mutating func take(
        _ input: inout UnsafeMutableRawBufferPointer
    ) throws(WebSocketFault) -> Bool {
        var used = 0
        defer { input = UnsafeMutableRawBufferPointer(rebasing: input[used...]) }
        while used < input.count {
            let stop = nextStop
            if count == stop { break }
            let size = min(stop - count, input.count - used)
            put(UnsafeRawBufferPointer(rebasing: input[used..<used + size]))
            used += size
            if count == stop { try check() }
        }
        return count == needed
    }

    /// How far the header goes that can be judged next: its first byte, its second, the length, the mask.
    private var nextStop: Int {
        if count < 2 { return count + 1 }
        let needed = needed
        let length = needed - 4
        return count < length ? length : needed
    }

    /// The header, once `take` said that it is whole.
    var frame: Frame {
        let at = needed - 4
        return Frame(
            opcode: WebSocketOpcode(rawValue: self[0] & 0x0F)!, isFinal: self[0] & 0x80 != 0,
            isDeflated: self[0] & 0x40 != 0, payloadBytes: payloadBytes,
            key: withUnsafeBytes(of: bytes) {
                $0.loadUnaligned(fromByteOffset: at, as: UInt32.self)
            })
    }

    /// How long the header is, as far as one can tell.
    private var needed: Int {
        guard count > 1 else { return 2 }
        return switch self[1] & 0x7F {
        case 126: 8
        case 127: 14
        default: 6
        }
    }

    private var payloadBytes: UInt64 {
        let short = UInt64(self[1] & 0x7F)
        guard short > 125 else { return short }
        return (2..<(short == 126 ? 4 : 10)).reduce(0) { $0 << 8 | UInt64(self[$1]) }
    }

    /// Judges what came last.
    private func check() throws(WebSocketFault) {
        switch count {
        case 1:
            if self[0] & 0x30 != 0 { throw .reservedBits }
            guard let opcode = WebSocketOpcode(rawValue: self[0] & 0x0F) else {
                throw self[0] & 0x40 != 0 ? .reservedBits : .reservedOpcode
            }
            if self[0] & 0x40 != 0, !allowsDeflated || opcode.isControl || opcode == .continuation {
                throw .reservedBits
            }
            if opcode.isControl, self[0] & 0x80 == 0 { throw .controlFragmented }
        case 2:
            if self[1] & 0x80 == 0 { throw .unmasked }
            if self[0] & 0x08 != 0, self[1] & 0x7F > 125 { throw .controlTooLong }
        case 4:
            if self[1] & 0x7F == 126, payloadBytes < 126 { throw .malformedLength }
        case 10:
            if self[1] & 0x7F == 127, payloadBytes <= 0xFFFF || payloadBytes >> 63 != 0 {
                throw .malformedLength
            }
        default:
            break
        }
    }

    private subscript(_ index: Int) -> UInt8 {
        withUnsafeBytes(of: bytes) { $0[index] }
    }

    private mutating func put(_ more: UnsafeRawBufferPointer) {
        let at = count
        withUnsafeMutableBytes(of: &bytes) {
            UnsafeMutableRawBufferPointer(rebasing: $0[at...]).copyMemory(from: more)
        }
        count += more.count
    }
}
