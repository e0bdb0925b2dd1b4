// The one lock of the project. `Synchronization.Mutex` would do, but ThreadSanitizer does not
// understand it and reports races that are none; a pthread mutex it understands.

#if canImport(Glibc)
import Glibc
#endif

/// A value behind a mutex. Hold it for a few instructions; never across an `await`.
package final class Lock<Value>: @unchecked Sendable {
    // SAFETY: `value` is touched only between lock and unlock of `mutex`, whose address is stable.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    package init(_ value: Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        precondition(pthread_mutex_init(mutex, nil) == 0)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    @inline(__always)
    package func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
