// What the world sees happen, for checkers: truth from the store, and what hubs and clients do with it.

import Live
import Model
import Ports

enum Fact {
    /// The store made a channel.
    case channelMade(OrganisationID, ChannelRecord)
    /// The store wrote events; they are durable from here on.
    case committed(OrganisationID, ChannelID, [StoredEvent])
    /// A hub put a frame on a connection.
    case handed(SimConnection, ServerFrame)
    /// A client read it.
    case received(SimClient, SimConnection, ServerFrame)
    /// A client considers a post done.
    case acknowledged(SimClient, SimClient.PendingPost)
    /// A hub closed a connection.
    case closedByHub(SimConnection, CloseCode)
    /// A client was told not to come back.
    case sentAway(SimClient, CloseCode)
    /// A sign-in was revoked in the store.
    case revoked(LoginID)
    /// In the store, somebody has another role now.
    case roleChanged(OrganisationID, AccountID, Role)
    /// In the store, somebody is no member of the organisation any more.
    case personRemoved(OrganisationID, AccountID)
    /// Everything works again; from here on things have to settle.
    case healed
    /// Everything has settled, and clients are still connected.
    case settled
    /// Everybody has gone, and what is idle has been put away.
    case emptied
}

/// Holds one promise against what happens. A new one goes into `Simulation.makeCheckers`.
protocol Checker: AnyObject {
    func observe(_ fact: Fact, in world: Simulation)
}

package struct Violation: Error, Sendable, Hashable {
    package let promise: String
    package let text: String
}
