// Lines to standard output and standard error, unbuffered.

import Glibc

func output(_ line: String) { write(line + "\n", to: 1) }
func report(_ text: String) { write(text, to: 2) }

private func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 || errno == EINTR else { return }
        bytes = bytes.dropFirst(max(0, count))
    }
}
