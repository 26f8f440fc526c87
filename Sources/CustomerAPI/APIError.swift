import HTTPTypes
import Hummingbird
import Messaging
import NIOCore

/// Why a request is refused, as the client is told: status, code and message, and the JSON field or query parameter at
/// fault.
///
/// The one place where errors of all kinds become statuses.
struct APIError: Error {
    let status: HTTPResponse.Status
    /// A short word of lower-case letters and underscores, to switch on.
    let code: String
    /// For people. Names no token, and nothing of the inside of the program.
    let message: String
    var field: String?
    var headers: HTTPFields = [:]

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String, field: String? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.field = field
    }

    /// 400: a field is not there.
    static func missing(_ field: String) -> APIError {
        APIError(.badRequest, "missing_field", "The field \"\(field)\" is required.", field: field)
    }

    /// 400: a field is of another JSON type.
    static func wrongType(_ field: String, expected: String) -> APIError {
        APIError(.badRequest, "wrong_type", "The field \"\(field)\" must be \(expected).", field: field)
    }

    /// 422: a value is of the right type, but not acceptable.
    static func invalid(_ field: String, _ message: String) -> APIError {
        APIError(.unprocessableContent, "invalid_value", message, field: field)
    }

    static func unauthenticated(_ code: String, _ message: String) -> APIError {
        var error = APIError(.unauthorized, code, message)
        error.headers[.wwwAuthenticate] = "Bearer"
        return error
    }
}

extension APIError {
    /// Any error at all. What is not known here is 500, without a word about its cause.
    init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as MessagingError: self.init(error)
        case let error as HTTPError: self.init(error)
        case is NIOTooManyBytesError: self = .bodyTooLarge
        default: self.init(.internalServerError, "internal_error", "Something went wrong on our side.")
        }
    }

    static var bodyTooLarge: APIError {
        APIError(.contentTooLarge, "body_too_large", "The body is longer than this server accepts.")
    }

    private init(_ error: MessagingError) {
        let status: HTTPResponse.Status =
            switch error.code {
            case .invalidValue: .unprocessableContent
            case .notFound: .notFound
            case .conflict, .limitReached: .conflict
            case .preconditionFailed: .preconditionFailed
            case .forbidden, .proofUsed: .forbidden
            case .unauthenticated: .unauthorized
            case .rateLimited: .tooManyRequests
            case .storeUnavailable: .serviceUnavailable
            }
        self.init(status, error.code.rawValue, error.message, field: error.field)
        switch error.code {
        case .unauthenticated: headers[.wwwAuthenticate] = "Bearer"
        case .rateLimited, .storeUnavailable:
            let wait = error.retryAfter ?? .seconds(1)
            // Whole seconds, rounded up: RFC 9110 §10.2.3.
            let seconds = Int(wait.components.seconds) + (wait.components.attoseconds > 0 ? 1 : 0)
            headers[.retryAfter] = String(max(seconds, 1))
        default: break
        }
    }

    /// What the router and the framework refuse.
    private init(_ error: HTTPError) {
        switch error.status {
        case .notFound: self.init(.notFound, "not_found", "There is nothing at this address.")
        case .contentTooLarge: self = .bodyTooLarge
        case let status:
            let words = status.reasonPhrase.lowercased().map { $0.isLetter ? $0 : "_" }
            self.init(status, String(words), error.body ?? status.reasonPhrase)
            headers = error.headers
        }
    }
}
