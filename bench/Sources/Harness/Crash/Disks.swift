// Disks in files, for faults that a real one would be needed for: one that is small and gets full, and
// one whose power is cut. Mounted in a mount namespace of this process, so that no mount and no loop
// device outlives it.

internal import CBench
internal import Foundation
internal import Glibc

/// An ext4 file system in a file.
final class LoopDisk {
    let name: String
    let folder: String
    private let image: String
    private let log: String
    private var filler: Int32 = -1

    /// Mounted at `parent`/`name`, and its file without a name: it lives for as long as that.
    ///
    /// - Parameter bytes: its size; the file takes what is written to it, and no more.
    convenience init(in parent: String, named name: String, bytes: off_t, log: String) throws {
        let image = "\(parent)/\(name).img"
        try self.init(image: image, bytes: bytes, mountedAt: "\(parent)/\(name)", log: log)
        unlink(image)
    }

    convenience init(image: String, bytes: off_t, mountedAt folder: String, log: String) throws {
        self.init(image, folder, log)
        try SparseFile.make(image, bytes)
        // Nothing is kept back for root: a full disk is full for everybody.
        try Program.run("mkfs.ext4", "-q", "-m", "0", image, log: log)
        try mount()
    }

    /// A copy of one, as the loss of power left it.
    convenience init(recoveredFrom image: String, mountedAt folder: String, log: String) throws {
        self.init(image, folder, log)
        try mount()
    }

    private init(_ image: String, _ folder: String, _ log: String) {
        self.image = image
        self.folder = folder
        self.log = log
        name = (folder as NSString).lastPathComponent
    }

    private func mount() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // The file system's own commits every 5 s would make durable what nobody asked for.
        try Program.run("mount", "-o", "loop,commit=300,noatime", image, folder, log: log)
    }

    /// Takes all the space there is; to be repeated, as others may have given some back.
    func fill() throws {
        if filler < 0 {
            filler = open(folder + "/filler", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
            // Not even room for its name is left.
            guard filler >= 0 || errno == ENOSPC else { throw BenchError.system("cannot fill the disk") }
        }
        var size: off_t = 1 << 30
        while filler >= 0, size >= 4096 {
            let end = lseek(filler, 0, SEEK_END)
            if posix_fallocate(filler, end, size) != 0 { size /= 2 }
        }
    }

    func free() {
        unlink(folder + "/filler")
        close(filler)
        filler = -1
    }

    /// Everything that was written reaches the disk, whatever became of other requests.
    func sync() throws {
        try Program.run("sync", "--file-system", folder, log: log)
    }

    func unmount() {
        if filler >= 0 { free() }
        MountTable.unmount(folder, log)
    }
}

/// An ext4 file system in a file on btrfs, whose snapshots are what a disk holds when the power goes:
/// all that was flushed to it, and of the rest what the kernel happened to have written.
final class CuttableDisk {
    /// What it takes of the real disk at most.
    static let bytesMax: off_t = 3 << 30
    let disk: LoopDisk
    private let base: String
    private let folder: String
    private let log: String

    init(in folder: String, log: String) throws {
        self.folder = folder
        self.log = log
        base = folder + "/btrfs"
        try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
        try SparseFile.make(folder + "/btrfs.img", Self.bytesMax)
        try Program.run("mkfs.btrfs", "-q", "-m", "single", folder + "/btrfs.img", log: log)
        try Program.run("mount", "-o", "loop,noatime", folder + "/btrfs.img", base, log: log)
        // It lives for as long as it is mounted.
        unlink(folder + "/btrfs.img")
        try Program.run("btrfs", "subvolume", "create", base + "/live", log: log)
        disk = try LoopDisk(image: base + "/live/disk.img", bytes: 1 << 30,
                            mountedAt: folder + "/disk", log: log)
    }

    /// Begins to cut the power of a copy of the world; the world itself goes on, and writes while it
    /// is copied. Done when the process has ended.
    func beginCut() throws -> ChildProcess {
        try Program.start("btrfs", "subvolume", "snapshot", base + "/live", base + "/cut", log: log)
    }

    /// Mounts what the last cut left.
    func recovered() throws -> LoopDisk {
        try LoopDisk(recoveredFrom: base + "/cut/disk.img", mountedAt: folder + "/recovered", log: log)
    }

    func forgetCut() throws {
        try Program.run("btrfs", "subvolume", "delete", base + "/cut", log: log)
    }

    func unmount() {
        MountTable.unmount(folder + "/recovered", log)
        disk.unmount()
        MountTable.unmount(base, log)
    }
}

enum SparseFile {
    static func make(_ path: String, _ bytes: off_t) throws {
        let descriptor = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        guard descriptor >= 0, ftruncate(descriptor, bytes) == 0 else {
            throw BenchError.system("cannot make '\(path)'")
        }
    }
}

enum MountTable {
    /// From here on, mounts of this process are its own and end with it.
    static func makePrivate() throws {
        let failure = bench_private_mounts()
        guard failure == 0 else { throw BenchError.system("cannot have mounts of my own", -failure) }
    }

    static func kernelKnows(_ fileSystem: String) -> Bool {
        func isListed() -> Bool {
            (SystemFile.read("/proc/filesystems") ?? "").split(whereSeparator: \.isWhitespace)
                .contains { $0 == fileSystem }
        }
        // It may be a module that nobody has needed yet.
        return isListed() || (try? Program.run("modprobe", "-q", fileSystem, log: "/dev/null")) != nil
            && isListed()
    }

    static func unmount(_ folder: String, _ log: String) {
        let mounts = SystemFile.read("/proc/self/mounts") ?? ""
        guard mounts.contains(" \(folder) ") else { return }
        // Lazily where something still has a file open there: it ends with this process.
        if (try? Program.run("umount", folder, log: log)) == nil {
            try? Program.run("umount", "-l", folder, log: log)
        }
    }
}

/// Ctrl-C and SIGTERM: noted by a handler, and thrown where a run can clean up behind itself.
package enum Interruption {
    package static func watch() { bench_note_signals() }

    package static var isNoted: Bool { bench_signal_noted() != 0 }

    static func check() throws {
        if isNoted { throw BenchError("interrupted") }
    }
}
