// Certificates and keys that a hub does not start with, each with its reason.

import Crypto
import Glibc
import Testing
import TLSPeer

@Suite struct TLSCertificateTests {
    private let authority = TestAuthority()

    private func problem(_ chain: String, _ key: String, plusDays days: Int = 0) -> String? {
        do {
            _ = try TLSContext([TLSFiles(chain: chain, key: key)], tickets: TLSTickets(nowMilliseconds: 0),
                               nowSeconds: today(plusDays: days))
            return nil
        } catch {
            #expect(!error.remedy.isEmpty)
            return error.text
        }
    }

    @Test func takesWhatClientsTake() throws {
        for type in [TestAuthority.KeyType.p256, .rsa2048] {
            let pair = authority.issue(["DNS:hub.test"], type: type)
            #expect(problem(pair.chain, pair.key) == nil)
        }
        let numeric = authority.issue(["IP:127.0.0.1"])
        #expect(problem(numeric.chain, numeric.key) == nil)
        let context = try TLSContext([TLSFiles(chain: numeric.chain, key: numeric.key)],
                                     tickets: TLSTickets(nowMilliseconds: 0), nowSeconds: today())
        #expect(abs(context.expiresAt - today(plusDays: 30)) < 60)
    }

    @Test func refusesWhatClientsRefuse() {
        let pair = authority.issue(["DNS:hub.test"])
        #expect(problem(pair.chain, pair.key, plusDays: 29) == nil)
        #expect(problem(pair.chain, pair.key, plusDays: 31) == "the certificate in \(pair.chain) has expired")
        #expect(problem(pair.chain, pair.key, plusDays: -2) == "the certificate in \(pair.chain) is not valid yet")
        let nameless = authority.issue([])
        #expect(problem(nameless.chain, nameless.key) == "the certificate in \(nameless.chain) names no host")
        let weak = authority.issue(["DNS:hub.test"], type: .rsa1024)
        #expect(problem(weak.chain, weak.key)?.contains("too small") == true)
    }

    @Test func refusesFilesThatDoNotBelongTogether() {
        let one = authority.issue(["DNS:hub.test"], as: "one")
        let two = authority.issue(["DNS:hub.test"], as: "two")
        #expect(problem(one.chain, two.key) == "the key \(two.key) does not belong to the certificate \(one.chain)")
        let mixed = authority.write(content(one.chain) + content(two.chain), as: "mixed.pem")
        #expect(problem(mixed, one.key) == "certificate 3 in \(mixed) did not issue the one above it")
        #expect(problem(one.key, one.key) == "\(one.key) holds no certificate")
        #expect(problem(one.chain, one.chain)?.contains("holds no private key") == true)
        let empty = authority.write("", as: "empty.pem")
        #expect(problem(empty, one.key) == "\(empty) cannot be read: it is 0 bytes long")
        #expect(problem(authority.folder, one.key)?.hasSuffix("it is no regular file") == true)
        #expect(problem("/nonexistent", one.key)?.hasPrefix("/nonexistent cannot be read") == true)
    }

    @Test func refusesAKeyWithAPassphrase() {
        let pair = authority.issue(["DNS:hub.test"])
        // A key of nobody, made with `openssl genpkey -aes256`: asking for its passphrase must not happen.
        let locked = authority.write("""
            -----BEGIN ENCRYPTED PRIVATE KEY-----
            MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAhI2aPNDO6CkwICCAAw
            HQYJYIZIAWUDBAEqBBDjZLO4p2xYRZeA8sPDY1yLBIGQ0QWmR4nqoM8J3p1rM7Ov
            -----END ENCRYPTED PRIVATE KEY-----

            """, as: "locked.key")
        #expect(problem(pair.chain, locked)?.contains("holds no private key") == true)
    }

    @Test(arguments: [(0o600, true), (0o400, true), (0o604, false), (0o620, false), (0o644, false), (0o601, false)])
    func theKeyIsItsOwnersAlone(mode: Int, isTaken: Bool) {
        let pair = authority.issue(["DNS:hub.test"])
        chmod(pair.key, mode_t(mode))
        let found = problem(pair.chain, pair.key)
        #expect((found == nil) == isTaken)
        if !isTaken {
            #expect(found == "the key \(pair.key) can be read by others (mode \(String(mode, radix: 8)))")
        }
    }

    /// As those who renew certificates leave them.
    @Test func followsLinks() {
        let pair = authority.issue(["DNS:hub.test"])
        let link = authority.folder + "/live.key"
        symlink(pair.key, link)
        #expect(problem(pair.chain, link) == nil)
        unlink(link)
    }

    private func content(_ path: String) -> String {
        let file = fopen(path, "r")!
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = fread(&bytes, 1, 16_384, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
