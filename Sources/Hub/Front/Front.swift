// The front as a whole: one FrontLoop per loop, all listening on the same addresses.

package import Loop
import Ports

package final class Front: Sendable {
    private let configuration: FrontConfiguration
    private let shared: FrontShared
    private let loops: [Loop]
    private let lanes: [FrontLane]

    /// - Parameter loops: at least one; the front uses them until `drain` has returned.
    package init(configuration: FrontConfiguration, services: FrontServices, site: StaticSite,
                 loops: [Loop]) {
        precondition(!loops.isEmpty)
        let shared = FrontShared(services: services, site: site)
        self.configuration = configuration
        self.shared = shared
        self.loops = loops
        lanes = loops.map { FrontLane(loop: $0, dropped: shared.metrics.ephemeralDropped) }
    }

    /// Listens, and returns the addresses with the ports they have. Once. Addresses with TLS need a context.
    package func start() throws(FrontError) -> [FrontAddress] {
        Socket.ignoreBrokenPipes()
        var bound: [FrontAddress] = []
        var listeners = [[Listener]](repeating: [], count: loops.count)
        for address in configuration.addresses {
            var actual = address
            for index in loops.indices {
                do throws(Socket.Failure) {
                    let descriptor = try Socket.listen(host: address.host, port: actual.port,
                                                       isFirst: index == 0 && !configuration.sharesAddresses)
                    actual.port = Socket.port(of: descriptor)
                    listeners[index].append(Listener(descriptor: descriptor, isTLS: address.isTLS))
                } catch {
                    for listener in listeners.joined() { Socket.close(listener.descriptor) }
                    throw .cannotListen(address, reason: error.text)
                }
            }
            bound.append(actual)
        }
        for (index, loop) in loops.enumerated() {
            let lane = lanes[index]
            let shared = shared
            let configuration = configuration
            let listeners = listeners[index]
            loop.submit {
                lane.serve(loop: loop, shared: shared, configuration: configuration, listeners: listeners)
            }
        }
        return bound
    }

    /// Hands every loop another configuration, which it uses from its next turn on. The addresses stay
    /// those of the start. Only after `start`.
    package func reload(_ configuration: FrontConfiguration) {
        for (loop, lane) in zip(loops, lanes) { loop.submit { lane.reload(configuration) } }
    }

    /// Says that it is not ready, stops accepting after the delay that is configured, sends every session
    /// away to resume elsewhere, and returns when all connections are closed, or after the time that is
    /// configured for it. Only after `start`, once.
    package func drain() async {
        shared.isDraining.withLock { $0 = true }
        await withTaskGroup(of: Void.self) { group in
            for (loop, lane) in zip(loops, lanes) {
                group.addTask {
                    await withCheckedContinuation { continuation in
                        loop.submit { lane.drain { continuation.resume() } }
                    }
                }
            }
        }
    }

    /// Ends a drain within about a second.
    package func hurryDrain() {
        for (loop, lane) in zip(loops, lanes) { loop.submit { lane.hurryDrain() } }
    }
}
