// Base64 (RFC 4648) and hexadecimal, strict: one text for each byte string, so that nothing can be
// altered without being noticed. No white space, no stray bits, no optional padding.

package enum Base64 {
    package enum Form: Sendable {
        /// `A–Z a–z 0–9 + /`, padded (RFC 4648 §4).
        case standard
        /// `A–Z a–z 0–9 - _`, not padded (RFC 4648 §5, RFC 7515 §2).
        case url

        fileprivate var alphabet: StaticString {
            switch self {
            case .standard: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            case .url: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            }
        }

        fileprivate func value(_ digit: UInt8) -> UInt32? {
            switch digit {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
            case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
            case UInt8(ascii: "+") where self == .standard, UInt8(ascii: "-") where self == .url: 62
            case UInt8(ascii: "/") where self == .standard, UInt8(ascii: "_") where self == .url: 63
            default: nil
            }
        }
    }

    package static func encode(_ bytes: [UInt8], _ form: Form) -> String {
        let groups = (bytes.count + 2) / 3
        return String(unsafeUninitializedCapacity: groups * 4) { out in
            let alphabet = form.alphabet.utf8Start
            var at = 0
            var index = 0
            while index < bytes.count {
                let have = min(3, bytes.count - index)
                var word: UInt32 = 0
                for offset in 0..<3 {
                    word = word << 8 | (offset < have ? UInt32(bytes[index + offset]) : 0)
                }
                for digit in 0..<4 {
                    if digit <= have {
                        out[at] = alphabet[Int(word >> UInt32(18 - 6 * digit)) & 63]
                    } else if form == .standard {
                        out[at] = UInt8(ascii: "=")
                    } else {
                        continue
                    }
                    at += 1
                }
                index += 3
            }
            return at
        }
    }

    /// `nil` for anything but the one text that `encode` makes.
    package static func decode(_ text: some StringProtocol, _ form: Form) -> [UInt8]? {
        var digits = Array(text.utf8)
        if form == .standard {
            guard digits.count % 4 == 0 else { return nil }
            for _ in 0..<2 where digits.last == UInt8(ascii: "=") { digits.removeLast() }
        }
        let count = digits.count * 6 / 8
        var bytes = [UInt8](repeating: 0, count: count)
        let decoded = bytes.withUnsafeMutableBytes { out in
            digits.withUnsafeBytes { decode(digits: $0, form, into: out) }
        }
        return decoded ? bytes : nil
    }

    /// Decodes unpadded digits into exactly as many bytes as they stand for.
    package static func decode(
        digits: UnsafeRawBufferPointer, _ form: Form, into out: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard digits.count % 4 != 1, out.count == digits.count * 6 / 8 else { return false }
        var word: UInt32 = 0
        var bits = 0
        var at = 0
        for digit in digits {
            guard let value = form.value(digit) else { return false }
            word = word << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                out[at] = UInt8(truncatingIfNeeded: word >> UInt32(bits))
                at += 1
                word &= 1 << UInt32(bits) - 1
            }
        }
        return word == 0
    }
}

package enum Hex {
    /// Writes two lower-case digits for each byte.
    package static func encode(
        _ bytes: UnsafeRawBufferPointer, into digits: UnsafeMutableRawBufferPointer
    ) {
        precondition(digits.count == bytes.count * 2)
        for (index, byte) in bytes.enumerated() {
            digits[2 * index] = digit(byte >> 4)
            digits[2 * index + 1] = digit(byte & 15)
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// Decodes digits of either case into exactly half as many bytes.
    package static func decode(
        digits: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer
    )
        -> Bool
    {
        guard digits.count == out.count * 2 else { return false }
        for index in 0..<out.count {
            guard let high = value(digits[2 * index]), let low = value(digits[2 * index + 1]) else {
                return false
            }
            out[index] = high << 4 | low
        }
        return true
    }

    /// `nil` for an odd count or anything but digits.
    package static func decode(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        var bytes = [UInt8](repeating: 0, count: digits.count / 2)
        let decoded = bytes.withUnsafeMutableBytes { out in
            digits.withUnsafeBytes { decode(digits: $0, into: out) }
        }
        return decoded ? bytes : nil
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
