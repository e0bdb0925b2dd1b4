// TLS between socket and plaintext. What is read is decrypted into the loop's one buffer and goes on as if it had
// been read so; what is written is taken as plaintext, encrypted as far as it is sent at once, and only
// ciphertext that the socket does not take is kept. So outboxes, budgets and the rule for slow readers
// know nothing of TLS, except that a connection with unsent ciphertext counts as blocked.

import Crypto
import Loop
import Ports
import Wire

extension FrontLoop {
    /// Plaintext that is encrypted before the socket is asked. Higher: fewer calls for large frames; this
    /// much may wait for a reader beside its outbox.
    private static let encryptedBytesMax = 64 << 10
    /// A peer may make libssl answer (key updates), and not read the answers; above this it is dropped.
    private static let ciphertextBytesMax = 128 << 10
    /// Reads of handshakes in one turn of the loop: each takes up to half a millisecond, in which nobody
    /// else is served. The rest is ready again in the next turn.
    static let handshakesMax = 16

    /// Whether a handshake may go on in this turn.
    func mayRead(_ connection: Connection) -> Bool {
        guard connection.isShakingHands else { return true }
        handshakesLeft -= 1
        return handshakesLeft >= 0
    }

    // MARK: Reading

    func receivedCiphertext(_ bytes: UnsafeRawBufferPointer, _ tls: TLSConnection, _ connection: Connection) {
        let number = connection.number
        takeUp(connection)
        let decrypted = tls.decrypt(bytes, tlsBuffers)
        if let handshake = decrypted.handshake { metrics.shookHands(handshake) }
        if decrypted.handshake != nil, !decrypted.plaintext.isEmpty, connection.ciphertext.isEmpty {
            // A request came together with the end of the handshake: what we say to the one (a session
            // ticket) goes out with the answer to the other.
            connection.ciphertext = Array(tlsBuffers.output)
            connection.isCiphertextHeld = true
            tlsBuffers.removeOutput()
        }
        guard transmit(connection) else {
            drop(connection)
            return
        }
        if !decrypted.plaintext.isEmpty { received(decrypted.plaintext, connection) }
        if connection.isCiphertextHeld, connections[Int(number)] === connection, table[number].firstPending < 0 {
            // No answer yet.
            takeUp(connection)
            guard transmit(connection) else {
                drop(connection)
                return
            }
        }
        guard let end = decrypted.end, connections[Int(number)] === connection, connection.tls != nil
        else { return }
        switch end {
        case .closed: ended(connection)
        case .failed(let fault):
            metrics.tlsFailed(fault.rawValue)
            if fault == .plainHTTP { sayItIsTLS(connection) }
            // Behind a broken record nothing can be said any more, not even the end.
            connection.tls = nil
            linger(connection)
        }
    }

    /// For somebody who typed http:// and the port of https.
    private func sayItIsTLS(_ connection: Connection) {
        var bytes: [UInt8] = []
        HTTPResponse(status: 400, headers: [HTTPHeader("Content-Type", "text/plain; charset=utf-8")],
                     body: Array("This port speaks TLS: the address begins with https://\n".utf8))
            .write(to: &bytes, exchange: .faulty, date: "")
        bytes.withUnsafeBytes {
            _ = Socket.send(table[connection.number].descriptor, $0.baseAddress!, $0.count)
        }
    }

    // MARK: Writing

    /// Sends what was gathered, through TLS where the connection has it. As `Gather.send`: how many bytes of
    /// plaintext were taken; negative when the connection is gone.
    /// - Parameter isAll: nothing else waits for the connection. If it is to end then, it is told so together
    ///   with the last of it.
    func sendGathered(_ number: Int32, isAll: Bool) -> Int {
        guard table[number].isEncrypted else { return gather.send(table[number].descriptor) }
        defer { gather.removeAll() }
        // Behind the end of TLS there is nobody to send to.
        guard let connection = connections[Int(number)], let tls = connection.tls else { return gather.bytes }
        takeUp(connection)
        var taken = 0
        var index = 0
        var offset = 0
        while index < gather.count, connection.ciphertext.isEmpty {
            var room = Self.encryptedBytesMax
            while index < gather.count, room > 0 {
                let piece = gather[index]
                let part = UnsafeRawBufferPointer(rebasing: piece[offset...].prefix(room))
                guard tls.encrypt(part, tlsBuffers) else { return -1 }
                room -= part.count
                offset += part.count
                if offset == piece.count { (index, offset) = (index + 1, 0) }
            }
            guard tls.seal(tlsBuffers) else { return -1 }
            if isAll, index == gather.count, connection.endsAfterFlush { tls.close() }
            guard transmit(connection) else { return -1 }
            taken += Self.encryptedBytesMax - room
        }
        return taken
    }

    /// What was held back goes in front of what is made now.
    private func takeUp(_ connection: Connection) {
        guard connection.isCiphertextHeld else { return }
        connection.isCiphertextHeld = false
        connection.ciphertext.withUnsafeBytes { tlsBuffers.append($0) }
        connection.ciphertext = []
    }

    /// Sends the ciphertext that was made for the connection, behind what it has waiting. `false`: it is gone,
    /// or takes nothing of what it makes us say.
    private func transmit(_ connection: Connection) -> Bool {
        let output = tlsBuffers.output
        guard !output.isEmpty else { return true }
        defer { tlsBuffers.removeOutput() }
        let number = connection.number
        var sent = 0
        if connection.ciphertext.isEmpty {
            sent = Socket.send(table[number].descriptor, output.baseAddress!, output.count)
            guard sent >= 0 else { return false }
            if sent == output.count { return true }
        }
        connection.ciphertext.append(contentsOf: output[sent...])
        // What was noted in this tick stands in front of what comes while it is blocked: with such, the flush
        // finds the ciphertext and blocks.
        if table[number].firstPending < 0, !table[number].isBlocked {
            table[number].isBlocked = true
            connection.progressAt = now
            watch(connection)
        }
        return connection.ciphertext.count <= Self.ciphertextBytesMax
    }

    /// The socket takes more. `true`: no ciphertext is left.
    func sendCiphertext(_ connection: Connection) -> Bool {
        guard !connection.ciphertext.isEmpty else { return true }
        let sent = connection.ciphertext.withUnsafeBytes {
            Socket.send(table[connection.number].descriptor, $0.baseAddress!, $0.count)
        }
        guard sent >= 0 else {
            drop(connection)
            return false
        }
        if sent == connection.ciphertext.count {
            connection.ciphertext = []
        } else {
            connection.ciphertext.removeFirst(sent)
        }
        return connection.ciphertext.isEmpty
    }

    /// Nothing will be sent any more (close_notify).
    func endTLS(_ connection: Connection) {
        guard let tls = connection.tls else { return }
        takeUp(connection)
        tls.close()
        _ = transmit(connection)
        connection.tls = nil
    }
}
