// What may be an e-mail address, a name, a password. Pure checks that say what is wrong.

import Model

/// Why a request was not carried out: what the client is told.
struct Denial: Error {
    let reply: ErrorReply

    init(
        _ code: ErrorCode, _ message: String, retryAfterMilliseconds: UInt32 = 0,
        details: [Detail] = []
    ) {
        reply = ErrorReply(
            code, message, retryAfterMilliseconds: retryAfterMilliseconds, details: details)
    }

    init(_ reply: ErrorReply) { self.reply = reply }

    static func field(_ name: String, _ problem: String) -> Denial {
        Denial(.invalidArgument, "\(name): \(problem)", details: [Detail("field", name)])
    }
}

enum Admission {
    /// In lower case. Not all that RFC 5321 allows, but what people have: ASCII, no quotes, no
    /// comments.
    static func email(_ email: EmailAddress) throws(Denial) -> EmailAddress {
        let text = email.reveal.asciiLowercased()
        let problem = Denial.field("email", "is not an e-mail address")
        let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard text.utf8.count <= 254, parts.count == 2 else { throw problem }
        let (local, domain) = (parts[0], parts[1])
        guard (1...64).contains(local.count), local.allSatisfy(isLocalByte),
            !local.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).contains(
                where: \.isEmpty)
        else { throw problem }
        for label in domain.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard (1...63).contains(label.count), label.allSatisfy(isDomainByte),
                label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-")
            else { throw problem }
        }
        return EmailAddress(text)
    }

    private static func isLocalByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-./=?^_`{|}~".utf8.contains(byte)
        }
    }

    private static func isDomainByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// 1 to 80 Unicode scalars, so at most 320 bytes, without white space around them, without controls and
    /// without marks that turn the direction of the text around them. At least one of them can be seen.
    static func name(_ text: String, field: String) throws(Denial) -> String {
        let scalars = text.unicodeScalars
        let trimmed = scalars.drop(while: \.properties.isWhitespace).reversed()
            .drop(while: \.properties.isWhitespace).reversed()
        guard (1...80).contains(trimmed.count) else {
            throw .field(field, "must have 1 to 80 characters")
        }
        var name = String.UnicodeScalarView()
        name.append(contentsOf: trimmed)
        let text = String(name)
        switch DisplayLine.fault(inName: text) {
        case nil: return text
        case .control: throw .field(field, "must not have control characters")
        case .invisible, .padded: throw .field(field, "must have characters that can be seen")
        }
    }

    /// A last name: as any name, or empty, for people have one name or two.
    static func lastName(_ text: String) throws(Denial) -> String {
        text.unicodeScalars.allSatisfy(\.properties.isWhitespace) && text.utf8.count <= 1_024
            ? "" : try name(text, field: "last_name")
    }

    /// 8 to 256 characters, none of the commonest, nothing that is written beside it (NIST SP
    /// 800-63B §5.1.1.2: length counts, rules of composition do not). `beside` are names and the
    /// like.
    static func password(
        _ password: Password, email: EmailAddress, beside: [String], field: String = "password"
    ) throws(Denial) {
        let text = password.reveal
        guard text.utf8.count <= 1_024, (8...256).contains(text.unicodeScalars.count) else {
            throw .field(field, "must have 8 to 256 characters")
        }
        let folded = text.lowercased()
        let local = String(email.reveal.prefix { $0 != "@" })
        let names = beside.map { $0.lowercased() }.filter { !$0.isEmpty }
        var written = [email.reveal, local] + names
        for glue in ["", " ", ".", "-", "_"] {
            written.append(names.joined(separator: glue))
            for (first, one) in names.enumerated() {
                for (second, other) in names.enumerated() where first != second { written.append(one + glue + other) }
            }
        }
        if written.contains(folded) { throw .field(field, "must not be your name or address") }
        if CommonPasswords.contains(folded) {
            throw .field(field, "is one of the commonest; choose another")
        }
    }
}
