// Frames in few words, for the trace.

import Model

extension ClientFrame {
    var summary: String { "#\(id) \(command.summary)" }
}

extension Command {
    var summary: String {
        switch self {
        case .hello: "hello"
        case .post(let it): "post \(it.key) to \(it.channel.short)"
        case .edit(let it): "edit \(it.key) of \(it.target) in \(it.channel.short)"
        case .subscribe(let it): "subscribe \(it.channel.short) after \(it.after?.short ?? "-")"
        case .unsubscribe(let it): "unsubscribe \(it.channel.short)"
        case .history(let it):
            "history \(it.channel.short) before \(it.before) after \(it.after.map(String.init) ?? "-") "
                + "limit \(it.limit)"
        case .join(let it): "join \(it.channel.short)"
        case .leave(let it): "leave \(it.channel.short)"
        case .addMember(let it): "addMember \(it.account.short) to \(it.channel.short)"
        case .removeMember(let it): "removeMember \(it.account.short) of \(it.channel.short)"
        case .changeRole(let it): "changeRole \(it.account.short) to \(it.role.name)"
        case .removePerson(let it): "removePerson \(it.account.short)"
        case .markRead(let it): "markRead \(it.channel.short) \(it.sequence)"
        case .createChannel(let it): "createChannel \(it.name)"
        default: Self.word(self)
        }
    }

    /// The name of the case alone.
    private static func word(_ value: Any) -> String {
        "\(Mirror(reflecting: value).children.first?.label ?? "?")"
    }
}

extension ServerFrame {
    var summary: String { id == 0 ? body.summary : "#\(id) \(body.summary)" }
}

extension ServerBody {
    var summary: String {
        switch self {
        case .error(let it): "error \(it.code.slug)"
        case .subscribed(let it):
            "subscribed \(it.channel.short) from \(it.from.short) head \(it.head.short)"
                + (it.gap.map { " gap \($0.from)...\($0.to)" } ?? "")
        case .posted(let it): "posted \(it.channel.short) \(it.position.short)\(it.duplicate ? " again" : "")"
        case .historyPage(let it): "history \(it.channel.short) \(it.events.summary)\(it.more ? " more" : "")"
        case .events(let it): "events \(it.channel.short) \(it.events.summary)"
        case .channelAdded(let it): "channelAdded \(it.channel.id.short)"
        case .subscriptionEnded(let it): "subscriptionEnded \(it.channel.short) \(it.code.slug)"
        case .closing(let it): "closing \(it.code.slug)"
        default: Mirror(reflecting: self).children.first?.label ?? "?"
        }
    }
}

extension [Event] {
    fileprivate var summary: String {
        map { event in
            switch event.kind {
            case .message: "\(event.sequence)"
            case .edited: "\(event.sequence) of \(event.target ?? 0)"
            default: "\(event.sequence):\(event.kind) \(event.subject?.short ?? "")"
            }
        }.joined(separator: ",")
    }
}

extension Position {
    var short: String { "\(epoch):\(sequence)" }
}

extension ID {
    /// Enough to tell them apart in one world.
    var short: String { String(description.suffix(5)) }
}
