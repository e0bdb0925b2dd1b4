// hub-sim: runs worlds, replays one, and compares runs of the same one.

import Glibc
import Simulation

@main
struct HubSim {
    static func main() {
        do {
            guard let options = try Options.parse(Array(CommandLine.arguments.dropFirst())) else {
                output(Options.help)
                return
            }
            switch options.mode {
            case .run: exit(run(options) ? 0 : 1)
            case .replay: exit(replay(options) ? 0 : 1)
            case .determinism: exit(compare(options) ? 0 : 1)
            case .work: work(options)
            }
        } catch {
            report("hub-sim: \(error.text); see hub-sim --help\n")
            exit(64)
        }
    }

    private static func jobs(_ options: Options) -> Int {
        options.jobs ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    private static func run(_ options: Options) -> Bool {
        var progress = Progress(worlds: options.seeds, isQuiet: options.isQuiet)
        var violations: [Outcome] = []
        Workers(from: options.from, seeds: options.seeds, jobs: jobs(options)).run { outcome in
            progress.add(outcome)
            guard let violation = outcome.violation else { return true }
            violations.append(outcome)
            progress.clear()
            output("seed \(outcome.seed): \(violation.promise): \(violation.text)")
            output("  replay it with: make sim SEED=\(outcome.seed)")
            return options.isKeepingGoing
        }
        progress.finish(violations: violations.count)
        return violations.isEmpty
    }

    private static func replay(_ options: Options) -> Bool {
        let world = Simulation(seed: options.from, isVerbose: true)
        output("seed \(world.seed): \(world.summary)")
        world.run()
        output(world.trace.text(last: options.lines, about: options.about))
        output("seed \(world.seed): \(world.trace.count) entries, hash \(String(world.trace.hash, radix: 16))")
        guard let violation = world.violation else {
            output("nothing was violated")
            return true
        }
        output("violated: \(violation.promise): \(violation.text)")
        return false
    }

    private static func compare(_ options: Options) -> Bool {
        var progress = Progress(worlds: 2 * options.seeds, isQuiet: options.isQuiet)
        var hashes: [UInt64: UInt64] = [:]
        var different: [UInt64] = []
        for _ in 0..<2 {
            Workers(from: options.from, seeds: options.seeds, jobs: jobs(options)).run { outcome in
                progress.add(outcome)
                if let other = hashes.updateValue(outcome.hash, forKey: outcome.seed), other != outcome.hash {
                    different.append(outcome.seed)
                }
                return true
            }
        }
        progress.clear()
        for seed in different.sorted() { output("seed \(seed) went two ways") }
        output("\(options.seeds) worlds lived through twice, \(Set(hashes.values).count) different traces, "
            + "\(different.count) went two ways")
        return different.isEmpty
    }
}

/// A line that is written over, when somebody looks.
private struct Progress {
    private let worlds: UInt64
    private let isShown: Bool
    private let began = now()
    private var shownAt = now()
    private var done: UInt64 = 0
    private var steps = 0
    private var milliseconds: Int64 = 0

    init(worlds: UInt64, isQuiet: Bool) {
        self.worlds = worlds
        isShown = !isQuiet
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    mutating func add(_ outcome: Outcome) {
        done += 1
        steps += outcome.steps
        milliseconds += outcome.milliseconds
        // On a terminal often, in a log seldom.
        guard isShown, Self.now() - shownAt > (isatty(2) == 1 ? 0.5 : 20) else { return }
        shownAt = Self.now()
        let left = (shownAt - began) / Double(done) * Double(worlds - done)
        report("\(isatty(2) == 1 ? "\r" : "")\(done) of \(worlds) worlds, \(Int(left)) s left"
            + (isatty(2) == 1 ? "   " : "\n"))
    }

    func clear() {
        if isShown, isatty(2) == 1 { report("\r\u{1B}[K") }
    }

    func finish(violations: Int) {
        clear()
        let seconds = Self.now() - began
        let hours = Double(milliseconds) / 3_600_000
        output("\(done) worlds in \(Int(seconds)) s: \(violations) violations, \(steps) steps, "
            + "\(Int(hours * 10) / 10) simulated hours, \(Int(hours * 3_600 / max(0.001, seconds))) simulated "
            + "seconds per second")
    }
}
