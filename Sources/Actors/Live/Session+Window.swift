// What a session does about large answers: a command that asks for a page, and a replay that has more, wait here
// until the connection has room for a page, and end with the connection. Whoever reads, however slowly, gets
// everything in pieces; what waits for a reader stays within half of its outbox, and so does what is being read
// for it from the store.

import Model
package import Ports
import Rules

extension Session {
    /// Bounded by `commands_in_flight_max` and by the subscriptions of a connection.
    struct Backlog {
        enum Entry {
            case command(ClientFrame)
            case replay(ReplayTicket)
        }
        var window = ReaderWindow()
        /// In the order they came. Whoever is first gets the room there is.
        var entries: [Entry] = []
        /// The pages of commands under way, by the command's id.
        var pages: [UInt32: UInt32] = [:]

        /// A command about the same thing waits already: it goes first.
        func isAhead(of command: Command) -> Bool {
            guard !entries.isEmpty, let subject = command.subject else { return false }
            return entries.contains { entry in
                if case .command(let earlier) = entry { earlier.command.subject == subject } else { false }
            }
        }
    }

    /// The lane has to call `wrote` when it has written what it was given.
    package var awaitsWrite: Bool { backlog.window.awaitsWrite || !backlog.entries.isEmpty }

    /// What the lane was given is with the socket or in the outbox, or the socket has taken more.
    /// - Parameter room: see `OutboxRule.room`.
    package func wrote(room: (bytes: Int, pageBytes: Int)) {
        backlog.window.written()
        guard case .open(let principal) = state else { return }
        var next = 0
        carrying: while next < backlog.entries.count {
            let entry = backlog.entries[next]
            if case .command(let frame) = entry, !frame.command.asksForPage {
                // It waited for its turn only.
                next += 1
                carryOut(frame, principal)
                continue
            }
            guard let number = backlog.window.take(room.pageBytes, of: room.bytes) else { break carrying }
            next += 1
            let page = PageGrant(number: number, bytesMax: room.pageBytes)
            switch entry {
            case .command(let frame):
                backlog.pages[frame.id] = number
                carryOut(frame, principal, page)
            case .replay(let ticket): goOn(ticket, principal, page)
            }
        }
        backlog.entries.removeFirst(next)
    }

    /// Commands about one channel, and those about the organisation's lists, keep their order.
    func carryOutInTurn(_ frame: ClientFrame, _ principal: Principal) {
        if frame.command.asksForPage || backlog.isAhead(of: frame.command) {
            backlog.entries.append(.command(frame))
        } else {
            carryOut(frame, principal)
        }
    }

    /// A reply is about to be sent. That of a subscription is not the end of its page.
    func answered(_ frame: ServerFrame) {
        guard !backlog.pages.isEmpty, let number = backlog.pages.removeValue(forKey: frame.id) else { return }
        if case .subscribed = frame.body { return }
        backlog.window.handedOver(number)
    }

    /// See `Delivery.paged`.
    package func paged(_ page: PageGrant, next: ReplayTicket?) {
        backlog.window.handedOver(page.number)
        if let next { backlog.entries.append(.replay(next)) }
    }

    private func goOn(_ ticket: ReplayTicket, _ principal: Principal, _ page: PageGrant) {
        let command = ChannelCommand.goOn(address(principal), ticket.number, page)
        // A channel that is not in memory has no replay under way.
        if !registry.tellLive(principal.organisation, ticket.channel, command) { paged(page, next: nil) }
    }
}

extension Command {
    /// Its answer, or what follows the answer, may be large.
    var asksForPage: Bool {
        switch self {
        case .history, .listChannels, .listPeople, .listMembers, .watchPresence: true
        case .subscribe(let it): it.after != nil
        case .hello, .refresh, .ping, .unsubscribe, .post, .typing, .presence, .createChannel, .openDirect, .join,
             .leave, .addMember, .markRead, .edit, .removeMember, .changeRole, .removePerson, .broadcast: false
        }
    }

    /// What commands keep their order about.
    fileprivate enum Subject: Equatable {
        case channel(ChannelID)
        case organisation
    }

    fileprivate var subject: Subject? {
        switch self {
        case .hello, .refresh, .ping: nil
        case .subscribe(let it): .channel(it.channel)
        case .unsubscribe(let it): .channel(it.channel)
        case .post(let it): .channel(it.channel)
        case .history(let it): .channel(it.channel)
        case .typing(let it): .channel(it.channel)
        case .join(let it): .channel(it.channel)
        case .leave(let it): .channel(it.channel)
        case .addMember(let it): .channel(it.channel)
        case .listMembers(let it): .channel(it.channel)
        case .markRead(let it): .channel(it.channel)
        case .edit(let it): .channel(it.channel)
        case .removeMember(let it): .channel(it.channel)
        case .broadcast(let it): .channel(it.channel)
        case .presence, .watchPresence, .listChannels, .createChannel, .openDirect, .listPeople, .changeRole,
             .removePerson: .organisation
        }
    }
}
