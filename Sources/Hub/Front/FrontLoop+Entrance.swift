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
        let reason = refusal
        // A handshake would be work that a loop at its end has no time for.
        if let reason, isTLS, reason == .overloaded {
            metrics.refused(reason)
            Socket.close(descriptor)
            return
        }
        let connection = open(descriptor, peer: peer)
        if let reason { keepForProbe(connection, instead: reason) }
        if configuration.proxyProtocol, configuration.forwarded.isTrusted(peer) {
            connection.proxyHeader = ProxyHeaderParser()
            connection.isTLSNext = isTLS
            table[connection.number].phase = .proxied
        } else {
            if isTLS { beginTLS(connection) }
            if reason == nil { charge(peer, connection) }
        }
        if connections[Int(connection.number)] === connection { beginReading(connection) }
    }

    /// Its first request is mostly there already, and need not be waited for.
    private func beginReading(_ connection: Connection) {
        readable(connection, hasEnded: false)
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
        if load.level == .full { return .overloaded }
        let isFull = metrics.connections.current >= Int64(configuration.connectionsMax)
        guard isFull || metrics.unwelcomed.current >= Int64(configuration.unwelcomedMax) else { return nil }
        return evictIdle() ? nil : isFull ? .full : .unwelcomed
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
        if let reason = connection.keptFor { metrics.refused(reason) }
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
        guard event == .noClient || connection.keptFor != nil || charge(connection.peer, connection),
              !input.isEmpty else { return }
        arrived(UnsafeMutableRawBufferPointer(rebasing: bytes[(bytes.count - input.count)...]), connection)
    }

    // MARK: Memory of what has come in part

    /// Incomplete input of one connection that is never too much.
    private static let heldBytesSpared = 16 << 10

    /// As `holds`, with all that a connection holds of what has come: a part of a message or request, and what was
    /// read and not looked at.
    @discardableResult
    func holdsInput(_ connection: Connection) -> Bool {
        let parsed = connection.webSocket?.heldBytes ?? connection.http?.heldBytes ?? 0
        return holds(parsed + connection.heldInput.count, connection)
    }

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
