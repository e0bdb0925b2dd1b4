// Who else can read or replace what the hub keeps. A folder that everybody may write to gives everybody the database:
// files can be swapped in it, whatever their own mode. What is only readable is a warning, for message bodies are
// encrypted; names, addresses and channels are not (docs/keys.md). The key file has its own rule, see MasterKey.

import Glibc
import Ports

enum FilePermissions {
    /// Refuses a data folder that any user may write to, and warns of a database that others can read.
    static func check(_ configuration: Configuration, _ log: Log) throws(Refusal) {
        let folder = configuration.dataDirectory
        if let mode = mode(of: folder), mode & 0o002 != 0 {
            throw Refusal(
                .configuration, "any user may write to data_dir \(folder) (mode \(String(mode, radix: 8)))",
                remedy: "run `chmod 700 \(folder)`, and look who has put what there")
        }
        guard case .sqlite(let path) = configuration.databaseLocation else { return }
        for name in [path, path + "-wal"] {
            guard let mode = mode(of: name), mode & 0o077 != 0 else { continue }
            log.warning(
                "the database can be read or changed by other users: run `chmod 600` on its files",
                .word("file", name), .word("mode", String(mode, radix: 8)))
        }
    }

    private static func mode(of path: String) -> UInt32? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }
}
