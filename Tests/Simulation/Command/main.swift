import Simulation

let arguments = CommandLine.arguments
let from = UInt64(arguments.count > 1 ? arguments[1] : "1")!
let to = UInt64(arguments.count > 2 ? arguments[2] : "\(from)") ?? from
for seed in from...to {
    let world = Simulation(seed: seed, isVerbose: from == to)
    world.run()
    if let violation = world.violation {
        print("seed \(seed): \(violation.promise): \(violation.text)")
        if from == to { print(world.trace.text(last: 100000)) }
    }
    if from == to { print("seed \(seed) hash \(world.trace.hash) steps \(world.scheduler.steps)") }
}
