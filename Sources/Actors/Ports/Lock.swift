// The one lock of the project. `Synchronization.Mutex` would do, but ThreadSanitizer does not
// understand it and reports races that are none; a pthread mutex it understands.

#if canImport(Glibc)
import Glibc
#endif

/// A value behind a mutex. Hold it for a few instructions; never across an `await`.
package final class Lock<Value>: @unchecked Sendable {
    // SAFETY: `value` is touched only between lock and unlock of `mutex`; their addresses are stable. Behind a
    // pointer no exclusive access is checked for: the mutex sees to it.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let value: UnsafeMutablePointer<Value>

    package init(_ value: Value) {
        typealias Mutex = MemoryLayout<pthread_mutex_t>
        typealias Kept = MemoryLayout<Value>
        // One piece of memory for both.
        let offset = (Mutex.size + Kept.alignment - 1) / Kept.alignment * Kept.alignment
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: offset + Kept.size, alignment: max(Mutex.alignment, Kept.alignment))
        mutex = memory.initializeMemory(as: pthread_mutex_t.self, to: pthread_mutex_t())
        self.value = (memory + offset).initializeMemory(as: Value.self, to: value)
        precondition(pthread_mutex_init(mutex, nil) == 0)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        value.deinitialize(count: 1)
        UnsafeMutableRawPointer(mutex).deallocate()
    }

    @inline(__always)
    package func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value.pointee)
    }
}
