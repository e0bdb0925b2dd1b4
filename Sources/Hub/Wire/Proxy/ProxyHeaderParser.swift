// The PROXY protocol, versions 1 and 2: what a proxy in front writes before the first byte of a client, to
// say for whom it speaks (HAProxy's "The PROXY protocol", 2020/03/05). Without a socket or a clock. Who may
// send a header, and what happens to whom does not, is the connection's business.

import Model

/// What a connection of a trusted proxy begins with.
package enum ProxyHeaderEvent: Hashable, Sendable {
    /// All input is used up.
    case needMore
    /// The connection is made for a client at this address.
    case client(ProxiedClient)
    /// The proxy speaks for itself (LOCAL: a health check), or does not know for whom.
    case noClient
    /// Comes once; later input is dropped unread.
    case failed
}

package struct ProxiedClient: Hashable, Sendable {
    package var address: NetworkAddress
    /// The client spoke TLS to the proxy (version 2, PP2_TYPE_SSL).
    package var isSecure: Bool
    package init(address: NetworkAddress, isSecure: Bool = false) {
        self.address = address
        self.isSecure = isSecure
    }
}

/// Parses the one header of a connection.
package struct ProxyHeaderParser: Sendable {
    /// Bytes of a version 1 line with its CRLF (§2.1).
    private static let lineBytesMax = 107
    /// Bytes behind the fixed 16 of version 2. The addresses take up to 216, the rest is what proxies add;
    /// more than this no known one does.
    package static let extrasBytesMax = 2_048
    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]

    private var bytes: [UInt8] = []
    private var isOver = false

    package init() {}

    /// Takes bytes from the front of `input` up to the end of the header; the rest is the client's.
    package mutating func next(_ input: inout UnsafeRawBufferPointer) -> ProxyHeaderEvent {
        while !isOver, let byte = input.first {
            bytes.append(byte)
            input = UnsafeRawBufferPointer(rebasing: input.dropFirst())
            if let event = step() {
                isOver = true
                bytes = []
                return event
            }
        }
        if isOver { input = UnsafeRawBufferPointer(rebasing: input[input.count...]) }
        return .needMore
    }

    /// Whether bytes begin like a header, or would if more came; for saying why a stranger is refused.
    package static func isBegun(by start: UnsafeRawBufferPointer) -> Bool {
        start.starts(with: Array("PROXY ".utf8)) || start.starts(with: signature)
    }

    /// What is known after one more byte; `nil`: too little.
    private func step() -> ProxyHeaderEvent? {
        guard bytes[0] == Self.signature[0] else { return line() }
        guard bytes.count > Self.signature.count else {
            return bytes.last == Self.signature[bytes.count - 1] ? nil : .failed
        }
        if bytes.count == 13, bytes[12] != 0x20, bytes[12] != 0x21 { return .failed }
        guard bytes.count >= 16 else { return nil }
        let count = Int(bytes[14]) << 8 | Int(bytes[15])
        if count > Self.extrasBytesMax { return .failed }
        return bytes.count == 16 + count ? binary() ?? .failed : nil
    }

    // MARK: Version 1

    private func line() -> ProxyHeaderEvent? {
        let start = Array("PROXY ".utf8)
        if bytes.count <= start.count, bytes.last != start[bytes.count - 1] { return .failed }
        if bytes.count > 1, bytes[bytes.count - 2] == .carriageReturn {
            return bytes.last == 0x0A ? text(bytes[start.count..<bytes.count - 2]) ?? .failed : .failed
        }
        return bytes.count < Self.lineBytesMax ? nil : .failed
    }

    private func text(_ line: ArraySlice<UInt8>) -> ProxyHeaderEvent? {
        let words = line.split(separator: .space, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        // Behind this word anything may stand, and means nothing.
        if words[0].isSameBytes(as: "UNKNOWN") { return .noClient }
        guard words.count == 5, words[0] == "TCP4" || words[0] == "TCP6" else { return nil }
        let isV4 = words[0] == "TCP4"
        for address in words[1...2] where address.contains(":") == isV4 || address.contains("%") { return nil }
        guard let source = NetworkAddress(words[1]), NetworkAddress(words[2]) != nil,
              Self.isPort(words[3]), Self.isPort(words[4]) else { return nil }
        return .client(ProxiedClient(address: source))
    }

    /// 0 to 65535 without leading zeros.
    private static func isPort(_ text: String) -> Bool {
        UInt16(text).map { String($0) == text } ?? false
    }

    // MARK: Version 2

    /// `nil` when the header is malformed.
    private func binary() -> ProxyHeaderEvent? {
        // Of LOCAL, any family must be taken, and what follows dropped (§2.2).
        if bytes[12] == 0x20 { return .noClient }
        let addressBytes: Int
        // Address family and transport; datagrams do not come over TCP.
        switch bytes[13] {
        case 0x00: addressBytes = 0
        case 0x11: addressBytes = 12
        case 0x21: addressBytes = 36
        case 0x31: addressBytes = 216
        default: return nil
        }
        let body = bytes[16...]
        guard body.count >= addressBytes,
              let isSecure = isSecure(by: body.dropFirst(addressBytes)) else { return nil }
        switch bytes[13] {
        case 0x11:
            return .client(ProxiedClient(address: NetworkAddress(bytes: body.prefix(4)), isSecure: isSecure))
        case 0x21:
            return .client(ProxiedClient(address: NetworkAddress(bytes: body.prefix(16)), isSecure: isSecure))
        default: return .noClient
        }
    }

    /// What the TLVs behind the addresses say (§2.2.1 to §2.2.6). `nil`: they do not fill the header, or its
    /// checksum is wrong.
    private func isSecure(by extras: ArraySlice<UInt8>) -> Bool? {
        var rest = extras
        var isSecure = false
        while !rest.isEmpty {
            guard rest.count >= 3 else { return nil }
            let kind = rest[rest.startIndex]
            let count = Int(rest[rest.startIndex + 1]) << 8 | Int(rest[rest.startIndex + 2])
            rest = rest.dropFirst(3)
            guard rest.count >= count else { return nil }
            let value = rest.prefix(count)
            switch kind {
            case 0x03:
                guard count == 4, isChecksumRight(value) else { return nil }
            case 0x20:
                guard count >= 5 else { return nil }
                isSecure = value[value.startIndex] & 1 != 0
            default: break
            }
            rest = rest.dropFirst(count)
        }
        return isSecure
    }

    /// CRC32c of the whole header with zeros in the place of the checksum.
    private func isChecksumRight(_ value: ArraySlice<UInt8>) -> Bool {
        var checksum: UInt32 = .max
        for (index, byte) in bytes.enumerated() {
            checksum ^= value.indices.contains(index) ? 0 : UInt32(byte)
            for _ in 0..<8 { checksum = checksum >> 1 ^ (checksum & 1 == 0 ? 0 : 0x82F6_3B78) }
        }
        return value.reduce(0) { $0 << 8 | UInt32($1) } == ~checksum
    }
}
