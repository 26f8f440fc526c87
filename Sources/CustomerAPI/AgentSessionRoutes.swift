import Hummingbird
import Messaging

/// `POST /agents/login`: an agent token for a login and a password.
struct AgentLoginRoute: Sendable {
    let agents: AgentStore
    let tokens: TokenStore
    let passwords: PasswordHasher
    let bodies: BodyReader

    func add(to group: RouterGroup<APIContext>) {
        group.post("agents/login") { request, _ in
            let body = try await bodies.read(LoginRequest.self, from: request)
            let agent = try await authenticate(body)
            let (token, expiresAt) = try await tokens.issueAgentToken(for: agent.id)
            return try APIResponse.success(
                AgentTokenJSON(
                    agentId: agent.id.description,
                    token: token.text,
                    login: agent.login,
                    name: agent.name,
                    role: agent.role.rawValue,
                    expiresAt: expiresAt.iso8601
                )
            )
        }
    }

    /// The agent, if the password is right.
    ///
    /// Whether a login exists can't be told from outside: an unknown one costs a password check too, and has the same
    /// answer as a wrong password and a deactivated agent.
    ///
    /// - Throws: 401 `invalid_credentials`; 429 after too many failures, or when too many log in at this moment.
    private func authenticate(_ body: LoginRequest) async throws -> Agent {
        let refusal = APIError.unauthenticated("invalid_credentials", "Login or password is wrong.")
        guard let login = Agent.login(body.login) else { throw refusal }
        try await agents.countLoginAttempt(login)
        let found = try await agents.credentials(for: login)
        let isRight = try await passwords.verify(body.password, against: found?.passwordHash)
        guard isRight, let found, found.agent.active else { throw refusal }
        try await agents.forgetLoginFailures(login)
        return found.agent
    }
}

/// `POST /agents/logout` and `GET /agents/me`: for the agent whose token it is. `DELETE /agents/{id}/tokens`: for that
/// agent and for admins.
struct AgentSessionRoutes: Sendable {
    let agents: AgentStore
    let tokens: TokenStore

    func add(to group: RouterGroup<APIContext>) {
        group.post("agents/logout") { _, context in
            let agent = try context.agent()
            try await tokens.revokeAgentToken(agent.tokenHash, of: agent.id)
            return APIResponse.success(json: "null".utf8)
        }
        group.delete("agents/:id/tokens") { _, context in
            let agent = try context.agent()
            let id = try context.id(of: "agent")
            guard agent.role == .admin || agent.id == id else {
                throw APIError(
                    .forbidden,
                    "forbidden",
                    "Only an admin, or the agent whose tokens these are, may do this."
                )
            }
            return try APIResponse.success(RevocationJSON(revoked: try await tokens.revokeTokens(ofAgent: id)))
        }
        group.get("agents/me") { _, context in
            try APIResponse.success(AgentJSON(try await agents.agent(try context.agent().id)))
        }
    }
}

private struct LoginRequest: JSONBody {
    let login: String
    let password: String

    init(fields: JSONFields) throws {
        login = try fields.text("login")
        password = try fields.text("password")
        guard !login.isEmpty else { throw APIError.invalid("login", "\"login\" must not be empty.") }
        guard 1...200 ~= password.unicodeScalars.count else {
            throw APIError.invalid("password", "\"password\" must have 1 to 200 characters.")
        }
    }
}

/// What a login is answered with.
private struct AgentTokenJSON: Encodable {
    let agentId: String
    let token: String
    let login: String
    let name: String
    let role: String
    let expiresAt: String
}
