import Crypto

/// A token as its holder shows it: `cust_` and a UUID for a customer, a bare UUID for an agent.
///
/// Redis has only its ``hash``. The UUID carries the partition that holds the token's record. Printing or logging a token
/// shows no part of it.
///
/// Source: access guide, Q4.
package struct Token: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private static let customerPrefix = "cust_"

    /// What the holder sends: 41 or 36 ASCII characters.
    package let text: String
    package let isCustomer: Bool
    /// Where the token's record is.
    package let partition: Partition

    /// Reads a token; `nil` if it has not the form of one. Upper-case digits are another token, so they are refused here
    /// as unknown ones are later: by the hash.
    package init?(_ text: String) {
        let isCustomer = text.hasPrefix(Self.customerPrefix)
        guard let id = UniqueID(isCustomer ? text.dropFirst(Self.customerPrefix.count) : text[...]) else { return nil }
        self.text = text
        self.isCustomer = isCustomer
        partition = id.partition
    }

    private init(minting id: UniqueID, isCustomer: Bool) {
        text = isCustomer ? "\(Self.customerPrefix)\(id)" : id.description
        self.isCustomer = isCustomer
        partition = id.partition
    }

    /// A new token in the partition of `customer`.
    package static func forCustomer(_ customer: UniqueID) -> Token { forCustomer(in: customer.partition) }

    /// A new token for a customer in `partition`, whose id may not be known yet.
    package static func forCustomer(in partition: Partition) -> Token {
        Token(minting: UniqueID(in: partition), isCustomer: true)
    }

    /// A new token for an agent.
    package static func forAgent() -> Token { Token(minting: UniqueID(in: .ofAgents), isCustomer: false) }

    /// SHA-256 of ``text``: 64 lower-case hexadecimal digits. The UUID's 116 random bits make salt and stretching
    /// pointless.
    package var hash: String { SHA256.text(of: Array(text.utf8)) }

    package var description: String { isCustomer ? "customer token" : "agent token" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// A token that was found in Redis, and whom it stands for.
package struct AuthenticatedToken: Sendable {
    package let principal: Principal
    /// ``Token/hash``.
    package let hash: String
    package let expiresAt: Timestamp

    package init(principal: Principal, hash: String, expiresAt: Timestamp) {
        self.principal = principal
        self.hash = hash
        self.expiresAt = expiresAt
    }
}
