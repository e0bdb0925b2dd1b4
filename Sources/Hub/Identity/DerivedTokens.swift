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

    /// What a device keeps to show later that it has signed in to the account: a random id, and a code that only an
    /// installation's key makes for it. It opens nothing.
    func device(_ id: String, of email: EmailAddress) -> String {
        id + "." + Base64.encode(mac("device", id, email.reveal), .url)
    }

    /// The id of a device that has signed in to the account; `nil` for anything else.
    func deviceID(_ device: String, of email: EmailAddress) -> String? {
        guard device.utf8.count <= 128, let id = device.split(atByte: ".", maxSplits: 1).first.map({ String($0) }),
            constantTimeEqual(Array(device.utf8), Array(self.device(id, of: email).utf8))
        else { return nil }
        return id
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
