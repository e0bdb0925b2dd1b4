// Output: reports to stdout, everything else to stderr, so that `--json -` can be piped.

import Glibc
import Harness

enum Terminal {
    /// Replaces the progress line when stderr is a terminal; adds a line otherwise.
    static func progress(_ line: String) {
        errorText(isatty(2) == 1 ? "\r\u{1B}[K\(line)" : line + "\n")
    }

    static func endProgress() {
        if isatty(2) == 1 { errorText("\r\u{1B}[K") }
    }

    static func errorText(_ text: String) { write(Array(text.utf8), to: 2) }
    static func output(_ text: String) { write(Array(text.utf8), to: 1) }

    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress!, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
