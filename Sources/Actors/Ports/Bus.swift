// What several hubs over one database tell each other. Everything durable is in the database; a notice
// only says that it is worth looking there now. So a bus may lose, repeat, delay and reorder notices:
// the resync of the actors makes up for it.

package import Model

package enum Notice: Sendable, Hashable {
    /// The log of a channel has got at least this far.
    case logMoved(OrganisationID, ChannelID, Position)
    /// People, roles or sign-ins are not what they were: see `MemberStore.revision`.
    case organisationChanged(OrganisationID)
    /// There is a new channel; everybody sees it if it is open.
    case channelCreated(OrganisationID, ChannelID)
    /// What an account's list says of a channel has changed: it joined, left, was added or removed.
    case channelListChanged(OrganisationID, ChannelID, AccountID)
    /// An account has read up to this sequence.
    case readMarker(OrganisationID, ChannelID, AccountID, UInt64)
    // With nothing behind them in the store:
    /// Somebody began or stopped typing.
    case typing(OrganisationID, ChannelID, AccountID, active: Bool)
    /// Somebody sent a text to those who listen now.
    case broadcast(OrganisationID, ChannelID, AccountID, String)
}

/// The way to the other hubs. What they send is given to `Registry.receive`.
package protocol Bus: Sendable {
    /// From any thread. Never blocks and never fails: at its bound a bus drops notices. The notice may
    /// come back to the hub that published it.
    func publish(_ notice: Notice)
}

/// For a hub that has its database to itself.
package struct NoBus: Bus {
    package init() {}
    package func publish(_ notice: Notice) {}
}
