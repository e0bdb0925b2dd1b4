// A process that lives through some worlds, one after the other, and says of each how it ended. A world
// that ends the process (a trap in the code under test) ends this one only.

import Glibc
import Simulation

/// How a world ended, as one line between worker and parent.
struct Outcome {
    let seed: UInt64
    let hash: UInt64
    let steps: Int
    let milliseconds: Int64
    /// Promise and text.
    let violation: (promise: String, text: String)?

    var line: String {
        "\(seed)\t\(hash)\t\(steps)\t\(milliseconds)\t\(violation?.promise ?? "")\t\(violation?.text ?? "")"
    }

    init(_ world: Simulation) {
        seed = world.seed
        hash = world.trace.hash
        steps = world.scheduler.steps
        milliseconds = world.milliseconds
        violation = world.violation.map { ($0.promise, $0.text) }
    }

    init?(line: some StringProtocol) {
        let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard parts.count == 6, let seed = UInt64(parts[0]), let hash = UInt64(parts[1]),
              let steps = Int(parts[2]), let milliseconds = Int64(parts[3]) else { return nil }
        self.seed = seed
        self.hash = hash
        self.steps = steps
        self.milliseconds = milliseconds
        violation = parts[4].isEmpty ? nil : (String(parts[4]), String(parts[5]))
    }

    /// The worker died in this world.
    init(diedIn seed: UInt64, signal: Int32) {
        self.seed = seed
        hash = 0
        steps = 0
        milliseconds = 0
        violation = ("no trap", "the process ended with signal \(signal)")
    }
}

func work(_ options: Options) {
    for seed in options.from..<(options.from + options.seeds) {
        let world = Simulation(seed: seed)
        world.run()
        output(Outcome(world).line)
    }
}
