// hub-echo, for conformance tests: the front as it is shipped, but without sessions, so that each message
// goes back to its sender. Its limits leave room for the largest cases of Autobahn (scripts/autobahn).
//
// Usage: hub-echo     prints its port and runs until its input ends

import Crypto
import Front
import Glibc
import Loop
import Model
import Ports
import Wire

@main
enum Echo {
    static func main() throws {
        var configuration = FrontConfiguration()
        configuration.addresses = [FrontAddress(host: "127.0.0.1", port: 0)]
        configuration.frameBytesMax = 64 << 20
        configuration.fragmentsMax = 70_000
        configuration.deflateBytesMin = 0
        configuration.outboxBytesMax = 256 << 20
        configuration.outboxTotalBytesMax = 1 << 30
        let metrics = Metrics()
        let front = Front(
            configuration: configuration,
            services: FrontServices(
                session: nil, api: { _ in HTTPResponse(status: 404) }, problem: { nil },
                clocks: EchoClocks(), entropy: SystemEntropy(), metrics: metrics, log: .silent),
            site: try StaticSite(folder: "web"), loops: [Loop(name: "front-0", metrics: metrics)])
        let port = try front.start()[0].port
        // Nothing flushes `print` when it goes into a pipe.
        "\(port)\n".utf8.withContiguousStorageIfAvailable { _ = write(1, $0.baseAddress, $0.count) }
        while readLine() != nil {}
        exit(0)
    }
}

private struct EchoClocks: Clocks {
    func now() -> UnixMilliseconds { UnixMilliseconds(Int64(nanoseconds(CLOCK_REALTIME) / 1_000_000)) }
    func monotonic() -> MonotonicNanoseconds { MonotonicNanoseconds(nanoseconds(CLOCK_MONOTONIC)) }

    private func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        precondition(clock_gettime(clock, &time) == 0)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
