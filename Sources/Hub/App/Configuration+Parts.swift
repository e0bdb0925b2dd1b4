// The configuration as each part wants it.

import Crypto
import Front
import Identity
import Live
import Model
import Ports
import Wire

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
        live.accountCommandsPerSecond = accountCommandsPerSecond
        live.accountCommandsBurst = accountCommandsBurst
        live.accountInput = WorkRate(perSecond: UInt64(accountInputPerSecond),
                                     burst: UInt64(accountInputPerSecond) * 2)
        live.accountSessionsMax = accountSessionsMax
        live.heartbeatMilliseconds = heartbeatMilliseconds
        return live
    }

    func identity(publicURL url: PublicURL) -> IdentitySettings {
        var settings = IdentitySettings(
            publicOrigin: url.description, moreOrigins: moreOrigins(publicURL: url))
        settings.isOriginDerived = publicURL == nil
        settings.refreshLifetimeMilliseconds = refreshLifetimeMilliseconds
        settings.cookieLifetimeMilliseconds = refreshCookieLifetimeMilliseconds
        settings.rememberLifetimeMilliseconds = refreshRememberLifetimeMilliseconds
        settings.signInMaxAgeMilliseconds = signInMaxAgeMilliseconds
        return settings
    }

    /// The origins whose pages may use the HTTP API, besides the public URL's.
    func moreOrigins(publicURL url: PublicURL) -> [String] {
        var more = allowedOrigins.map(\.description)
        // On one's own machine the same hub is reached under two names.
        if publicURL == nil, url.host == "127.0.0.1" {
            more.append(PublicURL(isSecure: url.isSecure, host: "localhost", port: url.port).description)
        }
        return more
    }

    /// As many connections as are configured, or as the system's limit on descriptors leaves beside those
    /// of the store, files and loops.
    func connections(descriptorsMax: Int) -> Int { min(connectionsMax, max(1, descriptorsMax - 128)) }

    /// Only for a name that was promised: an address that was derived may serve something else tomorrow.
    private var strictTransport: String? {
        guard let publicURL, publicURL.isSecure else { return nil }
        return "max-age=\(hstsMaxAgeMilliseconds / 1_000)"
    }

    /// - Parameters:
    ///   - descriptorsMax: what the system allows.
    ///   - tls: `Certificates` made it of this configuration.
    func front(descriptorsMax: Int, tls: TLSContext?) -> FrontConfiguration {
        var front = FrontConfiguration()
        front.addresses = listen.map { FrontAddress(host: $0.host, port: $0.port) }
            + listenTLS.map { FrontAddress(host: $0.host, port: $0.port, isTLS: true) }
        front.tls = tls
        front.strictTransport = strictTransport
        front.origins = OriginRule(allowed: (allowedOrigins + [publicURL].compactMap { $0 }).map(\.description),
                                   isOwnSecure: publicURL?.isSecure ?? false)
        front.metricsAllow = metricsAllow
        front.forwarded = ForwardedRule(trustedProxies: trustedProxies, headers: forwardedHeaders)
        front.proxyProtocol = proxyProtocol
        front.unlimitedAddresses = unlimitedAddresses
        front.unwelcomedMax = connectionsUnwelcomedMax
        front.accepts.perSecond = connectionsPerSecond
        front.accepts.burst = connectionsBurst
        front.accepts.addressOpenMax = addressConnectionsMax
        front.accepts.addressPerSecond = addressConnectionsPerSecond
        front.accepts.addressBurst = addressConnectionsBurst
        front.http.headerSectionBytesMax = httpHeadersBytesMax
        front.http.headersMax = httpHeadersMax
        front.inboundTotalBytesMax = inboundTotalBytesMax
        front.pingsPerSecond = pingsPerSecond
        front.messageMilliseconds = UInt64(messageTimeoutMilliseconds)
        front.stallMilliseconds = UInt64(stallTimeoutMilliseconds)
        front.overloadLagMilliseconds = UInt64(overloadLagMilliseconds)
        front.connectionsMax = connections(descriptorsMax: descriptorsMax)
        front.usesRing = ioUring == .auto
        front.helloFrameBytesMax = Int(helloFrameBytesMax)
        front.frameBytesMax = Int(limits.frameBytesMax)
        front.isDeflating = compression == .on
        front.deflateBytesMin = compressionBytesMin
        front.outboxBytesMax = outboxBytesMax
        front.outboxTotalBytesMax = outboxTotalBytesMax
        front.httpHeaderMilliseconds = UInt64(httpHeaderTimeoutMilliseconds)
        front.httpIdleMilliseconds = UInt64(httpIdleTimeoutMilliseconds)
        front.helloMilliseconds = UInt64(helloTimeoutMilliseconds)
        front.heartbeatMilliseconds = UInt64(heartbeatMilliseconds)
        front.pongMilliseconds = UInt64(pongTimeoutMilliseconds)
        front.sharesAddresses = handsOver ?? false
        front.drainDelayMilliseconds = UInt64(drainDelayMilliseconds)
        front.drainMilliseconds = UInt64(drainTimeoutMilliseconds)
        return front
    }
}
