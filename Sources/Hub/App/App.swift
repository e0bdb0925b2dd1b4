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
            case .command(let command, let input):
                let text = try waited { () async throws(Refusal) in try await command.perform(input) }
                CommandLineInvocation.write(text, to: STDOUT_FILENO)
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
            try await Hub.start(configuration, descriptorsMax: descriptors, clocks: clocks, log: log) {
                guard isStopWanted() else { return }
                log.info("stopped")
                exit(0)
            }
        }
        for line in hub.announcement { CommandLineInvocation.write(line + "\n", to: STDOUT_FILENO) }
        var current = configuration
        while true {
            var received: Int32 = 0
            sigwait(&signals, &received)
            if received != SIGHUP { break }
            current = reload(hub, current, log)
        }
        log.info("stopping")
        // A second signal, or one more, while the hub stops.
        takeSignals(signals) { if $0 != SIGHUP { hub.hurry() } }
        try waited { () async throws(Refusal) in await hub.stop() }
        log.info("stopped")
    }

    /// Reads file, environment and command line again, and has the hub go by what can be changed while it
    /// runs; the configuration that is in force then. A mistake changes nothing.
    private static func reload(_ hub: Hub, _ current: Configuration, _ log: Log) -> Configuration {
        let result: ReloadedConfiguration
        do {
            guard case .serve(let newer, let warnings) = try CommandLineInvocation.ofThisProcess() else {
                return current
            }
            for warning in warnings { log.warning("configuration", .word("what", warning)) }
            result = current.reloaded(from: newer)
        } catch {
            log.error("configuration not reloaded", .word("problem", error.problem),
                      .word("remedy", error.remedy))
            return current
        }
        hub.reload(result.configuration)
        // A level may be set to see this line, or not to see it.
        log.setThreshold(min(current.logLevel, result.configuration.logLevel))
        log.info("configuration reloaded", .word("changed", result.changed.joined(separator: " ")))
        if !result.needRestart.isEmpty {
            log.warning("configuration that needs a restart",
                        .word("keys", result.needRestart.joined(separator: " ")))
        }
        log.setThreshold(result.configuration.logLevel)
        return result.configuration
    }

    /// A signal to stop waits to be taken.
    private static func isStopWanted() -> Bool {
        var waiting = sigset_t()
        sigpending(&waiting)
        return sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1
    }

    /// Waits for signals on a thread of its own until the process ends.
    private static func takeSignals(_ signals: sigset_t, _ body: @escaping @Sendable (Int32) -> Void) {
        let waiting = Unmanaged.passRetained(SignalWait(signals: signals, body: body)).toOpaque()
        var thread = pthread_t()
        pthread_create(&thread, nil, { waiting in
            let waiting = Unmanaged<SignalWait>.fromOpaque(waiting!).takeRetainedValue()
            while true {
                var signals = waiting.signals
                var received: Int32 = 0
                sigwait(&signals, &received)
                waiting.body(received)
            }
        }, waiting)
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

/// What a thread that waits for signals is given.
private final class SignalWait: Sendable {
    let signals: sigset_t
    let body: @Sendable (Int32) -> Void
    init(signals: sigset_t, body: @escaping @Sendable (Int32) -> Void) {
        self.signals = signals
        self.body = body
    }
}
