// The rows of the table, in the order in which `--help` and the documentation show them.

import Model
import Ports

extension ConfigurationKey {
    package static let all: [ConfigurationKey] = reach + storage + pools + limits + times + logs

    private static let reach: [ConfigurationKey] = [
        .list("listen", \.listen, form: "address", example: "127.0.0.1:8080 or [::1]:8080",
              mayBeEmpty: false,
              "Addresses to listen on, numeric, each with a port; port 0 takes any free one.") {
            ListenAddress($0)
        },
        .value("public_url", \.publicURL, form: "origin",
               default: "`http://` and the first address", example: "https://hub.example.org",
               "Where people reach the hub. Links begin with it; with https, cookies are Secure.") {
            PublicURL($0)
        },
        .list("allowed_origins", \.allowedOrigins, form: "origin",
              example: "https://intranet.example.org",
              "Origins, besides the public URL's, whose pages may use the hub.") {
            PublicURL($0)
        },
        .list("metrics_allow", \.metricsAllow, form: "address range",
              example: "10.0.0.0/8 or 192.0.2.7",
              "Who may read `/metrics`; others get 403.") {
            AddressRange($0)
        },
        .value("web_dir", \.webDirectory, form: "path",
               default: "`web` beside the binary, else `./web`", example: "/usr/share/hub/web",
               "The folder with the web client's files.") { $0 },
    ]

    private static let storage: [ConfigurationKey] = [
        ConfigurationKey(
            name: "data_dir", form: "path", range: "",
            meaning: "The hub's own folder, made with mode 0700 when missing.", isList: false,
            defaultInWords: nil, mayHoldSecret: false,
            read: { text, into throws(ValueProblem) in into.dataDirectory = text },
            show: { $0.dataDirectory }),
        .value("store", \.store, form: "store location",
               default: "`sqlite:` and `hub.db` in `data_dir`",
               example: "sqlite:/var/lib/hub/hub.db or postgresql://hub@db.example.org/hub",
               mayHoldSecret: true,
               "The database: `sqlite:PATH` or a PostgreSQL URI. Not with a password on the "
                   + "command line, where every user of the machine sees it.") {
            DatabaseLocation($0)
        },
        .value("store_password_file", \.storePasswordFile, form: "path",
               default: "none; libpq's `PGPASSFILE` works too",
               example: "/run/credentials/hub.service/database",
               "A file whose first line is the password for PostgreSQL.") { $0 },
        .count("store_connections", \.storeConnections, 1...256,
               "Connections to PostgreSQL, or readers of SQLite. More: reads wait less; each costs "
                   + "memory here and a process at the server."),
        .value("master_key_file", \.masterKeyFile, form: "path",
               default: "`master.key` in `data_dir`", example: "/etc/hub/master.key",
               "The key that wraps all others; the variable `MASTER_KEY` goes before it.") { $0 },
        .value("create_master_key", \.createMasterKey, form: "`true` or `false`",
               default: "`true` for SQLite, `false` for PostgreSQL", example: "true",
               "Whether a missing key file is made, with mode 0600.") { Bool($0) },
    ]

    private static let pools: [ConfigurationKey] = [
        .automatic("front_loops", \.frontLoops, 1...256,
                   default: "`auto`: one less than the cores, at least 1",
                   "Threads that serve connections."),
        .count("actor_lanes", \.actorLanes, 0...256,
               "Threads of their own for channels and organisations; 0 runs them on the front "
                   + "loops, which saves a wake of 40 to 75 µs per hop."),
        .choice("io_uring", \.ioUring,
                "Whether all sends of a tick go to the kernel at once; `auto` where it is permitted.") {
            $0.rawValue
        },
    ]

    private static let limits: [ConfigurationKey] = [
        .count("connections_max", \.connectionsMax, 1...1_000_000,
               "Connections at a time; more are refused with 503. Needs as many file descriptors."),
        .count("subscriptions_max", \.limits.subscriptionsMax, 1...65_536,
               "Subscriptions of one connection."),
        .count("commands_in_flight_max", \.limits.commandsInFlightMax, 1...65_536,
               "Unanswered commands of one connection; more get `too_many_in_flight`."),
        .size("text_bytes_max", \.limits.textBytesMax, 1...1 << 20, "Text of one message, UTF-8."),
        .size("frame_bytes_max", \.limits.frameBytesMax, 1 << 10...16 << 20,
              "One inbound WebSocket message; larger ones close the connection with 1009."),
        .size("hello_frame_bytes_max", \.helloFrameBytesMax, 1 << 10...1 << 20,
              "The same before the connection has signed in."),
        .count("replay_events_max", \.limits.replayEventsMax, 1...100_000,
               "Events a subscription replays; older ones are read as history."),
        .count("history_events_max", \.limits.historyEventsMax, 1...10_000,
               "Events of one history page."),
        .size("outbox_bytes_max", \.outboxBytesMax, 64 << 10...256 << 20,
              "What may wait for a slow reader; above it the connection closes with 4101 and can "
                  + "resume. Higher: longer stalls survive, at that memory per stalled reader."),
        .size("outbox_total_bytes_max", \.outboxTotalBytesMax, 1 << 20...1 << 40,
              "The same for all connections together; the fullest close first."),
        .count("channel_inbox_max", \.channelInboxMax, 16...1_000_000,
               "Commands waiting for one channel or organisation; more get `overloaded`."),
        .count("commands_per_second", \.commandsPerSecond, 0...1_000_000,
               "Commands of one connection; more get `rate_limited`. 0: no limit."),
        .count("commands_burst", \.commandsBurst, 1...1_000_000,
               "Commands of one connection that may come at once before the rate counts."),
    ]

    private static let times: [ConfigurationKey] = [
        .duration("hello_timeout", \.helloTimeoutMilliseconds, 100...300_000,
                  "For the first command of a connection; then it closes with 4103."),
        .duration("heartbeat", \.heartbeatMilliseconds, 100...600_000,
                  "Silence after which the hub sends a ping. Lower: dead peers are noticed sooner, "
                      + "at more wake-ups of idle connections."),
        .duration("pong_timeout", \.pongTimeoutMilliseconds, 100...300_000,
                  "For the answer to a ping; then the connection closes with 4104."),
        .duration("http_header_timeout", \.httpHeaderTimeoutMilliseconds, 100...300_000,
                  "For a whole HTTP request to arrive."),
        .duration("http_idle_timeout", \.httpIdleTimeoutMilliseconds, 100...3_600_000,
                  "How long an HTTP connection without a request stays open."),
        .duration("passivation_idle", \.passivationIdleMilliseconds, 1_000...86_400_000,
                  "Idle time after which a channel leaves memory; it comes back from the store."),
        .duration("resync_interval", \.resyncMilliseconds, 0...3_600_000,
                  "How often hubs over one PostgreSQL database look for what they were not told of. "
                      + "Lower: less delay after a lost notice, at more reads. 0ms: never."),
        .duration("drain_timeout", \.drainTimeoutMilliseconds, 100...600_000,
                  "For connections to leave and writes to finish when the hub stops."),
        .duration("access_token_lifetime", \.accessTokenLifetimeMilliseconds, 1_000...86_400_000,
                  "Lifetime of access tokens. Lower: a stolen one serves less long, at more "
                      + "refreshes."),
        .duration("refresh_lifetime", \.refreshLifetimeMilliseconds, 60_000...31_536_000_000,
                  "Lifetime of a program's refresh token since its last use."),
        .duration("refresh_cookie_lifetime", \.refreshCookieLifetimeMilliseconds,
                  60_000...31_536_000_000, "The same for a browser's."),
        .duration("refresh_remember_lifetime", \.refreshRememberLifetimeMilliseconds,
                  60_000...31_536_000_000, "The same for a browser's that is to be remembered."),
    ]

    private static let logs: [ConfigurationKey] = [
        .choice("log_level", \.logLevel, "The least important lines that are written.") { $0.name },
        .choice("log_format", \.logFormat,
                "How lines look on stderr; `auto` is text on a terminal and JSON elsewhere.") {
            $0.rawValue
        },
    ]
}
