// Where a peer is: an IPv4 or IPv6 address as 128 bits, and ranges of them. IPv4 is kept mapped into IPv6
// (`::ffff:a.b.c.d`, RFC 4291 §2.5.5.2), so that one host has one form however it was written.

import Glibc

package struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    private var high: UInt64
    private var low: UInt64

    /// What is known of a peer of which nothing is known: `::`.
    package static let unknown = NetworkAddress(high: 0, low: 0)
    private static let mapped: UInt64 = 0xFFFF

    /// The 128 bits of an IPv6 address, or of an IPv4 address mapped into one.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// - Parameter bytes: 4 or 16, in network order.
    package init(bytes: some Collection<UInt8>) {
        precondition(bytes.count == 4 || bytes.count == 16)
        let isV4 = bytes.count == 4
        high = isV4 ? 0 : bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
        if isV4 { low |= Self.mapped << 32 }
    }

    /// A numeric address, nothing else; a zone (`fe80::1%eth0`) is left out.
    package init?(_ text: some StringProtocol) {
        var bytes = [UInt8](repeating: 0, count: 16)
        // No text form is longer; a NUL would end the text for `inet_pton` only.
        guard text.utf8.count <= 64, !text.utf8.contains(0) else { return nil }
        let text = String(text)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self.init(bytes: bytes[..<4])
        } else if inet_pton(AF_INET6, String(text.prefix { $0 != "%" }), &bytes) == 1 {
            self.init(bytes: bytes)
        } else {
            return nil
        }
    }

    /// Of this machine: 127.0.0.0/8 and ::1.
    package var isLoopback: Bool { isV4 ? low >> 24 & 0xFF == 127 : high == 0 && low == 1 }

    package var isV4: Bool { high == 0 && low >> 32 == Self.mapped }

    /// Who counts as one: an IPv6 customer has a whole /64, an IPv4 address is one.
    package var network: NetworkAddress { isV4 ? self : NetworkAddress(high: high, low: 0) }

    /// Whether both begin with the same bits of the 128.
    fileprivate func agrees(with other: NetworkAddress, bits: Int) -> Bool {
        let highMask = bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
        let lowMask = bits <= 64 ? 0 : bits == 128 ? .max : ~(UInt64.max >> UInt64(bits - 64))
        return (high ^ other.high) & highMask == 0 && (low ^ other.low) & lowMask == 0
    }

    fileprivate func hasNothingBehind(_ bits: Int) -> Bool {
        let highRest = bits >= 64 ? 0 : high << UInt64(bits)
        let lowRest = bits <= 64 ? low : bits == 128 ? 0 : low << UInt64(bits - 64)
        return highRest == 0 && lowRest == 0
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        var bytes = [UInt8](repeating: 0, count: 16)
        for index in 0..<8 {
            bytes[index] = UInt8(truncatingIfNeeded: high >> UInt64(56 - 8 * index))
            bytes[index + 8] = UInt8(truncatingIfNeeded: low >> UInt64(56 - 8 * index))
        }
        let isWritten = bytes.withUnsafeBytes { bytes in
            inet_ntop(isV4 ? AF_INET : AF_INET6, bytes.baseAddress! + (isV4 ? 12 : 0), &text,
                      socklen_t(text.count)) != nil
        }
        precondition(isWritten)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// A range of addresses in CIDR notation; a plain address is a range of one.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private let first: NetworkAddress
    /// Of the 128 of the mapped form.
    private let bits: Int

    /// Takes `10.0.0.0/8`, `::1/128` and `192.0.2.7`. Bits behind the prefix must be zero: a range
    /// written as `10.1.2.3/8` more likely has a wrong length than a superfluous address.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = NetworkAddress(parts[0]), !parts[0].contains("%") else { return nil }
        // Of what was written: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
        let isV4 = !parts[0].contains(":")
        var bits = 128
        if parts.count == 2 {
            guard let first = parts[1].utf8.first, first.isDigit, let length = Int(parts[1]),
                  length <= (isV4 ? 32 : 128) else { return nil }
            bits = length + (isV4 ? 96 : 0)
        }
        guard address.hasNothingBehind(bits) else { return nil }
        first = address
        self.bits = bits
    }

    /// No IPv4 address is in a range of IPv6, such as `::/0`.
    package func contains(_ address: NetworkAddress) -> Bool {
        address.agrees(with: first, bits: bits) && address.isV4 == first.isV4
    }

    package var description: String { "\(first)/\(bits - (first.isV4 ? 96 : 0))" }
}

extension [AddressRange] {
    package func contains(_ address: NetworkAddress) -> Bool { contains { $0.contains(address) } }
}
