// The command line: what there is, and the exit codes. Each scenario is a file of its own.

import ArgumentParser
import Harness

@main
struct HubBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hub-bench",
        abstract: "Measures a hub and checks that it keeps its promises.",
        discussion: """
            Every run checks correctness first: figures of a server that loses messages mean \
            nothing.

            Exit codes: 0 correct and within every threshold; 1 the run could not take place; 2 a
            promise was broken (loss, duplicates, order, reach, damage, unanswered posts); 3 a
            threshold of --fail-if was crossed; 64 the command line is wrong; 77 this machine cannot do
            what was asked for, and stderr says why.
            """,
        version: BenchVersion.text,
        subcommands: [Fanout.self, Compare.self, Idle.self, Ramp.self, Echo.self, Rooms.self,
                      Posts.self, Storm.self, Slow.self, Resume.self, Drain.self, Crash.self])
}

enum Outcome {
    static let impossible = ExitCode(1)
    static let incorrect = ExitCode(2)
    static let overThreshold = ExitCode(3)
    static let unavailable = ExitCode(77)
}
