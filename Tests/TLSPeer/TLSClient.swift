// The client's end of TLS over two buffers, with what tests want to choose and to know. It shares no code with
// the hub but OpenSSL itself; other clients meet the hub in scripts/test-tls.

import COpenSSL
import Glibc

package final class TLSClient {
    package struct Options {
        package var host: String? = "hub.test"
        /// TLS 1.2 where set, with `isOld` TLS 1.1.
        package var isVersion12 = false
        package var isOld = false
        package var offered: [String] = []
        package var ciphers: String?
        /// Of an earlier client, which it is to go on with.
        package var session: Session?
        package init() {}
    }

    /// What a client needs to resume.
    package final class Session {
        fileprivate let pointer: OpaquePointer
        fileprivate init(_ pointer: OpaquePointer) { self.pointer = pointer }
        deinit { SSL_SESSION_free(pointer) }
        /// It came with a ticket.
        package var isResumable: Bool { SSL_SESSION_is_resumable(pointer) == 1 }
    }

    private let ssl: OpaquePointer
    private let fromServer: OpaquePointer
    private let toServer: OpaquePointer
    /// The last complaint of libssl.
    package private(set) var complaint: String?
    /// The server has said that nothing more comes.
    package private(set) var isEnded = false

    package init(trusting authority: TestAuthority, _ options: Options = Options()) {
        let context = SSL_CTX_new(TLS_client_method())
        defer { SSL_CTX_free(context) }
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.certificate)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        if options.isOld || options.isVersion12 {
            let none = SSL_CTX_set_options(context, UInt64(1) << 29)
            precondition(none & 1 << 29 != 0, "SSL_OP_NO_TLSv1_3")
        }
        if options.isOld {
            SSL_CTX_set_security_level(context, 0)
            SSL_CTX_set_options(context, UInt64(1) << 27)
            SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0")
        }
        if let ciphers = options.ciphers { precondition(SSL_CTX_set_cipher_list(context, ciphers) == 1) }
        ssl = SSL_new(context)
        fromServer = BIO_new(BIO_s_mem())
        toServer = BIO_new(BIO_s_mem())
        SSL_set_bio(ssl, fromServer, toServer)
        SSL_set_connect_state(ssl)
        if let host = options.host {
            host.withCString { name in
                _ = SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name),
                             UnsafeMutableRawPointer(mutating: name))
            }
            SSL_set1_host(ssl, host)
        }
        let offered = options.offered.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        if !offered.isEmpty { SSL_set_alpn_protos(ssl, offered, UInt32(offered.count)) }
        if let session = options.session { precondition(SSL_set_session(ssl, session.pointer) == 1) }
    }

    deinit { SSL_free(ssl) }

    // MARK: Steps

    /// Goes on with the handshake, or takes what came.
    package func receive(_ ciphertext: [UInt8]) {
        if !ciphertext.isEmpty { BIO_write(fromServer, ciphertext, Int32(ciphertext.count)) }
        if !isOpen { note(SSL_do_handshake(ssl)) }
    }

    package func takeOutput() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: BIO_ctrl_pending(toServer))
        if !bytes.isEmpty { BIO_read(toServer, &bytes, Int32(bytes.count)) }
        return bytes
    }

    /// Everything that can be read now.
    package func read() -> [UInt8] {
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = SSL_read(ssl, &chunk, Int32(chunk.count))
            guard count > 0 else {
                note(count)
                return all
            }
            all += chunk[..<Int(count)]
        }
    }

    package func write(_ plaintext: [UInt8]) {
        guard !plaintext.isEmpty else { return }
        precondition(SSL_write(ssl, plaintext, Int32(plaintext.count)) == Int32(plaintext.count))
    }

    package func close() { SSL_shutdown(ssl) }

    /// Asks the server for new keys, as often as one likes (RFC 8446 §4.6.3).
    package func updateKeys() {
        precondition(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
        SSL_do_handshake(ssl)
    }

    private func note(_ result: Int32) {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_SSL:
            complaint = ERR_reason_error_string(ERR_get_error()).map { String(cString: $0) }
        case SSL_ERROR_ZERO_RETURN: isEnded = true
        default: break
        }
        ERR_clear_error()
    }

    // MARK: Facts

    package var isOpen: Bool { SSL_is_init_finished(ssl) == 1 }
    package var version: String { String(cString: SSL_get_version(ssl)) }
    package var cipher: String { String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher(ssl))) }
    package var isResumed: Bool { SSL_session_reused(ssl) == 1 }
    package var session: Session? { SSL_get1_session(ssl).map(Session.init) }

    package var chosenProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &count)
        return name.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(count)), as: UTF8.self) }
    }

    /// The name in the server's certificate, which `TestAuthority` makes of the file's.
    package var certificateName: String? {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        var name = [CChar](repeating: 0, count: 128)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, &name, 128)
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
