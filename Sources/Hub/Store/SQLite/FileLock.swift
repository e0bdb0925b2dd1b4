// Keeps a second hub off the same SQLite file: a lock on a file beside it, held until the process ends
// however it ends. SQLite's own locks cannot say this, as readers of this process need the file too.
// Makes the database file, too, so that nobody else can read it.

import Glibc

struct FileLock: Sendable {
    private let descriptor: Int32
    /// The path of the database, its links resolved: SQLite puts its own files beside that one.
    let path: String

    /// Locks `PATH-lock`, with the links in PATH resolved so that another name for the file is the
    /// same lock.
    init(database path: String) throws(OpenError) {
        let real = Self.resolved(path)
        let name = real + "-lock"
        let descriptor = Glibc.open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unwritable(path: path, errno: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let holder = Self.holder(descriptor)
            Glibc.close(descriptor)
            if code == EWOULDBLOCK { throw .inUse(path: path, process: holder) }
            throw .unwritable(path: path, errno: code)
        }
        // Only a hint for the message of the next one; the lock does not depend on it.
        let process = "\(getpid())\n"
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, process, process.utf8.count, 0) }
        self.descriptor = descriptor
        self.path = real
        // A file that is there keeps its mode; SQLite gives its log the mode of the database.
        let file = Glibc.open(real, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            let code = errno
            release()
            throw .unwritable(path: path, errno: code)
        }
        // Before SQLite has opened it: closing a file drops the process's locks on it.
        Glibc.close(file)
    }

    func release() { Glibc.close(descriptor) }

    private static func holder(_ descriptor: Int32) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: bytes[..<count].prefix { $0 != 10 }, as: UTF8.self))
    }

    private static func resolved(_ path: String) -> String {
        if let real = realpath(path, nil) {
            defer { free(real) }
            return String(cString: real)
        }
        let cut = path.lastIndex(of: "/")
        let folder = cut.map { String(path[..<$0]) } ?? "."
        let file = cut.map { path[path.index(after: $0)...] } ?? path[...]
        guard let real = realpath(folder.isEmpty ? "/" : folder, nil) else { return path }
        defer { free(real) }
        return String(cString: real) + "/" + file
    }
}
