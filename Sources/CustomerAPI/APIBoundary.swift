import HTTPTypes
import Hummingbird
import Logging
import Messaging
import NIOHTTP1

/// The outermost handler: finds out whose request it is, and whatever happens inside, the client gets an answer in our JSON,
/// with the ``AnswerHeaders`` that all have.
struct APIBoundary: RouterMiddleware {
    typealias Context = APIContext

    let proxies: TrustedProxies
    let headers: AnswerHeaders

    func handle(
        _ request: Request,
        context: APIContext,
        next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.clientAddress = proxies.client(
            peer: context.channel.remoteAddress,
            forwardedFor: request.headers[values: .xForwardedFor]
        )
        var response: Response
        if request.method == .options {
            response = preflight
        } else {
            do {
                response = try await next(request, context)
            } catch let error as HTTPParserError {
                // The bytes are not HTTP: Hummingbird ends the connection, and RequestGuard writes the answer.
                throw error
            } catch {
                let refusal = APIError(error)
                let redisRefused = if case .server? = (error as? MessagingError)?.cause?.code { true } else { false }
                if refusal.status == .internalServerError || redisRefused {
                    context.logger.error(
                        "A request failed unexpectedly",
                        metadata: ["http.path": "\(request.uri.path)", "error": "\(error)"]
                    )
                }
                response = APIResponse.failure(refusal)
            }
        }
        headers.complete(&response.headers, for: request.headers[values: .origin])
        context.logger.debug(
            "Answered a request",
            metadata: [
                "http.method": "\(request.method)", "http.path": "\(request.uri.path)",
                "http.status": "\(response.status.code)",
            ]
        )
        return response
    }

    private var preflight: Response {
        Response(
            status: .noContent,
            headers: [
                .accessControlAllowMethods: "GET, POST, PUT, DELETE, OPTIONS",
                .accessControlAllowHeaders: "Authorization, Content-Type, If-Match, If-None-Match",
                // A day; browsers cut it down to what they allow.
                .accessControlMaxAge: "86400",
            ]
        )
    }
}

extension HTTPField.Name {
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!
}

extension Router<APIContext> {
    /// For every path, answers the methods it does not have with 405 and those it has in `Allow` (RFC 9110 §15.5.6). To
    /// be called after the last route.
    func refuseOtherMethods() {
        let routes = Dictionary(grouping: self.routes, by: { $0.path.description })
        for sameRoutes in routes.values {
            let methods = sameRoutes.map(\.method)
            let allowed = methods + (methods.contains(.get) ? [.head] : []) + [.options]
            let allow = allowed.map(\.rawValue).sorted().joined(separator: ", ")
            let query = HTTPRequest.Method("QUERY")
            for method in [.get, .head, .post, .put, .patch, .delete, .trace, query].compactMap(\.self)
            where !allowed.contains(method) {
                on(sameRoutes[0].path, method: method) { _, _ -> Response in
                    var error = APIError(.methodNotAllowed, "method_not_allowed", "This address takes \(allow).")
                    error.headers[.allow] = allow
                    throw error
                }
            }
        }
    }
}
