// What an operator has to see of who comes in, who is kept out and whose rights change: each is counted, and said in
// one log line of static words, ids and, where the configuration allows it, the network address. E-mail addresses,
// tokens and what clients write never get here. Whoever is refused may try again without end, so lines of one kind are
// bounded; the counters are not. A trail that nobody can change is another thing, and not this.

import Model

package enum SecurityEvent: Int, CaseIterable, Sendable {
    case signedIn, badCredentials, lockedOut, tooManySignIns, switched
    case refreshed, refreshRepeated, refreshLate, refreshReused, refreshRefused
    case signedOut, signInEnded
    case setUp, setUpRefused
    case invitationMade, invitationUsed, invitationWithdrawn, invitationRefused
    case passwordChanged, resetMade, resetUsed, resetRefused
    case roleChanged, personRemoved
    case tokenForged, tokenExpired
    case originRefused

    /// Counter, its labels, and the line with its level; no line for what happens all the time.
    fileprivate var facts: (counter: String, labels: String, line: (level: LogLevel, text: StaticString)?) {
        switch self {
        case .signedIn: ("hub_sign_ins_total", "result=\"ok\"", (.info, "signed in"))
        case .badCredentials: ("hub_sign_ins_total", "result=\"bad_credentials\"", (.warning, "sign-in refused"))
        case .lockedOut: ("hub_sign_ins_total", "result=\"locked_out\"", (.warning, "sign-in locked out"))
        case .tooManySignIns:
            ("hub_sign_ins_total", "result=\"too_many\"", (.warning, "too many sign-ins of one account"))
        case .switched: ("hub_sign_ins_total", "result=\"switched\"", (.info, "organisation switched"))
        case .refreshed: ("hub_refreshes_total", "result=\"ok\"", nil)
        case .refreshRepeated: ("hub_refreshes_total", "result=\"repeated\"", (.info, "refresh token given again"))
        case .refreshLate: ("hub_refreshes_total", "result=\"late\"", (.warning, "refresh token used late"))
        case .refreshReused:
            ("hub_refreshes_total", "result=\"reused\"", (.warning, "refresh token reused, sign-in ended"))
        case .refreshRefused: ("hub_refreshes_total", "result=\"refused\"", nil)
        case .signedOut: ("hub_sign_outs_total", "by=\"self\"", (.info, "signed out"))
        case .signInEnded: ("hub_sign_outs_total", "by=\"list\"", (.info, "sign-in ended from another"))
        case .setUp: ("hub_set_ups_total", "result=\"ok\"", (.warning, "organisation set up"))
        case .setUpRefused: ("hub_set_ups_total", "result=\"refused\"", (.warning, "set-up refused"))
        case .invitationMade: ("hub_invitations_total", "event=\"made\"", (.info, "invitation made"))
        case .invitationUsed: ("hub_invitations_total", "event=\"used\"", (.info, "invitation used"))
        case .invitationWithdrawn: ("hub_invitations_total", "event=\"withdrawn\"", (.info, "invitation withdrawn"))
        case .invitationRefused: ("hub_invitations_total", "event=\"refused\"", (.warning, "invitation refused"))
        case .passwordChanged: ("hub_password_changes_total", "event=\"changed\"", (.info, "password changed"))
        case .resetMade: ("hub_password_changes_total", "event=\"link_made\"", (.warning, "password reset link made"))
        case .resetUsed: ("hub_password_changes_total", "event=\"link_used\"", (.warning, "password reset"))
        case .resetRefused:
            ("hub_password_changes_total", "event=\"link_refused\"", (.warning, "password reset refused"))
        case .roleChanged: ("hub_people_changes_total", "change=\"role\"", (.info, "role changed"))
        case .personRemoved: ("hub_people_changes_total", "change=\"removed\"", (.info, "person removed"))
        case .tokenForged: ("hub_tokens_refused_total", "reason=\"forged\"", (.warning, "access token refused"))
        case .tokenExpired: ("hub_tokens_refused_total", "reason=\"expired\"", nil)
        case .originRefused: ("hub_origins_refused_total", "", (.warning, "origin refused"))
        }
    }

    fileprivate var help: String {
        switch facts.counter {
        case "hub_sign_ins_total": "Sign-ins and refused tries, by result."
        case "hub_refreshes_total": "Uses of refresh tokens, by result."
        case "hub_sign_outs_total": "Sign-ins that people ended."
        case "hub_set_ups_total": "Uses of set-up links, by result."
        case "hub_invitations_total": "What became of invitations."
        case "hub_password_changes_total": "Passwords changed, and what became of reset links."
        case "hub_people_changes_total": "Roles changed and people removed."
        case "hub_tokens_refused_total": "Access tokens refused."
        default: "Requests that pages of other origins made."
        }
    }
}

package final class SecurityLog: Sendable {
    /// Lines of one kind at once, and how many it gets back in a second. Higher: more is said under attack, at more
    /// disk; counters say how much there was in any case.
    package static let linesAtOnce = 50.0
    package static let linesPerSecond = 5.0

    private struct Budget {
        var lines = SecurityLog.linesAtOnce
        var at = MonotonicNanoseconds(0)
        /// Not written since the last line of the kind.
        var leftOut = 0
    }

    private let log: Log
    private let clocks: any Clocks
    private let showsAddresses: Bool
    private let counters: [Counter]
    private let linesLeftOut: Counter
    private let budgets = Lock([Budget](repeating: Budget(), count: SecurityEvent.allCases.count))

    /// - Parameter showsAddresses: whether lines have the network address, as programs that block addresses need.
    package init(_ log: Log, _ metrics: Metrics, clocks: any Clocks, showsAddresses: Bool = true) {
        self.log = log
        self.clocks = clocks
        self.showsAddresses = showsAddresses
        counters = SecurityEvent.allCases.map { event in
            metrics.counter(event.facts.counter, labels: event.facts.labels, help: event.help)
        }
        linesLeftOut = metrics.counter(
            "hub_security_lines_left_out_total", help: "Log lines about security not written, for there were too many.")
    }

    /// - Parameter peer: the network address of who asked, as text; what is no address is left out.
    package func note(_ event: SecurityEvent, from peer: String? = nil, _ fields: LogField...) {
        counters[event.rawValue].add()
        guard let line = event.facts.line else { return }
        guard let leftOut = take(event) else {
            linesLeftOut.add()
            return
        }
        var fields = fields
        if showsAddresses, let peer, let field = LogField.address("peer", peer) { fields.append(field) }
        if leftOut > 0 { fields.append(.number("lines_left_out", leftOut)) }
        log.write(line.level, line.text, fields)
    }

    /// How many of the kind were left out before this one; `nil`: this one is, too.
    private func take(_ event: SecurityEvent) -> Int? {
        let now = clocks.monotonic()
        return budgets.withLock { budgets in
            var budget = budgets[event.rawValue]
            defer { budgets[event.rawValue] = budget }
            let seconds = Double(now.milliseconds(since: budget.at)) / 1_000
            budget.lines = min(Self.linesAtOnce, budget.lines + seconds * Self.linesPerSecond)
            budget.at = now
            guard budget.lines >= 1 else {
                budget.leftOut += 1
                return nil
            }
            budget.lines -= 1
            defer { budget.leftOut = 0 }
            return budget.leftOut
        }
    }
}
