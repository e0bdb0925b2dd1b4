// Where the master key comes from: an environment variable or a file. Keys of a key service join
// the enum when there is one. Only the composition root reads it, once, before threads start.

import Crypto
import Glibc

/// Where to look for the master key.
package enum MasterKeySource: Sendable, Hashable {
    /// Base64 or hexadecimal text in this variable, which is overwritten and removed after reading,
    /// so that neither child processes nor `/proc/…/environ` show it.
    case environment(String)
    /// Text of the same form in a file that only its owner can read. With `create`, a missing file
    /// is made, mode 0600.
    case file(String, create: Bool)
}

/// Why there is no master key. The description is one line with the remedy and without the key.
package enum MasterKeyError: Error, Hashable, CustomStringConvertible {
    case notSet(String)
    case notEncoded(String)
    case notRandom(String)
    case tooShort(String, have: Int)
    case missing(String)
    case notAFile(String)
    case readableByOthers(String, mode: UInt32)
    case notOurs(String)
    case unusable(String, reason: String)

    package var description: String {
        let make = "make one with `openssl rand -base64 32`"
        return switch self {
        case .notSet(let name):
            "\(name) is not set; \(make)"
        case .notEncoded(let name):
            "\(name) is not base64 or hexadecimal (a passphrase is no key); \(make)"
        case .notRandom(let name):
            "\(name) looks like words or a pattern, not like random bytes; \(make)"
        case .tooShort(let name, let have):
            "\(name) holds \(have) bytes, 32 are needed; \(make)"
        case .missing(let path):
            "the key file \(path) does not exist; restore it from its backup"
        case .notAFile(let path):
            "the key file \(path) is a link or no regular file; name the file itself"
        case .readableByOthers(let path, let mode):
            "the key file \(path) can be read by others (mode \(String(mode, radix: 8)));"
                + " run `chmod 600 \(path)`"
        case .notOurs(let path):
            "the key file \(path) belongs to another user; run `chown` for the hub's own"
        case .unusable(let path, let reason):
            "the key file \(path) cannot be used: \(reason)"
        }
    }
}

/// The secret above all others. Nothing is encrypted under it; `wrappingKey` derives what is.
package final class MasterKey: Sendable {
    private let secret: SecretBytes
    /// A key file was made just now, which the operator should hear.
    package let isNew: Bool

    private init(_ secret: consuming SecretBytes, isNew: Bool) {
        self.secret = secret
        self.isNew = isNew
    }

    package static func read(_ source: MasterKeySource) throws(MasterKeyError) -> MasterKey {
        switch source {
        case .environment(let name): MasterKey(try readEnvironment(name), isNew: false)
        case .file(let path, let create): try readFile(path, create: create)
        }
    }

    /// The key that wraps organisation keys: HKDF-SHA256 with the installation's salt, so that one
    /// master key used for two installations gives unrelated keys.
    func wrappingKey(salt: [UInt8]) -> UnwrappedKey {
        let derived = secret.withBytes { HKDF(secret: $0, salt: salt) }
            .key(info: Array("hub/master/wrap/v1".utf8))
        return UnwrappedKey(id: nil, derived)
    }

    // MARK: Environment

    private static func readEnvironment(_ name: String) throws(MasterKeyError) -> SecretBytes {
        guard let value = getenv(name) else { throw .notSet(name) }
        defer { unsetenv(name) }
        return try take(UnsafeMutableRawBufferPointer(start: value, count: strlen(value)), name)
    }

    /// Decodes the text and overwrites it, whether it is a key or not.
    private static func take(_ text: UnsafeMutableRawBufferPointer, _ name: String)
        throws(MasterKeyError) -> SecretBytes
    {
        guard !text.isEmpty else { throw .notSet(name) }
        defer { SecretMemory.wipe(text) }
        return try decode(UnsafeRawBufferPointer(text), name)
    }

    /// As from a variable, out of memory of the caller's, which is overwritten.
    package static func read(_ text: UnsafeMutableRawBufferPointer, named name: String)
        throws(MasterKeyError) -> MasterKey
    {
        MasterKey(try take(text, name), isNew: false)
    }

    // MARK: Text

    /// Base64 (either alphabet, padded or not) or hexadecimal of at least 32 bytes. Random bytes
    /// always pass the two tests for randomness; words and patterns nearly never do.
    private static func decode(_ text: UnsafeRawBufferPointer, _ name: String)
        throws(MasterKeyError) -> SecretBytes
    {
        var digits = text
        while let last = digits.last, last == 10 || last == 13 || last == 32 {
            digits = UnsafeRawBufferPointer(rebasing: digits.dropLast())
        }
        let isHex =
            digits.count % 2 == 0
            && digits.allSatisfy { byte in
                (48...57).contains(byte) || (65...70).contains(byte) || (97...102).contains(byte)
            }
        if !isHex {
            for _ in 0..<2 where digits.count > 0 && digits.last == UInt8(ascii: "=") {
                digits = UnsafeRawBufferPointer(rebasing: digits.dropLast())
            }
        }
        let count = isHex ? digits.count / 2 : digits.count * 6 / 8
        guard count > 0, count <= 1024 else { throw .notEncoded(name) }
        let secret = try SecretBytes(count: count) { (out) throws(MasterKeyError) in
            let decoded =
                isHex
                ? Hex.decode(digits: digits, into: out)
                : Base64.decode(digits: digits, .standard, into: out)
                    || Base64.decode(digits: digits, .url, into: out)
            guard decoded else { throw .notEncoded(name) }
            guard count >= 32 else { throw .tooShort(name, have: count) }
            let hasBothCases =
                digits.contains { (65...90).contains($0) }
                && digits.contains { (97...122).contains($0) }
            guard isHex || hasBothCases, Set(out).count >= 16 else { throw .notRandom(name) }
        }
        return secret
    }

    // MARK: File

    private static func readFile(_ path: String, create: Bool) throws(MasterKeyError) -> MasterKey {
        var file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        var isNew = false
        if file < 0, errno == ENOENT {
            guard create else { throw .missing(path) }
            try makeFile(path)
            isNew = true
            file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        }
        guard file >= 0 else {
            if errno == ELOOP { throw .notAFile(path) }
            throw .unusable(path, reason: String(cString: strerror(errno)))
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else {
            throw .unusable(path, reason: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path) }
        guard status.st_mode & 0o077 == 0 else {
            throw .readableByOthers(path, mode: status.st_mode & 0o777)
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else { throw .notOurs(path) }
        guard status.st_size > 0, status.st_size <= 2048 else {
            throw .unusable(path, reason: "it is \(status.st_size) bytes long")
        }
        let text = SecretBytes(count: Int(status.st_size)) { out in
            _ = Glibc.read(file, out.baseAddress, out.count)
        }
        let secret = try text.withBytes { (bytes) throws(MasterKeyError) in
            try decode(bytes, "the key file \(path)")
        }
        return MasterKey(secret, isNew: isNew)
    }

    /// Writes a new key beside `path`, makes it durable, and then gives it its name, which fails if
    /// there is a file by now: two first starts at the same time agree on one key, and a crash
    /// leaves no half.
    private static func makeFile(_ path: String) throws(MasterKeyError) {
        func fail() -> MasterKeyError { .unusable(path, reason: String(cString: strerror(errno))) }
        let temporary = "\(path).\(String(SystemEntropy().words().0, radix: 36)).new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw fail() }
        defer {
            close(file)
            unlink(temporary)
        }
        let random = SecretBytes.random(count: 32)
        let text = SecretBytes(count: 65) { out in
            random.withBytes {
                Hex.encode($0, into: UnsafeMutableRawBufferPointer(rebasing: out[..<64]))
            }
            out[64] = UInt8(ascii: "\n")
        }
        let written = text.withBytes { write(file, $0.baseAddress, $0.count) }
        guard written == text.count, fchmod(file, 0o600) == 0, fsync(file) == 0 else {
            throw fail()
        }
        guard link(temporary, path) == 0 || errno == EEXIST else { throw fail() }
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw fail() }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw fail() }
    }
}
