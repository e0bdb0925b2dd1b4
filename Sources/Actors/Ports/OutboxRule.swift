// What every `DeliveryLane` does with readers that do not keep up. What they leave waiting costs the hub
// memory, so it is bounded for each reader and for all together; ephemeral events go first, then the reader.

package struct OutboxRule: Sendable {
    /// Bytes that may wait for one reader.
    package var bytesMax: Int
    /// Bytes that may wait for all readers together.
    package var totalBytesMax: Int
    /// Readers with no more than this waiting are left alone when all together are over the bound.
    package var sparedBytes: Int

    package init(bytesMax: Int, totalBytesMax: Int, sparedBytes: Int = 64 << 10) {
        self.bytesMax = bytesMax
        self.totalBytesMax = totalBytesMax
        self.sparedBytes = sparedBytes
    }

    /// Whether an ephemeral event is still added to what waits for a reader.
    package func takesEphemeral(waiting: Int) -> Bool { waiting <= bytesMax / 2 }

    /// Whether a reader has to go, to come back with its position.
    /// - Parameter total: what waits for all readers together, this one included.
    package func isOverBudget(waiting: Int, total: Int) -> Bool {
        waiting > bytesMax || waiting > sparedBytes && total > totalBytesMax
    }
}
