// Clients on threads of their own that come back whenever their connection ends: one posts, one follows.

import Foundation
import Testing

/// Waits until it holds; fails after five minutes, which only a hang takes.
func waitUntil(_ isDone: () throws -> Bool) throws {
    let end = Date(timeIntervalSinceNow: 300)
    while try !isDone() {
        guard Date() < end else { throw DeadlinePassed() }
        poll(nil, 0, 5)
    }
}

class Resuming: @unchecked Sendable {
    // SAFETY: all that changes is read and written under `lock`.
    let company: Company
    private let port: @Sendable () -> Int
    private let token: String
    private let lock = NSLock()
    private let ended = DispatchSemaphore(value: 0)
    private var isFinishing = false
    private var sentAway = 0
    private var cutOff = 0
    private var wrong: [String] = []

    init(_ company: Company, isOwner: Bool, port: @escaping @Sendable () -> Int) {
        self.company = company
        self.port = port
        token = isOwner ? company.owner : company.member
    }

    func locked<Result>(_ body: () -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }

    /// How often it was told to come back, and how often a welcomed connection just ended.
    var timesSentAway: Int { locked { sentAway } }
    var timesCutOff: Int { locked { cutOff } }
    var problems: [String] { locked { wrong } }
    var mayEnd: Bool { locked { isFinishing } }
    func problem(_ text: String) { locked { wrong.append(text) } }

    func start() {
        Thread { [self] in
            while !isDone { connect() }
            ended.signal()
        }.start()
    }

    func letEnd() { locked { isFinishing = true } }

    /// Lets it come to its end, and waits for that.
    func finish() {
        letEnd()
        if ended.wait(timeout: .now() + 300) == .timedOut { problem("does not end") }
    }

    private func connect() {
        guard let client = try? ProtocolClient(port: port(), token: token) else {
            poll(nil, 0, 10)
            return
        }
        do {
            try use(client)
        } catch is DeadlinePassed {
            if !isDone { problem("no answer") }
        } catch {
            // What the hub said last is read to the end, also behind a failed write.
            if client.closeCode == nil { _ = try? client.readToClose() }
            locked { if client.closeCode == 4000 { sentAway += 1 } else { cutOff += 1 } }
            let closing = client.pushes.compactMap { $0["closing"] as? [String: Any] }.last
            let wait = closing?["retry_after_ms"] as? Int ?? -1
            if client.closeCode == 4000, !(100...1_000 ~= wait) { problem("retry after \(wait)") }
            // As the SDK does, in a tenth of the time.
            poll(nil, 0, Int32(max(0, wait) / 10))
        }
    }

    // What kinds differ in.
    var isDone: Bool { mayEnd }
    func use(_ client: ProtocolClient) throws {}
}

/// Posts `name-1`, `name-2`, …, some at a time, and those without an answer again.
final class Poster: Resuming, @unchecked Sendable {
    // SAFETY: as above.
    let name: String
    private var answered: Set<Int> = []
    private var refused: Set<Int> = []
    private var acknowledgedCount = 0
    private var sent = 0
    private static let unansweredMax = 4

    init(_ name: String, _ company: Company, port: @escaping @Sendable () -> Int) {
        self.name = name
        super.init(company, isOwner: true, port: port)
    }

    /// All up to this one.
    var acknowledged: Int { locked { acknowledgedCount } }
    /// Those that had to be sent again behind later ones, because the hub was asked too much at once.
    var postponements: Set<Int> { locked { refused } }
    override var isDone: Bool { mayEnd && locked { acknowledgedCount == sent } }

    private func took(_ number: Int) {
        let early = locked {
            defer {
                answered.insert(number)
                while answered.contains(acknowledgedCount + 1) { acknowledgedCount += 1 }
            }
            return (1..<max(number, 1)).first {
                $0 > acknowledgedCount && !answered.contains($0) && !refused.contains($0)
            }
        }
        if let early { problem("\(number) was answered before \(early)") }
    }

    override func use(_ client: ProtocolClient) throws {
        var waiting: [Int: Int] = [:]
        var next = acknowledged + 1
        while !isDone {
            while waiting.count < Self.unansweredMax, !mayEnd || next <= locked({ sent }) {
                locked { sent = max(sent, next) }
                waiting[try client.send(company.post("\(name)-\(next)"))] = next
                next += 1
            }
            let frame = try client.follow()
            guard let id = frame["id"] as? Int, let number = waiting.removeValue(forKey: id) else { continue }
            if let wait = postponed(frame) {
                locked { _ = refused.insert(number) }
                poll(nil, 0, wait)
                waiting[try client.send(company.post("\(name)-\(number)"))] = number
                continue
            }
            if position(frame) == nil { problem("\(frame)") }
            took(number)
        }
    }
}

/// Reads the channel from where it was.
final class Follower: Resuming, @unchecked Sendable {
    // SAFETY: as above.
    private var events: [(sequence: Int, text: String)] = []

    init(_ company: Company, port: @escaping @Sendable () -> Int, isOwner: Bool) {
        super.init(company, isOwner: isOwner, port: port)
    }

    var seen: [(sequence: Int, text: String)] { locked { events } }

    override func use(_ client: ProtocolClient) throws {
        try client.send(company.subscribe(after: seen.last?.sequence ?? 0))
        while !isDone {
            let frame = try client.follow()
            if let wait = postponed(frame) {
                poll(nil, 0, wait)
                try client.send(company.subscribe(after: seen.last?.sequence ?? 0))
            }
            if let subscribed = frame["subscribed"] as? [String: Any], subscribed["gap"] != nil {
                problem("a gap: \(subscribed)")
            }
            for event in (frame["events"] as? [String: Any])?["events"] as? [[String: Any]] ?? [] {
                let sequence = (event["sequence"] as? String).flatMap { Int($0) } ?? -1
                locked { events.append((sequence, event["text"] as? String ?? "")) }
            }
        }
    }
}
