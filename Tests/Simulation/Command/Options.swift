// The command line of hub-sim.

struct Options {
    enum Mode {
        case run, replay, determinism, work
    }

    static let help = """
        hub-sim: the hub's actors in simulated worlds, each decided by one number.

        USAGE
          hub-sim run [--seeds N] [--from N] [--jobs N] [--keep-going]
              Lives through many worlds, with progress. Ends at the first violation, or with --keep-going
              after all, and prints the command that replays each.
          hub-sim replay SEED [--lines N] [--about TEXT]
              Lives through one world and prints what happened before its violation: the last N lines
              (default 60), only those that contain TEXT if it is given.
          hub-sim determinism [--seeds N] [--from N] [--jobs N]
              Lives through each world twice, in different processes, and compares what happened.

        OPTIONS
          --seeds N      how many worlds (default 1000)
          --from N       the first seed (default 1)
          --jobs N       worlds at the same time (default: as many as there are processors)
          --keep-going   do not end at the first violation
          --quiet        no progress

        EXIT STATUS
          0  nothing was violated      1  something was      64  the command line is wrong
        """

    var mode = Mode.run
    var seeds: UInt64 = 1_000
    var from: UInt64 = 1
    var jobs: Int?
    var isKeepingGoing = false
    var isQuiet = false
    var lines = 60
    var about: String?

    struct Mistake: Error {
        let text: String
    }

    /// `nil`: help was asked for.
    static func parse(_ arguments: [String]) throws(Mistake) -> Options? {
        var options = Options()
        var rest = arguments[...]
        guard let mode = rest.popFirst() else { return nil }
        switch mode {
        case "run": options.mode = .run
        case "replay":
            options.mode = .replay
            options.from = try number(rest.popFirst(), "the seed")
        case "determinism": options.mode = .determinism
        case "work": options.mode = .work
        case "--help", "-h", "help": return nil
        default: throw Mistake(text: "there is no command '\(mode)'")
        }
        while let option = rest.popFirst() {
            switch option {
            case "--seeds": options.seeds = try number(rest.popFirst(), option)
            case "--from": options.from = try number(rest.popFirst(), option)
            case "--jobs": options.jobs = Int(try number(rest.popFirst(), option))
            case "--lines": options.lines = Int(try number(rest.popFirst(), option))
            case "--about":
                guard let text = rest.popFirst() else { throw Mistake(text: "--about needs a text") }
                options.about = text
            case "--keep-going": options.isKeepingGoing = true
            case "--quiet": options.isQuiet = true
            case "--help", "-h": return nil
            default: throw Mistake(text: "there is no option '\(option)'")
            }
        }
        return options
    }

    private static func number(_ text: String?, _ name: String) throws(Mistake) -> UInt64 {
        guard let text, let value = UInt64(text), value > 0, value <= UInt64(Int64.max) else {
            throw Mistake(text: "\(name) needs a number above 0")
        }
        return value
    }
}
