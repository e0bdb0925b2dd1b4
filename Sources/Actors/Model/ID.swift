// Identifiers. Each kind of thing has a type of its own, so that a channel's id cannot be passed
// where an organisation's is wanted. All are UUIDs of version 7 (RFC 9562): they sort by time.

/// A 128-bit identifier of one kind of thing, written as a lower-case UUID of 36 characters.
package struct ID<Kind>: Hashable, Sendable, Comparable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A version 7 UUID for `now` (Unix milliseconds); `random` supplies the 74 random bits.
    package init(now: UnixMilliseconds, random: (UInt64, UInt64)) {
        let stamp = UInt64(bitPattern: now.value) & 0xFFFF_FFFF_FFFF
        high = stamp << 16 | 0x7000 | random.0 & 0x0FFF
        low = 0x8000_0000_0000_0000 | random.1 & 0x3FFF_FFFF_FFFF_FFFF
    }

    package static func < (a: Self, b: Self) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }
}

extension ID: LosslessStringConvertible {
    /// Takes exactly the canonical form `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`; upper case is
    /// accepted, anything else is `nil`.
    package init?(_ text: String) {
        var text = text
        let parsed: (UInt64, UInt64)? = text.withUTF8 { bytes in
            guard bytes.count == 36 else { return nil }
            var words: (UInt64, UInt64) = (0, 0)
            var digits = 0
            for (index, byte) in bytes.enumerated() {
                if index == 8 || index == 13 || index == 18 || index == 23 {
                    guard byte == UInt8(ascii: "-") else { return nil }
                    continue
                }
                guard let digit = hexDigit(byte) else { return nil }
                if digits < 16 { words.0 = words.0 << 4 | digit } else { words.1 = words.1 << 4 | digit }
                digits += 1
            }
            return words
        }
        guard let parsed else { return nil }
        self.init(high: parsed.0, low: parsed.1)
    }

    package var description: String {
        String(unsafeUninitializedCapacity: 36) { out in
            var at = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    out[at] = UInt8(ascii: "-")
                    at += 1
                }
                let word = nibble < 16 ? high : low
                let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (nibble & 15))) & 15
                out[at] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
                at += 1
            }
            return at
        }
    }

    /// The 16 bytes of the UUID, most significant first.
    package var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { out, count in
            for index in 0..<8 {
                out[index] = UInt8(truncatingIfNeeded: high >> UInt64(56 - 8 * index))
                out[index + 8] = UInt8(truncatingIfNeeded: low >> UInt64(56 - 8 * index))
            }
            count = 16
        }
    }

    /// From 16 bytes, most significant first; `nil` for any other count.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for (index, byte) in bytes.enumerated() {
            if index < 8 { words.0 = words.0 << 8 | UInt64(byte) } else { words.1 = words.1 << 8 | UInt64(byte) }
        }
        self.init(high: words.0, low: words.1)
    }
}

private func hexDigit(_ byte: UInt8) -> UInt64? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
}

package enum OrganisationKind {}
package enum AccountKind {}
package enum ChannelKindTag {}
package enum EventKindTag {}
package enum SessionKind {}
package enum LoginKind {}
package enum InvitationKind {}
package enum KeyKind {}

package typealias OrganisationID = ID<OrganisationKind>
package typealias AccountID = ID<AccountKind>
package typealias ChannelID = ID<ChannelKindTag>
/// An event in a channel's log; a message is one kind of event.
package typealias EventID = ID<EventKindTag>
/// One authenticated WebSocket connection.
package typealias SessionID = ID<SessionKind>
/// One sign-in of an account on one device: the family of its refresh tokens.
package typealias LoginID = ID<LoginKind>
package typealias InvitationID = ID<InvitationKind>
package typealias KeyID = ID<KeyKind>

/// Milliseconds since 1970-01-01 UTC, without leap seconds.
package struct UnixMilliseconds: Hashable, Sendable, Comparable {
    package var value: Int64
    package init(_ value: Int64) { self.value = value }
    package static func < (a: Self, b: Self) -> Bool { a.value < b.value }
    package func adding(milliseconds: Int64) -> Self { Self(value &+ milliseconds) }
}

/// Nanoseconds of a clock that never steps back; its zero means nothing. Every interval is measured by it:
/// the other clock may be set, by a person or by NTP, at any moment.
package struct MonotonicNanoseconds: Hashable, Sendable, Comparable {
    package var value: UInt64
    package init(_ value: UInt64) { self.value = value }
    package static func < (a: Self, b: Self) -> Bool { a.value < b.value }
    /// Up to 292 years; nothing negative is added.
    package func adding(milliseconds: Int64) -> Self {
        Self(value &+ UInt64(clamping: min(milliseconds, Int64.max / 1_000_000)) &* 1_000_000)
    }
    /// Whole milliseconds since an earlier moment; 0 since a later one.
    package func milliseconds(since earlier: Self) -> Int64 {
        Int64(clamping: (value - min(value, earlier.value)) / 1_000_000)
    }
}
