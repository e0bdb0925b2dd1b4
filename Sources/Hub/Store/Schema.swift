// The tables, as numbered migrations. A migration that has been released never changes: hubs compare
// its checksum and refuse a database made by another text. `{int}`, `{id}`, `{bytes}`, `{options}` are
// filled in by the dialect. The body of every message is ciphertext when it gets here.

struct Migration: Sendable {
    let number: Int64
    let name: String
    let statements: [String]

    /// FNV-1a (64 bit) over the texts: finds edits and mix-ups; it is no defence against forgers.
    var checksum: Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for statement in statements {
            for byte in statement.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = (hash ^ 0xFF) &* 0x100_0000_01b3
        }
        return Int64(bitPattern: hash)
    }
}

enum Schema {
    /// In order of their numbers, which count from 1 without gaps.
    static let migrations: [Migration] = [
        Migration(number: 1, name: "people", statements: people),
        Migration(number: 2, name: "channels", statements: channels),
        Migration(number: 3, name: "keys", statements: keys),
        Migration(number: 4, name: "edits", statements: edits),
        Migration(number: 5, name: "removed members", statements: removedMembers),
        Migration(number: 6, name: "revision", statements: revision),
        Migration(number: 7, name: "password resets", statements: passwordResets),
        Migration(number: generationNumber, name: "generation", statements: generation),
    ]

    /// Databases that have had this one say which generation they are.
    static let generationNumber: Int64 = 8

    private static let people = [
        """
        CREATE TABLE organisation (
            id {id} PRIMARY KEY, name TEXT NOT NULL, created_at {int} NOT NULL) {options}
        """,
        // One row at most: which organisation was set up first.
        """
        CREATE TABLE first_organisation (
            one {int} PRIMARY KEY CHECK (one = 1),
            organisation {id} NOT NULL REFERENCES organisation (id)) {options}
        """,
        """
        CREATE TABLE account (
            id {id} PRIMARY KEY, email TEXT NOT NULL UNIQUE, first_name TEXT NOT NULL,
            last_name TEXT NOT NULL, password_hash TEXT NOT NULL, created_at {int} NOT NULL) {options}
        """,
        """
        CREATE TABLE member (
            organisation {id} NOT NULL REFERENCES organisation (id),
            account {id} NOT NULL REFERENCES account (id),
            role {int} NOT NULL, joined_at {int} NOT NULL,
            PRIMARY KEY (organisation, account)) {options}
        """,
        "CREATE INDEX member_account ON member (account, joined_at)",
        """
        CREATE TABLE invitation (
            organisation {id} NOT NULL REFERENCES organisation (id),
            id {id} NOT NULL, token {bytes} NOT NULL UNIQUE, role {int} NOT NULL,
            created_by {id} NOT NULL, created_at {int} NOT NULL, expires_at {int} NOT NULL,
            uses {int} NOT NULL CHECK (uses > 0),
            PRIMARY KEY (organisation, id)) {options}
        """,
        """
        CREATE TABLE invitation_use (
            organisation {id} NOT NULL, invitation {id} NOT NULL,
            account {id} NOT NULL REFERENCES account (id), used_at {int} NOT NULL,
            PRIMARY KEY (organisation, invitation, account),
            FOREIGN KEY (organisation, invitation) REFERENCES invitation (organisation, id)) {options}
        """,
        """
        CREATE TABLE login (
            id {id} PRIMARY KEY, organisation {id} NOT NULL, account {id} NOT NULL,
            created_at {int} NOT NULL, last_used_at {int} NOT NULL, refresh_lifetime {int} NOT NULL,
            address TEXT NOT NULL, user_agent TEXT NOT NULL, revoked_at {int},
            FOREIGN KEY (organisation, account) REFERENCES member (organisation, account)) {options}
        """,
        "CREATE INDEX login_account ON login (account, last_used_at)",
        "CREATE INDEX login_organisation ON login (organisation, account)",
        // `successor` is the hash of the token that a spent one was exchanged for.
        """
        CREATE TABLE refresh_token (
            hash {bytes} PRIMARY KEY, login {id} NOT NULL REFERENCES login (id),
            expires_at {int} NOT NULL, spent_at {int}, successor {bytes}) {options}
        """,
        "CREATE INDEX refresh_token_login ON refresh_token (login, expires_at)",
    ]

    private static let channels = [
        // `folded` is the name without regard to case, made in Swift so that both databases agree;
        // NULL for direct conversations, whose parties are in ascending order.
        """
        CREATE TABLE channel (
            organisation {id} NOT NULL REFERENCES organisation (id), id {id} NOT NULL,
            kind {int} NOT NULL, name TEXT NOT NULL, folded TEXT, topic TEXT NOT NULL,
            party_a {id}, party_b {id}, created_by {id} NOT NULL, created_at {int} NOT NULL,
            PRIMARY KEY (organisation, id),
            UNIQUE (organisation, folded), UNIQUE (organisation, party_a, party_b)) {options}
        """,
        "CREATE INDEX channel_kind ON channel (organisation, kind)",
        """
        CREATE TABLE channel_member (
            organisation {id} NOT NULL, channel {id} NOT NULL, account {id} NOT NULL,
            read_to {int} NOT NULL, joined_at {int} NOT NULL,
            PRIMARY KEY (organisation, channel, account),
            FOREIGN KEY (organisation, channel) REFERENCES channel (organisation, id),
            FOREIGN KEY (organisation, account) REFERENCES member (organisation, account)) {options}
        """,
        "CREATE INDEX channel_member_account ON channel_member (organisation, account)",
        // The head of a channel's log, apart from the channel: every append rewrites this row, so it
        // is narrow and no index but its key is on it. Setting `head` to NULL is how a
        // compare-and-set says no: see `ChannelSQL.moveHead`.
        """
        CREATE TABLE log (
            organisation {id} NOT NULL, channel {id} NOT NULL, epoch {int} NOT NULL,
            head {int} NOT NULL, active_at {int} NOT NULL,
            PRIMARY KEY (organisation, channel),
            FOREIGN KEY (organisation, channel) REFERENCES channel (organisation, id)) {hot}
        """,
        // No foreign key to the log: the insert selects from it, which is half the work.
        """
        CREATE TABLE event (
            organisation {id} NOT NULL, channel {id} NOT NULL, sequence {int} NOT NULL,
            id {id} NOT NULL, kind {int} NOT NULL, sender {id} NOT NULL, subject {id},
            posted_at {int} NOT NULL, idempotency {bytes}, body_key {id}, body {bytes},
            PRIMARY KEY (organisation, channel, sequence)) {options}
        """,
        """
        CREATE UNIQUE INDEX event_idempotency ON event (organisation, channel, sender, idempotency)
            WHERE idempotency IS NOT NULL
        """,
    ]

    private static let keys = [
        """
        CREATE TABLE installation (
            one {int} PRIMARY KEY CHECK (one = 1), salt {bytes} NOT NULL,
            master_check {bytes} NOT NULL, signing_key {bytes} NOT NULL) {options}
        """,
        // Purpose 0 is the organisation's own key. No foreign key: a key is made before the first
        // thing it protects, and its tombstone outlives the organisation.
        """
        CREATE TABLE wrapped_key (
            organisation {id} NOT NULL, id {id} NOT NULL, parent {id}, purpose {int} NOT NULL,
            state {int} NOT NULL, wrapped {bytes} NOT NULL, check_value {bytes} NOT NULL,
            created_at {int} NOT NULL, PRIMARY KEY (organisation, id)) {options}
        """,
        """
        CREATE UNIQUE INDEX wrapped_key_active ON wrapped_key (organisation, purpose) WHERE state = 1
        """,
    ]

    private static let edits = [
        // Sequence of the message that an edit is of; NULL for other kinds.
        "ALTER TABLE event ADD COLUMN target {int}"
    ]

    // Sign-ins, logs and direct conversations refer to members, so a row outlives the membership. Whoever
    // asks for members leaves out those with this time.
    private static let removedMembers = ["ALTER TABLE member ADD COLUMN removed_at {int}"]

    // By which a hub sees that another has changed people or sign-ins.
    private static let revision = [
        "ALTER TABLE organisation ADD COLUMN revision {int} NOT NULL DEFAULT 0"
    ]

    // One for an account: a newer takes the place of an older. Without `made_in` the operator made it.
    private static let passwordResets = [
        """
        CREATE TABLE password_reset (
            account {id} PRIMARY KEY REFERENCES account (id), token {bytes} NOT NULL UNIQUE,
            made_in {id}, created_by {id}, created_at {int} NOT NULL, expires_at {int} NOT NULL) {options}
        """
    ]

    // Which history this is; see Generation.swift. `run` is, for SQLite, the run of the hub that has the file, and, for
    // PostgreSQL, the transaction that wrote the row.
    private static let generation = [
        """
        CREATE TABLE generation (
            one {int} PRIMARY KEY CHECK (one = 1), number {int} NOT NULL, run {int} NOT NULL, beat {int} NOT NULL,
            server TEXT NOT NULL, drawn_at {int} NOT NULL) {options}
        """
    ]
}
