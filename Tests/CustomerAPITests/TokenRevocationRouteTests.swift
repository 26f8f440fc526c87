import Messaging
import Testing

@Suite("DELETE …/tokens")
struct TokenRevocationRouteTests {
    @Test("Any agent ends all tokens of a customer")
    func customer() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            let issued = try await api.customerToken()
            _ = try await api.customerToken()
            let path = "/api/v1/customers/\(issued.data["customerId"].text)/tokens"
            let answer = try await api.call("DELETE", path, token: ann)
            #expect(answer.status == 200)
            #expect(answer.data.fieldNames == ["revoked"])
            #expect(answer.data["revoked"] == 2)
            #expect(try await api.call("DELETE", path, token: ann).data["revoked"] == 0)

            let unknown = try await api.call(
                "DELETE",
                "/api/v1/customers/\(UniqueID(in: .ofAgents))/tokens",
                token: ann
            )
            #expect(unknown.status == 404)
            #expect(unknown.code == "not_found")
            let customer = try await api.customerToken().data["token"].text
            #expect(try await api.call("DELETE", path, token: customer).status == 403)
            #expect(try await api.call("DELETE", path).status == 401)
        }
    }

    @Test("An agent ends its own tokens, an admin anybody's, another agent nobody's")
    func agent() async throws {
        try await TestAPI.run { api in
            let root = try await api.agentToken("root", role: .admin)
            let ann = try await api.agentToken("ann")
            let bob = try await api.agentToken("bob")
            let annID = try await api.call("GET", "/api/v1/agents/me", token: ann).data["id"].text
            let path = "/api/v1/agents/\(annID)/tokens"

            let refused = try await api.call("DELETE", path, token: bob)
            #expect(refused.status == 403)
            #expect(refused.code == "forbidden")
            #expect(try await api.call("GET", "/api/v1/agents/me", token: ann).status == 200)

            _ = try await api.agentToken("ann")
            #expect(try await api.call("DELETE", path, token: ann).data["revoked"] == 2)
            #expect(try await api.call("GET", "/api/v1/agents/me", token: ann).status == 401)

            let second = try await api.agentToken("ann")
            #expect(try await api.call("DELETE", path, token: root).data["revoked"] == 1)
            #expect(try await api.call("GET", "/api/v1/agents/me", token: second).status == 401)
            let unknown = try await api.call("DELETE", "/api/v1/agents/\(UniqueID(in: .ofAgents))/tokens", token: root)
            #expect(unknown.status == 404)
        }
    }

    @Test("A customer's live tokens are listed without showing them, and one ends while the others live")
    func oneToken() async throws {
        try await TestAPI.run { api in
            let ann = try await api.agentToken("ann")
            let first = try await api.customerToken()
            let second = try await api.customerToken()
            let path = "/api/v1/customers/\(first.data["customerId"].text)/tokens"
            let listed = try await api.call("GET", path, token: ann).data["tokens"].elements
            #expect(listed.count == 2)
            let token = try #require(Token(first.data["token"].text))
            let id = String(token.hash.prefix(16))
            let shown = try #require(listed.first { $0["id"] == .string(id) })
            #expect(shown.fieldNames == ["id", "channel", "issuedAt", "expiresAt"])
            #expect(shown["channel"] == "WEB")
            #expect(shown["expiresAt"] == first.data["expiresAt"])

            let ended = try await api.call("DELETE", "\(path)/\(id)", token: ann)
            #expect(ended.status == 200)
            #expect(ended.data["revoked"] == 1)
            let tokens = TokenStore(redis: api.redis, lifetime: .seconds(60))
            await #expect(throws: MessagingError.self) { try await tokens.authenticate(token) }
            _ = try await tokens.authenticate(try #require(Token(second.data["token"].text)))
            #expect(try await api.call("GET", path, token: ann).data["tokens"].elements.count == 1)

            for wrong in [id, "0123456789abcdef", "x", String(token.hash)] {
                #expect(try await api.call("DELETE", "\(path)/\(wrong)", token: ann).status == 404, "\(wrong)")
            }
            let nobody = "/api/v1/customers/\(UniqueID(in: .ofAgents))/tokens"
            #expect(try await api.call("GET", nobody, token: ann).status == 404)
            #expect(try await api.call("DELETE", "\(nobody)/\(id)", token: ann).status == 404)
            #expect(try await api.call("GET", path, token: second.data["token"].text).status == 403)
        }
    }
}
