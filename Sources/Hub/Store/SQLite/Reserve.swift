// Room on the disk that is given up when there is no other: what ends a sign-in or a membership must still be written
// when people have filled the disk with content. A file of zeros beside the database, whose blocks are allocated.

import Glibc

struct Reserve: Sendable {
    let path: String
    let bytes: Int

    /// Beyond the reserve there is to be so much room before content is taken again, so that it is not
    /// given up and made by turns.
    private var marginBytes: UInt64 { UInt64(bytes) / 4 }

    init(database: String, bytes: Int) {
        path = database + "-reserve"
        self.bytes = bytes
    }

    /// A file system that is hardly larger can do without: on it, each job tries.
    var isWorthwhile: Bool {
        guard bytes > 0, let total = space?.total else { return false }
        return total >= 4 * UInt64(bytes)
    }

    /// Makes it unless it is there. `false`: there is no room for it.
    func make() -> Bool {
        var status = stat()
        if stat(path, &status) == 0, status.st_size >= off_t(bytes), Int(status.st_blocks) * 512 >= bytes {
            return true
        }
        guard hasRoom else { return false }
        let file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        guard file >= 0 else { return false }
        defer { close(file) }
        if posix_fallocate(file, 0, off_t(bytes)) == 0 { return true }
        giveUp()
        return false
    }

    /// There is room for it, as far as the file system tells.
    var hasRoom: Bool { (space?.free ?? 0) >= UInt64(bytes) + marginBytes }

    /// `false` when there was none.
    @discardableResult
    func giveUp() -> Bool { unlink(path) == 0 }

    private var space: (total: UInt64, free: UInt64)? {
        var status = statvfs()
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        guard statvfs(folder.isEmpty ? "/" : folder, &status) == 0 else { return nil }
        return (UInt64(status.f_frsize) * UInt64(status.f_blocks), UInt64(status.f_frsize) * UInt64(status.f_bavail))
    }
}
