// What a seed decides before anything happens: how large the world is, which faults it knows, and what
// its people do. Most worlds know few faults and some know many: a fault that is always on hides others.

import Live
import Model
import Rules

/// The faults of a world, each in percent of the chances it has to strike. All zero: a healed world.
struct Faults: Sendable {
    /// Store calls that fail before they did anything.
    var failedCalls = 0
    /// Writes that were carried out and whose answer is lost.
    var lostAnswers = 0
    /// Store calls that take up to three seconds.
    var slowStore = 0
    /// Vault calls that fail.
    var failedVault = 0
    /// Notices between hubs that are lost, come twice, or come late.
    var lostNotices = 0
    var doubledNotices = 0
    var lateNotices = 0
    /// Messages that take up to two seconds to a client or from it.
    var slowNetwork = 0
    init() {}
}

/// What a world does from time to time; mean milliseconds between two, 0: never.
struct Disasters: Sendable {
    var breaks: Int64 = 0
    var halfOpens: Int64 = 0
    var slowReaders: Int64 = 0
    var kills: Int64 = 0
    var drains: Int64 = 0
    var storeCrashes: Int64 = 0
    var partitions: Int64 = 0
    var revocations: Int64 = 0
    var returns: Int64 = 0
    /// A row of a log goes missing or bad.
    var damages: Int64 = 0
}

struct Plan: Sendable {
    var nodes: Int
    var frontsPerNode: Int
    var clients: Int
    var openChannels: Int
    var closedChannels: Int
    /// Milliseconds of virtual time in which people act and faults strike.
    var milliseconds: Int64
    /// Mean milliseconds between two acts of one client.
    var thinkMilliseconds: Int64
    var storeMicroseconds: Int64
    var networkMicroseconds: Int64
    /// Lanes in a hundred that seldom get their turn.
    var laggards: Int
    var textBytesMax: Int
    /// Clients in a hundred that take what comes slowly.
    var slowLinks: Int
    /// What the socket of a connection holds before its outbox fills.
    var socketBytes: Int
    var tokenMilliseconds: Int64
    var faults = Faults()
    var disasters = Disasters()
    /// Weight of each act of a client.
    var weights: [Int]
    var live = LiveConfiguration()
    /// The largest push of events.
    var pushBytesMax: Int
    var outboxBytesMax: Int
    var outboxTotalBytesMax: Int

    init(_ random: inout SeededRandom) {
        nodes = [1, 1, 2, 3][random.below(4)]
        frontsPerNode = 1 + random.below(2)
        clients = 3 + random.below(8)
        openChannels = 1 + random.below(3)
        closedChannels = 1 + random.below(2)
        milliseconds = random.between(1_000, 7_000)
        thinkMilliseconds = [30, 150, 500][random.below(3)]
        storeMicroseconds = [500, 5_000, 40_000][random.below(3)]
        networkMicroseconds = [300, 10_000, 120_000][random.below(3)]
        laggards = [0, 0, 30, 60][random.below(4)]
        textBytesMax = [16, 200, 3_000][random.below(3)]
        socketBytes = [2_000, 16_000, 64_000][random.below(3)]
        slowLinks = [0, 0, 40][random.below(3)]
        tokenMilliseconds = [900_000, 900_000, 12_000][random.below(3)]
        // As in production, several of the largest pushes find room.
        pushBytesMax = min(64 * (textBytesMax + 250), (128 << 10) + 64 * 250)
        // In some worlds so few that readers who pause are over it before long.
        outboxBytesMax = [3, 3, 1][random.below(3)] * pushBytesMax
        outboxTotalBytesMax = outboxBytesMax * (random.chance(50) ? 2 : 1_000)
        weights = Act.allCases.map { $0.weight * (random.chance(80) ? 1 + random.below(3) : 0) }
        weights[Act.post.rawValue] = max(weights[Act.post.rawValue], Act.post.weight)

        live.commandsPerSecond = random.chance(15) ? 20 : 0
        live.commandsBurst = 40
        live.limits.commandsInFlightMax = random.chance(20) ? 8 : 128
        live.limits.replayEventsMax = random.chance(40) ? UInt32(2 + random.below(30)) : 1_000
        live.limits.textBytesMax = 4_096
        live.inboxMax = random.chance(20) ? 4 : 8_192
        if random.chance(40) {
            live.log.recentMax = 1 + random.below(20)
            live.log.batchMax = 1 + random.below(8)
            live.log.pendingMax = 5 + random.below(40)
        }
        live.readsMax = random.chance(30) ? 1 : 8
        live.readsWaitingMax = random.chance(20) ? 2 : 4_096
        live.passivationMilliseconds = random.chance(50) ? 1_500 : 60_000

        // Three worlds in ten are healthy but for their timing.
        guard random.chance(70) else { return }
        func percent(_ values: [Int]) -> Int { random.chance(40) ? values[random.below(values.count)] : 0 }
        func every(_ low: Int64, _ high: Int64) -> Int64 { random.chance(40) ? random.between(low, high) : 0 }
        faults.failedCalls = percent([1, 5, 20])
        faults.lostAnswers = percent([2, 10, 30])
        faults.slowStore = percent([1, 5])
        faults.failedVault = percent([1, 5])
        faults.lostNotices = percent([5, 50, 100])
        faults.doubledNotices = percent([5, 50])
        faults.lateNotices = percent([5, 50])
        faults.slowNetwork = percent([1, 10])
        disasters.breaks = every(500, 5_000)
        disasters.halfOpens = every(2_000, 15_000)
        disasters.slowReaders = every(1_000, 5_000)
        disasters.kills = every(3_000, 15_000)
        disasters.drains = every(5_000, 20_000)
        disasters.storeCrashes = every(3_000, 15_000)
        disasters.partitions = every(3_000, 15_000)
        disasters.revocations = every(3_000, 15_000)
        disasters.returns = every(200, 3_000)
        disasters.damages = every(100, 3_000)
    }
}
