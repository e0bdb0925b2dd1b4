// The manifest of a backup: what the file beside it is, whether it is whole, and which master key fits, by the check
// value that the database itself holds (an HMAC; it tells nothing of the key). `key = value` lines, to be read by
// people and by `hub restore`.

import Crypto
import Glibc
import Model
import Ports
import Store

package struct BackupManifest: Sendable, Equatable {
    /// Raised when an older hub must not restore what a newer one wrote.
    static let version = 1
    static let fileName = "manifest"
    static let databaseName = "hub.db"

    package var takenAt: String
    package var hubVersion: String
    package var bytes: Int
    package var sha256: String
    package var migration: Int64
    package var generation: UInt64
    package var organisations: Int
    package var accounts: Int
    package var channels: Int
    package var events: Int
    /// Hexadecimal; empty when no hub had been started with the database.
    package var masterKeyCheck: String

    package var text: String {
        """
        # A backup that `hub backup` made of a SQLite database; `hub restore` puts it back. The master key is not in it.
        manifest = \(Self.version)
        taken_at = \(takenAt)
        hub_version = \(hubVersion)
        store = sqlite
        file = \(Self.databaseName)
        bytes = \(bytes)
        sha256 = \(sha256)
        migration = \(migration)
        generation = \(generation)
        organisations = \(organisations)
        accounts = \(accounts)
        channels = \(channels)
        events = \(events)
        master_key_check = \(masterKeyCheck)

        """
    }

    init(takenAt: String, bytes: Int, sha256: String, facts: DatabaseFile.Facts) {
        self.takenAt = takenAt
        hubVersion = App.hubVersion
        self.bytes = bytes
        self.sha256 = sha256
        migration = facts.migration
        generation = facts.generation
        organisations = facts.organisations
        accounts = facts.accounts
        channels = facts.logs
        events = facts.events
        masterKeyCheck = facts.installation.map { Self.hexadecimal($0.masterCheckValue) } ?? ""
    }

    /// `nil` for text that is no manifest, or one of a newer form.
    package init?(_ text: String) {
        var fields: [(name: Substring, value: String)] = []
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let equals = line.firstRange(of: " = ") ?? line.firstRange(of: " =") else { return nil }
            fields.append((line[..<equals.lowerBound], String(line[equals.upperBound...])))
        }
        func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
        func number<Number: FixedWidthInteger>(_ name: String) -> Number? { field(name).flatMap { Number($0) } }
        guard let version: Int = number("manifest"), version == Self.version, field("store") == "sqlite",
            field("file") == Self.databaseName, let takenAt = field("taken_at"),
            let hubVersion = field("hub_version"), let bytes: Int = number("bytes"), let sha256 = field("sha256"),
            let migration: Int64 = number("migration"), let generation: UInt64 = number("generation"),
            let organisations: Int = number("organisations"), let accounts: Int = number("accounts"),
            let channels: Int = number("channels"), let events: Int = number("events"),
            let masterKeyCheck = field("master_key_check")
        else { return nil }
        self.takenAt = takenAt
        self.hubVersion = hubVersion
        self.bytes = bytes
        self.sha256 = sha256
        self.migration = migration
        self.generation = generation
        self.organisations = organisations
        self.accounts = accounts
        self.channels = channels
        self.events = events
        self.masterKeyCheck = masterKeyCheck
    }

    /// In words, for who made or restores it.
    var summary: String {
        "\(organisations) organisation\(organisations == 1 ? "" : "s"), \(accounts) accounts, \(channels) channels, "
            + "\(events) events"
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// SHA-256 of a file, by 1 MiB at a time; `nil` where it cannot be read.
    static func digest(_ path: String, copyingTo copy: Int32? = nil) -> (sha256: String, bytes: Int)? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let hasher = SHA256.Stream()
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        var total = 0
        while true {
            let count = read(file, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            total += count
            piece.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            if let copy {
                var written = 0
                while written < count {
                    let more = piece.withUnsafeBytes { write(copy, $0.baseAddress! + written, count - written) }
                    if more < 0, errno == EINTR { continue }
                    guard more > 0 else { return nil }
                    written += more
                }
            }
        }
        return (hexadecimal(hasher.finish()), total)
    }
}
