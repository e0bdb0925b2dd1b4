// Access tokens: what is signed verifies, and a list of attacks on JWTs that all fail (RFC 8725, RFC 7515
// §10, and what has been found in libraries).

import Crypto
import Identity
import Model
import Ports
import Testing

private let now = UnixMilliseconds(1_800_000_000_000)
private let account = AccountID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0001)
private let organisation = OrganisationID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0002)
private let login = LoginID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0003)

private let key = Ed25519SigningKey(seed: SecretBytes(copying: Array(0..<32)))
private let otherKey = Ed25519SigningKey(seed: SecretBytes(copying: Array(1..<33)))
private let tokens = AccessTokens(key)
private let good = tokens.issue(account, organisation, .admin, login, at: now).token.reveal

private func verify(_ text: String, at time: UnixMilliseconds = now) -> Result<Principal, TokenError> {
    do throws(TokenError) {
        return .success(try tokens.verify(AccessToken(text), at: time))
    } catch {
        return .failure(error)
    }
}

private func encode(_ text: String) -> String { Base64.encode(Array(text.utf8), .url) }
private func part(_ index: Int) -> String {
    String(good.split(separator: ".", omittingEmptySubsequences: false)[index])
}
private func decoded(_ index: Int) -> String {
    String(decoding: Base64.decode(part(index), .url)!, as: UTF8.self)
}
/// A token with this header and payload, correctly signed by `by`.
private func signed(_ header: String, _ payload: String, by signer: Ed25519SigningKey = key) -> String {
    let text = encode(header) + "." + encode(payload)
    return text + "." + Base64.encode(signer.sign(Array(text.utf8)), .url)
}
private let kid = String(decoded(0).split(separator: "\"")[7])
private let otherX = Base64.encode(otherKey.publicKey.bytes, .url)
private func header(_ members: String) -> String { signed("{\(members)}", decoded(1)) }
/// The claims with one of them replaced, correctly signed.
private func claim(_ name: String, _ value: String?) -> String {
    var members = [
        "iss": "\"hub:\(kid)\"", "aud": "\"hub\"", "sub": "\"\(account)\"", "org": "\"\(organisation)\"",
        "role": "\"ADMIN\"", "sid": "\"\(login)\"", "iat": "1800000000", "exp": "1800000900",
    ]
    members[name] = value
    return signed(decoded(0), "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}")
}
private func tampered(_ from: String, _ to: String) -> String {
    part(0) + "." + encode(decoded(1).replacing(from, with: to)) + "." + part(2)
}

/// Name and token; the sections are what the attacker controls.
private let attacks: [(String, String)] = [
    // Shape.
    ("empty", ""), ("one dot", "."), ("two dots", ".."), ("three dots", "..."),
    ("two segments", part(0) + "." + part(1)), ("four segments", good + "."),
    ("five segments, a JWE", good + "." + part(1) + "." + part(2)),
    ("no header", "." + part(1) + "." + part(2)), ("no payload", part(0) + ".." + part(2)),
    ("no signature", part(0) + "." + part(1) + "."), ("leading space", " " + good), ("trailing space", good + " "),
    ("trailing newline", good + "\n"), ("NUL", good + "\u{0}"), ("a scheme before", "Bearer " + good),
    ("JSON serialization", #"{"protected":"\#(part(0))","payload":"\#(part(1))","signature":"\#(part(2))"}"#),
    ("a kilobyte too long", good + String(repeating: "A", count: 1_024)),
    ("a megabyte", String(repeating: "A", count: 1 << 20)), ("a thousand dots", String(repeating: ".", count: 1_000)),
    ("not ASCII", good.replacing("e", with: "é", maxReplacements: 1)),
    ("Cyrillic look-alike", good.replacing("e", with: "е", maxReplacements: 1)),
    // Base64.
    ("padded signature", good + "=="), ("padded header", part(0) + "=." + part(1) + "." + part(2)),
    ("stray bits in the signature", String(good.dropLast()) + strayLast(good)),
    (
        "standard alphabet",
        part(0) + "." + part(1) + "." + part(2).replacing("-", with: "+").replacing("_", with: "/") + "="
    ),
    ("space in the payload", part(0) + "." + part(1).prefix(4) + " " + part(1).dropFirst(4) + "." + part(2)),
    ("encoded twice", encode(good)), ("percent-encoded dots", good.replacing(".", with: "%2E")),
    // Algorithm.
    ("alg none", encode(#"{"alg":"none","typ":"at+jwt"}"#) + "." + part(1) + "."),
    ("alg None", encode(#"{"alg":"None","kid":"\#(kid)","typ":"at+jwt"}"#) + "." + part(1) + "."),
    (
        "alg NONE with the old signature",
        encode(#"{"alg":"NONE","kid":"\#(kid)","typ":"at+jwt"}"#) + "." + part(1) + "." + part(2)
    ),
    ("no alg", header(#""kid":"\#(kid)","typ":"at+jwt""#)),
    ("alg null", header(#""alg":null,"kid":"\#(kid)","typ":"at+jwt""#)),
    ("alg of other case", header(#""alg":"eddsa","kid":"\#(kid)","typ":"at+jwt""#)),
    ("alg Ed25519", header(#""alg":"Ed25519","kid":"\#(kid)","typ":"at+jwt""#)),
    ("HS256 keyed with the public key", hmac(key.publicKey.bytes)),
    ("HS256 keyed with nothing", hmac([])),
    ("HS256 keyed with the kid", hmac(Array(kid.utf8))),
    (
        "ES256 of zeros (CVE-2022-21449)",
        encode(#"{"alg":"ES256","kid":"\#(kid)","typ":"at+jwt"}"#) + "." + part(1) + "."
            + Base64.encode([UInt8](repeating: 0, count: 64), .url)
    ),
    ("RS256", header(#""alg":"RS256","kid":"\#(kid)","typ":"at+jwt""#)),
    ("alg twice", header(#""alg":"none","alg":"EdDSA","kid":"\#(kid)","typ":"at+jwt""#)),
    ("alg as a list", header(#""alg":["EdDSA","none"],"kid":"\#(kid)","typ":"at+jwt""#)),
    // Key.
    ("another key", signed(decoded(0), decoded(1), by: otherKey)),
    (
        "another key with its own kid",
        AccessTokens(otherKey).issue(account, organisation, .owner, login, at: now).token.reveal
    ),
    ("no kid", header(#""alg":"EdDSA","typ":"at+jwt""#)),
    ("kid as a path", header(#""alg":"EdDSA","kid":"../../../dev/null","typ":"at+jwt""#)),
    ("kid as SQL", header(#""alg":"EdDSA","kid":"x' UNION SELECT 'k","typ":"at+jwt""#)),
    ("kid as a command", header(#""alg":"EdDSA","kid":"|whoami","typ":"at+jwt""#)),
    ("kid with NUL", header(#""alg":"EdDSA","kid":"\#(kid)\u0000","typ":"at+jwt""#)),
    ("empty kid", header(#""alg":"EdDSA","kid":"","typ":"at+jwt""#)),
    (
        "own key in jwk",
        signed(
            #"{"alg":"EdDSA","kid":"\#(kid)","typ":"at+jwt","jwk":{"kty":"OKP","crv":"Ed25519","x":"\#(otherX)"}}"#,
            decoded(1), by: otherKey)
    ),
    (
        "jku",
        signed(
            #"{"alg":"EdDSA","kid":"\#(kid)","typ":"at+jwt","jku":"https://evil.example/keys"}"#, decoded(1),
            by: otherKey)
    ),
    (
        "x5u",
        signed(
            #"{"alg":"EdDSA","kid":"\#(kid)","typ":"at+jwt","x5u":"https://evil.example/c"}"#, decoded(1), by: otherKey)
    ),
    ("x5c", signed(#"{"alg":"EdDSA","kid":"\#(kid)","typ":"at+jwt","x5c":["AAAA"]}"#, decoded(1), by: otherKey)),
    // Header of a token for something else, or with extensions nobody understands.
    ("typ JWT", header(#""alg":"EdDSA","kid":"\#(kid)","typ":"JWT""#)),
    ("no typ", header(#""alg":"EdDSA","kid":"\#(kid)""#)),
    ("typ of a logout token", header(#""alg":"EdDSA","kid":"\#(kid)","typ":"logout+jwt""#)),
    ("crit", header(#""alg":"EdDSA","kid":"\#(kid)","typ":"at+jwt","crit":["exp"]"#)),
    (
        "unencoded payload (RFC 7797)",
        header(#""alg":"EdDSA","kid":"\#(kid)","typ":"at+jwt","b64":false,"crit":["b64"]"#)
    ),
    ("compressed", header(#""alg":"EdDSA","kid":"\#(kid)","typ":"at+jwt","zip":"DEF""#)),
    ("header of other order", header(#""typ":"at+jwt","alg":"EdDSA","kid":"\#(kid)""#)),
    ("header with a space", header(#" "alg":"EdDSA","kid":"\#(kid)","typ":"at+jwt""#)),
    ("header is a list", signed("[]", decoded(1))), ("header is no JSON", signed("EdDSA", decoded(1))),
    ("header is empty", signed("", decoded(1))),
    // Contents changed after signing.
    ("role raised", tampered("ADMIN", "OWNER")), ("another account", tampered("-000000000001", "-000000000009")),
    ("another organisation", tampered("\(organisation)", "\(account)")),
    ("longer life", tampered("1800000900", "1900000000")), ("claims appended", tampered("}", #","x":1}"#)),
    (
        "signature of another token",
        part(0) + "." + part(1) + "."
            + tokens.issue(account, organisation, .owner, login, at: now).token.reveal.split(separator: ".")[2]
    ),
    ("payload and signature swapped", part(0) + "." + part(2) + "." + part(1)),
    ("signature of zeros", part(0) + "." + part(1) + "." + Base64.encode([UInt8](repeating: 0, count: 64), .url)),
    ("half a signature", part(0) + "." + part(1) + "." + part(2).prefix(43)),
    ("signature and a byte", part(0) + "." + part(1) + "." + Base64.encode(Base64.decode(part(2), .url)! + [0], .url)),
    ("signature with S + L", part(0) + "." + part(1) + "." + malleated(part(2))),
    // Rightly signed, but not an access token of this hub: what another use of the key might sign.
    ("no issuer", claim("iss", nil)), ("issuer of another hub", claim("iss", "\"hub:AAAAAAAAAAAAAAAA\"")),
    ("issuer as a list", claim("iss", "[\"hub:\(kid)\"]")), ("no audience", claim("aud", nil)),
    ("another audience", claim("aud", "\"turn\"")), ("audience as a list", claim("aud", "[\"hub\",\"x\"]")),
    ("no subject", claim("sub", nil)), ("subject that is no id", claim("sub", "\"admin\"")),
    ("subject null", claim("sub", "null")), ("no organisation", claim("org", nil)),
    ("organisation that is no id", claim("org", "\"*\"")), ("no role", claim("role", nil)),
    ("unknown role", claim("role", "\"ROOT\"")), ("role 0", claim("role", "0")), ("no login", claim("sid", nil)),
    ("no expiry", claim("exp", nil)), ("expiry 0", claim("exp", "0")), ("negative expiry", claim("exp", "-1")),
    ("expiry with a fraction", claim("exp", "1800000900.5")), ("expiry with an exponent", claim("exp", "1e18")),
    ("expiry beyond 32 bits", claim("exp", "18446744073709551615")), ("expiry as a word", claim("exp", "\"never\"")),
    ("expiry true", claim("exp", "true")), ("no issue time", claim("iat", nil)),
    ("issued after its end", claim("iat", "1800000900")),
    (
        "claim twice",
        signed(decoded(0), decoded(1).replacing(#""role":"ADMIN""#, with: #""role":"MEMBER","role":"OWNER""#))
    ),
    (
        "claim twice, once escaped",
        signed(decoded(0), decoded(1).replacing(#""role":"ADMIN""#, with: #""role":"MEMBER","r\u006fle":"OWNER""#))
    ),
    ("payload is a list", signed(decoded(0), "[\(decoded(1))]")),
    ("two payloads", signed(decoded(0), decoded(1) + decoded(1))),
    ("payload nested too deep", signed(decoded(0), String(repeating: #"{"a":"#, count: 64))),
    ("payload is no JSON", signed(decoded(0), "admin")), ("payload is empty", signed(decoded(0), "")),
]

/// The last digit of a 64-byte signature has four bits that mean nothing; one of them set.
private func strayLast(_ token: String) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    return String(alphabet[alphabet.firstIndex(of: token.last!)! | 1])
}

private func hmac(_ secret: [UInt8]) -> String {
    let text = encode(#"{"alg":"HS256","kid":"\#(kid)","typ":"at+jwt"}"#) + "." + part(1)
    let mac = secret.withUnsafeBytes { HMACKey($0) }.authenticate(Array(text.utf8))
    return text + "." + Base64.encode(mac, .url)
}

/// The signature with the group's order added to its scalar.
private func malleated(_ signature: String) -> String {
    let order = Hex.decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")!
    var bytes = Base64.decode(signature, .url)!
    var carry: UInt16 = 0
    for index in 0..<32 {
        let sum = UInt16(bytes[32 + index]) + UInt16(order[index]) + carry
        bytes[32 + index] = UInt8(truncatingIfNeeded: sum)
        carry = sum >> 8
    }
    return Base64.encode(bytes, .url)
}

@Suite struct AccessTokenTests {
    @Test func whatWasIssuedVerifies() throws {
        for role in Role.allCases {
            let (token, expiresAt) = tokens.issue(account, organisation, role, login, at: now)
            #expect(expiresAt == now.adding(milliseconds: 900_000))
            let principal = try tokens.verify(token, at: now)
            #expect(
                principal
                    == Principal(
                        account: account, organisation: organisation, role: role, login: login, expiresAt: expiresAt))
        }
    }

    @Test func looksAsDocumented() {
        #expect(decoded(0) == #"{"alg":"EdDSA","kid":"\#(kid)","typ":"at+jwt"}"#)
        #expect(
            decoded(1) == #"{"iss":"hub:\#(kid)","aud":"hub","sub":"\#(account)","org":"\#(organisation)","#
                + #""role":"ADMIN","sid":"\#(login)","iat":1800000000,"exp":1800000900}"#)
        #expect(verify(claim("x", "1")) == verify(good), "the list's own tokens are right but for one thing")
        #expect(verify(signed(decoded(0), decoded(1))) == verify(good))
    }

    @Test func timeEndsIt() {
        let end = now.adding(milliseconds: 900_000)
        #expect((try? verify(good, at: end.adding(milliseconds: -1)).get()) != nil)
        #expect(verify(good, at: end) == .failure(.expired))
        #expect(verify(good, at: end.adding(milliseconds: 86_400_000)) == .failure(.expired))
        // Clocks of hubs may differ by five minutes.
        #expect((try? verify(good, at: now.adding(milliseconds: -300_000)).get()) != nil)
        #expect(verify(good, at: now.adding(milliseconds: -300_001)) == .failure(.expired))
    }

    /// Signed by this hub, for another time: a refresh helps, and nobody has to sign in.
    @Test(arguments: [
        ("from before a shorter lifetime", claim("exp", "1800086400")),
        ("a second more than 15 minutes", claim("exp", "1800000901")),
        ("from before the clock was set back by an hour", signed(decoded(0),
            decoded(1).replacing("1800000000", with: "1800003600").replacing("1800000900", with: "1800004500"))),
        ("ended", signed(decoded(0),
            decoded(1).replacing("1800000000", with: "1799999100").replacing("1800000900", with: "1800000000"))),
    ])
    func ofAnotherTimeIsNoForgery(_ name: String, _ token: String) {
        #expect(verify(token) == .failure(.expired), "\(name)")
        // The same by another key, or with one character changed, is a forgery.
        let payload = String(decoding: Base64.decode(String(token.split(separator: ".")[1]), .url)!, as: UTF8.self)
        #expect(verify(signed(decoded(0), payload, by: otherKey)) == .failure(.invalid), "\(name)")
        #expect(verify(signed(decoded(0), payload.replacing("ADMIN", with: "ROOT"))) == .failure(.invalid))
    }

    /// A hub that is ahead by two minutes is no reason to refuse what it signs.
    @Test func hubsWithOtherClocksAndLifetimesAgree() throws {
        let ahead = tokens.issue(account, organisation, .admin, login, at: now.adding(milliseconds: 120_000))
        #expect(try tokens.verify(ahead.token, at: now).expiresAt == ahead.expiresAt)
        let short = AccessTokens(key, lifetimeMilliseconds: 60_000)
        #expect((try? tokens.verify(short.issue(account, organisation, .admin, login, at: now).token, at: now)) != nil)
        #expect(throws: TokenError.expired) { try short.verify(AccessToken(good), at: now) }
    }

    @Test(arguments: attacks.indices) func isRefused(_ index: Int) {
        let (name, token) = attacks[index]
        #expect(verify(token) == .failure(.invalid), "\(name)")
    }

    @Test func theListIsLong() {
        #expect(attacks.count >= 60)
        #expect(Set(attacks.map(\.0)).count == attacks.count)
        #expect(!attacks.contains { $0.1 == good }, "every attack differs from the good token")
    }

    @Test func everyAlteredCharacterIsNoticed() {
        let characters = Array(good.utf8)
        for index in characters.indices {
            var altered = characters
            altered[index] = altered[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(verify(String(decoding: altered, as: UTF8.self)) == .failure(.invalid), "character \(index)")
        }
    }
}
