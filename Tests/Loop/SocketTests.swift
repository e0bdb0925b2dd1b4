// What the kernel keeps for a peer that does not read.

import Glibc
import Loop
import Testing

@Suite struct SocketTests {
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
