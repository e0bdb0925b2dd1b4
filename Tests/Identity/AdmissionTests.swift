// What may be an address, a name, a password.

import Model
import Testing
@testable import Identity

@Suite struct AdmissionTests {
    @Test(arguments: [
        ("ada@example.org", "ada@example.org"), ("Ada.Lovelace+Hub@EXAMPLE.org", "ada.lovelace+hub@example.org"),
        ("a@b", "a@b"), ("o'neill_x-y@sub.example-1.co.uk", "o'neill_x-y@sub.example-1.co.uk"),
        ("x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
        (String(repeating: "l", count: 64) + "@example.org", String(repeating: "l", count: 64) + "@example.org"),
    ]) func takesAddresses(_ given: String, _ kept: String) throws {
        #expect(try Admission.email(EmailAddress(given)).reveal == kept)
    }

    @Test(arguments: [
        "", "@", "ada", "ada@", "@example.org", "a@b@c", "ada@@example.org", ".ada@example.org", "ada.@example.org",
        "a..b@example.org", "ada@example..org", "ada@.example.org", "ada@example.org.", "ada@-example.org",
        "ada@example-.org", "ada @example.org", " ada@example.org", "ada@example.org ", "ada@exa mple.org",
        "ada\n@example.org", "ada@example.org\r\nBcc: eve@example.org", "\"ada\"@example.org", "ada(x)@example.org",
        "ada,bob@example.org", "ada;bob@example.org", "<ada@example.org>", "ada\\@example.org", "ada@[192.0.2.1]",
        "ada@exam_ple.org", "ada@exämple.org", "ädä@example.org", "ada\u{0}@example.org", "ada\u{202E}@example.org",
        String(repeating: "l", count: 65) + "@example.org", "ada@" + String(repeating: "d", count: 64) + ".org",
        "ada@" + String(repeating: "d.", count: 130) + "org", "\u{212A}elly@example.org", "ada@\u{212A}.example.org",
    ]) func refusesAddresses(_ given: String) {
        #expect(throws: Denial.self) { try Admission.email(EmailAddress(given)) }
    }

    @Test(arguments: [
        ("Ada", "Ada"), ("  Ada \t", "Ada"), ("\u{A0}Åsa O’Neill-Søn", "Åsa O’Neill-Søn"), ("李", "李"), ("👩‍🚀", "👩‍🚀"),
        (String(repeating: "x", count: 80), String(repeating: "x", count: 80)), ("A  B", "A  B"),
    ]) func takesNames(_ given: String, _ kept: String) throws {
        #expect(try Admission.name(given, field: "name") == kept)
    }

    @Test(arguments: [
        "", "   ", "\u{A0}\u{3000}", String(repeating: "x", count: 81), "A\u{0}B", "A\nB", "A\u{7F}B", "A\u{85}B",
        "A\u{202E}B", "A\u{2066}B", "A\u{2028}B", "A\u{FEFF}B", "A\u{E000}B",
        "e" + String(repeating: "\u{301}", count: 80),
        // Nothing of these can be seen.
        "\u{200B}", "\u{3164}", "\u{1160}", "\u{115F}\u{FFA0}", "\u{200D}\u{200C}", "\u{2800}", "\u{301}", "\u{E0041}",
        "\u{3164}\u{20DD}", "\u{34F}", "\u{AD}", "\u{2060}\u{180E}", "A\u{E0000}",
    ]) func refusesNames(_ given: String) {
        #expect(throws: Denial.self) { try Admission.name(given, field: "name") }
    }

    private func isTaken(_ password: String) -> Bool {
        do throws(Denial) {
            try Admission.password(
                Password(password), email: EmailAddress("ada.lovelace@example.org"),
                beside: ["Augusta", "Lovelace", "Analytical Engines"])
            return true
        } catch {
            return false
        }
    }

    @Test(arguments: [
        "kingfisher nests", "a long enough phrase", "пароль мой", "密码很长很安全吧", "     8chars", "xK9$mm2q",
        String(repeating: "ab1 ", count: 64), "passwordless sign-in is nice", "ada.lovelace@example.org!",
    ]) func takesPasswords(_ password: String) {
        #expect(isTaken(password))
    }

    @Test(arguments: [
        "", "short", "1234567", String(repeating: "ab1 ", count: 64) + "x", String(repeating: "👩‍🚀", count: 100),
        "12345678", "1234567890", "Password", "PASSWORD1", "password123", "Passw0rd", "Qwerty123", "qwertyuiop",
        "iloveyou", "iloveyou2!", "aaaaaaaa", "abababab", "abcabcabc", "1q2w3e4r", "Sunshine99", "admin123",
        "correct horse battery staple", "ada.lovelace@example.org", "ADA.LOVELACE", "Lovelace",
        "augustalovelaceanalytical engines",
        "Analytical Engines",
    ]) func refusesPasswords(_ password: String) {
        #expect(!isTaken(password))
    }

    /// What guessers make of the words they begin with.
    @Test(arguments: [
        "samantha", "Midnight", "kingfish", "12qwaszx", "P@ssw0rd2026", "letmein12345", "LetMeIn123456789",
        "pa$$w0rd", "p4ssw0rd!", "1l0vey0u", "Dr4gon!!", "$un$h1ne99", "qwerty654321", "2026welcome", "!!monkey!!",
        "Chocolate2025!",
    ]) func refusesWhatGuessersTry(_ password: String) {
        #expect(!isTaken(password))
    }

    /// A word of the list is no reason to refuse what holds more.
    @Test(arguments: [
        "samantha knits", "midnight39274", "dragonfly-kettle", "monkey8banana", "my letmein story", "2026welcomehome",
    ]) func takesMoreThanACommonWord(_ password: String) {
        #expect(isTaken(password))
    }

    /// One's own names, in each pair and order.
    @Test(arguments: [
        "augusta lovelace", "AugustaLovelace", "lovelace.augusta", "Lovelace_Augusta", "augusta-analytical engines",
    ]) func refusesNamesInPairs(_ password: String) {
        #expect(!isTaken(password))
    }
}
