// One connection's TLS (RFC 8446, RFC 5246): ciphertext in, plaintext out, and the other way round. There is
// no socket in it, and no buffer either: `TLSBuffers` serves all connections of a loop, so that an idle one
// costs what libssl keeps of it (docs/performance.md has the figures).

import COpenSSL

/// Memory for the connection that is being served; one for each loop.
package final class TLSBuffers {
    /// Ciphertext that is to be sent. Whoever calls a connection takes it all afterwards.
    package var output: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: out[..<outCount]) }
    private var out: UnsafeMutableRawBufferPointer
    private var outCount = 0
    fileprivate var input = UnsafeRawBufferPointer(start: nil, count: 0)
    fileprivate let plaintext: UnsafeMutableRawBufferPointer
    /// Small pieces on their way into one record.
    fileprivate let record: UnsafeMutableRawBufferPointer
    fileprivate var recordCount = 0

    /// RFC 8446 §5.1.
    package static let recordBytes = 16 << 10
    /// What a record may be longer than its plaintext, and the rest of one that came before.
    private static let spare = recordBytes + 2_048

    /// - Parameter ciphertextMax: the most that is given to `decrypt` at once.
    package init(ciphertextMax: Int) {
        plaintext = .allocate(byteCount: ciphertextMax + Self.spare, alignment: 16)
        record = .allocate(byteCount: Self.recordBytes, alignment: 16)
        out = .allocate(byteCount: 128 << 10, alignment: 16)
    }

    deinit {
        SecretMemory.wipe(plaintext)
        plaintext.deallocate()
        record.deallocate()
        out.deallocate()
    }

    package func removeOutput() { outCount = 0 }

    package func append(_ bytes: UnsafeRawBufferPointer) {
        if outCount + bytes.count > out.count {
            let larger = UnsafeMutableRawBufferPointer.allocate(
                byteCount: max(out.count * 2, outCount + bytes.count), alignment: 16)
            larger.copyMemory(from: output)
            out.deallocate()
            out = larger
        }
        (out.baseAddress! + outCount).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        outCount += bytes.count
    }
}

/// Why a connection ended, in words for a metric.
package enum TLSFault: String, Sendable, CaseIterable {
    /// HTTP without TLS came to the port.
    case plainHTTP = "plain_http"
    /// No version in common: the client is too old.
    case version
    /// No cipher, group or signature in common.
    case parameters
    /// The client offers protocols, but not HTTP/1.1.
    case applicationProtocol = "alpn"
    /// The client refuses, most often because it does not trust the certificate.
    case refusedByClient = "alert"
    /// What came is no TLS, or was changed on its way.
    case malformed
}

package final class TLSConnection {
    package struct Decrypted {
        /// Stays until the next call for any connection of the loop.
        package var plaintext: UnsafeMutableRawBufferPointer
        /// The handshake was done just now.
        package var handshake: Handshake?
        package var end: End?
    }
    package struct Handshake: Hashable, Sendable {
        /// TLS 1.3, else 1.2.
        package var isVersion13: Bool
        package var isResumed: Bool
        package static let all = [(false, false), (false, true), (true, false), (true, true)]
            .map { Handshake(isVersion13: $0, isResumed: $1) }
    }
    package enum End: Hashable, Sendable {
        /// The peer says that nothing more comes (close_notify).
        case closed
        /// Beyond repair; an alert may be in the output.
        case failed(TLSFault)
    }

    private let ssl: OpaquePointer
    /// The callbacks of the handshake use it.
    private let context: TLSContext
    package private(set) var isOpen = false
    private var isClosed = false

    /// - Parameter buffers: of the loop that serves the connection; must outlive it.
    package init(_ context: TLSContext, _ buffers: TLSBuffers) {
        self.context = context
        ssl = context.makeSSL()
        guard let bio = BIO_new(Self.method) else { preconditionFailure("out of memory") }
        BIO_set_data(bio, Unmanaged.passUnretained(buffers).toOpaque())
        SSL_set_bio(ssl, bio, bio)
    }

    deinit { SSL_free(ssl) }

    /// Takes ciphertext that was read. Handshake messages, alerts and the like that are to be sent are in
    /// the output then.
    package func decrypt(_ ciphertext: UnsafeRawBufferPointer, _ buffers: TLSBuffers) -> Decrypted {
        precondition(buffers.input.isEmpty)
        ERR_clear_error()
        buffers.input = ciphertext
        defer { buffers.input = UnsafeRawBufferPointer(start: nil, count: 0) }
        let plaintext = buffers.plaintext
        var count = 0
        var end: End?
        while end == nil {
            let room = plaintext.count - count
            let read = SSL_read(ssl, plaintext.baseAddress! + count, Int32(room))
            if read > 0 {
                count += Int(read)
                if count == plaintext.count { end = .failed(.malformed) }
                continue
            }
            switch SSL_get_error(ssl, read) {
            case SSL_ERROR_WANT_READ: break
            case SSL_ERROR_ZERO_RETURN: end = .closed
            default: end = .failed(Self.fault())
            }
            break
        }
        var handshake: Handshake?
        if !isOpen, SSL_is_init_finished(ssl) == 1 {
            isOpen = true
            handshake = Handshake(isVersion13: SSL_version(ssl) == TLS1_3_VERSION,
                                  isResumed: SSL_session_reused(ssl) == 1)
        }
        return Decrypted(plaintext: UnsafeMutableRawBufferPointer(rebasing: plaintext[..<count]),
                         handshake: handshake, end: end)
    }

    /// Takes plaintext, after the handshake: whole records go into the output, the rest waits for more or
    /// for `seal`. `false`: the connection cannot be written to any more.
    package func encrypt(_ bytes: UnsafeRawBufferPointer, _ buffers: TLSBuffers) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            if buffers.recordCount == 0, rest.count >= TLSBuffers.recordBytes {
                guard write(UnsafeRawBufferPointer(rebasing: rest[..<TLSBuffers.recordBytes])) else { return false }
                rest = UnsafeRawBufferPointer(rebasing: rest[TLSBuffers.recordBytes...])
                continue
            }
            let count = min(rest.count, TLSBuffers.recordBytes - buffers.recordCount)
            (buffers.record.baseAddress! + buffers.recordCount)
                .copyMemory(from: rest.baseAddress!, byteCount: count)
            buffers.recordCount += count
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            if buffers.recordCount == TLSBuffers.recordBytes, !seal(buffers) { return false }
        }
        return true
    }

    /// Makes a record of what `encrypt` left.
    package func seal(_ buffers: TLSBuffers) -> Bool {
        let count = buffers.recordCount
        buffers.recordCount = 0
        return count == 0 || write(UnsafeRawBufferPointer(rebasing: buffers.record[..<count]))
    }

    /// Tells the peer that nothing more comes (close_notify), once; nothing can be encrypted after this.
    package func close() {
        guard isOpen, !isClosed else { return }
        isClosed = true
        ERR_clear_error()
        SSL_shutdown(ssl)
    }

    private func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        precondition(isOpen)
        ERR_clear_error()
        return SSL_write(ssl, bytes.baseAddress, Int32(bytes.count)) == Int32(bytes.count)
    }

    private static func fault() -> TLSFault {
        let code = ERR_peek_error()
        defer { ERR_clear_error() }
        let reason = ERR_GET_REASON(code)
        switch reason {
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: return .plainHTTP
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_UNKNOWN_PROTOCOL,
             SSL_R_INAPPROPRIATE_FALLBACK: return .version
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_KEY_SHARE,
             SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS: return .parameters
        case SSL_R_NO_APPLICATION_PROTOCOL: return .applicationProtocol
        // Alerts of the peer have numbers of their own.
        case _ where reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256:
            return .refusedByClient
        default: return .malformed
        }
    }

    // MARK: What libssl reads from and writes to

    // SAFETY: written once before use, then only read.
    nonisolated(unsafe) private static let method: OpaquePointer = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "loop") else {
            preconditionFailure("out of memory")
        }
        BIO_meth_set_create(method) { bio in
            BIO_set_init(bio, 1)
            return 1
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        BIO_meth_set_write(method) { bio, bytes, count in
            buffers(of: bio).append(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            return count
        }
        BIO_meth_set_read(method) { bio, out, count in
            let buffers = buffers(of: bio)
            let taken = min(Int(count), buffers.input.count)
            BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
            guard taken > 0 else {
                BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
                return -1
            }
            UnsafeMutableRawPointer(out!).copyMemory(from: buffers.input.baseAddress!, byteCount: taken)
            buffers.input = UnsafeRawBufferPointer(rebasing: buffers.input[taken...])
            return Int32(taken)
        }
        return method
    }()

    private static func buffers(of bio: OpaquePointer?) -> TLSBuffers {
        Unmanaged<TLSBuffers>.fromOpaque(BIO_get_data(bio)!).takeUnretainedValue()
    }
}
