// The bounded inbox of an actor that takes client traffic: many senders, one consumer, in order. It is
// drained in batches by one job on the actor's lane; a message costs an append under a lock.

package import Ports

package final class Inbox<Item: Sendable>: Sendable {
    package enum Offer: Sendable, Hashable {
        case accepted
        /// The limit is reached; nothing was kept.
        case full
        /// The actor was passivated; look it up again.
        case closed
    }

    private struct State {
        var items: [Item] = []
        var isScheduled = false
        var isClosed = false
    }

    private let state = Lock(State())
    /// Most items that wait; above, offers are refused. Control items get in all the same.
    private let limit: Int
    private let lane: any Lane

    package init(limit: Int, lane: any Lane) {
        self.limit = limit
        self.lane = lane
    }

    /// Appends an item and has `drain` run on the lane, once per burst.
    /// - Parameter isControl: it must not be lost and is bounded by other means (one per session).
    package func offer(_ item: Item, isControl: Bool = false,
                       drain: @escaping @Sendable () -> Void) -> Offer {
        var isFirst = false
        let offer: Offer = state.withLock { state in
            if state.isClosed { return .closed }
            if state.items.count >= limit, !isControl { return .full }
            state.items.append(item)
            isFirst = !state.isScheduled
            state.isScheduled = true
            return .accepted
        }
        if isFirst { lane.submit(drain) }
        return offer
    }

    /// Everything that waits, in order.
    package func take() -> [Item] {
        state.withLock { state in
            let items = state.items
            state.items = []
            state.isScheduled = false
            return items
        }
    }

    /// Closes the inbox if nothing waits in it.
    package func closeIfEmpty() -> Bool {
        state.withLock { state in
            guard state.items.isEmpty else { return false }
            state.isClosed = true
            return true
        }
    }

    package var count: Int { state.withLock { $0.items.count } }
}
