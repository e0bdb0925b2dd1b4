// Writes log lines to a descriptor: one line, one write(2), so that lines of different threads
// never mix. A reader that stalls loses lines instead of stalling the hub. Rotating files is left
// to whoever reads stderr.

import Glibc
package import Model
package import Ports

/// Where the log of the process goes.
package final class LogSink: Sendable {
    /// No longer than a pipe takes in one piece (POSIX `PIPE_BUF`, 4,096 on Linux).
    package static let lineBytesMax = 4_096

    private let descriptor: Int32
    private let isJSON: Bool
    private let clocks: any Clocks
    /// Lines lost since the last one that was written.
    private let lost = Lock(0)

    /// `descriptor` stays the caller's, and open.
    package init(descriptor: Int32, format: LogFormat, clocks: any Clocks) {
        self.descriptor = descriptor
        isJSON = switch format {
        case .json: true
        case .text: false
        case .auto: isatty(descriptor) == 0
        }
        self.clocks = clocks
    }

    /// A log whose lines, from `threshold` on, go here.
    package func log(threshold: LogLevel) -> Log {
        Log(threshold: threshold) { level, text, fields in self.write(level, text, fields) }
    }

    private func write(_ level: LogLevel, _ text: StaticString, _ fields: [LogField]) {
        let now = clocks.now()
        lost.withLock { lost in
            var fields = fields
            if lost > 0 { fields.append(.number("lines_lost_before", lost)) }
            let line = Self.line(level, text, fields, at: now, isJSON: isJSON)
            lost = deliver(line) ? 0 : lost + 1
        }
    }

    /// Whether the whole line was taken. A pipe that polls as writable has room for `lineBytesMax`.
    private func deliver(_ line: [UInt8]) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard Glibc.poll(&poll, 1, 0) == 1, poll.revents & Int16(POLLOUT) != 0 else { return false }
        return Glibc.write(descriptor, line, line.count) == line.count
    }

    /// The line's bytes with the line feed, at most `lineBytesMax`: fields that no longer fit are
    /// left out, and the line says so.
    package static func line(_ level: LogLevel, _ text: StaticString, _ fields: [LogField],
                             at now: UnixMilliseconds, isJSON: Bool) -> [UInt8] {
        let time = timestamp(now)
        var line = isJSON
            ? "{\"time\":\"\(time)\",\"level\":\"\(level.name)\",\"message\":\(json("\(text)"))"
            : "\(time) \(level.name.uppercased()) \(escaped("\(text)"))"
        let end = isJSON ? "}\n" : "\n"
        let cut = isJSON ? ",\"cut\":true" : " cut=true"
        for field in fields {
            let part = isJSON
                ? ",\(json("\(field.name)")):\(jsonValue(field.value))"
                : " \(field.name)=\(textValue(field.value))"
            guard (line + part + cut + end).utf8.count <= lineBytesMax else {
                line += cut
                break
            }
            line += part
        }
        return Array((line + end).utf8)
    }

    /// RFC 3339 in UTC with milliseconds; the date by the civil-from-days algorithm of
    /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    package static func timestamp(_ now: UnixMilliseconds) -> String {
        let (day, milliseconds) = floorDivided(now.value, by: 86_400_000)
        let shifted = day + 719_468
        let (era, dayOfEra) = floorDivided(shifted, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let date = "\(padded(year, 4))-\(padded(month, 2))-"
            + padded(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1, 2)
        let seconds = milliseconds / 1_000
        let time = "\(padded(seconds / 3_600, 2)):\(padded(seconds / 60 % 60, 2)):"
            + "\(padded(seconds % 60, 2)).\(padded(milliseconds % 1_000, 3))"
        return "\(date)T\(time)Z"
    }

    private static func floorDivided(_ value: Int64, by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = "\(value)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func jsonValue(_ value: LogValue) -> String {
        switch value {
        case .number(let number): "\(number)"
        case .text(let text): json(text)
        }
    }

    private static func textValue(_ value: LogValue) -> String {
        switch value {
        case .number(let number): return "\(number)"
        case .text(let text):
            let isPlain = !text.isEmpty && text.unicodeScalars.allSatisfy {
                $0.isASCII && $0.value > 0x20 && $0.value != 0x7F && $0 != "\"" && $0 != "="
            }
            return isPlain ? text : json(text)
        }
    }

    private static func json(_ text: String) -> String { "\"\(escaped(text, quotes: true))\"" }

    /// Control characters, and those that end or reorder a line, as `\uXXXX` (RFC 8259 §7).
    private static func escaped(_ text: String, quotes: Bool = false) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default:
                if quotes, scalar == "\"" || scalar == "\\" { out += "\\" }
                out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
