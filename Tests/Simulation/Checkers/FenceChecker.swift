// Revoked means dark, in order: nothing behind somebody's removal from a closed channel is sent to them,
// a revoked sign-in goes dark in bounded time, and nobody is sent away without a reason.

import Model
import Ports

final class FenceChecker: Checker {
    /// When an account came and went, in the order of the log; closed channels only.
    private struct Stay {
        var from: UInt64
        var to: UInt64?
        /// It ended with the membership of the organisation, which no log tells: other hubs hear of it
        /// in bounded time.
        var endedAt: Int64?
    }
    private struct Place: Hashable {
        let channel: ChannelID
        let account: AccountID
    }
    private var stays: [Place: [Stay]] = [:]
    private var closed: Set<ChannelID> = []
    private var direct: Set<ChannelID> = []
    private var heads: [ChannelID: UInt64] = [:]
    private var revokedAt: [LoginID: Int64] = [:]
    private var healedAt: Int64?
    /// The role that a connection was welcomed with.
    private var welcomedAs: [Int: Role] = [:]
    private var roles: [AccountID: (role: Role, at: Int64)] = [:]

    /// A revoked sign-in may still be served for so long, in a healthy world.
    static let darkMicroseconds: Int64 = 15_000_000

    func observe(_ fact: Fact, in world: Simulation) {
        switch fact {
        case .channelMade(_, let record):
            guard record.kind != .open else { return }
            closed.insert(record.id)
            if record.kind == .direct { direct.insert(record.id) }
            for account in record.members { stays[Place(channel: record.id, account: account)] = [Stay(from: 0)] }
        case .committed(_, let channel, let events):
            heads[channel] = events.last?.sequence
            if closed.contains(channel) { for event in events { committed(event, channel, world) } }
        case .handed(let connection, let frame): handed(frame, connection, world)
        case .revoked(let login): revokedAt[login] = world.scheduler.now
        case .personRemoved(_, let account):
            for client in world.clients where client.account == account && revokedAt[client.login] == nil {
                revokedAt[client.login] = world.scheduler.now
            }
            for place in stays.keys where place.account == account && !direct.contains(place.channel) {
                guard let last = stays[place]!.indices.last, stays[place]![last].to == nil else { continue }
                stays[place]![last].to = heads[place.channel] ?? 0
                stays[place]![last].endedAt = world.scheduler.now
            }
        case .roleChanged(_, let account, let role): roles[account] = (role, world.scheduler.now)
        case .sentAway(let client, let code):
            if code != .revoked || revokedAt[client.login] == nil {
                world.fail("fence", "client \(client.number) was sent away for good, \(code.slug), "
                    + "without a reason")
            }
        case .healed: healedAt = world.scheduler.now
        default: break
        }
    }

    private func committed(_ event: StoredEvent, _ channel: ChannelID, _ world: Simulation) {
        guard let subject = event.subject else { return }
        let place = Place(channel: channel, account: subject)
        guard world.isMember(subject) || event.kind != .joined else {
            // Who was removed meanwhile becomes no member; a hub that has not heard of it may believe so.
            stays[place, default: []].append(Stay(from: event.sequence, to: 0, endedAt: world.scheduler.now))
            return
        }
        if event.kind == .joined { stays[place, default: []].append(Stay(from: event.sequence)) }
        if event.kind == .left, let last = stays[place]?.indices.last, stays[place]![last].to == nil {
            stays[place]![last].to = event.sequence
        }
    }

    private func handed(_ frame: ServerFrame, _ connection: SimConnection, _ world: Simulation) {
        let client = connection.client
        if let since = revokedAt[client.login], !frame.body.isClosing {
            let start = max(since, healedAt ?? .max)
            if world.scheduler.now - start > Self.darkMicroseconds {
                world.fail("fence", "client \(client.number), whose sign-in was revoked, is still served")
            }
        }
        if case .welcome(let welcome) = frame.body { welcomedAs[connection.number] = welcome.role }
        if let (role, at) = roles[client.account], let had = welcomedAs[connection.number], had != role,
           !frame.body.isClosing, world.scheduler.now - max(at, healedAt ?? .max) > Self.darkMicroseconds {
            world.fail("fence", "client \(client.number) is still served with a role it does not have any more")
        }
        let (channel, last): (ChannelID, UInt64)
        switch frame.body {
        case .events(let push): (channel, last) = (push.channel, push.events.last?.sequence ?? 0)
        case .historyPage(let page): (channel, last) = (page.channel, page.events.last?.sequence ?? 0)
        case .subscribed(let reply): (channel, last) = (reply.channel, 0)
        case .broadcast(let sent):
            (channel, last) = (sent.channel, 0)
            if closed.contains(channel), stays[Place(channel: channel, account: sent.account)] == nil {
                world.fail("fence", "client \(client.number) got a broadcast of somebody who has never been in "
                    + "channel \(world.name(channel))")
            }
        default: return
        }
        guard closed.contains(channel) else { return }
        let stays = self.stays[Place(channel: channel, account: client.account)] ?? []
        // Who is a member, or comes back later, may read everything; who has left, up to the leaving.
        let mayRead = stays.contains { stay in
            guard let to = stay.to, to < last else { return true }
            return stay.endedAt.map { world.scheduler.now - max($0, healedAt ?? .max) <= Self.darkMicroseconds }
                ?? false
        }
        if !mayRead {
            world.fail("fence", "client \(client.number) got event \(last) of channel "
                + "\(world.name(channel)) and is no member of it there")
        }
    }
}

extension ServerBody {
    fileprivate var isClosing: Bool {
        switch self {
        case .closing, .error: true
        default: false
        }
    }
}
