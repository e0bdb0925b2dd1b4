// What happened, in numbers: cheap to note, hashed as it goes, and written out as text only around a
// violation. Two runs of one seed must have the same hash.

struct TraceEntry: Sendable {
    enum Kind: UInt8, Sendable {
        case job, storeCall, storeDone, storeFault, storeDown, storeUp
        case connect, connected, refusedConnect, broken, halfOpen, closedByHub, closedByClient
        case sent, arrived, handed, received, slowReader
        case nodeKilled, nodeStarted, nodeDrained, partition, healed, notice, noticeLost, noticeTwice
        case revoked, cameBack, damaged, violation
    }
    let at: Int64
    let kind: Kind
    let a: Int64
    let b: Int64
    let word: StaticString
    let detail: String
}

package final class Trace {
    /// FNV-1a over everything noted.
    package private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    package private(set) var count = 0
    private var entries: [TraceEntry] = []
    /// Texts are made only when somebody will read them.
    let isVerbose: Bool
    unowned var clock: Scheduler!

    init(isVerbose: Bool) { self.isVerbose = isVerbose }

    func note(_ kind: TraceEntry.Kind, _ a: Int, _ b: Int64 = 0, _ word: StaticString = "",
              _ detail: @autoclosure () -> String = "") {
        count += 1
        mix(UInt64(kind.rawValue))
        mix(UInt64(bitPattern: Int64(a)))
        mix(UInt64(bitPattern: b))
        mix(UInt64(bitPattern: clock.now))
        guard isVerbose, kind != .job else { return }
        entries.append(TraceEntry(at: clock.now, kind: kind, a: Int64(a), b: b, word: word, detail: detail()))
    }

    /// Content that has to be the same too.
    func mix(_ word: UInt64) { hash = (hash ^ word) &* 0x100_0000_01b3 }

    /// The last `limit` entries, a line each, of those that contain `word`; times in milliseconds since
    /// the start.
    package func text(last limit: Int, about word: String? = nil) -> String {
        let chosen = word.map { word in entries.filter { $0.kind == .violation || $0.detail.contains(word) } }
        return (chosen ?? entries).suffix(limit).map { entry in
            let micros = entry.at - Scheduler.epoch
            let millis = "\(micros / 1_000).\(String(micros % 1_000 + 1_000).dropFirst())"
            let padding = String(repeating: " ", count: max(0, 12 - millis.count))
            return "\(padding)\(millis) ms  \(entry.kind) \(entry.word) \(entry.detail)"
        }.joined(separator: "\n")
    }
}
