// One TLS session over memory: ciphertext in, ciphertext out, no socket (RFC 8446, and TLS 1.2).
// Its `Transport` moves the bytes. The only user of OpenSSL besides the WebSocket handshake's hash.

internal import COpenSSL

/// Settings that all TLS connections of a run share.
package final class TLSContext {
    let handle: OpaquePointer
    let verifiesPeer: Bool

    /// - Parameter authorities: a PEM file of certificates to trust instead of the system's.
    package init(verifiesPeer: Bool, authorities: String?) throws {
        guard let handle = SSL_CTX_new(TLS_client_method()) else {
            throw BenchError("OpenSSL cannot start: \(TLSContext.lastError())")
        }
        self.handle = handle
        self.verifiesPeer = verifiesPeer
        _ = bench_ssl_context_set_minimum_tls12(handle)
        _ = bench_ssl_context_release_buffers(handle)
        SSL_CTX_set_verify(handle, verifiesPeer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        guard verifiesPeer else { return }
        if let authorities {
            guard SSL_CTX_load_verify_locations(handle, authorities, nil) == 1 else {
                throw BenchError("cannot read certificates from '\(authorities)': "
                    + TLSContext.lastError())
            }
        } else {
            SSL_CTX_set_default_verify_paths(handle)
        }
    }

    deinit { SSL_CTX_free(handle) }

    static func lastError() -> String {
        let code = ERR_get_error()
        guard code != 0 else { return "no reason given" }
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(code, &text, text.count)
        ERR_clear_error()
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
                      as: UTF8.self)
    }
}

final class TLSClient {
    enum ReadOutcome {
        case bytes(Int)
        case needsInput
        case closed
        case failed(String)
    }

    private let context: TLSContext
    private let session: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private var waiting: [UInt8] = []

    init(_ context: TLSContext, host: String) throws {
        guard let session = SSL_new(context.handle), let incoming = BIO_new(BIO_s_mem()),
              let outgoing = BIO_new(BIO_s_mem())
        else { throw BenchError("OpenSSL is out of memory") }
        self.context = context
        self.session = session
        self.incoming = incoming
        self.outgoing = outgoing
        SSL_set_bio(session, incoming, outgoing)
        _ = bench_ssl_set_host_name(session, host)
        if context.verifiesPeer { SSL_set1_host(session, host) }
        SSL_set_connect_state(session)
        SSL_do_handshake(session)
    }

    deinit { SSL_free(session) }

    /// Ciphertext from the socket.
    func received(_ bytes: UnsafeRawBufferPointer) {
        let written = BIO_write(incoming, bytes.baseAddress, Int32(bytes.count))
        precondition(written == Int32(bytes.count), "a memory BIO takes everything")
    }

    /// Plaintext that the ciphertext so far makes.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        let count = SSL_read(session, buffer.baseAddress, Int32(buffer.count))
        // Before anything else is done with the session: the reason is overwritten.
        let reason = count > 0 ? SSL_ERROR_NONE : SSL_get_error(session, count)
        if !waiting.isEmpty, SSL_is_init_finished(session) == 1 {
            let held = waiting
            waiting = []
            held.withUnsafeBytes { write($0) }
        }
        if count > 0 { return .bytes(Int(count)) }
        switch reason {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsInput
        case SSL_ERROR_ZERO_RETURN: return .closed
        default:
            let reason = TLSContext.lastError()
            let remedy = reason.contains("certificate verify failed")
                ? " (trust its authority with --ca FILE, or accept any certificate with --insecure)"
                : ""
            return .failed("TLS: \(reason)\(remedy)")
        }
    }

    /// Encrypts; before the end of the handshake, keeps.
    func write(_ bytes: UnsafeRawBufferPointer) {
        guard SSL_is_init_finished(session) == 1 else {
            waiting.append(contentsOf: bytes)
            return
        }
        var rest = bytes
        while !rest.isEmpty {
            let count = SSL_write(session, rest.baseAddress, Int32(rest.count))
            precondition(count > 0, "writing into a memory BIO does not block")
            rest = UnsafeRawBufferPointer(rebasing: rest[Int(count)...])
        }
    }

    /// Ciphertext for the socket, appended to `out`.
    func takeOutput(_ out: inout [UInt8]) {
        let pending = bench_bio_pending(outgoing)
        guard pending > 0 else { return }
        let start = out.count
        out.append(contentsOf: repeatElement(0, count: pending))
        out.withUnsafeMutableBytes { buffer in
            let count = BIO_read(outgoing, buffer.baseAddress! + start, Int32(pending))
            precondition(count == Int32(pending), "a memory BIO gives what it says it has")
        }
    }
}

/// The proof of a WebSocket handshake (RFC 6455 §4.2.2): base64 of SHA-1 of key and GUID.
enum HandshakeProof {
    static func expected(for key: String) -> String {
        let input = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
        var digest = [UInt8](repeating: 0, count: 20)
        SHA1(input, input.count, &digest)
        return base64(digest)
    }

    static func base64(_ bytes: [UInt8]) -> String {
        var out = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let count = EVP_EncodeBlock(&out, bytes, Int32(bytes.count))
        return String(decoding: out.prefix(Int(count)), as: UTF8.self)
    }
}
