// The process: what a start looks like from outside, signals, and the exit code. The parts are put
// together in Hub.swift.

import Glibc
import Model
import Ports

@main
enum HubMain {
    static func main() {
        do {
            switch try CommandLineInvocation.ofThisProcess() {
            case .print(let text): CommandLineInvocation.write(text, to: STDOUT_FILENO)
            case .serve(let configuration, let warnings):
                try serve(configuration, warnings: warnings)
            }
        } catch {
            CommandLineInvocation.write("\(error)\n", to: STDERR_FILENO)
            exit(error.code.rawValue)
        }
    }

    /// Runs until SIGTERM or SIGINT.
    private static func serve(_ configuration: Configuration, warnings: [String]) throws(Refusal) {
        // Before any thread exists: all of them inherit the mask, and this one takes the signals.
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        Self.signal(SIGPIPE, SIG_IGN)
        let descriptors = raiseDescriptorLimit()

        let clocks = SystemClocks()
        let sink = LogSink(descriptor: STDERR_FILENO, format: configuration.logFormat, clocks: clocks)
        let log = sink.log(threshold: configuration.logLevel)
        for warning in warnings { log.warning("configuration", .word("what", warning)) }

        let hub = try waited { () async throws(Refusal) in
            try await Hub.start(configuration, descriptorsMax: descriptors, clocks: clocks, log: log)
        }
        for line in hub.announcement { CommandLineInvocation.write(line + "\n", to: STDOUT_FILENO) }
        while true {
            var received: Int32 = 0
            sigwait(&signals, &received)
            // Nothing can be reloaded yet; ignoring SIGHUP keeps a closed terminal from ending the hub.
            if received != SIGHUP { break }
        }
        log.info("stopping")
        try waited { () async throws(Refusal) in await hub.stop() }
        log.info("stopped")
    }

    private static func signal(_ number: Int32, _ action: sighandler_t) {
        _ = Glibc.signal(number, action)
    }

    /// As many descriptors as the system allows.
    private static func raiseDescriptorLimit() -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var files = rlimit()
        guard getrlimit(resource, &files) == 0 else { return 1_024 }
        files.rlim_cur = files.rlim_max
        setrlimit(resource, &files)
        return Int(clamping: files.rlim_cur)
    }

    /// Runs something asynchronous while this thread, which belongs to no executor, waits.
    private static func waited<Value: Sendable>(
        _ body: @escaping @Sendable () async throws(Refusal) -> Value
    ) throws(Refusal) -> Value {
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0, "no pipe")
        let (reader, writer) = (ends[0], ends[1])
        let result = Lock<Result<Value, Refusal>?>(nil)
        Task.detached {
            let outcome: Result<Value, Refusal>
            do throws(Refusal) {
                outcome = .success(try await body())
            } catch {
                outcome = .failure(error)
            }
            result.withLock { $0 = outcome }
            close(writer)
        }
        // The pipe's end comes when the task is done.
        var byte: UInt8 = 0
        while read(reader, &byte, 1) < 0 {}
        close(reader)
        return try result.withLock { $0! }.get()
    }
}
