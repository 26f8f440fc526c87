import HTTPTypes
import Messaging

/// What every answer tells browsers besides what it is about: that nothing in it is a program or belongs in a frame, that nobody
/// keeps it, and whose pages may read it.
///
/// Tokens travel in `Authorization`, never in cookies, so that any origin may ask and none gains by it. `ALLOWED_ORIGINS`
/// leaves the headers out for all others: then a browser keeps the answer from the page, and sends nothing that needs a
/// preflight. Our own pages need no such headers.
///
/// Source: [Fetch, CORS protocol](https://fetch.spec.whatwg.org/#http-cors-protocol);
/// [OWASP, REST security](https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html), "Security headers".
struct AnswerHeaders: Sendable {
    let origins: AllowedOrigins

    /// Those that an answer has unless it says something else, as pages and attachments do.
    private static let usual: [(HTTPField.Name, String)] = [
        (.xContentTypeOptions, "nosniff"),
        (.contentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'"),
        (.referrerPolicy, "no-referrer"),
        // Answers hold tokens and customers' data.
        (.cacheControl, "no-store"),
    ]

    /// - Parameter asking: The request's `Origin` headers; none where the request is not known.
    func complete(_ headers: inout HTTPFields, for asking: [String]) {
        for (name, value) in Self.usual where headers[name] == nil { headers[name] = value }
        allowOrigin(asking, in: &headers)
    }

    private func allowOrigin(_ asking: [String], in headers: inout HTTPFields) {
        if origins.areAny {
            headers[.accessControlAllowOrigin] = "*"
        } else {
            headers[.vary] = headers[.vary].map { "\($0), Origin" } ?? "Origin"
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
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
