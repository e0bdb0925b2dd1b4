// One frame of every kind, with every field set, and the variants worth having: what the round-trip
// tests, the golden samples and the comparison with protobuf's own implementation are made from.
// The first word of a name is the name of the frame's alternative in docs/hub.v1.proto.

import Model
import Testing

struct Sample<Frame: Sendable>: Sendable, CustomTestStringConvertible {
    let name: String
    let frame: Frame
    init(_ name: String, _ frame: Frame) {
        self.name = name
        self.frame = frame
    }
    var testDescription: String { name }
}

enum Samples {
    static let channel = ChannelID("0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2b3")!
    static let direct = ChannelID("0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2b4")!
    static let ada = AccountID("0192f0a0-0000-7001-8000-000000000a0a")!
    static let grace = AccountID("0192f0a0-0000-7002-8000-000000000b0b")!
    static let organisation = OrganisationID("0192f09f-ffff-7fff-bfff-ffffffffffff")!
    static let session = SessionID("0192f0d0-1111-7222-8333-444455556666")!
    static let token = AccessToken("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJleGFtcGxlIn0.c2lnbmF0dXJl")
    static let now = UnixMilliseconds(1_767_225_600_123)

    static let message = Event(
        sequence: 42, id: EventID("0192f0d2-0000-7042-8000-0000000000aa")!, kind: .message, sender: ada,
        at: now, key: "k-7f3a", text: "Grüße, 世界 👋\n\t\"quoted\" \\ back\u{1}slash \u{7F}\u{2028}</script>")
    static let joined = Event(
        sequence: 43, id: EventID("0192f0d2-0000-7043-8000-0000000000ab")!, kind: .joined, sender: ada,
        subject: grace, at: now, key: "", text: "")
    static let left = Event(
        sequence: UInt64.max, id: EventID("0192f0d2-0000-7044-8000-0000000000ac")!, kind: .left,
        sender: grace, subject: grace, at: UnixMilliseconds(.max), key: "", text: "")

    static let edited = Event(
        sequence: 44, id: EventID("0192f0d2-0000-7045-8000-0000000000ad")!, kind: .edited, sender: ada,
        at: now, key: "k-7f3b", text: "Grüße, 世界", target: 42)

    static let summary = ChannelSummary(
        id: channel, kind: .closed, name: "launch", topic: "Ship it on Friday",
        head: Position(epoch: 1, sequence: 44), joined: true, read: 40, parties: [])
    static let directSummary = ChannelSummary(
        id: direct, kind: .direct, name: "", topic: "", head: Position(epoch: 1, sequence: 0),
        joined: true, read: 0, parties: [ada, grace])

    static let client: [Sample<ClientFrame>] = [
        .init("hello", ClientFrame(id: 1, command: .hello(Hello(
            token: token, capabilities: ["threads", "reactions"], agent: "example/1.0")))),
        .init("hello-least", ClientFrame(id: 1, command: .hello(Hello(token: token)))),
        .init("refresh", ClientFrame(id: 2, command: .refresh(Refresh(token: token)))),
        .init("ping", ClientFrame(id: 3, command: .ping(Ping()))),
        .init("subscribe", ClientFrame(id: 4, command: .subscribe(Subscribe(
            channel: channel, after: Position(epoch: 1, sequence: 41))))),
        .init("subscribe-start", ClientFrame(id: 4, command: .subscribe(Subscribe(
            channel: channel, after: Position(epoch: 1, sequence: 0))))),
        .init("subscribe-live", ClientFrame(id: 4, command: .subscribe(Subscribe(channel: channel)))),
        .init("unsubscribe", ClientFrame(id: 5, command: .unsubscribe(Unsubscribe(channel: channel)))),
        .init("post", ClientFrame(id: 6, command: .post(Post(
            channel: channel, key: "k-7f3a", text: message.text)))),
        .init("history", ClientFrame(id: 7, command: .history(History(
            channel: channel, before: 1 << 53 + 1, limit: 200)))),
        .init("history-after", ClientFrame(id: 7, command: .history(History(
            channel: channel, after: 0)))),
        .init("typing", ClientFrame(id: 8, command: .typing(Typing(channel: channel, active: true)))),
        .init("typing-stopped", ClientFrame(id: 8, command: .typing(Typing(
            channel: channel, active: false)))),
        .init("presence", ClientFrame(id: 9, command: .presence(SetPresence(state: .away)))),
        .init("watch_presence", ClientFrame(id: 10, command: .watchPresence(WatchPresence(
            active: true)))),
        .init("watch_presence-page", ClientFrame(id: 10, command: .watchPresence(WatchPresence(
            active: true, after: grace.description, limit: 1_000)))),
        .init("list_channels", ClientFrame(id: 11, command: .listChannels(ListChannels()))),
        .init("list_channels-page", ClientFrame(id: 11, command: .listChannels(ListChannels(
            after: ChannelCursor.joined(channel).text, limit: 100)))),
        .init("create_channel", ClientFrame(id: 12, command: .createChannel(CreateChannel(
            name: "launch", topic: "Ship it on Friday", kind: .closed)))),
        .init("open_direct", ClientFrame(id: 13, command: .openDirect(OpenDirect(account: grace)))),
        .init("join", ClientFrame(id: 14, command: .join(Join(channel: channel)))),
        .init("leave", ClientFrame(id: 15, command: .leave(Leave(channel: channel)))),
        .init("add_member", ClientFrame(id: 16, command: .addMember(AddMember(
            channel: channel, account: grace)))),
        .init("list_members", ClientFrame(id: 17, command: .listMembers(ListMembers(
            channel: channel)))),
        .init("list_members-page", ClientFrame(id: 17, command: .listMembers(ListMembers(
            channel: channel, after: grace.description, limit: 2)))),
        .init("list_people-page", ClientFrame(id: 18, command: .listPeople(ListPeople(
            after: grace.description, limit: 1)))),
        .init("mark_read", ClientFrame(id: 18, command: .markRead(MarkRead(
            channel: channel, sequence: 44)))),
        .init("list_people", ClientFrame(id: 2_147_483_647, command: .listPeople(ListPeople()))),
        .init("edit", ClientFrame(id: 19, command: .edit(Edit(
            channel: channel, key: "k-7f3b", target: 1 << 53 + 1, text: edited.text)))),
        .init("remove_member", ClientFrame(id: 20, command: .removeMember(RemoveMember(
            channel: channel, account: grace)))),
        .init("change_role", ClientFrame(id: 21, command: .changeRole(ChangeRole(
            account: grace, role: .admin)))),
        .init("remove_person", ClientFrame(id: 22, command: .removePerson(RemovePerson(
            account: grace)))),
        .init("broadcast", ClientFrame(id: 23, command: .broadcast(SendBroadcast(
            channel: channel, text: #"{"cursor":[12,7]}"#)))),
    ]

    static let server: [Sample<ServerFrame>] = replies + pushes

    private static let replies: [Sample<ServerFrame>] = [
        .init("error", ServerFrame(id: 6, body: .error(ErrorReply(
            .rateLimited, "too many messages", retryAfterMilliseconds: 1_500,
            details: [Detail("limit", "20"), Detail("have", "21")])))),
        .init("error-final", ServerFrame(id: 6, body: .error(ErrorReply(.forbidden, "not yours")))),
        .init("welcome", ServerFrame(id: 1, body: .welcome(Welcome(
            session: session, account: ada, organisation: organisation, role: .owner,
            heartbeatMilliseconds: 25_000, tokenExpiresAt: now.adding(milliseconds: 900_000),
            serverTime: now, capabilities: ["threads"], limits: Limits())))),
        .init("refreshed", ServerFrame(id: 2, body: .refreshed(Refreshed(
            tokenExpiresAt: now.adding(milliseconds: 900_000))))),
        .init("pong", ServerFrame(id: 3, body: .pong(Pong(serverTime: now)))),
        .init("done", ServerFrame(id: 5, body: .done(Done()))),
        .init("subscribed", ServerFrame(id: 4, body: .subscribed(Subscribed(
            channel: channel, from: Position(epoch: 1, sequence: 41),
            head: Position(epoch: 1, sequence: 44))))),
        .init("subscribed-gap", ServerFrame(id: 4, body: .subscribed(Subscribed(
            channel: channel, from: Position(epoch: 1, sequence: 4_000),
            head: Position(epoch: 1, sequence: 5_000), gap: Gap(from: 42, to: 4_000))))),
        .init("posted", ServerFrame(id: 6, body: .posted(Posted(
            channel: channel, position: Position(epoch: 1, sequence: 42), event: message.id, at: now,
            duplicate: false)))),
        .init("posted-again", ServerFrame(id: 6, body: .posted(Posted(
            channel: channel, position: Position(epoch: 1, sequence: 42), event: message.id, at: now,
            duplicate: true)))),
        .init("history_page", ServerFrame(id: 7, body: .historyPage(HistoryPage(
            channel: channel, epoch: 1, events: [message, joined, edited, left], more: true)))),
        .init("history_page-empty", ServerFrame(id: 7, body: .historyPage(HistoryPage(
            channel: channel, epoch: 1, events: [], more: false)))),
        .init("presence_list", ServerFrame(id: 10, body: .presenceList(PresenceList(
            present: [Presence(account: ada, state: .online), Presence(account: grace, state: .away)])))),
        .init("channel_list", ServerFrame(id: 11, body: .channelList(ChannelList(
            channels: [summary, directSummary])))),
        .init("channel_list-page", ServerFrame(id: 11, body: .channelList(ChannelList(
            channels: [summary], next: ChannelCursor.open(summary.id).text)))),
        .init("presence_list-page", ServerFrame(id: 10, body: .presenceList(PresenceList(
            present: [Presence(account: ada, state: .online)], next: ada.description)))),
        .init("member_list-page", ServerFrame(id: 17, body: .memberList(MemberList(
            channel: channel, accounts: [ada], next: ada.description)))),
        .init("people_list-page", ServerFrame(id: 18, body: .peopleList(PeopleList(
            people: [Person(account: ada, firstName: "Ada", lastName: "Lovelace", role: .owner)],
            next: ada.description)))),
        .init("channel", ServerFrame(id: 12, body: .channel(ChannelReply(channel: summary)))),
        .init("member_list", ServerFrame(id: 17, body: .memberList(MemberList(
            channel: channel, accounts: [ada, grace])))),
        .init("people_list", ServerFrame(id: 2_147_483_647, body: .peopleList(PeopleList(people: [
            Person(account: ada, firstName: "Ada", lastName: "Lovelace", role: .owner),
            Person(account: grace, firstName: "Grace", lastName: "Hopper", role: .member),
        ])))),
    ]

    private static let pushes: [Sample<ServerFrame>] = [
        .init("events", ServerFrame(body: .events(Events(
            channel: channel, epoch: 1, events: [message, joined])))),
        .init("events-edited", ServerFrame(body: .events(Events(
            channel: channel, epoch: 1, events: [edited])))),
        .init("typing", ServerFrame(body: .typing(TypingChanged(
            channel: channel, account: grace, active: true)))),
        .init("presence", ServerFrame(body: .presence(PresenceChanged(
            changes: [Presence(account: grace, state: .offline)])))),
        .init("channel_added", ServerFrame(body: .channelAdded(ChannelAdded(channel: directSummary)))),
        .init("channel_removed", ServerFrame(body: .channelRemoved(ChannelRemoved(channel: channel)))),
        .init("read_marker", ServerFrame(body: .readMarker(ReadMarker(
            channel: channel, sequence: 44)))),
        .init("person_changed", ServerFrame(body: .personChanged(PersonChanged(
            person: Person(account: grace, firstName: "Grace", lastName: "Hopper", role: .admin))))),
        .init("subscription_ended", ServerFrame(body: .subscriptionEnded(SubscriptionEnded(
            channel: channel, code: .notMember)))),
        .init("closing", ServerFrame(body: .closing(Closing(
            code: .draining, retryAfterMilliseconds: 2_000)))),
        .init("person_removed", ServerFrame(body: .personRemoved(PersonRemoved(account: grace)))),
        .init("broadcast", ServerFrame(body: .broadcast(BroadcastSent(
            channel: channel, account: grace, text: #"{"cursor":[12,7]}"#)))),
    ]
}
