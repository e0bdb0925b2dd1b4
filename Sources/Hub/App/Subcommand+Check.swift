// `hub check`: all that a start looks at, without starting. Nothing is made or changed.

import Glibc
import Model
import Ports
import Store
import Vault

extension Subcommand {
    static let check = Subcommand(
        "check", "look at configuration, files, keys and database, without starting or changing anything",
        details: """
            Says what is in order, one line each, and ends with the code that a start would end with. Run it
            before a reload or a restart. The database may be in use by a running hub.
            """,
        exitCodes: [.unavailable, .cannotCreate]
    ) { input throws(Refusal) in
        let configuration = input.configuration
        var lines = ["configuration: ok"]
        _ = try Hub.site(configuration)
        lines.append("web client: ok")
        if !configuration.listenTLS.isEmpty {
            _ = try Certificates(Metrics(), clocks: SystemClocks()).read(configuration)
            lines.append("certificates: ok")
        }
        let master = try Hub.masterKeyIfThere(configuration)
        let location = try Hub.storeLocation(configuration)
        let found: Store.Probe
        do throws(OpenError) {
            found = try await Store.probe(location, clocks: SystemClocks(), entropy: input.entropy, log: .silent)
        } catch {
            throw Refusal(error.exitCode, error.problem, remedy: error.remedy)
        }
        switch (found, master) {
        case (.missing, nil) where configuration.createsMasterKey, (.empty, nil) where configuration.createsMasterKey:
            lines.append("database: none yet; the first start makes it, and a master key")
        case (.missing, nil), (.empty, nil):
            throw Refusal(.configuration, "no master key: there is no \(configuration.masterKeyPath)",
                          remedy: "set create_master_key for the first start, or put one there")
        case (.missing, _?), (.empty, _?):
            lines.append("master key: ok")
            lines.append("database: none yet; the first start makes it")
        case (.hub, nil):
            throw Refusal(.configuration, "no master key: there is no \(configuration.masterKeyPath)",
                          remedy: "restore it from its backup")
        case (.hub(let record), let master?):
            if let record, !Installation.fits(master, record) {
                throw Refusal(.configuration, "the master key does not fit this database",
                              remedy: "start with the one that it was made with")
            }
            lines += ["master key: ok", "database: ok"]
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
