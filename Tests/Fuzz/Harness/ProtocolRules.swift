// What holds for every message of client protocol 1, for the targets of both encodings. Whatever the
// message is: decoding ends; a fatal error comes last; ids and field names of errors are ours; and what
// was decoded is the same frame after it was written and read again.

import Model

/// One input: a byte that chooses the side that reads (bit 0) and whether frames are written and read
/// again (bit 1: not), in which encoding (bit 2); then a message in `encoding`. The message is not copied:
/// it ends where libFuzzer's own block ends, so AddressSanitizer sees an access beyond it.
func fuzzProtocol(_ input: UnsafeRawBufferPointer, _ encoding: Encoding) {
    guard let choice = input.first else { return }
    let message = UnsafeRawBufferPointer(rebasing: input.dropFirst())
    let second: Encoding? = choice & 2 != 0 ? nil : choice & 4 == 0 ? .json : .proto
    if choice & 1 == 0 {
        commands(message, encoding, again: second)
    } else {
        repliesAndPushes(Array(message), encoding, again: second)
    }
}

private func commands(_ message: UnsafeRawBufferPointer, _ encoding: Encoding, again: Encoding?) {
    var wasFatal = false
    var count = 0
    ProtocolCodec.decodeClientFrames(from: message, encoding) { result in
        precondition(!wasFatal, "something behind a fatal error")
        count += 1
        switch result {
        case .success(let frame):
            precondition(1...2_147_483_647 ~= frame.id)
            guard let again else { return }
            var bytes: [UInt8] = []
            ProtocolCodec.append(frame, again, to: &bytes)
            var copies = 0
            ProtocolCodec.decodeClientFrames(from: bytes, again) { copy in
                copies += 1
                precondition(try! copy.get() == frame, "another frame after writing and reading it")
            }
            precondition(copies == 1)
        case .failure(let error):
            wasFatal = error.isFatal
            check(error)
        }
    }
    precondition(1...65 ~= count, "a message without an answer, or with too many")
}

private func repliesAndPushes(_ message: [UInt8], _ encoding: Encoding, again: Encoding?) {
    var wasFatal = false
    ProtocolCodec.decodeServerFrames(from: message, encoding) { result in
        precondition(!wasFatal, "something behind a fatal error")
        switch result {
        case .success(let frame):
            guard let again else { return }
            var bytes: [UInt8] = []
            ProtocolCodec.append(frame, again, to: &bytes)
            var copies = 0
            ProtocolCodec.decodeServerFrames(from: bytes, again) { copy in
                copies += 1
                precondition(try! copy.get() == frame, "another frame after writing and reading it")
            }
            precondition(copies == 1)
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
