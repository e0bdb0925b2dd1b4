// One connection's identity: it checks tokens, bounds what the client has going on, and sends commands
// on to the organisation and its channels. It belongs to its connection, on whose lane it is called;
// answers do not come back through it but go from the actors straight to the lane, which shows it what it
// sends (`willSend`). It is no actor: nobody else can have it, and an actor asks for each call where it is
// called from, which cost more than all the rest of `willSend`.

package import Model
package import Ports
import Rules

package final class Session {
    enum State {
        case awaitingHello
        /// The organisation is deciding; commands that came meanwhile wait, `held` in all.
        case opening(Principal, hello: UInt32, held: [ClientFrame])
        case open(Principal)
        case closed
    }

    package let id: SessionID

    /// A token is honoured this long after its end, for clocks that differ.
    package static let expiryLeewayMilliseconds: Int64 = 5_000

    private let lane: any Lane
    let delivery: any DeliveryLane
    let registry: Registry
    /// As it was when the connection came: what the client was told stays true.
    private let limits: Limits
    private(set) var state = State.awaitingHello
    private var gate: CommandGate
    /// Refusals for their rate that are answered, as many times what a connection may have going on. A client
    /// that comes back with a queue sends more than its burst before it can read the first refusal, and would do
    /// so each time if it were sent away for that.
    package static let patienceFactor: UInt32 = 16
    /// Who goes on nevertheless is sent away.
    private var patience: TokenBucket
    /// Refusals that are answered before the sign-in, where everything but hello is one.
    package static let refusalsBeforeHelloMax = 64
    private var refusalsBeforeHello = 0
    /// Shared with the account's other sessions, while this one is open.
    private var accountRate: AccountRate?
    private var ownAddress: SessionAddress?
    /// When the token ends, its leeway included. By the clock that nobody sets: a hub whose time is put right does
    /// not send everybody away.
    private var tokenEnds = MonotonicNanoseconds(0)
    /// The earliest look at that moment that is under way. A newer token moves the moment, not the look, so that
    /// refreshes do not pile up timers.
    private var expiryLook: MonotonicNanoseconds?
    /// Where the last command to a channel went.
    private var latestChannel: Channel?
    /// What waits for room in the outbox; see Session+Window.
    var backlog = Backlog()
    /// Channels the client asked for, in that order; what has to be told when the connection goes.
    private var subscriptions: [ChannelID] = []
    /// Subscribe commands the channel has not answered yet.
    private var subscribing: [UInt32: ChannelID] = [:]
    /// And unsubscribe commands: until the channel has said so, it may still hold the session.
    private var unsubscribing: [UInt32: ChannelID] = [:]

    package init(id: SessionID, lane: any Lane, delivery: any DeliveryLane, registry: Registry) {
        self.id = id
        self.lane = lane
        self.delivery = delivery
        self.registry = registry
        let configuration = registry.configuration
        limits = configuration.limits
        let now = registry.surroundings.clocks.monotonic()
        let burst = configuration.commandsBurst
        gate = CommandGate(
            inFlightMax: limits.commandsInFlightMax,
            bucket: TokenBucket(rate: configuration.commandsPerSecond, burst: burst, now: now))
        let (refusals, overflow) = (burst &+ limits.commandsInFlightMax)
            .multipliedReportingOverflow(by: Self.patienceFactor)
        patience = TokenBucket(rate: configuration.commandsPerSecond, burst: overflow ? .max : refusals, now: now)
    }

    // MARK: From the connection

    /// A decoded command of the connection, in order of arrival.
    /// - Parameter isOverloaded: the connection's loop takes no new work.
    /// - Returns: `false` when it was refused before anybody else was asked.
    @discardableResult
    package func receive(_ frame: ClientFrame, isOverloaded: Bool = false) -> Bool {
        if case .closed = state { return false }
        let now = registry.surroundings.clocks.monotonic()
        guard frame.id > 0, frame.id <= UInt32(Int32.max) else {
            refuse(0, ErrorReply(.invalidArgument, "A command needs an id from 1 to 2147483647.",
                                 details: [Detail("field", "id")]))
            losePatience(at: now)
            return false
        }
        switch gate.admit(frame.id, at: now) {
        case .refuse(let code, let wait):
            refuse(code == .duplicateID ? 0 : frame.id,
                   ErrorReply(code, Self.refusal(code), retryAfterMilliseconds: wait,
                              details: [Detail("id", "\(frame.id)")]))
            losePatience(at: now)
            return false
        case .pass: break
        }
        if isOverloaded, frame.command.isNewWork {
            refuse(frame.id, ErrorReply(.overloaded, "The hub has too much to do; try again shortly.",
                                        retryAfterMilliseconds: 2_000))
            return false
        } else if let wait = accountRate?.take(at: now) {
            refuse(frame.id, ErrorReply(.rateLimited, "Too many commands per second of the account.",
                                        retryAfterMilliseconds: wait))
            losePatience(at: now)
            return false
        } else {
            return route(frame)
        }
    }

    private func losePatience(at now: MonotonicNanoseconds) {
        if patience.take(at: now) != nil {
            close(.rateLimited)
        } else if case .awaitingHello = state {
            refusalsBeforeHello += 1
            if refusalsBeforeHello == Self.refusalsBeforeHelloMax + 1 { close(.rateLimited) }
        }
    }

    /// Work that the connection's input has caused. The milliseconds until the account may cause more; `nil`: now.
    package func charge(_ work: Int, at now: MonotonicNanoseconds) -> UInt32? {
        accountRate?.charge(work, at: now)
    }

    package var unansweredCommands: Int { gate.inFlightCount }

    /// The lane is about to send this frame to the client.
    package func willSend(_ frame: ServerFrame) {
        if case .error(let error) = frame.body { registry.surroundings.metrics.refused(error.code) }
        if frame.id != 0 {
            gate.answered(frame.id)
            answered(frame)
            if !subscribing.isEmpty, let channel = subscribing.removeValue(forKey: frame.id),
               case .error = frame.body {
                subscriptionEnded(channel)
            } else if !unsubscribing.isEmpty, let channel = unsubscribing.removeValue(forKey: frame.id),
                      case .done = frame.body {
                subscriptionEnded(channel)
            }
        } else if case .subscriptionEnded(let ended) = frame.body {
            subscriptionEnded(ended.channel)
        }
        guard case .opening(let principal, frame.id, let held) = state else { return }
        if case .welcome = frame.body {
            state = .open(principal)
            accountRate = registry.accountRates.enter(principal.account)
            scheduleExpiry()
            for command in held { carryOutInTurn(command, principal) }
        } else {
            // The organisation refused, and closes behind its answer.
            state = .closed
        }
    }

    /// The connection is gone; called once, last.
    package func connectionClosed() {
        switch state {
        case .open(let principal), .opening(let principal, _, _):
            for channel in subscriptions {
                _ = registry.tell(principal.organisation, channel, .sessionClosed(id), isControl: true)
            }
            _ = registry.tell(principal.organisation, .closed(id), isControl: true)
            if accountRate != nil {
                registry.accountRates.leave(principal.account,
                                            at: registry.surroundings.clocks.monotonic())
            }
        case .awaitingHello, .closed: break
        }
        state = .closed
        subscriptions = []
        latestChannel = nil
        backlog = Backlog()
        ownAddress?.leave()
    }

    // MARK: Commands

    private func route(_ frame: ClientFrame) -> Bool {
        if let error = ArgumentRule.check(frame.command, limits) {
            refuse(frame.id, error)
            return false
        }
        switch state {
        case .closed: return false
        case .awaitingHello:
            guard case .hello(let hello) = frame.command else {
                refuse(frame.id, ErrorReply(.unauthenticated, "The first command is hello."))
                losePatience(at: registry.surroundings.clocks.monotonic())
                return false
            }
            open(frame.id, hello)
        case .opening(let principal, let hello, var held):
            held.append(frame)
            state = .opening(principal, hello: hello, held: held)
        case .open(let principal): carryOutInTurn(frame, principal)
        }
        return true
    }

    private func open(_ command: UInt32, _ hello: Hello) {
        let now = registry.surroundings.clocks.now()
        do throws(TokenError) {
            let principal = try registry.surroundings.verifier.verify(hello.token, at: now)
            tokenEnds = end(of: principal, at: now)
            state = .opening(principal, hello: command, held: [])
            let origin = Origin(address: address(principal), command: command)
            tellOrganisation(principal, command, .open(origin, principal))
        } catch {
            switch error {
            case .expired:
                registry.surroundings.security.note(.tokenExpired)
                refuse(command, ErrorReply(.tokenExpired, "The access token has expired."))
                close(.tokenExpired)
            case .invalid:
                registry.surroundings.security.note(.tokenForged)
                refuse(command, ErrorReply(.unauthenticated, "The access token is not valid."))
                close(.badAuthentication)
            }
        }
    }

    /// - Parameter page: for commands that need one (`Command.asksForPage`), and for no other.
    func carryOut(_ frame: ClientFrame, _ principal: Principal, _ page: PageGrant? = nil) {
        let origin = Origin(address: address(principal), command: frame.id)
        func channel(_ id: ChannelID, _ command: ChannelCommand) {
            if !registry.tell(principal.organisation, id, command, latest: &latestChannel) {
                refuseOverloaded(frame.id)
            }
        }
        func organisation(_ command: OrganisationCommand) {
            tellOrganisation(principal, frame.id, command)
        }
        switch frame.command {
        case .hello:
            refuse(frame.id, ErrorReply(.conflict, "The session is open already."))
        case .refresh(let refresh): self.refresh(frame.id, refresh, principal)
        case .ping: answer(frame.id, .pong(Pong(serverTime: registry.surroundings.clocks.now())))
        case .subscribe(let subscribe): self.subscribe(origin, subscribe, page, principal)
        case .unsubscribe(let it):
            // Answered from what this connection asked for: the channel is not looked at, so that nobody is told,
            // or can measure, whether there is one of that id.
            guard subscriptions.contains(it.channel) else {
                refuse(frame.id, ErrorReply(.notSubscribed, "There is no such subscription."))
                return
            }
            unsubscribing[frame.id] = it.channel
            channel(it.channel, .unsubscribe(origin))
        case .post(let post): channel(post.channel, .post(origin, post))
        case .history(let it): channel(it.channel, .history(origin, it, page!))
        case .typing(let it): channel(it.channel, .typing(origin, active: it.active))
        case .join(let it): channel(it.channel, .join(origin))
        case .leave(let it): channel(it.channel, .leave(origin))
        case .listMembers(let it): channel(it.channel, .members(origin, it, page!))
        case .markRead(let it): channel(it.channel, .markRead(origin, sequence: it.sequence))
        case .addMember(let it): organisation(.addMember(origin, it))
        case .presence(let it): organisation(.presence(origin, it.state))
        case .watchPresence(let it): organisation(.watchPresence(origin, it, page!))
        case .listChannels(let it): organisation(.listChannels(origin, it, page!))
        case .createChannel(let it): organisation(.createChannel(origin, it))
        case .openDirect(let it): organisation(.openDirect(origin, it.account))
        case .listPeople(let it): organisation(.listPeople(origin, it, page!))
        case .edit(let edit): channel(edit.channel, .edit(origin, edit))
        case .removeMember(let it): organisation(.removeMember(origin, it))
        case .changeRole(let it): organisation(.changeRole(origin, it))
        case .removePerson(let it): organisation(.removePerson(origin, it.account))
        case .broadcast(let it): channel(it.channel, .broadcast(origin, it.text))
        }
    }

    private func subscribe(_ origin: Origin, _ subscribe: Subscribe, _ page: PageGrant?, _ principal: Principal) {
        let isNew = !subscriptions.contains(subscribe.channel)
        let limit = limits.subscriptionsMax
        guard !isNew || subscriptions.count < Int(limit) else {
            refuse(origin.command, ErrorReply(
                .subscriptionLimit, "Too many subscriptions on this connection.",
                details: [Detail("limit", "\(limit)")]))
            return
        }
        let command = ChannelCommand.subscribe(origin, after: subscribe.after, page)
        guard registry.tell(principal.organisation, subscribe.channel, command) else {
            refuseOverloaded(origin.command)
            return
        }
        if isNew { subscriptions.append(subscribe.channel) }
        subscribing[origin.command] = subscribe.channel
    }

    /// Unless a later command asks for the channel again.
    private func subscriptionEnded(_ channel: ChannelID) {
        if !subscribing.values.contains(channel) { subscriptions.removeAll { $0 == channel } }
    }

    // MARK: Tokens

    /// A newer token of the same sign-in: another's could be ended without this session hearing of it.
    private func refresh(_ command: UInt32, _ refresh: Refresh, _ principal: Principal) {
        let now = registry.surroundings.clocks.now()
        let newer: Principal
        do throws(TokenError) {
            newer = try registry.surroundings.verifier.verify(refresh.token, at: now)
        } catch {
            switch error {
            case .expired:
                registry.surroundings.security.note(.tokenExpired)
                refuse(command, ErrorReply(.tokenExpired, "The access token has expired; get a newer one."))
            case .invalid:
                registry.surroundings.security.note(
                    .tokenForged, .id("account", principal.account), .id("organisation", principal.organisation))
                refuse(command, ErrorReply(.unauthenticated, "The access token is not valid."))
            }
            return
        }
        guard newer.account == principal.account, newer.organisation == principal.organisation,
              newer.login == principal.login
        else {
            refuse(command, ErrorReply(.unauthenticated, "The token is not one of this session's sign-in."))
            return
        }
        guard newer.role == principal.role else {
            answer(command, .refreshed(Refreshed(tokenExpiresAt: newer.expiresAt)))
            close(.roleChanged)
            return
        }
        state = .open(newer)
        tokenEnds = end(of: newer, at: now)
        scheduleExpiry()
        answer(command, .refreshed(Refreshed(tokenExpiresAt: newer.expiresAt)))
    }

    private func end(of principal: Principal, at now: UnixMilliseconds) -> MonotonicNanoseconds {
        let left = max(0, principal.expiresAt.value - now.value)
        return registry.surroundings.clocks.monotonic()
            .adding(milliseconds: left + Self.expiryLeewayMilliseconds)
    }

    /// Makes sure that `checkExpiry` is called when the token ends, or before.
    private func scheduleExpiry() {
        if let expiryLook, expiryLook <= tokenEnds { return }
        expiryLook = tokenEnds
        let left = tokenEnds.milliseconds(since: registry.surroundings.clocks.monotonic())
        lane.submit(afterMilliseconds: UInt32(clamping: left)) { [delivery, id] in
            delivery.hand(.checkExpiry(id))
        }
    }

    package func checkExpiry() {
        guard case .open = state else { return }
        if registry.surroundings.clocks.monotonic() >= tokenEnds {
            close(.tokenExpired)
        } else {
            expiryLook = nil
            scheduleExpiry()
        }
    }

    // MARK: Answers

    /// The account is the same for the life of the session.
    func address(_ principal: Principal) -> SessionAddress {
        if let ownAddress { return ownAddress }
        let address = SessionAddress(lane: delivery, session: id, account: principal.account)
        ownAddress = address
        return address
    }

    private func tellOrganisation(_ principal: Principal, _ command: UInt32,
                                  _ message: OrganisationCommand) {
        if !registry.tell(principal.organisation, message) {
            refuseOverloaded(command)
            if case .opening = state { close(.overloaded) }
        }
    }

    private func answer(_ command: UInt32, _ body: ServerBody) {
        delivery.hand(.send(id, ServerFrame(id: command, body: body)))
    }

    private func refuse(_ command: UInt32, _ error: ErrorReply) {
        answer(command, .error(error))
    }

    private func refuseOverloaded(_ command: UInt32) {
        refuse(command, ErrorReply(.overloaded, "Too much is waiting; try again shortly.",
                                   retryAfterMilliseconds: 500))
    }

    /// Closes the connection behind everything answered so far.
    private func close(_ code: CloseCode) {
        delivery.hand(.close(id, code, retryAfterMilliseconds:
            code == .overloaded || code == .rateLimited ? 1_000 : 0))
    }

    private static func refusal(_ code: ErrorCode) -> String {
        switch code {
        case .duplicateID: "A command with this id is not answered yet."
        case .tooManyInFlight: "Too many commands are unanswered."
        default: "Too many commands per second."
        }
    }
}
