// TLS against a client of OpenSSL, without sockets: what is agreed on, who is refused, who resumes.

import Crypto
import Glibc
import Testing
import TLSPeer

/// Seconds since 1970.
func today(plusDays days: Int = 0) -> Int64 { Int64(time(nil)) + Int64(days) * 86_400 }

func tlsContext(_ pairs: TestAuthority.Pair..., tickets: TLSTickets = TLSTickets(nowMilliseconds: 0))
    throws -> TLSContext
{
    try TLSContext(pairs.map { TLSFiles(chain: $0.chain, key: $0.key) }, tickets: tickets, nowSeconds: today())
}

/// A client and a connection of the hub, and what has gone between them.
private final class Wire {
    let client: TLSClient
    let server: TLSConnection
    let buffers = TLSBuffers(ciphertextMax: 64 << 10)
    private(set) var handshake: TLSConnection.Handshake?
    private(set) var end: TLSConnection.End?
    /// What the server has read.
    private(set) var plaintext: [UInt8] = []

    init(_ context: TLSContext, _ client: TLSClient) {
        self.client = client
        server = TLSConnection(context, buffers)
    }

    func feed(_ bytes: [UInt8]) {
        let result = bytes.withUnsafeBytes { server.decrypt($0, buffers) }
        plaintext += result.plaintext
        handshake = handshake ?? result.handshake
        end = end ?? result.end
    }

    /// What the server wants to send.
    func take() -> [UInt8] {
        defer { buffers.removeOutput() }
        return Array(buffers.output)
    }

    /// Lets both go on until neither has more to say.
    func settle(pieces: Int = .max) {
        client.receive([])
        while true {
            let toServer = client.takeOutput()
            for start in stride(from: 0, to: toServer.count, by: min(pieces, max(1, toServer.count))) {
                feed(Array(toServer[start...].prefix(pieces)))
            }
            let toClient = take()
            if toServer.isEmpty, toClient.isEmpty { return }
            client.receive(toClient)
        }
    }
}

@Suite struct TLSHandshakeTests {
    private let authority = TestAuthority()

    private func connect(_ context: TLSContext, _ change: (inout TLSClient.Options) -> Void = { _ in }) -> Wire {
        var options = TLSClient.Options()
        change(&options)
        let wire = Wire(context, TLSClient(trusting: authority, options))
        wire.settle()
        return wire
    }

    @Test(arguments: [false, true])
    func bothVersionsWithForwardSecrecyAndAEAD(isVersion12: Bool) throws {
        let wire = connect(try tlsContext(authority.issue(["DNS:hub.test"]))) { $0.isVersion12 = isVersion12 }
        #expect(wire.client.isOpen)
        #expect(wire.client.version == (isVersion12 ? "TLSv1.2" : "TLSv1.3"))
        #expect(wire.client.cipher
            == (isVersion12 ? "ECDHE-ECDSA-AES128-GCM-SHA256" : "TLS_AES_128_GCM_SHA256"))
        #expect(wire.handshake == .all.first { $0.isVersion13 != isVersion12 && !$0.isResumed })
        wire.client.write(Array("hello".utf8))
        wire.settle()
        #expect(wire.plaintext == Array("hello".utf8))
    }

    @Test func olderVersionsAreRefused() throws {
        let wire = connect(try tlsContext(authority.issue(["DNS:hub.test"]))) { $0.isOld = true }
        #expect(!wire.client.isOpen)
        #expect(wire.end == .failed(.version))
        #expect(wire.client.complaint == "tlsv1 alert protocol version")
    }

    @Test(arguments: ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"])
    func weakCiphersAreRefused(_ cipher: String) throws {
        let wire = connect(try tlsContext(authority.issue(["DNS:hub.test"]))) {
            $0.isVersion12 = true
            $0.ciphers = cipher
        }
        #expect(wire.end == .failed(.parameters))
    }

    @Test(arguments: [
        ("hub.test", "one"), ("HUB.test", "one"), ("other.test", "two"), ("a.wild.test", "three"),
        ("wild.test", "three"), ("b.wild.test", "two"), (nil, "one"),
        ("c.a.wild.test", nil), ("unknown.test", nil), (".wild.test", nil),
    ] as [(String?, String?)])
    func certificateByName(_ host: String?, _ certificate: String?) throws {
        let context = try tlsContext(
            authority.issue(["DNS:hub.test"], as: "one"),
            authority.issue(["DNS:other.test", "DNS:b.wild.test"], as: "two", type: .rsa2048),
            authority.issue(["DNS:wild.test", "DNS:*.wild.test"], as: "three"))
        let wire = connect(context) { $0.host = host }
        // Without a certificate for the name, the first is shown, which the client does not take.
        #expect(wire.client.isOpen == (certificate != nil))
        if certificate != nil {
            #expect(wire.client.certificateName == certificate)
        } else {
            #expect(wire.end == .failed(.refusedByClient))
        }
    }

    @Test(arguments: [
        ([], nil, true), (["http/1.1"], "http/1.1", true), (["h2", "http/1.1"], "http/1.1", true),
        (["h2"], nil, false), (["http/1.0", "http/1.1x"], nil, false),
    ] as [([String], String?, Bool)])
    func applicationProtocol(_ offered: [String], _ chosen: String?, _ isOpen: Bool) throws {
        let wire = connect(try tlsContext(authority.issue(["DNS:hub.test"]))) { $0.offered = offered }
        #expect(wire.client.isOpen == isOpen)
        #expect(wire.client.chosenProtocol == chosen)
        if !isOpen { #expect(wire.end == .failed(.applicationProtocol)) }
    }

    @Test(arguments: [1, 7, 1_000])
    func howItIsCutDoesNotMatter(pieces: Int) throws {
        let wire = Wire(try tlsContext(authority.issue(["DNS:hub.test"])), TLSClient(trusting: authority))
        wire.settle(pieces: pieces)
        #expect(wire.client.isOpen)
        let message = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        wire.client.write(message)
        wire.settle(pieces: pieces)
        #expect(wire.plaintext == message)
    }

    @Test(arguments: [
        (Array("GET / HTTP/1.1\r\nHost: hub.test\r\n\r\n".utf8), .plainHTTP),
        (Array("SSH-2.0-OpenSSH_9.2\r\n".utf8), .malformed), ([UInt8](repeating: 0, count: 64), .malformed),
        ([22, 3, 1, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 70), .malformed),
        ([22, 3, 1, 0, 5, 2, 0, 0, 1, 0], .malformed),
    ] as [([UInt8], TLSFault)])
    func whatIsNoTLSEnds(_ bytes: [UInt8], _ fault: TLSFault) throws {
        let wire = Wire(try tlsContext(authority.issue(["DNS:hub.test"])), TLSClient(trusting: authority))
        wire.feed(bytes)
        #expect(wire.end == .failed(fault))
        #expect(wire.handshake == nil && wire.plaintext.isEmpty)
    }
}

@Suite struct TLSResumptionTests {
    private let authority = TestAuthority()
    private let halfDay = UInt64(TLSTickets.lifetimeSeconds) * 1_000

    /// A client with `session`; whether it resumed, and the session after it.
    private func visit(_ context: TLSContext, _ session: TLSClient.Session?, isVersion12: Bool)
        -> (isResumed: Bool, session: TLSClient.Session?)
    {
        var options = TLSClient.Options()
        options.session = session
        options.isVersion12 = isVersion12
        let wire = Wire(context, TLSClient(trusting: authority, options))
        wire.settle()
        #expect(wire.client.isOpen)
        #expect(wire.client.read().isEmpty)
        #expect(wire.handshake?.isResumed == wire.client.isResumed)
        // Whoever leaves without a word forgets its session.
        wire.client.close()
        return (wire.client.isResumed, wire.client.session)
    }

    @Test(arguments: [false, true])
    func anyContextWithTheSameTicketsResumes(isVersion12: Bool) throws {
        let tickets = TLSTickets(nowMilliseconds: 0)
        let pair = authority.issue(["DNS:hub.test"])
        let context = try tlsContext(pair, tickets: tickets)
        let first = visit(context, nil, isVersion12: isVersion12)
        #expect(!first.isResumed)
        #expect(visit(context, first.session, isVersion12: isVersion12).isResumed)
        // What a reload makes, or another loop.
        let second = visit(try tlsContext(pair, tickets: tickets), first.session, isVersion12: isVersion12)
        #expect(second.isResumed)
        let stranger = visit(try tlsContext(pair), second.session, isVersion12: isVersion12)
        #expect(!stranger.isResumed, "another hub has other keys")
    }

    @Test(arguments: [false, true])
    func ticketsOutliveOneRotationAndNotTwo(isVersion12: Bool) throws {
        let tickets = TLSTickets(nowMilliseconds: 0)
        let context = try tlsContext(authority.issue(["DNS:hub.test"]), tickets: tickets)
        let old = visit(context, nil, isVersion12: isVersion12).session
        context.rotateTickets(nowMilliseconds: halfDay - 1)
        context.rotateTickets(nowMilliseconds: halfDay)
        let renewed = visit(context, old, isVersion12: isVersion12)
        #expect(renewed.isResumed)
        context.rotateTickets(nowMilliseconds: 2 * halfDay)
        #expect(!visit(context, old, isVersion12: isVersion12).isResumed)
        #expect(visit(context, renewed.session, isVersion12: isVersion12).isResumed)
    }
}

@Suite struct TLSDataTests {
    private let authority = TestAuthority()

    private func open() throws -> Wire {
        let wire = Wire(try tlsContext(authority.issue(["DNS:hub.test"])), TLSClient(trusting: authority))
        wire.settle()
        return wire
    }

    @Test func smallPiecesShareARecord() throws {
        let wire = try open()
        for piece in ["one ", "two ", "three"] {
            let isTaken = Array(piece.utf8).withUnsafeBytes { wire.server.encrypt($0, wire.buffers) }
            #expect(isTaken)
        }
        #expect(wire.buffers.output.isEmpty)
        #expect(wire.server.seal(wire.buffers))
        let record = wire.take()
        // Type, version and length of one record, which holds all of it.
        #expect(Array(record[..<3]) == [23, 3, 3])
        #expect(record.count == 5 + Int(record[3]) << 8 + Int(record[4]))
        wire.client.receive(record)
        #expect(wire.client.read() == Array("one two three".utf8))
        #expect(wire.server.seal(wire.buffers), "nothing is left")
        #expect(wire.take().isEmpty)
    }

    @Test(arguments: [16_383, 16_384, 16_385, 100_000, 1 << 20])
    func largePiecesBecomeFullRecords(count: Int) throws {
        let wire = try open()
        let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 17) }
        #expect(message[..<5].withUnsafeBytes { wire.server.encrypt($0, wire.buffers) })
        #expect(message[5...].withUnsafeBytes { wire.server.encrypt($0, wire.buffers) })
        #expect(wire.server.seal(wire.buffers))
        let records = wire.take()
        let overhead = records.count - count
        #expect(overhead == (count + 16_383) / 16_384 * 22)
        wire.client.receive(records)
        #expect(wire.client.read() == message)
    }

    @Test func bothSidesSayTheEnd() throws {
        let wire = try open()
        wire.client.close()
        wire.settle()
        #expect(wire.end == .closed)
        wire.server.close()
        wire.client.receive(wire.take())
        #expect(wire.client.read().isEmpty)
        #expect(wire.client.isEnded)
    }

    @Test func aChangedRecordEndsTheConnection() throws {
        let wire = try open()
        wire.client.write(Array("good".utf8))
        var record = wire.client.takeOutput()
        record[record.count - 1] ^= 1
        wire.feed(record)
        #expect(wire.plaintext.isEmpty)
        #expect(wire.end == .failed(.malformed))
        wire.client.receive(wire.take())
        #expect(wire.client.read().isEmpty)
        #expect(wire.client.complaint?.contains("bad record mac") == true)
    }

    @Test func newKeysOnDemand() throws {
        let wire = try open()
        for round in 1...3 {
            wire.client.updateKeys()
            wire.client.write([UInt8(round)])
            wire.settle()
            #expect([UInt8(round)].withUnsafeBytes { wire.server.encrypt($0, wire.buffers) })
            #expect(wire.server.seal(wire.buffers))
            wire.client.receive(wire.take())
            #expect(wire.client.read() == [UInt8(round)])
        }
        #expect(wire.plaintext == [1, 2, 3])
    }
}
