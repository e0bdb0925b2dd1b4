// How much goes into one page: of history, of a replay, of a list. A page is bounded by what it takes on the
// wire in the larger of the two encodings, for that is what waits for a reader and what a client has to hold;
// counting entries or characters alone lets others decide how large an answer is. The figures here are what an
// entry takes at most, a little more than it mostly does.

package import Model

package enum PageRule {
    /// Most entries of a page of a list.
    package static let entriesMax = 1_000
    /// Most changes of presence in one push. Higher: fewer pushes after a storm of connections; one push
    /// must never be much of what may wait for a reader.
    package static let presenceChangesMax = 1_000

    /// How many of the first entries fit into a page of so many bytes: one at least, where there is one.
    package static func fitting<Entries: Collection>(
        _ entries: Entries, bytesMax: Int, bytes: (Entries.Element) -> Int
    ) -> Int {
        var left = bytesMax
        var count = 0
        for entry in entries {
            left -= bytes(entry)
            if left < 0, count > 0 { break }
            count += 1
        }
        return count
    }

    /// A page of a list that is in order by account.
    /// - Parameters:
    ///   - entries: those behind the page before.
    ///   - limit: 0: none but that of every page.
    ///   - account: of an entry; the last one is where the next page begins.
    package static func list<Entries: Collection>(
        _ entries: Entries, limit: UInt32, bytesMax: Int, account: (Entries.Element) -> AccountID,
        bytes: (Entries.Element) -> Int
    ) -> (page: [Entries.Element], next: String) {
        let page = entries.prefix(limit == 0 ? entriesMax : Int(limit))
        let count = fitting(page, bytesMax: bytesMax, bytes: bytes)
        let fit = Array(page.prefix(count))
        let isLast = count == page.count && page.endIndex == entries.endIndex
        return (fit, isLast ? "" : fit.last.map { account($0).description } ?? "")
    }

    // MARK: What an entry takes

    package static func bytes(_ event: Event) -> Int { 320 + bytes(event.key.text) + bytes(event.text) }

    package static let channelBytesMin = 320
    package static func bytes(_ channel: ChannelSummary) -> Int {
        channelBytesMin + bytes(channel.name) + bytes(channel.topic) + 40 * channel.parties.count
    }

    package static func bytes(_ person: Person) -> Int { 120 + bytes(person.firstName) + bytes(person.lastName) }
    package static func bytes(_ account: AccountID) -> Int { 40 }
    package static func bytes(_ presence: Presence) -> Int { 80 }

    /// As a string of JSON, where six characters stand for a control character.
    static func bytes(_ text: String) -> Int {
        var text = text
        return text.withUTF8 { bytes in
            var count = bytes.count
            for byte in bytes {
                if byte < 0x20 { count += 5 } else if byte == 0x22 || byte == 0x5C { count += 1 }
            }
            return count
        }
    }
}

extension Array where Element: Comparable {
    /// In a list that is in order: where what is above `value` begins; for `nil` the beginning.
    package func firstIndex(above value: Element?) -> Int {
        guard let value else { return 0 }
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle] > value { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
