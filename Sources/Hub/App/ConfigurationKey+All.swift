// The rows of the table, in the order in which `--help` and the documentation show them.

package import Model
import Ports
import Wire

extension ConfigurationKey {
    package static let all: [ConfigurationKey] = reach + storage + pools + limits + times + logs

    /// The names of keys that SIGHUP changes while the hub runs. All others need a restart.
    package static let reloadable: Set<ExactText> = [
        "tls_certificates", "hsts_max_age", "allowed_origins", "metrics_allow", "trusted_proxies",
        "proxy_protocol", "forwarded_headers", "unlimited_addresses", "connections_unwelcomed_max",
        "connections_max", "subscriptions_max", "commands_in_flight_max", "text_bytes_max", "frame_bytes_max",
        "hello_frame_bytes_max", "outbox_bytes_max", "outbox_total_bytes_max", "commands_per_second",
        "commands_burst", "pings_per_second", "http_headers_bytes_max", "http_headers_max",
        "inbound_total_bytes_max",
        "hello_timeout", "message_timeout", "stall_timeout", "pong_timeout", "http_header_timeout",
        "http_idle_timeout", "drain_delay", "drain_timeout",
        "log_level",
    ]

    private static let reach: [ConfigurationKey] = [
        .list("listen", \.listen, form: "address", example: "127.0.0.1:8080 or [::1]:8080",
              "Addresses to listen on without TLS, numeric, each with a port; port 0 takes any free one.") {
            ListenAddress($0)
        },
        .list("listen_tls", \.listenTLS, form: "address", example: "0.0.0.0:443 or [::]:443",
              "The same with TLS.") {
            ListenAddress($0)
        },
        .list("tls_certificates", \.tlsCertificates, form: "certificate pair",
              example: "/etc/hub/tls/chain.pem:/etc/hub/tls/key.pem",
              "Certificates for `listen_tls`, each as `CHAIN:KEY`, two PEM files. Clients get the one for the "
                  + "name they ask for, else the first.") {
            CertificatePair($0)
        },
        .value("hand_over", \.handsOver, form: "`true` or `false`", default: "`false`", example: "true",
               "Whether to listen although another hub of the same user listens on the address, to be "
                   + "stopped when this one is up. With PostgreSQL; a SQLite file has one hub.") {
            Bool($0)
        },
        .value("public_url", \.publicURL, form: "origin",
               default: "the first address with TLS, else `http://` and the first of all",
               example: "https://hub.example.org",
               "Where people reach the hub. Links begin with it; with https, cookies are Secure.") {
            PublicURL($0)
        },
        .duration("hsts_max_age", \.hstsMaxAgeMilliseconds, 0...63_072_000_000,
                  "How long browsers that came over TLS come back with TLS only (HSTS), sent when "
                      + "`public_url` is set to https. 0ms: they forget it."),
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
        .list("trusted_proxies", \.trustedProxies, form: "address range",
              example: "127.0.0.1 or 10.0.0.0/8",
              "Proxies that are believed when they say for whom they speak; nobody else is.") {
            AddressRange($0)
        },
        .flag("proxy_protocol", \.proxyProtocol,
              "Whether connections of `trusted_proxies` begin with a PROXY header (version 1 or 2). Then "
                  + "they must; from others a header is refused in any case."),
        .choice("forwarded_headers", \.forwardedHeaders,
                "The headers that `trusted_proxies` set, all of the family: `X-Forwarded-For`, `-Proto` and "
                    + "`-Host`; `X-Real-IP` with the latter two; `Forwarded`. Others are not looked at.") {
            $0.rawValue
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
        .size("database_bytes_max", \.databaseBytesMax, 0...1 << 50,
              "Size of the database from which on posts, edits and new channels are refused; sign-ins, revocations "
                  + "and removals go on. For PostgreSQL, whose free space the hub cannot see: below what its disk "
                  + "holds. 0: no limit."),
        .count("store_connections", \.storeConnections, 1...256,
               "Connections to PostgreSQL, or readers of SQLite. More: reads wait less; each costs "
                   + "memory here and a process at the server."),
        .duration("store_wait", \.storeWaitMilliseconds, 0...3_600_000,
                  "How long a start waits for PostgreSQL to answer before it ends with 69."),
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
        .count("connections_unwelcomed_max", \.connectionsUnwelcomedMax, 1...1_000_000,
               "Those of them that have no session (yet); more are refused with 503. Lower: places are kept "
                   + "for who is signed in, but pages load worse after a restart."),
        .count("connections_per_second", \.connectionsPerSecond, 0...1_000_000,
               "Connections accepted per second; more wait in the kernel. 0: no limit."),
        .count("connections_burst", \.connectionsBurst, 1...1_000_000,
               "Connections accepted at once before the rate counts."),
        .count("address_connections_max", \.addressConnectionsMax, 0...1_000_000,
               "Open connections of one address (IPv6: one /64); more are refused with 429. A whole office "
                   + "may share an address. 0: no limit."),
        .count("address_connections_per_second", \.addressConnectionsPerSecond, 0...1_000_000,
               "New connections of one address; more are refused with 429. 0: no limit."),
        .count("address_connections_burst", \.addressConnectionsBurst, 1...1_000_000,
               "New connections of one address at once before the rate counts."),
        .list("unlimited_addresses", \.unlimitedAddresses, form: "address range",
              example: "127.0.0.0/8 or 192.0.2.7",
              "Whom the three limits above leave alone, besides `trusted_proxies`.") {
            AddressRange($0)
        },
        .count("account_sessions_max", \.accountSessionsMax, 0...1_000_000,
               "Open sessions of one account; one more closes with 4106. 0: no limit."),
        .count("subscriptions_max", \.limits.subscriptionsMax, 1...65_536,
               "Subscriptions of one connection."),
        .count("commands_in_flight_max", \.limits.commandsInFlightMax, 1...65_536,
               "Unanswered commands of one connection; more get `too_many_in_flight`."),
        .size("text_bytes_max", \.limits.textBytesMax, 1...1 << 20, "Text of one message, UTF-8."),
        .size("frame_bytes_max", \.limits.frameBytesMax, 1 << 10...16 << 20,
              "One inbound WebSocket message; larger ones close the connection with 1009."),
        .size("hello_frame_bytes_max", \.helloFrameBytesMax, 1 << 10...1 << 20,
              "The same before the connection has signed in."),
        .choice("compression", \.compression,
                "Whether broadcasts go compressed (permessage-deflate) to clients that offer it, each "
                    + "compressed once for all of them.") { $0.rawValue },
        .size("compression_bytes_min", \.compressionBytesMin, 0...1 << 20,
              "Smaller broadcasts are not compressed. Lower: fewer bytes, at about 12 µs per broadcast."),
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
        .count("account_commands_per_second", \.accountCommandsPerSecond, 0...1_000_000,
               "Commands of one account over all its connections; more get `rate_limited`. 0: no limit."),
        .count("account_commands_burst", \.accountCommandsBurst, 1...1_000_000,
               "Commands of one account that may come at once before the rate counts."),
        .size("account_input_per_second", \.accountInputPerSecond, 0...1 << 40,
              "What commands of one account may cost to read, over all its connections: bytes received, bytes "
                  + "decompressed, 2 KiB for each refusal; twice as much at once. Above it they are read later. "
                  + "0, or `account_commands_per_second` 0: no limit."),
        .count("pings_per_second", \.pingsPerSecond, 0...1_000_000,
               "Pings and pongs of one connection; more close it with 4102. 0: no limit."),
        .size("http_headers_bytes_max", \.httpHeadersBytesMax, 1 << 10...1 << 20,
              "All headers of a request; more get 431."),
        .count("http_headers_max", \.httpHeadersMax, 10...10_000, "Headers of a request; more get 431."),
        .size("inbound_total_bytes_max", \.inboundTotalBytesMax, 1 << 20...1 << 40,
              "Requests and messages that have come in part, of all connections together; above it those "
                  + "with more than 16 KiB are refused."),
    ]

    private static let times: [ConfigurationKey] = [
        .duration("hello_timeout", \.helloTimeoutMilliseconds, 100...300_000,
                  "For the first command of a connection; then it closes with 4103."),
        .duration("message_timeout", \.messageTimeoutMilliseconds, 100...3_600_000,
                  "From the first byte of a WebSocket message to its last; then the connection closes with "
                      + "4105."),
        .duration("stall_timeout", \.stallTimeoutMilliseconds, 100...3_600_000,
                  "How long a peer may take nothing of what waits for it; then it is dropped."),
        .duration("overload_lag", \.overloadLagMilliseconds, 10...60_000,
                  "How late a loop is when it refuses commands as `overloaded`. At a quarter of it, typing "
                      + "and presence are dropped; at four times it, connections get 503."),
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
        .duration("drain_delay", \.drainDelayMilliseconds, 0...600_000,
                  "Between the first `no` of `/readyz` and the drain, for load balancers to notice."),
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
        .duration("sign_in_max_age", \.signInMaxAgeMilliseconds, 0...315_360_000_000,
                  "Longest life of a sign-in, however often it is refreshed: then people sign in again. 0ms: it ends "
                      + "when it is not used, or is ended."),
    ]

    private static let logs: [ConfigurationKey] = [
        .choice("log_level", \.logLevel, "The least important lines that are written.") { $0.name },
        .flag("log_addresses", \.logsAddresses,
              "Whether log lines about refused and successful sign-ins have the network address, which programs that "
                  + "block addresses need (see \"Security events\"). It is a personal datum."),
        .choice("log_format", \.logFormat,
                "How lines look on stderr; `auto` is text on a terminal and JSON elsewhere.") {
            $0.rawValue
        },
    ]
}
