// sources: Sources/Hub/Wire/HTTP Sources/Hub/Wire/WebSocket Tests/Fuzz/Harness/Pieces.swift
// seeds: Tests/Fuzz/Corpus/WebSocketFuzz
//
// The WebSocket frame parser under libFuzzer. The first byte chooses limits, cuts and one of two games:
// - the rest is what a client sends: every way of cutting it gives the same events, and what comes out
//   keeps the rules of RFC 6455 (text is UTF-8 by the standard library's judgement);
// - the rest is a list of messages, which are sent by the book in random fragments with pings between
//   them, and must come out as they were.

import Model

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzWebSocket(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0 else { return 0 }
    let choice = start[0]
    let rest = UnsafeRawBufferPointer(start: start + 1, count: count - 1)
    var limits = WebSocketLimits()
    if choice & 1 == 1 {
        limits.messageBytesMax = 16
        limits.fragmentsMax = 4
    }
    let cut = Cut(choice >> 2 & 7, seed: choice >> 5 | choice << 3)
    if choice & 2 == 0 {
        let whole = digest(rest, limits, .nowhere)
        if case .nowhere = cut { return 0 }
        precondition(digest(rest, limits, cut) == whole, "\(cut)")
    } else {
        var random = Random(state: UInt32(choice) &* 2_654_435_761 | 1)
        let (bytes, expected) = byTheBook(rest, limits, &random)
        let seen = bytes.withUnsafeBytes { digest($0, limits, cut) }
        precondition(seen == expected, "not what was sent: \(cut)")
    }
    return 0
}

private struct Random {
    var state: UInt32
    mutating func next(_ limit: Int) -> Int {
        state = state &* 1_664_525 &+ 1_013_904_223
        return Int(state >> 8) % limit
    }
}

private enum Kind: Int { case text, binary, ping, pong, close, failed }

extension Digest {
    fileprivate mutating func add(_ kind: Kind, _ bytes: UnsafeRawBufferPointer, code: UInt16? = nil) {
        add(kind.rawValue, code.map(Int.init) ?? 0)
        add(bytes)
    }
    fileprivate mutating func add(_ fault: WebSocketFault) {
        add(Kind.failed.rawValue, WebSocketFault.allCases.firstIndex(of: fault)!)
    }
}

private func digest(_ bytes: UnsafeRawBufferPointer, _ limits: WebSocketLimits, _ cut: Cut) -> Int {
    var parser = WebSocketParser(limits: limits)
    var seen = Digest()
    var isOver = false
    var pieces = Pieces(bytes, cut)
    while let piece = pieces.next() {
        var input = piece
        while true {
            let before = input.count
            let event = parser.next(&input)
            if case .needMore = event {
                precondition(input.isEmpty)
                break
            }
            precondition(input.count < before, "an event without a byte")
            precondition(!isOver, "an event behind the last")
            isOver = add(event, limits, to: &seen)
        }
    }
    return seen.value
}

/// Whether it has to be the last.
private func add(_ event: WebSocketEvent, _ limits: WebSocketLimits, to seen: inout Digest) -> Bool {
    switch event {
    case .needMore: break
    case .text(let bytes):
        precondition(bytes.count <= limits.messageBytesMax && isText(bytes))
        seen.add(.text, bytes)
    case .binary(let bytes):
        precondition(bytes.count <= limits.messageBytesMax)
        seen.add(.binary, bytes)
    case .ping(let bytes):
        precondition(bytes.count <= 125)
        seen.add(.ping, bytes)
    case .pong(let bytes):
        precondition(bytes.count <= 125)
        seen.add(.pong, bytes)
    case .close(let code, let reason):
        precondition(reason.count <= 123 && isText(reason))
        precondition(code != nil || reason.isEmpty)
        precondition(WebSocketFrame.closeEcho(code).count == (code == nil ? 2 : 4))
        seen.add(.close, reason, code: code)
        return true
    case .failed(let fault):
        precondition(WebSocketFrame.isCodeOnWire(fault.closeCode.rawValue))
        seen.add(fault)
        return true
    }
    return false
}

private func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
    String(validating: bytes, as: UTF8.self) != nil
}

/// Reads `script` as messages (a length, then that many bytes), and sends them as a client would. Stops at
/// what has to fail.
private func byTheBook(
    _ script: UnsafeRawBufferPointer, _ limits: WebSocketLimits, _ random: inout Random
) -> ([UInt8], Int) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(script.count * 2 + 64)
    var expected = Digest()
    var left = script[...]
    // Some are enough: hundreds of empty messages would only cost time.
    for _ in 0..<8 {
        guard let length = left.popFirst() else { break }
        let message = UnsafeRawBufferPointer(rebasing: left.prefix(Int(length)))
        left = left.dropFirst(Int(length))
        let isText = isText(message)
        let opcode: WebSocketOpcode = isText ? .text : .binary
        if message.count > limits.messageBytesMax {
            append(opcode, message, isFinal: true, to: &bytes, &random)
            expected.add(.messageTooLarge)
            break
        }
        let ping = UnsafeRawBufferPointer(rebasing: message.prefix(125))
        var fragments = 1 + random.next(4)
        var rest = message[...]
        var kind = opcode
        while fragments > 1 {
            let cut = random.next(rest.count + 1)
            append(kind, UnsafeRawBufferPointer(rebasing: rest.prefix(cut)), isFinal: false, to: &bytes, &random)
            rest = rest.dropFirst(cut)
            kind = .continuation
            fragments -= 1
            if random.next(3) == 0 {
                append(.ping, ping, isFinal: true, to: &bytes, &random)
                expected.add(.ping, ping)
            }
        }
        append(kind, UnsafeRawBufferPointer(rebasing: rest), isFinal: true, to: &bytes, &random)
        expected.add(isText ? .text : .binary, message)
    }
    return (bytes, expected.value)
}

private func append(
    _ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer, isFinal: Bool, to bytes: inout [UInt8],
    _ random: inout Random
) {
    let key = UInt32(random.next(1 << 16)) << 16 | UInt32(random.next(1 << 16))
    WebSocketFrame.appendMasked(opcode, payload, key: key, isFinal: isFinal, to: &bytes)
}
