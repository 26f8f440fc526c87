import Hummingbird
import Messaging

/// `GET /colleagues`: who else answers, and who is there. For agents of any role.
struct ColleagueRoutes: Sendable {
    let agents: AgentStore

    func add(to group: RouterGroup<APIContext>) {
        group.get("colleagues") { _, _ in
            let (agents, connected) = try await agents.everybody()
            let colleagues = agents.map { ColleagueJSON($0, online: connected.contains($0.id)) }
            return try APIResponse.success(["colleagues": colleagues])
        }
    }
}

/// An agent as other agents see them.
private struct ColleagueJSON: Encodable {
    let id: String
    let name: String
    let role: String
    let active: Bool
    /// Whether connected.
    let online: Bool

    init(_ agent: Agent, online: Bool) {
        id = agent.id.description
        name = agent.name
        role = agent.role.rawValue
        active = agent.active
        self.online = online
    }
}
