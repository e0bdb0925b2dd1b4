// Who comes in: accepting at a bounded rate, refusing who is too much, reading for whom a trusted proxy
// speaks, and what a connection counts for.

import Crypto
import Loop
import Model
import Ports
import Wire

extension FrontLoop {
    /// Connections accepted before those that are there get their turn.
    private static let acceptsMax = 64
    /// Refused connections of a loop that get an answer before they are closed.
    private static let refusalsMax = 128

    /// Some of those that wait; whether there may be more.
    func accept(_ listener: Listener) -> Bool {
        for _ in 0..<Self.acceptsMax {
            guard shared.gate.withLock({ $0.accepts(at: clock) }) else {
                metrics.acceptsDelayed.add()
                pauseAccepting()
                return false
            }
            do {
                guard let accepted = try Socket.accept(listener.descriptor) else { return false }
                shared.gate.withLock { $0.accepted(at: clock) }
                let peer = NetworkAddress(high: accepted.peer.high, low: accepted.peer.low)
                admit(accepted.descriptor, peer, isTLS: listener.isTLS)
            } catch {
                // Out of descriptors or memory: the connection stays in the kernel's queue.
                metrics.acceptFailures.add()
                pauseAccepting()
                return false
            }
        }
        return true
    }

    /// Until the next sweep; to poll on would spin.
    private func pauseAccepting() {
        isAcceptPaused = true
        for (_, poll) in listeners { poll.watch([]) }
    }

    private func admit(_ descriptor: Int32, _ peer: NetworkAddress, isTLS: Bool) {
        if let reason = refusal {
            metrics.refused(reason)
            // An answer over TLS would cost more than the connection.
            if !isTLS, refusedCount < Self.refusalsMax {
                let connection = open(descriptor, peer: peer)
                refuse(connection, status: 503)
                watch(connection)
            } else {
                Socket.close(descriptor)
            }
            return
        }
        let connection = open(descriptor, peer: peer)
        if configuration.proxyProtocol, configuration.forwarded.isTrusted(peer) {
            connection.proxyHeader = ProxyHeaderParser()
            connection.isTLSNext = isTLS
            table[connection.number].phase = .proxied
        } else {
            if isTLS { beginTLS(connection) }
            charge(peer, connection)
        }
        // Its first request is mostly there already, and need not be waited for.
        if connections[Int(connection.number)] === connection { read(connection, hasEnded: false) }
        if connections[Int(connection.number)] === connection { watch(connection) }
    }

    private func beginTLS(_ connection: Connection) {
        guard let context = configuration.tls else { return }
        connection.tls = TLSConnection(context, tlsBuffers)
        connection.isSecure = true
        table[connection.number].isEncrypted = true
    }

    /// Why nobody more gets in.
    private var refusal: FrontMetrics.Refusal? {
        if metrics.connections.current >= Int64(configuration.connectionsMax) { return .full }
        if metrics.unwelcomed.current >= Int64(configuration.unwelcomedMax) { return .unwelcomed }
        return load.level == .full ? .overloaded : nil
    }

    /// Tells a program that can wait; the connection is gone a moment later.
    private func refuse(_ connection: Connection, status: Int) {
        connection.isRefused = true
        refusedCount += 1
        answer(HTTPResponse(status: status, headers: [HTTPHeader("Retry-After", "5")]), .faulty, connection)
    }

    /// Counts the connection for an address. Where that has too many, the connection is refused, and the
    /// answer is `false`.
    @discardableResult
    func charge(_ address: NetworkAddress, _ connection: Connection) -> Bool {
        if configuration.unlimitedAddresses.contains(address) || configuration.forwarded.isTrusted(address) {
            return true
        }
        switch shared.gate.withLock({ $0.enter(address.network, at: clock) }) {
        case nil:
            connection.chargedTo = address.network
            return true
        case .tooManyOpen: metrics.refused(.addressOpen)
        case .tooFast: metrics.refused(.addressRate)
        }
        if connection.tls == nil, refusedCount < Self.refusalsMax {
            refuse(connection, status: 429)
        } else {
            drop(connection)
        }
        return false
    }

    func uncharge(_ connection: Connection) {
        if connection.isRefused { refusedCount -= 1 }
        if !connection.isWelcomed { metrics.unwelcomed.add(-1) }
        if let network = connection.chargedTo { shared.gate.withLock { $0.leave(network) } }
        holds(0, connection)
    }

    func countWelcome(_ connection: Connection) {
        guard !connection.isWelcomed else { return }
        connection.isWelcomed = true
        metrics.unwelcomed.add(-1)
    }

    // MARK: PROXY headers

    func receivedProxyHeader(_ bytes: UnsafeMutableRawBufferPointer, _ connection: Connection) {
        var input = UnsafeRawBufferPointer(bytes)
        guard let event = connection.proxyHeader?.next(&input) else { return }
        switch event {
        case .needMore: return
        case .failed:
            metrics.refused(.proxyHeader)
            drop(connection)
            return
        case .noClient: break
        case .client(let client):
            connection.peer = client.address
            connection.isSecure = client.isSecure
        }
        connection.proxyHeader = nil
        table[connection.number].phase = .http
        if connection.isTLSNext { beginTLS(connection) }
        guard event == .noClient || charge(connection.peer, connection), !input.isEmpty else { return }
        arrived(UnsafeMutableRawBufferPointer(rebasing: bytes[(bytes.count - input.count)...]), connection)
    }

    // MARK: Memory of what has come in part

    /// Incomplete input of one connection that is never too much.
    private static let heldBytesSpared = 16 << 10

    /// The connection holds that much of a request or message that is not complete. `false`: all hold too
    /// much together, and this one is not among the small.
    @discardableResult
    func holds(_ bytes: Int, _ connection: Connection) -> Bool {
        guard bytes != connection.heldBytes else { return true }
        metrics.inboundBytes.add(Int64(bytes - connection.heldBytes))
        connection.heldBytes = bytes
        return bytes <= Self.heldBytesSpared
            || metrics.inboundBytes.current <= Int64(configuration.inboundTotalBytesMax)
    }
}
