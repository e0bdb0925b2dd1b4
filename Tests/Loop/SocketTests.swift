// What connections have from the listening socket, and what the kernel keeps for a peer that does not read.

import Glibc
import Loop
import Testing

@Suite struct SocketTests {
    /// TCP_NODELAY comes from the listening socket.
    @Test(arguments: ["127.0.0.1", "::1"])
    func acceptedSocketsSendAtOnce(host: String) throws {
        let listener = try Socket.listen(host: host, port: 0, isFirst: true)
        defer { close(listener) }
        let client = socket(host == "::1" ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let connected = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getsockname(listener, address, &size)
                return connect(client, address, size)
            }
        }
        try #require(connected == 0)
        let accepted = try #require(try Socket.accept(listener)).descriptor
        defer { close(accepted) }
        var isSet: Int32 = 0
        var optionSize = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(accepted, Int32(IPPROTO_TCP), TCP_NODELAY, &isSet, &optionSize)
        #expect(isSet != 0)
        #expect(fcntl(accepted, F_GETFL) & O_NONBLOCK != 0)
    }

    /// A connection that was accepted, and a peer with a small window that reads nothing by itself.
    private func makeConnection() throws -> (near: Int32, peer: Int32) {
        let listener = try Socket.listen(host: "127.0.0.1", port: 0, isFirst: true)
        defer { close(listener) }
        let peer = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var window: Int32 = 4_096
        setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &window, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = Socket.port(of: listener).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(peer, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        #expect(connected == 0)
        return (try #require(try Socket.accept(listener)).descriptor, peer)
    }

    @Test(arguments: [400, 4_096, 100_000])
    func theKernelKeepsLittleForAPeerThatNeverReads(_ size: Int) throws {
        let (near, peer) = try makeConnection()
        let frame = [UInt8](repeating: 7, count: size)
        var kept = 0
        while true {
            let sent = Socket.send(near, frame, size)
            kept += max(0, sent)
            if sent < size { break }
            #expect(kept < 16 << 20)
            if kept > 16 << 20 { break }
        }
        #expect(kept > Socket.unsentBytesMax / 2)
        // The window, a piece that was begun, and how the kernel counts come on top.
        #expect(kept < 3 * Socket.unsentBytesMax)
        close(near)
        var read = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = recv(peer, &buffer, buffer.count, 0), count > 0 { read += count }
        #expect(read == kept)
        close(peer)
    }
}
