import Hiredis
import Messaging
import Testing

@Suite("Who may ask what")
struct AuthenticationTests {
    private static let noTokens: [String?] = [
        nil, "", "Basic YTpi", "Bearer", "Bearer nonsense", "Bearer 550e8400-e29b-41d4-a716-446655440000",
        "Bearer cust_a1b2c3d4-e5f6-7890-abcd-ef1234567890", "550e8400-e29b-41d4-a716-446655440000",
    ]

    @Test("Without an agent's token, addresses for agents are 401 with a challenge", arguments: noTokens)
    func refused(header: String?) async throws {
        try await TestAPI.run { api in
            for (method, path) in [
                ("GET", "/api/v1/customers"), ("GET", "/api/v1/conversations"), ("GET", "/api/v1/agents"),
                ("POST", "/api/v1/agents/logout"), ("POST", "/api/v1/customers"),
            ] {
                let answer = try await api.call(
                    method,
                    path,
                    headers: header.map { ["Authorization": $0] } ?? [:]
                )
                #expect(answer.status == 401)
                #expect(["missing_token", "unauthenticated"].contains(answer.code.text))
                #expect(answer.headers["www-authenticate"] == "Bearer")
            }
        }
    }

    @Test("A customer's token is 403 on addresses for agents")
    func customer() async throws {
        try await TestAPI.run { api in
            let token = try await api.customerToken().data["token"].text
            for path in ["/api/v1/customers", "/api/v1/conversations", "/api/v1/agents", "/api/v1/agents/me"] {
                let answer = try await api.call("GET", path, token: token)
                #expect(answer.status == 403)
                #expect(answer.code == "forbidden")
            }
        }
    }

    @Test("Agents and bots are 403 where only admins may", arguments: [AgentRole.agent, .bot])
    func notAdmin(role: AgentRole) async throws {
        try await TestAPI.run { api in
            let token = try await api.agentToken(role: role)
            for (method, path) in [("GET", "/api/v1/agents"), ("POST", "/api/v1/agents")] {
                let answer = try await api.call(method, path, token: token)
                #expect(answer.status == 403)
                #expect(answer.code == "forbidden")
            }
            #expect(try await api.call("GET", "/api/v1/customers", token: token).status == 200)
            #expect(try await api.call("GET", "/api/v1/agents/me", token: token).data["role"] == .string(role.rawValue))
        }
    }

    @Test("An expired token is refused")
    func expired() async throws {
        try await TestAPI.run { api in
            let agents = AgentStore(redis: api.redis)
            let ann = try await agents.create(login: "ann", name: "Ann", role: .agent, passwordHash: "-")
            let tokens = TokenStore(redis: api.redis, lifetime: .milliseconds(1))
            let token = try await tokens.issueAgentToken(for: ann.id)
            while Timestamp.now <= token.expiresAt { try await Task.sleep(for: .milliseconds(2)) }
            let answer = try await api.call("GET", "/api/v1/agents/me", token: token.token.text)
            #expect(answer.status == 401)
            #expect(answer.code == "unauthenticated")
        }
    }

    @Test("The scheme is read in any case")
    func scheme() async throws {
        try await TestAPI.run { api in
            let token = try await api.agentToken()
            #expect(
                try await api.call("GET", "/api/v1/agents/me", headers: ["Authorization": "bearer \(token)"]).status
                    == 200
            )
        }
    }
}
