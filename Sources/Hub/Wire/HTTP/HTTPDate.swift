// Dates in HTTP headers: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7). The caller has the
// clock, and may keep the text for as long as the second lasts.

package enum HTTPDate {
    /// `seconds` since 1970 in UTC, up to the end of the year 9999.
    package static func text(_ seconds: UInt64) -> String {
        let days = Int(min(seconds, 253_402_300_799) / 86_400)
        let second = Int(min(seconds, 253_402_300_799) % 86_400)
        let (year, month, day) = civil(days)
        // 1 January 1970 was a Thursday.
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][days % 7]
        let time = "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
        return "\(weekday), \(two(day)) \(months[month]) \(four(year)) \(time) GMT"
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
                                 "Oct", "Nov", "Dec"]

    /// Year, month from 0 and day from 1 of a day counted from 1970.
    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        var year = 1970
        var left = days
        // Whole cycles of 400 years first, then at most 400 single years: made once a second.
        year += left / 146_097 * 400
        left %= 146_097
        while left >= 365 + leap(year) {
            left -= 365 + leap(year)
            year += 1
        }
        var month = 0
        for length in [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
            if left < length { break }
            left -= length
            month += 1
        }
        return (year, month, left + 1)
    }

    private static func leap(_ year: Int) -> Int {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 1 : 0
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    private static func four(_ number: Int) -> String { "\(two(number / 100))\(two(number % 100))" }
}
