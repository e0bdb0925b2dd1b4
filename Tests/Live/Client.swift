// A connection as a test drives it, and the people and channels of the tests.

import Live
import Model
import Ports
import Testing

let acme = OrganisationID(high: 3, low: 1)
let rival = OrganisationID(high: 3, low: 2)
let alice = AccountID(high: 1, low: 1)
let bob = AccountID(high: 1, low: 2)
let eve = AccountID(high: 1, low: 3)
let general = ChannelID(high: 4, low: 1)
let secret = ChannelID(high: 4, low: 2)

/// A connection as a test drives it.
final class Client {
    let world: World
    let lane: RecordingLane
    let session: Session
    private var nextID: UInt32 = 1

    init(_ world: World, front: Int = 0, hub: Int = 0) {
        self.world = world
        lane = world.front[2 * hub + front]
        session = Session(id: world.registry.surroundings.entropy.id(at: world.now), lane: lane.lane,
                          delivery: lane, registry: world.registries[hub])
        lane.open(session)
    }

    convenience init(_ world: World, as account: AccountID, of organisation: OrganisationID = acme,
                     role: Role = .member, front: Int = 0, hub: Int = 0) {
        self.init(world, front: front, hub: hub)
        let reply = ask(.hello(Hello(token: PlainVerifier.token(account, organisation, role))))
        guard case .welcome = reply else {
            Issue.record("no welcome: \(String(describing: reply))")
            return
        }
    }

    /// Sends a command without waiting; returns its id.
    @discardableResult
    func send(_ command: Command, id: UInt32? = nil) -> UInt32 {
        let number = id ?? nextID
        nextID = max(nextID, number) + 1
        let frame = ClientFrame(id: number, command: command)
        receive(frame)
        return number
    }

    func receive(_ frame: ClientFrame, isOverloaded: Bool = false) {
        // SAFETY: see World.
        nonisolated(unsafe) let session = session
        lane.lane.submit { [lane] in
            session.receive(frame, isOverloaded: isOverloaded)
            lane.tellWindow(session)
        }
    }

    func reply(to id: UInt32) -> ServerBody? { frames.first { $0.id == id }?.body }

    @discardableResult
    func ask(_ command: Command) -> ServerBody? {
        let id = send(command)
        world.settle()
        return reply(to: id)
    }

    func post(_ text: String, key: IdempotencyKey? = nil, to channel: ChannelID = general) -> ServerBody? {
        ask(.post(Post(channel: channel, key: key ?? IdempotencyKey(text), text: text)))
    }

    var frames: [ServerFrame] { lane.frames[session.id] ?? [] }
    var closeCode: CloseCode? { lane.closed[session.id] }
    /// Every event pushed so far.
    var events: [Event] {
        frames.flatMap { frame -> [Event] in
            if case .events(let push) = frame.body { push.events } else { [] }
        }
    }
    var sequences: [UInt64] { events.map(\.sequence) }
    var broadcasts: [BroadcastSent] {
        frames.compactMap { if case .broadcast(let sent) = $0.body { sent } else { nil } }
    }
    func drop() {
        lane.drop(session.id)
        world.settle()
    }
}

func error(_ body: ServerBody?) -> ErrorCode? {
    if case .error(let reply) = body { reply.code } else { nil }
}
func posted(_ body: ServerBody?) -> Posted? {
    if case .posted(let posted) = body { posted } else { nil }
}
func subscribed(_ body: ServerBody?) -> Subscribed? {
    if case .subscribed(let subscribed) = body { subscribed } else { nil }
}

func world(hubs: Int = 1, _ configure: (inout LiveConfiguration) -> Void = { _ in }) -> World {
    var configuration = LiveConfiguration()
    configuration.commandsPerSecond = 0
    configure(&configuration)
    let world = World(configuration: configuration, hubs: hubs)
    for account in [alice, bob, eve] { world.store.person(account, in: acme) }
    world.store.person(eve, in: rival)
    world.store.makeChannel(general, in: acme, members: [alice, bob])
    world.store.makeChannel(secret, in: acme, kind: .closed, members: [alice, bob])
    return world
}

func subscribe(_ channel: ChannelID = general, after sequence: UInt64? = nil) -> Command {
    .subscribe(Subscribe(channel: channel, after: sequence.map { Position(epoch: 1, sequence: $0) }))
}
