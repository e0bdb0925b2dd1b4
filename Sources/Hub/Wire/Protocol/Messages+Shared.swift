// The messages of docs/hub.v1.proto that others are made of.

package import Model

extension Position: WireMessage {
    package static var blank: Position { Position(epoch: 0, sequence: 0) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "epoch", &epoch)
        try visitor.field(2, "sequence", &sequence)
    }
}

extension Event: WireMessage {
    package static var blank: Event {
        Event(sequence: 0, id: .blank, kind: .blank, sender: .blank, at: .blank, key: "", text: "")
    }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "sequence", &sequence)
        try visitor.field(2, "id", &id)
        try visitor.field(3, "kind", &kind)
        try visitor.field(4, "sender", &sender)
        try visitor.optional(5, "subject", &subject)
        try visitor.field(6, "at_ms", &at)
        try visitor.field(7, "key", &key)
        try visitor.field(8, "text", &text)
        try visitor.optional(9, "target", &target)
    }
}

extension ChannelSummary: WireMessage {
    package static var blank: ChannelSummary {
        ChannelSummary(id: .blank, kind: .blank, name: "", topic: "", head: .blank, joined: false,
                       read: 0, parties: [])
    }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "id", &id)
        try visitor.field(2, "kind", &kind)
        try visitor.field(3, "name", &name)
        try visitor.field(4, "topic", &topic)
        try visitor.field(5, "head", &head)
        try visitor.field(6, "joined", &joined)
        try visitor.field(7, "read", &read)
        try visitor.list(8, "parties", &parties)
    }
}

extension Presence: WireMessage {
    package static var blank: Presence { Presence(account: .blank, state: .blank) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "account", &account)
        try visitor.field(2, "state", &state)
    }
}

extension Person: WireMessage {
    package static var blank: Person {
        Person(account: .blank, firstName: "", lastName: "", role: .blank)
    }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "account", &account)
        try visitor.field(2, "first_name", &firstName)
        try visitor.field(3, "last_name", &lastName)
        try visitor.field(4, "role", &role)
    }
}

extension Gap: WireMessage {
    package static var blank: Gap { Gap(from: 0, to: 0) }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "from", &from)
        try visitor.field(2, "to", &to)
    }
}

extension Limits: WireMessage {
    package static var blank: Limits {
        Limits(frameBytesMax: 0, textBytesMax: 0, subscriptionsMax: 0, commandsInFlightMax: 0,
               replayEventsMax: 0, historyEventsMax: 0)
    }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "frame_bytes_max", &frameBytesMax)
        try visitor.field(2, "text_bytes_max", &textBytesMax)
        try visitor.field(3, "subscriptions_max", &subscriptionsMax)
        try visitor.field(4, "commands_in_flight_max", &commandsInFlightMax)
        try visitor.field(5, "replay_events_max", &replayEventsMax)
        try visitor.field(6, "history_events_max", &historyEventsMax)
    }
}

extension Detail: WireMessage {
    package static var blank: Detail { Detail("", "") }
    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) throws(V.Failure) {
        try visitor.field(1, "name", &name)
        try visitor.field(2, "value", &value)
    }
}
