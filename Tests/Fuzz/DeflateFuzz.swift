// sources: Sources/Hub/Wire/HTTP Sources/Hub/Wire/WebSocket Sources/Hub/Deflate
// seeds: Tests/Fuzz/Corpus/DeflateFuzz
// libraries: Sources/Hub/CZlib
//
// permessage-deflate under libFuzzer. The first byte chooses one of three games and a limit:
// - the rest is a compressed message: never more than the limit comes out, and a larger limit gives the same
//   or, where the smaller one was the reason, more;
// - the rest is a message: compressed and opened it is what it was;
// - the rest is a header value: what is agreed on is in range, and the same offer alone gives the same.
// Each input lies in a block of exactly its size, so that an access beyond it is seen.

// SAFETY: libFuzzer calls on one thread.
nonisolated(unsafe) private var inflater = Inflater()
// SAFETY: the same.
nonisolated(unsafe) private var deflater = Deflater()

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzDeflate(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0 else { return 0 }
    let choice = Int(start[0])
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count - 1, alignment: 1)
    defer { memory.deallocate() }
    memory.copyMemory(from: UnsafeRawBufferPointer(start: start + 1, count: count - 1))
    let rest = UnsafeRawBufferPointer(memory)
    switch choice % 3 {
    case 0: open(rest, bytesMax: 1 << (choice / 3 % 17))
    case 1: thereAndBack(rest)
    default: negotiate(String(decoding: rest, as: UTF8.self))
    }
    return 0
}

private enum Opened: Equatable {
    case message([UInt8])
    case failed(InflateFailure)
}

private func opened(_ message: UnsafeRawBufferPointer, _ bytesMax: Int) -> Opened {
    defer { inflater.giveBack() }
    do throws(InflateFailure) {
        return .message(Array(try inflater.inflate(message, bytesMax: bytesMax)))
    } catch {
        return .failed(error)
    }
}

private func open(_ message: UnsafeRawBufferPointer, bytesMax: Int) {
    let less = opened(message, bytesMax)
    let more = opened(message, bytesMax * 2 + 1)
    if case .message(let bytes) = less { precondition(bytes.count <= bytesMax) }
    if less != .failed(.tooLarge) { precondition(less == more, "the limit changed what came out") }
    if case .message(let bytes) = more, less == .failed(.tooLarge) { precondition(bytes.count > bytesMax) }
}

private func thereAndBack(_ message: UnsafeRawBufferPointer) {
    let small = deflater.deflate(message) { Array($0) }
    small.withUnsafeBytes {
        precondition(opened($0, message.count) == .message(Array(message)), "not what was compressed")
        if message.count > 0 { precondition(opened($0, message.count - 1) == .failed(.tooLarge)) }
    }
}

private func negotiate(_ offer: String) {
    guard case .accepted(let response, _, let agreement?) = answer(offer) else { return }
    precondition((8...15).contains(agreement.windowBits))
    guard case .accepted(let again, _, agreement) = answer(agreement.response) else {
        preconditionFailure("what was agreed on is no good offer")
    }
    precondition(again == response)
}

private func answer(_ offer: String) -> WebSocketHandshake {
    let headers = [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13"),
                   ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("sec-websocket-extensions", offer)]
    return WebSocketHandshake.answer(
        HTTPRequest(method: .get, path: "/ws", headers: headers.map { HTTPHeader($0.0, $0.1) }),
        HTTPExchange(), subprotocols: [], deflates: true)
}
