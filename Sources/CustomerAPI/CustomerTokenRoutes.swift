import Hummingbird
import Messaging

/// `POST /public/customer-token`: a token for whoever names a channel identity.
///
/// Source: access guide, "Obtaining a Customer Token".
struct CustomerTokenRoutes: Sendable {
    let tokens: TokenStore
    let bodies: BodyReader
    let proof: IdentityProof
    let gate: AddressGate
    let audit: AuditLog

    func add(to group: RouterGroup<APIContext>) {
        group.post("public/customer-token") { request, context in
            try gate.pass(context.clientAddress)
            let body = try await bodies.read(CustomerTokenRequest.self, from: request)
            let issued: IssuedToken
            do {
                let use = try proof.check(body.claim, of: body.identity, by: context.clientAddress)
                issued = try await tokens.issueToken(named: body.name, for: body.identity, proof: use)
            } catch {
                await note(APIError(error), of: body.identity.channel, from: context.clientAddress)
                throw error
            }
            return try APIResponse.success(CustomerTokenJSON(issued))
        }
    }
}

extension CustomerTokenRoutes {
    /// Keeps in the audit log that somebody could not prove an identity. Not which one: what they named is no fact.
    private func note(_ error: APIError, of channel: CustomerChannel, from address: NetworkAddress) async {
        guard error.status == .forbidden else { return }
        let author = AuditAuthor(.anybody, address: address.description)
        let details = ["channel": channel.rawValue, "code": error.code]
        // The refusal is what counts.
        try? await audit.append(AuditRecord(.proofRefused, by: author, details))
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
