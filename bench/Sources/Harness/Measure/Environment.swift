// Where a run took place, for the report: without it a figure means nothing. No names of people or
// machines.

internal import Glibc

package struct Environment: Codable, Sendable {
    package var kernel: String
    package var architecture: String
    package var processor: String
    package var cores: Int
    package var memoryBytes: UInt64
    package var loadAverage: Double
    package var benchVersion: String
    package var swiftVersion: String
    /// The hub's commit, when it was given.
    package var commit: String?

    enum CodingKeys: String, CodingKey {
        case kernel, architecture, processor, cores, commit
        case memoryBytes = "memory_bytes"
        case loadAverage = "load_average_at_start"
        case benchVersion = "bench_version"
        case swiftVersion = "swift_version"
    }

    package static func current(commit: String?) -> Environment {
        var name = utsname()
        uname(&name)
        let processor = line("/proc/cpuinfo", "model name") ?? "unknown"
        let memory = line("/proc/meminfo", "MemTotal")?.split(separator: " ").first
        let load = SystemFile.read("/proc/loadavg")?.split(separator: " ").first
        return Environment(
            kernel: string(name.release), architecture: string(name.machine), processor: processor,
            cores: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))),
            memoryBytes: (memory.flatMap { UInt64($0) } ?? 0) << 10,
            loadAverage: load.flatMap { Double($0) } ?? 0,
            benchVersion: BenchVersion.text, swiftVersion: compiler, commit: commit)
    }

    private static var compiler: String {
        #if compiler(>=6.4)
        "6.4 or later"
        #elseif compiler(>=6.3)
        "6.3"
        #else
        "6.2"
        #endif
    }

    private static func string<Tuple>(_ tuple: Tuple) -> String {
        withUnsafeBytes(of: tuple) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    private static func line(_ path: String, _ key: String) -> String? {
        guard let text = SystemFile.read(path) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix(key) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            return String(line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" })
        }
        return nil
    }
}

package enum BenchVersion {
    package static let text = "0.1.0"
}
