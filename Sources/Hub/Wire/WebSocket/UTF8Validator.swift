// Whether bytes are UTF-8 (Unicode 16, table 3-7), in pieces of any size. Exact and fail-fast: it
// says no at the first byte that cannot continue any valid text, which RFC 6455 §8.1 wants to see
// closed.

/// Checks one text that comes in pieces.
package struct UTF8Validator: Sendable {
    /// Bytes the current character still lacks.
    private var missing: UInt8 = 0
    /// What the next byte may be, when `missing` is not 0.
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF

    package init() {}

    /// Everything fed so far is whole characters.
    package var isComplete: Bool { missing == 0 }

    /// Takes the next piece; false as soon as the text cannot become valid any more. After false
    /// the validator must be thrown away.
    package mutating func feed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        let count = bytes.count
        while index < count {
            if missing == 0 {
                index = Self.endOfASCII(bytes, from: index)
                if index == count { return true }
                guard begin(bytes[index]) else { return false }
            } else {
                let byte = bytes[index]
                guard byte >= low, byte <= high else { return false }
                (low, high) = (0x80, 0xBF)
                missing -= 1
            }
            index += 1
        }
        return true
    }

    /// One whole text.
    package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var validator = UTF8Validator()
        return validator.feed(bytes) && validator.isComplete
    }

    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, low) = (2, 0xA0)  // shorter forms exist below
        case 0xED: (missing, high) = (2, 0x9F)  // surrogates above
        case 0xE1...0xEF: missing = 2
        case 0xF0: (missing, low) = (3, 0x90)
        case 0xF4: (missing, high) = (3, 0x8F)  // beyond U+10FFFF
        case 0xF1...0xF3: missing = 3
        default: return false
        }
        return true
    }

    @inline(__always)
    private static func endOfASCII(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let marks = UInt64(littleEndian: word) & 0x8080_8080_8080_8080
            if marks != 0 { return index + marks.trailingZeroBitCount >> 3 }
            index += 8
        }
        while index < bytes.count, bytes[index] < 0x80 { index += 1 }
        return index
    }
}
