// Non-blocking TCP sockets as system calls: what the front does on every tick, without layers between.
// Descriptors are plain numbers here; who opened one closes it.

import CUV
import Glibc

package enum Socket {
    /// Why a system call did not do it: the number of `errno`.
    package struct Failure: Error, Hashable, Sendable {
        package let code: Int32
        package var text: String { String(cString: strerror(code)) }
    }

    package enum Received: Hashable, Sendable {
        case bytes(Int)
        /// Nothing now.
        case again
        /// The peer has closed or reset the connection.
        case closed
    }

    /// A peer that resets its connection must not end the process (SIGPIPE); once, at start.
    package static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

    /// What the kernel takes of a peer's bytes beyond those that the peer's window has room for
    /// (TCP_NOTSENT_LOWAT). Without a bound it keeps up to 4 MB for one that never reads, which no budget
    /// counts, and copying them there is as much work as a delivery. Lower: a fast reader of much is woken
    /// for more often.
    package static let unsentBytesMax = 128 << 10

    /// A listening socket; several may listen on one address, and the kernel spreads connections over
    /// them (SO_REUSEPORT), if they are of one user — `isFirst` refuses an address that somebody has.
    /// - Parameter host: numeric, IPv4 or IPv6.
    package static func listen(host: String, port: UInt16, isFirst: Bool) throws(Failure) -> Int32 {
        let isV6 = host.contains(":")
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            | Int32(SOCK_CLOEXEC.rawValue)
        if isFirst { try probe(host: host, port: port, type: type) }
        let descriptor = socket(isV6 ? AF_INET6 : AF_INET, type, 0)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        set(descriptor, SOL_SOCKET, SO_REUSEADDR)
        set(descriptor, SOL_SOCKET, SO_REUSEPORT)
        if isV6 { set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY) }
        // Linux hands these on to the connections that it accepts, which saves two calls for each.
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        set(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, Int32(unsentBytesMax))
        let bound = bind(descriptor, host: host, port: port)
        guard bound == 0, Glibc.listen(descriptor, 4_096) == 0 else {
            let failure = Failure(code: errno)
            Glibc.close(descriptor)
            throw failure
        }
        return descriptor
    }

    /// Without SO_REUSEPORT a second hub on the address is refused.
    private static func probe(host: String, port: UInt16, type: Int32) throws(Failure) {
        let descriptor = socket(host.contains(":") ? AF_INET6 : AF_INET, type, 0)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        defer { Glibc.close(descriptor) }
        set(descriptor, SOL_SOCKET, SO_REUSEADDR)
        if host.contains(":") { set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY) }
        guard bind(descriptor, host: host, port: port) == 0, Glibc.listen(descriptor, 1) == 0 else {
            throw Failure(code: errno)
        }
    }

    private static func bind(_ descriptor: Int32, host: String, port: UInt16) -> Int32 {
        var storage = sockaddr_storage()
        let known = withUnsafeMutablePointer(to: &storage) { storage in
            if host.contains(":") {
                return storage.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                    uv_ip6_addr(host, Int32(port), address)
                }
            }
            return storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                uv_ip4_addr(host, Int32(port), address)
            }
        }
        guard known == 0 else {
            errno = EINVAL
            return -1
        }
        let size = host.contains(":")
            ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
        return withUnsafePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(size))
            }
        }
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32 = 1) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// The port a socket is bound to.
    package static func port(of descriptor: Int32) -> UInt16 {
        withAddress { getsockname(descriptor, $0, $1) }?.port ?? 0
    }

    private static func withAddress(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> (result: Int32, bytes: (high: UInt64, low: UInt64), port: UInt16)? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &size) }
        }
        guard result >= 0 else { return nil }
        return withUnsafePointer(to: &storage) { storage in
            if storage.pointee.ss_family == sa_family_t(AF_INET6) {
                return storage.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                    let bytes = withUnsafeBytes(of: address.pointee.sin6_addr) { bytes in
                        (high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                         low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
                    }
                    return (result, bytes, UInt16(bigEndian: address.pointee.sin6_port))
                }
            }
            return storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                let mapped = 0xFFFF << 32 | UInt64(UInt32(bigEndian: address.pointee.sin_addr.s_addr))
                return (result, (high: 0, low: mapped), UInt16(bigEndian: address.pointee.sin_port))
            }
        }
    }

    /// The next waiting connection, non-blocking and without Nagle's delay, and where it comes from: the
    /// 128 bits of an IPv6 address, IPv4 mapped into it (RFC 4291 §2.5.5.2). `nil`: none waits.
    package static func accept(_ listener: Int32) throws(Failure)
        -> (descriptor: Int32, peer: (high: UInt64, low: UInt64))?
    {
        guard let accepted = withAddress({ hub_accept(listener, $0, $1) }) else {
            switch errno {
            case EAGAIN, ECONNABORTED, EINTR: return nil
            default: throw Failure(code: errno)
            }
        }
        return (accepted.result, accepted.bytes)
    }

    package static func receive(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer)
        -> Received
    {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .closed }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .again : .closed
        }
    }

    /// How many bytes were taken: 0 when there is no room; negative when the connection is gone.
    @inline(__always)
    package static func send(_ descriptor: Int32, _ start: UnsafeRawPointer, _ count: Int) -> Int {
        while true {
            let sent = Glibc.send(descriptor, start, count,
                                  Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            if sent >= 0 { return sent }
            if errno == EINTR { continue }
            return errno == EAGAIN || errno == ENOBUFS ? 0 : -1
        }
    }

    package static func close(_ descriptor: Int32) { Glibc.close(descriptor) }

    /// No more bytes will be sent; the peer reads to the end. `false`: the connection is gone already, and
    /// nothing more will be heard of it.
    package static func finish(_ descriptor: Int32) -> Bool { shutdown(descriptor, Int32(SHUT_WR)) == 0 }
}

/// Pieces of memory for one send (`sendmsg`), reused from call to call.
package struct Gather: ~Copyable {
    /// Most pieces of one call.
    package static let piecesMax = 64
    private let pieces: UnsafeMutablePointer<iovec>
    package private(set) var count = 0
    package private(set) var bytes = 0

    package init() { pieces = .allocate(capacity: Self.piecesMax) }
    deinit { pieces.deallocate() }

    package var isFull: Bool { count == Self.piecesMax }

    /// The memory must stay until `send`.
    package mutating func add(_ start: UnsafeRawPointer, _ size: Int) {
        pieces[count] = iovec(iov_base: UnsafeMutableRawPointer(mutating: start), iov_len: size)
        count += 1
        bytes += size
    }

    package subscript(_ index: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: pieces[index].iov_base, count: pieces[index].iov_len)
    }

    package mutating func removeAll() {
        count = 0
        bytes = 0
    }

    /// Sends what was added and forgets it. As `Socket.send`.
    package mutating func send(_ descriptor: Int32) -> Int {
        var message = msghdr()
        message.msg_iov = pieces
        message.msg_iovlen = count
        removeAll()
        while true {
            let sent = sendmsg(descriptor, &message,
                               Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            if sent >= 0 { return sent }
            if errno == EINTR { continue }
            return errno == EAGAIN || errno == ENOBUFS ? 0 : -1
        }
    }
}
