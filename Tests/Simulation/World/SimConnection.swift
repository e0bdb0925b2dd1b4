// A connection through the simulated network: two pipes that keep order, take time, hold little, and can
// break or fall silent. What is in a pipe when it breaks is lost.

import Live
import Model
import Ports
import Wire

final class SimConnection: @unchecked Sendable {
    // SAFETY: see Scheduler.

    let number: Int
    unowned let client: SimClient
    let encoding: Encoding
    private unowned let world: Simulation
    let front: SimFront

    // The hub's side.
    var session: Session?
    var topics: [Topic] = []
    var heardAt: Int64 = 0
    /// The hub has closed: the last frames are on their way, and what the client sends is not heard.
    private(set) var isClosing = false
    /// What comes is not read any more: a drain waits for the answers to what came before.
    var isHeld = false
    /// What the client waits for that may have to be read from the store, by the command's id.
    private var asked: [UInt32: (read: ReadForSomebody, isReplayed: Bool)] = [:]
    /// Bytes that the socket has not taken.
    var outboxBytes = 0
    private var outbox: [Message] = []
    /// Of these, the bytes of pages: what the client has asked for.
    private(set) var pageBytes = 0

    // The network.
    private var inSocket = 0
    private var inFlight: [Message] = []
    private var lastArrivalAtClient: Int64 = 0
    private var lastArrivalAtHub: Int64 = 0
    private(set) var isBroken = false
    /// Nothing goes through and nobody is told.
    private(set) var isSilent = false
    /// When the client reads again; it is slow until then.
    private var pausedUntil: Int64 = 0

    /// `frame` is what the bytes say: the client decodes the bytes, and the two are compared.
    private struct Message {
        let bytes: [UInt8]
        let frame: ServerFrame?
        /// An answer that may be large, or a part of a replay.
        var isPage = false
    }

    init(_ world: Simulation, number: Int, client: SimClient, front: SimFront, encoding: Encoding) {
        self.world = world
        self.number = number
        self.client = client
        self.front = front
        self.encoding = encoding
    }

    // MARK: What the client waits for

    func arrived(_ frame: ClientFrame) {
        if let read = ReadForSomebody(frame.command, of: client.account) { asked[frame.id] = (read, false) }
    }

    func answered(_ frame: ServerFrame) {
        // What is replayed comes behind the reply, and ends with the attachment.
        if case .subscribed = frame.body { asked[frame.id]?.isReplayed = true } else { asked[frame.id] = nil }
    }

    func attached(_ topic: Topic) {
        guard case .channel(let channel) = topic else { return }
        asked = asked.filter { !($0.value.isReplayed && $0.value.read == .page(channel)) }
    }

    func waits(for read: ReadForSomebody) -> Bool { asked.values.contains { $0.read == read } }

    // MARK: To the client

    /// Returns how many bytes the socket did not take now.
    /// - Parameter isBroadcast: it goes to everybody who is subscribed.
    func write(_ bytes: [UInt8], _ frame: ServerFrame, isBroadcast: Bool = false) -> Int {
        let message = Message(bytes: bytes, frame: frame, isPage: !isBroadcast && frame.body.isPage)
        guard outbox.isEmpty, inSocket < world.plan.socketBytes else {
            outbox.append(message)
            outboxBytes += bytes.count
            if message.isPage { pageBytes += bytes.count }
            return bytes.count
        }
        put(message)
        return 0
    }

    /// What waits is thrown away.
    func discardOutbox() {
        let bytes = outboxBytes
        outbox = []
        outboxBytes = 0
        pageBytes = 0
        front.drained(bytes, of: self)
    }

    private func put(_ message: Message) {
        inSocket += message.bytes.count
        inFlight.append(message)
        // Each takes the client its time, behind the one before.
        let reading = Int64(message.bytes.count) * 1_000 / client.readBytesPerMillisecond
        lastArrivalAtClient = max(world.scheduler.now + world.networkDelay(), lastArrivalAtClient + 1 + reading)
        deliverFirst(at: max(lastArrivalAtClient, pausedUntil))
    }

    /// One such appointment is made for each message in flight; whichever comes first takes the oldest.
    private func deliverFirst(at due: Int64) {
        world.scheduler.after(microseconds: due - world.scheduler.now) { [self] in
            if isBroken || isSilent { return }
            if pausedUntil > world.scheduler.now {
                // The client has stopped reading meanwhile.
                deliverFirst(at: pausedUntil)
                return
            }
            let message = inFlight.removeFirst()
            inSocket -= message.bytes.count
            refill()
            if let frame = message.frame {
                client.received(message.bytes, expected: frame, on: self)
            } else {
                // The end of the stream.
                isBroken = true
                client.disconnected(self)
            }
        }
    }

    private func refill() {
        var moved = 0
        while inSocket < world.plan.socketBytes, !outbox.isEmpty {
            let message = outbox.removeFirst()
            moved += message.bytes.count
            if message.isPage { pageBytes -= message.bytes.count }
            put(message)
        }
        // Without a session nobody counts any more.
        guard session != nil else { return }
        outboxBytes -= moved
        front.drained(moved, of: self)
    }

    /// The hub's last word was written; the stream ends behind it.
    func finish() {
        isClosing = true
        outbox.append(Message(bytes: [], frame: nil))
        refill()
    }

    /// A ping; the client answers by itself if it hears it.
    func ping() {
        world.scheduler.after(microseconds: 2 * world.networkDelay()) { [self] in
            if !isBroken, !isSilent, pausedUntil <= world.scheduler.now { heardAt = world.scheduler.now }
        }
    }

    // MARK: From the client

    func send(_ bytes: [UInt8]) {
        lastArrivalAtHub = max(world.scheduler.now + world.networkDelay(), lastArrivalAtHub + 1)
        world.scheduler.after(microseconds: lastArrivalAtHub - world.scheduler.now) { [self] in
            if !isBroken, !isSilent { front.arrived(bytes, on: self) }
        }
    }

    /// The client goes; the hub hears of it.
    func closeByClient() {
        if isBroken { return }
        isBroken = true
        world.trace.note(.closedByClient, number, 0, "connection", "\(number)")
        if !isSilent { tellHub() }
    }

    // MARK: Faults

    /// The connection breaks, and both sides hear of it, each in its own time.
    func breakDown() {
        if isBroken { return }
        isBroken = true
        world.trace.note(.broken, number, 0, "connection", "\(number)")
        if !isSilent { tellHub() }
        world.scheduler.after(microseconds: world.networkDelay()) { [self] in client.disconnected(self) }
    }

    /// Nobody listens.
    func refuse() {
        if isBroken { return }
        isBroken = true
        world.trace.note(.refusedConnect, number, 0, "connection", "\(number)")
        world.scheduler.after(microseconds: world.networkDelay()) { [self] in client.disconnected(self) }
    }

    private func tellHub() {
        world.scheduler.after(microseconds: world.networkDelay()) { [self] in front.lost(self) }
    }

    /// Half-open: nothing goes through, and nobody is told.
    func fallSilent() {
        if isBroken { return }
        isSilent = true
        world.trace.note(.halfOpen, number, 0, "connection", "\(number)")
    }

    func pauseReading(until due: Int64) { pausedUntil = max(pausedUntil, due) }

    /// The hub was killed: the kernel resets the connection.
    func die() {
        session = nil
        if isBroken { return }
        isBroken = true
        if !isSilent {
            world.scheduler.after(microseconds: world.networkDelay()) { [self] in client.disconnected(self) }
        }
    }
}

extension ServerBody {
    fileprivate var isPage: Bool {
        switch self {
        case .historyPage, .presenceList, .channelList, .memberList, .peopleList, .events: true
        default: false
        }
    }
}
