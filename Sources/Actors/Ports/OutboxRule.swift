// What every `DeliveryLane` does with readers that do not keep up. What they leave waiting costs the hub
// memory, so it is bounded for each reader and for all together; ephemeral events go first, then the reader.
// Only what comes unasked can make a reader slow: answers are made as there is room for them.

package struct OutboxRule: Sendable {
    /// Bytes that may wait for one reader.
    package var bytesMax: Int
    /// Bytes that may wait for all readers together.
    package var totalBytesMax: Int
    /// Readers with no more than this waiting are left alone when all together are over the bound.
    package var sparedBytes: Int
    /// The largest page of an answer or a replay. Higher: fewer round trips for long lists; lower: less that a
    /// reader has to take before something else comes, and more pages that may be under way together.
    package var pageBytesMax: Int

    package init(bytesMax: Int, totalBytesMax: Int, sparedBytes: Int = 64 << 10, pageBytesMax: Int = 128 << 10) {
        self.bytesMax = bytesMax
        self.totalBytesMax = totalBytesMax
        self.sparedBytes = sparedBytes
        self.pageBytesMax = pageBytesMax
    }

    /// Whether an ephemeral event is still added to what waits for a reader.
    package func takesEphemeral(waiting: Int) -> Bool { waiting <= bytesMax / 2 }

    /// Whether a reader has to go, to come back with its position.
    /// - Parameter total: what waits for all readers together, this one included.
    package func isOverBudget(waiting: Int, total: Int) -> Bool {
        waiting > bytesMax || waiting > sparedBytes && total > totalBytesMax
    }

    // MARK: Room for what was asked for

    /// What a page has beside its entries.
    private static let pageOverheadBytes = 1 << 10

    /// What may be on its way to a reader of what it has asked for, in pages of which size. Half of what may
    /// wait: the other half is for what comes unasked meanwhile. When all readers together have half of what
    /// they may have, each gets a page at a time, so small that it is spared.
    package func room(waiting: Int, total: Int) -> (bytes: Int, pageBytes: Int) {
        let window = bytesMax / 2
        guard total <= totalBytesMax / 2 else {
            let page = max(1, min(sparedBytes, window) - Self.pageOverheadBytes)
            return (waiting == 0 ? page : 0, page)
        }
        return (max(0, window - waiting), max(1, min(pageBytesMax, window) - Self.pageOverheadBytes))
    }
}
