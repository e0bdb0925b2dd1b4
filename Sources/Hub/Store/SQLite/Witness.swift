// A file beside a SQLite database that says how far the database was and which write-ahead log is its own. When a
// backup is copied over the database, the two no longer fit: a database that is behind the witness begins a new
// generation, and one beside another's log is not opened at all, for SQLite would mix the pages of the two.
//
// The database holds the number of the run and a beat that grows with commits, at most ten times a second; the witness
// repeats them behind each commit, so it is never ahead of the database that it is about. The run's number also stands
// in the header of the file (`user_version`), where it can be read without the log. Within one boot of the machine the
// witness knows the file's times too. It is written without fsync: a power cut leaves an older one, which asks less.

import Glibc
import Model
import Ports

final class Witness: Sendable {
    struct Record: Equatable {
        /// The run that is going on or was the last.
        var run: Int64 = 0
        /// A run that was about to begin; the same as `run` once it has.
        var next: Int64 = 0
        var beat: Int64 = 0
        var boot = ""
        /// The file behind the last copy into it; empty while one is under way.
        var file = ""
        /// The witness itself: a copy of the whole folder has another one.
        var own = ""
    }

    /// A database with a witness of this run has been put there by a restore.
    static let restoredRun: Int64 = -1
    private static let bytes = 512
    private static let beatNanoseconds: UInt64 = 100_000_000

    private struct State {
        var record: Record
        var nextBeat: UInt64 = 0
    }
    private let path: String
    private let descriptor: Int32
    private let state: Lock<State>
    /// What stood there before this run; `nil`: there was none.
    let before: Record?

    static func name(of database: String) -> String { database + "-witness" }

    /// Reads the witness and checks that the log beside the database, if there is any, belongs to it. Before SQLite
    /// opens either.
    init(database path: String) throws(OpenError) {
        let name = Self.name(of: path)
        self.path = path
        descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .unwritable(path: name, errno: errno) }
        before = Self.read(descriptor)
        state = Lock(State(record: before ?? Record()))
        let own = Self.inode(descriptor)
        if let before, Self.size(path + "-wal") ?? 0 > 0, let why = Self.strangeness(path, before, own: own) {
            close(descriptor)
            throw Self.foreignLog(path, why)
        }
    }

    /// Only the check, of a database that is to be read.
    static func checkLog(of path: String) throws(OpenError) {
        let descriptor = open(name(of: path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if let before = read(descriptor), size(path + "-wal") ?? 0 > 0,
            let why = strangeness(path, before, own: inode(descriptor))
        {
            throw foreignLog(path, why)
        }
    }

    private static func foreignLog(_ path: String, _ why: String) -> OpenError {
        OpenError(
            .damaged, "\(path)-wal is the log of another database than \(path) (\(why))",
            remedy: "if a backup was put in its place, move \(path)-wal and \(path)-shm away (`hub restore` does all "
                + "of it); if only another program wrote to it, move \(name(of: path)) away: the log has posts")
    }

    deinit { close(descriptor) }

    /// Whether a database with these numbers is not the one that this was written for, or an older state of it.
    func isSetBack(run: Int64, beat: Int64) -> Bool {
        // A database without a run was never served by a hub that wrote a witness.
        guard let before else { return run != 0 }
        if run == before.run { return beat < before.beat }
        return run != before.next
    }

    // MARK: Writing

    /// A run is about to begin. Durable, as the database must not have its number before.
    func willBegin(_ run: Int64) {
        write(isDurable: true) {
            $0.next = run
            $0.file = ""
        }
    }

    /// The database has the number of the run, in its file too.
    func didBegin(_ run: Int64) {
        let (boot, own) = (Self.boot, Self.inode(descriptor))
        write(isDurable: true) { $0 = Record(run: run, next: run, beat: 0, boot: boot, file: "", own: own) }
    }

    /// Whether the next commit is to carry a beat.
    func wantsBeat(at now: MonotonicNanoseconds) -> Bool {
        state.withLock { state in
            guard now.value >= state.nextBeat else { return false }
            state.nextBeat = now.value + Self.beatNanoseconds
            return true
        }
    }

    /// The commit with the beat is durable.
    func beaten() { write { $0.beat += 1 } }

    /// Pages are about to be copied from the log into the file.
    func fileWillChange() { write { $0.file = "" } }

    func fileChanged() {
        let file = Self.facts(path)
        write { $0.file = file }
    }

    private func write(isDurable: Bool = false, _ change: (inout Record) -> Void) {
        state.withLock { state in
            change(&state.record)
            // One piece, so that a kill leaves the old one or the new one. What fails asks for less later.
            let bytes = Self.encode(state.record)
            _ = pwrite(descriptor, bytes, bytes.count, 0)
        }
        if isDurable { fsync(descriptor) }
    }

    /// For a database that a restore has put there: its next start begins a new generation.
    static func markRestored(database path: String) -> Bool {
        let name = Self.name(of: path)
        let descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let bytes = encode(Record(run: restoredRun, next: restoredRun))
        return pwrite(descriptor, bytes, bytes.count, 0) == bytes.count && fsync(descriptor) == 0
    }

    // MARK: The file's form

    private static let title = "hub witness 1"

    static func encode(_ record: Record) -> [UInt8] {
        let text = """
            \(title)
            run \(record.run)
            next \(record.next)
            beat \(record.beat)
            boot \(record.boot)
            file \(record.file)
            own \(record.own)

            """
        let body = Array(text.utf8.prefix(bytes - 1))
        return body + [UInt8](repeating: UInt8(ascii: " "), count: bytes - 1 - body.count) + [UInt8(ascii: "\n")]
    }

    /// `nil` for an empty file and one that cannot be understood.
    static func decode(_ bytes: [UInt8]) -> Record? {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first == Substring(title) else { return nil }
        var record = Record()
        var found = 0
        for line in lines.dropFirst() {
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "run": Int64(parts[1]).map { (record.run, found) = ($0, found + 1) }
            case "next": Int64(parts[1]).map { (record.next, found) = ($0, found + 1) }
            case "beat": Int64(parts[1]).map { (record.beat, found) = ($0, found + 1) }
            case "boot": record.boot = String(parts[1])
            case "file": record.file = String(parts[1])
            case "own": record.own = String(parts[1])
            default: continue
            }
        }
        return found == 3 ? record : nil
    }

    private static func read(_ descriptor: Int32) -> Record? {
        var bytes = [UInt8](repeating: 0, count: Self.bytes)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? decode(Array(bytes[..<count])) : nil
    }

    // MARK: Facts about files

    /// Why the log beside the database is not its own; `nil` when nothing speaks against it.
    private static func strangeness(_ path: String, _ before: Record, own: String) -> String? {
        // The first start may have been killed at any moment.
        guard before.run != 0 else { return nil }
        guard let version = userVersion(path) else { return "the file is no database" }
        if version != token(before.run), version != token(before.next) {
            return "the file is of another run of the hub"
        }
        if before.boot == boot, before.own == own, !boot.isEmpty, !before.file.isEmpty, before.file != facts(path) {
            return "the file was replaced"
        }
        return nil
    }

    /// What of a run stands in the header of the file.
    static func token(_ run: Int64) -> Int32 { Int32(truncatingIfNeeded: run) }

    /// The `user_version` in the header of the file itself, whatever its log says (sqlite.org/fileformat2.html §1.3).
    private static func userVersion(_ path: String) -> Int32? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var header = [UInt8](repeating: 0, count: 100)
        guard pread(file, &header, header.count, 0) == header.count else { return nil }
        return header[60..<64].reduce(0) { $0 << 8 | Int32($1) }
    }

    private static func size(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    private static func inode(_ descriptor: Int32) -> String {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? "\(status.st_ino)" : ""
    }

    private static func facts(_ path: String) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { return "" }
        return "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    }

    /// Which boot of the machine this is. Behind a power cut a file's times may be older than the witness says.
    private static let boot: String = {
        let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = Glibc.read(file, &bytes, bytes.count)
        return String(decoding: bytes[..<max(0, count)].prefix { $0 != 10 }, as: UTF8.self)
    }()
}
