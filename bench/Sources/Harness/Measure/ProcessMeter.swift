// What a server costs, read from /proc: processor time and resident memory of a process and its
// children, and the kernel's memory for TCP. Works for a server on this machine only.

internal import CBench
internal import Foundation
internal import Glibc

package struct ProcessSample: Sendable {
    package var processorNanoseconds: UInt64
    package var residentBytes: UInt64
}

package struct ProcessMeter: Sendable {
    package let process: Int32
    /// The process and its children, found once: looking for them takes too long during a run.
    package private(set) var family: [Int32]
    package let command: String
    private static let page = UInt64(sysconf(Int32(_SC_PAGESIZE)))

    package init(process: Int32) throws {
        self.process = process
        guard let name = Self.read("/proc/\(process)/comm") else {
            throw BenchError("there is no process \(process) to measure")
        }
        command = name.filter { $0 != "\n" }
        family = [process]
        refreshFamily()
    }

    package mutating func refreshFamily() {
        var children: [Int32: [Int32]] = [:]
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for entry in entries {
            guard let id = Int32(entry), let fields = Self.statistics(id),
                  let parent = Int32(fields[1]) else { continue }
            children[parent, default: []].append(id)
        }
        family = [process]
        var index = 0
        while index < family.count {
            family.append(contentsOf: children[family[index]] ?? [])
            index += 1
        }
    }

    /// `nil` when the process has gone.
    package func sample() -> ProcessSample? {
        var sample = ProcessSample(processorNanoseconds: 0, residentBytes: 0)
        for id in family {
            guard let fields = Self.statistics(id) else {
                if id == process { return nil }
                continue
            }
            // Exact, where the ticks of /proc/PID/stat are steps of 10 ms.
            sample.processorNanoseconds += bench_processor_time(id)
            sample.residentBytes += (UInt64(fields[21]) ?? 0) * Self.page
        }
        return sample
    }

    /// Fields of /proc/PID/stat from the third (state) on; proc(5).
    private static func statistics(_ process: Int32) -> [Substring]? {
        guard let text = read("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else {
            return nil
        }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 21 ? fields : nil
    }

    private static func read(_ path: String) -> String? { SystemFile.read(path) }

    /// Bytes the kernel's TCP has allocated for buffers, of all sockets of this machine.
    package static func kernelSocketBytes() -> UInt64? {
        guard let text = SystemFile.read("/proc/net/sockstat") else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("TCP:") {
            let words = line.split(separator: " ")
            guard let index = words.firstIndex(of: "mem"), index + 1 < words.count,
                  let pages = UInt64(words[index + 1]) else { return nil }
            return pages * page
        }
        return nil
    }
}

/// What the host of a virtual machine gave to others while this machine wanted to run: `steal` of proc(5).
/// It makes every latency longer, and none of it is the server's.
struct StolenTime: Sendable {
    private var stolen: UInt64
    private var all: UInt64

    /// Of all processors since the machine started; `nil` where the kernel does not say.
    static func now() -> StolenTime? {
        SystemFile.read("/proc/stat").flatMap { StolenTime(statistics: $0) }
    }

    init?(statistics text: String) {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("cpu ") }) else {
            return nil
        }
        // user nice system idle iowait irq softirq steal; the two behind them are in user and nice.
        let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) }
        guard ticks.count == 8 else { return nil }
        stolen = ticks[7]
        all = ticks.reduce(0, &+)
    }

    /// The share of the processors' time since then, from 0 to 1.
    func share(since start: StolenTime) -> Double {
        guard all > start.all, stolen >= start.stolen else { return 0 }
        return Double(stolen - start.stolen) / Double(all - start.all)
    }
}

enum SystemFile {
    /// A small file of /proc or /sys, whose size the kernel does not tell beforehand.
    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 8_192)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            text.append(contentsOf: buffer[..<count])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
