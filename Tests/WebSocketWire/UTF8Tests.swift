// UTF-8: the case 6 of the Autobahn test suite as tables, every sequence of one to four bytes at the
// borders against the standard library's decoder, and messages cut anywhere.

import Testing
import Wire

private let valid: [[UInt8]] = [
    [], Array("Hello-µ@ßöäüàá-UTF-8!!".utf8), Array("κόσμε".utf8), [0], [0x7F], [0xC2, 0x80],
    [0xDF, 0xBF], [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80], [0xEF, 0xBF, 0xBD],
    [0xEF, 0xBF, 0xBF], [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF], [0xEF, 0xBF, 0xBE],
    [0xEF, 0xBB, 0xBF],
]

/// Bytes, and the length of the beginning that is enough to know.
private let invalid: [([UInt8], Int)] = [
    ([0x80], 1), ([0xBF], 1), ([0x61, 0x80], 2), ([0xC0, 0xAF], 1), ([0xC1, 0xBF], 1), ([0xFE], 1),
    ([0xFF], 1), ([0xF5, 0x80, 0x80, 0x80], 1), ([0xF8, 0x88, 0x80, 0x80, 0x80], 1),
    ([0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], 1), ([0xE0, 0x80, 0xAF], 2), ([0xE0, 0x9F, 0xBF], 2),
    ([0xF0, 0x80, 0x80, 0xAF], 2), ([0xF0, 0x8F, 0xBF, 0xBF], 2), ([0xED, 0xA0, 0x80], 2),
    ([0xED, 0xBF, 0xBF], 2), ([0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80], 2), ([0xF4, 0x90, 0x80, 0x80], 2),
    ([0xCE, 0x61], 2), ([0xCE, 0xCE], 2), ([0xE2, 0x82, 0x61], 3), ([0xE2, 0x61], 2),
    ([0xF0, 0x9F, 0x98, 0x61], 4), ([0xF0, 0x9F, 0xC0], 3),
    // Autobahn 6.4.1: κόσμε, then a code point beyond Unicode, then "edited".
    (Array("κόσμε".utf8) + [0xF4, 0x90, 0x80, 0x80] + Array("edited".utf8), 12),
    ([UInt8](repeating: 0x61, count: 8) + [0xFF], 9), ([UInt8](repeating: 0x61, count: 15) + [0xC0], 16),
]

private func isValid(_ bytes: some Collection<UInt8>) -> Bool {
    Array(bytes).withUnsafeBytes(UTF8Validator.isValid)
}

/// How many bytes the validator took before it said no, fed one at a time; nil when it never did.
private func bytesUntilRefused(_ bytes: [UInt8]) -> Int? {
    var validator = UTF8Validator()
    for (index, byte) in bytes.enumerated() {
        if !withUnsafeBytes(of: byte, { validator.feed($0) }) { return index + 1 }
    }
    return nil
}

@Suite struct UTF8Tests {
    @Test(arguments: valid) func accepts(_ bytes: [UInt8]) {
        #expect(isValid(bytes))
        #expect(bytesUntilRefused(bytes) == nil)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(events([frame(.text, bytes)]) == [.text(text)])
        for cut in 0...bytes.count {
            let parts = frame(.text, bytes[..<cut], isFinal: false) + frame(.continuation, bytes[cut...])
            #expect(events([parts]) == [.text(text)])
            expectSameAtEverySplit(parts)
        }
        // At every place in a word of eight.
        for lead in 0..<9 {
            let padded = [UInt8](repeating: 0x61, count: lead) + bytes + [0x62]
            #expect(isValid(padded))
        }
    }

    @Test(arguments: invalid) func refusesAtOnce(_ bytes: [UInt8], _ enough: Int) {
        #expect(!isValid(bytes))
        #expect(bytesUntilRefused(bytes) == enough)
        #expect(events([frame(.text, bytes)]) == [.failed(.invalidUTF8)])
        for cut in 0...bytes.count {
            let parts = frame(.text, bytes[..<cut], isFinal: false) + frame(.continuation, bytes[cut...])
            #expect(events([parts]) == [.failed(.invalidUTF8)])
        }
        // In a fragment that is not the last, and before the frame is whole.
        let open = frame(.text, bytes + [0x61, 0x61], isFinal: false)
        #expect(events([open]) == [.failed(.invalidUTF8)])
        #expect(events([open.prefix(6 + enough)]) == [.failed(.invalidUTF8)])
        #expect(events([open.prefix(6 + enough - 1)]).isEmpty)
        for lead in 0..<9 {
            #expect(!isValid([UInt8](repeating: 0x61, count: lead) + bytes))
        }
    }

    @Test(arguments: valid) func aCutCharacterIsNotComplete(_ bytes: [UInt8]) {
        guard let last = String(decoding: bytes, as: UTF8.self).unicodeScalars.last,
              last.value > 0x7F else { return }
        #expect(!isValid(bytes.dropLast()))
        #expect(events([frame(.text, bytes.dropLast())]) == [.failed(.invalidUTF8)])
        #expect(events([frame(.text, bytes.dropLast(), isFinal: false) + frame(.continuation, [])])
            == [.failed(.invalidUTF8)])
    }

    /// All sequences of up to four bytes made of the bytes where anything changes.
    @Test func agreesWithTheStandardLibrary() {
        let edges: [UInt8] = [
            0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
            0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        var differences = 0
        var sequences: [[UInt8]] = [[]]
        for _ in 0..<4 {
            sequences = sequences.flatMap { start in edges.map { start + [$0] } }
            for bytes in sequences {
                let expected = String(validating: bytes, as: UTF8.self) != nil
                if isValid(bytes) != expected { differences += 1 }
            }
        }
        #expect(sequences.count == 331_776)
        #expect(differences == 0)
    }

    @Test func everyScalarValue() {
        var differences = 0
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            if !isValid(UTF8.encode(scalar)!) { differences += 1 }
        }
        #expect(differences == 0)
    }
}
