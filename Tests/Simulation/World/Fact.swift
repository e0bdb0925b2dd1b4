// What the world sees happen, for checkers: truth from the store, and what hubs and clients do with it.

import Live
import Model
import Ports

enum Fact {
    /// The store made a channel.
    case channelMade(OrganisationID, ChannelRecord)
    /// The store wrote events; they are durable from here on.
    case committed(OrganisationID, ChannelID, [StoredEvent])
    /// A hub begins to read from the store what one of its sessions has asked for.
    case readBegun(SimNode, ReadForSomebody)
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

/// What is read for somebody: a page of a log, for its history or a replay; or the list of an account.
enum ReadForSomebody: Hashable {
    case page(ChannelID)
    case channelList(AccountID)

    /// `nil` for commands that need no such read.
    init?(_ command: Command, of account: AccountID) {
        switch command {
        case .history(let it): self = .page(it.channel)
        case .subscribe(let it) where it.after != nil: self = .page(it.channel)
        case .listChannels: self = .channelList(account)
        default: return nil
        }
    }
}

/// Holds one promise against what happens. A new one goes into `Simulation.makeCheckers`.
protocol Checker: AnyObject {
    func observe(_ fact: Fact, in world: Simulation)
}

package struct Violation: Error, Sendable, Hashable {
    package let promise: String
    package let text: String
}
