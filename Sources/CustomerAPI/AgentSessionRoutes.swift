import Hummingbird
import Messaging

/// `POST /agents/login`: an agent token for a login and a password.
struct AgentLoginRoute: Sendable {
    let agents: AgentStore
    let tokens: TokenStore
    let passwords: PasswordHasher
    let bodies: BodyReader
    let audit: AuditLog
    /// How many failed logins an address may have; 0: any number.
    let failuresPerAddress: Int

    func add(to group: RouterGroup<APIContext>) {
        group.post("agents/login") { request, context in
            let body = try await bodies.read(LoginRequest.self, from: request)
            let agent = try await authenticate(body, from: context.clientAddress)
            let author = AuditAuthor(
                .agent,
                id: agent.id,
                name: agent.name,
                address: context.clientAddress.description
            )
            let (token, expiresAt) = try await tokens.issueAgentToken(for: agent.id, by: author, .agentLogin)
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
    /// An attempt counts as soon as nothing but the check itself is left to do, so that a flood of logins, or a Redis that
    /// is away, locks nobody out; and only as many logins that nobody has can be counted as there are checks.
    ///
    /// - Throws: 401 `invalid_credentials`; 429 after too many failures, or when too many log in at this moment.
    private func authenticate(_ body: LoginRequest, from address: NetworkAddress) async throws -> Agent {
        let refusal = APIError.unauthenticated("invalid_credentials", "Login or password is wrong.")
        guard let login = Agent.login(body.login) else { throw refusal }
        let place = try passwords.place()
        let found = try await agents.credentials(for: login)
        try await agents.countLoginAttempt(login, from: address, most: failuresPerAddress)
        let isRight = try await passwords.verify(body.password, against: found?.passwordHash, in: place)
        guard isRight, let found, found.agent.active else {
            await note(login, of: found?.agent, from: address)
            throw refusal
        }
        try await agents.forgetLoginFailures(login, from: address)
        return found.agent
    }

    /// Keeps a failed login in the audit log. A login that nobody has is left out: it may be a password in the wrong field.
    private func note(_ login: String, of agent: Agent?, from address: NetworkAddress) async {
        let author = AuditAuthor(.anybody, address: address.description)
        let details = agent == nil ? [:] : ["login": login]
        // The refusal is what counts.
        try? await audit.append(
            AuditRecord(.agentLoginRefused, by: author, on: (agent?.id).map { .agent($0) }, details)
        )
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
            try await tokens.revokeAgentToken(agent.tokenHash, of: agent.id, by: context.author())
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
            let revoked = try await tokens.revokeTokens(ofAgent: id, by: context.author())
            return try APIResponse.success(RevocationJSON(revoked: revoked))
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
