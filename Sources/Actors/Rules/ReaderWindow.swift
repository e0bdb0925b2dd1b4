// How much of what a client has asked for may be on its way to it at a time. Pages of history, lists and replays
// are made only while there is room for them: what is promised (commands under way), what was handed to the lane
// since it last wrote, and what the socket has not taken stay within the room that the lane tells together. So
// an answer never counts as slowness of who asked for it; see OutboxRule for where room comes from.

package struct ReaderWindow: Sendable {
    /// Bytes of pages under way, by their number.
    private var promises: [UInt32: Int] = [:]
    private var promised = 0
    /// Of pages that are with the lane, which has not said yet what became of them.
    private var handedOver = 0
    private var lastNumber: UInt32 = 0

    package init() {}

    /// The lane has to say when it has written.
    package var awaitsWrite: Bool { handedOver > 0 }
    /// Pages under way.
    package var underWay: Int { promises.count }

    /// Room for one more page, if there is some; the number is for `handedOver`.
    /// - Parameter room: bytes that may be on their way now, without what waits already.
    package mutating func take(_ pageBytes: Int, of room: Int) -> UInt32? {
        guard pageBytes > 0, promised + handedOver + pageBytes <= room else { return nil }
        repeat { lastNumber &+= 1 } while promises[lastNumber] != nil
        promises[lastNumber] = pageBytes
        promised += pageBytes
        return lastNumber
    }

    /// The page is with the lane, or there is none. Once for each; later ones are of no effect.
    package mutating func handedOver(_ number: UInt32) {
        guard let bytes = promises.removeValue(forKey: number) else { return }
        promised -= bytes
        handedOver += bytes
    }

    /// The lane has given the socket all that it was handed, and counts what was not taken.
    package mutating func written() { handedOver = 0 }
}
