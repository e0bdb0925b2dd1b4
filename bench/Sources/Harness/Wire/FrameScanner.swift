// Finds WebSocket messages in bytes as they arrive (RFC 6455 §5), from the client's side. Without
// I/O. A message that lies whole in the bytes given is handed out in place; only what is cut by the
// end of a read is copied. Leaves out UTF-8 checks, which the payload's checksum makes needless.

package enum FrameError: Error, Equatable {
    case maskedByServer
    case reservedBits
    case notDeflated
    case unknownOpcode(UInt8)
    case badControlFrame
    case unexpectedContinuation
    case interruptedMessage
    case tooLarge(UInt64)
}

package enum MessageKind: UInt8, Sendable {
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10
}

package struct FrameScanner {
    /// Longest message taken from the server.
    package static let messageBytesMax: UInt64 = 64 << 20

    private var carried: [UInt8] = []
    private var fragments: [UInt8] = []
    private var fragmentKind: MessageKind?
    /// For compressed messages; nil when they were not agreed on. Only whole ones are understood.
    private let inflater: MessageInflater?

    package init(inflater: MessageInflater? = nil) { self.inflater = inflater }

    /// Bytes of incomplete messages that are held.
    package var bytesHeld: Int { carried.count + fragments.count }

    /// Takes what was read and calls `each` for every message that is complete, in order. The bytes
    /// it gets are valid during the call only.
    package mutating func scan(
        _ bytes: UnsafeRawBufferPointer,
        _ each: (MessageKind, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        if carried.isEmpty {
            let used = try consume(bytes, each)
            if used < bytes.count {
                carried.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[used...]))
            }
            return
        }
        carried.append(contentsOf: bytes)
        var whole: [UInt8] = []
        swap(&whole, &carried)
        let used = try whole.withUnsafeBytes { try consume($0, each) }
        whole.removeSubrange(..<used)
        if !whole.isEmpty || whole.capacity <= 65_536 { swap(&whole, &carried) }
    }

    private mutating func consume(
        _ bytes: UnsafeRawBufferPointer,
        _ each: (MessageKind, UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        var position = 0
        while let header = try Header(bytes, at: position) {
            let start = position + header.size
            guard bytes.count - start >= header.length else { break }
            let payload = UnsafeRawBufferPointer(rebasing: bytes[start..<start + header.length])
            try deliver(header, payload, each)
            position = start + header.length
        }
        return position
    }

    private mutating func deliver(
        _ header: Header, _ payload: UnsafeRawBufferPointer,
        _ each: (MessageKind, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        if let kind = header.kind {
            if kind.rawValue >= 8 { return try each(kind, payload) }
            guard fragmentKind == nil else { throw FrameError.interruptedMessage }
            if header.isDeflated {
                guard let inflater, header.isFinal else { throw FrameError.reservedBits }
                return try inflater.inflate(payload) { try each(kind, $0) }
            }
            if header.isFinal { return try each(kind, payload) }
            fragmentKind = kind
            fragments.append(contentsOf: payload)
            return
        }
        guard let kind = fragmentKind else { throw FrameError.unexpectedContinuation }
        let total = UInt64(fragments.count + payload.count)
        guard total <= Self.messageBytesMax else { throw FrameError.tooLarge(total) }
        fragments.append(contentsOf: payload)
        guard header.isFinal else { return }
        fragmentKind = nil
        var whole: [UInt8] = []
        swap(&whole, &fragments)
        try whole.withUnsafeBytes { try each(kind, $0) }
    }

    /// The first 2, 4 or 10 bytes of a frame; `nil` when not all are there.
    private struct Header {
        var isFinal: Bool
        /// RSV1 (RFC 7692 §6).
        var isDeflated: Bool
        /// `nil` for a continuation.
        var kind: MessageKind?
        var size: Int
        var length: Int

        init?(_ bytes: UnsafeRawBufferPointer, at start: Int) throws {
            guard bytes.count - start >= 2 else { return nil }
            let first = bytes[start], second = bytes[start + 1]
            isDeflated = first & 0x40 != 0
            guard first & 0x30 == 0, !isDeflated || first & 0x0F == 1 || first & 0x0F == 2
            else { throw FrameError.reservedBits }
            guard second & 0x80 == 0 else { throw FrameError.maskedByServer }
            isFinal = first & 0x80 != 0
            let opcode = first & 0x0F
            kind = MessageKind(rawValue: opcode)
            guard kind != nil || opcode == 0 else { throw FrameError.unknownOpcode(opcode) }
            let short = Int(second)
            if opcode >= 8, short > 125 || !isFinal { throw FrameError.badControlFrame }
            size = short < 126 ? 2 : short == 126 ? 4 : 10
            guard bytes.count - start >= size else { return nil }
            var value = UInt64(short)
            if size > 2 {
                value = 0
                for index in start + 2..<start + size { value = value << 8 | UInt64(bytes[index]) }
            }
            guard value <= FrameScanner.messageBytesMax else { throw FrameError.tooLarge(value) }
            length = Int(value)
        }
    }
}

/// Writes a client's frame: final, masked (RFC 6455 §5.3).
package enum FrameWriter {
    package static func append(_ kind: MessageKind, _ payload: UnsafeRawBufferPointer, mask: UInt32,
                               to out: inout [UInt8]) {
        out.append(0x80 | kind.rawValue)
        switch payload.count {
        case ..<126:
            out.append(0x80 | UInt8(payload.count))
        case ..<65_536:
            out.append(0x80 | 126)
            out.append(UInt8(payload.count >> 8))
            out.append(UInt8(payload.count & 0xFF))
        default:
            out.append(0x80 | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                out.append(UInt8(truncatingIfNeeded: payload.count >> shift))
            }
        }
        withUnsafeBytes(of: mask.bigEndian) { out.append(contentsOf: $0) }
        let start = out.count
        out.append(contentsOf: payload)
        out.withUnsafeMutableBytes { bytes in
            var index = start
            let wide = UInt64(mask.bigEndian) << 32 | UInt64(mask.bigEndian)
            while index + 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                bytes.storeBytes(of: word ^ wide, toByteOffset: index, as: UInt64.self)
                index += 8
            }
            while index < bytes.count {
                bytes[index] ^= UInt8(truncatingIfNeeded: mask >> UInt32(24 - 8 * ((index - start) & 3)))
                index += 1
            }
        }
    }
}
