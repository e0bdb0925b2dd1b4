// Notices on their way to PostgreSQL: what waits, and how it looks as the payload of a NOTIFY.

import Model
import Ports

/// First in, first out; one that says more of the same replaces the older in its place.
struct NoticeQueue {
    /// Notices that wait. More than that are for the resync to make up for.
    static let limit = 65_536
    /// Of the texts of broadcasts that wait; nothing makes up for more.
    static let textBytesMax = 4 << 20

    private var order: [Notice] = []
    private var latest: [Notice: Notice] = [:]
    private var textBytes = 0

    var isEmpty: Bool { order.isEmpty }

    /// `false` when there is no room.
    mutating func add(_ notice: Notice) -> Bool {
        if case .broadcast(_, _, _, let text) = notice {
            // Each counts, and the same text may come again.
            let bytes = text.utf8.count
            guard order.count < Self.limit, textBytes + bytes <= Self.textBytesMax else { return false }
            textBytes += bytes
            order.append(notice)
            return true
        }
        let subject = notice.subject
        if let older = latest[subject] {
            latest[subject] = notice.joined(with: older)
            return true
        }
        guard order.count < Self.limit else { return false }
        order.append(subject)
        latest[subject] = notice
        return true
    }

    /// The oldest, at most so many.
    mutating func take(_ count: Int) -> [Notice] {
        let taken = order.prefix(count).map { subject in
            if case .broadcast(_, _, _, let text) = subject {
                textBytes -= text.utf8.count
                return subject
            }
            return latest.removeValue(forKey: subject) ?? subject
        }
        order.removeFirst(taken.count)
        return taken
    }
}

extension Notice {
    /// The same for notices of which one is enough.
    fileprivate var subject: Notice {
        switch self {
        case .logMoved(let organisation, let channel, _):
            .logMoved(organisation, channel, Position(epoch: 0, sequence: 0))
        case .readMarker(let organisation, let channel, let account, _):
            .readMarker(organisation, channel, account, 0)
        case .typing(let organisation, let channel, let account, _):
            .typing(organisation, channel, account, active: false)
        case .organisationChanged, .channelCreated, .channelListChanged, .broadcast: self
        }
    }

    fileprivate func joined(with older: Notice) -> Notice {
        switch (self, older) {
        case (.logMoved(_, _, let new), .logMoved(_, _, let old))
            where new.epoch == old.epoch && new.sequence < old.sequence: older
        case (.readMarker(_, _, _, let new), .readMarker(_, _, _, let old)) where new < old: older
        default: self
        }
    }
}

/// The form on the wire: `1`, which is its version, then for each notice two hexadecimal digits for its
/// kind and sixteen for each word. An id is two words. A text follows its length in bytes, three of them in
/// four characters, filled up with zeros.
enum NoticeText {
    /// PostgreSQL takes less than 8,000 bytes.
    private static let payloadMax = 7_900
    private static let version = UInt8(ascii: "1")

    /// As few payloads as it takes.
    static func payloads(_ notices: [Notice]) -> [String] {
        var payloads: [String] = []
        var text = [version]
        for notice in notices {
            let (kind, words) = words(notice)
            let tail = if case .broadcast(_, _, _, let tail) = notice { Array(tail.utf8) } else { [UInt8]() }
            if text.count + 2 + 16 * words.count + tailDigits(tail.count) > payloadMax {
                payloads.append(String(decoding: text, as: UTF8.self))
                text = [version]
            }
            append(UInt64(kind), digits: 2, to: &text)
            for word in words { append(word, digits: 16, to: &text) }
            append(tail, to: &text)
        }
        if text.count > 1 { payloads.append(String(decoding: text, as: UTF8.self)) }
        return payloads
    }

    private static func words(_ notice: Notice) -> (UInt8, [UInt64]) {
        switch notice {
        case .logMoved(let organisation, let channel, let head):
            (1, [organisation.high, organisation.low, channel.high, channel.low, head.epoch, head.sequence])
        case .organisationChanged(let organisation):
            (2, [organisation.high, organisation.low])
        case .channelCreated(let organisation, let channel):
            (3, [organisation.high, organisation.low, channel.high, channel.low])
        case .channelListChanged(let organisation, let channel, let account):
            (4, [organisation.high, organisation.low, channel.high, channel.low, account.high, account.low])
        case .readMarker(let organisation, let channel, let account, let sequence):
            (5, [organisation.high, organisation.low, channel.high, channel.low, account.high, account.low,
                 sequence])
        case .typing(let organisation, let channel, let account, let active):
            (active ? 6 : 7, [organisation.high, organisation.low, channel.high, channel.low, account.high,
                              account.low])
        case .broadcast(let organisation, let channel, let account, let text):
            (8, [organisation.high, organisation.low, channel.high, channel.low, account.high, account.low,
                 UInt64(text.utf8.count)])
        }
    }

    private static func tailDigits(_ bytes: Int) -> Int { (bytes + 2) / 3 * 4 }

    /// Six bits to a character, from `0` to `o`. Of these only the backslash means something in an array
    /// of PostgreSQL: `!` stands for it.
    private static func append(_ bytes: [UInt8], to text: inout [UInt8]) {
        for start in stride(from: 0, to: bytes.count, by: 3) {
            var group: UInt32 = 0
            for index in start..<start + 3 {
                group = group << 8 | (index < bytes.count ? UInt32(bytes[index]) : 0)
            }
            for shift in [18, 12, 6, 0] as [UInt32] {
                let letter = firstLetter + UInt8(truncatingIfNeeded: group >> shift & 63)
                text.append(letter == UInt8(ascii: "\\") ? UInt8(ascii: "!") : letter)
            }
        }
    }

    private static let firstLetter = UInt8(ascii: "0")

    private static func append(_ value: UInt64, digits: Int, to text: inout [UInt8]) {
        for digit in (0..<digits).reversed() {
            let nibble = UInt8(truncatingIfNeeded: value >> UInt64(4 * digit)) & 15
            text.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
        }
    }

    /// `nil` for anything that `payloads` does not make.
    static func notices(_ text: String) -> [Notice]? {
        var reader = Reader(rest: Array(text.utf8)[...])
        guard reader.rest.popFirst() == version else { return nil }
        var notices: [Notice] = []
        while !reader.rest.isEmpty {
            guard let kind = reader.number(digits: 2), let organisation: OrganisationID = reader.id(),
                let notice = notice(kind, organisation, &reader)
            else { return nil }
            notices.append(notice)
        }
        return notices
    }

    private static func notice(_ kind: UInt64, _ organisation: OrganisationID, _ reader: inout Reader)
        -> Notice?
    {
        if kind == 2 { return .organisationChanged(organisation) }
        guard let channel: ChannelID = reader.id() else { return nil }
        switch kind {
        case 1:
            guard let epoch = reader.number(digits: 16), let sequence = reader.number(digits: 16)
            else { return nil }
            return .logMoved(organisation, channel, Position(epoch: epoch, sequence: sequence))
        case 3: return .channelCreated(organisation, channel)
        default: break
        }
        guard let account: AccountID = reader.id() else { return nil }
        switch kind {
        case 4: return .channelListChanged(organisation, channel, account)
        case 5: return reader.number(digits: 16).map { .readMarker(organisation, channel, account, $0) }
        case 6, 7: return .typing(organisation, channel, account, active: kind == 6)
        case 8: return reader.text().map { .broadcast(organisation, channel, account, $0) }
        default: return nil
        }
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func number(digits: Int) -> UInt64? {
            guard rest.count >= digits else { return nil }
            var value: UInt64 = 0
            for byte in rest.prefix(digits) {
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte & 15)
                case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(byte - 87)
                default: return nil
                }
            }
            rest = rest.dropFirst(digits)
            return value
        }

        /// A length, and as much text.
        mutating func text() -> String? {
            guard let wide = number(digits: 16), let count = Int(exactly: wide), count <= rest.count,
                rest.count >= tailDigits(count)
            else { return nil }
            var bytes: [UInt8] = []
            while bytes.count < count {
                var group: UInt32 = 0
                for digit in rest.prefix(4) {
                    let letter = digit == UInt8(ascii: "!") ? UInt8(ascii: "\\") : digit
                    guard (firstLetter..<firstLetter + 64).contains(letter), digit != UInt8(ascii: "\\")
                    else { return nil }
                    group = group << 6 | UInt32(letter - firstLetter)
                }
                rest = rest.dropFirst(4)
                for shift in [16, 8, 0] as [UInt32] {
                    let byte = UInt8(truncatingIfNeeded: group >> shift)
                    if bytes.count < count { bytes.append(byte) } else if byte != 0 { return nil }
                }
            }
            return String(validating: bytes, as: UTF8.self)
        }

        mutating func id<Tag>() -> ID<Tag>? {
            guard let high = number(digits: 16), let low = number(digits: 16) else { return nil }
            return ID(high: high, low: low)
        }
    }
}
