// How a scenario signs in, the same for all of them.

import ArgumentParser
import Foundation
import Harness

struct AccountOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The link that a new hub prints; makes its first account.",
                               valueName: "link"))
    var setupLink: String?

    @Option(help: "E-mail address of the account to sign in with, or to make with --setup-link.")
    var email: String?

    @Option(help: ArgumentHelp("File whose first line is the password (or HUB_BENCH_PASSWORD).",
                               valueName: "file"))
    var passwordFile: String?

    @Option(help: "The password itself; other users of this machine can see it.")
    var password: String?

    @Option(help: "An access token instead; long runs cannot renew it.")
    var token: String?

    @Flag(help: "With wss://: accept any certificate.")
    var insecure = false

    @Option(help: ArgumentHelp("With wss://: PEM file of authorities to trust.", valueName: "file"))
    var ca: String?

    private var environment: [String: String] { ProcessInfo.processInfo.environment }

    var isGiven: Bool {
        setupLink != nil || email != nil || passwordFile != nil || password != nil || token != nil
    }

    func validate(required: Bool) throws {
        let hasToken = token != nil || environment["HUB_BENCH_TOKEN"] != nil
        guard required, !hasToken, setupLink == nil else { return }
        guard email != nil else {
            throw BenchError("a hub needs --setup-link, --email with a password, or --token "
                + "(see --help)")
        }
        guard password != nil || passwordFile != nil || environment["HUB_BENCH_PASSWORD"] != nil
        else {
            throw BenchError("--email needs --password-file, HUB_BENCH_PASSWORD or --password")
        }
    }

    func credentials(for url: String) throws -> Credentials {
        if let token = token ?? environment["HUB_BENCH_TOKEN"], email == nil, setupLink == nil {
            return .token(token)
        }
        let secret = try readPassword()
        guard let setupLink else { return .password(email: email ?? "", password: secret ?? "") }
        return .setUp(token: try Self.setupToken(setupLink), email: email ?? "bench@example.org",
                      password: secret ?? Self.randomPassword())
    }

    private func readPassword() throws -> String? {
        if let password { return password }
        guard let passwordFile else { return environment["HUB_BENCH_PASSWORD"] }
        guard let text = try? String(contentsOfFile: passwordFile, encoding: .utf8) else {
            throw BenchError("cannot read the password from '\(passwordFile)'")
        }
        return text.split(separator: "\n", omittingEmptySubsequences: false).first.map(String.init)
    }

    private static func setupToken(_ link: String) throws -> String {
        guard link.contains("://") else { return link }
        let fragment = try Endpoint(link).fragment
        guard fragment.hasPrefix("setup="), fragment.count > 6 else {
            throw BenchError("--setup-link has no '#setup=' part: give the whole line that the hub "
                + "printed")
        }
        return String(fragment.dropFirst(6))
    }

    private static func randomPassword() -> String {
        let letters = Array("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789")
        return String((0..<24).map { _ in letters[Int.random(in: 0..<letters.count)] })
    }
}
