import HTTPTypes
import Hummingbird
import Logging
import Messaging
import NIOHTTP1

/// The outermost handler: finds out whose request it is, and whatever happens inside, the client gets an answer in our JSON,
/// with the headers that let pages of other origins read it.
///
/// The guide's page is served from anywhere, also from a file. Tokens travel in `Authorization`, never in cookies, so that
/// any origin may ask and none gains by it. `ALLOWED_ORIGINS` leaves the headers out for all others: then a browser keeps the
/// answer from the page, and sends nothing that needs a preflight. Our own pages need no such headers.
///
/// Source: [Fetch, CORS protocol](https://fetch.spec.whatwg.org/#http-cors-protocol).
struct APIBoundary: RouterMiddleware {
    typealias Context = APIContext

    let proxies: TrustedProxies
    let origins: AllowedOrigins

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
        allowOrigin(of: request, in: &response.headers)
        context.logger.debug(
            "Answered a request",
            metadata: [
                "http.method": "\(request.method)", "http.path": "\(request.uri.path)",
                "http.status": "\(response.status.code)",
            ]
        )
        return response
    }

    private func allowOrigin(of request: Request, in headers: inout HTTPFields) {
        if origins.areAny {
            headers[.accessControlAllowOrigin] = "*"
        } else {
            headers[.vary] = headers[.vary].map { "\($0), Origin" } ?? "Origin"
            let asking = request.headers[values: .origin]
            guard asking.count == 1, origins.allow(asking) else {
                for name in [.accessControlAllowMethods, .accessControlAllowHeaders, .accessControlMaxAge]
                    as [HTTPField.Name]
                {
                    headers[name] = nil
                }
                return
            }
            headers[.accessControlAllowOrigin] = asking[0]
        }
        headers[.accessControlExposeHeaders] = "ETag, Retry-After, Content-Disposition"
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
