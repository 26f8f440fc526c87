import Hummingbird
import Messaging

/// Finds out whose token a request carries in `Authorization: Bearer`.
///
/// Refusals: 401 without a token or with one that is not valid; 429 when its owner makes too many requests, or tokens that
/// were not valid came from the client's address too often: then Redis is not asked, and valid ones are refused as well.
struct TokenReader: Sendable {
    let tokens: TokenStore
    /// Counts tokens that are not valid.
    let failures: AddressGate
    let owners: OwnerGate

    /// - Parameter expected: what is wanted, for people.
    func read(
        _ request: Request,
        _ context: APIContext,
        expecting expected: String = "a token"
    ) async throws -> AuthenticatedToken {
        guard let header = request.headers[.authorization], !header.isEmpty else {
            throw APIError.unauthenticated(
                "missing_token",
                "This address needs \(expected), as the header \"Authorization: Bearer TOKEN\"."
            )
        }
        try failures.check(context.clientAddress)
        let authenticated: AuthenticatedToken
        do {
            authenticated = try await tokens.authenticate(try Self.token(in: header))
        } catch {
            if APIError(error).status == .unauthorized { failures.count(context.clientAddress) }
            throw error
        }
        try owners.pass(authenticated.principal)
        return authenticated
    }

    private static func token(in header: String) throws -> Token {
        let words = header.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bearer", let token = Token(String(words[1])) else {
            throw APIError.unauthenticated("unauthenticated", "The Authorization header does not hold a token.")
        }
        return token
    }
}
