// Text that is compared by its bytes. Swift's `String` compares by canonical equivalence: `é` as one scalar and
// as two are equal, and U+212A (the Kelvin sign) equals `K`. Databases, tokens, headers and clients tell these
// apart, so whatever they decide by must not be a `String` where it is a key or is compared. The Tidy test
// rejects dictionaries and sets of `String`, and folding by `lowercased()`, in the hub and the simulator.

/// A text that equals another exactly when both have the same bytes of UTF-8. Ordered by bytes.
package struct ExactText: Hashable, Comparable, Sendable, ExpressibleByStringInterpolation,
    CustomStringConvertible
{
    package let text: String

    package init(_ text: String) { self.text = text }
    package init(_ text: Substring) { self.text = String(text) }
    package init(stringLiteral text: String) { self.text = text }

    package var isEmpty: Bool { text.utf8.isEmpty }
    package var utf8: String.UTF8View { text.utf8 }
    package var description: String { text }

    package static func == (a: Self, b: Self) -> Bool { a.text.isSameBytes(as: b.text) }

    package static func < (a: Self, b: Self) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

    package func hash(into hasher: inout Hasher) {
        // The length ends the text, so that two texts side by side cannot be taken for two others.
        hasher.combine(text.utf8.count)
        if text.utf8.withContiguousStorageIfAvailable({ hasher.combine(bytes: UnsafeRawBufferPointer($0)) }) == nil {
            for byte in text.utf8 { hasher.combine(byte) }
        }
    }
}

/// The name of a post or an edit that its sender chose; see `Post.key`.
package typealias IdempotencyKey = ExactText

extension StringProtocol {
    /// Whether both have the same bytes of UTF-8.
    package func isSameBytes(as other: some StringProtocol) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }

    /// Whether the first bytes are those of `prefix`, whatever follows: a combining mark behind it, too.
    package func startsWithBytes(of prefix: some StringProtocol) -> Bool { utf8.starts(with: prefix.utf8) }

    /// A to Z become a to z; every other byte stays. `lowercased()` would make a `k` of the Kelvin sign.
    package func asciiLowercased() -> String {
        let bytes = utf8.map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 | 0x20 : $0 }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The parts between single bytes, as `split` has them between characters.
    package func split(atByte separator: Unicode.Scalar, maxSplits: Int = .max,
                       omittingEmptySubsequences: Bool = true) -> [SubSequence] where SubSequence == Substring {
        utf8.split(separator: UInt8(ascii: separator), maxSplits: maxSplits,
                   omittingEmptySubsequences: omittingEmptySubsequences)
            .map { Substring(self[$0.startIndex..<$0.endIndex]) }
    }
}

extension ChannelKind {
    /// What two open or closed channels of an organisation must not share: the name without regard to case.
    package static func folded(_ name: String) -> ExactText { ExactText(name.lowercased()) }
}
