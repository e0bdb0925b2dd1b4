// Whole files compressed once (RFC 1952), for HTTP answers that are the same for everybody.

import CZlib

package enum Gzip {
    /// The best that zlib does: it happens once, at the start.
    private static let level: Int32 = 9
    private static let windowBits: Int32 = 15
    private static let memoryLevel: Int32 = 9

    /// The bytes as one member of a gzip file, without a name and a time, so that the same bytes give the same.
    package static func compress(_ bytes: [UInt8]) -> [UInt8] {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        precondition(hub_deflate_init(stream, level, windowBits, memoryLevel) == Z_OK, "no memory for zlib")
        defer {
            deflateEnd(stream)
            stream.deallocate()
        }
        var output = [UInt8](repeating: 0, count: Int(deflateBound(stream, UInt(bytes.count))) + 16)
        let size = output.count
        var count = 0
        var checksum: UInt = 0
        bytes.withUnsafeBufferPointer { input in
            output.withUnsafeMutableBufferPointer { room in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = room.baseAddress
                stream.pointee.avail_out = UInt32(size)
                precondition(CZlib.deflate(stream, Z_FINISH) == Z_STREAM_END, "a file that cannot be compressed")
                count = size - Int(stream.pointee.avail_out)
            }
            checksum = crc32(0, input.baseAddress, UInt32(input.count))
        }
        let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 0xFF]
        return header + output[..<count] + littleEndian(UInt32(truncatingIfNeeded: checksum))
            + littleEndian(UInt32(truncatingIfNeeded: bytes.count))
    }

    private static func littleEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
