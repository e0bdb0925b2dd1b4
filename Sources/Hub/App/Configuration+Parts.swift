// The configuration as each part wants it.

import Front
import Identity
import Live
import Model
import Ports

extension Configuration {
    var live: LiveConfiguration {
        var live = LiveConfiguration()
        live.limits = limits
        live.inboxMax = channelInboxMax
        live.passivationMilliseconds = passivationIdleMilliseconds
        // Nobody else writes to a SQLite file.
        if case .sqlite = databaseLocation {
            live.resyncMilliseconds = 0
        } else {
            live.resyncMilliseconds = resyncMilliseconds
        }
        live.commandsPerSecond = commandsPerSecond
        live.commandsBurst = commandsBurst
        live.heartbeatMilliseconds = heartbeatMilliseconds
        return live
    }

    func identity(publicURL url: PublicURL) -> IdentitySettings {
        var more = allowedOrigins.map(\.description)
        // On one's own machine the same hub is reached under two names.
        if publicURL == nil, url.host == "127.0.0.1" {
            more.append(PublicURL(isSecure: false, host: "localhost", port: url.port).description)
        }
        var settings = IdentitySettings(publicOrigin: url.description, moreOrigins: more)
        settings.refreshLifetimeMilliseconds = refreshLifetimeMilliseconds
        settings.cookieLifetimeMilliseconds = refreshCookieLifetimeMilliseconds
        settings.rememberLifetimeMilliseconds = refreshRememberLifetimeMilliseconds
        return settings
    }

    /// As many connections as are configured, or as the system's limit on descriptors leaves beside those
    /// of the store, files and loops.
    func connections(descriptorsMax: Int) -> Int { min(connectionsMax, max(1, descriptorsMax - 128)) }

    /// - Parameter descriptorsMax: what the system allows.
    func front(descriptorsMax: Int) -> FrontConfiguration {
        let allowed = metricsAllow
        var front = FrontConfiguration()
        front.addresses = listen.map { FrontAddress(host: $0.host, port: $0.port) }
        front.allowedOrigins = (allowedOrigins + [publicURL].compactMap { $0 }).map(\.description)
        front.allowsMetrics = { peer in allowed.contains { $0.contains(peer) } }
        front.connectionsMax = connections(descriptorsMax: descriptorsMax)
        front.usesRing = ioUring == .auto
        front.helloFrameBytesMax = Int(helloFrameBytesMax)
        front.frameBytesMax = Int(limits.frameBytesMax)
        front.outboxBytesMax = outboxBytesMax
        front.outboxTotalBytesMax = outboxTotalBytesMax
        front.httpHeaderMilliseconds = UInt64(httpHeaderTimeoutMilliseconds)
        front.httpIdleMilliseconds = UInt64(httpIdleTimeoutMilliseconds)
        front.helloMilliseconds = UInt64(helloTimeoutMilliseconds)
        front.heartbeatMilliseconds = UInt64(heartbeatMilliseconds)
        front.pongMilliseconds = UInt64(pongTimeoutMilliseconds)
        front.drainMilliseconds = UInt64(drainTimeoutMilliseconds)
        return front
    }
}
