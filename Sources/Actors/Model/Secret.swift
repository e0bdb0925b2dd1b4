// Values that must not be printed: passwords, tokens, e-mail addresses. Their description, in a log
// line, an interpolation or a debugger, is a fixed word; only `reveal` gives the text.

/// A secret or personal text that `print`, string interpolation and `dump` cannot show.
package struct Private<Tag>: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// Secrets and addresses are what their bytes are.
    private let exact: ExactText
    package init(_ text: String) { exact = ExactText(text) }
    /// The text itself. Every use is a place to look at in a review.
    package var reveal: String { exact.text }
    package var isEmpty: Bool { exact.isEmpty }
    package var description: String { "‹private›" }
    package var debugDescription: String { "‹private›" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

package enum EmailTag {}
package enum PasswordTag {}
package enum AccessTokenTag {}
package enum RefreshTokenTag {}
package enum OneTimeTokenTag {}

package typealias EmailAddress = Private<EmailTag>
package typealias Password = Private<PasswordTag>
/// A JWT of 15 minutes.
package typealias AccessToken = Private<AccessTokenTag>
package typealias RefreshToken = Private<RefreshTokenTag>
/// The secret part of an invitation link or of the first set-up link.
package typealias OneTimeToken = Private<OneTimeTokenTag>
