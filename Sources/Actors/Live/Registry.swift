// Where actors are found. It makes an actor at the first command for it, pins it to a lane by its id,
// and forgets it when it passivates. It holds what all actors share: ports, limits, metrics.

package import Model
package import Ports
package import Rules

/// What the actors need from outside.
package struct Surroundings: Sendable {
    package var channels: any ChannelStore
    package var people: any MemberStore
    package var vault: any BodyVault
    package var verifier: any TokenVerifier
    package var clocks: any Clocks
    package var entropy: any Entropy
    package var bus: any Bus
    package var log: Log
    package var metrics: LiveMetrics
    package var security: SecurityLog
    package init(channels: any ChannelStore, people: any MemberStore, vault: any BodyVault,
                 verifier: any TokenVerifier, clocks: any Clocks, entropy: any Entropy,
                 bus: any Bus = NoBus(), log: Log, metrics: LiveMetrics,
                 security: SecurityLog? = nil) {
        self.channels = channels
        self.people = people
        self.vault = vault
        self.verifier = verifier
        self.clocks = clocks
        self.entropy = entropy
        self.bus = bus
        self.log = log
        self.metrics = metrics
        self.security = security ?? SecurityLog(.silent, Metrics(), clocks: clocks)
    }
}

/// Bounds and times of the actors. Each is a key of the configuration.
package struct LiveConfiguration: Sendable {
    /// What clients are told and held to.
    package var limits = Limits()
    /// What a channel keeps of its log, and what may wait for a write. Not keys of the configuration.
    package var log = LogLimits()
    /// Commands waiting for one channel or organisation; above, they are refused as overloaded.
    package var inboxMax = 8_192
    /// Store reads (history, replay) one actor has under way; more wait.
    package var readsMax = 8
    /// Reads that wait for one actor; above, they are refused as overloaded.
    package var readsWaitingMax = 4_096
    /// An actor without subscribers and work is passivated after this time.
    package var passivationMilliseconds: UInt32 = 60_000
    /// Commands per second and connection, and how many may come at once; 0: no limit.
    package var commandsPerSecond: UInt32 = 200
    package var commandsBurst: UInt32 = 400
    /// The same for all connections of an account together.
    package var accountCommandsPerSecond: UInt32 = 1_000
    package var accountCommandsBurst: UInt32 = 2_000
    /// Work that input of one account may cause, over all its connections (see `WorkRate`); not counted where
    /// its commands have no limit.
    package var accountInput = WorkRate(perSecond: 4 << 20, burst: 8 << 20)
    /// Sessions one account has at a time in one organisation; 0: no limit.
    package var accountSessionsMax = 100
    /// Presence changes are collected this long.
    package var presenceMilliseconds: UInt32 = 250
    /// What the hub pings after; told to clients.
    package var heartbeatMilliseconds: UInt32 = 25_000
    /// How often what is in memory is compared with the store, because notices of other hubs may get
    /// lost; 0: never, when no other hub writes to the store.
    package var resyncMilliseconds: UInt32 = 10_000
    package init() {}
}

package final class LiveMetrics: Sendable {
    package let posts: Counter
    package let duplicates: Counter
    private let refusals: [ErrorCode: Counter]
    package let batches: Counter
    package let events: Counter
    package let foreignEvents: Counter
    package let logsRenewed: Counter
    package let postDuration: DurationHistogram
    package let damagedEntries: Counter
    package let sessions: Gauge
    package let channels: Gauge
    package let organisations: Gauge

    package init(_ metrics: Metrics) {
        posts = metrics.counter("hub_posts_total", help: "Messages and edits acknowledged.")
        duplicates = metrics.counter("hub_posts_duplicate_total", help: "Posts that were retries.")
        refusals = Dictionary(uniqueKeysWithValues: ErrorCode.allCases.map { code in
            (code, metrics.counter("hub_commands_refused_total", labels: "code=\"\(code.slug)\"",
                                   help: "Commands answered by an error."))
        })
        batches = metrics.counter("hub_log_writes_total", help: "Writes of channel logs.")
        events = metrics.counter("hub_log_events_total", help: "Events written to channel logs.")
        foreignEvents = metrics.counter(
            "hub_log_events_foreign_total", help: "Events found in channel logs that another hub wrote.")
        logsRenewed = metrics.counter(
            "hub_logs_renewed_total", help: "Logs found to be set back in the store, and given a new epoch.")
        postDuration = metrics.histogram(
            "hub_log_write_seconds", help: "Time from taking a batch to its commit.")
        damagedEntries = metrics.counter(
            "hub_damaged_entries_total", help: "Entries of channel logs found that cannot be read, each once.")
        sessions = metrics.gauge("hub_sessions", help: "Open sessions.")
        channels = metrics.gauge("hub_channels_live", help: "Channel actors in memory.")
        organisations = metrics.gauge(
            "hub_organisations_live", help: "Organisation actors in memory.")
    }

    func refused(_ code: ErrorCode) { refusals[code]?.add() }
}

package final class Registry: Sendable {
    private struct Actors {
        var channels: [OrganisationID: [ChannelID: Channel]] = [:]
        var organisations: [OrganisationID: Organisation] = [:]
    }

    package let surroundings: Surroundings
    private let current: Lock<LiveConfiguration>
    private let lane: @Sendable (UInt64) -> any Lane
    private let actors = Lock(Actors())
    let accountRates: AccountRates
    let damage = DamageLedger()
    let complaints = Complaints()

    /// - Parameter lane: where the channel or organisation lives whose id has this low word; the same
    ///   lane each time.
    package init(lane: @escaping @Sendable (UInt64) -> any Lane, surroundings: Surroundings,
                 configuration: LiveConfiguration) {
        self.lane = lane
        self.surroundings = surroundings
        current = Lock(configuration)
        accountRates = AccountRates(perSecond: configuration.accountCommandsPerSecond,
                                    burst: configuration.accountCommandsBurst,
                                    input: configuration.accountInput)
    }

    package var configuration: LiveConfiguration { current.withLock { $0 } }

    /// For sessions, channels and organisations that are made from now on; times and limits of reading hold
    /// for all at once.
    package func reload(_ configuration: LiveConfiguration) { current.withLock { $0 = configuration } }

    /// - Parameter lanes: where channels and organisations live, pinned by id; at least one.
    package convenience init(lanes: [any Lane], surroundings: Surroundings,
                             configuration: LiveConfiguration) {
        precondition(!lanes.isEmpty)
        // The low word of an id is random.
        self.init(lane: { lanes[Int($0 % UInt64(lanes.count))] }, surroundings: surroundings,
                  configuration: configuration)
    }

    /// Hands a command to a channel. `false` when its inbox is full; control commands always get in.
    package func tell(_ organisation: OrganisationID, _ channel: ChannelID, _ command: ChannelCommand,
                      isControl: Bool = false) -> Bool {
        var unknown: Channel?
        return tell(organisation, channel, command, isControl: isControl, latest: &unknown)
    }

    /// - Parameter latest: the channel of the caller's last command, of the same organisation; this one's
    ///   afterwards. Saves looking it up.
    func tell(_ organisation: OrganisationID, _ id: ChannelID, _ command: ChannelCommand,
              isControl: Bool = false, latest: inout Channel?) -> Bool {
        while true {
            let channel: Channel
            if let latest, latest.id == id {
                channel = latest
            } else {
                channel = self.channel(organisation, id)
                latest = channel
            }
            switch channel.tell(command, isControl: isControl) {
            case .accepted: return true
            case .full: return false
            case .closed:
                latest = nil
                retire(channel)
            }
        }
    }

    /// Hands a control command to a channel that is in memory; `false` when it is not.
    func tellLive(_ organisation: OrganisationID, _ channel: ChannelID, _ command: ChannelCommand) -> Bool {
        guard let channel = live(organisation, channel) else { return false }
        if case .accepted = channel.tell(command, isControl: true) { return true }
        return false
    }

    /// In memory, or made now.
    private func channel(_ organisation: OrganisationID, _ id: ChannelID) -> Channel {
        actors.withLock { actors in
            if let channel = actors.channels[organisation]?[id] { return channel }
            let channel = Channel(organisation: organisation, id: id, lane: lane(id.low), registry: self)
            actors.channels[organisation, default: [:]][id] = channel
            surroundings.metrics.channels.add(1)
            return channel
        }
    }

    /// Hands a command to an organisation.
    package func tell(_ organisation: OrganisationID, _ command: OrganisationCommand,
                      isControl: Bool = false) -> Bool {
        while true {
            let actor = actors.withLock { actors in
                if let actor = actors.organisations[organisation] { return actor }
                let actor = Organisation(id: organisation, lane: lane(organisation.low), registry: self)
                actors.organisations[organisation] = actor
                surroundings.metrics.organisations.add(1)
                return actor
            }
            switch actor.tell(command, isControl: isControl) {
            case .accepted: return true
            case .full: return false
            case .closed: retire(actor)
            }
        }
    }

    /// Hands a control command to every channel of the organisation that is in memory. One that is made
    /// later reads the store, which the caller has changed before.
    package func tellChannels(of organisation: OrganisationID, _ command: ChannelCommand) {
        let live = actors.withLock { Array(($0.channels[organisation] ?? [:]).values) }
        for channel in live.sorted(by: { $0.id < $1.id }) { _ = channel.tell(command, isControl: true) }
    }

    // MARK: Other hubs

    /// What another hub tells, or an echo of this one. It reaches only actors that are in memory, and is
    /// dropped where an inbox is full: the resync makes up for it.
    package func receive(_ notice: Notice) {
        switch notice {
        case .logMoved(let organisation, let channel, let position):
            tellHead(organisation, channel, position)
        case .typing(let organisation, let channel, let account, let active):
            _ = live(organisation, channel)?.tell(.typed(account, active: active), isControl: false)
        case .broadcast(let organisation, let channel, let account, let text):
            _ = live(organisation, channel)?.tell(.broadcastSent(account, text), isControl: false)
        case .organisationChanged(let organisation):
            _ = live(organisation)?.tell(.changed, isControl: false)
        case .channelCreated(let organisation, let channel):
            _ = live(organisation)?.tell(.listChanged(channel, nil), isControl: false)
        case .channelListChanged(let organisation, let channel, let account):
            _ = live(organisation)?.tell(.listChanged(channel, account), isControl: false)
        case .readMarker(let organisation, let channel, let account, let sequence):
            let marker = ReadMarker(channel: channel, sequence: sequence)
            _ = live(organisation)?.tell(.readElsewhere(account, marker), isControl: false)
        }
    }

    /// Compares everything in memory with the store at once: notices may have been lost.
    package func resync() {
        let all = actors.withLock { Array($0.organisations.values) }
        for organisation in all.sorted(by: { $0.id < $1.id }) {
            _ = organisation.tell(.resync, isControl: true)
        }
    }

    /// Where the log of a channel is, for the channel if it is in memory; `nil`: there is no log.
    func tellHead(_ organisation: OrganisationID, _ channel: ChannelID, _ position: Position?) {
        _ = live(organisation, channel)?.tell(.logMoved(position), isControl: false)
    }

    /// The channels in memory, in the order of their ids.
    package func liveChannels(_ organisation: OrganisationID) -> [ChannelID] {
        actors.withLock { Array(($0.channels[organisation] ?? [:]).keys) }.sorted()
    }

    /// The most commands that wait for one actor of the organisation, those of control included.
    package func longestInbox(_ organisation: OrganisationID) -> Int {
        actors.withLock { actors in
            let channels = (actors.channels[organisation] ?? [:]).values.map(\.waiting)
            return max(channels.max() ?? 0, actors.organisations[organisation]?.waiting ?? 0)
        }
    }

    private func live(_ organisation: OrganisationID) -> Organisation? {
        actors.withLock { $0.organisations[organisation] }
    }

    private func live(_ organisation: OrganisationID, _ channel: ChannelID) -> Channel? {
        actors.withLock { $0.channels[organisation]?[channel] }
    }

    // MARK: Passivation

    /// Forgets a passivated actor whose inbox is closed.
    func retire(_ channel: Channel) {
        actors.withLock { actors in
            guard actors.channels[channel.organisation]?[channel.id] === channel else { return }
            actors.channels[channel.organisation]![channel.id] = nil
            if actors.channels[channel.organisation]!.isEmpty {
                actors.channels[channel.organisation] = nil
            }
            surroundings.metrics.channels.add(-1)
        }
    }

    func retire(_ organisation: Organisation) {
        actors.withLock { actors in
            if actors.organisations[organisation.id] === organisation {
                actors.organisations[organisation.id] = nil
                surroundings.metrics.organisations.add(-1)
            }
        }
    }
}

/// Where the answer to a command goes.
package struct Origin: Sendable {
    package let address: SessionAddress
    /// The command's id.
    package let command: UInt32
    package init(address: SessionAddress, command: UInt32) {
        self.address = address
        self.command = command
    }
    package var account: AccountID { address.account }
    func answer(_ body: ServerBody) { address.send(command, body) }
    func refuse(_ code: ErrorCode, _ message: String, retryAfterMilliseconds: UInt32 = 0) {
        address.send(command, .error(ErrorReply(code, message,
                                                retryAfterMilliseconds: retryAfterMilliseconds)))
    }
}
