// Text by its bytes: equality, order and hash, prefixes, parts and case, where Swift's own follow characters.

import Model
import Testing

@Suite struct ExactTextTests {
    /// Equal to Swift, of other bytes.
    private static let pairs: [(String, String)] = [
        ("k\u{E9}y", "ke\u{301}y"), ("K", "\u{212A}"), (";", "\u{37E}"), ("`", "\u{1FEF}"), ("\u{212B}", "\u{C5}"),
        ("\u{1100}\u{1161}", "\u{AC00}"), ("a\u{323}\u{307}", "a\u{307}\u{323}"),
    ]

    @Test(arguments: pairs) func equalTextIsNotEqualBytes(_ a: String, _ b: String) {
        #expect(a == b)
        #expect(ExactText(a) != ExactText(b))
        #expect(Set([ExactText(a), ExactText(b)]).count == 2)
        #expect((ExactText(a) < ExactText(b)) != (ExactText(b) < ExactText(a)))
        #expect(EmailAddress(a) != EmailAddress(b) && AccessToken(a) != AccessToken(b))
        let channel = ChannelID(high: 1, low: 1)
        let posts = [a, b].map { Post(channel: channel, key: ExactText($0), text: "") }
        #expect(posts[0] != posts[1])
    }

    @Test func equalBytesAreEqual() {
        let long = String(repeating: "e\u{301}", count: 100)
        // Another string object of the same bytes.
        let again = String(decoding: Array(long.utf8), as: UTF8.self)
        #expect(ExactText(long) == ExactText(again) && ExactText(long).hashValue == ExactText(again).hashValue)
        #expect(ExactText(Substring("xab").dropFirst()) == "ab")
        #expect(ExactText("").isEmpty && !ExactText("\u{301}").isEmpty)
    }

    @Test func piecesGoByBytes() {
        #expect("a=\u{338}b".split(separator: "=").count == 1)
        #expect("a=\u{338}b".split(atByte: "=") == ["a", "\u{338}b"])
        #expect("a\u{37E}b;c".split(atByte: ";").map(ExactText.init) == ["a\u{37E}b", "c"])
        #expect(",a,,b".split(atByte: ",", omittingEmptySubsequences: false) == ["", "a", "", "b"])
        #expect("a.b.c".split(atByte: ".", maxSplits: 1) == ["a", "b.c"])
        #expect("/api/\u{301}x".startsWithBytes(of: "/api/") && !"/ap".startsWithBytes(of: "/api/"))
        #expect(!"\u{212A}ey".startsWithBytes(of: "K"))
    }

    @Test func onlyLettersOfASCIIAreFolded() {
        #expect(ExactText("AZaz09@[`{\u{212A}\u{C9}\u{130}".asciiLowercased())
                == "azaz09@[`{\u{212A}\u{C9}\u{130}")
    }
}
