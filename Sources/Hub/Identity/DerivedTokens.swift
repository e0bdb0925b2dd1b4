// Secrets that follow from another secret, by a key of the installation. Whoever sends the same request again,
// because the answer to the first was lost, gets the same answer, and no token has to be kept for that: the store
// knows hashes alone.

package import Crypto
import Model

package final class DerivedTokens: Sendable {
    private let key: HMACKey

    /// - Parameter key: of the installation, the same at all of its hubs and starts.
    package init(key: HMACKey) { self.key = key }

    /// What a refresh token is exchanged for.
    func successor(of token: RefreshToken) -> RefreshToken {
        Private(Base64.encode(mac("refresh", token.reveal), .url))
    }

    /// The first token of the sign-in that a switch to `organisation` begins, and the random part of its id.
    func moved(_ token: RefreshToken, to organisation: OrganisationID)
        -> (token: RefreshToken, idWords: (UInt64, UInt64))
    {
        let secret = mac("switch", "\(organisation)", token.reveal)
        let words = mac("switch-id", "\(organisation)", token.reveal).withUnsafeBytes {
            ($0.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
             $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        return (Private(Base64.encode(secret, .url)), words)
    }

    /// Each part with its length in front, so that no two lists of parts give one message.
    private func mac(_ parts: String...) -> [UInt8] {
        var message: [UInt8] = []
        for part in parts {
            withUnsafeBytes(of: UInt32(part.utf8.count).bigEndian) { message += $0 }
            message += part.utf8
        }
        return key.authenticate(message)
    }
}
