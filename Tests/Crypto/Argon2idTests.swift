// Password hashes: the RFC's vector, a hash made by another program, parameters and their bound.

import Crypto
import Testing

@Suite struct Argon2idTests {
    /// Small enough for many tests.
    static let quick = Argon2id(memoryKibibytes: 64, passes: 1, lanes: 1)

    /// RFC 9106 §5.3.
    @Test func rfc9106() {
        let parameters = Argon2id(memoryKibibytes: 32, passes: 3, lanes: 4)
        let tag = parameters.derive(
            [UInt8](repeating: 1, count: 32), salt: [UInt8](repeating: 2, count: 16),
            secret: [UInt8](repeating: 3, count: 8), associatedData: [UInt8](repeating: 4, count: 12),
            count: 32)
        #expect(tag == hex("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"))
    }

    /// From the test program of the reference implementation (phc-winner-argon2, src/test.c).
    static let reference =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

    @Test func honoursTheParametersOfTheHash() {
        #expect(Argon2id.verify("password", Self.reference))
        #expect(!Argon2id.verify("Password", Self.reference))
        #expect(!Argon2id.verify("", Self.reference))
        #expect(Argon2id.standard.needsRehash(Self.reference))
    }

    @Test func hashesByTheStandard() throws {
        let phc = try #require(Argon2id.standard.hash("correct horse", salt: Array(0..<16)))
        #expect(phc.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$"))
        #expect(Argon2id.verify("correct horse", phc))
        #expect(!Argon2id.verify("correct horsE", phc))
        #expect(!Argon2id.standard.needsRehash(phc))
        #expect(Argon2id.quick.needsRehash(phc))
    }

    @Test func passwordsAreBytes() throws {
        for password in ["", "a\u{0}b", "пароль", String(repeating: "x", count: 1024)] {
            let phc = try #require(Argon2id.quick.hash(password, salt: Array(0..<16)))
            #expect(Argon2id.verify(password, phc))
            #expect(!Argon2id.verify(password + "\u{0}", phc))
        }
    }

    static let salt = "$AAECAwQFBgcICQoLDA0ODw"
    static let hash = "$AAAAAAAAAAAAAAAAAAAAAA"

    @Test(arguments: [
        "", "password", "$argon2id$", "$argon2i$v=19$m=64,t=1,p=1\(salt)\(hash)",
        "$argon2d$v=19$m=64,t=1,p=1\(salt)\(hash)", "$argon2id$v=16$m=64,t=1,p=1\(salt)\(hash)",
        "$argon2id$m=64,t=1,p=1\(salt)\(hash)", "$argon2id$v=19$m=64,t=1\(salt)\(hash)",
        "$argon2id$v=19$t=1,m=64,p=1\(salt)\(hash)", "$argon2id$v=19$m=64,t=1,p=1,x=1\(salt)\(hash)",
        "$argon2id$v=19$m=131073,t=1,p=1\(salt)\(hash)", "$argon2id$v=19$m=4294967295,t=1,p=1\(salt)\(hash)",
        "$argon2id$v=19$m=4294967360,t=1,p=1\(salt)\(hash)", "$argon2id$v=19$m=64,t=9,p=1\(salt)\(hash)",
        "$argon2id$v=19$m=64,t=1,p=5\(salt)\(hash)", "$argon2id$v=19$m=64,t=0,p=1\(salt)\(hash)",
        "$argon2id$v=19$m=64,t=1,p=0\(salt)\(hash)", "$argon2id$v=19$m=7,t=1,p=1\(salt)\(hash)",
        "$argon2id$v=19$m=+64,t=1,p=1\(salt)\(hash)", "$argon2id$v=19$m=-1,t=1,p=1\(salt)\(hash)",
        "$argon2id$v=19$m=,t=1,p=1\(salt)\(hash)", "$argon2id$v=19$m=64,t=1,p=1$AAEC\(hash)",
        "$argon2id$v=19$m=64,t=1,p=1\(salt)$AAEC", "$argon2id$v=19$m=64,t=1,p=1\(salt)==\(hash)",
        "$argon2id$v=19$m=64,t=1,p=1\(salt)\(hash)$", "$argon2id$v=19$m=64,t=1,p=1\(salt)$*AAAAAAAAAAAAAAAAAAAAA",
        String(repeating: "$", count: 600),
    ]) func refusesWhatIsNoHash(_ phc: String) {
        #expect(!Argon2id.verify("password", phc))
        #expect(Argon2id.standard.needsRehash(phc))
    }
}

extension Argon2id {
    static let quick = Argon2idTests.quick
}
