// Where actors run, and what they know of time and chance. In production a lane is a libuv loop; in
// the simulator it is one queue of a seeded scheduler. Actors take lanes from outside.

package import Model

/// A serial executor that also takes plain jobs. What is submitted from one thread runs in the order
/// of submission; a job runs after everything submitted before it by the same thread.
package protocol Lane: SerialExecutor {
    /// Runs `job` on this lane, later, never inline. From any thread. One wake per burst.
    func submit(_ job: @escaping @Sendable () -> Void)

    /// Runs `job` on this lane, not before `milliseconds` have gone by. From any thread. It cannot be
    /// cancelled: the job checks whether it is still wanted.
    func submit(afterMilliseconds: UInt32, _ job: @escaping @Sendable () -> Void)

    /// Runs the parts of tasks that belong to no actor on this lane too. An actor starts its tasks with
    /// this preference: without it, every resumption of a continuation goes through the global pool
    /// (two thread wakes, and an order that no seed can replay) before it hops to the actor.
    var tasks: any TaskExecutor { get }
}

/// The two clocks. Neither suspends; both may be read from any thread.
package protocol Clocks: Sendable {
    func now() -> UnixMilliseconds
    func monotonic() -> MonotonicNanoseconds
}

/// A source of random bytes fit for keys and tokens, from any thread.
package protocol Entropy: Sendable {
    func words() -> (UInt64, UInt64)
    func bytes(_ count: Int) -> [UInt8]
}

extension Entropy {
    /// A fresh version 7 UUID.
    package func id<Kind>(at now: UnixMilliseconds) -> ID<Kind> { ID(now: now, random: words()) }
}
