// `hub backup` and `hub restore`. PostgreSQL has tools of its own for both; these commands say how to call them.

import Crypto
import Glibc
import Model
import Ports
import Store
import Vault

extension Subcommand {
    static let backup = Subcommand(
        "backup", operands: ["DEST"], "copy the database into a new folder, also while the hub runs",
        details: """
            DEST must not exist. It becomes a folder that only its owner can read, with the database and a
            manifest that says what it is and which master key fits. It appears under its name when all of it
            is on disk. The master key is not in it: keep that elsewhere. Whoever has both can read everything.
            The copy is what the database held at one moment; it needs as much room as the database.

            With PostgreSQL nothing is copied; the command says how to call pg_dump.
            """,
        exitCodes: [.unavailable, .cannotCreate]
    ) { input throws(Refusal) in
        let path = try input.sqlitePath(else: .backup)
        let destination = input.operands[0]
        guard DatabaseFile.size(destination) == nil else {
            throw Refusal(.cannotCreate, "\(destination) is there already", remedy: "name a folder that is not")
        }
        let partial = "\(destination).partial-\(getpid())"
        guard mkdir(partial, 0o700) == 0 else {
            throw Refusal(.cannotCreate, "\(partial): \(FileProblem.lastError.text)",
                          remedy: "make its parent folder, or name another place")
        }
        let database = "\(partial)/\(BackupManifest.databaseName)"
        let manifest: BackupManifest
        do throws(Refusal) {
            manifest = try input.makeBackup(of: path, as: database)
            try write(manifest.text, to: "\(partial)/\(BackupManifest.fileName)")
            try refusing { () throws(OpenError) in
                try DatabaseFile.sync(partial)
                guard rename(partial, destination) == 0 else { throw DatabaseFile.lastError(destination) }
                try DatabaseFile.syncFolder(of: destination)
            }
        } catch {
            for name in [BackupManifest.databaseName, BackupManifest.fileName] { unlink("\(partial)/\(name)") }
            rmdir(partial)
            throw error
        }
        return "backed up to \(destination): \(manifest.summary)\n"
    }

    static let restore = Subcommand(
        "restore", operands: ["SOURCE"], "put a backup in the place of the database, while the hub is stopped",
        details: """
            SOURCE is a folder that `hub backup` made. Before anything is changed, the file is checked against
            its manifest and by SQLite, and the master key against both: put the key in its place first. A
            database that is there is not replaced, unless --replace is given, which moves it aside.
            Clients find out by themselves: the next start gives all channels another epoch, so they load anew.
            Sign-ins, passwords, roles and members are those of the backup again: see docs/operations.md.

            With PostgreSQL nothing is done; the command says how to call pg_restore.
            """,
        flags: [Flag(name: "--replace", meaning: "move the database that is there aside, under a name with the time")],
        exitCodes: [.data, .unavailable, .cannotCreate]
    ) { input throws(Refusal) in
        let path = try input.sqlitePath(else: .restore)
        let source = input.operands[0]
        let manifest = try input.manifest(of: source)
        let master = try Hub.masterKey(input.configuration, mayMake: false)
        try Hub.makeDataDirectory(input.configuration)
        let lock = try refusing { () throws(OpenError) in try DatabaseFile.lock(path) }
        defer { lock.release() }
        return try input.restore(manifest, from: source, as: path, master)
    }

    /// Writes a small file that only its owner can read, and sees to it that it is on disk.
    private static func write(_ text: String, to path: String) throws(Refusal) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        defer { close(file) }
        let bytes = Array(text.utf8)
        guard file >= 0, Glibc.write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
            throw Refusal(.cannotCreate, "\(path): \(FileProblem.lastError.text)", remedy: "make room for it")
        }
    }
}

extension CommandInput {
    enum Direction { case backup, restore }

    /// The file; a refusal that says what to do with PostgreSQL.
    fileprivate func sqlitePath(else direction: Direction) throws(Refusal) -> String {
        switch configuration.databaseLocation {
        case .sqlite(let path): return path
        case .postgresql:
            let call = switch direction {
            case .backup: "pg_dump --format=custom --no-owner --file=\(operands[0]) --dbname=URI"
            case .restore:
                "createdb --owner hub NEW && pg_restore --exit-on-error --single-transaction --no-owner "
                    + "--dbname=URI-OF-NEW \(operands[0])"
            }
            throw Refusal(
                .usage, "nothing was done: the database is PostgreSQL, which has its own tools",
                remedy: "run: \(call) (URI: `store` of the configuration; docs/operations.md, Keys and backups)")
        }
    }

    fileprivate func makeBackup(of path: String, as database: String) throws(Refusal) -> BackupManifest {
        try refusing { () throws(OpenError) in
            try DatabaseFile.copy(path, to: database) { done, all in
                tell("\(done >> 20) of about \((all >> 20) + 1) MiB")
            }
        }
        let facts = try refusing { () throws(OpenError) in try DatabaseFile.facts(database, isThorough: false) }
        // Reading may leave files of SQLite's own beside it.
        for suffix in ["-wal", "-shm"] { unlink(database + suffix) }
        guard let (sha256, bytes) = BackupManifest.digest(database) else {
            throw Refusal(.cannotCreate, "\(database): \(FileProblem.lastError.text)", remedy: "try another place")
        }
        return BackupManifest(takenAt: LogSink.timestamp(SystemClocks().now()), bytes: bytes, sha256: sha256,
                              facts: facts)
    }

    fileprivate func manifest(of source: String) throws(Refusal) -> BackupManifest {
        let path = "\(source)/\(BackupManifest.fileName)"
        guard case .success(let bytes) = CommandLineInvocation.readFile(path) else {
            throw Refusal(.data, "\(path) cannot be read: \(FileProblem.lastError.text)",
                          remedy: "name a folder that `hub backup` made, and check that this user may read it")
        }
        guard let manifest = BackupManifest(String(decoding: bytes, as: UTF8.self)) else {
            throw Refusal(.data, "\(path) is no manifest that this hub understands",
                          remedy: "use another backup, or the version of the hub that made it")
        }
        guard manifest.migration <= DatabaseFile.migrationKnown else {
            throw Refusal(
                .configuration, "the backup is of a newer hub (\(manifest.hubVersion), this is \(hubVersion))",
                remedy: "restore it with that version or a later one")
        }
        return manifest
    }

    /// With the database's lock held.
    fileprivate func restore(_ manifest: BackupManifest, from source: String, as path: String, _ master: MasterKey)
        throws(Refusal) -> String
    {
        let isThere = DatabaseFile.companions(of: path).contains { DatabaseFile.size($0) ?? 0 > 0 }
        guard !isThere || flags.contains("--replace") else {
            throw Refusal(.cannotCreate, "there is a database already: \(path)",
                          remedy: "give --replace to have it moved aside")
        }
        let copy = "\(path).restoring"
        unlink(copy)
        do throws(Refusal) {
            try take("\(source)/\(BackupManifest.databaseName)", as: copy, manifest)
            let facts = try refusing(as: .data) { () throws(OpenError) in
                try DatabaseFile.facts(copy, isThorough: true)
            }
            for suffix in ["-wal", "-shm"] { unlink(copy + suffix) }
            if let installation = facts.installation, !Installation.fits(master, installation) {
                throw Refusal(.configuration, "the master key does not fit this backup; nothing was changed",
                              remedy: "put the key in place that the hub had when it was made")
            }
            try giveOwner(copy, like: path)
            try refusing { () throws(OpenError) in try DatabaseFile.sync(copy) }
            var moved: [String] = []
            if isThere {
                let now = LogSink.timestamp(SystemClocks().now()).prefix(19).filter { $0 != "-" && $0 != ":" }
                moved = try refusing { () throws(OpenError) in
                    try DatabaseFile.moveAside(path, suffix: ".before-restore-\(now)")
                }
            }
            try refusing { () throws(OpenError) in try DatabaseFile.place(copy, as: path) }
            try giveOwner(path + "-witness", like: path)
            let aside = moved.isEmpty ? "" : "what was there is now \(moved.joined(separator: ", "))\n"
            return aside + "restored \(path) as of \(manifest.takenAt): \(manifest.summary)\n"
                + "start the hub; its clients will load their channels anew\n"
        } catch {
            unlink(copy)
            throw error
        }
    }

    /// Copies the file and holds it against the manifest.
    private func take(_ file: String, as copy: String, _ manifest: BackupManifest) throws(Refusal) {
        try refusing { () throws(OpenError) in try DatabaseFile.checkSpace(for: manifest.bytes, at: copy) }
        let target = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard target >= 0 else {
            throw Refusal(.cannotCreate, "\(copy): \(FileProblem.lastError.text)", remedy: "make its folder writable")
        }
        defer { close(target) }
        guard let (sha256, bytes) = BackupManifest.digest(file, copyingTo: target) else {
            throw Refusal(.data, "\(file) cannot be copied: \(FileProblem.lastError.text)",
                          remedy: "check that this user may read it and that there is room")
        }
        guard bytes == manifest.bytes, sha256 == manifest.sha256 else {
            throw Refusal(.data, "\(file) is not what its manifest says (size or checksum)",
                          remedy: "it was changed or is damaged: use another backup")
        }
    }

    /// Root restores for the hub's user: the owner of the folder.
    private func giveOwner(_ file: String, like path: String) throws(Refusal) {
        guard geteuid() == 0 else { return }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        var status = stat()
        guard stat(folder, &status) == 0, chown(file, status.st_uid, status.st_gid) == 0 else {
            throw Refusal(.cannotCreate, "\(file): \(FileProblem.lastError.text)", remedy: "run as the hub's user")
        }
    }
}

/// An error of a database as the start tells it.
func refusing<Value>(as code: ExitCode? = nil, _ body: () throws(OpenError) -> Value) throws(Refusal) -> Value {
    do throws(OpenError) {
        return try body()
    } catch {
        throw Refusal(code ?? error.exitCode, error.problem, remedy: error.remedy)
    }
}
