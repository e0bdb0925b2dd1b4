// The commands of docs/hub.v1.proto, field by field, and which number each has in a frame.

package import Model

extension Command: FrameBody {
    package static func read<R: FieldReader>(
        _ body: inout Command?, from reader: inout R
    ) throws(DecodeError) {
        try reader.alternative(2, "hello", &body) { (m: Hello) in .hello(m) }
        try reader.alternative(3, "refresh", &body) { (m: Refresh) in .refresh(m) }
        try reader.alternative(4, "ping", &body) { (m: Ping) in .ping(m) }
        try reader.alternative(5, "subscribe", &body) { (m: Subscribe) in .subscribe(m) }
        try reader.alternative(6, "unsubscribe", &body) { (m: Unsubscribe) in .unsubscribe(m) }
        try reader.alternative(7, "post", &body) { (m: Post) in .post(m) }
        try reader.alternative(8, "history", &body) { (m: History) in .history(m) }
        try reader.alternative(9, "typing", &body) { (m: Typing) in .typing(m) }
        try reader.alternative(10, "presence", &body) { (m: SetPresence) in .presence(m) }
        try reader.alternative(11, "watch_presence", &body) { (m: WatchPresence) in
            .watchPresence(m)
        }
        try reader.alternative(12, "list_channels", &body) { (m: ListChannels) in .listChannels(m) }
        try reader.alternative(13, "create_channel", &body) { (m: CreateChannel) in
            .createChannel(m)
        }
        try reader.alternative(14, "open_direct", &body) { (m: OpenDirect) in .openDirect(m) }
        try reader.alternative(15, "join", &body) { (m: Join) in .join(m) }
        try reader.alternative(16, "leave", &body) { (m: Leave) in .leave(m) }
        try reader.alternative(17, "add_member", &body) { (m: AddMember) in .addMember(m) }
        try reader.alternative(18, "list_members", &body) { (m: ListMembers) in .listMembers(m) }
        try reader.alternative(19, "mark_read", &body) { (m: MarkRead) in .markRead(m) }
        try reader.alternative(20, "list_people", &body) { (m: ListPeople) in .listPeople(m) }
        try reader.alternative(21, "edit", &body) { (m: Edit) in .edit(m) }
        try reader.alternative(22, "remove_member", &body) { (m: RemoveMember) in .removeMember(m) }
        try reader.alternative(23, "change_role", &body) { (m: ChangeRole) in .changeRole(m) }
        try reader.alternative(24, "remove_person", &body) { (m: RemovePerson) in .removePerson(m) }
        try reader.alternative(25, "broadcast", &body) { (m: SendBroadcast) in .broadcast(m) }
    }

    package func write<W: FieldWriter>(to writer: inout W) {
        switch self {
        case .hello(let m): writer.alternative(2, "hello", m)
        case .refresh(let m): writer.alternative(3, "refresh", m)
        case .ping(let m): writer.alternative(4, "ping", m)
        case .subscribe(let m): writer.alternative(5, "subscribe", m)
        case .unsubscribe(let m): writer.alternative(6, "unsubscribe", m)
        case .post(let m): writer.alternative(7, "post", m)
        case .history(let m): writer.alternative(8, "history", m)
        case .typing(let m): writer.alternative(9, "typing", m)
        case .presence(let m): writer.alternative(10, "presence", m)
        case .watchPresence(let m): writer.alternative(11, "watch_presence", m)
        case .listChannels(let m): writer.alternative(12, "list_channels", m)
        case .createChannel(let m): writer.alternative(13, "create_channel", m)
        case .openDirect(let m): writer.alternative(14, "open_direct", m)
        case .join(let m): writer.alternative(15, "join", m)
        case .leave(let m): writer.alternative(16, "leave", m)
        case .addMember(let m): writer.alternative(17, "add_member", m)
        case .listMembers(let m): writer.alternative(18, "list_members", m)
        case .markRead(let m): writer.alternative(19, "mark_read", m)
        case .listPeople(let m): writer.alternative(20, "list_people", m)
        case .edit(let m): writer.alternative(21, "edit", m)
        case .removeMember(let m): writer.alternative(22, "remove_member", m)
        case .changeRole(let m): writer.alternative(23, "change_role", m)
        case .removePerson(let m): writer.alternative(24, "remove_person", m)
        case .broadcast(let m): writer.alternative(25, "broadcast", m)
        }
    }
}

extension Hello: WireMessage {
    package static var blank: Hello { Hello(token: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "token", &token)
        try visitor.list(2, "capabilities", &capabilities)
        try visitor.field(3, "agent", &agent)
    }
}

extension Refresh: WireMessage {
    package static var blank: Refresh { Refresh(token: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "token", &token)
    }
}

extension Ping: WireMessage {
    package static var blank: Ping { Ping() }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {}
}

extension Subscribe: WireMessage {
    package static var blank: Subscribe { Subscribe(channel: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.optional(2, "after", &after)
    }
}

extension Unsubscribe: WireMessage {
    package static var blank: Unsubscribe { Unsubscribe(channel: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
    }
}

extension Post: WireMessage {
    package static var blank: Post { Post(channel: .blank, key: "", text: "") }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "key", &key)
        try visitor.field(3, "text", &text)
    }
}

extension History: WireMessage {
    package static var blank: History { History(channel: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "before", &before)
        try visitor.optional(3, "after", &after)
        try visitor.field(4, "limit", &limit)
    }
}

extension Typing: WireMessage {
    package static var blank: Typing { Typing(channel: .blank, active: false) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "active", &active)
    }
}

extension SetPresence: WireMessage {
    package static var blank: SetPresence { SetPresence(state: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "state", &state)
    }
}

extension WatchPresence: WireMessage {
    package static var blank: WatchPresence { WatchPresence(active: false) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "active", &active)
        try visitor.field(2, "after", &after)
        try visitor.field(3, "limit", &limit)
    }
}

extension ListChannels: WireMessage {
    package static var blank: ListChannels { ListChannels() }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "after", &after)
        try visitor.field(2, "limit", &limit)
    }
}

extension CreateChannel: WireMessage {
    package static var blank: CreateChannel { CreateChannel(name: "", kind: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "name", &name)
        try visitor.field(2, "topic", &topic)
        try visitor.field(3, "kind", &kind)
    }
}

extension OpenDirect: WireMessage {
    package static var blank: OpenDirect { OpenDirect(account: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "account", &account)
    }
}

extension Join: WireMessage {
    package static var blank: Join { Join(channel: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
    }
}

extension Leave: WireMessage {
    package static var blank: Leave { Leave(channel: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
    }
}

extension AddMember: WireMessage {
    package static var blank: AddMember { AddMember(channel: .blank, account: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "account", &account)
    }
}

extension ListMembers: WireMessage {
    package static var blank: ListMembers { ListMembers(channel: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "after", &after)
        try visitor.field(3, "limit", &limit)
    }
}

extension MarkRead: WireMessage {
    package static var blank: MarkRead { MarkRead(channel: .blank, sequence: 0) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "sequence", &sequence)
    }
}

extension ListPeople: WireMessage {
    package static var blank: ListPeople { ListPeople() }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "after", &after)
        try visitor.field(2, "limit", &limit)
    }
}

extension Edit: WireMessage {
    package static var blank: Edit { Edit(channel: .blank, key: "", target: 0, text: "") }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "key", &key)
        try visitor.field(3, "target", &target)
        try visitor.field(4, "text", &text)
    }
}

extension RemoveMember: WireMessage {
    package static var blank: RemoveMember { RemoveMember(channel: .blank, account: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "account", &account)
    }
}

extension ChangeRole: WireMessage {
    package static var blank: ChangeRole { ChangeRole(account: .blank, role: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "account", &account)
        try visitor.field(2, "role", &role)
    }
}

extension RemovePerson: WireMessage {
    package static var blank: RemovePerson { RemovePerson(account: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "account", &account)
    }
}

extension SendBroadcast: WireMessage {
    package static var blank: SendBroadcast { SendBroadcast(channel: .blank, text: "") }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "channel", &channel)
        try visitor.field(2, "text", &text)
    }
}
