import Messaging
package import NIOCore
package import NIOHTTP1

/// An HTTP answer that says no: status, code and sentence, in the JSON that customer-api answers errors with too.
package struct HTTPRefusal: Error, Equatable, Sendable {
    package let status: HTTPResponseStatus
    /// Such as `unauthenticated`.
    package let code: String
    /// One English sentence. Never with a token in it.
    package let message: String
    /// What the answer carries besides its body.
    package var headers: [Header] = []

    package struct Header: Equatable, Sendable {
        package let name: String
        package let value: String
    }

    /// `{"success":false,"error":{"code","message"}}`
    package var body: ByteBuffer {
        var json = JSONWriter(capacity: 96 + message.utf8.count)
        json.raw(#"{"success":false,"error":{"code":"#)
        json.string(code)
        json.raw(#","message":"#)
        json.string(message)
        json.raw("}}")
        return json.buffer
    }

    private static func retryAfter(seconds: Int) -> [Header] { [Header(name: "Retry-After", value: String(seconds))] }

    package static let unauthenticated = HTTPRefusal(
        status: .unauthorized,
        code: "unauthenticated",
        message: "The token is missing, unknown or expired. Get a new one and connect with ?token=TOKEN, "
            + "Authorization: Bearer TOKEN, or the subprotocol token.TOKEN.",
        headers: [Header(name: "WWW-Authenticate", value: "Bearer")]
    )
    package static let notFound = HTTPRefusal(
        status: .notFound,
        code: "not_found",
        message: "There is nothing here. The WebSocket is at \(Handshake.path)."
    )
    package static func methodNotAllowed(_ allowed: String) -> HTTPRefusal {
        HTTPRefusal(
            status: .methodNotAllowed,
            code: "method_not_allowed",
            message: "The method must be \(allowed).",
            headers: [Header(name: "Allow", value: allowed)]
        )
    }
    /// Source: RFC 6455 §4.4, RFC 9110 §15.5.22.
    package static func upgradeRequired(_ message: String) -> HTTPRefusal {
        HTTPRefusal(
            status: .upgradeRequired,
            code: "upgrade_required",
            message: message,
            headers: [Header(name: "Upgrade", value: "websocket"), Header(name: "Sec-WebSocket-Version", value: "13")]
        )
    }
    package static func badRequest(_ message: String) -> HTTPRefusal {
        HTTPRefusal(status: .badRequest, code: "bad_request", message: message)
    }
    package static let draining = HTTPRefusal(
        status: .serviceUnavailable,
        code: "draining",
        message: "This gateway is going away. Please connect again.",
        headers: retryAfter(seconds: 1)
    )
    package static let overloaded = HTTPRefusal(
        status: .serviceUnavailable,
        code: "overloaded",
        message: "This gateway has as many connections as it may. Please try again later.",
        headers: retryAfter(seconds: 5)
    )
    package static let tooLarge = HTTPRefusal(
        status: .requestHeaderFieldsTooLarge,
        code: "too_large",
        message: "A request to this gateway may have \(RequestBytes.limit) bytes, all its headers included."
    )
    package static let foreignOrigin = HTTPRefusal(
        status: .forbidden,
        code: "forbidden",
        message: "Pages of this origin may not connect. ALLOWED_ORIGINS lists those that may."
    )
    package static func rateLimited(_ message: String, after wait: TimeAmount) -> HTTPRefusal {
        let seconds = Int((wait.nanoseconds + 999_999_999) / 1_000_000_000)
        return HTTPRefusal(
            status: .tooManyRequests,
            code: MessagingError.Code.rateLimited.rawValue,
            message: "\(message) Please try again later.",
            headers: retryAfter(seconds: seconds)
        )
    }
    /// - Parameter whose: to be read after "connections".
    package static func tooManyConnections(_ whose: String) -> HTTPRefusal {
        HTTPRefusal(
            status: .tooManyRequests,
            code: MessagingError.Code.limitReached.rawValue,
            message: "There are too many connections \(whose). Please close some first.",
            headers: retryAfter(seconds: 10)
        )
    }
    package static let notReady = HTTPRefusal(
        status: .serviceUnavailable,
        code: "not_ready",
        message: "Redis does not answer, or not everything is subscribed yet.",
        headers: retryAfter(seconds: 1)
    )

    /// Why a handshake with a well-formed token is refused. What is neither a refusal nor the token's fault is the store's.
    package init(_ error: any Error) {
        if let refusal = error as? HTTPRefusal {
            self = refusal
        } else if (error as? MessagingError)?.code == .unauthenticated {
            self = .unauthenticated
        } else {
            self.init(
                status: .serviceUnavailable,
                code: MessagingError.Code.storeUnavailable.rawValue,
                message: "The message store is not available at the moment. Please try again.",
                headers: Self.retryAfter(seconds: 1)
            )
        }
    }

    private init(status: HTTPResponseStatus, code: String, message: String, headers: [Header] = []) {
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
    }
}
