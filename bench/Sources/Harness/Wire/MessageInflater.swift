// Opens messages that a server compressed (permessage-deflate, RFC 7692, without context takeover). One for
// all connections of a loop.

internal import CZlib

package final class MessageInflater {
    /// What the client offers, and what a server that agrees answers with, among other parameters.
    static let offer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private var output = [UInt8](repeating: 0, count: 64 << 10)

    package init() {
        stream.initialize(to: z_stream())
        precondition(bench_inflate_init(stream) == Z_OK, "no memory for zlib")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Lends the whole message to `use`.
    func inflate(_ message: UnsafeRawBufferPointer, _ use: (UnsafeRawBufferPointer) throws -> Void) throws {
        inflateReset(stream)
        var count = 0
        try feed(message, &count)
        let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]
        try tail.withUnsafeBytes { try feed($0, &count) }
        try output.withUnsafeBytes { try use(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    private func feed(_ input: UnsafeRawBufferPointer, _ count: inout Int) throws {
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        repeat {
            if count == output.count { output += [UInt8](repeating: 0, count: output.count) }
            guard output.count <= FrameScanner.messageBytesMax else {
                throw FrameError.tooLarge(UInt64(output.count))
            }
            let room = output.count - count
            let status = output.withUnsafeMutableBufferPointer { memory in
                stream.pointee.next_out = memory.baseAddress! + count
                stream.pointee.avail_out = UInt32(room)
                return CZlib.inflate(stream, Z_SYNC_FLUSH)
            }
            count += room - Int(stream.pointee.avail_out)
            guard status == Z_OK || status == Z_BUF_ERROR else { throw FrameError.notDeflated }
        } while stream.pointee.avail_in > 0 || stream.pointee.avail_out == 0
    }
}
