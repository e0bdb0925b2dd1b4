// How many files this process, and what it starts, may have open.

internal import CBench

/// A run needs a descriptor for every connection.
enum DescriptorLimit {
    /// As far as it is allowed.
    static func raiseFully() throws { _ = bench_raise_descriptors(1 << 20) }

    static func raise(for connections: Int) throws {
        let needed = UInt64(connections + 64)
        let allowed = bench_raise_descriptors(needed)
        guard allowed >= needed else {
            throw BenchError("\(connections) connections need \(needed) file descriptors, "
                + "\(allowed) are allowed: raise the limit with 'ulimit -n'")
        }
    }
}
