// sources: Sources/Actors/Model Sources/Hub/Wire/HTTP Sources/Hub/Wire/WebSocket
// seeds: Tests/Fuzz/Corpus/WebSocketFuzz
//
// The WebSocket frame parser under libFuzzer. The first byte chooses limits, cuts and one of two games:
// - the rest is what a client sends: every way of cutting it gives the same events, and what comes out
//   keeps the rules of RFC 6455 (text is UTF-8 by the standard library's judgement);
// - the rest is a list of messages, which are sent by the book in random fragments with pings between
//   them, and must come out as they were.
// Each chunk lies in a block of exactly its size, so that an access beyond it is seen.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzWebSocket(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0 else { return 0 }
    let choice = start[0]
    var random = Random(state: UInt32(choice) &* 2_654_435_761 | 1)
    let rest = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
    var limits = WebSocketLimits()
    if choice & 1 == 1 {
        limits.messageBytesMax = 16
        limits.fragmentsMax = 4
    }
    if choice & 2 == 0 {
        let whole = eventsAtEveryCut(rest, limits, &random, allowsDeflated: choice & 4 != 0)
        check(whole, limits)
    } else {
        let (bytes, expected) = byTheBook(rest, limits, &random)
        precondition(eventsAtEveryCut(bytes, limits, &random) == expected, "not what was sent")
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

private enum Seen: Equatable {
    case text([UInt8])
    case binary([UInt8])
    case deflated([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16?, [UInt8])
    case failed(WebSocketFault)
}

private func eventsAtEveryCut(
    _ bytes: [UInt8], _ limits: WebSocketLimits, _ random: inout Random, allowsDeflated: Bool = false
) -> [Seen] {
    func events(chunkBytes: () -> Int) -> [Seen] {
        seen(bytes, WebSocketParser(limits: limits, allowsDeflated: allowsDeflated), chunkBytes)
    }
    let whole = events { max(1, bytes.count) }
    // Long inputs in sevens: a block for every byte would leave no time for other inputs.
    precondition(events { bytes.count <= 512 ? 1 : 7 } == whole, "byte by byte")
    precondition(events { random.next(1 << random.next(8)) + 1 } == whole, "at random")
    return whole
}

private func seen(
    _ bytes: [UInt8], _ parser: consuming WebSocketParser, _ chunkBytes: () -> Int
) -> [Seen] {
    var parser = parser
    var seen: [Seen] = []
    var offset = 0
    while offset < bytes.count {
        let size = min(chunkBytes(), bytes.count - offset)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
        defer { memory.deallocate() }
        memory.copyBytes(from: bytes[offset..<(offset + size)])
        offset += size
        var input = memory
        var isDone = false
        while !isDone {
            let before = input.count
            switch parser.next(&input) {
            case .needMore:
                precondition(input.isEmpty)
                isDone = true
                continue
            case .text(let bytes): seen.append(.text(Array(bytes)))
            case .binary(let bytes): seen.append(.binary(Array(bytes)))
            case .deflated(let bytes, isText: _): seen.append(.deflated(Array(bytes)))
            case .ping(let bytes): seen.append(.ping(Array(bytes)))
            case .pong(let bytes): seen.append(.pong(Array(bytes)))
            case .close(let code, let reason): seen.append(.close(code, Array(reason)))
            case .failed(let fault): seen.append(.failed(fault))
            }
            precondition(input.count < before, "an event without a byte")
        }
    }
    return seen
}

private func check(_ seen: [Seen], _ limits: WebSocketLimits) {
    for (index, event) in seen.enumerated() {
        switch event {
        case .text(let bytes):
            precondition(bytes.count <= limits.messageBytesMax && isText(bytes))
        case .binary(let bytes), .deflated(let bytes):
            precondition(bytes.count <= limits.messageBytesMax)
        case .ping(let bytes), .pong(let bytes):
            precondition(bytes.count <= 125)
        case .close(let code, let reason):
            precondition(index == seen.count - 1 && reason.count <= 123 && isText(reason))
            precondition(code != nil || reason.isEmpty)
            precondition(WebSocketFrame.closeEcho(code).count == (code == nil ? 2 : 4))
        case .failed(let fault):
            precondition(index == seen.count - 1)
            precondition(WebSocketFrame.isCodeOnWire(fault.closeCode.rawValue))
        }
    }
}

private func isText(_ bytes: [UInt8]) -> Bool {
    String(validating: bytes, as: UTF8.self) != nil
}

/// Reads `script` as messages (a length, then that many bytes), and sends them as a client would. Stops
/// at what has to fail.
private func byTheBook(
    _ script: [UInt8], _ limits: WebSocketLimits, _ random: inout Random
) -> ([UInt8], [Seen]) {
    var bytes: [UInt8] = []
    var expected: [Seen] = []
    var left = script[...]
    while let length = left.popFirst() {
        let message = Array(left.prefix(Int(length)))
        left = left.dropFirst(Int(length))
        let opcode: WebSocketOpcode = isText(message) ? .text : .binary
        if message.count > limits.messageBytesMax {
            append(opcode, message[...], isFinal: true, to: &bytes, &random)
            return (bytes, expected + [.failed(.messageTooLarge)])
        }
        var fragments = 1 + random.next(limits.fragmentsMax > 8 ? 8 : limits.fragmentsMax)
        var rest = message[...]
        var kind = opcode
        while fragments > 1 {
            let cut = random.next(rest.count + 1)
            append(kind, rest.prefix(cut), isFinal: false, to: &bytes, &random)
            rest = rest.dropFirst(cut)
            kind = .continuation
            fragments -= 1
            if random.next(3) == 0 {
                append(.ping, message.prefix(125), isFinal: true, to: &bytes, &random)
                expected.append(.ping(Array(message.prefix(125))))
            }
        }
        append(kind, rest, isFinal: true, to: &bytes, &random)
        expected.append(opcode == .text ? .text(message) : .binary(message))
    }
    return (bytes, expected)
}

private func append(
    _ opcode: WebSocketOpcode, _ payload: ArraySlice<UInt8>, isFinal: Bool, to bytes: inout [UInt8],
    _ random: inout Random
) {
    let key = UInt32(random.next(1 << 16)) << 16 | UInt32(random.next(1 << 16))
    WebSocketFrame.appendMasked(opcode, payload, key: key, isFinal: isFinal, to: &bytes)
}
