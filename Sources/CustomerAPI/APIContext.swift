import Hummingbird
import Messaging
import NIOCore

/// What goes with a request on its way through the handlers.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Set by ``AgentAuthentication`` on the routes that need one.
    var authenticatedAgent: RequestingAgent?

    /// The connection that the request came on.
    let channel: any Channel
    /// Whose request it is, as `TRUSTED_PROXIES` decides; set by ``APIBoundary``.
    var clientAddress = NetworkAddress.loopback

    init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// Who asks, on a route behind ``AgentAuthentication``.
    func agent() throws -> RequestingAgent {
        guard let authenticatedAgent else {
            throw APIError.unauthenticated("missing_token", "This address needs an agent token.")
        }
        return authenticatedAgent
    }

    /// The agent who asks, for the audit log.
    func author() throws -> AuditAuthor {
        let agent = try agent()
        return AuditAuthor(.agent, id: agent.id, name: agent.name, address: clientAddress.description)
    }

    /// The id in the path; one that can't be an id is one that does not exist.
    func id(of kind: String) throws -> UniqueID {
        guard let text = parameters.get("id"), let id = UniqueID(text) else {
            throw APIError(.notFound, "not_found", "There is no such \(kind).")
        }
        return id
    }
}

/// The agent whose token came with a request.
struct RequestingAgent: Sendable {
    let id: UniqueID
    let role: AgentRole
    let name: String
    let tokenHash: String
}
