import Hummingbird
import Messaging

/// `/customers/{id}/token` and `/customers/{id}/tokens`: a token for a customer, the list of its live ones, and the end of
/// one or all. For agents of any role.
struct TokenRoutes: Sendable {
    let tokens: TokenStore

    func add(to group: RouterGroup<APIContext>) {
        group.post("customers/:id/token") { _, context in
            let issued = try await tokens.issueToken(
                for: try context.id(of: "customer"),
                by: try context.author()
            )
            return try APIResponse.success(CustomerTokenJSON(issued))
        }
        group.get("customers/:id/tokens") { _, context in
            let live = try await tokens.tokens(ofCustomer: try context.id(of: "customer"))
            return try APIResponse.success(["tokens": live.map(LiveTokenJSON.init)])
        }
        group.delete("customers/:id/tokens") { _, context in
            let revoked = try await tokens.revokeTokens(
                ofCustomer: try context.id(of: "customer"),
                by: try context.author()
            )
            return try APIResponse.success(RevocationJSON(revoked: revoked))
        }
        group.delete("customers/:id/tokens/:tokenId") { _, context in
            let customer = try context.id(of: "customer")
            let token = context.parameters.get("tokenId") ?? ""
            let author = try context.author()
            guard LiveToken.isID(token), try await tokens.revokeToken(token, ofCustomer: customer, by: author) else {
                throw APIError(.notFound, "not_found", "This customer has no such token.")
            }
            return try APIResponse.success(RevocationJSON(revoked: 1))
        }
    }
}

/// A token as agents see it: never the token itself.
struct LiveTokenJSON: Encodable {
    let id: String
    let channel: String
    let issuedAt: String
    let expiresAt: String

    init(_ token: LiveToken) {
        id = token.id
        channel = token.channel.rawValue
        issuedAt = token.issuedAt.iso8601
        expiresAt = token.expiresAt.iso8601
    }
}

/// What a revocation is answered with.
struct RevocationJSON: Encodable {
    /// Live tokens that ended.
    let revoked: Int
}
