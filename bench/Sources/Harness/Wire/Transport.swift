// A non-blocking TCP socket with or without TLS: bytes in, bytes out. Used by WebSocket connections
// and by the HTTP client; whoever owns it waits for readiness.

internal import CBench
internal import Glibc

final class Transport {
    enum ReadOutcome {
        case bytes(Int)
        case wouldBlock
        case closed
        case failed(String)
    }

    let descriptor: Int32
    private let tls: TLSClient?
    private var unsent: [UInt8] = []
    private var unsentStart = 0

    /// Begins to connect; the socket is writable when that has succeeded or failed.
    init(to address: SocketAddress, host: String, tls context: TLSContext?,
         from source: UInt32? = nil, receiveBufferBytes: Int32? = nil) throws {
        let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw BenchError.system("cannot make a socket") }
        self.descriptor = descriptor
        do {
            tls = try context.map { try TLSClient($0, host: host) }
        } catch {
            close(descriptor)
            throw error
        }
        _ = bench_set_nonblocking(descriptor)
        if let source, address.family == AF_INET {
            let failure = bench_bind(descriptor, source)
            guard failure == 0 else {
                throw BenchError.system("cannot use a source address", -failure)
            }
        }
        if let receiveBufferBytes { setReceiveBuffer(receiveBufferBytes) }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one,
                   socklen_t(MemoryLayout<Int32>.size))
        let outcome = address.bytes.withUnsafeBytes {
            connect(descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress!,
                    socklen_t($0.count))
        }
        if outcome != 0, errno != EINPROGRESS {
            let failure = BenchError.system("cannot connect")
            throw failure
        }
    }

    deinit { close(descriptor) }

    func setReceiveBuffer(_ bytes: Int32) {
        var bytes = bytes
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Why connecting failed; `nil` when it succeeded.
    func connectionFailure() -> String? {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        return code == 0 ? nil : String(cString: strerror(code))
    }

    var isEncrypted: Bool { tls != nil }

    /// Ciphertext that was read from the socket elsewhere; `decrypt` gives what it holds.
    func received(_ ciphertext: UnsafeRawBufferPointer) { tls?.received(ciphertext) }

    /// The next bytes of what was received; `wouldBlock` when there are no more.
    func decrypt(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        guard let tls else { return .wouldBlock }
        let outcome = tls.read(into: buffer)
        if let failure = flush() { return .failed(failure) }
        return switch outcome {
        case .bytes(let count): .bytes(count)
        case .closed: .closed
        case .failed(let reason): .failed(reason)
        case .needsInput: .wouldBlock
        }
    }

    /// Reads from the socket, for whoever has no event loop.
    /// - Parameter scratch: for ciphertext on its way in.
    func read(into buffer: UnsafeMutableRawBufferPointer,
              scratch: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        guard tls != nil else { return receive(into: buffer) }
        while true {
            let outcome = decrypt(into: buffer)
            guard case .wouldBlock = outcome else { return outcome }
            let raw = receive(into: scratch)
            guard case .bytes(let count) = raw else { return raw }
            received(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        }
    }

    private func receive(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .closed }
            switch errno {
            case EAGAIN: return .wouldBlock
            case EINTR: continue
            case let code: return .failed(String(cString: strerror(code)))
            }
        }
    }

    /// Sends what the kernel takes now and keeps the rest for `flush`. Returns why it failed.
    func write(_ bytes: UnsafeRawBufferPointer) -> String? {
        if let tls {
            tls.write(bytes)
            return flush()
        }
        guard !wantsWrite else {
            unsent.append(contentsOf: bytes)
            return nil
        }
        let (sent, failure) = push(bytes)
        if sent < bytes.count {
            unsent.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[sent...]))
        }
        return failure
    }

    /// Something waits for the socket to become writable.
    var wantsWrite: Bool { unsentStart < unsent.count }

    func flush() -> String? {
        tls?.takeOutput(&unsent)
        guard wantsWrite else { return nil }
        let (sent, failure) = unsent.withUnsafeBytes {
            push(UnsafeRawBufferPointer(rebasing: $0[unsentStart...]))
        }
        unsentStart += sent
        if unsentStart == unsent.count {
            unsent.removeAll(keepingCapacity: unsent.capacity <= 65_536)
            unsentStart = 0
        }
        return failure
    }

    private func push(_ bytes: UnsafeRawBufferPointer) -> (sent: Int, failure: String?) {
        var sent = 0
        while sent < bytes.count {
            let count = send(descriptor, bytes.baseAddress! + sent, bytes.count - sent,
                             Int32(MSG_NOSIGNAL))
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                break
            } else if errno != EINTR {
                return (sent, String(cString: strerror(errno)))
            }
        }
        return (sent, nil)
    }
}
