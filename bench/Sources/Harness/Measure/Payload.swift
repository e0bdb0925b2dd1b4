// What a benchmark message says: whose it is, when it was due, and a checksum, padded to the size
// asked for. Plain ASCII, so that both encodings carry it as text and nothing needs escaping.
//
//   bytes  0–2   "hb1"
//          3–10  run          8 hex digits
//         11–14  publisher    4
//         15–22  counter      8, from 0 for each publisher
//         23–38  due         16, nanoseconds of MonotonicClock
//         39–46  checksum     8, over all other bytes
//         47–    padding

package struct Payload: Equatable, Sendable {
    package static let bytesMin = 47
    package static let publishersMax = 1 << 16

    package var run: UInt32
    package var publisher: Int
    package var counter: UInt64
    package var dueNanoseconds: UInt64

    package init(run: UInt32, publisher: Int, counter: UInt64, dueNanoseconds: UInt64) {
        self.run = run
        self.publisher = publisher
        self.counter = counter
        self.dueNanoseconds = dueNanoseconds
    }

    package enum Reading: Equatable, Sendable {
        case payload(Payload)
        /// Not of this bench.
        case foreign
        /// Of this bench, but not as it was sent.
        case damaged
    }

    package func write(bytes count: Int, to out: inout [UInt8]) {
        precondition(count >= Self.bytesMin, "a payload has at least \(Self.bytesMin) bytes")
        out.removeAll(keepingCapacity: true)
        out.append(contentsOf: "hb1".utf8)
        Self.hex(UInt64(run), 8, to: &out)
        Self.hex(UInt64(publisher), 4, to: &out)
        Self.hex(counter, 8, to: &out)
        Self.hex(dueNanoseconds, 16, to: &out)
        out.append(contentsOf: "00000000".utf8)
        var letter = UInt8(truncatingIfNeeded: counter &+ UInt64(publisher)) % 26
        while out.count < count {
            out.append(UInt8(ascii: "a") + letter)
            letter = letter == 25 ? 0 : letter + 1
        }
        let sum = out.withUnsafeBytes { Self.checksum($0) }
        for index in 0..<8 {
            out[39 + index] = Self.digit(UInt64(sum) >> UInt64(28 - 4 * index))
        }
    }

    /// Whether this may be a message of the bench.
    static func begins(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= 3 && bytes[0] == UInt8(ascii: "h") && bytes[1] == UInt8(ascii: "b")
            && bytes[2] == UInt8(ascii: "1")
    }

    package static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
        guard bytes.count >= bytesMin, begins(bytes) else { return .foreign }
        // The checksum covers every other byte, so what it confirms are digits.
        var sum = checksum(bytes)
        for index in stride(from: 46, through: 39, by: -1) {
            guard bytes[index] == digit(UInt64(sum)) else { return .damaged }
            sum >>= 4
        }
        return .payload(Payload(
            run: eightDigits(bytes, 3), publisher: Int(eightDigits(bytes, 7) & 0xFFFF),
            counter: UInt64(eightDigits(bytes, 15)),
            dueNanoseconds: UInt64(eightDigits(bytes, 23)) << 32 | UInt64(eightDigits(bytes, 31))))
    }

    /// Eight hex digits at once: a nibble of each byte, then neighbours together, three times.
    private static func eightDigits(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> UInt32 {
        let text = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
        var value = text & 0x0F0F_0F0F_0F0F_0F0F
        value &+= (text >> 6 & 0x0101_0101_0101_0101) &* 9
        value = (value | value >> 4) & 0x00FF_00FF_00FF_00FF
        value = (value | value >> 8) & 0x0000_FFFF_0000_FFFF
        return UInt32(truncatingIfNeeded: value | value >> 16)
    }

    /// Eight bytes at a time; finds damage, not malice.
    private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func mix(_ from: Int, _ to: Int) {
            var index = from
            while index + 8 <= to {
                let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                state = (state ^ word) &* 0xFF51_AFD7_ED55_8CCD
                state ^= state >> 32
                index += 8
            }
            while index < to {
                state = (state ^ UInt64(bytes[index])) &* 0xC4CE_B9FE_1A85_EC53
                state ^= state >> 29
                index += 1
            }
        }
        mix(0, 39)
        mix(47, bytes.count)
        return UInt32(truncatingIfNeeded: state ^ state >> 32)
    }

    private static func digit(_ value: UInt64) -> UInt8 {
        let nibble = UInt8(value & 15)
        return nibble < 10 ? nibble + 48 : nibble + 87
    }

    private static func hex(_ value: UInt64, _ digits: Int, to out: inout [UInt8]) {
        for index in 0..<digits { out.append(digit(value >> UInt64(4 * (digits - 1 - index)))) }
    }
}
