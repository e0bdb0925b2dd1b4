// Bounds of what a command may say, checked before any actor sees it. Every text that a client sends has a limit in
// bytes here (or, for tokens, in the verifier): a character may have as many marks, and so bytes, as one likes.

package import Model

package enum ArgumentRule {
    package static let keyBytesMax = 64
    package static let nameCharactersMax = 80
    package static let nameBytesMax = 320
    package static let topicCharactersMax = 250
    package static let topicBytesMax = 1_000
    package static let agentBytesMax = 64
    /// Names of optional features are short.
    package static let capabilityBytesMax = 64

    /// The error of a command whose arguments are out of bounds, or `nil`.
    package static func check(_ command: Command, _ limits: Limits) -> ErrorReply? {
        switch command {
        case .hello(let hello):
            return checkBytes(hello.agent, field: "agent", max: agentBytesMax)
                ?? hello.capabilities.lazy.compactMap {
                    checkBytes($0, field: "capabilities", max: capabilityBytesMax)
                }.first
        case .post(let post):
            return checkKey(post.key) ?? checkText(post.text, max: limits.textBytesMax)
        case .edit(let edit):
            return checkKey(edit.key) ?? checkTarget(edit.target)
                ?? checkText(edit.text, max: limits.textBytesMax)
        case .broadcast(let broadcast):
            return checkText(broadcast.text, max: SendBroadcast.textBytesMax)
        case .history(let page):
            if page.limit > limits.historyEventsMax {
                return outOfBounds("limit", limit: Int(limits.historyEventsMax), have: Int(page.limit))
            }
            if page.after != nil, page.before != 0 {
                return ErrorReply(.invalidArgument, "Ask for events before or after, not both.",
                                  details: [Detail("field", "after")])
            }
            return nil
        case .createChannel(let channel):
            if channel.kind == .direct {
                return ErrorReply(.invalidArgument, "Direct conversations are opened, not created.",
                                  details: [Detail("field", "kind")])
            }
            return checkName(channel.name)
                ?? checkTopic(channel.topic)
        case .presence(let presence):
            if presence.state == .offline {
                return ErrorReply(.invalidArgument, "A session can be online or away.",
                                  details: [Detail("field", "state")])
            }
            return nil
        case .listChannels(let list):
            return checkPage(list.limit, hasPlace: list.after.isEmpty || ChannelCursor(list.after) != nil)
        case .listPeople(let list): return checkPage(list.limit, after: list.after)
        case .listMembers(let list): return checkPage(list.limit, after: list.after)
        case .watchPresence(let list): return checkPage(list.limit, after: list.after)
        case .refresh, .ping, .subscribe, .unsubscribe, .typing, .openDirect, .join, .leave, .addMember,
             .markRead, .removeMember, .changeRole, .removePerson:
            return nil
        }
    }

    /// Of a list of accounts.
    private static func checkPage(_ limit: UInt32, after: String) -> ErrorReply? {
        checkPage(limit, hasPlace: after.isEmpty || AccountID(after) != nil)
    }

    /// - Parameter hasPlace: `after` is empty, or what an earlier page has as `next`.
    private static func checkPage(_ limit: UInt32, hasPlace: Bool) -> ErrorReply? {
        if limit > UInt32(PageRule.entriesMax) {
            return outOfBounds("limit", limit: PageRule.entriesMax, have: Int(limit))
        }
        guard hasPlace else {
            return ErrorReply(.invalidArgument, "There is no such place in the list.",
                              details: [Detail("field", "after")])
        }
        return nil
    }

    private static func checkKey(_ key: IdempotencyKey) -> ErrorReply? {
        let bytes = key.utf8.count
        if bytes == 0 || bytes > keyBytesMax {
            return outOfBounds("key", limit: keyBytesMax, have: bytes)
        }
        return checkControls(key.text, field: "key")
    }

    /// Sequences count from 1.
    private static func checkTarget(_ target: UInt64) -> ErrorReply? {
        guard target == 0 else { return nil }
        return ErrorReply(.invalidArgument, "An edit names the sequence of a message.",
                          details: [Detail("field", "target")])
    }

    private static func checkText(_ text: String, max: UInt32) -> ErrorReply? {
        let bytes = text.utf8.count
        if bytes == 0 {
            return ErrorReply(.invalidArgument, "A text has at least one character.",
                              details: [Detail("field", "text")])
        }
        guard bytes > Int(max) else { return nil }
        return ErrorReply(.tooLarge, "The text is too long.", details: [
            Detail("field", "text"), Detail("limit", "\(max)"), Detail("have", "\(bytes)"),
        ])
    }

    private static func checkName(_ name: String) -> ErrorReply? {
        if let error = checkLength(name, field: "name", bytes: nameBytesMax, characters: nameCharactersMax) {
            return error
        }
        switch DisplayLine.fault(inName: name) {
        case nil: return nil
        case .control: return control("name")
        case .invisible, .padded:
            return ErrorReply(.invalidArgument, "A channel needs a name that can be seen, without spaces at its ends.",
                              details: [Detail("field", "name")])
        }
    }

    private static func checkTopic(_ topic: String) -> ErrorReply? {
        if let error = checkLength(topic, field: "topic", bytes: topicBytesMax, characters: topicCharactersMax) {
            return error
        }
        return DisplayLine.fault(inTopic: topic) == nil ? nil : control("topic")
    }

    /// Bytes first: to count characters is work for each byte.
    private static func checkLength(_ text: String, field: String, bytes: Int, characters: Int) -> ErrorReply? {
        if let error = checkBytes(text, field: field, max: bytes) { return error }
        return text.count > characters ? outOfBounds(field, limit: characters, have: text.count) : nil
    }

    private static func checkBytes(_ text: String, field: String, max: Int) -> ErrorReply? {
        let bytes = text.utf8.count
        return bytes > max ? outOfBounds(field, limit: max, have: bytes) : nil
    }

    /// Bytes of characters beyond ASCII are all above these.
    private static func checkControls(_ text: String, field: String) -> ErrorReply? {
        var text = text
        if text.withUTF8({ $0.contains { $0 < 0x20 || $0 == 0x7F } }) {
            return control(field)
        }
        return nil
    }

    private static func control(_ field: String) -> ErrorReply {
        ErrorReply(.invalidArgument, "Control characters are not allowed here.", details: [Detail("field", field)])
    }

    private static func outOfBounds(_ field: String, limit: Int, have: Int) -> ErrorReply {
        ErrorReply(.invalidArgument, "Out of bounds.", details: [
            Detail("field", field), Detail("limit", "\(limit)"), Detail("have", "\(have)"),
        ])
    }
}
