// Where PostgreSQL is and how sessions with it are made. The URL may hold a password: it goes to libpq
// and nowhere else.

import CPQ
import Glibc
import Model

struct PostgresTarget: Sendable {
    private let url: String
    private let password: String
    /// The server gives a statement up after this long; 0 lets it run.
    let statementMilliseconds: UInt32

    init(url: String, statementMilliseconds: UInt32) throws(OpenError) {
        var message: UnsafeMutablePointer<CChar>?
        let parsed = PQconninfoParse(url, &message)
        defer {
            PQconninfoFree(parsed)
            PQfreemem(message)
        }
        // libpq's message would quote what it could not read, which may be the password.
        guard let parsed else { throw Self.malformed }
        var words: [ExactText: String] = [:]
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { words[ExactText(String(cString: keyword))] = String(cString: value) }
            option += 1
        }
        // What stands behind an unescaped @ of a password.
        if words["host"]?.utf8.contains(UInt8(ascii: "@")) == true { throw Self.malformed }
        self.url = url
        password = words["password"] ?? ""
        self.statementMilliseconds = statementMilliseconds
    }

    private static let malformed = OpenError(
        .location, "the PostgreSQL URL cannot be read",
        remedy: "write postgresql://user:password@host:port/database, special characters as %XX")

    /// Keywords and values as PQconnectStartParams takes them. What stands before the URL are
    /// defaults that it may override, what stands behind it overrides it.
    func withParameters<Result>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        let parameters = [
            ("application_name", "hub"), ("target_session_attrs", "read-write"),
            // A peer that is gone without a word is noticed within about 15 s.
            ("keepalives_idle", "5"), ("keepalives_interval", "3"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "15000"),
            ("dbname", url), ("client_encoding", "UTF8"),
        ]
        let strings = parameters.map { (strdup($0.0), strdup($0.1)) }
        defer {
            for (name, value) in strings {
                free(name)
                free(value)
            }
        }
        let names = strings.map { UnsafePointer($0.0) } + [nil]
        let values = strings.map { UnsafePointer($0.1) } + [nil]
        return body(names, values)
    }

    /// libpq's message on one line, without the password should it be in there.
    func redact(_ message: String) -> String {
        var line = message.split(whereSeparator: \.isNewline)
            .map { $0.drop { $0 == " " || $0 == "\t" } }.joined(separator: "; ")
        if !password.isEmpty {
            var clean = ""
            var rest = line[...]
            while let found = rest.firstRange(of: password) {
                clean += rest[..<found.lowerBound] + "***"
                rest = rest[found.upperBound...]
            }
            line = clean + rest
        }
        return line
    }
}
