// What all TLS connections of a configuration share: certificates by name, versions, ciphers, tickets.
// It follows Mozilla's "intermediate" recommendation (version 5.7) without its DHE ciphers, which cost much
// and serve no client that has not ECDHE too. Made at start and at each reload; a connection keeps the
// context that it began with.

import COpenSSL

package final class TLSContext: @unchecked Sendable {
    // SAFETY: after `init` nothing is changed; libssl counts references to contexts atomically.

    /// One per certificate; the first serves clients that name no host, or one that no certificate has.
    private let contexts: [OpaquePointer]
    /// By DNS name in lower case, wildcards with their `*`.
    private let byName: [[UInt8]: Int]
    private let tickets: TLSTickets
    /// Seconds since 1970: when the first of the certificates expires.
    package let expiresAt: Int64

    /// - Parameters:
    ///   - files: at least one pair.
    ///   - tickets: the same object for contexts that replace each other, so that clients still resume.
    package init(_ files: [TLSFiles], tickets: TLSTickets, nowSeconds: Int64) throws(TLSProblem) {
        precondition(!files.isEmpty)
        var contexts: [OpaquePointer] = []
        var byName: [[UInt8]: Int] = [:]
        var expiresAt = Int64.max
        do {
            for pair in files {
                let certificate = try TLSCertificate(pair, nowSeconds: nowSeconds)
                contexts.append(try Self.make(certificate, pair))
                for name in certificate.names.map(\.utf8).map(Array.init) where byName[name] == nil {
                    byName[name] = contexts.count - 1
                }
                expiresAt = min(expiresAt, certificate.expiresAt)
            }
        } catch {
            for context in contexts { SSL_CTX_free(context) }
            throw error
        }
        self.contexts = contexts
        self.byName = byName
        self.tickets = tickets
        self.expiresAt = expiresAt
        let owner = Unmanaged.passUnretained(self).toOpaque()
        for context in contexts { precondition(SSL_CTX_set_ex_data(context, Self.ownerIndex, owner) == 1) }
    }

    deinit { for context in contexts { SSL_CTX_free(context) } }

    /// To be called now and then; see `TLSTickets.rotate`.
    package func rotateTickets(nowMilliseconds now: UInt64) { tickets.rotate(nowMilliseconds: now) }

    /// A server's end of a new connection. The caller keeps this context as long as that.
    func makeSSL() -> OpaquePointer {
        guard let ssl = SSL_new(contexts[0]) else { preconditionFailure("out of memory") }
        SSL_set_accept_state(ssl)
        return ssl
    }

    // MARK: Settings

    private static let ciphers = """
        ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
        ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
        ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
        """
    private static let suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    private static let groups = "X25519:P-256:P-384"
    private static let signatures = """
        ECDSA+SHA256:RSA-PSS+SHA256:ed25519:ECDSA+SHA384:RSA-PSS+SHA384:\
        ECDSA+SHA512:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512
        """
    /// Tells sessions of the hub from those of others that share a ticket key, of which there are none.
    private static let sessionName = Array("hub".utf8)

    /// Where a context's owner stands in it.
    private static let ownerIndex = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, nil, nil, nil, nil)

    private static func make(_ certificate: borrowing TLSCertificate, _ files: TLSFiles)
        throws(TLSProblem) -> OpaquePointer
    {
        guard let context = SSL_CTX_new(TLS_server_method()) else { preconditionFailure("out of memory") }
        let isSet = hub_tls_configure(context, groups, signatures) == 1
            && SSL_CTX_set_cipher_list(context, ciphers) == 1 && SSL_CTX_set_ciphersuites(context, suites) == 1
            && SSL_CTX_set_num_tickets(context, 1) == 1
            && SSL_CTX_set_session_id_context(context, sessionName, UInt32(sessionName.count)) == 1
            && hub_tls_set_sni(context, chooseCertificate) == 1
            && SSL_CTX_set_tlsext_ticket_key_evp_cb(context, prepareTicket) == 1
        precondition(isSet, "libssl lacks what every supported version has")
        SSL_CTX_set_timeout(context, TLSTickets.lifetimeSeconds)
        SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nil)
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)

        guard let issuers = OPENSSL_sk_new_null() else { preconditionFailure("out of memory") }
        defer { OPENSSL_sk_free(issuers) }
        for issuer in certificate.chain.dropFirst() {
            OPENSSL_sk_push(issuers, UnsafeRawPointer(issuer))
        }
        guard SSL_CTX_use_cert_and_key(context, certificate.chain[0], certificate.key, issuers, 1) == 1 else {
            let reason = ERR_reason_error_string(ERR_peek_last_error()).map { String(cString: $0) }
            ERR_clear_error()
            SSL_CTX_free(context)
            throw TLSProblem(text: "the certificate \(files.chain) cannot be used: \(reason ?? "libssl refuses it")",
                             remedy: "use an ECDSA P-256 key, or RSA with 2048 bits and more")
        }
        return context
    }

    // MARK: Decisions of a handshake

    private static func owner(of ssl: OpaquePointer?) -> TLSContext {
        let owner = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ownerIndex)!
        return Unmanaged<TLSContext>.fromOpaque(owner).takeUnretainedValue()
    }

    /// The certificate for a host, by its whole name or with a wildcard for its first label (RFC 6125 §6.4.3).
    func index(forHost host: String) -> Int? {
        let name = asciiLowercased(host.utf8)
        if let exact = byName[name] { return exact }
        guard let dot = name.firstIndex(of: UInt8(ascii: ".")), dot > 0 else { return nil }
        return byName[[UInt8(ascii: "*")] + name[dot...]]
    }

    private static let chooseCertificate: @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?
    ) -> Int32 = { ssl, _, _ in
        guard let host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else { return SSL_TLSEXT_ERR_NOACK }
        let owner = owner(of: ssl)
        guard let index = owner.index(forHost: String(cString: host)) else { return SSL_TLSEXT_ERR_NOACK }
        if index > 0 { SSL_set_SSL_CTX(ssl, owner.contexts[index]) }
        return SSL_TLSEXT_ERR_OK
    }

    /// RFC 7301 §3.2: a client that offers protocols, and HTTP/1.1 not among them, is refused.
    private static let chooseProtocol: SSL_CTX_alpn_select_cb_func = { _, chosen, chosenCount, offered, count, _ in
        var rest = UnsafeBufferPointer(start: offered, count: Int(count))[...]
        while let length = rest.popFirst() {
            let name = rest.prefix(Int(length))
            if name.elementsEqual("http/1.1".utf8) {
                chosen?.pointee = offered! + name.startIndex
                chosenCount?.pointee = length
                return SSL_TLSEXT_ERR_OK
            }
            rest = rest.dropFirst(Int(length))
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }

    private static let prepareTicket: @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?,
        OpaquePointer?, Int32
    ) -> Int32 = { ssl, name, vector, cipher, mac, isSealing in
        owner(of: ssl).tickets.prepare(name: name!, vector: vector!, cipher!, mac!, isSealing: isSealing == 1)
    }
}
