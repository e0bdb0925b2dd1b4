// Frames as bytes (RFC 6455 §5.2): what both directions share, and the building of frames. Frames
// are sent whole, never fragmented. Masked frames are for clients: the bench and the tests.

package import Model

/// The 4-bit operation codes; all others are reserved.
package enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    var isControl: Bool { rawValue & 0x8 != 0 }
}

package enum WebSocketFrame {
    /// Bytes a control frame may carry (RFC 6455 §5.5).
    package static let controlPayloadBytesMax = 125

    /// Bytes of the header of an unmasked frame: 2, 4 or 10.
    package static func headerBytes(payloadBytes: Int) -> Int {
        payloadBytes < 126 ? 2 : payloadBytes <= 0xFFFF ? 4 : 10
    }

    /// Longest header of an unmasked frame.
    package static let headerBytesMax = 10

    /// Writes the header of a whole unmasked frame right before its payload, which is all of `memory` behind the
    /// first `headerBytesMax` bytes. Returns the frame.
    package static func prepend(
        _ opcode: WebSocketOpcode, to memory: UnsafeMutableRawBufferPointer
    ) -> UnsafeRawBufferPointer {
        let payloadBytes = memory.count - headerBytesMax
        let start = headerBytesMax - headerBytes(payloadBytes: payloadBytes)
        memory[start] = opcode.rawValue | 0x80
        if payloadBytes < 126 {
            memory[start + 1] = UInt8(payloadBytes)
        } else {
            memory[start + 1] = payloadBytes <= 0xFFFF ? 126 : 127
            for place in start + 2..<headerBytesMax {
                memory[place] = UInt8(truncatingIfNeeded: payloadBytes >> (8 * (headerBytesMax - 1 - place)))
            }
        }
        return UnsafeRawBufferPointer(rebasing: memory[start...])
    }

    /// Appends the header of an unmasked frame; the payload follows it.
    package static func appendHeader(
        _ opcode: WebSocketOpcode, payloadBytes: Int, isFinal: Bool = true, to bytes: inout [UInt8]
    ) {
        appendHeader(opcode.rawValue | (isFinal ? 0x80 : 0), 0, payloadBytes, to: &bytes)
    }

    /// Appends a whole unmasked frame. With `isDeflated`, the payload is a message compressed by the rules of
    /// RFC 7692 §7.2.1.
    package static func append(
        _ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer, isDeflated: Bool = false,
        to bytes: inout [UInt8]
    ) {
        bytes.reserveCapacity(bytes.count + 10 + payload.count)
        appendHeader(opcode.rawValue | (isDeflated ? 0xC0 : 0x80), 0, payload.count, to: &bytes)
        bytes.append(contentsOf: payload)
    }

    /// The payload of one whole unmasked frame of ours.
    package static func payload(of frame: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let header = switch frame[1] {
        case 126: 4
        case 127: 10
        default: 2
        }
        return UnsafeRawBufferPointer(rebasing: frame[header...])
    }

    /// At most 125 bytes.
    package static func ping(_ payload: UnsafeRawBufferPointer) -> [UInt8] {
        control(.ping, payload)
    }

    /// The answer to a ping has its payload (RFC 6455 §5.5.3); at most 125 bytes.
    package static func pong(_ payload: UnsafeRawBufferPointer) -> [UInt8] {
        control(.pong, payload)
    }

    private static func control(
        _ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer
    ) -> [UInt8] {
        precondition(payload.count <= controlPayloadBytesMax)
        var bytes: [UInt8] = []
        append(opcode, payload, to: &bytes)
        return bytes
    }

    /// A close frame of ours. Every `CloseCode` may stand on the wire; the reason is for people who
    /// debug, and is cut at a whole character within 123 bytes.
    package static func close(_ code: CloseCode, reason: String = "") -> [UInt8] {
        var payload = [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)]
        for character in reason.unicodeScalars {
            let encoded = UTF8.encode(character)!
            if payload.count + encoded.count > controlPayloadBytesMax { break }
            payload += encoded
        }
        return payload.withUnsafeBytes { control(.close, $0) }
    }

    /// The answer to a close frame of the peer: its code, or none if it gave none
    /// (RFC 6455 §5.5.1). `code` is one that `WebSocketParser` let pass.
    package static func closeEcho(_ code: UInt16?) -> [UInt8] {
        guard let code else { return control(.close, UnsafeRawBufferPointer(start: nil, count: 0)) }
        precondition(isCodeOnWire(code))
        return [UInt8(code >> 8), UInt8(code & 0xFF)].withUnsafeBytes { control(.close, $0) }
    }

    /// Codes that a close frame may carry (RFC 6455 §7.4 and IANA's registry): not 1004, not 1005,
    /// 1006 and 1015, which only report, and nothing that is unassigned below 3000.
    package static func isCodeOnWire(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    /// Appends a masked frame, as clients send them. Any flags and lengths, also forbidden ones.
    package static func appendMasked(
        firstByte: UInt8, _ payload: some Collection<UInt8>, key: UInt32, to bytes: inout [UInt8]
    ) {
        appendHeader(firstByte, 0x80, payload.count, to: &bytes)
        let mask = (0..<4).map { UInt8(truncatingIfNeeded: key >> UInt32(24 - 8 * $0)) }
        bytes += mask
        for (index, byte) in payload.enumerated() { bytes.append(byte ^ mask[index & 3]) }
    }

    /// Appends a whole masked message of one frame. The first byte of the mask is the highest of
    /// `key`.
    package static func appendMasked(
        _ opcode: WebSocketOpcode, _ payload: some Collection<UInt8>, key: UInt32,
        isFinal: Bool = true, to bytes: inout [UInt8]
    ) {
        appendMasked(
            firstByte: opcode.rawValue | (isFinal ? 0x80 : 0), payload, key: key, to: &bytes)
    }

    private static func appendHeader(
        _ firstByte: UInt8, _ maskBit: UInt8, _ payloadBytes: Int, to bytes: inout [UInt8]
    ) {
        bytes.append(firstByte)
        switch payloadBytes {
        case ..<126:
            bytes.append(maskBit | UInt8(payloadBytes))
        case ...0xFFFF:
            bytes.append(maskBit | 126)
            appendBigEndian(UInt64(payloadBytes), 2, to: &bytes)
        default:
            bytes.append(maskBit | 127)
            appendBigEndian(UInt64(payloadBytes), 8, to: &bytes)
        }
    }

    private static func appendBigEndian(_ value: UInt64, _ count: Int, to bytes: inout [UInt8]) {
        for shift in (0..<count).reversed() {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * shift)))
        }
    }
}
