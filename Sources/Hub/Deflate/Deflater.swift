// Compression of WebSocket messages (RFC 7692 §7.2.1), each on its own: nothing of a message is remembered
// for the next (`server_no_context_takeover`), so that all who get a broadcast share its compressed bytes,
// and one deflater serves a loop.

import CZlib

package struct Deflater: ~Copyable {
    /// Window, level and memory as measured in docs/performance.md. A smaller window reaches more clients
    /// (some offer no more than 12 bits) and finds less in messages above its 4 KiB.
    package static let windowBits = 12
    private static let level: Int32 = 1
    private static let memoryLevel: Int32 = 5
    /// Memory for output up to this size is kept for the next message.
    private static let keptBytes = 64 << 10

    /// zlib wants it to stay where it is.
    private let stream: UnsafeMutablePointer<z_stream>
    private var output = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)

    package init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        precondition(hub_deflate_init(stream, Self.level, Int32(Self.windowBits), Self.memoryLevel) == Z_OK,
                     "no memory for zlib")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
        output.deallocate()
    }

    /// Compresses a message of less than 4 GiB and lends the result to `use`.
    package mutating func deflate<Result>(
        _ message: UnsafeRawBufferPointer, _ use: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        deflateReset(stream)
        // Room for the end of the last block and the flush besides.
        let size = Int(deflateBound(stream, UInt(message.count))) + 16
        if size > output.count {
            output.deallocate()
            output = .allocate(capacity: max(size, 4 << 10))
        }
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: message.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(message.count)
        stream.pointee.next_out = output.baseAddress
        stream.pointee.avail_out = UInt32(output.count)
        let status = CZlib.deflate(stream, Z_SYNC_FLUSH)
        precondition(status == Z_OK && stream.pointee.avail_in == 0 && stream.pointee.avail_out > 0)
        // The flush ends with 00 00 FF FF, which is left away.
        let count = output.count - Int(stream.pointee.avail_out) - 4
        let result = use(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(output)[..<count]))
        if output.count > Self.keptBytes {
            output.deallocate()
            output = UnsafeMutableBufferPointer(start: nil, count: 0)
        }
        return result
    }
}
