// The real clocks. Nothing else in the hub reads the time of the machine.

import Glibc
package import Model
import Ports

package struct SystemClocks: Clocks {
    package init() {}

    package func now() -> UnixMilliseconds {
        let time = read(CLOCK_REALTIME)
        return UnixMilliseconds(Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func monotonic() -> MonotonicNanoseconds {
        let time = read(CLOCK_MONOTONIC)
        return MonotonicNanoseconds(UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    private func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        precondition(clock_gettime(clock, &time) == 0)
        return time
    }
}
