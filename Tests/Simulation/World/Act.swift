// What a simulated person does.

import Model

enum Act: Int, CaseIterable, Sendable {
    case post, burst, postTwice, postAgain, join, leave, subscribeAgain, unsubscribe, history
    case typing, presence, watchPresence, listChannels, createChannel, openDirect, addMember
    case listMembers, markRead, listPeople, ping, refresh, trespass, hangUp, edit, editOthers
    case removeMember, changeRole, removePerson, broadcast, askMuch, askAndGo

    /// How often compared with the others.
    var weight: Int {
        switch self {
        case .post: 40
        case .edit: 10
        case .editOthers: 1
        case .burst: 4
        case .postTwice, .postAgain: 4
        case .join, .leave: 6
        case .removeMember: 5
        case .changeRole: 2
        case .removePerson: 2
        case .subscribeAgain, .unsubscribe: 4
        case .history: 6
        case .typing, .broadcast: 4
        case .addMember: 5
        case .markRead: 4
        case .trespass: 3
        case .createChannel, .openDirect, .hangUp: 1
        case .askMuch: 1
        case .askAndGo: 2
        case .presence, .watchPresence, .listChannels, .listMembers, .listPeople, .ping, .refresh: 2
        }
    }
}

extension SimClient {
    func perform(_ act: Act) {
        guard let view = views.isEmpty ? nil : views[random.below(views.count)] else { return }
        let channel = view.channel
        switch act {
        case .post: post(to: channel)
        case .burst: for _ in 0..<(5 + random.below(25)) { post(to: channel) }
        case .postTwice:
            post(to: channel)
            if let entry = posts.last { send(entry) }
        case .postAgain:
            guard let old = random.pick(settled) else { return }
            send(old.command, .postAgain(old))
        case .edit:
            guard let old = random.pick(settled), let position = old.position else { return }
            // Of an edit, the message it changed.
            edit(old.target ?? position.sequence, in: old.channel)
        case .editOthers:
            guard let event = view.log[UInt64(1 + random.below(1 + Int(view.position?.sequence ?? 0)))],
                  event.kind != .message || event.sender != account else { return }
            let edit = Edit(channel: channel, key: "x\(number).\(postsMade)", target: event.sequence, text: "x")
            postsMade += 1
            send(.edit(edit), .refusal)
        case .join: send(.join(Join(channel: channel)), .join(channel))
        case .leave: send(.leave(Leave(channel: channel)), .done)
        case .subscribeAgain:
            guard var position = view.position, random.chance(60) else { return subscribe(view) }
            position.sequence = UInt64(random.below(1 + Int(position.sequence)))
            if random.chance(10) { position.epoch += 1 }
            subscribe(view, after: position)
        case .unsubscribe:
            guard view.state == .live else { return }
            view.isWanted = false
            send(.unsubscribe(Unsubscribe(channel: channel)), .unsubscribe(view))
        case .history: readHistory(view)
        case .typing: send(.typing(Typing(channel: channel, active: random.chance(70))), .done)
        case .presence:
            send(.presence(SetPresence(state: random.chance(50) ? .away : .online)), .done)
        case .watchPresence:
            guard random.chance(80) else {
                return send(.watchPresence(WatchPresence(active: false)), .list(Listing(.presence, limit: 0)))
            }
            read(.presence)
        case .listChannels: read(.channels)
        case .createChannel:
            let name = "c\(number)-\(random.below(5))"
            send(.createChannel(CreateChannel(name: name, kind: random.chance(50) ? .open : .closed)),
                 .channelReply)
        case .openDirect:
            guard let other = random.pick(world.accounts(of: organisation)) else { return }
            send(.openDirect(OpenDirect(account: other)), .channelReply)
        case .addMember:
            guard let other = random.pick(world.accounts(of: organisation)) else { return }
            send(.addMember(AddMember(channel: channel, account: other)), .done)
        case .removeMember:
            guard let other = random.pick(world.accounts(of: organisation)) else { return }
            send(.removeMember(RemoveMember(channel: channel, account: other)), .done)
        case .changeRole:
            guard let other = random.pick(world.accounts(of: organisation)),
                  let role = random.pick(Role.allCases) else { return }
            send(.changeRole(ChangeRole(account: other, role: role)), .done)
        case .removePerson:
            // Somebody has to be left to see what happens.
            guard world.clients.filter({ $0.state != .ended }).count > 3,
                  let other = random.pick(world.accounts(of: organisation)) else { return }
            send(.removePerson(RemovePerson(account: other)), .done)
        case .listMembers: read(.members(channel))
        case .markRead:
            send(.markRead(MarkRead(channel: channel, sequence: view.position?.sequence ?? 0)), .done)
        case .listPeople: read(.people)
        case .askMuch: askMuch()
        case .askAndGo:
            askMuch()
            hangUp()
        case .ping: send(.ping(Ping()), .pong)
        case .refresh: refreshInBand()
        case .trespass: trespass()
        case .hangUp: hangUp()
        case .broadcast:
            postsMade += 1
            let text = "\(channel) \(account) \(postsMade)"
            send(.broadcast(SendBroadcast(channel: channel, text: text)), .done)
        }
    }

    /// As many large answers as may be asked for at once.
    private func askMuch() {
        for _ in 0..<(10 + random.below(60)) {
            guard let view = random.pick(views) else { return }
            switch random.below(10) {
            case 0: read(.channels)
            case 1: subscribe(view)
            default: readHistory(view)
            }
        }
    }

    private func post(to channel: ChannelID) {
        postsMade += 1
        posts.append(PendingPost(channel: channel, key: newKey, text: text("m")))
        send(posts.last!)
    }

    private func edit(_ sequence: UInt64, in channel: ChannelID) {
        postsMade += 1
        posts.append(PendingPost(channel: channel, key: newKey, text: text("e"), target: sequence))
        send(posts.last!)
    }

    /// Of every two in a row the texts are equal to Swift, and the bytes are not.
    private var newKey: IdempotencyKey {
        "k\(number).\(postsMade / 2)\(postsMade.isMultiple(of: 2) ? "\u{E9}" : "e\u{301}")"
    }

    /// No two texts of a world begin alike.
    private func text(_ word: String) -> String {
        "\(word)\(number).\(postsMade) \(Self.fillers[random.below(1 + world.plan.textBytesMax) / 16])"
    }

    /// By size in steps of 16 bytes.
    private static let fillers = (0...200).map { String(repeating: "x", count: 16 * $0) }

    /// A command about a channel of another organisation, or of nobody.
    private func trespass() {
        guard let channel = random.pick(world.foreignChannels(to: organisation)) else { return }
        let command: Command = switch random.below(9) {
        case 0: .subscribe(Subscribe(channel: channel))
        case 1: .post(Post(channel: channel, key: "t\(number).\(postsMade)", text: "trespass"))
        case 2: .history(History(channel: channel))
        case 3: .join(Join(channel: channel))
        case 4: .listMembers(ListMembers(channel: channel))
        case 6: .edit(Edit(channel: channel, key: "t\(number).\(postsMade)", target: 1, text: "trespass"))
        case 5: .typing(Typing(channel: channel, active: true))
        case 7: .broadcast(SendBroadcast(channel: channel, text: "trespass"))
        default: .subscribe(Subscribe(channel: channel, after: Position(epoch: 1, sequence: 0)))
        }
        postsMade += 1
        send(command, .refusal)
    }
}
