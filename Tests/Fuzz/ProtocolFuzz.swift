// sources: Sources/Actors/Model Sources/Hub/Wire
// seeds: Tests/Fuzz/Corpus/ProtocolFuzz
//
// The codecs of client protocol 1 under libFuzzer. The first byte chooses the encoding and the side,
// the rest is one WebSocket message. Whatever it is: decoding ends; a fatal error comes last; ids and
// field names of errors are ours; and what was decoded is the same frame after it was written and read
// again, in both encodings. The message lies in a block of exactly its size, so that AddressSanitizer
// sees an access beyond it.

import Glibc

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzProtocol(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0 else { return 0 }
    let encoding: Encoding = start[0] & 1 == 0 ? .json : .proto
    let message = UnsafeMutableRawBufferPointer.allocate(byteCount: count - 1, alignment: 1)
    defer { message.deallocate() }
    message.copyMemory(from: UnsafeRawBufferPointer(start: start + 1, count: count - 1))
    if start[0] & 2 == 0 {
        commands(UnsafeRawBufferPointer(message), encoding)
    } else {
        repliesAndPushes([UInt8](message), encoding)
    }
    return 0
}

private func commands(_ message: UnsafeRawBufferPointer, _ encoding: Encoding) {
    var wasFatal = false
    var count = 0
    ProtocolCodec.decodeClientFrames(from: message, encoding) { result in
        precondition(!wasFatal, "something behind a fatal error")
        count += 1
        switch result {
        case .success(let frame):
            precondition(1...2_147_483_647 ~= frame.id)
            for encoding in Encoding.allCases {
                var bytes: [UInt8] = []
                ProtocolCodec.append(frame, encoding, to: &bytes)
                var again: [ClientFrame] = []
                ProtocolCodec.decodeClientFrames(from: bytes, encoding) { again.append(try! $0.get()) }
                precondition(again == [frame], "another frame after writing and reading it")
            }
        case .failure(let error):
            wasFatal = error.isFatal
            check(error)
        }
    }
    precondition(1...65 ~= count, "a message without an answer, or with too many")
}

private func repliesAndPushes(_ message: [UInt8], _ encoding: Encoding) {
    var wasFatal = false
    ProtocolCodec.decodeServerFrames(from: message, encoding) { result in
        precondition(!wasFatal, "something behind a fatal error")
        switch result {
        case .success(let frame):
            for encoding in Encoding.allCases {
                var bytes: [UInt8] = []
                ProtocolCodec.append(frame, encoding, to: &bytes)
                var again: [ServerFrame] = []
                ProtocolCodec.decodeServerFrames(from: bytes, encoding) { again.append(try! $0.get()) }
                precondition(again == [frame], "another frame after writing and reading it")
            }
        case .failure(let error):
            wasFatal = error.isFatal
            check(error)
        }
    }
}

private func check(_ error: DecodeError) {
    precondition(error.id.map { 1...2_147_483_647 ~= $0 } ?? true)
    precondition(error.field.utf8.allSatisfy { $0 == UInt8(ascii: "_") || $0 >= UInt8(ascii: "a") })
    precondition(error.reply.code == error.code)
    precondition(!error.isFatal || error.id == nil, "a fatal error has no reply")
}
