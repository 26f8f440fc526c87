import Hummingbird
import Messaging

/// Lets a request pass that carries an agent token in `Authorization: Bearer`.
///
/// Refusals: those of ``TokenReader``, and 403 with a customer's token.
struct AgentAuthentication: RouterMiddleware {
    typealias Context = APIContext

    let reader: TokenReader

    func handle(
        _ request: Request,
        context: APIContext,
        next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let authenticated = try await reader.read(request, context, expecting: "an agent token")
        guard case .agent(let id, let role, let name) = authenticated.principal else {
            throw APIError(.forbidden, "forbidden", "This address is for agents; the token is a customer's.")
        }
        var context = context
        context.authenticatedAgent = RequestingAgent(id: id, role: role, name: name, tokenHash: authenticated.hash)
        return try await next(request, context)
    }
}

/// Lets an admin pass; stands behind ``AgentAuthentication``.
struct AdminsOnly: RouterMiddleware {
    typealias Context = APIContext

    func handle(
        _ request: Request,
        context: APIContext,
        next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        guard try context.agent().role == .admin else {
            throw APIError(.forbidden, "forbidden", "Only an admin may do this.")
        }
        return try await next(request, context)
    }
}
