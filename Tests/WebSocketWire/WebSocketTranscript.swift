// What the tests of the frame parser share: building client bytes, feeding chunks, and events that can
// be compared after the lent buffers are gone.

import Model
import Testing
package import Wire

/// An event with a copy of what it lent.
package enum Seen: Equatable, CustomStringConvertible {
    case text(String)
    case binary([UInt8])
    case deflated([UInt8], isText: Bool)
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16?, String)
    case failed(WebSocketFault)

    init?(_ event: WebSocketEvent) {
        switch event {
        case .needMore: return nil
        case .text(let bytes): self = .text(String(decoding: bytes, as: UTF8.self))
        case .binary(let bytes): self = .binary(Array(bytes))
        case .deflated(let bytes, let isText): self = .deflated(Array(bytes), isText: isText)
        case .ping(let bytes): self = .ping(Array(bytes))
        case .pong(let bytes): self = .pong(Array(bytes))
        case .close(let code, let reason):
            self = .close(code, String(decoding: reason, as: UTF8.self))
        case .failed(let fault): self = .failed(fault)
        }
    }

    package var description: String {
        switch self {
        case .text(let text): "text of \(text.utf8.count): \(text.prefix(40))"
        case .binary(let bytes): "binary of \(bytes.count): \(bytes.prefix(40))"
        case .deflated(let bytes, let isText): "deflated \(isText ? "text" : "binary") \(bytes)"
        case .ping(let bytes): "ping \(bytes)"
        case .pong(let bytes): "pong \(bytes)"
        case .close(let code, let reason): "close \(code.map(String.init) ?? "-") \(reason)"
        case .failed(let fault): "failed: \(fault)"
        }
    }
}

extension WebSocketParser {
    /// Feeds one chunk until the parser wants more, and checks that it has taken all of it.
    mutating func feed(_ chunk: some Collection<UInt8>) -> [Seen] {
        // Memory of exactly that size: a sanitizer sees every byte read or written beyond.
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk.count, alignment: 1)
        defer { memory.deallocate() }
        memory.copyBytes(from: chunk)
        var input = memory
        var seen: [Seen] = []
        while let event = Seen(next(&input)) { seen.append(event) }
        #expect(input.isEmpty)
        return seen
    }
}

func events(
    _ chunks: [some Collection<UInt8>], limits: WebSocketLimits = WebSocketLimits(),
    allowsDeflated: Bool = false
) -> [Seen] {
    var parser = WebSocketParser(limits: limits, allowsDeflated: allowsDeflated)
    var seen: [Seen] = []
    for chunk in chunks { seen += parser.feed(chunk) }
    return seen
}

/// The same bytes whole, byte by byte, and cut in two at every place.
func expectSameAtEverySplit(
    _ bytes: [UInt8], limits: WebSocketLimits = WebSocketLimits(), allowsDeflated: Bool = false
) {
    let whole = events([bytes], limits: limits, allowsDeflated: allowsDeflated)
    let single = events(bytes.map { [$0] }, limits: limits, allowsDeflated: allowsDeflated)
    #expect(single == whole, "byte by byte")
    for cut in bytes.indices {
        let parts = [bytes[..<cut], bytes[cut...]]
        #expect(events(parts, limits: limits, allowsDeflated: allowsDeflated) == whole, "cut at \(cut)")
    }
}

/// One masked frame. The key has four different bytes, so that a wrong turn of the mask shows.
func frame(
    _ opcode: WebSocketOpcode, _ payload: some Collection<UInt8>, isFinal: Bool = true,
    key: UInt32 = 0x37FA_213D
) -> [UInt8] {
    var bytes: [UInt8] = []
    WebSocketFrame.appendMasked(opcode, payload, key: key, isFinal: isFinal, to: &bytes)
    return bytes
}

func frame(_ opcode: WebSocketOpcode, _ text: String, isFinal: Bool = true) -> [UInt8] {
    frame(opcode, text.utf8, isFinal: isFinal)
}

/// A masked close frame of any code.
func closeFrame(_ code: UInt16, _ reason: [UInt8] = []) -> [UInt8] {
    frame(.close, [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
}
