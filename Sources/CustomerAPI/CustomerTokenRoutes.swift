import Hummingbird
import Messaging

/// `POST /public/customer-token`: a token for whoever names a channel identity.
///
/// Source: access guide, "Obtaining a Customer Token".
struct CustomerTokenRoutes: Sendable {
    let tokens: TokenStore
    let bodies: BodyReader
    let proof: IdentityProof

    func add(to group: RouterGroup<APIContext>) {
        group.post("public/customer-token") { request, _ in
            let body = try await bodies.read(CustomerTokenRequest.self, from: request)
            let isProved = try proof.check(body.claim, of: body.identity)
            let issued = try await tokens.issueToken(named: body.name, for: body.identity, isProved: isProved)
            return try APIResponse.success(CustomerTokenJSON(issued))
        }
    }
}

/// The body of a token request. Other fields than these are ignored.
private struct CustomerTokenRequest: JSONBody {
    let name: String
    let identity: ChannelIdentity
    let claim: IdentityProof.Claim

    init(fields: JSONFields) throws {
        name = try TextRules.name(try fields.text("name"), field: "name")
        let channel = try TextRules.channel(try fields.text("channel"), field: "channel")
        let channelID = try TextRules.channelID(try fields.text("channelId"), field: "channelId")
        identity = ChannelIdentity(channel: channel, channelID: channelID)
        claim = IdentityProof.Claim(
            signature: try fields.optionalText("signature").value,
            expires: try fields.optionalInteger("expires").value
        )
    }
}

/// What a token request is answered with: the guide's fields and `expiresAt`.
struct CustomerTokenJSON: Encodable {
    let customerId: String
    let token: String
    let name: String
    let channel: String
    let expiresAt: String

    init(_ issued: IssuedToken) {
        customerId = issued.customer.description
        token = issued.token.text
        name = issued.name
        channel = issued.channel.rawValue
        expiresAt = issued.expiresAt.iso8601
    }
}
