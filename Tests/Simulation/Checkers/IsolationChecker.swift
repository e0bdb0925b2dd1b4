// Nothing crosses organisations, and who is not in a closed channel hears nothing of it.

import Model
import Ports

final class IsolationChecker: Checker {
    private var home: [ChannelID: OrganisationID] = [:]
    private var closed: Set<ChannelID> = []

    func observe(_ fact: Fact, in world: Simulation) {
        switch fact {
        case .channelMade(let organisation, let record):
            home[record.id] = organisation
            if record.kind != .open { closed.insert(record.id) }
            world.learnOf(record.id, organisation)
        case .handed(let connection, let frame): handed(frame, connection, world)
        default: break
        }
    }

    private func handed(_ frame: ServerFrame, _ connection: SimConnection, _ world: Simulation) {
        let organisation = connection.client.organisation
        for channel in Self.channels(of: frame.body) where home[channel] != organisation {
            world.fail("isolation", "client \(connection.client.number) got something of channel "
                + "\(world.name(channel)), which is of another organisation")
        }
        for account in Self.accounts(of: frame.body) where !world.accounts(of: organisation).contains(account) {
            world.fail("isolation", "client \(connection.client.number) got something of account "
                + "\(account.low), who is of another organisation")
        }
        if case .broadcast(let sent) = frame.body, !sent.text.hasPrefix("\(sent.channel) \(sent.account) ") {
            world.fail("isolation", "client \(connection.client.number) got a broadcast that was sent as "
                + sent.text)
        }
        if case .welcome(let welcome) = frame.body, welcome.account != connection.client.account
            || welcome.organisation != organisation {
            world.fail("isolation", "client \(connection.client.number) was welcomed as somebody else")
        }
    }

    private static func channels(of body: ServerBody) -> [ChannelID] {
        switch body {
        case .subscribed(let it): [it.channel]
        case .posted(let it): [it.channel]
        case .historyPage(let it): [it.channel]
        case .memberList(let it): [it.channel]
        case .events(let it): [it.channel]
        case .typing(let it): [it.channel]
        case .broadcast(let it): [it.channel]
        case .channelAdded(let it): [it.channel.id]
        case .channelRemoved(let it): [it.channel]
        case .channel(let it): [it.channel.id]
        case .channelList(let it): it.channels.map(\.id)
        case .readMarker(let it): [it.channel]
        case .subscriptionEnded(let it): [it.channel]
        default: []
        }
    }

    /// Of what is damaged, nobody may be known.
    private static func senders(_ events: [Event]) -> [AccountID] {
        events.map(\.sender).filter { $0 != AccountID(high: 0, low: 0) }
    }

    private static func accounts(of body: ServerBody) -> [AccountID] {
        switch body {
        case .events(let it): senders(it.events)
        case .historyPage(let it): senders(it.events)
        case .typing(let it): [it.account]
        case .broadcast(let it): [it.account]
        case .presence(let it): it.changes.map(\.account)
        case .presenceList(let it): it.present.map(\.account)
        case .memberList(let it): it.accounts
        case .peopleList(let it): it.people.map(\.account)
        case .personChanged(let it): [it.person.account]
        case .personRemoved(let it): [it.account]
        default: []
        }
    }
}
