// Decompression of WebSocket messages (RFC 7692 §7.2.2), whole messages of any connection one after the
// other: nothing of a message is remembered for the next (`client_no_context_takeover`), so that one
// inflater serves a loop and an idle connection costs nothing. What comes out is bounded while it comes.

import CZlib

/// Why a message cannot be had.
package enum InflateFailure: Error, Sendable, Hashable {
    /// No DEFLATE data, or cut off.
    case malformed
    /// More would come out than is allowed.
    case tooLarge
}

package struct Inflater: ~Copyable {
    /// Memory for output up to this size is kept for the next message.
    private static let keptBytes = 64 << 10
    /// What the sender leaves away behind each message (RFC 7692 §7.2.1).
    private static let tail: InlineArray<4, UInt8> = [0x00, 0x00, 0xFF, 0xFF]

    /// zlib wants it to stay where it is.
    private let stream: UnsafeMutablePointer<z_stream>
    private var output = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var count = 0

    /// How much the last message has become, or had become when it was given up.
    package var outputBytes: Int { count }

    package init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        precondition(hub_inflate_init(stream) == Z_OK, "no memory for zlib")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        output.deallocate()
    }

    /// The message, lent until the next call. At most `bytesMax + 1` bytes are ever written, whatever the
    /// input promises.
    package mutating func inflate(_ message: UnsafeRawBufferPointer, bytesMax: Int)
        throws(InflateFailure) -> UnsafeRawBufferPointer
    {
        count = 0
        inflateReset(stream)
        let hasEnded = try feed(message, bytesMax)
        // A message may end with a final block (§7.2.3.4), behind which nothing has to follow.
        if !hasEnded {
            let tail = Self.tail
            _ = try tail.span.withUnsafeBytes { bytes throws(InflateFailure) in
                try feed(bytes, bytesMax)
            }
            // zlib's bit 7: between two blocks. Elsewhere the message was cut off.
            guard stream.pointee.data_type & 0x80 != 0 else { throw .malformed }
        }
        return UnsafeRawBufferPointer(rebasing: output[..<count])
    }

    /// What was lent is not needed any more: a large block of memory goes back.
    package mutating func giveBack() {
        guard output.count > Self.keptBytes else { return }
        output.deallocate()
        output = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        count = 0
    }

    /// Uses up `input`; true when it ended with a final block.
    private mutating func feed(_ input: UnsafeRawBufferPointer, _ bytesMax: Int)
        throws(InflateFailure) -> Bool
    {
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        while true {
            if count == output.count { grow(bytesMax) }
            // The memory may be larger, from a message with another limit.
            let room = min(output.count, bytesMax + 1) - count
            stream.pointee.next_out = (output.baseAddress! + count).assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(room)
            let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
            count += room - Int(stream.pointee.avail_out)
            guard count <= bytesMax else { throw .tooLarge }
            switch status {
            case Z_STREAM_END:
                if stream.pointee.avail_in == 0 { return true }
                inflateReset(stream)
            case Z_OK, Z_BUF_ERROR:
                if stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 { return false }
            default: throw .malformed
            }
        }
    }

    /// Grows with what has come out, up to one byte more than is allowed.
    private mutating func grow(_ bytesMax: Int) {
        let size = min(max(output.count * 2, 4 << 10), max(bytesMax + 1, output.count + 1))
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: output[..<count]))
        output.deallocate()
        output = larger
    }
}
