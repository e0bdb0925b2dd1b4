// sources: Sources/Actors/Model Sources/Hub/Wire/HTTP Sources/Hub/Wire/WebSocket
// seeds: Tests/Fuzz/Corpus/HTTPFuzz
//
// The HTTP request parser under libFuzzer. The first byte chooses limits and cuts, the rest is what a
// client sends. Whatever it is: every way of cutting it gives the same events, every call ends and
// makes progress, what comes out keeps the promises of HTTPMessage.swift, and memory stays in bounds
// (each chunk lies in a block of exactly its size).

import Glibc

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzHTTP(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0 else { return 0 }
    let choice = start[0]
    let bytes = UnsafeBufferPointer(start: start + 1, count: count - 1)
    var limits = HTTPLimits()
    if choice & 1 == 1 {
        limits.requestLineBytesMax = 32
        limits.headerSectionBytesMax = 64
        limits.headersMax = 4
        limits.bodyBytesMax = 16
        limits.chunkLineBytesMax = 8
    }
    let whole = events(bytes, limits, chunkBytes: { Swift.max(1, bytes.count) })
    check(whole, limits)
    precondition(events(bytes, limits, chunkBytes: { 1 }) == whole, "byte by byte")
    var state = UInt32(choice) &* 2_654_435_761 | 1
    let random = {
        state = state &* 1_664_525 &+ 1_013_904_223
        return Int(state >> 24) % (1 << Int(state >> 20 & 7)) + 1
    }
    precondition(events(bytes, limits, chunkBytes: random) == whole, "cut at random")
    return 0
}

private enum Seen: Equatable {
    case expectsContinue
    case request(HTTPMethod, String, String, [HTTPHeader], [UInt8], HTTPExchange)
    case failed(HTTPFault)
}

private func events(
    _ bytes: UnsafeBufferPointer<UInt8>, _ limits: HTTPLimits, chunkBytes: () -> Int
) -> [Seen] {
    var parser = HTTPRequestParser(limits: limits)
    var seen: [Seen] = []
    var offset = 0
    while offset < bytes.count {
        let size = min(chunkBytes(), bytes.count - offset)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
        defer { memory.deallocate() }
        memory.copyBytes(from: bytes[offset..<(offset + size)])
        offset += size
        var input = UnsafeRawBufferPointer(memory)
        var isDone = false
        while !isDone {
            let before = input.count
            switch parser.next(&input) {
            case .needMore:
                precondition(input.isEmpty)
                isDone = true
            case .expectsContinue:
                seen.append(.expectsContinue)
            case .failed(let fault):
                seen.append(.failed(fault))
            case .request(let request, let exchange):
                precondition(input.count < before, "a request without a byte")
                seen.append(.request(
                    request.method, request.path, request.query, request.headers, request.body,
                    exchange))
            }
        }
    }
    return seen
}

private func check(_ seen: [Seen], _ limits: HTTPLimits) {
    for (index, event) in seen.enumerated() {
        switch event {
        case .expectsContinue:
            if index + 1 < seen.count, case .expectsContinue = seen[index + 1] {
                preconditionFailure("twice for one request")
            }
        case .failed(let fault):
            precondition(index == seen.count - 1 && fault.status >= 400)
        case .request(_, let path, let query, let headers, let body, let exchange):
            precondition(body.count <= limits.bodyBytesMax)
            precondition(headers.count <= limits.headersMax + 1)
            precondition(path.utf8.first == 0x2F && path.utf8.count <= limits.requestLineBytesMax)
            precondition(path.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x5C && $0 != 0x7F })
            for segment in path.split(separator: "/") {
                precondition(segment != "." && segment != "..")
            }
            precondition(query.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x23 })
            for header in headers {
                precondition(!header.name.isEmpty && header.name == header.name.lowercased())
                precondition(header.name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3A })
                precondition(header.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
            }
            let hosts = headers.filter { $0.name == "host" }
            precondition(hosts.count == 1 || exchange.isVersion10 && hosts.isEmpty)
            let names = Set(headers.map(\.name))
            precondition(!names.isSuperset(of: ["content-length", "transfer-encoding"]))
            checkAnswer(exchange, headers)
        }
    }
}

/// What came in can go out again in headers, and does not end the head early.
private func checkAnswer(_ exchange: HTTPExchange, _ headers: [HTTPHeader]) {
    var bytes: [UInt8] = []
    let response = HTTPResponse(status: 200, headers: headers, body: Array("\r\n\r\n".utf8))
    let written = response.writeHead(to: &bytes, exchange: exchange, date: HTTPDate.text(0))
    precondition(written.status == 200 && written.hasBody != exchange.isHead)
    let text = String(decoding: bytes, as: UTF8.self)
    precondition(text.utf8.elementsEqual(bytes) && text.hasSuffix("\r\n\r\n"))
    let ends = bytes.indices.filter { bytes[$0...].starts(with: [13, 10, 13, 10]) }
    precondition(ends.count == 1)
}
