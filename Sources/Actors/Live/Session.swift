// One authenticated connection: identity, limits, and the way from commands to actors.
package import Model
package import Ports

package actor Session {
    package nonisolated let id: SessionID
    private let lane: any Lane
    package nonisolated var unownedExecutor: UnownedSerialExecutor { lane.asUnownedSerialExecutor() }

    package init(id: SessionID, lane: any Lane) {
        self.id = id
        self.lane = lane
    }

    /// A decoded command of the connection, in order of arrival.
    package func receive(_ frame: ClientFrame) {}

    /// The connection is gone; called once, last.
    package func connectionClosed() {}
}
