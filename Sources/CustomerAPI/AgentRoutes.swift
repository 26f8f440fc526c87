import Hummingbird
import Messaging

/// `/agents`: list, read, create, change. For admins.
struct AgentRoutes: Sendable {
    let agents: AgentStore
    let passwords: PasswordHasher
    let bodies: BodyReader

    func add(to group: RouterGroup<APIContext>) {
        group.get("agents") { request, _ in
            let (page, size) = try QueryParameters(of: request, known: QueryParameters.pagingNames).paging()
            return try APIResponse.success(
                PageJSON(try await agents.agents(page: page, size: size), AgentJSON.init)
            )
        }
        group.post("agents") { request, context in
            let body = try await bodies.read(NewAgent.self, from: request)
            let agent = try await agents.create(
                login: body.login,
                name: body.name,
                role: body.role,
                passwordHash: try await passwords.hash(body.password),
                by: try context.author()
            )
            return try APIResponse.success(AgentJSON(agent), status: .created)
        }
        group.get("agents/:id") { _, context in
            try APIResponse.success(AgentJSON(try await agents.agent(try context.id(of: "agent"))))
        }
        group.put("agents/:id") { request, context in
            let id = try context.id(of: "agent")
            let body = try await bodies.read(AgentChangesBody.self, from: request)
            var changes = AgentChanges(name: body.name, role: body.role, active: body.active)
            if let password = body.password { changes.passwordHash = try await passwords.hash(password) }
            return try APIResponse.success(AgentJSON(try await agents.update(id, changes, by: context.author())))
        }
    }
}

/// The body of `POST /agents`.
private struct NewAgent: JSONBody {
    let login: String
    let name: String
    let role: AgentRole
    let password: String

    init(fields: JSONFields) throws {
        try fields.refuseUnknown(except: ["login", "name", "role", "password"])
        login = try AgentRules.login(try fields.text("login"), field: "login")
        name = try TextRules.name(try fields.text("name"), field: "name")
        role = try AgentRules.role(try fields.text("role"), field: "role")
        password = try AgentRules.password(try fields.text("password"), field: "password")
    }
}

/// The body of `PUT /agents/{id}`: only what is named changes. A login stays.
private struct AgentChangesBody: JSONBody {
    let name: String?
    let role: AgentRole?
    let password: String?
    let active: Bool?

    init(fields: JSONFields) throws {
        try fields.refuseUnknown(except: ["name", "role", "password", "active"])
        name = try fields.optionalText("name").required("name", "a string").map {
            try TextRules.name($0, field: "name")
        }
        role = try fields.optionalText("role").required("role", "a string").map {
            try AgentRules.role($0, field: "role")
        }
        password = try fields.optionalText("password").required("password", "a string").map {
            try AgentRules.password($0, field: "password")
        }
        active = try fields.optionalFlag("active").required("active", "true or false")
    }
}

/// An agent as agents see them; never the password hash.
struct AgentJSON: Encodable {
    let id: String
    let login: String
    let name: String
    let role: String
    let active: Bool
    let createdAt: String
    let updatedAt: String

    init(_ agent: Agent) {
        id = agent.id.description
        login = agent.login
        name = agent.name
        role = agent.role.rawValue
        active = agent.active
        createdAt = agent.createdAt.iso8601
        updatedAt = agent.updatedAt.iso8601
    }
}
