// Worlds on all cores: worker processes of a few worlds each, read as they go.

import Glibc

final class Workers {
    private struct Worker {
        let process: pid_t
        let descriptor: Int32
        var next: UInt64
        let end: UInt64
        var text: [UInt8] = []
    }

    /// Worlds of one worker process. Enough that starting it costs little.
    private static let chunk: UInt64 = 25

    private let jobs: Int
    private var next: UInt64
    private let end: UInt64
    private var workers: [Worker] = []

    init(from: UInt64, seeds: UInt64, jobs: Int) {
        next = from
        end = from + seeds
        self.jobs = jobs
    }

    /// Gives every outcome to `each`, in no particular order, until it returns false.
    func run(_ each: (Outcome) -> Bool) {
        while true {
            while workers.count < jobs, next < end { start() }
            if workers.isEmpty { return }
            var polls = workers.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            guard poll(&polls, nfds_t(polls.count), -1) >= 0 else { continue }
            for index in workers.indices.reversed() where polls[index].revents != 0 {
                for outcome in read(index) {
                    guard each(outcome) else {
                        stop()
                        return
                    }
                }
            }
        }
    }

    /// The system has no more processes or descriptors for us.
    private static func cannotStart() -> Never {
        let text = "hub-sim: cannot start a worker: \(String(cString: strerror(errno)))\n"
        _ = text.withCString { write(2, $0, strlen($0)) }
        exit(71)
    }

    private func start() {
        var pipe: [Int32] = [0, 0]
        guard Glibc.pipe(&pipe) == 0 else { Self.cannotStart() }
        let last = min(end, next + Self.chunk)
        let arguments = ["hub-sim", "work", "--from", "\(next)", "--seeds", "\(last - next)"]
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, pipe[1], 1)
        posix_spawn_file_actions_addclose(&actions, pipe[0])
        posix_spawn_file_actions_addclose(&actions, pipe[1])
        defer { posix_spawn_file_actions_destroy(&actions) }
        var process: pid_t = 0
        errno = posix_spawn(&process, "/proc/self/exe", &actions, nil, &pointers, environ)
        guard errno == 0 else {
            Self.cannotStart()
        }
        close(pipe[1])
        // Later workers must not hold this end open.
        _ = fcntl(pipe[0], F_SETFD, FD_CLOEXEC)
        workers.append(Worker(process: process, descriptor: pipe[0], next: next, end: last))
        next = last
    }

    private func read(_ index: Int) -> [Outcome] {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = Glibc.read(workers[index].descriptor, &buffer, buffer.count)
        guard count > 0 else { return ended(index) }
        workers[index].text += buffer[..<count]
        var outcomes: [Outcome] = []
        while let newline = workers[index].text.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: workers[index].text[..<newline], as: UTF8.self)
            workers[index].text.removeSubrange(...newline)
            guard let outcome = Outcome(line: line) else { continue }
            workers[index].next = outcome.seed + 1
            outcomes.append(outcome)
        }
        return outcomes
    }

    private func ended(_ index: Int) -> [Outcome] {
        let worker = workers.remove(at: index)
        close(worker.descriptor)
        var status: Int32 = 0
        waitpid(worker.process, &status, 0)
        guard worker.next < worker.end else { return [] }
        // What it had before it goes on behind the world that ended it.
        let outcome = Outcome(diedIn: worker.next, signal: status & 0x7F)
        if worker.next + 1 < worker.end {
            let rest = Workers(from: worker.next + 1, seeds: worker.end - worker.next - 1, jobs: 1)
            var outcomes = [outcome]
            rest.run {
                outcomes.append($0)
                return true
            }
            return outcomes
        }
        return [outcome]
    }

    private func stop() {
        for worker in workers {
            kill(worker.process, SIGKILL)
            var status: Int32 = 0
            waitpid(worker.process, &status, 0)
            close(worker.descriptor)
        }
        workers = []
    }
}
