/// A customer's token that has not ended, as agents see it.
package struct LiveToken: Sendable, Equatable {
    /// The first 16 of the 64 digits of the token's hash: enough to tell a customer's tokens apart.
    package let id: String
    /// Where it was asked for.
    package let channel: CustomerChannel
    package let issuedAt: Timestamp
    package let expiresAt: Timestamp

    static let idDigits = 16

    /// Whether a text has the form of an ``id``.
    package static func isID(_ text: String) -> Bool {
        text.utf8.count == idDigits && text.allSatisfy { $0.isHexDigit && !$0.isUppercase }
    }
}
