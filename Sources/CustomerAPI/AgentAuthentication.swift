import Hummingbird
import Messaging

/// Lets a request pass that carries an agent token in `Authorization: Bearer`.
///
/// Refusals: 401 without a token or with one that is not valid, 403 with a customer's.
struct AgentAuthentication: RouterMiddleware {
    typealias Context = APIContext

    let tokens: TokenStore

    func handle(
        _ request: Request,
        context: APIContext,
        next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let authenticated = try await tokens.authenticate(try request.bearerToken())
        guard case .agent(let id, let role, let name) = authenticated.principal else {
            throw APIError(.forbidden, "forbidden", "This address is for agents; the token is a customer's.")
        }
        var context = context
        context.authenticatedAgent = RequestingAgent(id: id, role: role, name: name, tokenHash: authenticated.hash)
        return try await next(request, context)
    }
}

extension Request {
    /// The token in `Authorization: Bearer`.
    ///
    /// - Throws: 401 without one.
    func bearerToken() throws -> Token {
        guard let header = headers[.authorization], !header.isEmpty else {
            throw APIError.unauthenticated(
                "missing_token",
                "This address needs a token, as the header \"Authorization: Bearer TOKEN\"."
            )
        }
        let words = header.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bearer", let token = Token(String(words[1])) else {
            throw APIError.unauthenticated("unauthenticated", "The Authorization header does not hold a token.")
        }
        return token
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
