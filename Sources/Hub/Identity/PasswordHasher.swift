// argon2id on threads of its own. One hash takes 30 ms and 19 MiB: on a loop it would hold up every
// connection, and without a bound a burst of sign-ins would take all the memory.

package import Crypto
import Glibc
package import Model
import Ports

/// The queue is full; nothing was computed.
package struct HasherOverloaded: Error {}

package final class PasswordHasher: Sendable {
    private let queue: HashingQueue
    private let parameters: Argon2id
    private let salts: any Entropy
    private let decoy: Private<PasswordTag>

    /// Two threads allow some 60 sign-ins a second; a queue of 64 empties in a second.
    package init(parameters: Argon2id = .standard, threads: Int = 2, queueMax: Int = 64) {
        self.parameters = parameters
        salts = SystemEntropy()
        decoy = Private(parameters.decoy)
        queue = HashingQueue(limit: queueMax, threads: threads)
    }

    deinit { queue.close() }

    /// A PHC string to store.
    package func hash(_ password: Password) async throws(HasherOverloaded) -> Private<PasswordTag> {
        let (parameters, salt) = (parameters, salts.bytes(Argon2id.saltBytes))
        let text = password.normal
        let hash = try await queue.run { parameters.hash(text.reveal, salt: salt) }
        // `nil` is want of memory.
        guard let hash else { throw HasherOverloaded() }
        return Private(hash)
    }

    /// Whether the password is the one that was hashed. Without a hash, because there is no such
    /// account, it computes as long and says no. Hashes of before passwords were normalised are of the text as it came.
    package func verify(_ password: Password, _ hash: Private<PasswordTag>?)
        async throws(HasherOverloaded) -> Bool
    {
        let phc = (hash ?? decoy).reveal
        let normal = password.normal
        var isRight = try await queue.run { Argon2id.verify(normal.reveal, phc) }
        if !isRight, !normal.reveal.utf8.elementsEqual(password.reveal.utf8) {
            isRight = try await queue.run { Argon2id.verify(password.reveal, phc) }
        }
        return isRight && hash != nil
    }

    package func needsRehash(_ hash: Private<PasswordTag>) -> Bool {
        parameters.needsRehash(hash.reveal)
    }
}

/// A few threads that take jobs from one bounded queue.
private final class HashingQueue: @unchecked Sendable {
    // SAFETY: `wake` is a POSIX semaphore, which any thread may post to and wait on; its memory
    // lives as long as the threads, which hold this object.
    private let wake: UnsafeMutablePointer<sem_t>
    private let limit: Int

    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }
    private let state = Lock(State())
    private let threads: Int

    init(limit: Int, threads: Int) {
        precondition(limit > 0 && threads > 0)
        self.limit = limit
        self.threads = threads
        wake = .allocate(capacity: 1)
        precondition(sem_init(wake, 0, 0) == 0)
        for _ in 0..<threads {
            var thread = pthread_t()
            let queue = Unmanaged.passRetained(self)
            precondition(pthread_create(&thread, nil, runHashingThread, queue.toOpaque()) == 0)
            pthread_detach(thread)
        }
    }

    deinit {
        sem_destroy(wake)
        wake.deallocate()
    }

    func run<Value: Sendable>(_ compute: @escaping @Sendable () -> Value)
        async throws(HasherOverloaded) -> Value
    {
        let value: Value? = await withCheckedContinuation { waiter in
            let isTaken = state.withLock { state in
                guard !state.isClosed, state.jobs.count < limit else { return false }
                state.jobs.append { waiter.resume(returning: compute()) }
                return true
            }
            if isTaken { sem_post(wake) } else { waiter.resume(returning: nil) }
        }
        guard let value else { throw HasherOverloaded() }
        return value
    }

    /// What was taken is still computed; then the threads end.
    func close() {
        state.withLock { $0.isClosed = true }
        for _ in 0..<threads { sem_post(wake) }
    }

    fileprivate func work() {
        while true {
            while sem_wait(wake) != 0 {}
            let (job, isClosed) = state.withLock { state in
                (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed)
            }
            if let job { job() } else if isClosed { return }
        }
    }
}

private func runHashingThread(_ queue: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    Unmanaged<HashingQueue>.fromOpaque(queue!).takeRetainedValue().work()
    return nil
}
