// The one clock of a run. Publishers and subscribers live in one process, so latencies are
// differences of this clock and need no synchronisation between machines.

internal import Glibc

package enum MonotonicClock {
    /// Nanoseconds since an arbitrary moment; never goes back.
    package static func now() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// Processor time this thread has used, in nanoseconds.
    package static func threadProcessorTime() -> UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

    /// Milliseconds since 1970.
    package static func unixMilliseconds() -> UInt64 { read(CLOCK_REALTIME) / 1_000_000 }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}

func pause(milliseconds: UInt32) { usleep(milliseconds * 1_000) }
