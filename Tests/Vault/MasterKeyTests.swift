// The master key: from a variable or a file, checked against the database it belongs to.

import Crypto
import Glibc
import Model
import Ports
import Testing
import Vault

@Suite struct MasterKeyTests {
    static let good = "q83vEjRWeJCrze8SNFZ4kAECAwQFBgcICQoLDA0ODxA="

    private func read(_ text: String) -> Result<MasterKey, MasterKeyError> {
        do throws(MasterKeyError) {
            return .success(try masterKey(text))
        } catch {
            return .failure(error)
        }
    }

    @Test(arguments: [
        good, String(good.dropLast()), good + "\n",
        "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F",
        "_-8SNFZ4kKvN7xI0VniQAQIDBAUGBwgJCgsMDQ4PEBE",
        "q83vEjRWeJCrze8SNFZ4kAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
    ]) func takesEncodedRandomBytes(_ text: String) throws {
        _ = try read(text).get()
    }

    enum Kind: Sendable { case notSet, notEncoded, notRandom, tooShort }

    @Test(
        arguments: [
            ("", .notSet), ("correct horse battery staple", .notEncoded),
            ("correcthorsebatterystaplecorrecthorsebatterystapleok", .notRandom),
            ("CORRECTHORSEBATTERYSTAPLECORRECTHORSEBATTERYSTAPLEOK", .notRandom),
            (String(repeating: "A", count: 43), .notRandom), (String(repeating: "0", count: 64), .notRandom),
            (String(repeating: "AbAb", count: 20), .notRandom), ("q83vEjRWeJCrze8SNFZ4kAECAwQFBgcICQoLDA0O", .tooShort),
            ("000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E", .tooShort), ("hunter22", .tooShort),
            (good + "!", .notEncoded), ("Grüße", .notEncoded), (" " + good, .notEncoded), ("=", .notEncoded),
            (good + "====", .notEncoded), (String(repeating: "Aa0b", count: 1_000), .notEncoded),
        ] as [(String, Kind)]) func refusesEverythingElse(_ text: String, _ kind: Kind)
    {
        guard case .failure(let error) = read(text) else {
            Issue.record("taken")
            return
        }
        switch (error, kind) {
        case (.notSet, .notSet), (.notEncoded, .notEncoded), (.notRandom, .notRandom), (.tooShort, .tooShort): break
        default: Issue.record("\(error)")
        }
        #expect(error.description.contains("openssl rand -base64 32"))
        #expect(!error.description.contains("\n"))
        #expect(text.isEmpty || !error.description.contains(text))
    }

    /// The text is overwritten where the process keeps it, not only taken off the list. In a process of its own, as
    /// other tests start programs with the environment of this one.
    @Test func theVariableIsScrubbed() async {
        await #expect(processExitsWith: .success) {
            setenv("HUB_TEST_KEY", MasterKeyTests.good, 1)
            let value = try #require(getenv("HUB_TEST_KEY"))
            _ = try MasterKey.read(.environment("HUB_TEST_KEY"))
            try #require(getenv("HUB_TEST_KEY") == nil)
            try #require((0..<MasterKeyTests.good.utf8.count).allSatisfy { value[$0] == 0 })
            #expect(throws: MasterKeyError.notSet("HUB_TEST_KEY")) {
                try MasterKey.read(.environment("HUB_TEST_KEY"))
            }
        }
    }

    @Test func aRefusedVariableIsScrubbedToo() async {
        await #expect(processExitsWith: .success) {
            setenv("HUB_TEST_KEY", "correct horse", 1)
            #expect(throws: MasterKeyError.notEncoded("HUB_TEST_KEY")) {
                try MasterKey.read(.environment("HUB_TEST_KEY"))
            }
            try #require(getenv("HUB_TEST_KEY") == nil)
        }
    }
}

/// A folder that goes with the test.
final class Folder: Sendable {
    let path: String
    init() {
        let template = Array("/tmp/hub-vault-XXXXXX".utf8CString)
        path = template.withUnsafeBufferPointer { buffer in
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: buffer.count)
            defer { copy.deallocate() }
            copy.initialize(from: buffer.baseAddress!, count: buffer.count)
            return String(cString: mkdtemp(copy))
        }
    }
    deinit {
        for name in ["key", "link", "other", "folder", "pipe"] {
            unlink("\(path)/\(name)")
            rmdir("\(path)/\(name)")
        }
        rmdir(path)
    }
    func write(_ text: String, to name: String = "key", mode: mode_t = 0o600) -> String {
        let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(file) }
        _ = text.utf8CString.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count - 1) }
        fchmod(file, mode)
        return "\(path)/\(name)"
    }
}

@Suite struct KeyFileTests {
    @Test func theFirstStartMakesAPrivateFile() async throws {
        let folder = Folder()
        let path = "\(folder.path)/key"
        #expect(throws: MasterKeyError.missing(path)) { try MasterKey.read(.file(path, create: false)) }
        let old = umask(0o777)
        defer { umask(old) }
        let made = try MasterKey.read(.file(path, create: true))
        umask(old)
        #expect(made.isNew)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode == S_IFREG | 0o600)
        #expect(status.st_size == 65)
        #expect(status.st_nlink == 1, "nothing is left beside it")
        let again = try MasterKey.read(.file(path, create: true))
        #expect(!again.isNew)
        let store = MemoryKeyStore()
        _ = try await Installation.open(store, master: made, entropy: SeededEntropy(1))
        _ = try await Installation.open(store, master: again, entropy: SeededEntropy(1))
    }

    @Test func twoFirstStartsAgree() async throws {
        let folder = Folder()
        let path = "\(folder.path)/key"
        let keys = try await withThrowingTaskGroup(of: MasterKey.self) { group in
            for _ in 0..<8 { group.addTask { try MasterKey.read(.file(path, create: true)) } }
            return try await group.reduce(into: [MasterKey]()) { $0.append($1) }
        }
        let store = MemoryKeyStore()
        for key in keys { _ = try await Installation.open(store, master: key, entropy: SeededEntropy(1)) }
    }

    @Test(arguments: [0o640, 0o604, 0o644, 0o610, 0o601, 0o620, 0o602, 0o666] as [mode_t])
    func refusesFilesThatOthersCanRead(_ mode: mode_t) {
        let path = Folder.shared.write(MasterKeyTests.good, to: "mode\(mode)", mode: mode)
        defer { unlink(path) }
        #expect(throws: MasterKeyError.readableByOthers(path, mode: mode)) {
            try MasterKey.read(.file(path, create: true))
        }
    }

    @Test(arguments: [0o600, 0o400] as [mode_t]) func takesPrivateFiles(_ mode: mode_t) throws {
        let folder = Folder()
        let path = folder.write(MasterKeyTests.good + "\n", mode: mode)
        #expect(try !MasterKey.read(.file(path, create: false)).isNew)
    }

    @Test func refusesLinksFoldersAndPipes() {
        let folder = Folder()
        let target = folder.write(MasterKeyTests.good, to: "other")
        let link = "\(folder.path)/link"
        symlink(target, link)
        mkdir("\(folder.path)/folder", 0o700)
        mkfifo("\(folder.path)/pipe", 0o600)
        for path in [link, "\(folder.path)/folder", "\(folder.path)/pipe"] {
            for create in [true, false] {
                #expect(throws: MasterKeyError.notAFile(path)) { try MasterKey.read(.file(path, create: create)) }
            }
        }
        // A dangling link does not choose where a new key is written.
        unlink(target)
        #expect(throws: MasterKeyError.notAFile(link)) { try MasterKey.read(.file(link, create: true)) }
        #expect(access(target, F_OK) != 0)
    }

    @Test(arguments: [
        "", "\n", "passphrase", String(MasterKeyTests.good.dropLast(8)),
        MasterKeyTests.good + "\n" + MasterKeyTests.good,
        String(repeating: "Aa0b", count: 1_000),
    ]) func refusesOtherContents(_ text: String) {
        let folder = Folder()
        let path = folder.write(text)
        #expect(throws: MasterKeyError.self) { try MasterKey.read(.file(path, create: true)) }
    }

    @Test func saysWhyAFolderCannotHoldIt() {
        let path = "/nonexistent-folder/key"
        #expect(throws: MasterKeyError.unusable(path, reason: "No such file or directory")) {
            try MasterKey.read(.file(path, create: true))
        }
    }
}

extension Folder {
    static let shared = Folder()
}

@Suite struct InstallationTests {
    @Test func theFirstStartEstablishesAndTheNextProves() async throws {
        let store = MemoryKeyStore()
        let first = try await Installation.open(store, master: masterKey(), entropy: SeededEntropy(1))
        #expect(first.isNew)
        let second = try await Installation.open(store, master: masterKey(), entropy: SeededEntropy(2))
        #expect(!second.isNew)
        #expect(first.signingKey.publicKey.bytes == second.signingKey.publicKey.bytes)
    }

    @Test func anotherMasterKeyIsRefused() async throws {
        let store = MemoryKeyStore()
        _ = try await Installation.open(store, master: masterKey(), entropy: SeededEntropy(1))
        do throws(InstallationError) {
            _ = try await Installation.open(store, master: try! masterKey(1), entropy: SeededEntropy(1))
            Issue.record("opened")
        } catch {
            guard case .wrongMasterKey = error else {
                Issue.record("\(error)")
                return
            }
            #expect(error.description.hasPrefix("the master key does not fit this database"))
        }
    }

    @Test func oneMasterKeyForTwoInstallationsGivesUnrelatedKeys() async throws {
        let a = try await World()
        let store = MemoryKeyStore()
        let b = try await Installation.open(store, master: masterKey(), entropy: SeededEntropy(7))
        let sealed = try await a.vault.seal("text")
        store.state.withLock { $0.keys = a.store.state.withLock { $0.keys } }
        let vault = OrganisationVault(b, store: store, clocks: a.clock, entropy: a.entropy)
        #expect(await refusal(vault, sealed)?.isDamaged == true)
    }

    @Test func twoFirstStartsAtOnceAgree() async throws {
        let store = MemoryKeyStore()
        let opened = try await withThrowingTaskGroup(of: Installation.self) { group in
            for seed in 0..<16 as Range<UInt64> {
                group.addTask {
                    try await Installation.open(store, master: masterKey(), entropy: SeededEntropy(seed))
                }
            }
            return try await group.reduce(into: [Installation]()) { $0.append($1) }
        }
        #expect(Set(opened.map(\.signingKey.publicKey.bytes)).count == 1)
        #expect(opened.count(where: \.isNew) == 1)
    }

    @Test func everyAlteredByteIsRefused() async throws {
        let store = MemoryKeyStore()
        _ = try await Installation.open(store, master: masterKey(), entropy: SeededEntropy(1))
        let original = try #require(store.state.withLock { $0.installation })
        let fields: [WritableKeyPath<InstallationRecord, [UInt8]>] = [
            \.salt, \.masterCheckValue, \.signingKey,
        ]
        for field in fields {
            for index in original[keyPath: field].indices {
                var altered = original
                altered[keyPath: field][index] ^= 1
                store.state.withLock { $0.installation = altered }
                await #expect(throws: InstallationError.self) {
                    _ = try await Installation.open(store, master: masterKey(), entropy: SeededEntropy(1))
                }
            }
            var short = original
            short[keyPath: field].removeLast()
            store.state.withLock { $0.installation = short }
            await #expect(throws: InstallationError.self) {
                _ = try await Installation.open(store, master: masterKey(), entropy: SeededEntropy(1))
            }
        }
    }

    @Test func aStoreThatFailsSaysSo() async throws {
        let store = MemoryKeyStore()
        store.fail(.unavailable("away"))
        do throws(InstallationError) {
            _ = try await Installation.open(store, master: try! masterKey(), entropy: SeededEntropy(1))
            Issue.record("opened")
        } catch {
            guard case .store(.unavailable) = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}
