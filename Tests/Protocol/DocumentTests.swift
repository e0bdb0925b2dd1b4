// docs/protocol.md against the code and the contract: the tables of codes are Model's, every message and
// field of docs/hub.v1.proto is explained, the limits are those in force, and the examples are real.

import Model
import Testing
import Wire

@Suite struct DocumentTests {
    let lines: [Substring]
    let contract: String

    init() throws {
        lines = try Files.text("../../docs/protocol.md")
            .split(separator: "\n", omittingEmptySubsequences: false)
        contract = try Files.text("../../docs/hub.v1.proto")
    }

    @Test func errorTable() {
        let rows = table(under: "## 11 Errors").compactMap { row in
            UInt32(row[0]).map { "\($0) \(row[1]) \(row[2])" }
        }
        #expect(rows == ErrorCode.allCases.map { code in
            "\(code.rawValue) `\(code.slug)` \(code.isRetryable ? "yes" : "no")"
        })
    }

    @Test func closeTable() {
        let rows = table(under: "## 12 Close codes").compactMap { row in
            UInt16(row[0]).map { (code: $0, text: "\($0) \(row[1])", then: row[2]) }
        }
        #expect(rows.map(\.text) == CloseCode.allCases.map { "\($0.rawValue) `\($0.slug)`" })
        // What to do agrees with the range, which is what clients of older versions go by.
        for row in rows {
            let expected: Set<String> = switch row.code {
            case 4000..<4100: ["resume now"]
            case 4100..<4200: ["back off, resume"]
            case 4200..<4300: ["newer token, resume"]
            case 4500...: ["do not come back", "sign in again"]
            default: ["as you like", "back off, resume", "do not come back"]
            }
            #expect(expected.contains(row.then), "\(row.text): \(row.then)")
        }
    }

    @Test func everyFieldIsExplained() {
        var documented: [String: [String]] = [:]
        var name: String?
        for line in lines {
            if line.hasPrefix("#") {
                // "### `post` (Post → `posted`)", "### `posted` (Posted)", "### Position"
                name = line.firstMatch(of: /^### (?:`\w+` \()?([A-Z]\w*)/).map { String($0.output.1) }
                if let name { documented[name] = [] }
            } else if let name, let field = line.firstMatch(of: /^\| `(\w+)` \|/) {
                documented[name]!.append(String(field.output.1))
            }
        }
        var contracted: [String: [String]] = [:]
        for message in contract.matches(of: /message (\w+) \{([^}]*)\}/) {
            guard !message.output.1.hasSuffix("Frame") else { continue }
            contracted[String(message.output.1)] = message.output.2
                .matches(of: /(\w+) = \d+;/).map { String($0.output.1) }
        }
        #expect(contracted.count == 56)
        #expect(documented == contracted)
    }

    /// "### `post` (Post → `posted`)" is the name in a frame, the message, and the name of a reply.
    @Test func everyAlternativeIsExplained() {
        func names(under section: Substring) -> Set<String> {
            Set(lines.drop { $0 != section }.dropFirst().prefix { !$0.hasPrefix("## ") }
                .compactMap { $0.firstMatch(of: /^### `(\w+)`/).map { String($0.output.1) } })
        }
        func alternatives(_ samples: [String]) -> Set<String> {
            Set(samples.map { String($0.prefix { $0 != "-" }) })
        }
        #expect(names(under: "## 7 Commands") == alternatives(Samples.client.map(\.name)))
        #expect(names(under: "## 8 Replies")
            == alternatives(Samples.server.filter { $0.frame.id != 0 }.map(\.name)))
        #expect(names(under: "## 9 Pushes")
            == alternatives(Samples.server.filter { $0.frame.id == 0 }.map(\.name)))
    }

    @Test func limits() {
        let rows = table(under: "## 13 Limits").map { "\($0[0]): \($0[1])" }
        let limits = Limits()
        func grouped(_ number: UInt32) -> String {
            number < 1_000 ? "\(number)" : "\(number / 1_000),\("\(1_000 + number % 1_000)".dropFirst())"
        }
        for row in [
            "Frames in one message to the hub: \(DecodeLimits.framesMax)",
            "Levels of nesting: \(DecodeLimits.depthMax)",
            "Entries of a list in a command: \(DecodeLimits.entriesMax)",
            "Text of a message: \(grouped(limits.textBytesMax)) bytes (`text_bytes_max`)",
            "Text of a broadcast: \(grouped(SendBroadcast.textBytesMax)) bytes",
            "Unanswered commands: \(limits.commandsInFlightMax) (`commands_in_flight_max`)",
            "Subscriptions of a connection: \(limits.subscriptionsMax) (`subscriptions_max`)",
            "Events replayed to a subscription: \(grouped(limits.replayEventsMax)) "
                + "(`replay_events_max`) of the last 24 h",
            "Events of a history page: \(limits.historyEventsMax) (`history_events_max`)",
        ] {
            #expect(rows.contains(row))
        }
        #expect(limits.frameBytesMax == 1 << 20)
    }

    /// Every line of a transcript is a frame, and each command of it is answered.
    @Test func examples() throws {
        var open: Set<UInt32> = []
        var count = 0
        for line in lines {
            if line.hasPrefix("> {") {
                let frame = try #require(clientFrames(Array(line.dropFirst(2).utf8), .json).first)
                open.insert(try frame.get().id)
                count += 1
            } else if line.hasPrefix("< {") {
                let frame = try #require(
                    serverFrames(Array(line.dropFirst(2).utf8), .json).first, "\(line)").get()
                if frame.id != 0 { #expect(open.remove(frame.id) != nil, "\(line)") }
                count += 1
            }
        }
        #expect(open.isEmpty)
        #expect(count == 14)

        var ping: [UInt8] = []
        ProtocolCodec.append(ClientFrame(id: 3, command: .ping(Ping())), .proto, to: &ping)
        #expect(lines.contains(hexadecimal(ping, separator: " ")))
    }

    /// The cells of the rows up to the next heading of the same depth.
    private func table(under heading: Substring) -> [[String]] {
        lines.drop { $0 != heading }.dropFirst().prefix { !$0.hasPrefix("## ") }
            .filter { $0.hasPrefix("| ") }
            .map { row in
                row.split(separator: "|").map { cell in
                    String(cell.dropFirst().dropLast())
                }
            }
    }
}
