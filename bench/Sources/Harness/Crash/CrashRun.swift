// A world is broken again and again under load, each time in the same way at a random moment. Its
// clients come back by themselves, and at the end the log must hold exactly what was acknowledged, and
// every subscriber must have seen exactly the log.

internal import Foundation
internal import Glibc

package final class CrashRun {
    package struct Round: Codable, Sendable {
        /// What happened, in words.
        package var what = ""
        /// How long the load had been steady then.
        package var after: UInt64 = 0
        package var unanswered = 0
        /// Posts acknowledged until then.
        package var acknowledged = 0
        /// Commands that were answered with an error until all was well again.
        package var refused = 0
        /// From the moment when things could be well again to the first acknowledged post.
        package var ready: UInt64 = 0
        /// Of that, what PostgreSQL needed until it took connections.
        package var database: UInt64 = 0
        /// From then to the moment when every client was back and every publisher had an answer.
        package var everybodyBack: UInt64 = 0
        /// Acknowledged posts that a power cut took.
        package var lost = 0
        /// Retries in the world behind a power cut which were told that the post was there already.
        package var answeredTwice = 0

        /// What was not PostgreSQL's own part, where it had to start.
        package var readyBehindDatabase: UInt64 {
            database > 0 && ready > database ? ready - database : 0
        }

        enum CodingKeys: String, CodingKey {
            case what, unanswered, acknowledged, refused, lost
            case answeredTwice = "answered_twice"
            case after = "after_ns"
            case ready = "ready_ns"
            case database = "database_ns"
            case everybodyBack = "everybody_back_ns"
        }
    }

    /// How soon every client must be back, and every publisher have had an answer.
    private static let recoveryMax: UInt64 = 10_000_000_000

    private let configuration: CrashConfiguration
    private let world: CrashWorld
    private let fleet: CrashFleet
    /// Those that get full, one of them at a time.
    private var disks: [LoopDisk] = []
    private let cuttable: CuttableDisk?
    private let channels: [String]
    private var random: SeededGenerator
    /// What was found by the rounds themselves, not by the audit at the end.
    private var findings = CrashLedger.Findings()
    private let progress: (String) -> Void

    /// Makes the disk, starts the world, makes an account and the channels.
    package init(_ configuration: CrashConfiguration, access: Credentials?,
                 progress: @escaping (String) -> Void) throws {
        try configuration.validate()
        var configuration = configuration
        self.progress = progress
        random = SeededGenerator(seed: configuration.seed)
        var folder = configuration.dataDirectory
        let log = folder + "/commands.log"
        // PostgreSQL's user must get through to its own folder, and to the library.
        chmod(folder, 0o711)
        if let library = configuration.lyingDisk {
            configuration.lyingDisk = folder + "/lying-disk.so"
            try FileManager.default.copyItem(atPath: library, toPath: folder + "/lying-disk.so")
        }
        configuration.hubArguments = try HubServer.limitsLifted(configuration.hub, folder) + configuration.hubArguments
        self.configuration = configuration
        var logFolder: String?
        switch configuration.fault {
        case .hub, .postgres:
            cuttable = nil
        case .fullDisk:
            cuttable = nil
            try MountTable.makePrivate()
            disks = [try LoopDisk(in: folder, named: "disk", bytes: 1 << 30, log: log)]
            if configuration.store == .postgresql {
                // A full log is another matter than full tables: PostgreSQL dies of it.
                disks.append(try LoopDisk(in: folder, named: "log", bytes: 1 << 28, log: log))
                logFolder = folder + "/log/wal"
            }
            folder += "/disk"
        case .power:
            try MountTable.makePrivate()
            cuttable = try CuttableDisk(in: folder, log: log)
            folder += "/disk"
        }
        world = try CrashWorld(configuration, in: folder, logIn: logFolder, named: "hub")
        try world.start()
        world.mayLosePostgres = configuration.fault == .fullDisk
        let signedIn = try world.firstSignIn(access)
        let control = try ControlClient(world.endpoint, tls: nil, encoding: configuration.encoding,
                                        token: signedIn.accessToken)
        let run = UInt32.random(in: 1...UInt32.max)
        var channels: [String] = []
        var starts: [Position] = []
        for index in 0..<configuration.channels {
            let name = "crash-\(String(run, radix: 16))-\(index)"
            let channel = try control.openChannel(named: name, topic: "Crash run of hub-bench")
            channels.append(channel.id)
            starts.append(channel.head)
        }
        self.channels = channels
        let ledger = CrashLedger(run: run, publishers: configuration.publishers,
                                 subscribers: configuration.subscribers, starts: starts)
        fleet = try CrashFleet(configuration, world, signedIn, channels: channels, ledger: ledger,
                               seed: random.next())
        // A disk that lies loses everything; something must be left for the losses to show in.
        if configuration.lyingDisk != nil { try cuttable?.disk.sync() }
    }

    /// Ends what still runs, and takes the disks away.
    package func end() {
        world.kill()
        cuttable?.unmount()
        for disk in disks { disk.unmount() }
    }

    package func run() throws -> CrashOutcome {
        try DescriptorLimit.raise(for: configuration.publishers + configuration.subscribers)
        try fleet.steady()
        var rounds: [Round] = []
        // Where a fault has two kinds, they take turns.
        let variant = Int.random(in: 0...1, using: &random)
        for number in 1...configuration.rounds {
            try fleet.renewTokenIfNeeded()
            var round = Round()
            let refused = fleet.refusalsTotal
            switch configuration.fault {
            case .hub: try killHub(&round)
            case .postgres: try troublePostgres(isKill: (variant + number) % 2 == 0, &round)
            case .fullDisk: try fillDisk(disks[(variant + number) % disks.count], &round)
            case .power: try cutPower(number, &round)
            }
            round.refused += fleet.refusalsTotal - refused
            rounds.append(round)
            progress("round \(number)/\(configuration.rounds): \(round.what) after "
                + "\(Figure.time(round.after)) of load with \(round.unanswered) posts "
                + "unanswered; first post after \(Figure.time(round.ready)), everybody back after "
                + "\(Figure.time(round.everybodyBack))")
        }
        try fleet.quiesce()
        let entries = try fleet.audit()
        findings.add(fleet.ledger.findings)
        return CrashOutcome(configuration: configuration, rounds: rounds, findings: findings,
                            ledger: fleet.ledger, logEntries: entries, refusals: fleet.refusals,
                            stoppedCleanly: world.hub.stop(seconds: 20), logPath: world.hub.logPath)
    }

    // MARK: Rounds

    /// Steady load until a random moment with a post under way: a fault between two posts would
    /// prove little.
    private func load(_ round: inout Round) throws {
        let begun = MonotonicClock.now()
        try fleet.work(nanoseconds: .random(in: 50_000_000...1_500_000_000, using: &random))
        try fleet.turn(seconds: 1, for: "a post", orGiveUp: true) { fleet.ledger.unanswered > 0 }
        // It may fall before, into or behind the commit. A snapshot takes its time by itself.
        if configuration.fault != .power { usleep(UInt32.random(in: 0...4_000, using: &random)) }
        round.after = MonotonicClock.now() - begun
    }

    /// Notes what the fault met.
    private func note(_ what: String, _ round: inout Round) {
        round.what = what
        round.unanswered = fleet.ledger.unanswered
        round.acknowledged = fleet.ledger.acknowledged
    }

    /// Waits for everything to be well again, which it could be since `start`.
    private func recover(_ fleet: CrashFleet, since start: UInt64, _ round: inout Round) throws {
        try fleet.steady()
        round.ready = (fleet.firstAcknowledgedAt ?? MonotonicClock.now()) - start
        round.everybodyBack = MonotonicClock.now() - start
        // How long PostgreSQL's own recovery takes is not the hub's doing.
        if round.everybodyBack > round.database + Self.recoveryMax {
            findings.add(\.late, "\(round.what): everybody back only after "
                + "\(Figure.time(round.everybodyBack))")
        }
    }

    private func killHub(_ round: inout Round) throws {
        try load(&round)
        world.hub.kill()
        note("killed", &round)
        try fleet.outliveHub()
        fleet.expectAnswers()
        let start = MonotonicClock.now()
        try world.hub.start()
        try recover(fleet, since: start, &round)
    }

    private func troublePostgres(isKill: Bool, _ round: inout Round) throws {
        guard let postgres = world.postgres else { return }
        try load(&round)
        // For long enough that no answer from before counts as one from after.
        let pause = UInt64.random(in: isKill ? 50_000_000...5_000_000_000 : 500_000_000...5_000_000_000,
                                  using: &random)
        if isKill { postgres.kill() } else { postgres.suspend() }
        note("PostgreSQL \(isKill ? "killed and away" : "stopped") for \(Figure.time(pause))", &round)
        do { try fleet.work(nanoseconds: pause) } catch {
            // What is stopped would stay so behind our back.
            postgres.resume()
            throw error
        }
        fleet.expectAnswers()
        let start = MonotonicClock.now()
        if isKill {
            try postgres.start()
            try fleet.turn(seconds: 60, for: "PostgreSQL to take connections") { postgres.isReady() }
            round.database = MonotonicClock.now() - start
        } else {
            postgres.resume()
        }
        try recover(fleet, since: start, &round)
    }

    private func fillDisk(_ disk: LoopDisk, _ round: inout Round) throws {
        try load(&round)
        try disk.fill()
        note("", &round)
        let begun = MonotonicClock.now()
        let before = fleet.refusals["unavailable"] ?? 0
        // What was allotted before may still be written; then clients must be told.
        while fleet.refusals["unavailable"] ?? 0 == before {
            guard MonotonicClock.now() < begun + 60_000_000_000 else {
                throw BenchError("the disk was full for 60 s and no client was told")
            }
            try fleet.work(nanoseconds: 50_000_000)
            try disk.fill()
        }
        let end = MonotonicClock.now() + UInt64.random(in: 0...2_000_000_000, using: &random)
        while MonotonicClock.now() < end {
            try fleet.work(nanoseconds: 50_000_000)
            try disk.fill()
        }
        round.what = "\(disk.name) full for \(Figure.time(MonotonicClock.now() - begun))"
        fleet.expectAnswers()
        let start = MonotonicClock.now()
        disk.free()
        if let postgres = world.postgres {
            try fleet.turn(seconds: 60, for: "PostgreSQL to take connections") { postgres.isReady() }
            round.database = MonotonicClock.now() - start
        }
        try recover(fleet, since: start, &round)
    }

    /// A copy of the disk loses its power. The clients of the copy are those of now: they know what
    /// was acknowledged before the snapshot was begun and nothing that came later, have had no
    /// answer to what they posted until its end, and find their way back in a world that is started
    /// on what is left. The old world goes on, for the next cut.
    private func cutPower(_ number: Int, _ round: inout Round) throws {
        guard let cuttable else { return }
        try load(&round)
        try fleet.takeArrived()
        var books = fleet.ledger.withoutFindings()
        note("power cut", &round)
        let cut = try cuttable.beginCut()
        var isCut = false
        while !isCut {
            try fleet.work(nanoseconds: 1_000_000)
            isCut = try cut.hasFinished()
        }
        books.takeOverPosts(of: fleet.ledger)
        do {
            let found = try inspectCut(cuttable, books, &round)
            round.lost = found.violations.lost
            findings.add(found, of: "cut \(number)")
        } catch let error as BenchError where !Interruption.isNoted {
            findings.add(\.unrecovered, "cut \(number): \(error)")
        }
        try cuttable.forgetCut()
    }

    private func inspectCut(_ cuttable: CuttableDisk, _ books: CrashLedger,
                            _ round: inout Round) throws -> CrashLedger.Findings {
        let left = try cuttable.recovered()
        defer { left.unmount() }
        let start = MonotonicClock.now()
        let world = try CrashWorld(configuration, in: left.folder, named: "recovered")
        defer { world.kill() }
        try world.start()
        if world.postgres != nil { round.database = MonotonicClock.now() - start }
        let fleet = try CrashFleet(configuration, world, fleet.signedIn, channels: channels,
                                   ledger: books, seed: random.next())
        try recover(fleet, since: start, &round)
        round.refused += fleet.refusalsTotal
        try fleet.quiesce()
        _ = try fleet.audit()
        round.answeredTwice = fleet.ledger.duplicateAcknowledgements - books.duplicateAcknowledgements
        return fleet.ledger.findings
    }
}
