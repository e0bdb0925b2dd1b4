// sources: Sources/Hub/Wire/HTTP Sources/Hub/Wire/WebSocket Tests/Fuzz/Harness/Pieces.swift
// seeds: Tests/Fuzz/Corpus/HTTPFuzz
//
// The HTTP request parser under libFuzzer. The first byte chooses limits and cuts, the rest is what a
// client sends. Whatever it is: every way of cutting it gives the same events, every call ends and
// makes progress, what comes out keeps the promises of HTTPMessage.swift, and can go out again in
// headers without ending the head early.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzHTTP(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0 else { return 0 }
    let choice = start[0]
    let bytes = UnsafeRawBufferPointer(start: start + 1, count: count - 1)
    var limits = HTTPLimits()
    if choice & 1 == 1 {
        limits.requestLineBytesMax = 32
        limits.headerSectionBytesMax = 64
        limits.headersMax = 4
        limits.bodyBytesMax = 16
        limits.chunkLineBytesMax = 8
    }
    let whole = digest(bytes, limits, .nowhere, isChecked: true)
    let cut = Cut(choice >> 1 & 7, seed: choice >> 4)
    if case .nowhere = cut { return 0 }
    precondition(digest(bytes, limits, cut, isChecked: false) == whole, "\(cut)")
    return 0
}

private func digest(
    _ bytes: UnsafeRawBufferPointer, _ limits: HTTPLimits, _ cut: Cut, isChecked: Bool
) -> Int {
    var parser = HTTPRequestParser(limits: limits)
    var seen = Digest()
    var hasFailed = false
    var hasExpected = false
    var pieces = Pieces(bytes, cut)
    while let piece = pieces.next() {
        var input = UnsafeRawBufferPointer(piece)
        var isDone = false
        while !isDone {
            let before = input.count
            switch parser.next(&input) {
            case .needMore:
                precondition(input.isEmpty)
                isDone = true
            case .expectsContinue:
                precondition(!hasExpected && !hasFailed, "twice for one request")
                hasExpected = true
                seen.add(0)
            case .failed(let fault):
                precondition(!hasFailed && fault.status >= 400)
                hasFailed = true
                seen.add(1, fault.status)
            case .request(let request, let exchange):
                precondition(input.count < before, "a request without a byte")
                precondition(!hasFailed, "a request behind a fault")
                hasExpected = false
                add(request, exchange, to: &seen)
                if isChecked { check(request, exchange, limits) }
            }
        }
    }
    return seen.value
}

private func add(_ request: HTTPRequest, _ exchange: HTTPExchange, to seen: inout Digest) {
    seen.add(2, exchange.hashValue)
    seen.add(request.method.rawValue)
    seen.add(request.path)
    seen.add(request.query)
    for header in request.headers {
        seen.add(header.name)
        seen.add(header.value)
    }
    request.body.withUnsafeBytes { seen.add($0) }
}

private func check(_ request: HTTPRequest, _ exchange: HTTPExchange, _ limits: HTTPLimits) {
    precondition(request.body.count <= limits.bodyBytesMax)
    precondition(request.headers.count <= limits.headersMax + 1)
    checkPath(request.path, limits)
    precondition(request.query.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x23 })
    var hosts = 0
    var lengths = 0
    var encodings = 0
    for header in request.headers {
        precondition(!header.name.isEmpty)
        for byte in header.name.utf8 {
            precondition(byte > 0x20 && byte < 0x7F && byte != 0x3A && !(0x41...0x5A ~= byte))
        }
        for byte in header.value.utf8 { precondition(byte >= 0x20 && byte != 0x7F || byte == 0x09) }
        switch header.name {
        case "host": hosts += 1
        case "content-length": lengths += 1
        case "transfer-encoding": encodings += 1
        default: break
        }
    }
    precondition(hosts == 1 || exchange.isVersion10 && hosts == 0)
    precondition(lengths == 0 || encodings == 0)
    checkAnswer(exchange, request.headers)
}

/// It stays below its root.
private func checkPath(_ path: String, _ limits: HTTPLimits) {
    precondition(path.utf8.first == 0x2F && path.utf8.count <= limits.requestLineBytesMax)
    var segmentBytes = 0
    var dots = 0
    for byte in path.utf8 {
        precondition(byte >= 0x20 && byte != 0x5C && byte != 0x7F)
        if byte == 0x2F {
            precondition(segmentBytes == 0 || segmentBytes > 2 || dots < segmentBytes)
            segmentBytes = 0
            dots = 0
        } else {
            segmentBytes += 1
            if byte == 0x2E { dots += 1 }
        }
    }
    precondition(segmentBytes == 0 || segmentBytes > 2 || dots < segmentBytes)
}

/// What came in can go out again in headers, and does not end the head early.
private func checkAnswer(_ exchange: HTTPExchange, _ headers: [HTTPHeader]) {
    var bytes: [UInt8] = []
    let response = HTTPResponse(status: 200, headers: headers, body: [13, 10, 13, 10])
    let written = response.writeHead(to: &bytes, exchange: exchange, date: "Thu, 01 Jan 1970 00:00:00 GMT")
    precondition(written.status == 200 && written.hasBody != exchange.isHead)
    var matched = 0
    for (index, byte) in bytes.enumerated() {
        matched = byte == (matched & 1 == 0 ? 13 : 10) ? matched + 1 : byte == 13 ? 1 : 0
        precondition(matched < 4 || index == bytes.count - 1, "the head ends early")
    }
    precondition(matched == 4)
}
