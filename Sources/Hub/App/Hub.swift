// The composition root: makes every part, hands each what it needs, and takes them apart again. The
// only place that knows all modules.

import Crypto
import Front
import Glibc
import Identity
import Live
import Loop
import Model
import Ports
import Store
import Vault
import Wire

/// A running hub.
final class Hub: Sendable {
    /// Lines for the person who started it, secrets such as the set-up link included: for stdout only.
    let announcement: [String]
    private let front: Front
    private let registry: Registry
    private let api: Lock<IdentityAPI?>
    private let publicURL: PublicURL
    private let descriptorsMax: Int
    private let certificates: Certificates
    private let log: Log
    private let loops: [Loop]
    private let store: Store
    /// To other hubs over the same PostgreSQL database.
    private let bus: PostgresBus?

    private init(announcement: [String], front: Front, registry: Registry, api: Lock<IdentityAPI?>,
                 publicURL: PublicURL, descriptorsMax: Int, loops: [Loop], store: Store, bus: PostgresBus?,
                 certificates: Certificates, log: Log) {
        self.announcement = announcement
        self.front = front
        self.registry = registry
        self.api = api
        self.publicURL = publicURL
        self.descriptorsMax = descriptorsMax
        self.certificates = certificates
        self.log = log
        self.loops = loops
        self.store = store
        self.bus = bus
    }

    /// Brings everything up in order of dependence; what cannot be used is refused with its remedy.
    /// - Parameter ifStopped: called now and then while the start waits for the database; it may end the process.
    static func start(_ configuration: Configuration, descriptorsMax: Int, clocks: SystemClocks, log: Log,
                      ifStopped: @Sendable () -> Void = {}) async throws(Refusal) -> Hub {
        protectSecrets(log)
        let connections = configuration.connections(descriptorsMax: descriptorsMax)
        if connections < configuration.connectionsMax {
            log.warning("fewer connections than configured: raise the limit on file descriptors",
                        .number("connections", connections), .number("descriptors", descriptorsMax))
        }
        let metrics = Metrics()
        let entropy = SystemEntropy()
        let security = SecurityLog(log, metrics, clocks: clocks, showsAddresses: configuration.logsAddresses)
        let site = try site(configuration)
        let certificates = Certificates(metrics, clocks: clocks)
        let tls = try certificates.read(configuration)
        try makeDataDirectory(configuration)
        try FilePermissions.check(configuration, log)
        // A key that cannot be used is refused before the database is touched.
        let found = try masterKeyIfThere(configuration)
        let location = try storeLocation(configuration)
        let store = try await openStore(location, configuration, metrics: metrics, clocks: clocks,
                                        entropy: entropy, log: log, ifStopped: ifStopped)
        let (master, installation) = try await open(store, found, configuration, entropy)
        let bus = try bus(location, metrics: metrics, clocks: clocks, entropy: entropy, log: log)
        let vault = OrganisationVault(installation, store: store, clocks: clocks, entropy: entropy)

        let fronts = makeLoops("front", configuration.frontLoopCount(cores: cores), metrics)
        let lanes = makeLoops("actors", configuration.actorLanes, metrics)
        let tokens = AccessTokens(
            installation.signingKey, lifetimeMilliseconds: configuration.accessTokenLifetimeMilliseconds)
        let registry = Registry(
            lanes: lanes.isEmpty ? fronts : lanes,
            surroundings: Surroundings(
                channels: store, people: store, vault: vault, verifier: tokens, clocks: clocks,
                entropy: entropy, bus: bus ?? NoBus(), log: log, metrics: LiveMetrics(metrics), security: security),
            configuration: configuration.live)
        bus?.start(receive: registry.receive, connected: registry.resync)
        // Links and cookies need the address that the front is bound to: until then nobody is ready.
        let api = Lock<IdentityAPI?>(nil)
        let front = Front(
            configuration: configuration.front(descriptorsMax: descriptorsMax, tls: tls),
            services: FrontServices(
                session: { id, lane, delivery in
                    Session(id: id, lane: lane, delivery: delivery, registry: registry)
                },
                api: { request in
                    guard let api = api.withLock({ $0 }) else { return HTTPResponse(status: 503) }
                    return await api.respond(to: request)
                },
                problem: { store.problem ?? (api.withLock { $0 != nil } ? nil : "the hub is starting") },
                clocks: clocks, entropy: entropy, metrics: metrics, log: log, security: security),
            site: site, loops: fronts)

        let bound: [FrontAddress]
        do throws(FrontError) {
            bound = try front.start()
        } catch {
            await bus?.close()
            await store.close()
            switch error {
            case .cannotListen(let address, let reason):
                throw Refusal(.system, "cannot listen on \(address.text): \(reason)",
                              remedy: "stop what uses the address, or give another with "
                                  + (address.isTLS ? "--listen-tls" : "--listen")
                                  + " (a hub that is to be replaced: --hand-over)")
            }
        }
        let main = bound.first(where: \.isTLS) ?? bound[0]
        let url = configuration.publicURL(
            boundTo: ListenAddress(host: main.host, port: main.port), isTLS: main.isTLS)
        let accounts = Accounts(
            store: store, tokens: tokens, derived: DerivedTokens(key: installation.refreshKey),
            hasher: PasswordHasher(), clocks: clocks, entropy: entropy,
            settings: configuration.identity(publicURL: url), hooks: hooks(registry), security: security)
        api.withLock { $0 = IdentityAPI(accounts, log: log) }
        var lines: [String] = []
        if master.isNew {
            lines.append("made a master key in \(configuration.masterKeyPath), readable by you alone; "
                + "keep a copy elsewhere, without it nothing stored can be read")
        }
        purgeKeys(vault, on: fronts[0])
        if let link = try await setUpLink(accounts) {
            lines.append("set up the first organisation, once and within 24 hours: \(link)")
        }
        lines += bound.map { "listening on \($0.isTLS ? "https" : "http")://\($0.text)" }
        return Hub(announcement: lines, front: front, registry: registry, api: api, publicURL: url,
                   descriptorsMax: descriptorsMax, loops: fronts + lanes, store: store, bus: bus,
                   certificates: certificates, log: log)
    }

    /// Goes by another configuration from now on. Of it, only what `ConfigurationKey.reloadable` names may
    /// differ from the one of the start.
    func reload(_ configuration: Configuration) {
        let tls = certificates.readAgain(configuration, log)
        front.reload(configuration.front(descriptorsMax: descriptorsMax, tls: tls))
        registry.reload(configuration.live)
        let origins = configuration.moreOrigins(publicURL: publicURL)
        api.withLock { $0 = $0?.allowing(origins) }
    }

    /// Makes a stop that is under way a quick one.
    func hurry() { front.hurryDrain() }

    /// Sends everybody away, finishes what was accepted, and lets go of everything.
    func stop() async {
        await front.drain()
        await store.close()
        await bus?.close()
        for loop in loops { loop.stop() }
    }

    // MARK: Steps of the start

    /// Keys belong neither into the swap nor into a core dump.
    private static func protectSecrets(_ log: Log) {
        SecretMemory.prepare()
        if !SecretMemory.isLocked {
            log.warning("keys may be swapped to disk: the limit on locked memory is too low")
        }
        if !SecretMemory.forbidDumps() { log.warning("core dumps cannot be forbidden") }
    }

    private static func makeLoops(_ name: String, _ count: Int, _ metrics: Metrics) -> [Loop] {
        (0..<count).map { Loop(name: "\(name)-\($0)", metrics: metrics) }
    }

    private static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    static func site(_ configuration: Configuration) throws(Refusal) -> StaticSite {
        let folder = configuration.webDirectory(beside: CommandLine.arguments[0]) { path in
            var status = stat()
            return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        }
        guard let folder else {
            throw Refusal(.configuration, "the web client's files are not found",
                          remedy: "start in the hub's folder, or name theirs with --web-dir")
        }
        do throws(StaticSite.Problem) {
            return try StaticSite(folder: folder)
        } catch {
            throw Refusal(.configuration, error.text, remedy: "name the web client's folder with --web-dir")
        }
    }

    static func makeDataDirectory(_ configuration: Configuration) throws(Refusal) {
        let path = configuration.dataDirectory
        var status = stat()
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw Refusal(.cannotCreate, "data_dir \(path): \(String(cString: strerror(errno)))",
                          remedy: "make its parent folder, or give another with --data-dir")
        }
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw Refusal(.cannotCreate, "data_dir \(path) is not a folder",
                          remedy: "move the file away, or give another with --data-dir")
        }
        guard access(path, W_OK | X_OK) == 0 else {
            throw Refusal(.cannotCreate, "data_dir \(path) is not writable for this user",
                          remedy: "change its owner or mode, or give another with --data-dir")
        }
    }

    /// - Parameter mayMake: whether a missing key file may be made, if the configuration says so.
    static func masterKey(_ configuration: Configuration, mayMake: Bool) throws(Refusal) -> MasterKey {
        let source: MasterKeySource = getenv("MASTER_KEY") != nil
            ? .environment("MASTER_KEY")
            : .file(configuration.masterKeyPath, create: mayMake && configuration.createsMasterKey)
        do throws(MasterKeyError) {
            return try MasterKey.read(source)
        } catch {
            throw Refusal(.configuration, "no master key", remedy: "\(error)")
        }
    }

    /// `nil`: there is no file.
    static func masterKeyIfThere(_ configuration: Configuration) throws(Refusal) -> MasterKey? {
        var status = stat()
        if getenv("MASTER_KEY") == nil, lstat(configuration.masterKeyPath, &status) != 0, errno == ENOENT {
            return nil
        }
        return try masterKey(configuration, mayMake: false)
    }

    static func storeLocation(_ configuration: Configuration) throws(Refusal) -> StoreLocation {
        let place = try configuration.databaseLocationWithPassword().reveal
        do throws(OpenError) {
            return try StoreLocation(place)
        } catch {
            throw Refusal(error)
        }
    }

    private static func openStore(_ location: StoreLocation, _ configuration: Configuration,
                                  metrics: Metrics, clocks: SystemClocks, entropy: SystemEntropy, log: Log,
                                  ifStopped: @Sendable () -> Void) async throws(Refusal) -> Store
    {
        var options = StoreOptions()
        options.sqliteReaders = configuration.storeConnections
        options.postgresConnections = configuration.storeConnections
        options.databaseBytesMax = configuration.databaseBytesMax
        let patience = UInt64(configuration.storeWaitMilliseconds) * 1_000_000
        let start = clocks.monotonic().value
        var isWaiting = false
        while true {
            do throws(OpenError) {
                // A failed attempt keeps nothing; its metrics are those of the next one.
                let store = try await Store.open(location, options: options, metrics: metrics, clocks: clocks,
                                                 entropy: entropy, log: log)
                if isWaiting { log.info("the database answers") }
                return store
            } catch {
                guard error.reason == .unreachable, clocks.monotonic().value - start < patience else {
                    throw Refusal(error)
                }
                if !isWaiting {
                    log.warning("the database does not answer yet; waiting for it", .word("why", error.problem),
                                .number("seconds_at_most", configuration.storeWaitMilliseconds / 1_000))
                }
                isWaiting = true
            }
            for _ in 0..<10 {
                ifStopped()
                // Nothing else runs in this process yet.
                poll(nil, 0, 100)
            }
        }
    }

    /// A SQLite file has one hub.
    private static func bus(_ location: StoreLocation, metrics: Metrics, clocks: SystemClocks,
                            entropy: SystemEntropy, log: Log) throws(Refusal) -> PostgresBus? {
        guard case .postgres(let url) = location else { return nil }
        do throws(OpenError) {
            return try PostgresBus(url: url, metrics: metrics, clocks: clocks, entropy: entropy, log: log)
        } catch {
            throw Refusal(error)
        }
    }

    private static func open(_ store: Store, _ found: MasterKey?, _ configuration: Configuration,
                             _ entropy: SystemEntropy) async throws(Refusal) -> (MasterKey, Installation)
    {
        do throws(Refusal) {
            let master = if let found { found } else { try await makeKey(for: store, configuration) }
            do throws(InstallationError) {
                return (master, try await Installation.open(store, master: master, entropy: entropy))
            } catch {
                throw Refusal(error)
            }
        } catch {
            await store.close()
            throw error
        }
    }

    /// A key is made for a database that has never had one, and for no other.
    private static func makeKey(for store: Store, _ configuration: Configuration) async throws(Refusal) -> MasterKey {
        let record: InstallationRecord?
        do throws(StoreError) {
            record = try await store.installation()
        } catch {
            throw Refusal(.store(error))
        }
        guard record != nil else { return try masterKey(configuration, mayMake: true) }
        throw Refusal(
            .configuration, "no master key: the key file \(configuration.masterKeyPath) does not exist, and the "
                + "database was made with one",
            remedy: "restore it from its backup, or name it with --master-key-file; no new one was made, for it "
                + "would open nothing")
    }

    /// What identity changes, the organisation's actor hears of, here and at other hubs.
    private static func hooks(_ registry: Registry) -> IdentityHooks {
        let bus = registry.surroundings.bus
        return IdentityHooks(
            onLoginRevoked: { login, _, organisation in
                _ = registry.tell(organisation, .loginRevoked(login), isControl: true)
                bus.publish(.organisationChanged(organisation))
            },
            onPersonChanged: { organisation, member in
                _ = registry.tell(organisation, .personChanged(member), isControl: true)
                bus.publish(.organisationChanged(organisation))
            })
    }

    /// Keys that have outlived their time in the cache are overwritten, used or not.
    private static func purgeKeys(_ vault: OrganisationVault, on loop: Loop) {
        vault.purgeExpired()
        loop.submit(afterMilliseconds: 5_000) { purgeKeys(vault, on: loop) }
    }

    private static func setUpLink(_ accounts: Accounts) async throws(Refusal) -> String? {
        do throws(StoreError) {
            return try await accounts.issueSetUpToken().map(accounts.setUpLink)
        } catch {
            throw Refusal(.unavailable, "the database does not answer", remedy: "start the hub again")
        }
    }
}

extension Refusal {
    fileprivate init(_ error: OpenError) {
        self.init(error.exitCode, error.problem, remedy: error.remedy)
    }

    fileprivate init(_ error: InstallationError) {
        let parts = "\(error)".split(separator: ";", maxSplits: 1)
        self.init(error.mayPass ? .unavailable : .configuration, String(parts[0]),
                  remedy: parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "see the log")
    }
}

extension InstallationError {
    /// Trying again may help.
    fileprivate var mayPass: Bool {
        switch self {
        case .store(.fault), .wrongMasterKey, .damaged: false
        case .store: true
        }
    }
}

extension OpenError {
    var exitCode: ExitCode {
        switch reason {
        case .location, .inUse, .damaged, .foreign, .version, .refused, .unsuitable: .configuration
        case .unreachable: .unavailable
        case .unwritable, .storageFull: .cannotCreate
        }
    }
}
