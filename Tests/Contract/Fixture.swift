// What most tests start from: an organisation with people, a channel, events to append.

import Model
import Ports
import Store
import Testing

let start = UnixMilliseconds(1_800_000_000_000)

/// A store with one organisation, its owner and two more members.
struct Office {
    let store: Store
    let organisation = OrganisationRecord(id: fresh(), name: "Ørsted & Søn")
    let owner: AccountRecord
    let members: [AccountID]
    var everybody: [AccountID] { [owner.id] + members }
    var id: OrganisationID { organisation.id }

    init(_ store: Store, members count: Int = 2) async throws {
        self.store = store
        owner = account("owner@example.org")
        try #require(try await store.setUp(organisation, owner: owner, at: start))
        var members: [AccountID] = []
        for number in 0..<count {
            members.append(try await Self.join(store, organisation, owner.id, "m\(number)@example.org"))
        }
        self.members = members
    }

    /// A new account, by an invitation of its own.
    static func join(_ store: Store, _ organisation: OrganisationRecord, _ by: AccountID,
                     _ email: String) async throws -> AccountID
    {
        let token = TokenHash(Array("invite \(email)".utf8))
        let new = account(email)
        try await store.createInvitation(
            organisation.id, invitation(organisation, by: by, uses: 1), token: token, at: start)
        _ = try #require(
            try await store.acceptInvitation(token: token, account: new.id, newAccount: new, at: start))
        return new.id
    }

    func channel(_ name: String, _ kind: ChannelKind = .open, members: [AccountID]? = nil)
        async throws -> ChannelID
    {
        let record = ChannelRecord(id: fresh(), kind: kind, name: name, topic: "",
                                   head: Position(epoch: 1, sequence: 0), members: members ?? everybody)
        try #require(try await store.createChannel(id, record, by: owner.id, at: start))
        return record.id
    }

    /// `count` messages behind `head`, their keys `prefix` and a number.
    func messages(_ count: Int, after head: UInt64, key prefix: String, by sender: AccountID? = nil)
        -> [StoredEvent]
    {
        (0..<count).map { number in
            message(head + UInt64(number) + 1, key: "\(prefix)\(number)", by: sender ?? owner.id)
        }
    }
}

func account(_ email: String) -> AccountRecord {
    AccountRecord(id: fresh(), email: EmailAddress(email), firstName: "Zoë", lastName: "O’Neill",
                  passwordHash: Private("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"))
}

func invitation(_ organisation: OrganisationRecord, by account: AccountID, uses: Int)
    -> InvitationRecord
{
    InvitationRecord(id: fresh(), organisation: organisation, role: .member, createdBy: account,
                     expiresAt: start.adding(milliseconds: 1_000), usesLeft: uses)
}

func message(_ sequence: UInt64, key: IdempotencyKey, by sender: AccountID) -> StoredEvent {
    StoredEvent(sequence: sequence, id: fresh(), kind: .message, sender: sender, subject: nil,
                at: start.adding(milliseconds: Int64(sequence)), key: key,
                body: SealedBody(key: fresh(), bytes: [1] + [UInt8](repeating: 7, count: 150)))
}

func edited(_ sequence: UInt64, of target: UInt64, key: IdempotencyKey, by sender: AccountID) -> StoredEvent {
    var event = message(sequence, key: key, by: sender)
    event.kind = .edited
    event.target = target
    return event
}

func membership(_ kind: EventKind, _ sequence: UInt64, of subject: AccountID, by sender: AccountID)
    -> StoredEvent
{
    StoredEvent(sequence: sequence, id: fresh(), kind: kind, sender: sender, subject: subject,
                at: start.adding(milliseconds: Int64(sequence)), key: "", body: nil)
}

func position(_ sequence: UInt64) -> Position { Position(epoch: 1, sequence: sequence) }
