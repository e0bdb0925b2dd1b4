// Acknowledged is durable, nobody sees what is not, and every effect happens once.

import Model
import Ports

final class DurabilityChecker: Checker {
    private struct Place: Hashable {
        let channel: ChannelID
        let account: AccountID
        let key: IdempotencyKey
    }
    private var posts: [(account: AccountID, post: SimClient.PendingPost)] = []

    func observe(_ fact: Fact, in world: Simulation) {
        switch fact {
        case .handed(let connection, let frame): handed(frame, connection.client.organisation, world)
        case .acknowledged(let client, let post): posts.append((client.account, post))
        case .committed(let organisation, let channel, let events):
            for event in events where event.kind == .edited { edited(event, channel, organisation, world) }
        case .settled: settled(world)
        default: break
        }
    }

    /// One edits one's own messages.
    private func edited(_ edit: StoredEvent, _ channel: ChannelID, _ organisation: OrganisationID,
                        _ world: Simulation) {
        let target = edit.target.flatMap { event(channel, organisation, $0, world) }
        if target?.kind != .message || target?.sender != edit.sender {
            world.fail("own messages", "an edit at \(edit.sequence) of channel \(world.name(channel)) is of "
                + "something that is not its sender's message")
        }
    }

    private func handed(_ frame: ServerFrame, _ organisation: OrganisationID, _ world: Simulation) {
        switch frame.body {
        case .posted(let posted):
            let stored = event(posted.channel, organisation, posted.position.sequence, world)
            if stored?.id != posted.event {
                world.fail("acknowledged is durable", "a post was acknowledged at \(posted.position.sequence) "
                    + "of channel \(world.name(posted.channel)), where the store has another event or none")
            }
        case .events(let push): check(push.events, push.channel, organisation, world)
        case .historyPage(let page): check(page.events, page.channel, organisation, world)
        default: break
        }
    }

    private func check(_ events: [Event], _ channel: ChannelID, _ organisation: OrganisationID,
                       _ world: Simulation) {
        for event in events where event.kind != .damaged {
            let stored = self.event(channel, organisation, event.sequence, world)
            let text = stored?.body.map { String(decoding: $0.bytes.reversed(), as: UTF8.self) } ?? ""
            if stored?.id != event.id || stored?.sender != event.sender || stored?.kind != event.kind
                || stored?.subject != event.subject || stored?.target != event.target || text != event.text {
                world.fail("seen is durable", "event \(event.sequence) of channel \(world.name(channel)) was "
                    + "sent and is not in the store as it was sent")
                return
            }
        }
    }

    private func event(_ channel: ChannelID, _ organisation: OrganisationID, _ sequence: UInt64,
                       _ world: Simulation) -> StoredEvent? {
        guard let log = world.store.model.log(organisation, channel), sequence > 0,
              sequence <= UInt64(log.events.count) else { return nil }
        return log.events[Int(sequence) - 1]
    }

    private func settled(_ world: Simulation) {
        // What was never acknowledged may have happened, but not twice. No two posts of a world have the
        // same text.
        var places: [Place: UInt64] = [:]
        for organisation in world.organisations {
            for channel in world.channels[organisation] ?? [] {
                var seen: Set<[UInt8]> = []
                for event in world.store.model.log(organisation, channel)?.events ?? [] {
                    guard let body = event.body else { continue }
                    places[Place(channel: channel, account: event.sender, key: event.key)] = event.sequence
                    // The beginning of the text tells posts apart; bodies are stored reversed.
                    if !seen.insert(Array(body.bytes.suffix(12))).inserted {
                        world.fail("exactly once", "a message is twice in channel \(world.name(channel)), "
                            + "the second time at \(event.sequence)")
                        return
                    }
                }
            }
        }
        for (account, post) in posts {
            let place = places[Place(channel: post.channel, account: account, key: post.key)]
            if place != post.position?.sequence {
                world.fail("exactly once", "\(post.key) was acknowledged at \(post.position?.sequence ?? 0) and "
                    + "is at \(place ?? 0)")
                return
            }
        }
    }
}
