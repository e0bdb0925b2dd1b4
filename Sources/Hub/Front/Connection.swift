// One connection's own state: parsers, outbox, attachments. It owns bytes and nothing else: who the peer
// is, is the session's business, and what happens next is FrontLoop's.

import Crypto
import Live
import Loop
import Model
import Ports
import Wire

final class Connection {
    let number: Int32
    var poll: PolledSocket
    /// Whom it is made for: who connected, or whom a trusted proxy's PROXY header named.
    var peer: NetworkAddress
    /// Whose number of connections it counts for; `nil`: nobody's.
    var chargedTo: NetworkAddress?
    /// Its client speaks TLS, to us or to a trusted proxy that says so.
    var isSecure = false
    var isWelcomed = false
    /// Over some limit: it gets an answer and goes.
    var isRefused = false
    /// Nobody more gets in, for this reason: the connection is there for one request of a probe.
    var keptFor: FrontMetrics.Refusal?
    /// Of input that is not complete.
    var heldBytes = 0

    /// Until the header has come that a trusted proxy begins with.
    var proxyHeader: ProxyHeaderParser?
    /// And begins TLS behind it.
    var isTLSNext = false

    /// Until its end; see `Slot.isEncrypted`.
    var tls: TLSConnection?
    var isShakingHands: Bool { tls?.isOpen == false }
    /// Encrypted, and not taken by the socket yet.
    var ciphertext: [UInt8] = []
    /// The socket was not even asked: until the end of the tick, when more may go with it.
    var isCiphertextHeld = false

    // HTTP.
    var http: HTTPRequestParser?
    /// A handler is at work on this request.
    var exchange: HTTPExchange?
    /// Requests that came behind are not looked at, and nothing more is read: a handler is at work, or
    /// the peer has to take the answers first.
    var isHolding = false
    /// Read and not looked at: at most what one read gave.
    var heldInput: [UInt8] = []
    /// See FrontLoop+Input: what its input has caused, whether it stands in the queue for the next turn, and
    /// whether it is not read until its share allows for more.
    var input = InputAccount()
    var isQueued = false
    var isPaused = false
    /// Answers noted since the last flush.
    var answersNoted = 0
    /// The peer has closed its side, and all that came before that has been read.
    var isReadToEnd = false
    /// The connection ends when the outbox is empty.
    var endsAfterFlush = false

    // WebSocket, or a stream of events.
    var isWebSocket = false
    var webSocket: WebSocketParser?
    var stream: StreamEntrance?
    /// Speaks the protocol by one of the two, or has done so.
    var isClient: Bool { isWebSocket || stream != nil }
    var packaging = Packaging.json
    var session: Session?
    var topics: [Topic: Int] = [:]
    var faultyCommands = 0
    /// When the message began of which a part has come, while `Slot.isReceiving`.
    var messageBeganAt: UInt64 = 0
    /// Pings and pongs in one second, and which second.
    var pings: UInt32 = 0
    var pingsSecond: UInt32 = 0

    /// What the socket has not taken yet.
    var outbox = Outbox()
    /// When the socket last took something, while it is blocked. Milliseconds of the loop's clock.
    var progressAt: UInt64 = 0

    /// Something is on its way that the socket has not taken.
    var hasUnsent: Bool { !outbox.isEmpty || !ciphertext.isEmpty }

    init(number: Int32, poll: PolledSocket, peer: NetworkAddress, limits: HTTPLimits) {
        self.number = number
        self.poll = poll
        self.peer = peer
        http = HTTPRequestParser(limits: limits)
    }
}

/// Frames in order, the first of which may have been sent in part.
struct Outbox {
    private var frames: [EncodedFrame] = []
    private var first = 0
    /// Bytes of the first frame that are gone.
    private(set) var sentOfFirst = 0
    /// Bytes that wait.
    private(set) var bytes = 0

    var isEmpty: Bool { first == frames.count }

    mutating func append(_ frame: EncodedFrame, skipping sent: Int = 0) {
        if isEmpty { sentOfFirst = sent }
        frames.append(frame)
        bytes += frame.bytes.count - (frames.count - first == 1 ? sent : 0)
    }

    /// Adds the frames at the front to a send.
    func gather(into pieces: inout Gather) {
        var index = first
        var skip = sentOfFirst
        while index < frames.count, !pieces.isFull {
            let bytes = frames[index].bytes
            pieces.add(bytes.baseAddress! + skip, bytes.count - skip)
            skip = 0
            index += 1
        }
    }

    /// The socket has taken this much.
    mutating func remove(_ count: Int) {
        bytes -= count
        var left = count + sentOfFirst
        while first < frames.count, left >= frames[first].bytes.count {
            left -= frames[first].bytes.count
            first += 1
        }
        sentOfFirst = left
        if first == frames.count {
            frames = []
            first = 0
            sentOfFirst = 0
        } else if first >= 256 {
            frames.removeFirst(first)
            first = 0
        }
    }

    mutating func removeAll() {
        frames = []
        first = 0
        sentOfFirst = 0
        bytes = 0
    }

    /// Throws away all but the rest of a frame that has been sent in part: behind that rest the peer
    /// can read on.
    mutating func keepBegunFrame() {
        frames = sentOfFirst > 0 ? [frames[first]] : []
        first = 0
        bytes = frames.isEmpty ? 0 : frames[0].bytes.count - sentOfFirst
    }
}
