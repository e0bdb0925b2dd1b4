// Password hashing with argon2id (RFC 9106). OpenSSL 3.0 has none, so libargon2 does it. The result
// is a PHC string that names its parameters; those are honoured on verification up to a bound, so
// that a hash from elsewhere cannot make one sign-in take a gigabyte.

import CArgon2

package struct Argon2id: Sendable, Hashable {
    /// KiB; more is slower for everybody, and much slower for who guesses with graphics cards.
    package var memoryKibibytes: UInt32
    package var passes: UInt32
    package var lanes: UInt32

    package init(memoryKibibytes: UInt32, passes: UInt32, lanes: UInt32) {
        self.memoryKibibytes = memoryKibibytes
        self.passes = passes
        self.lanes = lanes
    }

    /// 19 MiB, two passes, one lane (OWASP's recommendation): about 30 ms.
    package static let standard = Argon2id(memoryKibibytes: 19 * 1024, passes: 2, lanes: 1)
    /// What a stored hash may ask for at most.
    package static let bound = Argon2id(memoryKibibytes: 128 * 1024, passes: 8, lanes: 4)
    package static let saltBytes = 16
    private static let hashBytes = 32

    private var isWithinBound: Bool {
        lanes >= 1 && lanes <= Self.bound.lanes && passes >= 1 && passes <= Self.bound.passes
            && memoryKibibytes >= 8 * lanes && memoryKibibytes <= Self.bound.memoryKibibytes
    }

    /// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, salt and hash in unpadded base64. `nil` when there
    /// is no memory for it. Blocks for some 30 ms.
    package func hash(_ password: String, salt: [UInt8]) -> String? {
        guard let hash = derive(Array(password.utf8), salt: salt, count: Self.hashBytes) else {
            return nil
        }
        return "$argon2id$v=19$m=\(memoryKibibytes),t=\(passes),p=\(lanes)"
            + "$\(Self.unpadded(salt))$\(Self.unpadded(hash))"
    }

    /// A hash that no password has, to compute against when there is no account.
    package var decoy: String {
        "$argon2id$v=19$m=\(memoryKibibytes),t=\(passes),p=\(lanes)"
            + "$\(Self.unpadded([UInt8](repeating: 0, count: Self.saltBytes)))"
            + "$\(Self.unpadded([UInt8](repeating: 0, count: Self.hashBytes)))"
    }

    /// Whether `phc` is the hash of the password. A text that is no such hash verifies nothing.
    package static func verify(_ password: String, _ phc: String) -> Bool {
        guard let parsed = parse(phc),
            let hash = parsed.parameters.derive(
                Array(password.utf8), salt: parsed.salt, count: parsed.hash.count)
        else { return false }
        return constantTimeEqual(hash, parsed.hash)
    }

    /// Whether a hash should be made anew because it was made with other parameters than these.
    package func needsRehash(_ phc: String) -> Bool {
        guard let parsed = Self.parse(phc) else { return true }
        return parsed.parameters != self || parsed.salt.count < Self.saltBytes
            || parsed.hash.count != Self.hashBytes
    }

    /// The function itself (RFC 9106 §3); `nil` when a parameter is out of range or memory is
    /// short. Wipes its copy of the password.
    package func derive(
        _ password: consuming [UInt8], salt: [UInt8], secret: [UInt8] = [],
        associatedData: [UInt8] = [], count: Int
    ) -> [UInt8]? {
        guard isWithinBound else { return nil }
        var password = password
        var salt = salt
        var secret = secret
        var associatedData = associatedData
        var hash = [UInt8](repeating: 0, count: count)
        let outcome = hash.withUnsafeMutableBufferPointer { hash in
            password.withUnsafeMutableBufferPointer { password in
                salt.withUnsafeMutableBufferPointer { salt in
                    secret.withUnsafeMutableBufferPointer { secret in
                        associatedData.withUnsafeMutableBufferPointer { associatedData in
                            var context = argon2_context()
                            context.out = hash.baseAddress
                            context.outlen = UInt32(hash.count)
                            context.pwd = password.baseAddress
                            context.pwdlen = UInt32(password.count)
                            context.salt = salt.baseAddress
                            context.saltlen = UInt32(salt.count)
                            context.secret = secret.baseAddress
                            context.secretlen = UInt32(secret.count)
                            context.ad = associatedData.baseAddress
                            context.adlen = UInt32(associatedData.count)
                            context.t_cost = passes
                            context.m_cost = memoryKibibytes
                            context.lanes = lanes
                            context.threads = 1
                            context.version = UInt32(ARGON2_VERSION_13.rawValue)
                            return argon2id_ctx(&context)
                        }
                    }
                }
            }
        }
        SecretMemory.wipe(&password)
        return outcome == ARGON2_OK.rawValue ? hash : nil
    }

    private struct Parsed {
        var parameters: Argon2id
        var salt: [UInt8]
        var hash: [UInt8]
    }

    private static func parse(_ phc: String) -> Parsed? {
        let fields = phc.split(separator: "$", omittingEmptySubsequences: false)
        guard phc.utf8.count <= 512, fields.count == 6, fields[0].isEmpty, fields[1] == "argon2id",
            fields[2] == "v=19"
        else { return nil }
        let costs = fields[3].split(separator: ",", omittingEmptySubsequences: false)
        guard costs.count == 3, let memory = cost(costs[0], "m="),
            let passes = cost(costs[1], "t="),
            let lanes = cost(costs[2], "p="), let salt = decode(fields[4]),
            let hash = decode(fields[5]),
            (8...64).contains(salt.count), (16...64).contains(hash.count)
        else { return nil }
        let parameters = Argon2id(memoryKibibytes: memory, passes: passes, lanes: lanes)
        guard parameters.isWithinBound else { return nil }
        return Parsed(parameters: parameters, salt: salt, hash: hash)
    }

    private static func cost(_ text: Substring, _ name: String) -> UInt32? {
        guard text.hasPrefix(name) else { return nil }
        let digits = text.dropFirst(name.count)
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else {
            return nil
        }
        return UInt32(digits)
    }

    // The PHC format wants the standard alphabet without padding.
    private static func unpadded(_ bytes: [UInt8]) -> String {
        var text = Base64.encode(bytes, .standard)
        while text.last == "=" { text.removeLast() }
        return text
    }

    private static func decode(_ text: Substring) -> [UInt8]? {
        guard !text.contains("=") else { return nil }
        return Base64.decode(
            text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4), .standard)
    }
}
